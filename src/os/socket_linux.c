/*
 * socket_linux.c -- the calls. A socket is bound by way of its directory's descriptor (/proc/thread-self/fd/N/NAME), so
 * it lies in the directory that was checked, whatever its path leads to by then.
 */
#include "os/socket.h"

#include "base/fmt.h"
#include "os/call.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define CLOSE_RANGE_UNSHARE_FLAG 2 /* linux/close_range.h, which older headers lack */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#define WAITED_MAX 32
#define BACKLOG    64

/* ---- the calling thread ---- */

/* Descriptors 0, 1 and 2 must be no sockets: what is meant for standard error would go to a peer. They become the
 * reading end of a pipe, which nobody can write to (EBADF), so system_write_error looks for the process's own. */
static int
fill_standard_descriptors(void) {
    int ends[2];
    long error = CALL(SYS_pipe2, ends, O_CLOEXEC);
    error = error < 0 ? error : CALL(SYS_dup3, 0, 1, O_CLOEXEC);
    error = error < 0 ? error : CALL(SYS_dup3, 0, 2, O_CLOEXEC);
    return error < 0 ? (int)error : 0;
}

int
socket_own_table(void) {
    int error = (int)CALL(SYS_close_range, 0, ~0U, CLOSE_RANGE_UNSHARE_FLAG);
    return error < 0 ? error : fill_standard_descriptors();
}

uint32_t
socket_user(void) {
    return (uint32_t)CALL(SYS_geteuid);
}

uint32_t
socket_real_user(void) {
    return (uint32_t)CALL(SYS_getuid);
}

bool
socket_supported(void) {
    return true;
}

bool
socket_calls_filtered(void) {
    return CALL(SYS_prctl, PR_GET_SECCOMP) > 0;
}

/* ---- directories ---- */

static bool
is_private(const struct stat *st, uint32_t user) {
    return S_ISDIR(st->st_mode) && st->st_uid == user && (st->st_mode & 077) == 0;
}

int
socket_open_directory_in(int directory, const char *name, uint32_t user) {
    struct stat st;
    int fd = (int)CALL(SYS_openat, directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return fd;
    }
    long error = CALL(SYS_fstat, fd, &st);
    if (error < 0 || !is_private(&st, user)) {
        socket_close(fd);
        return error < 0 ? (int)error : -EPERM;
    }
    return fd;
}

int
socket_open_directory(const char *path, uint32_t user) {
    return socket_open_directory_in(AT_FDCWD, path, user);
}

int
socket_make_directory_in(int directory, const char *name) {
    return (int)CALL(SYS_mkdirat, directory, name, 0700);
}

int
socket_make_directory(const char *path) {
    return socket_make_directory_in(AT_FDCWD, path);
}

/* ---- a socket ---- */

void
socket_close(int fd) {
    CALL(SYS_close, fd);
}

void
socket_remove(int directory, const char *name) {
    CALL(SYS_unlinkat, directory, name, 0);
}

void
socket_remove_path(const char *path) {
    CALL(SYS_unlinkat, AT_FDCWD, path, 0);
}

static struct sockaddr_un
address_in(int directory, const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    fmt_t out = fmt_begin(address.sun_path, sizeof address.sun_path);
    fmt_str(&out, "/proc/thread-self/fd/");
    fmt_u64(&out, (uint64_t)directory);
    fmt_char(&out, '/');
    fmt_str(&out, name);
    return address;
}

/* Only then can anybody connect. The directory keeps others out meanwhile, whatever the process's umask is. */
static int
bind_and_listen(int fd, int directory, const char *name) {
    struct sockaddr_un address = address_in(directory, name);
    long error = CALL(SYS_bind, fd, &address, sizeof address);
    if (error < 0) {
        return (int)error;
    }
    error = CALL(SYS_fchmodat, directory, name, 0600);
    error = error < 0 ? error : CALL(SYS_listen, fd, BACKLOG);
    if (error < 0) {
        socket_remove(directory, name);
    }
    return (int)error;
}

