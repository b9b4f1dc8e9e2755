/* agent_socket.c -- chooses the directory, makes the socket. */
#include "control/agent_socket.h"

#include "base/fmt.h"
#include "os/thread.h"
#include "os/system.h"

#include <errno.h>
#include <string.h>

#define RUNTIME "XDG_RUNTIME_DIR="
/* Names that are tried for a socket. */
#define ATTEMPTS 9

/* A directory, and its path. */
typedef struct {
    /* Synchronization: the agent's: these fields. */
    int fd; /* or a negative error number */
    char path[SOCKET_PATH_MAX];
} place_t;

/* The value in an environment of `len` bytes, terminated; NULL if it is not there. The process's threads may change
 * their environment at any time, so its first one is read instead (/proc/self/environ). */
static const char *
runtime_directory(const char *environment, size_t len) {
    const char *end = environment + len;
    for (const char *at = environment; at < end; at += strlen(at) + 1) {
        if (strncmp(at, RUNTIME, strlen(RUNTIME)) == 0) {
            return at + strlen(RUNTIME);
        }
    }
    return NULL;
}

static bool
path_fits(const char *directory) {
    return directory[0] == '/' && strlen(directory) + sizeof "/lunalloc/4294967295-9.sock" <= SOCKET_PATH_MAX;
}

/* Makes the directory `name` in another one, and opens it. */
static int
enter(int directory, const char *name, uint32_t user) {
    int error = socket_make_directory_in(directory, name);
    return error == 0 || error == -EEXIST ? socket_open_directory_in(directory, name, user) : error;
}

static bool
open_in_runtime(place_t *place, const char *directory, uint32_t user) {
    if (directory == NULL || !path_fits(directory)) {
        return false;
    }
    int above = socket_open_directory(directory, user);
    if (above < 0) {
        return false;
    }
    place->fd = enter(above, "lunalloc", user);
    socket_close(above);
    fmt_t out = fmt_begin(place->path, sizeof place->path);
    fmt_str(&out, directory);
    fmt_str(&out, "/lunalloc");
    return place->fd >= 0;
}

static void
open_in_tmp(place_t *place, uint32_t user) {
    fmt_t out = fmt_begin(place->path, sizeof place->path);
    fmt_str(&out, "/tmp/lunalloc-");
    fmt_u64(&out, user);
    int error = socket_make_directory(place->path);
    place->fd = error == 0 || error == -EEXIST ? socket_open_directory(place->path, user) : error;
}

static place_t
open_place(char *scratch, size_t size) {
    place_t place = {.fd = -ENOENT};
    uint32_t user = socket_user();
    size_t len = system_read_file("/proc/self/environ", scratch, size);
    if (!open_in_runtime(&place, runtime_directory(scratch, len), user)) {
        open_in_tmp(&place, user);
    }
    return place;
}

/* ---- sockets that other processes have left: they were killed ---- */

/* Seconds: a new socket gets its listener much sooner. */
#define OLD 60

static void
remove_if_left(int directory, const char *name) {
    if (socket_is_left(directory, name, OLD)) {
        socket_remove(directory, name);
    }
}

/* ---- the socket ---- */

/* PID.sock; or PID-2.sock and so on, where a process of another namespace has the same number and directory. */
static void
put_name(agent_socket_t *out, unsigned attempt) {
    fmt_t name = fmt_begin(out->name, sizeof out->name);
    fmt_u64(&name, out->pid);
    if (attempt > 1) {
        fmt_char(&name, '-');
        fmt_u64(&name, attempt);
    }
    fmt_str(&name, ".sock");
}

/* An earlier process of our number may have left a socket of the name, however new that is. */
static int
listen_somewhere(agent_socket_t *out) {
    int fd = -EADDRINUSE;
    for (unsigned attempt = 1; fd == -EADDRINUSE && attempt <= ATTEMPTS; attempt++) {
        put_name(out, attempt);
        if (socket_is_left(out->directory, out->name, 0)) {
            socket_remove(out->directory, out->name);
        }
        fd = socket_listen(out->directory, out->name);
    }
    return fd;
}

int
agent_socket_open(agent_socket_t *out, uint32_t pid, char *path, char *scratch, size_t size) {
    place_t place = open_place(scratch, size);
    if (place.fd < 0) {
        return -place.fd;
    }
    socket_each_name(place.fd, scratch, size, remove_if_left);
    out->pid = pid;
    out->directory = place.fd;
    out->listening = listen_somewhere(out);
    if (out->listening < 0) {
        socket_close(place.fd);
        return -out->listening;
    }
    fmt_t whole = fmt_begin(path, SOCKET_PATH_MAX);
    fmt_str(&whole, place.path);
    fmt_char(&whole, '/');
    fmt_str(&whole, out->name);
    return 0;
}

void
agent_socket_close(agent_socket_t *agent_socket) {
    socket_close(agent_socket->listening);
    if (os_process_id() == agent_socket->pid) {
        socket_remove(agent_socket->directory, agent_socket->name);
    }
    socket_close(agent_socket->directory);
}
