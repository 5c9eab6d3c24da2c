// What `mixture` is made of, and what other kinds tell of several stretches of memory: parts with a name, a place and
// a length. A part that cannot be had is left out with a word on stderr.
#include "holder.h"

#include <fcntl.h>
#include <sys/mman.h>

enum { flagHead = 15, flagTail = 16, flagTHP = 22, flagZero = 24, mostWords = 2 * 512 };

static struct part {
    const char *name;
    char *address;
    size_t length;
} parts[maxParts];
static int partCount;
static const char *leftOut[maxParts];
static int leftOutCount;

void tellPart(const char *name, char *start, size_t bytes) {
    parts[partCount++] = (struct part){name, start, bytes};
}

void leavePartOut(const char *name) { leftOut[leftOutCount++] = name; }

void announceParts(void) {
    for (const struct part *part = parts; part < parts + partCount; part++)
        printf(" %s=%p+%zu", part->name, (void *)part->address, part->length);
    for (int i = 0; i < leftOutCount; i++) printf("%s%s", i == 0 ? " left=" : ",", leftOut[i]);
}

// MARK: - Making one

// For `if (!…) return cannot(…)`: why a part is left out, with what `errno` says where that is not 0.
bool cannot(const char *what) {
    fprintf(stderr, "holder: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    return false;
}

// So many bytes from a boundary of 2 MiB on, between addresses that nothing can be read or written at: no neighbour
// becomes one mapping with it. NULL where it cannot be had.
char *mapPart(size_t bytes, int flags, int descriptor) {
    const size_t boundary = 2 << 20;
    char *room = mmap(NULL, bytes + 2 * boundary, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) return NULL;
    char *start = room + basePage;
    start += -(uintptr_t)start % boundary;
    start = mmap(start, bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED, descriptor, 0);
    if (start != MAP_FAILED) return start;
    int why = errno;
    munmap(room, bytes + 2 * boundary);
    errno = why;
    return NULL;
}

char *mapAnonymousPart(size_t bytes, int advice) {
    char *start = mapPart(bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    // A kernel without transparent huge pages has no need of this advice.
    if (start && madvise(start, bytes, advice) && advice != MADV_NOHUGEPAGE) return NULL;
    return start;
}

// Each page gets content of its own, or KSM might take some for equal.
void fill(char *start, size_t bytes) {
    for (size_t at = 0; at < bytes; at += basePage) *(char *volatile *)(start + at) = start + at;
}

void readThrough(char *start, size_t bytes) {
    for (size_t at = 0; at < bytes; at += basePage) (void)*(volatile char *)(start + at);
}

// MARK: - Looking at what was made

static bool readWords(const char *path, uint64_t first, size_t count, uint64_t *words) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return false;
    ssize_t got = pread(descriptor, words, count * sizeof *words, (off_t)(first * sizeof *words));
    close(descriptor);
    return got == (ssize_t)(count * sizeof *words);
}

// How many of the pages there have that bit in /proc/self/pagemap: 63 present, 62 swapped.
size_t countPages(char *start, size_t bytes, int bit) {
    uint64_t words[mostWords];
    size_t pages = bytes / basePage, counted = 0;
    if (pages > mostWords || !readWords("/proc/self/pagemap", (uintptr_t)start / basePage, pages, words)) return 0;
    for (size_t i = 0; i < pages; i++) counted += words[i] >> bit & 1;
    return counted;
}

// The frame of a page; 0 where there is none, or the kernel does not tell.
uint64_t frameAt(char *page) {
    uint64_t word = 0;
    readWords("/proc/self/pagemap", (uintptr_t)page / basePage, 1, &word);
    return word >> 63 ? word & ((1UL << 55) - 1) : 0;
}

// Whether whoever runs this may see frames and what they are: root.
static bool seesFrames(void) {
    uint64_t word;
    char here;
    return readWords("/proc/kpageflags", 0, 1, &word) && frameAt(&here - (uintptr_t)&here % basePage);
}

// Whether the page is the first of a folio of so many base pages; true where frames cannot be seen.
static bool isFolio(char *page, size_t pages) {
    uint64_t words[mostWords], behind, frame = frameAt(page);
    if (!frame || frame % pages || !readWords("/proc/kpageflags", frame, pages, words)) return false;
    if (!(words[0] >> flagHead & 1) || !(words[0] >> flagTHP & 1)) return false;
    for (size_t i = 1; i < pages; i++)
        if (!(words[i] >> flagTail & 1)) return false;
    return !readWords("/proc/kpageflags", frame + pages, 1, &behind) || !(behind >> flagTail & 1);
}

// Whether it is all in folios of that many bytes; believed where frames cannot be seen.
bool isInFolios(char *start, size_t bytes, size_t folio) {
    if (!seesFrames()) return true;
    for (size_t at = 0; at < bytes; at += folio)
        if (!isFolio(start + at, folio / basePage)) return false;
    return true;
}

bool isZeroPage(char *page) {
    uint64_t word;
    if (!seesFrames()) return true;
    return readWords("/proc/kpageflags", frameAt(page), 1, &word) && word >> flagZero & 1;
}
