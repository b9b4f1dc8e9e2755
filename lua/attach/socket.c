/* socket.c -- see socket.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_PATH, struct ucred */
#endif
#include "attach/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    RETRY_MS = 5, /* while the queue of connections is full */
    PATH_SIZE = 512
};

/* The socket that is looked at. */
typedef struct {
    process_t *process;
    const char *path;
    uid_t owner; /* of the process */
} peer_t;

static int
refuse(const peer_t *peer, int error, const char *why) {
    return memory_fail(memory_of(peer->process), error, "the agent's socket %s of %s %s", peer->path,
                       process_title(peer->process), why);
}

/* ---- the way to it ---- */

/* A descriptor of the directory, followed below the process's own root. -1 with errno. */
static int
open_below(int root, const char *directory) {
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, root, directory, &how, sizeof(how));
    if (fd < 0 && errno == ENOSYS) { /* before Linux 5.6: links on the way lead outside of a container, at worst */
        fd = openat(root, directory + strspn(directory, "/"), (int)how.flags);
    }
    return fd;
}

/* A server that root starts may give up its rights after its agent has begun. */
static bool
is_trusted(const peer_t *peer, uid_t uid) {
    return uid == peer->owner || uid == 0;
}

static int
check_owner(const peer_t *peer, const struct stat *of, mode_t kind, const char *what) {
    char why[128];
    if ((of->st_mode & S_IFMT) != kind) {
        return refuse(peer, EPERM, kind == S_IFSOCK ? "is no socket" : "is in no directory");
    }
    if (!is_trusted(peer, of->st_uid)) {
        snprintf(why, sizeof(why), "is not trusted: %s belongs to uid %u, not %u", what, (unsigned)of->st_uid,
                 (unsigned)peer->owner);
        return refuse(peer, EPERM, why);
    }
    if ((of->st_mode & 077) != 0) {
        snprintf(why, sizeof(why), "is not trusted: %s is open to others (mode %04o)", what,
                 (unsigned)(of->st_mode & 07777));
        return refuse(peer, EPERM, why);
    }
    return 0;
}

/* Splits the path in place of `directory`; returns the last component. NULL if it has none, or is too long. */
static const char *
split(const char *path, char *directory, size_t size) {
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (path[0] != '/' || len == 0 || len >= size || slash[1] == '\0') {
        return NULL;
    }
    memcpy(directory, path, len);
    directory[len] = '\0';
    return slash + 1;
}

static int
fail_open(const peer_t *peer, int error) {
    return error == ELOOP || error == ENOTDIR ? refuse(peer, EPERM, "is not trusted: its directory is a link")
           : error == ENOENT                  ? refuse(peer, ENOENT, "does not exist")
                                              : refuse(peer, error, strerror(error));
}

/* Opens the directory, checks it, opens the socket in it without following a link, and checks that. */
static int
open_socket_file(const peer_t *peer, int directory, const char *name, int *file) {
    struct stat of;
    int error = fstat(directory, &of) == 0 ? check_owner(peer, &of, S_IFDIR, "its directory") : fail_open(peer, errno);
    if (error != 0) {
        return error;
    }
    *file = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (*file < 0) {
        return fail_open(peer, errno);
    }
    error = fstat(*file, &of) == 0 ? check_owner(peer, &of, S_IFSOCK, "it") : fail_open(peer, errno);
    if (error != 0) {
        close(*file);
    }
    return error;
}

/* The root directory of the process; if the kernel hides that, this process's own. Who listens is checked later. */
static int
open_root(process_t *process) {
    static const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    int root = openat(process_directory(process), "root", flags);
    return root < 0 && errno == EACCES ? open("/", flags) : root;
}

static int
find_socket_file(const peer_t *peer, int *file) {
    char directory[PATH_SIZE];
    const char *name = split(peer->path, directory, sizeof(directory));
    if (name == NULL) {
        return refuse(peer, EPERM, "is no absolute path");
    }
    int root = open_root(peer->process);
    if (root < 0) {
        return fail_open(peer, errno);
    }
    int fd = open_below(root, directory);
    int error = fd < 0 ? fail_open(peer, errno) : open_socket_file(peer, fd, name, file);
    if (fd >= 0) {
        close(fd);
    }
    close(root);
    return error;
}

/* ---- the connection ---- */

/* Connects through the file's descriptor: it is the file that was checked, and its name may be long. */
static int
connect_file(const peer_t *peer, int fd, int file, int timeout_ms) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", file);
    for (int waited = 0;; waited += RETRY_MS) {
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
            return 0;
        }
        if (errno == ECONNREFUSED) {
            return refuse(peer, ECONNREFUSED, "is stale: nobody listens");
        } else if (errno != EAGAIN && errno != EINTR) {
            return refuse(peer, errno, strerror(errno));
        } else if (waited >= timeout_ms) {
            return refuse(peer, ETIMEDOUT, "has a full queue of connections: the agent does not answer");
        }
        poll(NULL, 0, RETRY_MS);
    }
}

static int
check_server(const peer_t *peer, int fd, pid_t pid) {
    struct ucred server;
    socklen_t size = sizeof(server);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &server, &size) != 0) {
        return refuse(peer, errno, strerror(errno));
    }
    if (server.pid == pid && is_trusted(peer, server.uid)) {
        return 0;
    }
    char why[128];
    snprintf(why, sizeof(why), "is not trusted: process %d of uid %u listens on it", (int)server.pid,
             (unsigned)server.uid);
    return refuse(peer, EPERM, why);
}

int
socket_connect(process_t *process, const char *path, int timeout_ms, int *fd) {
    process_info_t info;
    int file = -1, error = process_info(process, &info);
    if (error != 0) {
        return error;
    }
    const peer_t peer = {process, path, info.uid};
    error = find_socket_file(&peer, &file);
    if (error != 0) {
        return error;
    }
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    error = *fd < 0 ? refuse(&peer, errno, strerror(errno)) : connect_file(&peer, *fd, file, timeout_ms);
    close(file);
    if (error == 0) {
        error = check_server(&peer, *fd, info.pid);
    }
    if (error != 0 && *fd >= 0) {
        close(*fd);
    }
    return error;
}

/* ---- guessing ---- */

/* The value of the variable when the process began; false if it has none, or may not be seen. */
static bool
runtime_directory(process_t *process, char *value, size_t size) {
    static const char name[] = "XDG_RUNTIME_DIR=";
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    int fd = openat(process_directory(process), "environ", O_RDONLY | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    while (file != NULL && !found && getdelim(&line, &room, '\0', file) > 0) {
        found = strncmp(line, name, strlen(name)) == 0;
    }
    if (found) {
        snprintf(value, size, "%s", line + strlen(name));
    }
    free(line);
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

/* A file alone says nothing: it may be left from an earlier process of that number. */
static bool
is_there(process_t *process, const char *path) {
    int fd;
    if (socket_connect(process, path, 0, &fd) != 0) {
        return false;
    }
    close(fd);
    return true;
}

bool
socket_guess(process_t *process, char *path, size_t size) {
    process_info_t info;
    char directory[PATH_SIZE];
    if (process_info(process, &info) != 0) {
        return false;
    }
    if (runtime_directory(process, directory, sizeof(directory))) {
        snprintf(path, size, "%s/lunalloc/%d.sock", directory, (int)info.inner_pid);
        if (is_there(process, path)) {
            return true;
        }
    }
    snprintf(path, size, "/tmp/lunalloc-%u/%d.sock", (unsigned)info.uid, (int)info.inner_pid);
    return is_there(process, path);
}
