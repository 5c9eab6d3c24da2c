// `idle N [DESCRIPTORS]`: forks N processes that do nothing, with so many descriptors of files and devices besides the
// first three, prints `ready` when all have them, and waits to be killed; they end with it.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static int idle(int descriptors, int ready) {
    for (int i = 0; i < descriptors; i++)
        if (open(i % 2 ? "/dev/null" : "/proc/self/exe", O_RDONLY) < 0) return perror("open"), 1;
    if (write(ready, "", 1) != 1) return 1;
    close(ready);
    pause();
    return 0;
}

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 0, descriptors = argc == 3 ? atoi(argv[2]) : 0, ready[2];
    if (count <= 0 || descriptors < 0 || argc > 3) return fprintf(stderr, "usage: idle N [DESCRIPTORS]\n"), 2;
    if (pipe(ready)) return perror("pipe"), 1;
    pid_t parent = getpid();
    for (int i = 0; i < count; i++) {
        pid_t child = fork();
        if (child < 0) return perror("fork"), 1;
        if (child > 0) continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ready[0]);
        return getppid() == parent ? idle(descriptors, ready[1]) : 0;
    }
    close(ready[1]);
    for (int i = 0; i < count; i++)
        if (read(ready[0], &(char){0}, 1) != 1) return fprintf(stderr, "idle: a child has ended\n"), 1;
    puts("ready");
    fflush(stdout);
    pause();
}
