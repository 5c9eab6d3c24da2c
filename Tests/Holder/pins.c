// Kinds whose pages only the kernel keeps: under way over a socket, registered with io_uring, in a pipe.
#include "holder.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static int sockets[2];  // to write to, to read from

static void keepReceiver(void) { close(sockets[0]); }

static void sendFile(void) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof file)];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof file), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.header), &file, sizeof file);
    struct iovec byte = {.iov_base = "", .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &byte, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (sendmsg(sockets[0], &message, 0) != 1) fail("sendmsg");
}

// The child never receives.
void mapAndSend(void) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets)) fail("socketpair");
    spawn(keepReceiver);
    close(sockets[1]);
    createMemfd();
    map(NULL, MAP_SHARED);
    writePages(options.touch);
    sendFile();
}

void leaveToSocket(void) {
    unmap();
    closeFile();
}

static void registerBuffer(void) {
    struct io_uring_params parameters = {0};
    struct iovec buffer = {.iov_base = address, .iov_len = options.touch * options.size};
    int ring = (int)syscall(SYS_io_uring_setup, 1, &parameters);
    if (ring < 0) fail("io_uring_setup");
    if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &buffer, 1)) fail("IORING_REGISTER_BUFFERS");
}

void registerPrivate(void) {
    mapPrivate();
    registerBuffer();
}

void registerShared(void) {
    mapShared();
    registerBuffer();
}

// The first base page of each huge page goes into the pipe, not copied but by reference: each keeps its whole huge page.
void spliceToPipe(void) {
    const long basePage = sysconf(_SC_PAGESIZE);
    int ends[2];
    mapPrivate();
    if (pipe2(ends, O_CLOEXEC)) fail("pipe");
    if (fcntl(ends[1], F_SETPIPE_SZ, (int)options.touch * basePage) < 0) fail("F_SETPIPE_SZ");
    for (size_t i = 0; i < options.touch; i++) {
        struct iovec start = {.iov_base = address + i * options.size, .iov_len = (size_t)basePage};
        if (vmsplice(ends[1], &start, 1, 0) != basePage) fail("vmsplice");
    }
}
