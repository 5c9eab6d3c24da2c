#define _GNU_SOURCE
#include "states.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int closing(int descriptor) {
    int reason = errno;
    close(descriptor);
    errno = reason;
    return -1;
}

int states_hugetlb_memfd(const char *name, unsigned page_shift, off_t length) {
    int memfd = memfd_create(name, MFD_CLOEXEC | MFD_HUGETLB | page_shift << MFD_HUGE_SHIFT);
    return memfd >= 0 && ftruncate(memfd, length) ? closing(memfd) : memfd;
}

static int newRing(void) {
    struct io_uring_params parameters = {0};
    return (int)syscall(SYS_io_uring_setup, 4, &parameters);
}

static long registerWith(int ring, unsigned code, void *argument, unsigned count) {
    return syscall(SYS_io_uring_register, ring, code, argument, count);
}

int states_io_uring(void *buffers, size_t length, unsigned count) {
    struct iovec vectors[64];
    if (count > 64) return errno = EINVAL, -1;
    for (unsigned i = 0; i < count; i++) vectors[i] = (struct iovec){(char *)buffers + i * length, length};
    int ring = newRing();
    return ring >= 0 && registerWith(ring, IORING_REGISTER_BUFFERS, vectors, count) < 0 ? closing(ring) : ring;
}

int states_sparse_io_uring(void *buffer, size_t length, unsigned slots, unsigned used) {
    struct io_uring_rsrc_register sparse = {.nr = slots, .flags = IORING_RSRC_REGISTER_SPARSE};
    struct iovec vector = {buffer, length};
    struct io_uring_rsrc_update2 update = {.offset = used, .data = (unsigned long)&vector, .nr = 1};
    int ring = newRing();
    if (ring < 0) return -1;
    if (registerWith(ring, IORING_REGISTER_BUFFERS2, &sparse, sizeof sparse) < 0) return closing(ring);
    if (registerWith(ring, IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof update) < 0) return closing(ring);
    return ring;
}

int states_send(int socket, int descriptor) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    struct iovec byte = {"", 1};
    struct msghdr message = {
        .msg_iov = &byte, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    return sendmsg(socket, &message, 0) == 1 ? 0 : -1;
}

static struct thread {
    pthread_t thread;
    sem_t ready, end;
    int kept;
    pid_t id;
} threads[4];

// Whatever else is open belongs to other tests, which may wait for its end.
static bool keepOnly(int kept) {
    return !unshare(CLONE_FILES) && !syscall(SYS_close_range, 0, kept - 1, 0) &&
           !syscall(SYS_close_range, kept + 1, ~0U, 0);
}

static void *keepTable(void *argument) {
    struct thread *own = argument;
    own->id = own->kept >= 0 && !keepOnly(own->kept) ? -1 : (pid_t)syscall(SYS_gettid);
    sem_post(&own->ready);
    while (sem_wait(&own->end)) continue;
    return NULL;
}

pid_t states_begin_thread(unsigned number, int kept) {
    struct thread *own = &threads[number % 4];
    own->kept = kept;
    sem_init(&own->ready, 0, 0);
    sem_init(&own->end, 0, 0);
    errno = pthread_create(&own->thread, NULL, keepTable, own);
    if (errno) return -1;
    while (sem_wait(&own->ready)) continue;
    return own->id;
}

void states_end_thread(unsigned number) {
    sem_post(&threads[number % 4].end);
    pthread_join(threads[number % 4].thread, NULL);
}
