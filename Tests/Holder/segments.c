// Kinds of System V shared memory.
#include "holder.h"

#include <sys/mman.h>
#include <sys/shm.h>

static void createSegment(size_t bytes, int flags) {
    if (options.noReserve) flags |= SHM_NORESERVE;
    segment = shmget(IPC_PRIVATE, bytes, IPC_CREAT | 0600 | flags);
    if (segment < 0) fail("shmget");
    address = shmat(segment, NULL, 0);
    if (address == (void *)-1) fail("shmat");
    place();
}

void attachSegment(void) {
    createSegment(length, SHM_HUGETLB | sizeFlag());
    writePages(options.touch);
}

void attachOddSegment(void) {
    createSegment(length - options.size / 2, SHM_HUGETLB | sizeFlag());
    writePages(options.touch);
}

void attachOrdinarySegment(void) {
    createSegment(length, 0);
    memset(address, 1, length);
}

void attachRemovedSegment(void) {
    attachSegment();
    if (shmctl(segment, IPC_RMID, NULL)) fail("IPC_RMID");
}

void detachSegment(void) {
    if (shmdt(address)) fail("shmdt");
}
