// Mapping and touching, and the files behind it.
#include "holder.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/vfs.h>

// The page size as mmap, memfd_create and shmget all take it: its base-2 logarithm in bits 26–31.
int sizeFlag(void) { return __builtin_ctzl(options.size) << hugeShift; }

// Of --memory.
int memoryFlags(void) { return options.memory == memoryHugetlb ? MAP_HUGETLB | sizeFlag() : 0; }

int privateFlags(void) { return MAP_PRIVATE | MAP_ANONYMOUS | memoryFlags(); }

int sharedFlags(void) { return MAP_SHARED | MAP_ANONYMOUS | memoryFlags(); }

// As mmap of `length`, from a boundary of --size on.
static char *mapAligned(void *where, int flags) {
    if (where || options.memory != memoryTHP) return mmap(where, length, PROT_READ | PROT_WRITE, flags, file, 0);
    char *room = mmap(NULL, length + options.size, PROT_READ | PROT_WRITE, flags, file, 0);
    if (room == MAP_FAILED) return room;
    char *start = room + -(uintptr_t)room % options.size;
    if (start > room) munmap(room, (size_t)(start - room));
    munmap(start + length, (size_t)(room + options.size - start));
    return start;
}

static void advise(void) {
    if (options.memory == memoryTHP && madvise(address, length, MADV_HUGEPAGE)) fail("madvise(MADV_HUGEPAGE)");
    // A kernel without transparent huge pages has no need of the other advice.
    if (options.memory == memoryBase) madvise(address, length, MADV_NOHUGEPAGE);
}

bool canMap(void *where, int flags) {
    if (options.noReserve) flags |= MAP_NORESERVE;
    address = mapAligned(where, flags);
    if (address == MAP_FAILED) return false;
    advise();
    place();
    return true;
}

void map(void *where, int flags) {
    if (!canMap(where, flags)) fail("mmap");
}

void writePages(size_t count) {
    for (size_t i = 0; i < count; i++) *(volatile char *)(address + i * options.size) = 1;
}

void readPages(size_t count) {
    for (size_t i = 0; i < count; i++) (void)*(volatile char *)(address + i * options.size);
}

static void stay(int signal) { (void)signal; }

// The kernel may tell the one that asked for it by SIGBUS.
void poisonPage(void) {
    char *page = address + options.poison * options.size;
    void (*usual)(int) = signal(SIGBUS, stay);
    if (madvise(page, (size_t)sysconf(_SC_PAGESIZE), MADV_HWPOISON)) fail("madvise(MADV_HWPOISON)");
    signal(SIGBUS, usual);
}

void unmap(void) {
    if (munmap(address, length)) fail("munmap");
}

void unmapSecondHalf(void) {
    size_t first = length / options.size / 2 * options.size;
    if (munmap(address + first, length - first)) fail("munmap");
    length = first;
}

void createFile(void) {
    file = open(options.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) fail("create the file of --path");
    madePath = options.path;
    struct statfs filesystem;
    if (fstatfs(file, &filesystem)) fail("fstatfs");
    if (filesystem.f_type != HUGETLBFS_MAGIC || (size_t)filesystem.f_bsize != options.size) {
        errno = EMEDIUMTYPE;
        fail("find a hugetlbfs mount of this --size at --path");
    }
    if (ftruncate(file, (off_t)length)) fail("ftruncate");
}

void unlinkFile(void) {
    if (unlink(madePath)) fail("unlink");
    madePath = NULL;
}

void closeFile(void) {
    close(file);
    file = -1;
}

void createMemfd(void) {
    file = memfd_create("holder", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | (unsigned)sizeFlag());
    if (file < 0) fail("memfd_create");
    if (ftruncate(file, (off_t)length)) fail("ftruncate");
}
