// Mapping and touching, and the files behind it.
#include "holder.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

// The page size as mmap, memfd_create and shmget all take it: its base-2 logarithm in bits 26–31.
int sizeFlag(void) { return __builtin_ctzl(options.size) << hugeShift; }

int privateFlags(void) { return MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | sizeFlag(); }

int sharedFlags(void) { return MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | sizeFlag(); }

void bindToNode(void) {
    if (options.node < 0) return;
    unsigned long mask[maxNodes / 64] = {0};
    mask[options.node / 64] = 1UL << options.node % 64;
    if (syscall(SYS_mbind, address, length, MPOL_BIND, mask, maxNodes + 1, 0)) fail("mbind");
}

bool canMap(void *where, int flags) {
    address = mmap(where, length, PROT_READ | PROT_WRITE, flags, file, 0);
    if (address == MAP_FAILED) return false;
    bindToNode();
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

void unmap(void) {
    if (munmap(address, length)) fail("munmap");
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
