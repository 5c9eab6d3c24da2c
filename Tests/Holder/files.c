// Kinds with a file: on a hugetlbfs mount, deleted from it, or a memfd.
#include "holder.h"

#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

void mapFile(void) {
    createFile();
    map(NULL, MAP_SHARED);
    writePages(options.touch);
}

void mapMemfd(void) {
    createMemfd();
    map(NULL, MAP_SHARED);
    writePages(options.touch);
}

// The last page stays behind the descriptor.
void mapMemfdTwice(void) {
    mapMemfd();
    unmap();
    length -= options.size;
    for (int i = 0; i < 2; i++) {
        map(NULL, MAP_SHARED);
        writePages(length / options.size);
    }
}

void mapFilePrivately(void) {
    createFile();
    map(NULL, MAP_PRIVATE);
    writePages(options.touch);
}

// Two kinds of pages under one private mapping: the file's own, read, and copies of the first half, written.
void mapCopyOnWrite(void) {
    mapFile();
    unmap();
    map(NULL, MAP_PRIVATE);
    readPages(options.touch);
    writePages(options.touch / 2);
}

void mapSparse(void) {
    createFile();
    map(NULL, MAP_SHARED);
    for (size_t i = 0; i < options.touch; i++) *(volatile char *)(address + 2 * i * options.size) = 1;
}

// The first half is promised to the mapping, the second is in the file.
void mapAndAllocateHalf(void) {
    size_t end = length, half = length / options.size / 2 * options.size;
    createFile();
    length = half;
    map(NULL, MAP_SHARED);
    allocate(0, half, end);
}

void allocateBeyondEnd(void) {
    createFile();
    if (ftruncate(file, (off_t)options.size)) fail("ftruncate");
    allocate(FALLOC_FL_KEEP_SIZE, 0, length);
}

void unmapAndClose(void) {
    unmap();
    closeFile();
}

void unmapAndSeal(void) {
    unmap();
    if (fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)) fail("F_ADD_SEALS");
}

void unmapAndKeepReadOnly(void) {
    unmap();
    int reader = open(madePath, O_RDONLY | O_CLOEXEC);
    if (reader < 0 || fchmod(file, 0400)) fail("make the file read-only");
    if (dup3(reader, file, O_CLOEXEC) < 0) fail("dup3");
    close(reader);
}

// It has the descriptor by fork, and is root whoever made the file.
static void keepDescriptor(void) {
    if (seteuid(0)) fail("seteuid");
    dieWithParent(owner);
    unmap();
}

void mapAndHand(void) {
    if (seteuid(options.uid)) fail("seteuid");
    mapFile();
    spawn(keepDescriptor);
}

// Not the file's end: somebody else has it.
void abandonFile(void) {
    unmap();
    unlinkFile();
    closeFile();
}

void mapMemfdAndFork(void) {
    mapMemfd();
    spawnChildren(unmap);
}

static volatile bool threadHasFile;

static void *keepInOwnTable(void *unused) {
    (void)unused;
    if (unshare(CLONE_FILES)) fail("unshare(CLONE_FILES)");
    mapMemfd();
    thread = gettid();
    threadHasFile = true;
    waitToBeKilled();
}

void mapInThread(void) {
    pthread_t keeper;
    errno = pthread_create(&keeper, NULL, keepInOwnTable, NULL);
    if (errno) fail("pthread_create");
    while (!threadHasFile) usleep(1000);
}

// The mount goes from its folder and lives on while the file is open.
void detachMount(void) {
    char *path = strdup(madePath);
    if (!path || umount2(dirname(path), MNT_DETACH)) fail("umount2(MNT_DETACH)");
    free(path);
    madePath = NULL;
}
