#define _GNU_SOURCE
#include "cprobe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

/* MADV_POPULATE_READ of include/uapi/asm-generic/mman-common.h, 5.14 and newer. */
enum { populateRead = 22 };

/* What is mapped at once: no more than this, or one page where that is larger. */
static const uint64_t windowBytes = 1 << 30;
enum { windowPages = 512 };

/* Opened when the first file needs them. */
static int userfault = -1, pagemap = -1;
/* Once MADV_POPULATE_READ was not known: pages are touched by the kernel, which writes one byte of them into this pipe. */
static int touch[2] = {-1, -1};

struct file {
    int descriptor;
    uint64_t pageSize;
    /* Pages that it holds, and how many of them were found. */
    uint64_t pages, found;
};

static void tell(const struct stat *status, uint64_t pageSize) {
    cplace_add(CPLACE_DEVICE, (uint64_t)major(status->st_dev) << 32 | minor(status->st_dev));
    cplace_add(CPLACE_INODE, status->st_ino);
    cplace_add(CPLACE_LENGTH, (uint64_t)status->st_size);
    cplace_add(CPLACE_ALLOCATED, (uint64_t)status->st_blocks * 512);
    cplace_add(CPLACE_PAGE_SIZE, pageSize);
}

/* It must be a regular file on hugetlbfs, of which opening it has no effect. */
static const char *prove(int descriptor, struct stat *status, uint64_t *pageSize) {
    struct statfs system;
    if (fstatfs(descriptor, &system)) return "fstatfs";
    if (fstat(descriptor, status)) return "fstat";
    *pageSize = system.f_type == HUGETLBFS_MAGIC ? (uint64_t)system.f_bsize : 0;
    tell(status, *pageSize);
    errno = 0;
    if (system.f_type != HUGETLBFS_MAGIC) return "it is no file of huge pages";
    if (!S_ISREG(status->st_mode)) return "it is no regular file";
    if (*pageSize < (uint64_t)getpagesize() || *pageSize & (*pageSize - 1)) return "its page size is not known";
    return NULL;
}

const char *cprobe_filesystem(int descriptor) {
    struct statfs system;
    if (fstatfs(descriptor, &system)) return "fstatfs";
    cplace_add(CPLACE_PAGE_SIZE, system.f_type == HUGETLBFS_MAGIC ? (uint64_t)system.f_bsize : 0);
    return NULL;
}

/* Never waits for somebody who holds a lease on the file, and leaves its access time alone where it may. */
static int reopen(int descriptor) {
    char path[32] = "/proc/self/fd/";
    *cplace_append(path + strlen(path), (uint64_t)descriptor, 10) = 0;
    int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
    int file = open(path, flags | O_NOATIME);
    return file < 0 && errno == EPERM ? open(path, flags) : file;
}

static const char *prepare(void) {
    if (pagemap < 0) pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (pagemap < 0) return "/proc/self/pagemap";
    if (userfault >= 0) return NULL;
    int descriptor = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return "userfaultfd";
    struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_SIGBUS};
    if (ioctl(descriptor, UFFDIO_API, &api)) {
        int error = errno;
        close(descriptor);
        errno = error;
        return "UFFDIO_API";
    }
    userfault = descriptor;
    return NULL;
}

/* Maps the page if it is in the page cache. Returns NULL, and whether it was, or that it is poisoned: a kernel without
 * MADV_POPULATE_READ shows a poisoned page as a hole. */
static const char *populate(char *page, uint64_t size, bool *isMapped, bool *isPoisoned) {
    *isMapped = *isPoisoned = false;
    if (touch[0] < 0) {
        *isMapped = !madvise(page, size, populateRead);
        if (*isMapped || errno == EFAULT) return NULL;
        *isPoisoned = errno == EHWPOISON;
        if (*isPoisoned) return NULL;
        if (errno != EINVAL) return "madvise";
        if (pipe2(touch, O_CLOEXEC)) return "pipe";
    }
    *isMapped = write(touch[1], page, 1) == 1;
    char byte;
    if (*isMapped) return read(touch[0], &byte, 1) == 1 ? NULL : "read";
    return errno == EFAULT ? NULL : "write";
}

