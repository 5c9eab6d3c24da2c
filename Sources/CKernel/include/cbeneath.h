/* Opening what lies in folders that somebody else arranges, without being led out of them: openat2(2), and a way that does
 * without it. */
#ifndef CBENEATH_H
#define CBENEATH_H

/* Mount points on the way may be crossed. Without this, one name in `folder` is opened, on the same mount. */
static const int CBENEATH_CROSS_MOUNTS = 1;
/* Only where no filesystem has to be asked, which might be a FUSE daemon that never answers: EAGAIN otherwise. */
static const int CBENEATH_CACHED = 2;
/* Does without openat2(2), as on kernels before 5.6 and where seccomp forbids it. */
static const int CBENEATH_STEPWISE = 4;

/* Opens with O_PATH the folder that `path` leads to, through links, as /proc/PID/root is one. Returns a descriptor, or -1
 * with errno. */
int cbeneath_open_root(const char *path);

/* Opens with O_PATH what `path` leads to for a process whose root is the folder `root`: through links, which do not leave
 * it. Needs openat2(2) where `root` is not "/". Returns a descriptor, or -1 with errno. */
int cbeneath_open_in_root(const char *root, const char *path);

/* Opens `path` below `folder` with O_PATH: anything but a link. Links of any kind are refused, on the way and at its end:
 * ELOOP. So are `..`, `.` and empty names: EINVAL. Slashes at the start are left out; a path of nothing else is `folder`
 * itself where mounts may be crossed. What lies on another mount where they may not: EXDEV. Returns a descriptor, or -1
 * with errno. */
int cbeneath_open(int folder, const char *path, int flags);

/* Opens the folder that `folder`, which may be an O_PATH descriptor, is for listing. Its access time stays, where the
 * system permits that. Returns a descriptor, or -1 with errno. */
int cbeneath_open_for_listing(int folder);

#endif
