#include "cstart.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

/* Until its exec the child has the caller's memory and the caller waits: so it can leave its errno there. Signals stay as
 * the caller has them blocked until all of it is done. */
pid_t cstart(char *const arguments[], const sigset_t *blocked, bool ignores_pipe, bool ignores_child) {
    volatile int failure = 0;
    pid_t child = vfork();
    if (child == 0) {
        signal(SIGPIPE, ignores_pipe ? SIG_IGN : SIG_DFL);
        signal(SIGCHLD, ignores_child ? SIG_IGN : SIG_DFL);
        sigprocmask(SIG_SETMASK, blocked, NULL);
        execvp(arguments[0], arguments);
        failure = errno;
        _exit(127);
    }
    if (child > 0 && failure != 0) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
        errno = failure;
        return -1;
    }
    return child;
}
