// Makes one state of huge pages, says `ready`, and keeps it until stdin ends: what the live tests look at.
//
//   holder KIND [--size BYTES] [--pages N] [--touch N] [--node N] [--path FILE] [--children N] [--name COMM]
//
// Output: one line `ready pid=PID address=0x… child=PID,… thread=TID shmid=ID`, with the keys that apply.
// Input:  `step` makes the kind's next change and answers `stepped`; `quit` or the end of input undoes everything.
// Exit:   0; 2 wrong use; 3 the state cannot be had here, with `cannot: WHAT: WHY` on stderr (a test skips with it).
// However it ends, children die with it and its file and segment are removed; only SIGKILL leaves file and segment.
//
// A mapping is --pages long (4) and reserves them; --touch of them (all) are written. The file of `file` and `cow` is
// made anew on a hugetlbfs mount whose page size is --size (2 MiB).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/magic.h>
#include <linux/mempolicy.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { hugeShift = 26, maxChildren = 64, maxNodes = 1024, pmdTableSpan = 1 << 30 };

static struct {
    size_t size, pages, touch;
    int node;  // −1: wherever the kernel likes
    const char *path, *name;
    int children;
} options = {.size = 2 << 20, .pages = 4, .touch = SIZE_MAX, .node = -1, .children = 1};

// What was made and must be undone.
static pid_t owner;
static char *address;
static size_t length;
static int file = -1, segment = -1;
static pid_t thread;
static const char *madePath;
static pid_t children[maxChildren];
static int childCount;

// MARK: - The end, wanted or not

// Only what a signal handler may call. In a child it does nothing: what it inherited is its parent's to undo.
static void undo(void) {
    if (getpid() != owner) return;
    for (int i = 0; i < childCount; i++) kill(children[i], SIGKILL);
    for (int i = 0; i < childCount; i++) waitpid(children[i], NULL, 0);
    if (madePath) unlink(madePath);
    if (segment >= 0) shmctl(segment, IPC_RMID, NULL);
}

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "cannot: %s: %s\n", what, strerror(errno));
    undo();
    _exit(3);
}

// SIGBUS is how the kernel says at the first touch that no page is free on the node of the policy.
static void atSignal(int signal) {
    static const char noPage[] = "cannot: touch a page: Cannot allocate memory\n";
    if (signal == SIGBUS && write(STDERR_FILENO, noPage, sizeof noPage - 1) < 0) _exit(3);
    undo();
    _exit(signal == SIGBUS ? 3 : 128 + signal);
}

// MARK: - Mapping and touching

// The page size as mmap, memfd_create and shmget all take it: its base-2 logarithm in bits 26–31.
static int sizeFlag(void) { return __builtin_ctzl(options.size) << hugeShift; }

static void bindToNode(void) {
    if (options.node < 0) return;
    unsigned long mask[maxNodes / 64] = {0};
    mask[options.node / 64] = 1UL << options.node % 64;
    if (syscall(SYS_mbind, address, length, MPOL_BIND, mask, maxNodes + 1, 0)) fail("mbind");
}

static bool canMap(void *where, int flags) {
    address = mmap(where, length, PROT_READ | PROT_WRITE, flags, file, 0);
    if (address == MAP_FAILED) return false;
    bindToNode();
    return true;
}

static void map(void *where, int flags) {
    if (!canMap(where, flags)) fail("mmap");
}

static void writePages(size_t count) {
    for (size_t i = 0; i < count; i++) *(volatile char *)(address + i * options.size) = 1;
}

static void readPages(size_t count) {
    for (size_t i = 0; i < count; i++) (void)*(volatile char *)(address + i * options.size);
}

static void unmap(void) {
    if (munmap(address, length)) fail("munmap");
}

static void createFile(void) {
    file = open(options.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) fail("create the file of --path");
    madePath = options.path;
    struct statfs filesystem;
    if (fstatfs(file, &filesystem)) fail("fstatfs");
    if (filesystem.f_type != HUGETLBFS_MAGIC || (size_t)filesystem.f_bsize != options.size) {
        errno = EMEDIUMTYPE;
        fail("find a hugetlbfs mount of this --size at --path");
    }
    if (ftruncate(file, (off_t)length)) fail("ftruncate");
}

static void unlinkFile(void) {
    if (unlink(madePath)) fail("unlink");
    madePath = NULL;
}

static void closeFile(void) {
    close(file);
    file = -1;
}

static void createMemfd(void) {
    file = memfd_create("holder", MFD_CLOEXEC | MFD_HUGETLB | (unsigned)sizeFlag());
    if (file < 0) fail("memfd_create");
    if (ftruncate(file, (off_t)length)) fail("ftruncate");
}

// MARK: - Children

static void dieWithParent(pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(3);  // it ended before the call
}

static _Noreturn void waitToBeKilled(void) {
    for (;;) pause();
}

// Forks a child that does `work`, if any, and then pauses; returns when the work is done.
static void spawn(void (*work)(void)) {
    int done[2];
    char byte;
    if (pipe2(done, O_CLOEXEC)) fail("pipe");
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        dieWithParent(owner);
        if (work) work();
        if (write(done[1], "", 1) != 1) _exit(3);
        waitToBeKilled();
    }
    children[childCount++] = child;
    close(done[1]);
    if (read(done[0], &byte, 1) != 1) {
        errno = ECHILD;
        fail("set up a child");
    }
    close(done[0]);
}

// MARK: - The kinds

static int privateFlags(void) { return MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | sizeFlag(); }

static void mapPrivate(void) {
    map(NULL, privateFlags());
    writePages(options.touch);
}

static void mapShared(void) {
    map(NULL, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | sizeFlag());
    writePages(options.touch);
}

