// Kinds whose pages only io_uring keeps.
#include "holder.h"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static void registerWithRing(unsigned what, const void *items) {
    struct io_uring_params parameters = {0};
    int ring = (int)syscall(SYS_io_uring_setup, 1, &parameters);
    if (ring < 0) fail("io_uring_setup");
    if (syscall(SYS_io_uring_register, ring, what, items, 1)) fail("io_uring_register");
}

static void registerBuffer(size_t offset, size_t bytes) {
    struct iovec buffer = {.iov_base = address + offset, .iov_len = bytes};
    registerWithRing(IORING_REGISTER_BUFFERS, &buffer);
}

static void registerPages(void) { registerBuffer(0, options.touch * options.size); }

void registerPrivate(void) {
    mapPrivate();
    registerPages();
}

void registerShared(void) {
    mapShared();
    registerPages();
}

void registerFile(void) {
    mapFile();
    registerPages();
}

// Two base pages on each side of the boundary.
void registerMiddle(void) {
    const size_t basePage = (size_t)sysconf(_SC_PAGESIZE);
    mapPrivate();
    registerBuffer(length / options.size / 2 * options.size - 2 * basePage, 4 * basePage);
}

void registerAndFork(void) {
    registerPrivate();
    spawnChildren(NULL);
}

void registerDescriptor(void) {
    mapMemfd();
    registerWithRing(IORING_REGISTER_FILES, &file);
}

void replaceByOrdinary(void) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (mmap(address, length, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED) fail("mmap");
}
