/* file_linux.c -- open, write, rename, by number: system calls are no cancellation points, the C library's are. */
#include "os/file.h"

#include "base/fmt.h"
#include "os/call.h"
#include "os/process.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>

#define MODE 0644

/* Whatever is opened by a name that may lead anywhere: a FIFO without a reader is refused and not waited for, and a
 * terminal does not become the process's own. */
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

/* What a write has raised is taken away, unless the thread itself had blocked it. */
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

/* A file that was left under the name, by a process of this number that ended on the way, is in the way. */
static int
open_aside(file_t *file) {
    fmt_t out = fmt_begin(file->aside, sizeof file->aside);
    fmt_str(&out, file->name);
    fmt_char(&out, '.');
    fmt_u64(&out, process_id());
    fmt_str(&out, ".tmp");
    int fd = open_file(file->aside, OPEN_NEW);
    if (fd == -EEXIST && remove_file(file->aside) == 0) {
        fd = open_file(file->aside, OPEN_NEW);
    }
    return fd;
}

/* What has the name; what a link would lead to, if it were there; or else a new file. */
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
        CALL(SYS_fcntl, fd, F_SETFL, 0); /* writes wait for a reader that is slow */
    }
    return fd;
}

int
file_begin(file_t *file, const char *name, file_way_t way) {
    file->name = name;
    file->len = 0;
    file->error = 0;
    file->compressed = file->in_place = file->made = file->began = false;
    if (strlen(name) >= FILE_NAME_MAX) {
        return ENAMETOOLONG;
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

/* The first bytes take the place of what was there. What has no length (EINVAL) is written to as it is. */
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
put(void *context, const void *data, size_t len) {
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
flush(file_t *file) {
    if (file->compressed) {
        gzip_write(&file->gzip, file->buf, file->len, put, file);
    } else {
        put(file, file->buf, file->len);
    }
    file->len = 0;
}

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
            flush(file);
        }
    }
}

/* ---- the end ---- */

/* What a link led to, and was not there: by the name that the system has for the open file. */
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

/* Some file systems say only here that there is no room. EINTR: it is closed. */
static void
close_file(file_t *file) {
    long result = CALL(SYS_close, file->fd);
    if (file->error == 0 && result < 0 && result != -EINTR) {
        file->error = (int)-result;
    }
}

/* What is not whole goes while the descriptor is there to name it by. */
static void
end_in_place(file_t *file) {
    if (file->error != 0 && file->made) {
        remove_made(file);
    } else if (file->error != 0 && file->began) {
        CALL(SYS_ftruncate, file->fd, 0);
    }
    close_file(file);
}

static void
end_aside(file_t *file) {
    close_file(file);
    if (file->error == 0) {
        file->error = (int)-CALL(SYS_renameat, AT_FDCWD, file->aside, AT_FDCWD, file->name);
    }
    if (file->error != 0) {
        remove_file(file->aside);
    }
}

int
file_end(file_t *file) {
    flush(file);
    if (file->compressed) {
        gzip_end(&file->gzip, put, file);
    }
    file->in_place ? end_in_place(file) : end_aside(file);
    unblock_signals(file);
    return file->error;
}
