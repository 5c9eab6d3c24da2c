// Kinds whose memory has no file that a program named: private, anonymous shared, System V, transparent.
#include "holder.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>

void mapPrivate(void) {
    map(NULL, privateFlags());
    writePages(options.touch);
}

void mapNoReserve(void) {
    map(NULL, privateFlags() | MAP_NORESERVE);
    writePages(options.touch);
}

void mapShared(void) {
    map(NULL, sharedFlags());
    writePages(options.touch);
}

void mapPrivateAndFork(void) {
    mapPrivate();
    for (int i = 0; i < options.children; i++) spawn(NULL);
}

static void touchInChild(void) { writePages(options.touch); }

void mapSharedAndFork(void) {
    mapShared();
    for (int i = 0; i < options.children; i++) spawn(touchInChild);
}

// The pages stay with the memory, and no page table leads to them any more: those of the owner never did.
void mapSharedTouchedByTheDead(void) {
    map(NULL, sharedFlags());
    pid_t child = forkChild();
    if (child == 0) {
        writePages(options.touch);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    if (status == 0) return;
    errno = ENOMEM;
    fail("touch pages in a child");
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

static void waitForLeaderToEnd(void) {
    char stat[256] = "";
    do {
        usleep(1000);
        int descriptor = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
        if (descriptor < 0 || read(descriptor, stat, sizeof stat - 1) < 0) fail("read /proc/self/stat");
        close(descriptor);
    } while (strncmp(strrchr(stat, ')'), ") Z", 3) != 0);
}

void mapUnderZombie(void) {
    thread = gettid();
    waitForLeaderToEnd();
    mapPrivate();
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

void attachSegment(void) {
    segment = shmget(IPC_PRIVATE, length, IPC_CREAT | SHM_HUGETLB | sizeFlag() | 0600);
    if (segment < 0) fail("shmget");
    address = shmat(segment, NULL, 0);
    if (address == (void *)-1) fail("shmat");
    bindToNode();
    writePages(options.touch);
}

void detachSegment(void) {
    if (shmdt(address)) fail("shmdt");
}

void mapTransparent(void) {
    size_t wanted = length;
    length += options.size;  // room to begin at a page's boundary
    map(NULL, MAP_PRIVATE | MAP_ANONYMOUS);
    address += -(uintptr_t)address % options.size;
    length = wanted;
    if (madvise(address, length, MADV_HUGEPAGE)) fail("madvise(MADV_HUGEPAGE)");
    writePages(options.touch);
}
