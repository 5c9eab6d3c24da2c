// Opens, reads once and closes /proc/PID/status of every process, and prints how many: the least that an audit of all
// processes can cost. It looks at nothing that it reads.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
    DIR *processes = opendir("/proc");
    if (!processes) return perror("/proc"), 1;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(processes));) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
        char path[300], status[8192];
        snprintf(path, sizeof path, "/proc/%s/status", entry->d_name);
        int file = open(path, O_RDONLY);
        if (file < 0) continue;  // it has ended
        count += read(file, status, sizeof status) > 0;
        close(file);
    }
    printf("%d\n", count);
}