static void mapFile(void) {
    createFile();
    map(NULL, MAP_SHARED);
    writePages(options.touch);
}

static void mapMemfd(void) {
    createMemfd();
    map(NULL, MAP_SHARED);
    writePages(options.touch);
}

static void mapPrivateAndFork(void) {
    mapPrivate();
    for (int i = 0; i < options.children; i++) spawn(NULL);
}

static void touchInChild(void) { writePages(options.touch); }

static void mapSharedAndFork(void) {
    mapShared();
    for (int i = 0; i < options.children; i++) spawn(touchInChild);
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

static void mapPmdShared(void) {
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

static void mapUnderZombie(void) {
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
static void mapAndShareMemory(void) {
    static char stack[64 << 10] __attribute__((aligned(16)));
    mapPrivate();
    pid_t child = clone(waitAsSharer, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
    if (child < 0) fail("clone");
    children[childCount++] = child;
    while (!sharerWaits) usleep(1000);
}

static void attachSegment(void) {
    segment = shmget(IPC_PRIVATE, length, IPC_CREAT | SHM_HUGETLB | sizeFlag() | 0600);
    if (segment < 0) fail("shmget");
    address = shmat(segment, NULL, 0);
    if (address == (void *)-1) fail("shmat");
    bindToNode();
    writePages(options.touch);
}

static void detachSegment(void) {
    if (shmdt(address)) fail("shmdt");
}

// Two kinds of pages under one private mapping: the file's own, read, and copies of the first half, written.
static void mapCopyOnWrite(void) {
    mapFile();
    unmap();
    map(NULL, MAP_PRIVATE);
    readPages(options.touch);
    writePages(options.touch / 2);
}

static void mapTransparent(void) {
    size_t wanted = length;
    length += options.size;  // room to begin at a page's boundary
    map(NULL, MAP_PRIVATE | MAP_ANONYMOUS);
    address += -(uintptr_t)address % options.size;
    length = wanted;
    if (madvise(address, length, MADV_HUGEPAGE)) fail("madvise(MADV_HUGEPAGE)");
    writePages(options.touch);
}

// One round: children that map, touch a page and end. False where one did not get its page.
static bool raceWithExits(void) {
    bool allGotPages = true;
    for (int i = 0; i < options.children; i++) {
        pid_t child = fork();
        if (child < 0) fail("fork");
        if (child == 0) {
            dieWithParent(owner);
            close(STDERR_FILENO);  // its exit status says enough, again and again
            mapPrivate();
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

static void beginExitRace(void) {
    options.touch = 1;
    if (!raceWithExits()) {
        errno = ENOMEM;
        fail("map in a child");
    }
}

static void keepExitRace(void) { raceWithExits(); }

static void faultAndUnmap(void) {
    mapPrivate();
    unmap();
}

// The pool may be too small for a while: others resize it meanwhile.
static void keepFaulting(void) {
    if (!canMap(NULL, privateFlags())) return;
    writePages(options.touch);
    unmap();
}

// MARK: - Taking orders

static const struct kind {
    const char *name;
    void (*setUp)(void);
    void (*steps[3])(void);      // what `step` does, in turn
    void (*untilInput)(void);    // done again and again while no order waits
    size_t span;                 // bytes to map, where it is not for --pages to say
    bool leaderEnds, needsPath;  // the main thread ends first; --path must be given
} kinds[] = {
    {.name = "private", .setUp = mapPrivate},
    {.name = "shared", .setUp = mapShared},
    // The pages stay in the file after munmap (1), behind the descriptor after unlink (2); close (3) frees them.
    {.name = "file", .setUp = mapFile, .steps = {unmap, unlinkFile, closeFile}, .needsPath = true},
    // After munmap (1) only the descriptor holds the pages.
    {.name = "memfd", .setUp = mapMemfd, .steps = {unmap}},
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
    // --touch pages of the file and half as many copies.
    {.name = "cow", .setUp = mapCopyOnWrite, .needsPath = true},
    // Transparent huge pages, no hugetlb.
    {.name = "thp", .setUp = mapTransparent},
    // --children at a time that come, touch a page and go.
    {.name = "exit-race", .setUp = beginExitRace, .untilInput = keepExitRace},
    // Faults and unmaps --touch pages without a rest.
    {.name = "resize-fault", .setUp = faultAndUnmap, .untilInput = keepFaulting},
};
static const struct kind *kind;

static void announce(void) {
    printf("ready pid=%d", owner);
    if (address) printf(" address=%p", (void *)address);
    for (int i = 0; i < childCount; i++) printf("%s%d", i == 0 ? " child=" : ",", children[i]);
    if (thread) printf(" thread=%d", thread);
    if (segment >= 0) printf(" shmid=%d", segment);
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
    fprintf(stderr, "holder: %s\nusage: holder KIND [--size BYTES] [--pages N] [--touch N] [--node N] [--path FILE] "
                    "[--children N] [--name COMM]\nkinds:", why);
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
        {"path", required_argument, NULL, 'f'},  {"children", required_argument, NULL, 'c'},
        {"name", required_argument, NULL, 'm'},  {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(count, arguments, "", names, NULL)) != -1;) {
        switch (option) {
        case 's': options.size = number(4096, 1UL << 40); break;
        case 'p': options.pages = number(1, 1 << 20); break;
        case 't': options.touch = number(0, 1 << 20); break;
        case 'n': options.node = (int)number(0, maxNodes - 1); break;
        case 'f': options.path = optarg; break;
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
    if (options.touch == SIZE_MAX) options.touch = options.pages;
    length = kind->span ? kind->span : options.pages * options.size;
    if (options.touch * options.size > length) refuse("--touch is more than is mapped");
}

int main(int count, char **arguments) {
    parse(count, arguments);
    owner = getpid();
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
