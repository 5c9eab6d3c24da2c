// `stride ROUNDS`: reads the 8 bytes of every 512th frame of /proc/kpageflags, as the audit does where the smallest
// huge page is 2 MiB, and prints for each round how many reads there were and the nanoseconds of one: the raw cost.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(int argc, char **argv) {
    int rounds = argc == 2 ? atoi(argv[1]) : 0;
    if (rounds <= 0) return fprintf(stderr, "usage: stride ROUNDS\n"), 2;
    int flags = open("/proc/kpageflags", O_RDONLY);
    if (flags < 0) return perror("/proc/kpageflags"), 1;
    for (int round = 0; round < rounds; round++) {
        uint64_t word;
        off_t reads = 0;
        double start = now();
        while (pread(flags, &word, sizeof word, reads * 512 * (off_t)sizeof word) == sizeof word) reads++;
        printf("%jd %.1f\n", (intmax_t)reads, (now() - start) / (double)reads);
    }
}