/* The frame of the page that is mapped at `page`; `isThere` is false where it was taken from the file meanwhile. */
static const char *readFrame(const char *page, uint64_t *frame, bool *isThere) {
    uint64_t word;
    off_t offset = (off_t)((uintptr_t)page / (uintptr_t)getpagesize() * sizeof word);
    if (pread(pagemap, &word, sizeof word, offset) != sizeof word) return "/proc/self/pagemap";
    *isThere = word >> 63;
    *frame = word & ((1ULL << 55) - 1);
    errno = EPERM;  // what a 0 means: frame numbers are hidden
    return *isThere && !*frame ? "/proc/self/pagemap" : NULL;
}

static const char *lookAt(struct file *file, char *page, uint64_t index) {
    bool isThere, isPoisoned;
    const char *refused = populate(page, file->pageSize, &isThere, &isPoisoned);
    uint64_t frame = 0;
    if (!refused && isThere) refused = readFrame(page, &frame, &isThere);
    if (refused) return refused;
    if (isThere) cplace_add(CPLACE_FRAME, frame);
    if (isPoisoned) cplace_add(CPLACE_POISONED, index);
    file->found += isThere || isPoisoned;
    return NULL;
}

/* Nothing is sent while the pages are mapped here: who reads the records asks the kernel whether anybody maps them. There is
 * room for the records of a whole window. */
static const char *lookThrough(struct file *file, uint64_t first, uint64_t count) {
    uint64_t length = count * file->pageSize;
    off_t offset = (off_t)(first * file->pageSize);
    char *window = mmap(NULL, length, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, file->descriptor, offset);
    if (window == MAP_FAILED) return "mmap";
    struct uffdio_register holes = {
        .range = {.start = (uintptr_t)window, .len = length}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    // Without it a look at a hole would fill it.
    const char *refused = ioctl(userfault, UFFDIO_REGISTER, &holes) ? "UFFDIO_REGISTER" : NULL;
    for (uint64_t i = 0; i < count && !refused && file->found < file->pages; i++)
        refused = lookAt(file, window + i * file->pageSize, first + i);
    int error = errno;
    if (munmap(window, length)) return "munmap";
    cplace_send();
    errno = error;
    return refused;
}

/* Pages can lie behind the end of a file, by fallocate(2) with FALLOC_FL_KEEP_SIZE: after the end as many pages are tried
 * as the file holds. */
static const char *lookEverywhere(struct file *file, uint64_t length, uint64_t mostProbes) {
    uint64_t last = INT64_MAX / file->pageSize;
    uint64_t end = length / file->pageSize + (length % file->pageSize != 0) + file->pages;
    if (end > last) end = last;
    uint64_t window = windowBytes / file->pageSize;
    if (window > windowPages) window = windowPages;
    if (window < 1) window = 1;
    for (uint64_t next = 0; next < end && file->found < file->pages;) {
        errno = 0;
        if (next >= mostProbes) return "it is too long to look at all of it";
        uint64_t count = window;
        if (count > end - next) count = end - next;
        if (count > mostProbes - next) count = mostProbes - next;
        const char *refused = lookThrough(file, next, count);
        if (refused) return refused;
        next += count;
    }
    return NULL;
}

static const char *lookAtFile(struct file *file, const struct stat *before, uint64_t mostProbes) {
    file->pages = (uint64_t)before->st_blocks * 512 / file->pageSize;
    if (!file->pages) return NULL;
    const char *refused = prepare();
    if (!refused) refused = lookEverywhere(file, (uint64_t)before->st_size, mostProbes);
    if (refused) return refused;
    // It may have been cut meanwhile.
    struct stat after;
    if (fstat(file->descriptor, &after)) return "fstat";
    errno = 0;
    uint64_t pages = (uint64_t)after.st_blocks * 512 / file->pageSize;
    return file->found < (pages < file->pages ? pages : file->pages) ? "some of its pages were not found" : NULL;
}

const char *cprobe_file(int descriptor, uint64_t most_probes) {
    struct file file = {.descriptor = -1};
    struct stat status;
    const char *refused = prove(descriptor, &status, &file.pageSize);
    if (refused) return refused;
    file.descriptor = reopen(descriptor);
    if (file.descriptor < 0) return "open";
    refused = lookAtFile(&file, &status, most_probes);
    int error = errno;
    close(file.descriptor);
    errno = error;
    return refused;
}
