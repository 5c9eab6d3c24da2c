// `idle N [D]`: forks N processes that have D descriptors each (3) and do nothing, prints `ready`, and waits to be killed;
// they end with it.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 0;
    int descriptors = argc > 2 ? atoi(argv[2]) : 3;
    if (count <= 0 || descriptors < 3) return fprintf(stderr, "usage: idle N [D]\n"), 2;
    while (open("/dev/null", O_RDONLY) < descriptors - 1) continue;
    pid_t parent = getpid();
    for (int i = 0; i < count; i++) {
        pid_t child = fork();
        if (child < 0) return perror("fork"), 1;
        if (child > 0) continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) pause();
        return 0;
    }
    puts("ready");
    fflush(stdout);
    pause();
}
