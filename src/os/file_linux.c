/* file_linux.c -- open, write, rename. What is called by number is not looked up by name in every process at start. */
#include "os/file.h"

#include "base/fmt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

uint32_t
file_process(void) {
    return (uint32_t)syscall(SYS_getpid);
}

int
file_begin(file_t *file, const char *name) {
    int saved = errno;
    fmt_t out = fmt_begin(file->aside, sizeof file->aside);
    fmt_str(&out, name);
    fmt_char(&out, '.');
    fmt_u64(&out, file_process());
    fmt_str(&out, ".tmp");
    file->name = name;
    file->len = 0;
    file->error = 0;
    file->compressed = false;
    if (out.len + 2 >= sizeof file->aside) {
        return ENAMETOOLONG;
    }
    file->fd = open(file->aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    file->error = file->fd < 0 ? errno : 0;
    errno = saved;
    return file->error;
}

static void
put(void *context, const void *data, size_t len) {
    file_t *file = context;
    const char *at = data;
    while (len > 0 && file->error == 0) {
        ssize_t n = write(file->fd, at, len);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            file->error = n == 0 ? ENOSPC : errno;
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
    int saved = errno;
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
    errno = saved;
}

/* Hands the whole lines of a buffer over, and moves the rest to its start; returns the rest's length. */
static size_t
hand_over(char *buf, size_t len, size_t size, visit_line_t *visit, void *context) {
    char *at = buf, *end = buf + len, *newline;
    while ((newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        *newline = '\0';
        visit(at, context);
        at = newline + 1;
    }
    size_t rest = (size_t)(end - at);
    memmove(buf, at, rest);
    return rest < size ? rest : 0;
}

void
file_mappings(char *buf, size_t size, visit_line_t *visit, void *context) {
    int saved = errno;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n;
    while (fd >= 0 && ((n = read(fd, buf + len, size - len)) > 0 || (n < 0 && errno == EINTR))) {
        len = hand_over(buf, len + (n > 0 ? (size_t)n : 0), size, visit, context);
    }
    if (fd >= 0) {
        close(fd);
    }
    errno = saved;
}

int
file_end(file_t *file) {
    int saved = errno;
    flush(file);
    if (file->compressed) {
        gzip_end(&file->gzip, put, file);
    }
    if (close(file->fd) != 0 && file->error == 0) {
        file->error = errno;
    }
    if (file->error == 0 && syscall(SYS_renameat, AT_FDCWD, file->aside, AT_FDCWD, file->name) != 0) {
        file->error = errno;
    }
    if (file->error != 0) {
        syscall(SYS_unlinkat, AT_FDCWD, file->aside, 0);
    }
    errno = saved;
    return file->error;
}
