/* system_linux.c -- POSIX and Linux calls that are neither pages nor clocks. */
#include "os/system.h"

#include "base/bits.h"
#include "os/call.h"
#include "os/pages.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

/* Weak, so that a test may have a place of its own. */
__attribute__((weak)) BOOT_CONSTANT const char system_config_path[] = "/etc/lunalloc.conf";

/* Its address is null if nobody defines it. */
extern const char *lunalloc_conf __attribute__((weak, visibility("default")));

const char *
system_application_conf(void) {
    return &lunalloc_conf != NULL ? lunalloc_conf : NULL;
}

/* More words than a mask of the kernel's has (CONFIG_NR_CPUS is at most 8,192). */
#define MASK_WORDS (8192 / 64)

/* Weak, so that an application may define them as its own, or set these. */
const char *malloc_conf __attribute__((weak, visibility("default")));
system_message_t *malloc_message __attribute__((weak, visibility("default")));

const char *
system_application_malloc_conf(void) {
    return malloc_conf;
}

system_message_t *
system_application_message(void) {
    return malloc_message;
}

/* Not there in a program without shared libraries. */
#pragma weak dlsym

void *
system_next_symbol(const char *name) {
    return dlsym != NULL ? dlsym(RTLD_NEXT, name) : NULL;
}

/* The system call gives the mask's bytes. Not by the C library's function, whose page a small program touches for
 * nothing else. */
unsigned
system_ncpus(void) {
    uint64_t mask[MASK_WORDS];
    long bytes = CALL(SYS_sched_getaffinity, 0, sizeof mask, mask);
    unsigned n = 0;
    for (long i = 0; i < bytes / (long)sizeof mask[0]; i++) {
        for (uint64_t rest = mask[i]; rest != 0; rest &= rest - 1) {
            n++;
        }
    }
    return n < 1 ? 1 : n;
}

uint32_t
system_thread_id(void) {
    return (uint32_t)CALL(SYS_gettid);
}

void
system_exit(int status) {
    for (;;) {
        CALL(SYS_exit_group, status);
    }
}

/* ---- standard error ---- */

/* The first number to be tried for a copy of descriptor 2: beyond those that programs close one by one, and within what
 * a table of a usual process has room for. */
#define KEPT_ERROR 1000

/* Synchronization: constant but for boot, fork and exit: these variables. */
static int error_fd = STDERR_FILENO;   /* where lines go */
static int kept_error = STDERR_FILENO; /* where they go at exit; negative: nowhere */
static bool kept_by_child;

static bool
is_regular(int fd, struct stat *st) {
    return CALL(SYS_fstat, fd, st) == 0 && S_ISREG(st->st_mode);
}

void
system_keep_error(void) {
    struct stat st;
    long fd = -EINVAL;
    for (int least = KEPT_ERROR; fd == -EINVAL && least > STDERR_FILENO; least /= 4) {
        fd = CALL(SYS_fcntl, STDERR_FILENO, F_DUPFD_CLOEXEC, least);
    }
    if (fd >= 0 || fd == -EBADF) {
        kept_error = (int)fd;
        kept_by_child = is_regular((int)fd, &st);
    }
}

void
system_error_at_exit(void) {
    error_fd = kept_error;
}

/* A daemon's caller may be waiting for the end of a pipe, of a socket, or of a terminal. */
void
system_forked(void) {
    if (kept_error > STDERR_FILENO && !kept_by_child) {
        CALL(SYS_close, kept_error);
        kept_error = STDERR_FILENO;
    }
}

void
system_write_error(const char *text, size_t len) {
    while (len > 0) {
        long n = CALL(SYS_write, error_fd, text, len);
        if (n == -EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        text += n;
        len -= (size_t)n;
    }
}

/* Reads environ itself: getenv may be somebody's wrapper that allocates. */
const char *
system_env(const char *name) {
    if (getauxval(AT_SECURE) != 0 || environ == NULL) {
        return NULL;
    }
    size_t len = strlen(name);
    for (char **e = environ; *e != NULL; e++) {
        if (strncmp(*e, name, len) == 0 && (*e)[len] == '=') {
            return *e + len + 1;
        }
    }
    return NULL;
}

static int
open_to_read(const char *path) {
    return (int)CALL(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* Until the end, or until the buffer is full but for a terminator. */
static size_t
read_whole(int fd, char *buf, size_t size) {
    size_t len = 0;
    long n = 1;
    while (n > 0 && len + 1 < size) {
        n = CALL(SYS_read, fd, buf + len, size - 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    buf[len] = '\0';
    return len;
}

static size_t
read_file(const char *path, char *buf, size_t size) {
    struct stat st;
    int fd = open_to_read(path);
    if (fd < 0) {
        return 0;
    }
    size_t len = is_regular(fd, &st) ? read_whole(fd, buf, size) : 0;
    CALL(SYS_close, fd);
    return len;
}

/* Room for a text of that size; NULL without memory. */
static char *
map_text(size_t size, system_text_t *out) {
    out->mapped = align_up(size + 1, pages_size());
    return pages_map(out->mapped, pages_size());
}

static system_text_t
open_file(const char *path) {
    system_text_t out = {.text = NULL};
    struct stat st;
    int fd = open_to_read(path);
    if (fd < 0) {
        return out;
    }
    char *text = is_regular(fd, &st) ? map_text((size_t)st.st_size, &out) : NULL;
    if (text != NULL) {
        read_whole(fd, text, out.mapped);
    }
    CALL(SYS_close, fd);
    out.text = text;
    return out;
}

static system_text_t
open_link(const char *path) {
    system_text_t out;
    char *text = map_text(PATH_MAX, &out);
    if (text != NULL) {
        long n = CALL(SYS_readlinkat, AT_FDCWD, path, text, PATH_MAX);
        text[n > 0 ? n : 0] = '\0';
    }
    out.text = text;
    return out;
}

/* One byte tells what is there, without a buffer. */
system_text_t
system_open_config(const char *path) {
    char first;
    long n = CALL(SYS_readlinkat, AT_FDCWD, path, &first, 1);
    return n > 0 ? open_link(path) : n == -EINVAL ? open_file(path) : (system_text_t){.text = NULL};
}

void
system_close_config(const system_text_t *text) {
    if (text->text != NULL) {
        pages_unmap((void *)(uintptr_t)text->text, text->mapped);
    }
}

size_t
system_read_config(const char *path, char *buf, size_t size) {
    long n = CALL(SYS_readlinkat, AT_FDCWD, path, buf, size - 1);
    size_t len = n > 0 ? (size_t)n : n == -EINVAL ? read_file(path, buf, size) : 0;
    buf[len] = '\0';
    return len;
}
