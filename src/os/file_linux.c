/*
 * file_linux.c -- open, write, rename, by system calls (os/call.h), which are no cancellation points. While a file is
 * open, its thread blocks the signals that a write may raise.
 */
#include "os/file.h"

#include "base/fmt.h"
#include "os/call.h"
#include "os/thread.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#define MODE 0644

/* For names that may lead anywhere: opening a FIFO without a reader fails instead of waiting, and a terminal does not
 * become the process's controlling terminal. */
#define OPEN_ANY (O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
#define OPEN_NEW (O_WRONLY | O_CLOEXEC | O_CREAT | O_EXCL | O_NOFOLLOW)

/* A descriptor, or a negative error. */
static int
open_file(const char *name, int flags) {
    return (int)CALL(SYS_openat, AT_FDCWD, name, flags, MODE);
}

/* 0 or an error. */
static int
remove_file(const char *name) {
    return (int)-CALL(SYS_unlinkat, AT_FDCWD, name, 0);
}

/* ---- signals ---- */

#define BIT(signal) (UINT64_C(1) << ((signal)-1))
static const uint64_t of_writes = BIT(SIGPIPE) | BIT(SIGXFSZ);

static void
block_signals(file_t *file) {
    file->signals = of_writes;
    CALL(SYS_rt_sigprocmask, SIG_BLOCK, &of_writes, &file->signals, sizeof of_writes);
}

/* Discards a signal that a write has raised, unless the thread itself had blocked that signal before. */
static void
unblock_signals(const file_t *file) {
    uint64_t mine = of_writes & ~file->signals;
    struct {
        int64_t seconds, nanoseconds;
    } at_once = {0, 0};
    if ((file->error == EPIPE || file->error == EFBIG) && mine != 0) {
        CALL(SYS_rt_sigtimedwait, &mine, NULL, &at_once, sizeof mine);
    }
    CALL(SYS_rt_sigprocmask, SIG_UNBLOCK, &mine, NULL, sizeof mine);
}

/* ---- the beginning ---- */

static bool
is_link(const char *name) {
    char target;
    return CALL(SYS_readlinkat, AT_FDCWD, name, &target, 1) > 0;
}

/* Has something the name that is no regular file? */
static bool
is_taken(const char *name) {
    struct stat st;
    return CALL(SYS_newfstatat, AT_FDCWD, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode);
}

/* Replaces a temporary file that an earlier process of the same number has left. */
static int
open_aside(file_t *file) {
    fmt_t out = fmt_begin(file->aside, sizeof file->aside);
    fmt_str(&out, file->name);
    fmt_char(&out, '.');
    fmt_u64(&out, os_process_id());
    fmt_str(&out, ".tmp");
    int fd = open_file(file->aside, OPEN_NEW);
    if (fd == -EEXIST && remove_file(file->aside) == 0) {
        fd = open_file(file->aside, OPEN_NEW);
    }
    return fd;
}

/* Opens what has the name, or creates the missing target of a link; else opens a new file aside. */
static int
open_named(file_t *file) {
    int fd = open_file(file->name, OPEN_ANY);
    if (fd == -ENOENT) {
        if (!is_link(file->name)) {
            return open_aside(file);
        }
        fd = open_file(file->name, OPEN_ANY | O_CREAT);
        file->made = true;
    }
    file->in_place = true;
    if (fd >= 0) {
        CALL(SYS_fcntl, fd, F_SETFL, 0); /* no O_NONBLOCK: writes wait for a slow reader */
    }
    return fd;
}

int
file_begin(file_t *file, const char *name, file_way_t way) {
    file->name = name;
    file->len = 0;
    file->error = 0;
    file->compressed = file->in_place = file->made = file->began = false;
    file->careful = way == file_aside_new;
    if (strlen(name) >= FILE_NAME_MAX) {
        return ENAMETOOLONG;
    }
    if (file->careful && is_taken(name)) {
        return EEXIST;
    }
    file->fd = way == file_in_place ? open_named(file) : open_aside(file);
    if (file->fd < 0) {
        file->error = -file->fd;
        return file->error;
    }
    block_signals(file);
    return 0;
}

