// Kinds whose pages only a socket or a pipe keeps.
#include "holder.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

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
    mapMemfd();
    sendFile();
}

// Nobody accepts the connection; the kernel chooses the name that it is made to.
void mapAndSendToNobody(void) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t size = sizeof name.sun_family;
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockets[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&name, size) || listen(listener, 1)) fail("listen");
    size = sizeof name;
    if (getsockname(listener, (struct sockaddr *)&name, &size)) fail("getsockname");
    if (connect(sockets[0], (struct sockaddr *)&name, size)) fail("connect");
    mapMemfd();
    sendFile();
}

void leaveToConnection(void) {
    unmapAndClose();
    close(sockets[0]);
}

// The first base page of each huge page goes into the pipe, not copied but by reference, and keeps the whole page.
static void spliceToPipe(void) {
    const long basePage = sysconf(_SC_PAGESIZE);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) fail("pipe");
    if (fcntl(ends[1], F_SETPIPE_SZ, (int)options.touch * basePage) < 0) fail("F_SETPIPE_SZ");
    for (size_t i = 0; i < options.touch; i++) {
        struct iovec start = {.iov_base = address + i * options.size, .iov_len = (size_t)basePage};
        if (vmsplice(ends[1], &start, 1, 0) != basePage) fail("vmsplice");
    }
}

void splicePrivate(void) {
    mapPrivate();
    spliceToPipe();
}

void spliceShared(void) {
    mapShared();
    spliceToPipe();
}
