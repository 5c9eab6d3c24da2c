// Kinds of one process whose memory has no file that a program named: private, anonymous shared, transparent.
#include "holder.h"

#include <sys/mman.h>

void mapPrivate(void) {
    map(NULL, privateFlags());
    writePages(options.touch);
}

void mapNoReserve(void) {
    options.noReserve = true;
    mapPrivate();
}

void mapShared(void) {
    map(NULL, sharedFlags());
    writePages(options.touch);
}

// The kernel shares one page table between processes that map the same whole 1 GiB of a file at a 1 GiB boundary.
static void mapPmdTable(void) {
    map((void *)(1UL << 40), MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE);
}

static void joinPmdTable(void) {
    unmap();  // the one that fork gave
    mapPmdTable();
    readPages(1);
}

void mapPmdShared(void) {
    createMemfd();
    mapPmdTable();
    writePages(options.touch);
    spawn(joinPmdTable);
}

void mapTransparent(void) {
    size_t wanted = length;
    length += options.size;  // room to begin at a page's boundary
    map(NULL, MAP_PRIVATE | MAP_ANONYMOUS);
    address += -(uintptr_t)address % options.size;
    length = wanted;
    place();  // again, from that boundary on
    if (madvise(address, length, MADV_HUGEPAGE)) fail("madvise(MADV_HUGEPAGE)");
    writePages(options.touch);
}

static void mapGiant(int node) {
    const size_t giant = 1UL << giantShift;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | giantShift << hugeShift;
    char *page = mmap(NULL, giant, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (page == MAP_FAILED) fail("mmap a page of 1 GiB");
    placeOnNode(page, giant, node);
    *(volatile char *)page = 1;
}

void mapBothSizes(void) {
    mapPrivate();
    for (size_t i = 0; i < options.giants.count; i++) mapGiant(options.giants.at[i]);
}

// MARK: - Changed once it was touched

void mapAndUnmapHalf(void) {
    mapPrivate();
    unmapSecondHalf();
}

void mapAndMove(void) {
    mapPrivate();
    char *room = mmap(NULL, length + options.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) fail("mmap");
    room += -(uintptr_t)room % options.size;
    if (mremap(address, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, room) == MAP_FAILED) fail("mremap");
    address = room;
}

void mapAndSplit(void) {
    mapPrivate();
    splitMapping();
}

void splitMapping(void) {
    char *middle = address + length / options.size / 2 * options.size;
    if (mprotect(middle, options.size, PROT_READ)) fail("mprotect");
}

void mapAndProtect(void) {
    mapPrivate();
    if (mprotect(address, length, PROT_NONE)) fail("mprotect");
}

static void forget(size_t bytes) {
    if (madvise(address, bytes, MADV_DONTNEED)) fail("madvise(MADV_DONTNEED)");
}

void mapSharedAndForget(void) {
    mapShared();
    forget(length);
}

void mapPrivateAndForget(void) {
    mapPrivate();
    forget(length - options.size);
}
