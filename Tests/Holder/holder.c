// Makes one state of huge pages, says `ready`, and keeps it until stdin ends: what the live tests look at.
//
//   holder KIND [--size BYTES] [--pages N] [--touch N] [--noreserve]
//               [--node N,… [--policy bind|interleave|preferred] | --spread N:PAGES,…] [--giants N,…] [--poison N]
//               [--path PATH] [--uid N] [--children N] [--name COMM] [--memory hugetlb|thp|base]
//               [--rule MODE[:N,…]] [--task-rule MODE[:N,…]] [--cpu N,…] [--parts NAME,…] [--thp BYTES] [--base BYTES]
//
// Kinds:  kinds.c says what each is.
// Output: one line `ready pid=PID address=0x… fd=N child=PID,… thread=TID shmid=ID childshmid=ID`, with the keys that
//         apply; `childshmid` is of the child's IPC namespace.
//         Kinds of several stretches of memory tell each as NAME=0xADDRESS+BYTES, and what they lack as left=NAME,…
// Input:  `step` makes the kind's next change and answers `stepped`; `quit` or the end of input undoes everything.
// Exit:   0; 2 wrong use; 3 the state cannot be had here, with `cannot: WHAT: WHY` on stderr (a test skips with it).
// However it ends, children die with it and its file and segment are removed; only SIGKILL leaves file and segment.
// Mounts are the test's to undo, but for those in a namespace of a child, which end with it; and so is the size of the
// pool.
//
// A mapping is --pages long (4) and reserves them, but for --noreserve; --touch of them (all) are written. --path is a
// file to be made on a hugetlbfs mount whose page size is --size (2 MiB); of `mountns` it is a folder.
//
// Pages come from --node, if it is given: --policy bind (from nowhere else), interleave, or preferred (the first). With
// `--spread 1:2,2:3`, instead of --node and --pages, two pages are bound to node 1 and the next three to node 2.
// --giants are the nodes of `sizes`. --poison N ends the setting up with a hardware error in page N (the first is 0) of
// what is mapped at `address`: MADV_HWPOISON, for kernels with memory failure; the page is lost until they boot again.
//
// Private and shared memory is hugetlb, but for --memory thp (transparent huge pages of --size) or base (4 KiB, none of
// them huge). --rule is the policy of what is mapped at `address` once it is touched: with --spread or --node pages
// lie where that policy would not put them. --task-rule is the process's own from the beginning, and --cpu where it
// runs. MODE is default, local, bind, interleave, preferred, preferred-many (Linux 5.15) or weighted-interleave (6.9).
#include "holder.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

struct told *told;
static const struct kind *kind;

static void announce(void) {
    printf("ready pid=%d", owner);
    if (address) printf(" address=%p", (void *)address);
    if (file >= 0) printf(" fd=%d", file);
    for (int i = 0; i < childCount; i++) printf("%s%d", i == 0 ? " child=" : ",", children[i]);
    if (thread) printf(" thread=%d", thread);
    if (segment >= 0) printf(" shmid=%d", segment);
    if (told->segment >= 0) printf(" childshmid=%d", told->segment);
    announceParts();
    printf("\n");
    fflush(stdout);
}

static bool inputWaits(void) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, 0) > 0;
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

static void setUp(void) {
    if (kind->leaderEnds) {
        thread = gettid();
        waitForLeaderToEnd();
    }
    bindCPUs();
    setTaskRule();
    kind->setUp();
    applyRule();
    if (options.poison != SIZE_MAX) poisonPage();
}

// Makes the next change, if there is one.
static bool canStep(void) {
    static size_t made;
    if (made == maxSteps || !kind->steps[made]) return false;
    kind->steps[made]();
    if (!kind->repeats) made++;
    return true;
}

static void answer(const char *text) {
    puts(text);
    fflush(stdout);
}

static void *serve(void *unused) {
    (void)unused;
    char line[16];
    setUp();
    if (!options.isExecuted) announce();
    if (options.isExecuted && !kind->untilInput) answer("stepped");
    for (;;) {
        while (kind->untilInput && !inputWaits()) kind->untilInput();
        if (!fgets(line, sizeof line, stdin) || strcmp(line, "quit\n") == 0) break;
        answer(strcmp(line, "step\n") == 0 && canStep() ? "stepped" : "no such step");
    }
    undo();
    exit(0);
}

int main(int count, char **arguments) {
    ownArguments = arguments;
    kind = parse(count, arguments);
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
