#define _GNU_SOURCE
#include "cfiles.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

int cfiles_status(int folder, const char *name, int follows, struct cfiles_status *status) {
    struct statx all;
    int flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | (*name ? 0 : AT_EMPTY_PATH) | (follows ? 0 : AT_SYMLINK_NOFOLLOW);
    if (statx(folder, name, flags, STATX_BASIC_STATS | STATX_MNT_ID, &all)) return -1;
    *status = (struct cfiles_status){
        .device_major = all.stx_dev_major,
        .device_minor = all.stx_dev_minor,
        .special_major = all.stx_rdev_major,
        .special_minor = all.stx_rdev_minor,
        .inode = all.stx_ino,
        .length = all.stx_size,
        .blocks = all.stx_blocks,
        .modified = all.stx_mtime.tv_sec,
        .mode = all.stx_mode,
        .links = all.stx_nlink,
        .owner = all.stx_uid,
        .block_size = all.stx_blksize,
        .mount = all.stx_mask & STATX_MNT_ID ? all.stx_mnt_id : 0,
    };
    return 0;
}

int cfiles_is_hugetlbfs(int file, uint64_t *page_size) {
    struct statfs system;
    if (fstatfs(file, &system)) return -1;
    if (system.f_type != HUGETLBFS_MAGIC) return 0;
    *page_size = (uint64_t)system.f_bsize;
    return 1;
}
