// Kinds that never rest.
#include "holder.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static unsigned dice(unsigned sides) { return (unsigned)random() % sides; }

// One round: children that do `work` and end. False where one did not get its pages.
static bool sendRound(void (*work)(void)) {
    bool allGotPages = true;
    for (int i = 0; i < options.children; i++) {
        pid_t child = forkChild();
        if (child == 0) {
            close(STDERR_FILENO);  // its exit status says enough, again and again
            work();
            _exit(0);
        }
        children[childCount++] = child;
    }
    while (childCount > 0) {
        int status;
        waitpid(children[childCount - 1], &status, 0);
        childCount--;
        allGotPages = allGotPages && status == 0;
    }
    return allGotPages;
}

static void sendFirstRound(void (*work)(void)) {
    if (sendRound(work)) return;
    errno = ENOMEM;
    fail("get pages in a child");
}

void beginExitRace(void) {
    options.touch = 1;
    sendFirstRound(mapPrivate);
}

void keepExitRace(void) { sendRound(mapPrivate); }

static char *sharedPages;

// Copies of private pages, and the shared ones themselves.
static void writeToSome(void) {
    srandom((unsigned)getpid());
    writePages(dice((unsigned)options.touch + 1));
    address = sharedPages;
    writePages(dice((unsigned)options.touch + 1));
}

void beginForkStorm(void) {
    mapShared();
    sharedPages = address;
    mapPrivate();
    sendFirstRound(writeToSome);
}

void keepForkStorm(void) { sendRound(writeToSome); }

void faultAndUnmap(void) {
    mapPrivate();
    unmap();
}

// The pool may be too small for a while: others resize it meanwhile.
void keepFaulting(void) {
    if (!canMap(NULL, privateFlags())) return;
    writePages(options.touch);
    unmap();
}

// MARK: - Churn

// No page was to be had for a copy on write; the owner sends another child.
static void endQuietly(int signal) {
    (void)signal;
    _exit(0);
}

static void writeInGrandchild(size_t pages) {
    pid_t child = forkChild();
    if (child == 0) {
        writePages(pages);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

// Maps up to --pages in one of four ways, touches some, and undoes it in the order of that way.
static void useSomePages(void) {
    enum { privateMemory, sharedMemory, memfdClosedFirst, memfdUnmappedFirst, ways } way = dice(ways);
    size_t pages = 1 + dice((unsigned)options.pages);
    bool hasFile = way == memfdClosedFirst || way == memfdUnmappedFirst;
    length = pages * options.size;
    if (hasFile) createMemfd();
    if (canMap(NULL, hasFile ? MAP_SHARED : way == privateMemory ? privateFlags() : sharedFlags())) {
        if (way == memfdClosedFirst) closeFile();
        writePages(dice((unsigned)pages + 1));
        if (dice(3) == 0) writeInGrandchild(pages);
        if (dice(8) == 0) _exit(0);  // and leaves it to the kernel
        unmap();
    }
    if (file >= 0) closeFile();
}

static pid_t sendChurner(void) {
    pid_t child = forkChild();
    if (child > 0) return child;
    signal(SIGBUS, endQuietly);
    srandom((unsigned)getpid());
    for (;;) {
        useSomePages();
        usleep(dice(2000));  // or two CPUs would do nothing but zero pages
    }
}

void beginChurn(void) {
    while (childCount < options.children) children[childCount++] = sendChurner();
}

// In place of each child that has ended comes another.
void keepChurning(void) {
    for (int i = 0; i < childCount; i++)
        if (waitpid(children[i], NULL, WNOHANG) == children[i]) children[i] = sendChurner();
    usleep(1000);
}

// MARK: - A pool that grows and shrinks

static void setPool(size_t pages) {
    char path[128], number[32];
    snprintf(path, sizeof path, "/sys/kernel/mm/hugepages/hugepages-%zukB/nr_hugepages", options.size >> 10);
    int count = snprintf(number, sizeof number, "%zu", pages);
    int counter = open(path, O_WRONLY | O_CLOEXEC);
    if (counter < 0 || write(counter, number, (size_t)count) != count) fail("write nr_hugepages");
    close(counter);
}

void beginResizing(void) { setPool(options.pages); }

void keepResizing(void) {
    setPool(options.pages / 2 + dice((unsigned)(options.pages / 2) + 1));
    usleep(dice(5000));
}
