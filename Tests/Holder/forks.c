// Kinds of memory that several processes have, or had.
#include "holder.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

void mapPrivateAndFork(void) {
    mapPrivate();
    spawnChildren(NULL);
}

static void touchInChild(void) { writePages(options.touch); }

void mapSharedAndFork(void) {
    mapShared();
    spawnChildren(touchInChild);
}

static void waitForSuccess(pid_t child) {
    int status;
    waitpid(child, &status, 0);
    if (status == 0) return;
    errno = ENOMEM;
    fail("touch pages in a child");
}

// The pages stay with the memory, and no page table leads to them any more: those of the owner never did.
void mapSharedTouchedByTheDead(void) {
    map(NULL, sharedFlags());
    pid_t child = forkChild();
    if (child == 0) {
        writePages(options.touch);
        _exit(0);
    }
    waitForSuccess(child);
}

static volatile bool sharerWaits;

static int waitAsSharer(void *unused) {
    (void)unused;
    dieWithParent(owner);
    sharerWaits = true;
    waitToBeKilled();
}

// Not vfork itself, which would stop the parent: the same sharing of one address space by two processes.
void mapAndShareMemory(void) {
    static char stack[64 << 10] __attribute__((aligned(16)));
    mapPrivate();
    pid_t child = clone(waitAsSharer, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
    if (child < 0) fail("clone");
    children[childCount++] = child;
    while (!sharerWaits) usleep(1000);
}

static void touchTwiceAsMany(void) { writePages(2 * options.touch); }

void mapCopiedByChild(void) {
    mapPrivate();
    spawn(touchTwiceAsMany);
}

void mapSplitByChild(void) {
    mapPrivate();
    spawn(splitMapping);
}

// MARK: - Huge pages of which a part is copied

enum { basePages = 512 };

// Of each huge page but the last.
static void writeToHugePages(void) {
    const size_t huge = (size_t)basePages * basePage;
    for (size_t i = 0; i + 1 < options.pages; i++) {
        volatile char *page = address + i * huge;
        page[0] = 1;
        page[(1 + i * 37 % (basePages - 1)) * basePage] = 1;
    }
}

// Once they are there, none is made huge again.
static void mapHuge(void) {
    length = options.pages * basePages * basePage;
    address = mapAnonymousPart(length, MADV_HUGEPAGE);
    if (!address) fail("map with MADV_HUGEPAGE");
    fill(address, length);
    errno = ENOMEM;
    if (!isInFolios(address, length, (size_t)basePages * basePage)) fail("get transparent huge pages");
    if (madvise(address, length, MADV_NOHUGEPAGE)) fail("madvise(MADV_NOHUGEPAGE)");
}

void mapHugeCopiedByChild(void) {
    mapHuge();
    spawn(writeToHugePages);
}

void mapHugeCopiedByOwner(void) {
    mapHuge();
    spawn(NULL);
    writeToHugePages();
}

// MARK: - An orphan

// It becomes the owner's child when its parent ends.
static void waitAsOrphan(pid_t parent) {
    while (getppid() == parent) usleep(1000);
    dieWithParent(owner);
    told->orphan = getpid();
    waitToBeKilled();
}

static void mapAndLeaveOrphan(void) {
    mapPrivate();
    pid_t parent = getpid(), child = fork();
    if (child < 0) fail("fork");
    if (child == 0) waitAsOrphan(parent);
    _exit(0);
}

void mapInOrphan(void) {
    if (prctl(PR_SET_CHILD_SUBREAPER, 1)) fail("PR_SET_CHILD_SUBREAPER");
    pid_t child = forkChild();
    if (child == 0) mapAndLeaveOrphan();
    waitForSuccess(child);
    while (!told->orphan) usleep(1000);
    children[childCount++] = told->orphan;
}