static int
new_socket(void) {
    return (int)CALL(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int
socket_listen(int directory, const char *name) {
    int fd = new_socket();
    int error = fd < 0 ? fd : bind_and_listen(fd, directory, name);
    if (error < 0 && fd >= 0) {
        socket_close(fd);
    }
    return error < 0 ? error : fd;
}

/* ---- sockets that others have left ---- */

#define GETDENTS_NAME 19 /* bytes before the name in a linux_dirent64 */

static uint64_t
age_of(const struct stat *st) {
    struct timespec now = {0};
    CALL(SYS_clock_gettime, CLOCK_REALTIME, &now);
    return now.tv_sec > st->st_mtim.tv_sec ? (uint64_t)(now.tv_sec - st->st_mtim.tv_sec) : 0;
}

bool
socket_is_left(int directory, const char *name, uint64_t seconds) {
    struct stat st;
    if (CALL(SYS_newfstatat, directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISSOCK(st.st_mode) ||
        age_of(&st) < seconds) {
        return false;
    }
    struct sockaddr_un address = address_in(directory, name);
    int fd = new_socket();
    long error = fd < 0 ? fd : CALL(SYS_connect, fd, &address, sizeof address);
    if (fd >= 0) {
        socket_close(fd);
    }
    return error == -ECONNREFUSED;
}

/* An entry has its own length in bytes 16 and 17. */
void
socket_each_name(int directory, char *buf, size_t size, void (*visit)(int directory, const char *name)) {
    long len;
    while ((len = CALL(SYS_getdents64, directory, buf, size)) > 0) {
        for (long at = 0; at < len;) {
            uint16_t entry;
            memcpy(&entry, buf + at + 16, sizeof entry);
            visit(directory, buf + at + GETDENTS_NAME);
            at += entry;
        }
    }
}

/* ---- connections ---- */

void
socket_knock(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    fmt_t out = fmt_begin(address.sun_path, sizeof address.sun_path);
    fmt_str(&out, path);
    int fd = (int)CALL(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        CALL(SYS_connect, fd, &address, sizeof address);
        socket_close(fd);
    }
}

int
socket_accept(int listening, socket_peer_t *peer) {
    struct ucred peer_is = {.uid = UINT32_MAX};
    socklen_t size = sizeof peer_is;
    int fd = (int)CALL(SYS_accept4, listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return fd;
    }
    long error = CALL(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &peer_is, &size);
    if (error < 0) {
        socket_close(fd);
        return (int)error;
    }
    *peer = (socket_peer_t){.pid = (uint32_t)peer_is.pid, .user = peer_is.uid};
    return fd;
}

/* Room for one descriptor: the system closes what does not fit. In 64 bits the rounding of CMSG_SPACE leaves room for a
 * second one, which is closed here, like the first. */
typedef union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
} control_t;

static void
take_descriptor(control_t *control, size_t len, int *descriptor) {
    int fds[2];
    size_t n = len < CMSG_LEN(sizeof(int)) ? 0 : (control->header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
    bool passed = control->header.cmsg_level == SOL_SOCKET && control->header.cmsg_type == SCM_RIGHTS;
    if (n == 0 || n > 2 || !passed) {
        return;
    }
    memcpy(fds, control->bytes + CMSG_LEN(0), n * sizeof(int));
    if (n == 1) {
        *descriptor = fds[0];
    } else {
        socket_close(fds[0]);
        socket_close(fds[1]);
    }
}

long
socket_receive(int fd, void *buf, size_t size, int *descriptor) {
    control_t control = {.bytes = {0}};
    struct iovec part = {.iov_base = buf, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    long n = CALL(SYS_recvmsg, fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n >= 0) {
        take_descriptor(&control, message.msg_controllen, descriptor);
    }
    return n;
}

long
socket_send(int fd, const void *buf, size_t size) {
    return CALL(SYS_sendto, fd, buf, size, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
}

/* ppoll ignores negative descriptors. */
int
socket_wait(socket_wait_t *sockets, size_t n, uint64_t ns) {
    struct pollfd fds[WAITED_MAX] = {{0}};
    struct timespec time = {.tv_sec = (time_t)(ns / 1000000000U), .tv_nsec = (long)(ns % 1000000000U)};
    for (size_t i = 0; i < n; i++) {
        fds[i].fd = sockets[i].fd;
        fds[i].events = sockets[i].write ? POLLOUT : POLLIN;
    }
    long result = CALL(SYS_ppoll, fds, n, &time, NULL, 0);
    for (size_t i = 0; i < n; i++) {
        sockets[i].ready = result > 0 && fds[i].revents != 0;
    }
    return result < 0 && result != -EINTR ? (int)result : 0;
}
