/* output.c -- files that are whole or not there. See output.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- names ---- */

static const char *
kind_of(mode_t mode) {
    return S_ISDIR(mode) ? "folder" : S_ISFIFO(mode) ? "FIFO" : S_ISSOCK(mode) ? "socket" : "device";
}

static int
complain(char *message, size_t size, const char *path, int error) {
    snprintf(message, size, "cannot write %s: %s", path, strerror(error));
    return error;
}

/* The path behind links; itself if nothing has the name. A link to nothing is refused by the exclusive creation. */
static int
resolve(output_t *out, const char *path) {
    char real[PATH_MAX];
    const char *found = realpath(path, real) != NULL ? real : path;
    if (found == path && errno != ENOENT) {
        return errno;
    }
    struct stat link;
    if (found == path && lstat(path, &link) == 0) {
        return ENOENT; /* a link whose target is not there */
    }
    int len = snprintf(out->path, sizeof(out->path), "%s", found);
    return len > 0 && (size_t)len < sizeof(out->path) ? 0 : ENAMETOOLONG;
}

/* Opens the file beside. The one that is there hands down its mode and its owner. */
static int
open_aside(output_t *out, const struct stat *old) {
    mode_t mode = old == NULL ? 0666 : 0600;
    snprintf(out->aside, sizeof(out->aside), "%s.%d.tmp", out->path, (int)getpid());
    out->fd = open(out->aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (out->fd < 0) {
        return errno;
    }
    if (old != NULL) {
        int refused = fchown(out->fd, old->st_uid, old->st_gid);
        refused |= fchmod(out->fd, old->st_mode & 07777);
        (void)refused; /* somebody else's file: the new one is ours */
    }
    return 0;
}

int
output_begin(output_t *out, const char *path, char *message, size_t message_size) {
    memset(out, 0, sizeof(*out));
    if (strcmp(path, "-") == 0) {
        out->standard = true;
        out->fd = STDOUT_FILENO;
        return 0;
    }
    int error = resolve(out, path);
    if (error != 0) {
        return complain(message, message_size, path, error);
    }
    struct stat old;
    bool exists = stat(out->path, &old) == 0;
    if (exists && !S_ISREG(old.st_mode)) {
        snprintf(message, message_size, "cannot write %s: it is a %s, not a regular file", path, kind_of(old.st_mode));
        return EINVAL;
    }
    error = open_aside(out, exists ? &old : NULL);
    return error == 0 ? 0 : complain(message, message_size, path, error);
}

/* ---- writing ---- */

/* Signals that a write raises. */
static void
writing_signals(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGPIPE);
    sigaddset(set, SIGXFSZ);
}

static int
write_all(int fd, const char *p, size_t size) {
    while (size > 0) {
        ssize_t n = write(fd, p, size);
        if (n < 0 && errno != EINTR) {
            return errno;
        }
        p += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* The signal that a write has raised is taken away before others are let through again. */
static int
write_quietly(int fd, const void *data, size_t size) {
    sigset_t set, old;
    writing_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    int error = write_all(fd, data, size);
    if (error == EPIPE || error == EFBIG) {
        sigtimedwait(&set, NULL, &(struct timespec){0});
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return error;
}

bool
output_write(output_t *out, const void *data, size_t size) {
    if (out->error != 0) {
        return false;
    }
    out->error = write_quietly(out->fd, data, size);
    if (out->error == 0) {
        out->written += size;
    } else if (!out->standard && ftruncate(out->fd, (off_t)out->written) != 0) {
        return false; /* the reader leaves out what is incomplete */
    }
    return out->error == 0;
}

int
output_end(output_t *out) {
    if (out->standard) {
        return out->error;
    }
    int error = close(out->fd) == 0 ? 0 : errno;
    if (rename(out->aside, out->path) != 0) {
        error = errno;
    }
    return out->error != 0 ? out->error : error;
}

void
output_abandon(output_t *out) {
    if (!out->standard) {
        close(out->fd);
        unlink(out->aside);
    }
}
