// Makes one state of huge pages, says `ready`, and keeps it until stdin ends: what the live tests look at.
//
//   holder KIND [--size BYTES] [--pages N] [--touch N] [--node N] [--path PATH] [--uid N] [--children N] [--name COMM]
//
// Output: one line `ready pid=PID address=0x… fd=N child=PID,… thread=TID shmid=ID childshmid=ID`, with the keys that
//         apply; `childshmid` is of the child's IPC namespace.
// Input:  `step` makes the kind's next change and answers `stepped`; `quit` or the end of input undoes everything.
// Exit:   0; 2 wrong use; 3 the state cannot be had here, with `cannot: WHAT: WHY` on stderr (a test skips with it).
// However it ends, children die with it and its file and segment are removed; only SIGKILL leaves file and segment. Mounts
// are the test's to undo, but for those in a namespace of a child, which end with it; and so is the size of the pool.
//
// A mapping is --pages long (4) and reserves them; --touch of them (all) are written. --path is a file to be made on a
// hugetlbfs mount whose page size is --size (2 MiB); of `mountns` it is a folder.
#include "holder.h"

#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

struct options options = {.size = 2 << 20, .pages = 4, .touch = SIZE_MAX, .node = -1, .children = 1};
struct told *told;

static const struct kind {
    const char *name;
    void (*setUp)(void);
    void (*steps[3])(void);      // what `step` does, in turn
    void (*untilInput)(void);    // done again and again while no order waits
    size_t span;                 // bytes to map, where it is not for --pages to say
    size_t stride;               // touches one page of so many, where that is not each
    bool leaderEnds, needsPath;  // the main thread ends first; --path must be given
} kinds[] = {
    {.name = "private", .setUp = mapPrivate},
    // Nothing is reserved for what is not touched.
    {.name = "noreserve", .setUp = mapNoReserve},
    {.name = "shared", .setUp = mapShared},
    // Only a child that has ended has touched the shared pages.
    {.name = "shared-by-the-dead", .setUp = mapSharedTouchedByTheDead},
    // The pages stay in the file after munmap (1), behind the descriptor after unlink (2); close (3) frees them.
    {.name = "file", .setUp = mapFile, .steps = {unmap, unlinkFile, closeFile}, .needsPath = true},
    // After munmap (1) and close (2) only its name holds the pages.
    {.name = "orphan", .setUp = mapFile, .steps = {unmap, closeFile}, .needsPath = true},
    // After munmap (1) its descriptor is a read-only one.
    {.name = "readonly", .setUp = mapFile, .steps = {unmapAndKeepReadOnly}, .needsPath = true},
    // --touch pages of the file, every other one; after munmap of the second half (1) those there are held.
    {.name = "sparse", .setUp = mapSparse, .steps = {unmapSecondHalf}, .stride = 2, .needsPath = true},
    // A file of --uid's. After munmap, unlink and close (1) only a child of root's holds the pages.
    {.name = "handed", .setUp = mapAndHand, .steps = {leaveToChild}, .needsPath = true},
    // After munmap (1) the mount goes (2) from its folder, and the descriptor keeps both.
    {.name = "detached", .setUp = mapFile, .steps = {unmap, detachMount}, .needsPath = true},
    // A child leaves the file `data` on a hugetlbfs over the folder --path in a mount namespace of its own.
    {.name = "mountns", .setUp = leaveFileInMountNamespace, .needsPath = true},
    // After munmap (1) only the descriptor holds the pages.
    {.name = "memfd", .setUp = mapMemfd, .steps = {unmap}},
    // The same, and nobody may write to it any more.
    {.name = "sealed", .setUp = mapMemfd, .steps = {unmapAndSeal}},
    // The same, and the descriptor is in the table of one thread only.
    {.name = "thread-files", .setUp = mapInThread, .steps = {unmap}},
    // A memfd sent to a child that never receives it; after munmap and close (1) it is nowhere else.
    {.name = "inflight", .setUp = mapAndSend, .steps = {leaveToSocket}},
    // After munmap (1) io_uring alone keeps the --touch pages that are registered with it.
    {.name = "iouring", .setUp = registerPrivate, .steps = {unmap}},
    {.name = "iouring-shared", .setUp = registerShared, .steps = {unmap}},
    // After munmap (1) a pipe alone keeps the pages.
    {.name = "vmsplice", .setUp = spliceToPipe, .steps = {unmap}},
    // --children that share the pages by fork and touch nothing.
    {.name = "fork", .setUp = mapPrivateAndFork},
    // --children that write to the same shared pages.
    {.name = "forkshared", .setUp = mapSharedAndFork},
    // 1 GiB of a memfd in one page table of two processes; only the parent touches more than page 0.
    {.name = "pmdshared", .setUp = mapPmdShared, .span = pmdTableSpan},
    // The leader is a zombie, the thread that serves stdin has the pages.
    {.name = "zombie", .setUp = mapUnderZombie, .leaderEnds = true},
    // Two processes with one address space.
    {.name = "vfork", .setUp = mapAndShareMemory},
    // After shmdt (1) nobody is attached and the segment holds the pages.
    {.name = "sysv", .setUp = attachSegment, .steps = {detachSegment}},
    // A child leaves a segment to which nobody is attached in an IPC namespace of its own.
    {.name = "ipcns", .setUp = leaveSegmentInIPCNamespace},
    // --touch pages of the file and half as many copies.
    {.name = "cow", .setUp = mapCopyOnWrite, .needsPath = true},
    // Transparent huge pages, no hugetlb.
    {.name = "thp", .setUp = mapTransparent},
    // --children at a time that come, touch a page and go.
    {.name = "exit-race", .setUp = beginExitRace, .untilInput = keepExitRace},
    // Faults and unmaps --touch pages without a rest.
    {.name = "resize-fault", .setUp = faultAndUnmap, .untilInput = keepFaulting},
    // --children that at random map up to --pages, private, shared or of a memfd, fork, touch, unmap and exit.
    {.name = "churn", .setUp = beginChurn, .untilInput = keepChurning},
    // Makes the pool --pages large, and then at random half of it to all.
    {.name = "resize", .setUp = beginResizing, .untilInput = keepResizing},
};
static const struct kind *kind;

