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

enum { hugeShift = 26, giantShift = 30, maxChildren = 64, maxNodes = 1024, maxListed = 64, maxSteps = 3 };
enum { basePage = 4096, maxParts = 64 };

// A list of nodes as an option has it, in its order.
struct nodes {
    size_t count;
    int at[maxListed];
};

// What private and shared memory is made of.
enum memory { memoryHugetlb, memoryTHP, memoryBase };

// A memory policy and its nodes; none is wanted where `isGiven` is false.
struct rule {
    bool isGiven;
    int mode;
    struct nodes nodes;
};

extern struct options {
    size_t size, pages, touch;
    struct nodes nodes;  // none: wherever the kernel likes
    int policy;          // MPOL_… for them
    size_t runs;         // of --spread
    struct run {
        int node;
        size_t pages;
    } spread[maxListed];
    struct nodes giants;
    size_t poison;  // SIZE_MAX: no page
    bool noReserve;
    uid_t uid;  // who makes files
    const char *path, *name;
    int children;
    enum memory memory;
    struct rule rule, taskRule;  // of --rule and --task-rule
    struct nodes cpus;
    const char *parts;
    size_t thp, base;  // bytes
    bool isExecuted;   // by itself
} options;
extern char **ownArguments;

struct kind {
    const char *name;
    void (*setUp)(void);
    void (*steps[maxSteps])(void);  // what `step` does, in turn
    void (*untilInput)(void);       // done again and again while no order waits
    size_t span;                    // bytes to map, where it is not for --pages to say
    size_t stride;                  // touches one page of so many, where that is not each
    bool repeats;                   // its one step may be made again and again
    bool leaderEnds;                // the main thread ends first, and another does all
    bool needsPath, needsGiants, needsRoute;
};
extern const struct kind kinds[];
extern const size_t kindCount;

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
    volatile pid_t orphan;
} *told;

// arguments.c
const struct kind *parse(int count, char **arguments);

// undo.c
void undo(void);
_Noreturn void fail(const char *what);
void atSignal(int signal);

// memory.c
int sizeFlag(void);
int memoryFlags(void);
int privateFlags(void);
int sharedFlags(void);
bool canMap(void *where, int flags);
void map(void *where, int flags);
void writePages(size_t count);
void readPages(size_t count);
void poisonPage(void);
void unmap(void);
void unmapSecondHalf(void);
void createFile(void);
void unlinkFile(void);
void closeFile(void);
void createMemfd(void);

// parts.c
void tellPart(const char *name, char *start, size_t bytes);
void leavePartOut(const char *name);
void announceParts(void);
bool cannot(const char *what);
char *mapPart(size_t bytes, int flags, int descriptor);
char *mapAnonymousPart(size_t bytes, int advice);
void fill(char *start, size_t bytes);
void readThrough(char *start, size_t bytes);
size_t countPages(char *start, size_t bytes, int bit);
uint64_t frameAt(char *page);
bool isInFolios(char *start, size_t bytes, size_t folio);
bool isZeroPage(char *page);

// mixture.c
bool areParts(const char *list);
void makeMixture(void);

// ordinary.c
bool makeBase(const char *name);
bool makeZero(const char *name);
bool makeFile(const char *name);
bool makeFileShared(const char *name);
char *mapMemfdPart(size_t bytes);
bool makeSharedMemory(const char *name);
bool makeMerged(const char *name);
bool makeSwapped(const char *name);
bool makeSharedSwapped(const char *name);

// spaces.c
void mapSparseSpace(void);
void mapDenseSpace(void);
void mapBehindZeros(void);
void forgetZeroPage(void);
void mapBig(void);
void mapBloat(void);

// changes.c
void executeSelf(void);
void leave(void);
void forkAnother(void);
void mapToCollapse(void);
void collapse(void);
void splitFolios(void);
void mapInTurn(void);
void writeSecondHalf(void);
void forgetFirstHalf(void);
void pageOutFirstHalf(void);
void readFirstHalf(void);

// placement.c
void bindCPUs(void);
void setTaskRule(void);
void applyRule(void);
void place(void);
void placeOnNode(char *start, size_t bytes, int node);
void allocate(int mode, size_t from, size_t to);
void mapToMove(void);
void moveOn(void);
void keepMoving(void);

// children.c
void dieWithParent(pid_t parent);
_Noreturn void waitToBeKilled(void);
pid_t forkChild(void);
void spawn(void (*work)(void));
void spawnChildren(void (*work)(void));

// mappings.c
void mapPrivate(void);
void mapNoReserve(void);
void mapShared(void);
void mapPmdShared(void);
void mapBothSizes(void);
void mapTransparent(void);
void mapAndUnmapHalf(void);
void mapAndMove(void);
void mapAndSplit(void);
void splitMapping(void);
void mapAndProtect(void);
void mapSharedAndForget(void);
void mapPrivateAndForget(void);

// forks.c
void mapPrivateAndFork(void);
void mapSharedAndFork(void);
void mapSharedTouchedByTheDead(void);
void mapAndShareMemory(void);
void mapCopiedByChild(void);
void mapSplitByChild(void);
void mapHugeCopiedByChild(void);
void mapHugeCopiedByOwner(void);
void mapInOrphan(void);

// segments.c
void attachSegment(void);
void attachOddSegment(void);
void attachOrdinarySegment(void);
void attachRemovedSegment(void);
void detachSegment(void);

// files.c
void mapFile(void);
void mapFilePrivately(void);
void mapMemfd(void);
void mapMemfdTwice(void);
void mapCopyOnWrite(void);
void mapSparse(void);
void mapAndAllocateHalf(void);
void allocateBeyondEnd(void);
void unmapAndClose(void);
void unmapAndSeal(void);
void unmapAndKeepReadOnly(void);
void abandonFile(void);
void mapAndHand(void);
void mapMemfdAndFork(void);
void mapInThread(void);
void detachMount(void);

// pins.c
void mapAndSend(void);
void mapAndSendToNobody(void);
void leaveToConnection(void);
void splicePrivate(void);
void spliceShared(void);

// rings.c
void registerPrivate(void);
void registerShared(void);
void registerFile(void);
void registerMiddle(void);
void registerAndFork(void);
void registerDescriptor(void);
void replaceByOrdinary(void);

// namespaces.c
void leaveFileInMountNamespace(void);
void leaveSegmentInIPCNamespace(void);

// motion.c
void beginExitRace(void);
void keepExitRace(void);
void beginForkStorm(void);
void keepForkStorm(void);
void faultAndUnmap(void);
void keepFaulting(void);
void beginChurn(void);
void keepChurning(void);
void beginResizing(void);
void keepResizing(void);
