// The end, wanted or not.
#include "holder.h"

#include <signal.h>
#include <sys/shm.h>
#include <sys/wait.h>

pid_t owner;
char *address;
size_t length;
int file = -1, segment = -1;
pid_t thread;
const char *madePath;
pid_t children[maxChildren];
int childCount;

// Only what a signal handler may call. In a child it does nothing: what it inherited is its parent's to undo.
void undo(void) {
    if (getpid() != owner) return;
    for (int i = 0; i < childCount; i++) kill(children[i], SIGKILL);
    for (int i = 0; i < childCount; i++) waitpid(children[i], NULL, 0);
    if (madePath) unlink(madePath);
    if (segment >= 0) shmctl(segment, IPC_RMID, NULL);
}

_Noreturn void fail(const char *what) {
    fprintf(stderr, "cannot: %s: %s\n", what, strerror(errno));
    undo();
    _exit(3);
}

// SIGBUS is how the kernel says at the first touch that no page is free on the node of the policy.
void atSignal(int signal) {
    static const char noPage[] = "cannot: touch a page: Cannot allocate memory\n";
    if (signal == SIGBUS && write(STDERR_FILENO, noPage, sizeof noPage - 1) < 0) _exit(3);
    undo();
    _exit(signal == SIGBUS ? 3 : 128 + signal);
}
