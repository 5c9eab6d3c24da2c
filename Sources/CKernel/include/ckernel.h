/* Kernel ABI that the headers of Debian 12 lack or that Swift cannot call, because it is variadic. */
#ifndef CKERNEL_H
#define CKERNEL_H

#include <stdint.h>
#include <sys/types.h>

/* struct pm_scan_arg of include/uapi/linux/fs.h, 6.7 and newer. */
struct ckernel_pm_scan_arg {
    uint64_t size;
    uint64_t flags;
    uint64_t start;
    uint64_t end;
    uint64_t walk_end;
    uint64_t vec;
    uint64_t vec_len;
    uint64_t max_pages;
    uint64_t category_inverted;
    uint64_t category_mask;
    uint64_t category_anyof_mask;
    uint64_t return_mask;
};

/* struct page_region of the same header. */
struct ckernel_page_region {
    uint64_t start;
    uint64_t end;
    uint64_t categories;
};

/* PAGE_IS_PRESENT, one of the categories. */
static const uint64_t CKERNEL_PAGE_IS_PRESENT_MASK = 1u << 3;
/* PAGE_IS_FILE, another: of a file or shared. */
static const uint64_t CKERNEL_PAGE_IS_FILE_MASK = 1u << 2;
/* PAGE_IS_SWAPPED: any swap-like entry. */
static const uint64_t CKERNEL_PAGE_IS_SWAPPED_MASK = 1u << 4;
/* PAGE_IS_PFNZERO: a zero page, small or huge. */
static const uint64_t CKERNEL_PAGE_IS_PFNZERO_MASK = 1u << 5;
/* PAGE_IS_HUGE: one entry of a PMD or PUD table, or of a hugetlb mapping. */
static const uint64_t CKERNEL_PAGE_IS_HUGE_MASK = 1u << 6;

/* PAGEMAP_SCAN. Returns the number of regions, or -1 with errno: ENOTTY where the kernel lacks it. */
int ckernel_pagemap_scan(int pagemap, struct ckernel_pm_scan_arg *argument);

/* kcmp(2) with KCMP_VM. Returns 0 where both processes share one address space, 1 or 2 where the first's sorts before or
 * after the second's, -1 with errno. */
int ckernel_compare_vm(pid_t first, pid_t second);

/* The same with KCMP_FILES: whether both, which may be threads, share one table of descriptors. */
int ckernel_compare_files(pid_t first, pid_t second);

#endif
