/* Finds the frames of hugetlb files that nobody need map, in a child process, and changes nothing that anybody keeps: no
 * page is allocated, none reserved. The recipe: a private read-only mapping without reservation, a userfaultfd that answers
 * a hole with SIGBUS instead of a page, MADV_POPULATE_READ of one huge page after the other, the child's own pagemap. */
#ifndef CPLACE_H
#define CPLACE_H

#include <stdint.h>
#include <sys/types.h>

enum cplace_source {
    /* `id` is a descriptor, O_PATH is enough. */
    CPLACE_FILE,
    /* `id` is the shmid of a System V segment, which is attached for a moment. One that has no page must not be asked for:
     * older kernels reserve at the first attach what was made with SHM_NORESERVE. */
    CPLACE_SEGMENT,
    /* The content of /proc/sysvipc/shm. */
    CPLACE_SEGMENT_TABLE,
    /* The page size of the filesystem that descriptor `id` leads to, and no more: a server that is asked may never answer. */
    CPLACE_FILESYSTEM,
};

struct cplace_job {
    enum cplace_source source;
    int32_t id;
    /* A descriptor of the IPC namespace where a segment or the table is; -1 for the caller's own. */
    int32_t ipc_namespace;
};

/* What the child says of a job, in this order. What follows of a file is what fstat(2) says of it. */
enum cplace_kind {
    /* Major number in the upper half. */
    CPLACE_DEVICE,
    CPLACE_INODE,
    CPLACE_LENGTH,
    /* Bytes, not blocks. */
    CPLACE_ALLOCATED,
    /* 0 where it is on no hugetlbfs. */
    CPLACE_PAGE_SIZE,
    /* A page's frame number. It is unmapped again by now: if it is mapped, then by somebody else. */
    CPLACE_FRAME,
    /* A page that is lost to a memory error; its number in the file. */
    CPLACE_POISONED,
    /* Eight bytes of the table; 0 where there are fewer. */
    CPLACE_TEXT,
    /* Eight bytes of what was refused: the call's name, or a sentence; 0 where there are fewer. */
    CPLACE_REASON,
    /* The job is done; errno where a reason was given and a call failed, otherwise 0. */
    CPLACE_END,
};

struct cplace_record {
    uint32_t job;
    uint32_t kind;
    uint64_t value;
};

/* Forks a child that does the jobs one after the other. It dies with the thread that calls this, and after `seconds`.
 * It tries no more than `most_probes` pages of one file. Returns its PID and a descriptor that its records are read from;
 * with errno -1 where there is no pipe, -2 where there is no child. */
pid_t cplace_start(
    const struct cplace_job *jobs, uint32_t count, uint64_t most_probes, unsigned seconds, int *records);

#endif
