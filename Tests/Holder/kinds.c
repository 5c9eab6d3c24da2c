// The states that can be had, each with a sentence.
#include "holder.h"

const struct kind kinds[] = {
    // Memory that no program named.
    {.name = "private", .setUp = mapPrivate},
    // Nothing is reserved for what is not touched: `private --noreserve`.
    {.name = "noreserve", .setUp = mapNoReserve},
    {.name = "shared", .setUp = mapShared},
    // 1 GiB of a memfd in one page table of two processes; only the parent touches more than page 0.
    {.name = "pmdshared", .setUp = mapPmdShared, .span = 1 << 30},
    // --pages of --size, and a page of 1 GiB on each node of --giants.
    {.name = "sizes", .setUp = mapBothSizes, .needsGiants = true},
    // Transparent huge pages, no hugetlb.
    {.name = "thp", .setUp = mapTransparent},
    // The leader is a zombie, the thread that serves stdin has the pages.
    {.name = "zombie", .setUp = mapPrivate, .leaderEnds = true},
    // After munmap (1) only the descriptor of that thread holds the pages.
    {.name = "zombie-memfd", .setUp = mapMemfd, .steps = {unmap}, .leaderEnds = true},
    // Pages of all kinds in one still process, in parts: mixture.c says which.
    {.name = "mixture", .setUp = makeMixture},
    // --thp bytes in transparent huge pages, --base bytes in base pages, all written: parts `thp` and `base`.
    {.name = "big", .setUp = mapBig},
    // --pages of 2 MiB in transparent huge pages, of each but one base page zeros: part `bloat`.
    {.name = "bloat", .setUp = mapBloat},
    // --pages of 4 KiB, in pieces of 2 MiB spread evenly over 64 TiB: parts `space`, `space2`…
    {.name = "sparse-space", .setUp = mapSparseSpace},
    // The same without the room between them.
    {.name = "dense-space", .setUp = mapDenseSpace},

    // Memory that was changed once it was touched.
    // The second half is unmapped, and what was reserved for it goes.
    {.name = "half-private", .setUp = mapAndUnmapHalf},
    // All is moved to another address (Linux 5.16).
    {.name = "mremap", .setUp = mapAndMove},
    // The page in the middle is a read-only mapping of its own.
    {.name = "split", .setUp = mapAndSplit},
    // Nothing may be read or written any more.
    {.name = "protnone", .setUp = mapAndProtect},
    // MADV_DONTNEED (Linux 5.18): shared pages stay with the memory, and no page table leads to them.
    {.name = "dontneed", .setUp = mapSharedAndForget},
    // The same of private pages frees all but the last.
    {.name = "dontneed-private", .setUp = mapPrivateAndForget},
    // --pages of 2 MiB of base pages become huge ones (1, Linux 6.1) and base pages again (2).
    {.name = "collapse", .setUp = mapToCollapse, .steps = {collapse, splitFolios}},
    // The first half is touched, then the second (1), and then the first is given back (2).
    {.name = "turns", .setUp = mapInTurn, .steps = {writeSecondHalf, forgetFirstHalf}},
    // Behind a GiB of zero pages two transparent huge pages; one zero page is given back (1).
    {.name = "behind-zeros", .setUp = mapBehindZeros, .steps = {forgetZeroPage}},
    // All is touched, the first half goes to swap (1), and is read again (2).
    {.name = "swapping", .setUp = mapPrivate, .steps = {pageOutFirstHalf, readFirstHalf}},

    // Several processes.
    // --children that share the pages by fork and touch nothing.
    {.name = "fork", .setUp = mapPrivateAndFork},
    // --children that write to the same shared pages.
    {.name = "forkshared", .setUp = mapSharedAndFork},
    // Only a child that has ended has touched the shared pages.
    {.name = "shared-by-the-dead", .setUp = mapSharedTouchedByTheDead},
    // Two processes with one address space.
    {.name = "vfork", .setUp = mapAndShareMemory},
    // A child has written to twice as many pages: copies of the --touch pages, and as many of its own.
    {.name = "child-cow", .setUp = mapCopiedByChild, .stride = 2},
    // --pages transparent huge pages, shared with a child, which has then written to base page 0 and another of each
    // but the last: its page tables map these piece by piece, and the owner's map all whole.
    {.name = "thp-child-cow", .setUp = mapHugeCopiedByChild},
    // The same, and the owner has written.
    {.name = "thp-owner-cow", .setUp = mapHugeCopiedByOwner},
    // In a child the page in the middle is a read-only mapping of its own.
    {.name = "split-fork", .setUp = mapSplitByChild},
    // Only the child of a child that has ended has the pages; nothing is reserved for it.
    {.name = "orphaned-fork", .setUp = mapInOrphan},
    // Each step forks a child that shares all pages.
    {.name = "fork-later", .setUp = mapPrivate, .steps = {forkAnother}, .repeats = true},
    // Each step executes the program anew: the same process with other memory of the same kind.
    {.name = "exec", .setUp = mapPrivate, .steps = {executeSelf}, .repeats = true},
    // The same without a rest.
    {.name = "exec-race", .setUp = mapPrivate, .untilInput = executeSelf},
    // The step (1) ends it, once it has answered.
    {.name = "exit", .setUp = mapPrivate, .steps = {leave}},

    // Files.
    // The pages stay in the file after munmap (1), behind the descriptor after unlink (2); close (3) frees them.
    {.name = "file", .setUp = mapFile, .steps = {unmap, unlinkFile, closeFile}, .needsPath = true},
    // After munmap (1) and close (2) only its name holds the pages.
    {.name = "orphan", .setUp = mapFile, .steps = {unmap, closeFile}, .needsPath = true},
    // After munmap (1) its descriptor is a read-only one.
    {.name = "readonly", .setUp = mapFile, .steps = {unmapAndKeepReadOnly}, .needsPath = true},
    // --touch pages of the file, every other one; after munmap of the second half (1) those there are held.
    {.name = "sparse", .setUp = mapSparse, .steps = {unmapSecondHalf}, .stride = 2, .needsPath = true},
    // --touch pages of the file and half as many copies.
    {.name = "cow", .setUp = mapCopyOnWrite, .needsPath = true},
    // The file is mapped private: the --touch pages are the process's alone, and the file has none.
    {.name = "private-file", .setUp = mapFilePrivately, .needsPath = true},
    // The first half is mapped and not touched, the second allocated and not mapped.
    {.name = "fallocated", .setUp = mapAndAllocateHalf, .needsPath = true},
    // Not mapped; all --pages are allocated, and the file ends after the first.
    {.name = "keepsize", .setUp = allocateBeyondEnd, .needsPath = true},
    // A file of --uid's. After munmap, unlink and close (1) only a child of root's holds the pages.
    {.name = "handed", .setUp = mapAndHand, .steps = {abandonFile}, .needsPath = true},
    // After munmap (1) the mount goes (2) from its folder, and the descriptor keeps both.
    {.name = "detached", .setUp = mapFile, .steps = {unmap, detachMount}, .needsPath = true},
    // A child leaves the file `data` on a hugetlbfs over the folder --path in a mount namespace of its own.
    {.name = "mountns", .setUp = leaveFileInMountNamespace, .needsPath = true},

    // Memfds.
    // After munmap (1) only the descriptor holds the pages.
    {.name = "memfd", .setUp = mapMemfd, .steps = {unmap}},
    // The same, and nobody may write to it any more.
    {.name = "sealed", .setUp = mapMemfd, .steps = {unmapAndSeal}},
    // The same, and the descriptor is in the table of one thread only.
    {.name = "thread-files", .setUp = mapInThread, .steps = {unmap}},
    // The same, and --children have the descriptor, too.
    {.name = "shared-fd", .setUp = mapMemfdAndFork, .steps = {unmap}},
    // After close (1) and munmap of the second half (2) only the mapping of the first holds the pages.
    {.name = "map-only", .setUp = mapMemfd, .steps = {closeFile, unmapSecondHalf}},
    // Two mappings of all but the last page.
    {.name = "twice", .setUp = mapMemfdTwice},

    // Segments of System V shared memory.
    // After shmdt (1) nobody is attached and the segment holds the pages.
    {.name = "sysv", .setUp = attachSegment, .steps = {detachSegment}},
    // The same, and its size is half a page less than --pages.
    {.name = "sysv-odd", .setUp = attachOddSegment, .steps = {detachSegment}},
    // The same of as many bytes, all of them ordinary memory.
    {.name = "sysv-ordinary", .setUp = attachOrdinarySegment, .steps = {detachSegment}},
    // It is removed while attached: shmdt (1) frees the pages.
    {.name = "sysv-removed", .setUp = attachRemovedSegment, .steps = {detachSegment}},
    // A child leaves a segment to which nobody is attached in an IPC namespace of its own.
    {.name = "ipcns", .setUp = leaveSegmentInIPCNamespace},

    // What only the kernel keeps.
    // A memfd sent to a child that never receives it; after munmap and close (1) it is nowhere else.
    {.name = "inflight", .setUp = mapAndSend, .steps = {unmapAndClose}},
    // The same, sent over a connection that nobody accepts, whose sender is closed, too.
    {.name = "embryo", .setUp = mapAndSendToNobody, .steps = {leaveToConnection}},
    // After munmap (1) a pipe alone keeps the pages.
    {.name = "vmsplice", .setUp = splicePrivate, .steps = {unmap}},
    // The same, and the pages look as if they were nobody's.
    {.name = "vmsplice-shared", .setUp = spliceShared, .steps = {unmap}},
    // After munmap (1) io_uring alone keeps the --touch pages that are registered with it.
    {.name = "iouring", .setUp = registerPrivate, .steps = {unmap}},
    {.name = "iouring-shared", .setUp = registerShared, .steps = {unmap}},
    // The same of a file, which goes (1) altogether.
    {.name = "iouring-file", .setUp = registerFile, .steps = {abandonFile}, .needsPath = true},
    // The same of the end of one page and the beginning of the next, in the middle of all.
    {.name = "iouring-middle", .setUp = registerMiddle, .steps = {unmap}},
    // The same, but only the second half is unmapped (1).
    {.name = "iouring-half", .setUp = registerPrivate, .steps = {unmapSecondHalf}},
    // The same, and --children have the ring by fork, and the mapping with copies of the pages (the pages: Linux 5.11).
    {.name = "iouring-fork", .setUp = registerAndFork, .steps = {unmap}},
    // The same, and ordinary memory is mapped (1) in the place of the pages.
    {.name = "iouring-remapped", .setUp = registerPrivate, .steps = {replaceByOrdinary}},
    // A memfd that is registered with io_uring; after munmap and close (1) it is nowhere else.
    {.name = "iouring-fd", .setUp = registerDescriptor, .steps = {unmapAndClose}},

    // Pages and processes that do not stay as they are.
    // All pages are on the first node of --node, and each step (1, 2, …) moves them to the next in turn.
    {.name = "migrate", .setUp = mapToMove, .steps = {moveOn}, .repeats = true, .needsRoute = true},
    // The same without a rest.
    {.name = "migrating", .setUp = mapToMove, .untilInput = keepMoving, .needsRoute = true},
    // --children at a time that come, touch a page and go.
    {.name = "exit-race", .setUp = beginExitRace, .untilInput = keepExitRace},
    // --children at a time that have --touch private and as many shared pages by fork, write to some and go.
    {.name = "fork-storm", .setUp = beginForkStorm, .untilInput = keepForkStorm},
    // Faults and unmaps --touch pages without a rest.
    {.name = "resize-fault", .setUp = faultAndUnmap, .untilInput = keepFaulting},
    // --children that at random map up to --pages, private, shared or of a memfd, fork, touch, unmap and exit.
    {.name = "churn", .setUp = beginChurn, .untilInput = keepChurning},
    // Makes the pool --pages large, and then at random half of it to all.
    {.name = "resize", .setUp = beginResizing, .untilInput = keepResizing},
};
const size_t kindCount = sizeof kinds / sizeof *kinds;
