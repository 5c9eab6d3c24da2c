// On which nodes the pages are, and how they go to others.
#include "holder.h"

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/syscall.h>

struct policy {
    int mode;
    unsigned long mask[maxNodes / 64];
};

static struct policy policyOf(int mode, const int *nodes, size_t count) {
    struct policy policy = {.mode = mode};
    for (size_t i = 0; i < count; i++) policy.mask[nodes[i] / 64] |= 1UL << nodes[i] % 64;
    return policy;
}

static void setPolicy(char *start, size_t bytes, const struct policy *policy) {
    if (syscall(SYS_mbind, start, bytes, policy->mode, policy->mask, maxNodes + 1, 0)) fail("mbind");
}

// Does `work` for the parts between these two offsets that --spread or --node places; for none if neither is given.
static void forEachPlaced(size_t from, size_t to, void (*work)(size_t from, size_t to, const struct policy *)) {
    if (options.nodes.count) {
        size_t used = options.policy == MPOL_PREFERRED ? 1 : options.nodes.count;
        struct policy policy = policyOf(options.policy, options.nodes.at, used);
        work(from, to, &policy);
    }
    size_t start = 0;
    for (const struct run *run = options.spread; run < options.spread + options.runs; run++) {
        size_t end = start + run->pages * options.size;
        size_t first = start > from ? start : from, last = end < to ? end : to;
        struct policy policy = policyOf(MPOL_BIND, &run->node, 1);
        if (first < last) work(first, last, &policy);
        start = end;
    }
}

static void setPartPolicy(size_t from, size_t to, const struct policy *policy) {
    setPolicy(address + from, to - from, policy);
}

// The kernel takes no nodes for some modes; where the list is empty, it gets none.
static struct policy policyOfRule(const struct rule *rule) {
    return policyOf(rule->mode, rule->nodes.at, rule->nodes.count);
}

// --rule: for what is mapped at `address`, once it is touched, and no page moves for it.
void applyRule(void) {
    if (!options.rule.isGiven) return;
    struct policy policy = policyOfRule(&options.rule);
    setPolicy(address, length, &policy);
}

// --task-rule: for all that is touched from now on and has no policy of its own.
void setTaskRule(void) {
    if (!options.taskRule.isGiven) return;
    struct policy policy = policyOfRule(&options.taskRule);
    if (syscall(SYS_set_mempolicy, policy.mode, policy.mask, maxNodes + 1)) fail("set_mempolicy");
}

// --cpu
void bindCPUs(void) {
    if (!options.cpus.count) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    for (size_t i = 0; i < options.cpus.count; i++) CPU_SET(options.cpus.at[i], &set);
    if (sched_setaffinity(0, sizeof set, &set)) fail("sched_setaffinity");
}

// For what is mapped at `address`, before it is touched.
void place(void) { forEachPlaced(0, length, setPartPolicy); }

void placeOnNode(char *start, size_t bytes, int node) {
    struct policy policy = policyOf(MPOL_BIND, &node, 1);
    setPolicy(start, bytes, &policy);
}

// MARK: - Pages of a file that nobody touches

static int allocationMode;

static void allocatePart(size_t from, size_t to, const struct policy *policy) {
    if (policy && syscall(SYS_set_mempolicy, policy->mode, policy->mask, maxNodes + 1)) fail("set_mempolicy");
    if (fallocate(file, allocationMode, (off_t)from, (off_t)(to - from))) fail("fallocate");
}

// The policy must be the thread's: hugetlbfs keeps none for a file.
void allocate(int mode, size_t from, size_t to) {
    allocationMode = mode;
    if (!options.nodes.count && !options.runs) {
        allocatePart(from, to, NULL);
        return;
    }
    forEachPlaced(from, to, allocatePart);
    if (syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0)) fail("set_mempolicy");
}

// MARK: - Pages that move

static struct nodes route;
static size_t stop;
static void **movedPages;
static int *targets, *statuses;

void mapToMove(void) {
    movedPages = calloc(options.touch + 1, sizeof *movedPages);
    targets = calloc(options.touch + 1, sizeof *targets);
    statuses = calloc(options.touch + 1, sizeof *statuses);
    if (!movedPages || !targets || !statuses) fail("calloc");
    route = options.nodes;
    options.nodes.count = 1;
    mapPrivate();
    for (size_t i = 0; i < options.touch; i++) movedPages[i] = address + i * options.size;
}

// Moves the touched pages to the next node of the route and says whether all are there; if not, why in `errno`.
static bool canMoveOn(void) {
    stop = (stop + 1) % route.count;
    for (size_t i = 0; i < options.touch; i++) targets[i] = route.at[stop];
    if (syscall(SYS_move_pages, 0, options.touch, movedPages, targets, statuses, MPOL_MF_MOVE) < 0) return false;
    if (syscall(SYS_move_pages, 0, options.touch, movedPages, NULL, statuses, 0) < 0) return false;
    for (size_t i = 0; i < options.touch; i++) {
        if (statuses[i] == targets[i]) continue;
        errno = statuses[i] < 0 ? -statuses[i] : EBUSY;
        return false;
    }
    return true;
}

void moveOn(void) {
    if (!canMoveOn()) fail("move_pages");
}

// A page that somebody looks at may stay behind for a while.
void keepMoving(void) { canMoveOn(); }
