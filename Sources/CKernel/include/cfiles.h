/* File calls that Swift cannot reach: statx(2), openat2(2) and statfs(2) as the search for holders uses them. */
#ifndef CFILES_H
#define CFILES_H

#include <stdint.h>

/* Part of struct statx. */
struct cfiles_status {
    uint32_t device_major;
    uint32_t device_minor;
    /* Of a character or block device: its own number. */
    uint32_t special_major;
    uint32_t special_minor;
    uint64_t inode;
    uint64_t length;
    uint64_t blocks;
    int64_t modified;
    uint32_t mode;
    uint32_t links;
    uint32_t owner;
    uint32_t block_size;
    /* As in mountinfo; 0 before kernel 5.8, which does not tell. */
    uint64_t mount;
};

/* statx(2) of `name` in `folder`; of `folder` itself where `name` is empty. `follows` is 0 for the link itself, which a
 * magic link of /proc/PID/fd is too. Never asks a server or a FUSE daemon, which might not answer: AT_STATX_DONT_SYNC. Never
 * mounts: AT_NO_AUTOMOUNT. Returns 0, or -1 with errno. */
int cfiles_status(int folder, const char *name, int follows, struct cfiles_status *status);

/* Whether `file`, which may be an O_PATH descriptor, lies on hugetlbfs: 1 with its page size in bytes, 0, or -1 with errno. */
int cfiles_is_hugetlbfs(int file, uint64_t *page_size);

#endif
