// Kinds whose file or segment is seen in a namespace of its own only, which a child keeps.
#include "holder.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/shm.h>

static void leaveFile(void) {
    static char mountOptions[64], path[4096];
    if (unshare(CLONE_NEWNS)) fail("unshare(CLONE_NEWNS)");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) fail("make mounts private");
    snprintf(mountOptions, sizeof mountOptions, "pagesize=%zu", options.size);
    if (mount("none", options.path, "hugetlbfs", 0, mountOptions)) fail("mount hugetlbfs");
    snprintf(path, sizeof path, "%s/data", options.path);
    options.path = path;
    mapFile();
    unmap();
    closeFile();
}

void leaveFileInMountNamespace(void) { spawn(leaveFile); }

static void leaveSegment(void) {
    if (unshare(CLONE_NEWIPC)) fail("unshare(CLONE_NEWIPC)");
    attachSegment();
    detachSegment();
    told->segment = segment;
}

void leaveSegmentInIPCNamespace(void) { spawn(leaveSegment); }
