/* Descriptors that Swift cannot make: open(2) with O_PATH and memfd_create(2) are hidden without _GNU_SOURCE. */
#ifndef CDESCRIPTORS_H
#define CDESCRIPTORS_H

/* An O_PATH descriptor of what `path` leads to, magic links followed: nothing is opened, whatever it is. Returns -1
 * with errno where there is none. */
int cdescriptors_open_path(const char *path);

/* An empty memfd of huge pages of 2^page_shift bytes: none is allocated or reserved. Returns -1 with errno: EINVAL or
 * ENODEV where the kernel has no such size. */
int cdescriptors_hugetlb_memfd(unsigned page_shift);

#endif
