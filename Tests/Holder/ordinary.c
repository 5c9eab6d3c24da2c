// The parts of `mixture` that are of base pages: mixture.c says which there are.
#include "holder.h"

#include <fcntl.h>
#include <sys/mman.h>

enum { somePages = 64 << 12, pagesAround = 64 << 10 };

static char *makeBasePages(void) {
    char *start = mapAnonymousPart(somePages, MADV_NOHUGEPAGE);
    if (start) fill(start, somePages);
    else cannot("mmap");
    return start;
}

bool makeBase(const char *name) {
    char *start = makeBasePages();
    if (start) tellPart(name, start, somePages);
    return start;
}

bool makeZero(const char *name) {
    char *start = mapAnonymousPart(somePages, MADV_NOHUGEPAGE);
    if (!start) return cannot("mmap");
    readThrough(start, somePages);
    tellPart(name, start, somePages);
    return true;
}

// MARK: - Files and shared memory

// A file without a name, written to its disk so that its pages do not change any more.
static int openFile(void) {
    static int opened = -1;
    static const char *const folders[] = {"/var/tmp", "/tmp", "/"};
    static const char content[somePages] = {1};
    for (size_t i = 0; opened < 0 && i < sizeof folders / sizeof *folders; i++)
        opened = open(folders[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (opened < 0 || pwrite(opened, content, somePages, 0) != somePages || fsync(opened)) return -1;
    return opened;
}

// The kernel maps 64 KiB around a page that is read, and only that page where a private one is written.
bool makeFile(const char *name) {
    int descriptor = openFile();
    char *start = descriptor < 0 ? NULL : mapPart(somePages, MAP_PRIVATE, descriptor);
    if (!start) return cannot("map a file");
    fill(start, pagesAround);
    readThrough(start + pagesAround, 2 * pagesAround);
    tellPart(name, start, somePages);
    return true;
}

bool makeFileShared(const char *name) {
    int descriptor = openFile();
    char *start = descriptor < 0 ? NULL : mapPart(pagesAround, MAP_SHARED, descriptor);
    if (!start) return cannot("map a file");
    readThrough(start, pagesAround);
    tellPart(name, start, pagesAround);
    return true;
}

char *mapMemfdPart(size_t bytes) {
    int descriptor = memfd_create("holder", MFD_CLOEXEC);
    if (descriptor < 0 || ftruncate(descriptor, (off_t)bytes)) return NULL;
    char *start = mapPart(bytes, MAP_SHARED, descriptor);
    close(descriptor);
    return start;
}

bool makeSharedMemory(const char *name) {
    char *start = mapMemfdPart(somePages);
    if (!start) return cannot("map a memfd");
    fill(start, somePages);
    tellPart(name, start, somePages);
    return true;
}

// MARK: - Merged and swapped

static bool areMerged(char *start) {
    uint64_t frame = frameAt(start);
    for (size_t at = basePage; at < somePages; at += basePage)
        if (frame == 0 || frameAt(start + at) != frame) return false;
    return true;
}

bool makeMerged(const char *name) {
    char *start = mapAnonymousPart(somePages, MADV_NOHUGEPAGE);
    if (!start || madvise(start, somePages, MADV_MERGEABLE)) return cannot("map with MADV_MERGEABLE");
    memset(start, 0x5a, somePages);
    for (int tenths = 0; tenths < 100; tenths++) {
        if (areMerged(start)) {
            tellPart(name, start, somePages);
            return true;
        }
        usleep(100000);
    }
    munmap(start, somePages);
    errno = ETIMEDOUT;
    return cannot("wait for KSM to merge pages");
}

static bool isSwapped(char *start) { return countPages(start, somePages, 62) == somePages / basePage; }

// Only smaps counts a memfd's pages in swap: no page table has them.
static bool isMemfdSwapped(char *start) {
    unsigned long long first = 0, next, swapped = 0;
    char line[512];
    FILE *smaps = fopen("/proc/self/smaps", "re");
    while (smaps && fgets(line, sizeof line, smaps)) {
        if (sscanf(line, "%llx-%llx ", &next, &(unsigned long long){0}) == 2) first = next;
        if (first == (uintptr_t)start) sscanf(line, "Swap: %llu kB", &swapped);
    }
    if (smaps) fclose(smaps);
    return swapped == somePages >> 10 && countPages(start, somePages, 63) == 0;
}

// Pages that were just written may be refused at first.
static bool swapOut(char *start, bool (*isOut)(char *)) {
    for (int tries = 0; tries < 50; tries++) {
        if (madvise(start, somePages, MADV_PAGEOUT)) return cannot("madvise(MADV_PAGEOUT)");
        if (isOut(start)) return true;
        usleep(20000);
    }
    errno = 0;
    munmap(start, somePages);
    return cannot("get pages into swap");
}

bool makeSwapped(const char *name) {
    char *start = makeBasePages();
    if (!start || !swapOut(start, isSwapped)) return false;
    tellPart(name, start, somePages);
    return true;
}

bool makeSharedSwapped(const char *name) {
    char *start = mapMemfdPart(somePages);
    if (!start) return cannot("map a memfd");
    fill(start, somePages);
    if (!swapOut(start, isMemfdSwapped)) return false;
    tellPart(name, start, somePages);
    return true;
}
