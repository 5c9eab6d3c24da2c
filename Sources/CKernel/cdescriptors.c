#define _GNU_SOURCE
#include "cdescriptors.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>

int cdescriptors_open_path(const char *path) { return open(path, O_PATH | O_CLOEXEC); }

int cdescriptors_hugetlb_memfd(unsigned page_shift) {
    return memfd_create("hugeaudit", MFD_CLOEXEC | MFD_HUGETLB | page_shift << MFD_HUGE_SHIFT);
}
