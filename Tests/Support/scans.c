// Preloaded into a program, it writes a line `TID START END MAX_PAGES REACHED REGIONS` for each PAGEMAP_SCAN to the file
// that SCANS names; all but the first are hexadecimal. strace before 6.8 does not know the call.
// Source: kernel include/uapi/linux/fs.h.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { magic = 'f', number = 16 };

int ioctl(int descriptor, unsigned long request, ...) {
    va_list rest;
    va_start(rest, request);
    uint64_t *argument = va_arg(rest, uint64_t *);
    va_end(rest);
    int answer = (int)syscall(SYS_ioctl, descriptor, request, argument);
    int why = errno;
    const char *path = getenv("SCANS");
    if (_IOC_TYPE(request) != magic || _IOC_NR(request) != number || !path) return answer;
    char line[128];
    // Of pm_scan_arg: size, flags, start, end, walk_end, vec, vec_len, max_pages.
    // The kernel was seen to say that it stopped short of the last region that it gave.
    const uint64_t *regions = (const uint64_t *)argument[5];
    uint64_t reached = argument[4], last = answer > 0 ? regions[3 * answer - 2] : 0;
    if (reached < last) reached = last;
    const char *format = "%d %lx %lx %lx %lx %x\n";
    int length =
        snprintf(line, sizeof line, format, gettid(), argument[2], argument[3], argument[7], reached, answer);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0 || write(log, line, (size_t)length) != length) abort();
    close(log);
    errno = why;
    return answer;
}
