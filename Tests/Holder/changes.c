// Kinds of one process that changes, or its memory does, at an order.
#include "holder.h"

#include <sys/mman.h>

// MARK: - Processes

char **ownArguments;

// The same program with the same arguments, and nothing of what this one mapped. It answers the order.
void executeSelf(void) {
    static char *arguments[64];
    size_t count = 0;
    for (char **at = ownArguments; *at; at++) {
        if (strcmp(*at, "--executed") == 0) continue;
        if (count == sizeof arguments / sizeof *arguments - 2) {
            errno = E2BIG;
            fail("execute itself");
        }
        arguments[count++] = *at;
    }
    arguments[count++] = "--executed";
    arguments[count] = NULL;
    execv("/proc/self/exe", arguments);
    fail("execute itself");
}

_Noreturn static void endWithAnswer(void) {
    puts("stepped");
    fflush(stdout);
    undo();
    exit(0);
}

void leave(void) { endWithAnswer(); }

void forkAnother(void) {
    if (childCount == maxChildren) {
        errno = EAGAIN;
        fail("fork yet another child");
    }
    spawn(NULL);
}

// MARK: - Folios

enum { madviseCollapse = 25 };  // MADV_COLLAPSE of Linux 6.1

// --pages times 2 MiB of base pages.
void mapToCollapse(void) {
    address = mapAnonymousPart(length, MADV_NOHUGEPAGE);
    if (!address) fail("mmap");
    place();
    fill(address, length);
}

void collapse(void) {
    if (madvise(address, length, MADV_HUGEPAGE)) fail("madvise(MADV_HUGEPAGE)");
    if (madvise(address, length, madviseCollapse)) fail("madvise(MADV_COLLAPSE)");
}

// The kernel splits a folio of which a part may be freed; what is written again stays.
void splitFolios(void) {
    if (madvise(address, length, MADV_NOHUGEPAGE)) fail("madvise(MADV_NOHUGEPAGE)");
    for (char *page = address; page < address + length; page += options.size) {
        if (madvise(page + basePage, basePage, MADV_FREE)) fail("madvise(MADV_FREE)");
        fill(page + basePage, basePage);
    }
}

// MARK: - Pages that come and go

static size_t half(void) { return length / options.size / 2 * options.size; }

// Only the first half is touched.
void mapInTurn(void) {
    options.touch = half() / options.size;
    mapPrivate();
}

void writeSecondHalf(void) {
    for (size_t at = half(); at < length; at += options.size) *(volatile char *)(address + at) = 1;
}

void forgetFirstHalf(void) {
    if (madvise(address, half(), MADV_DONTNEED)) fail("madvise(MADV_DONTNEED)");
}

// MARK: - Pages that go to swap

// Pages that were just written may be refused at first.
void pageOutFirstHalf(void) {
    const size_t piece = 512 * basePage;
    for (size_t at = 0; at < half(); at += piece) {
        size_t bytes = half() - at < piece ? half() - at : piece;
        for (int tries = 0; countPages(address + at, bytes, 62) < bytes / basePage; tries++) {
            errno = ENOSPC;
            if (tries == 50) fail("get pages into swap");
            if (madvise(address + at, bytes, MADV_PAGEOUT)) fail("madvise(MADV_PAGEOUT)");
            usleep(20000);
        }
    }
}

void readFirstHalf(void) { readThrough(address, half()); }
