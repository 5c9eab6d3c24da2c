// What the parts of `holder` share. Every part includes this first.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { hugeShift = 26, maxChildren = 64, maxNodes = 1024, pmdTableSpan = 1 << 30 };

extern struct options {
    size_t size, pages, touch;
    int node;  // −1: wherever the kernel likes
    uid_t uid; // who makes files
    const char *path, *name;
    int children;
} options;

// What was made and must be undone, or is told on the ready line.
extern pid_t owner;
extern char *address;
extern size_t length;
extern int file, segment;
extern pid_t thread;
extern const char *madePath;
extern pid_t children[maxChildren];
extern int childCount;
// A page that children share with the owner: what they have to tell.
extern struct told {
    int segment;
} *told;

// undo.c
void undo(void);
_Noreturn void fail(const char *what);
void atSignal(int signal);

// memory.c
int sizeFlag(void);
int privateFlags(void);
int sharedFlags(void);
bool canMap(void *where, int flags);
void map(void *where, int flags);
void writePages(size_t count);
void readPages(size_t count);
void unmap(void);
void bindToNode(void);
void createFile(void);
void unlinkFile(void);
void closeFile(void);
void createMemfd(void);

// children.c
void dieWithParent(pid_t parent);
_Noreturn void waitToBeKilled(void);
pid_t forkChild(void);
void spawn(void (*work)(void));

// mappings.c
void mapPrivate(void);
void mapNoReserve(void);
void mapShared(void);
void mapPrivateAndFork(void);
void mapSharedAndFork(void);
void mapSharedTouchedByTheDead(void);
void mapPmdShared(void);
void mapUnderZombie(void);
void mapAndShareMemory(void);
void mapTransparent(void);
void attachSegment(void);
void detachSegment(void);

// files.c
void mapFile(void);
void mapMemfd(void);
void mapCopyOnWrite(void);
void mapSparse(void);
void unmapSecondHalf(void);
void unmapAndSeal(void);
void unmapAndKeepReadOnly(void);
void mapAndHand(void);
void leaveToChild(void);
void mapInThread(void);
void detachMount(void);

// pins.c
void mapAndSend(void);
void leaveToSocket(void);
void registerPrivate(void);
void registerShared(void);
void spliceToPipe(void);

// namespaces.c
void leaveFileInMountNamespace(void);
void leaveSegmentInIPCNamespace(void);

// motion.c
void beginExitRace(void);
void keepExitRace(void);
void faultAndUnmap(void);
void keepFaulting(void);
void beginChurn(void);
void keepChurning(void);
void beginResizing(void);
void keepResizing(void);
