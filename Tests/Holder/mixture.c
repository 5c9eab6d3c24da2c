// `mixture`: one still process with every kind of page that the kernel has. Each part is told on the ready line as
// NAME=0xADDRESS+BYTES, and `left=NAME,…` are those of --parts (all) that cannot be had here:
//
//   hugetlb-private, hugetlb-shared  three pages of --size, of which the last is not touched
//   giant         a page of 1 GiB
//   thp           two transparent huge pages of 2 MiB, whole
//   thp-part      one, whose base page 256 is unmapped: two mappings, and still one folio
//   thp-forgotten one, whose base page 256 was given back: one mapping, and still one folio
//   thp-split     one, of which the second half is a read-only mapping of its own
//   mthp          16 folios of 64 KiB: hugepages-64kB/enabled is `always`, `madvise` or `inherit`
//   base          64 base pages, no huge page allowed
//   zero, zero-huge  64 small zero pages, and one huge zero page
//   file          64 base pages of a file, private: 0–15 are copies, 16–47 in the page cache, 48–63 not touched
//   file-shared   16 of the same file, shared, all read
//   shm, shm-thp  64 base pages of a memfd, and 2 huge ones of another: shmem_enabled is `advise` or more
//   ksm           64 pages of equal content in one frame: ksm/run is 1
//   swap          64 pages in swap
//   shm-swap      64 pages of a memfd in swap: no page table knows of them
//
// None is changed by khugepaged: huge parts are whole, or lie in no whole 2 MiB of a mapping, or may be huge no more.
#include "holder.h"

#include <fcntl.h>
#include <sys/mman.h>

enum { twoMiB = 2 << 20, sixtyFourKiB = 64 << 10 };

struct maker {
    const char *name;
    bool (*make)(const char *name);
};

// MARK: - hugetlb

static bool makeHugetlb(const char *name, int flags) {
    char *start = mmap(NULL, 3 * options.size, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (start == MAP_FAILED) return cannot("mmap pages of --size");
    start[0] = start[options.size] = 1;
    tellPart(name, start, 3 * options.size);
    return true;
}

static bool makeHugetlbPrivate(const char *name) { return makeHugetlb(name, privateFlags()); }

static bool makeHugetlbShared(const char *name) { return makeHugetlb(name, sharedFlags()); }

static bool makeGiant(const char *name) {
    const size_t giant = 1UL << giantShift;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | giantShift << hugeShift;
    char *start = mmap(NULL, giant, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (start == MAP_FAILED) return cannot("mmap a page of 1 GiB");
    *start = 1;
    tellPart(name, start, giant);
    return true;
}

// MARK: - Large folios

static char *makeFolios(size_t bytes, size_t folio) {
    char *start = mapAnonymousPart(bytes, MADV_HUGEPAGE);
    if (!start) {
        cannot("map with MADV_HUGEPAGE");
        return NULL;
    }
    fill(start, bytes);
    errno = 0;
    if (isInFolios(start, bytes, folio)) return start;
    munmap(start, bytes);
    cannot("get folios of that size");
    return NULL;
}

static bool makeTHP(const char *name) {
    char *start = makeFolios(2 * twoMiB, twoMiB);
    if (start) tellPart(name, start, 2 * twoMiB);
    return start;
}

static bool makeTHPInPart(const char *name) {
    char *start = makeFolios(twoMiB, twoMiB);
    if (!start) return false;
    if (munmap(start + twoMiB / 2, basePage)) return cannot("munmap");
    tellPart(name, start, twoMiB);
    return true;
}

static bool makeTHPForgotten(const char *name) {
    char *start = makeFolios(twoMiB, twoMiB);
    if (!start) return false;
    if (madvise(start, twoMiB, MADV_NOHUGEPAGE)) return cannot("madvise(MADV_NOHUGEPAGE)");
    if (madvise(start + twoMiB / 2, basePage, MADV_DONTNEED)) return cannot("madvise(MADV_DONTNEED)");
    tellPart(name, start, twoMiB);
    return true;
}

static bool makeTHPSplit(const char *name) {
    char *start = makeFolios(twoMiB, twoMiB);
    if (!start) return false;
    if (mprotect(start + twoMiB / 2, twoMiB / 2, PROT_READ)) return cannot("mprotect");
    tellPart(name, start, twoMiB);
    return true;
}

// Too short for a huge page of 2 MiB.
static bool makeMTHP(const char *name) {
    char *start = makeFolios(16 * sixtyFourKiB, sixtyFourKiB);
    if (start) tellPart(name, start, 16 * sixtyFourKiB);
    return start;
}

static bool makeHugeZero(const char *name) {
    char *start = mapAnonymousPart(twoMiB, MADV_HUGEPAGE);
    if (!start) return cannot("map with MADV_HUGEPAGE");
    readThrough(start, twoMiB);
    errno = 0;
    if (!isInFolios(start, twoMiB, twoMiB) || !isZeroPage(start)) {
        munmap(start, twoMiB);
        return cannot("get the huge zero page");
    }
    tellPart(name, start, twoMiB);
    return true;
}

static bool makeSharedTHP(const char *name) {
    char *start = mapMemfdPart(2 * twoMiB);
    if (!start || madvise(start, 2 * twoMiB, MADV_HUGEPAGE)) return cannot("map a memfd with MADV_HUGEPAGE");
    fill(start, 2 * twoMiB);
    errno = 0;
    if (!isInFolios(start, 2 * twoMiB, twoMiB)) {
        munmap(start, 2 * twoMiB);
        return cannot("get huge pages of a memfd");
    }
    tellPart(name, start, 2 * twoMiB);
    return true;
}

// MARK: - All of it

// What waits comes last: the pages before it have settled when it is done.
static const struct maker makers[] = {
    {"hugetlb-private", makeHugetlbPrivate},
    {"hugetlb-shared", makeHugetlbShared},
    {"giant", makeGiant},
    {"thp", makeTHP},
    {"thp-part", makeTHPInPart},
    {"thp-forgotten", makeTHPForgotten},
    {"thp-split", makeTHPSplit},
    {"mthp", makeMTHP},
    {"base", makeBase},
    {"zero", makeZero},
    {"zero-huge", makeHugeZero},
    {"file", makeFile},
    {"file-shared", makeFileShared},
    {"shm", makeSharedMemory},
    {"shm-thp", makeSharedTHP},
    {"swap", makeSwapped},
    {"shm-swap", makeSharedSwapped},
    {"ksm", makeMerged},
};
static const size_t makerCount = sizeof makers / sizeof *makers;
_Static_assert(sizeof makers / sizeof *makers <= maxParts, "each part has room on the ready line");

// Whether NAME,… names it; all are wanted where there is no such list.
static bool isListed(const char *list, const char *name) {
    size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == 0)) return true;
    return !list;
}

bool areParts(const char *list) {
    size_t items = 1, found = 0;
    for (const char *at = list; *at; at++) items += *at == ',';
    for (const struct maker *maker = makers; maker < makers + makerCount; maker++)
        found += isListed(list, maker->name);
    return items == found;
}

void makeMixture(void) {
    for (const struct maker *maker = makers; maker < makers + makerCount; maker++) {
        if (!isListed(options.parts, maker->name)) continue;
        errno = 0;
        if (maker->make(maker->name)) continue;
        fprintf(stderr, "holder: left out: %s\n", maker->name);
        leavePartOut(maker->name);
    }
}