/* ---- writing ---- */

/* Empties a file that is written in place, before its first bytes. EINVAL: it has no length (a device, a FIFO). */
static void
begin_writing(file_t *file) {
    long result = file->in_place && !file->began ? CALL(SYS_ftruncate, file->fd, 0) : 0;
    if (result < 0 && result != -EINVAL) {
        file->error = (int)-result;
    } else {
        file->began = true;
    }
}

static void
file_put(void *context, const void *data, size_t len) {
    file_t *file = context;
    const char *at = data;
    if (file->error == 0) {
        begin_writing(file);
    }
    while (len > 0 && file->error == 0) {
        long n = CALL(SYS_write, file->fd, at, len);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        } else if (n != -EINTR) {
            file->error = n == 0 ? ENOSPC : (int)-n;
        }
    }
}

static void
file_flush(file_t *file) {
    if (file->compressed) {
        gzip_write(&file->gzip, file->buf, file->len, file_put, file);
    } else {
        file_put(file, file->buf, file->len);
    }
    file->len = 0;
}

/* A failure is the file's first error, so nothing is written. */
void
file_compress(file_t *file) {
    int error = gzip_begin(&file->gzip);
    file->compressed = error == 0;
    file->error = error;
}

void
file_write(file_t *file, const void *data, size_t len) {
    const char *from = data;
    while (len > 0) {
        size_t room = sizeof file->buf - file->len;
        size_t n = len < room ? len : room;
        memcpy(file->buf + file->len, from, n);
        file->len += n;
        from += n;
        len -= n;
        if (file->len == sizeof file->buf) {
            file_flush(file);
        }
    }
}

/* ---- the end ---- */

/* Removes the target of a link that did not exist before, by the name that /proc has for the open file. */
static void
remove_made(file_t *file) {
    char self[64];
    fmt_t out = fmt_begin(self, sizeof self);
    fmt_str(&out, "/proc/self/fd/");
    fmt_u64(&out, (uint64_t)file->fd);
    long n = CALL(SYS_readlinkat, AT_FDCWD, self, file->aside, sizeof file->aside - 1);
    if (n > 0) {
        file->aside[n] = '\0';
        remove_file(file->aside);
    }
}

/* Some file systems report only here that there is no room. EINTR: the file is closed. */
static void
close_file(file_t *file) {
    long result = CALL(SYS_close, file->fd);
    if (file->error == 0 && result < 0 && result != -EINTR) {
        file->error = (int)-result;
    }
}

/* Removes or empties a partial file while the descriptor still identifies it. */
static void
end_in_place(file_t *file) {
    if (file->error != 0 && file->made) {
        remove_made(file);
    } else if (file->error != 0 && file->began) {
        CALL(SYS_ftruncate, file->fd, 0);
    }
    close_file(file);
}

/* The rename makes the file appear, whole. It follows no link that has taken the name meanwhile. */
static void
end_aside(file_t *file) {
    close_file(file);
    if (file->error == 0 && file->careful && is_taken(file->name)) {
        file->error = EEXIST;
    }
    if (file->error == 0) {
        file->error = (int)-CALL(SYS_renameat, AT_FDCWD, file->aside, AT_FDCWD, file->name);
    }
    if (file->error != 0) {
        remove_file(file->aside);
    }
}

void
file_abandon(file_t *file, int error) {
    file->error = file->error != 0 ? file->error : error;
}

int
file_end(file_t *file) {
    file_flush(file);
    if (file->compressed) {
        gzip_end(&file->gzip, file_put, file);
    }
    file->in_place ? end_in_place(file) : end_aside(file);
    unblock_signals(file);
    return file->error;
}
