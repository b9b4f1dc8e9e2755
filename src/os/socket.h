/*
 * socket.h -- Unix sockets and the directories that they lie in, for the agent (control/agent.h): a thread that has a
 * table of descriptors of its own, so that its descriptors and the process's never meet.
 *
 * Results of type int are a descriptor or 0, or a negative error number. Nothing blocks but socket_wait. Nothing is
 * allocated, errno is kept, no function is a cancellation point, and a peer that has gone raises no signal. The
 * descriptors of one thread mean nothing to another one.
 */
#ifndef LUNALLOC_OS_SOCKET_H
#define LUNALLOC_OS_SOCKET_H

#include "base/config.h"

/* Bytes of the path of a socket, terminator included. */
#define SOCKET_PATH_MAX 108

/* ---- the calling thread ---- */

/* Gives it a table of descriptors of its own, in which 0, 1 and 2 lead nowhere and all others are free. ENOSYS where
 * the system cannot (before Linux 5.9). */
int socket_own_table(void);
/* The effective and the real user. */
uint32_t socket_user(void);
uint32_t socket_real_user(void);
/* Has the system what is declared below? If not, each of those calls fails. */
bool socket_supported(void);
/* Does the process filter its system calls (seccomp)? */
bool socket_calls_filtered(void);

/* ---- directories and sockets ---- */

/* Opens a directory that is no link, and that only `user` can enter. ENOTDIR, ELOOP: it is something else. EPERM: it
 * belongs to somebody else, or others can enter it. */
int socket_open_directory(const char *path, uint32_t user);
/* Makes a directory that only its owner can enter. EEXIST. */
int socket_make_directory(const char *path);
/* The same in a directory. */
int socket_open_directory_in(int directory, const char *name, uint32_t user);
int socket_make_directory_in(int directory, const char *name);

/* Makes a socket in a directory, which only its owner may use, and listens on it. EADDRINUSE: something has the
 * name. */
int socket_listen(int directory, const char *name);
/* Is it a socket on which nobody listens, and was it made at least so many seconds ago? Between the making of a socket
 * and its listening, too, nobody listens on it. */
bool socket_is_left(int directory, const char *name, uint64_t seconds);
/* Calls visit for each name in the directory; buf: a few KiB for the call. Visits what it does not remove at most once.
 * Once for each descriptor. */
void socket_each_name(int directory, char *buf, size_t size, void (*visit)(int directory, const char *name));
/* Removes the name from the directory, or by its path. */
void socket_remove(int directory, const char *name);
void socket_remove_path(const char *path);
void socket_close(int fd);

/* ---- connections ---- */

/* The process at the other end when it connected; pid 0: in a namespace that this process does not see. */
typedef struct {
    /* Synchronization: the owner's: these fields. */
    uint32_t pid, user;
} socket_peer_t;

/* Connects to a socket and leaves, so that the thread that waits for connections wakes up. Any thread may call it. */
void socket_knock(const char *path);
/* EAGAIN: nobody waits. */
int socket_accept(int listening, socket_peer_t *peer);
/* How many bytes; 0: the peer has closed its end. EAGAIN: none now. *descriptor: the caller's from now on, if one came
 * with the bytes; else unchanged. A message with several is received without any. */
long socket_receive(int fd, void *buf, size_t size, int *descriptor);
/* How many bytes; EAGAIN: none now. EPIPE: the peer has gone. */
long socket_send(int fd, const void *buf, size_t size);

typedef struct {
    /* Synchronization: the owner's: these fields. */
    int fd;     /* negative: not waited for */
    bool write; /* waits until it can be written, else until it can be read */
    bool ready; /* it can, or it has failed */
} socket_wait_t;

/* Waits until one is ready or `ns` have passed, or for less. n <= 32. */
int socket_wait(socket_wait_t *sockets, size_t n, uint64_t ns);

#endif