static void announce(void) {
    printf("ready pid=%d", owner);
    if (address) printf(" address=%p", (void *)address);
    if (file >= 0) printf(" fd=%d", file);
    for (int i = 0; i < childCount; i++) printf("%s%d", i == 0 ? " child=" : ",", children[i]);
    if (thread) printf(" thread=%d", thread);
    if (segment >= 0) printf(" shmid=%d", segment);
    if (told->segment >= 0) printf(" childshmid=%d", told->segment);
    printf("\n");
    fflush(stdout);
}

static bool inputWaits(void) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, 0) > 0;
}

static void *serve(void *unused) {
    (void)unused;
    char line[16];
    size_t step = 0;
    kind->setUp();
    announce();
    for (;;) {
        while (kind->untilInput && !inputWaits()) kind->untilInput();
        if (!fgets(line, sizeof line, stdin) || strcmp(line, "quit\n") == 0) break;
        if (strcmp(line, "step\n") == 0 && step < 3 && kind->steps[step]) {
            kind->steps[step++]();
            puts("stepped");
        } else {
            puts("no such step");
        }
        fflush(stdout);
    }
    undo();
    exit(0);
}

// MARK: - Arguments

static _Noreturn void refuse(const char *why) {
    fprintf(stderr, "holder: %s\nusage: holder KIND [--size BYTES] [--pages N] [--touch N] [--node N] [--path PATH] "
                    "[--uid N] [--children N] [--name COMM]\nkinds:", why);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) fprintf(stderr, " %s", kinds[i].name);
    fprintf(stderr, "\n");
    exit(2);
}

static size_t number(size_t least, size_t most) {
    char *end;
    errno = 0;
    unsigned long value = strtoul(optarg, &end, 10);
    if (errno || *end || *optarg < '0' || *optarg > '9') refuse("a number is wanted");
    if (value < least || value > most) refuse("a number is out of range");
    return value;
}

// The bytes that C-like escapes mean: \n, \t, \r, \\ and \xHH.
static const char *unescape(char *text) {
    char *out = text;
    for (const char *in = text; *in; in++) {
        unsigned byte;
        if (*in != '\\') {
            *out++ = *in;
        } else if (sscanf(in, "\\x%2x", &byte) == 1) {
            *out++ = (char)byte;
            in += 3;
        } else {
            switch (*++in) {
            case 'n': *out++ = '\n'; break;
            case 't': *out++ = '\t'; break;
            case 'r': *out++ = '\r'; break;
            case '\\': *out++ = '\\'; break;
            default: refuse("--name has an escape other than \\n \\t \\r \\\\ \\xHH");
            }
        }
    }
    *out = 0;
    return text;
}

static void parse(int count, char **arguments) {
    static const struct option names[] = {
        {"size", required_argument, NULL, 's'},  {"pages", required_argument, NULL, 'p'},
        {"touch", required_argument, NULL, 't'}, {"node", required_argument, NULL, 'n'},
        {"path", required_argument, NULL, 'f'},  {"uid", required_argument, NULL, 'u'},
        {"name", required_argument, NULL, 'm'},  {"children", required_argument, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(count, arguments, "", names, NULL)) != -1;) {
        switch (option) {
        case 's': options.size = number(4096, 1UL << 40); break;
        case 'p': options.pages = number(1, 1 << 20); break;
        case 't': options.touch = number(0, 1 << 20); break;
        case 'n': options.node = (int)number(0, maxNodes - 1); break;
        case 'f': options.path = optarg; break;
        case 'u': options.uid = (uid_t)number(0, UINT32_MAX - 1); break;
        case 'c': options.children = (int)number(0, maxChildren); break;
        case 'm': options.name = unescape(optarg); break;
        default: refuse("unknown option");
        }
    }
    for (size_t i = 0; optind == count - 1 && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, arguments[optind]) == 0) kind = &kinds[i];
    if (!kind) refuse("one KIND is wanted");
    if (kind->needsPath && !options.path) refuse("this kind wants --path");
    if (options.size & (options.size - 1)) refuse("--size is a power of two");
    size_t stride = kind->stride ? kind->stride : 1;
    if (options.touch == SIZE_MAX) options.touch = options.pages / stride;
    length = kind->span ? kind->span : options.pages * options.size;
    if (stride * options.touch * options.size > length) refuse("--touch is more than is mapped");
}

int main(int count, char **arguments) {
    parse(count, arguments);
    owner = getpid();
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (told == MAP_FAILED) fail("mmap");
    told->segment = -1;
    static const int fatal[] = {SIGBUS, SIGHUP, SIGINT, SIGPIPE, SIGTERM};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) signal(fatal[i], atSignal);
    if (options.name) prctl(PR_SET_NAME, options.name);
    setvbuf(stdin, NULL, _IONBF, 0);  // or poll would not see a line that stdio already took
    if (kind->leaderEnds) {
        pthread_t server;
        errno = pthread_create(&server, NULL, serve, NULL);
        if (errno) fail("pthread_create");
        syscall(SYS_exit, 0);
    }
    serve(NULL);
}
