// Kinds with much memory, or much room for it.
#include "holder.h"

#include <sys/mman.h>

enum { twoMiB = 2 << 20 };

static char *mapRoom(size_t bytes) {
    char *room = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) return NULL;
    // A kernel without transparent huge pages has no need of this advice.
    if (madvise(room, bytes, MADV_NOHUGEPAGE) && errno != EINVAL) fail("madvise(MADV_NOHUGEPAGE)");
    return room;
}

// Touches so many pieces, the first at the first boundary of 2 MiB and then one each `apart` bytes: each piece fills a
// page table of its own.
static void touchPieces(char *room, size_t pieces, size_t apart, size_t piece) {
    room += -(uintptr_t)room % twoMiB;
    for (size_t i = 0; i < pieces; i++) fill(room + i * apart, piece);
}

static size_t wantedBytes(void) { return options.pages * basePage; }

// 64 TiB in as few mappings as the address space allows, each a part `space`, `space2`…
void mapSparseSpace(void) {
    static const char *const names[] = {"space", "space2", "space3", "space4", "space5", "space6", "space7", "space8"};
    enum { mostRooms = sizeof names / sizeof *names };
    const size_t all = 1UL << 46;
    size_t pieces = (wantedBytes() + twoMiB - 1) / twoMiB, rooms = 1, room = all;
    char *starts[mostRooms];
    for (size_t mapped = 0; mapped < rooms;) {
        starts[mapped] = mapRoom(room);
        if (starts[mapped]) {
            mapped++;
            continue;
        }
        if (rooms == mostRooms) fail("map 64 TiB");
        while (mapped) munmap(starts[--mapped], room);
        rooms *= 2;
        room = all / rooms;
    }
    if (pieces < rooms) pieces = rooms;
    // Where the start is no boundary, the last piece must still end in the room.
    size_t inRoom = pieces / rooms, apart = (room - twoMiB) / inRoom / twoMiB * twoMiB;
    size_t piece = wantedBytes() < twoMiB ? wantedBytes() : twoMiB;
    for (size_t i = 0; i < rooms; i++) {
        touchPieces(starts[i], inRoom, apart, piece);
        tellPart(names[i], starts[i], room);
    }
}

void mapDenseSpace(void) {
    size_t bytes = wantedBytes();
    char *room = mapRoom(bytes);
    if (!room) fail("mmap");
    fill(room, bytes);
    tellPart("space", room, bytes);
}

// MARK: - Huge pages in the middle of which a scan of page tables ends

static const size_t zeroBytes = 1UL << 30;

// A GiB with nothing, which a scan is quick over, one of huge zero pages, and two transparent huge pages, of which the
// first is mapped in pieces.
void mapBehindZeros(void) {
    char *room = mmap(NULL, 4 * zeroBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) fail("mmap");
    if (madvise(room, 4 * zeroBytes, MADV_HUGEPAGE)) fail("madvise(MADV_HUGEPAGE)");
    char *zeros = room + zeroBytes - (uintptr_t)room % zeroBytes;
    for (size_t at = 0; at < zeroBytes; at += twoMiB) (void)*(volatile char *)(zeros + at);
    address = zeros + zeroBytes;
    length = 2 * twoMiB;
    fill(address, length);
    errno = ENOMEM;
    if (!isInFolios(address, length, twoMiB)) fail("get transparent huge pages");
    char *second = address + basePage;
    if (mprotect(second, basePage, PROT_READ) || mprotect(second, basePage, PROT_READ | PROT_WRITE)) fail("mprotect");
}

// A scan that ends after a GiB of pages then ends one page further.
void forgetZeroPage(void) {
    if (madvise(address - zeroBytes, basePage, MADV_DONTNEED)) fail("madvise(MADV_DONTNEED)");
}

// MARK: - Two kinds of page

// --thp bytes in transparent huge pages and --base bytes in base pages, each page with content of its own.
void mapBig(void) {
    size_t thp = (options.thp + twoMiB - 1) / twoMiB * twoMiB;
    size_t base = (options.base + basePage - 1) / basePage * basePage;
    char *start;
    if (thp) {
        if (!(start = mapAnonymousPart(thp, MADV_HUGEPAGE))) fail("map with MADV_HUGEPAGE");
        fill(start, thp);
        if (!isInFolios(start, thp, twoMiB)) fprintf(stderr, "holder: not all of --thp is in huge pages\n");
        tellPart("thp", start, thp);
    }
    if (base) {
        if (!(start = mapAnonymousPart(base, MADV_NOHUGEPAGE))) fail("mmap");
        fill(start, base);
        tellPart("base", start, base);
    }
}

// --pages transparent huge pages, and in each one base page, not the same in all, that is not zero.
void mapBloat(void) {
    size_t bytes = options.pages * twoMiB;
    char *start = mapAnonymousPart(bytes, MADV_HUGEPAGE);
    if (!start) fail("map with MADV_HUGEPAGE");
    for (size_t i = 0; i < options.pages; i++) start[i * twoMiB + i * 37 % 512 * basePage] = 1;
    if (!isInFolios(start, bytes, twoMiB)) fprintf(stderr, "holder: not all is in huge pages\n");
    tellPart("bloat", start, bytes);
}
