#define _GNU_SOURCE
#include "cbeneath.h"

#include "cfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of include/uapi/linux/openat2.h, 5.6 and newer; RESOLVE_CACHED 5.12. */
struct how {
    uint64_t flags;
    uint64_t mode;
    uint64_t resolve;
};
enum {
    RESOLVE_NO_XDEV = 0x01,
    RESOLVE_NO_MAGICLINKS = 0x02,
    RESOLVE_NO_SYMLINKS = 0x04,
    RESOLVE_BENEATH = 0x08,
    RESOLVE_IN_ROOT = 0x10,
    RESOLVE_CACHED = 0x20,
};
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

/* Whether each name of `path` leads one folder down. */
static bool leads_down(const char *path) {
    for (;;) {
        size_t length = strcspn(path, "/");
        if (length <= 2 && strspn(path, ".") >= length) return false;
        if (!path[length]) return true;
        path += length + 1;
    }
}

static int closed(int file, int error) {
    close(file);
    errno = error;
    return -1;
}

/* One name in `folder`, whatever it is. */
static int open_name(int folder, const char *name, bool crosses) {
    int file = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0) return -1;
    struct cfiles_status above, status;
    if (cfiles_status(file, "", 0, &status)) return closed(file, errno);
    if (!crosses) {
        if (cfiles_status(folder, "", 0, &above)) return closed(file, errno);
        if (status.mount != above.mount || status.device_major != above.device_major
            || status.device_minor != above.device_minor)
            return closed(file, EXDEV);
    }
    if (S_ISLNK(status.mode)) return closed(file, ELOOP);
    return file;
}

static int open_stepwise(int folder, const char *path, bool crosses) {
    int at = folder;
    for (;;) {
        size_t length = strcspn(path, "/");
        char name[NAME_MAX + 1];
        int next = -1;
        if (length < sizeof name) {
            memcpy(name, path, length);
            name[length] = 0;
            next = open_name(at, name, crosses);
        } else {
            errno = ENAMETOOLONG;
        }
        if (at != folder) closed(at, errno);
        if (next < 0 || !path[length]) return next;
        at = next;
        path += length + 1;
    }
}

int cbeneath_open_root(const char *path) {
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int cbeneath_open_in_root(const char *root, const char *path) {
    int folder = cbeneath_open_root(root);
    if (folder < 0) return -1;
    struct how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    bool is_all = !strcmp(root, "/");
    int file, tries = 100;
    /* EAGAIN: something was renamed or mounted while the kernel followed a `..`. */
    do
        file = is_all ? openat(folder, path, O_PATH | O_CLOEXEC)
                      : (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
    while (file < 0 && errno == EAGAIN && --tries);
    int error = errno;
    close(folder);
    errno = error;
    return file;
}

int cbeneath_open(int folder, const char *path, int flags) {
    bool crosses = flags & CBENEATH_CROSS_MOUNTS, cached = flags & CBENEATH_CACHED;
    path += strspn(path, "/");
    if (crosses && !*path) return openat(folder, ".", O_PATH | O_CLOEXEC);
    if (!leads_down(path) || (!crosses && strchr(path, '/'))) {
        errno = EINVAL;
        return -1;
    }
    if (!(flags & CBENEATH_STEPWISE)) {
        struct how how = {
            .flags = O_PATH | O_CLOEXEC,
            .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | (cached ? RESOLVE_CACHED : 0)
                | (crosses ? RESOLVE_IN_ROOT : RESOLVE_BENEATH | RESOLVE_NO_XDEV),
        };
        int file = (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
        /* EINVAL: a kernel that does not know RESOLVE_CACHED. */
        if (file < 0 && cached && errno == EINVAL) errno = EAGAIN;
        if (file >= 0 || (errno != ENOSYS && errno != EPERM && errno != ENAMETOOLONG)) return file;
    }
    if (cached) {
        errno = EAGAIN;
        return -1;
    }
    return open_stepwise(folder, path, crosses);
}

int cbeneath_open_for_listing(int folder) {
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    int file = openat(folder, ".", flags | O_NOATIME);
    return file < 0 && errno == EPERM ? openat(folder, ".", flags) : file;
}
