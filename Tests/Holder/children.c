// Children die with their parent, whatever ends it.
#include "holder.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>

// To be called again after a change of credentials, with which the kernel forgets it.
void dieWithParent(pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(3);  // it ended before the call
}

_Noreturn void waitToBeKilled(void) {
    for (;;) pause();
}

// As fork, for the process that calls it, whoever that is.
pid_t forkChild(void) {
    pid_t parent = getpid(), child = fork();
    if (child < 0) fail("fork");
    if (child == 0) dieWithParent(parent);
    return child;
}

// Forks a child that does `work`, if any, and then pauses; returns when the work is done.
void spawn(void (*work)(void)) {
    int done[2];
    char byte;
    if (pipe2(done, O_CLOEXEC)) fail("pipe");
    pid_t child = forkChild();
    if (child == 0) {
        close(done[0]);
        if (work) work();
        if (write(done[1], "", 1) != 1) _exit(3);
        close(done[1]);
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

// --children of them.
void spawnChildren(void (*work)(void)) {
    for (int i = 0; i < options.children; i++) spawn(work);
}
