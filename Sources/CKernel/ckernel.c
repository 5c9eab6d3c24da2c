#define _GNU_SOURCE
#include "ckernel.h"

#include <linux/kcmp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(sizeof(struct ckernel_pm_scan_arg) == 96, "the size is part of the ioctl's number");

int ckernel_pagemap_scan(int pagemap, struct ckernel_pm_scan_arg *argument) {
    return ioctl(pagemap, _IOWR('f', 16, struct ckernel_pm_scan_arg), argument);
}

int ckernel_compare_vm(pid_t first, pid_t second) {
    return (int)syscall(SYS_kcmp, first, second, KCMP_VM, 0UL, 0UL);
}

int ckernel_compare_files(pid_t first, pid_t second) {
    return (int)syscall(SYS_kcmp, first, second, KCMP_FILES, 0UL, 0UL);
}
