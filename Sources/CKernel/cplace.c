#define _GNU_SOURCE
#include "cplace.h"
#include "cprobe.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <unistd.h>

/* The child was forked from a program with many threads: from fork to _exit there are only calls that a signal handler may
 * make, no allocation and no lock. All of this is the child's own copy. */
static struct {
    int pipe;
    uint32_t job;
    /* Its IPC namespace at first, and the one that it has entered; -1 where it need not know, or has entered none. */
    int home, entered;
    unsigned records;
    struct cplace_record record[1024];
} child = {.home = -1, .entered = -1};

// MARK: - What it says

void cplace_send(void) {
    const char *next = (const char *)child.record;
    size_t left = child.records * sizeof *child.record;
    while (left) {
        ssize_t count = write(child.pipe, next, left);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) _exit(1);
        next += count;
        left -= (size_t)count;
    }
    child.records = 0;
}

void cplace_add(enum cplace_kind kind, uint64_t value) {
    if (child.records == sizeof child.record / sizeof *child.record) cplace_send();
    child.record[child.records++] = (struct cplace_record){.job = child.job, .kind = kind, .value = value};
}

void cplace_add_text(enum cplace_kind kind, const char *text, size_t length) {
    for (size_t i = 0; i < length; i += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, text + i, length - i < sizeof word ? length - i : sizeof word);
        cplace_add(kind, word);
    }
}

char *cplace_append(char *end, uint64_t value, unsigned base) {
    if (value >= base) end = cplace_append(end, value / base, base);
    *end = "0123456789abcdef"[value % base];
    return end + 1;
}

// MARK: - What it does

static const char *enter(int namespace) {
    if (namespace == child.entered) return NULL;
    if (child.home < 0) child.home = open("/proc/self/ns/ipc", O_RDONLY | O_CLOEXEC);
    if (child.home < 0) return "/proc/self/ns/ipc";
    if (setns(namespace < 0 ? child.home : namespace, CLONE_NEWIPC)) return "setns";
    child.entered = namespace;
    return NULL;
}

/* With kernel.shm_rmid_forced a segment goes when its last user detaches, which would be us where there is no other. */
static const char *wouldRemoveIt(void) {
    int file = open("/proc/sys/kernel/shm_rmid_forced", O_RDONLY | O_CLOEXEC);
    char digit = '1';
    bool isRead = file >= 0 && read(file, &digit, 1) == 1;
    int error = errno;
    if (file >= 0) close(file);
    errno = isRead ? 0 : error;
    if (!isRead) return "/proc/sys/kernel/shm_rmid_forced";
    return digit == '0' ? NULL : "kernel.shm_rmid_forced would remove it after a look at it";
}

/* The file of the mapping at `start`, which ends where a page of its size ends; any size may be it. */
static int openMapping(uint64_t start, uint64_t length) {
    uint64_t last = 0;
    for (uint64_t page = (uint64_t)getpagesize(); page && page <= 1ULL << 40; page *= 2) {
        uint64_t rounded = (length + page - 1) / page * page;
        if (rounded == last) continue;
        last = rounded;
        char path[64] = "/proc/self/map_files/";
        char *end = cplace_append(path + strlen(path), start, 16);
        *end++ = '-';
        *cplace_append(end, start + rounded, 16) = 0;
        int file = open(path, O_PATH | O_CLOEXEC);
        if (file >= 0 || errno != ENOENT) return file;
    }
    return -1;
}

/* userfaultfd is refused on an attached segment, so its file is looked at instead. */
static const char *placeSegment(int id, uint64_t mostProbes) {
    struct shmid_ds segment;
    if (shmctl(id, IPC_STAT, &segment)) return "shmctl";
    const char *refused = segment.shm_nattch ? NULL : wouldRemoveIt();
    if (refused) return refused;
    void *address = shmat(id, NULL, SHM_RDONLY);
    if (address == (void *)-1) return "shmat";
    int file = openMapping((uintptr_t)address, segment.shm_segsz);
    int error = errno;
    if (shmdt(address)) return "shmdt";
    errno = error;
    if (file < 0) return "/proc/self/map_files";
    refused = cprobe_file(file, mostProbes);
    error = errno;
    close(file);
    errno = error;
    return refused;
}

static const char *copyTable(void) {
    int file = open("/proc/sysvipc/shm", O_RDONLY | O_CLOEXEC);
    if (file < 0) return "open";
    char text[4096];
    ssize_t count;
    while ((count = read(file, text, sizeof text)) > 0) cplace_add_text(CPLACE_TEXT, text, (size_t)count);
    int error = errno;
    close(file);
    errno = error;
    return count < 0 ? "read" : NULL;
}

static const char *perform(const struct cplace_job *job, uint64_t mostProbes) {
    if (job->source == CPLACE_FILE) return cprobe_file(job->id, mostProbes);
    if (job->source == CPLACE_FILESYSTEM) return cprobe_filesystem(job->id);
    const char *refused = enter(job->ipc_namespace);
    if (refused) return refused;
    return job->source == CPLACE_SEGMENT ? placeSegment(job->id, mostProbes) : copyTable();
}

/* Signals do what they do by default, it dies with its parent and in time, and leaves no core file: a limit of 1 forbids one
 * to a core_pattern with a pipe, too. */
static void settle(pid_t parent, unsigned seconds) {
    for (int number = 1; number <= SIGRTMAX; number++) signal(number, SIG_DFL);
    alarm(seconds);
    prctl(PR_SET_NAME, "hugeaudit-place");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    setrlimit(RLIMIT_CORE, &(struct rlimit){1, 1});
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool isNeeded(int descriptor, const struct cplace_job *jobs, uint32_t count) {
    if (descriptor == child.pipe) return true;
    for (uint32_t i = 0; i < count; i++) {
        bool isFile = jobs[i].source == CPLACE_FILE || jobs[i].source == CPLACE_FILESYSTEM;
        if ((isFile && jobs[i].id == descriptor) || jobs[i].ipc_namespace == descriptor) return true;
    }
    return false;
}

static _Noreturn void performAll(const struct cplace_job *jobs, uint32_t count, uint64_t mostProbes) {
    for (uint32_t i = 0; i < count; i++) {
        child.job = i;
        const char *refused = perform(&jobs[i], mostProbes);
        int error = refused ? errno : 0;
        if (refused) cplace_add_text(CPLACE_REASON, refused, strlen(refused));
        cplace_add(CPLACE_END, (uint64_t)error);
        cplace_send();
    }
    _exit(0);
}

pid_t cplace_start(
    const struct cplace_job *jobs, uint32_t count, uint64_t most_probes, unsigned seconds, int *records) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return -1;
    // No handler of the parent's may run in the child.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        settle(parent, seconds);
        close(ends[0]);
        child.pipe = ends[1];
        // Who reads the parent's output to its end must not wait for a child that hangs.
        for (int standard = 0; standard <= 2; standard++)
            if (!isNeeded(standard, jobs, count)) close(standard);
        performAll(jobs, count, most_probes);
    }
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (pid < 0) close(ends[0]);
    *records = pid < 0 ? -1 : ends[0];
    errno = error;
    return pid < 0 ? -2 : pid;
}
