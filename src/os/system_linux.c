/* system_linux.c -- the process and its system through Linux' calls and the C library. */
#include "os/system.h"

#include "base/fmt.h"
#include "os/call.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

size_t
system_page_size(void) {
    return getauxval(AT_PAGESZ);
}

/* More words than a mask of the kernel has (CONFIG_NR_CPUS is at most 8,192). */
#define MASK_WORDS (8192 / 64)

/* The system call returns the mask's bytes. The C library's function would touch a page of a small program that nothing
 * else touches. */
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

void
system_exit(int status) {
    for (;;) {
        CALL(SYS_exit_group, status);
    }
}

/* ---- standard error ---- */

/* The first number to try for the copy of descriptor 2: above those that programs close one by one, and within the
 * usual limit on descriptors. */
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

/* A daemon's caller may be waiting for the end of a pipe, a socket or a terminal. */
void
system_forked(void) {
    if (kept_error > STDERR_FILENO && !kept_by_child) {
        CALL(SYS_close, kept_error);
        kept_error = STDERR_FILENO;
    }
}

/* Writes all of the text if possible. 0, or the error. */
static long
write_all(int fd, const char *text, size_t len) {
    while (len > 0) {
        long n = CALL(SYS_write, fd, text, len);
        if (n == -EINTR) {
            continue;
        }
        if (n <= 0) {
            return n;
        }
        text += n;
        len -= (size_t)n;
    }
    return 0;
}

/* From a thread that has descriptors of its own (os/socket.h): the process's descriptor is opened again. */
static NOINLINE void
write_from_own_table(const char *text, size_t len) {
    char path[32];
    fmt_t out = fmt_begin(path, sizeof path);
    fmt_str(&out, "/proc/self/fd/");
    fmt_i64(&out, error_fd);
    int fd = (int)CALL(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd >= 0) {
        write_all(fd, text, len);
        CALL(SYS_close, fd);
    }
}

void
system_write_error(const char *text, size_t len) {
    if (write_all(error_fd, text, len) == -EBADF) {
        write_from_own_table(text, len);
    }
}

/* ---- sources of the configuration ---- */

/* Weak, so that a test may have a file of its own. */
__attribute__((weak)) BOOT_CONSTANT const char system_config_path[] = "/etc/lunalloc.conf";

/* Its address is null unless the application defines it. */
extern const char *lunalloc_conf __attribute__((weak, visibility("default")));

/* Weak, so that the application may define them, or assign to ours. */
const char *malloc_conf __attribute__((weak, visibility("default")));
system_message_t *malloc_message __attribute__((weak, visibility("default")));

const char *
system_application_conf(void) {
    return &lunalloc_conf != NULL ? lunalloc_conf : NULL;
}

const char *
system_application_malloc_conf(void) {
    return malloc_conf;
}

system_message_t *
system_application_message(void) {
    return malloc_message;
}

bool
system_is_privileged(void) {
    return getauxval(AT_SECURE) != 0;
}

/* Reads environ itself: a preloaded library may have replaced getenv with one that allocates. */
const char *
system_env(const char *name) {
    if (system_is_privileged() || environ == NULL) {
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

/* Reads until the end, or until the buffer is full but for a terminator. */
static size_t
read_whole(int fd, char *buf, size_t size) {
    size_t len = 0;
    long n = 1;
    while (n > 0 && len + 1 < size) {
        n = CALL(SYS_read, fd, buf + len, size - 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    return len;
}

/* The text of a file; 0 if it cannot be opened or, on demand, is not a regular file. */
static size_t
read_file(const char *path, bool regular, char *buf, size_t size) {
    struct stat st;
    int fd = open_to_read(path);
    if (fd < 0) {
        return 0;
    }
    size_t len = !regular || is_regular(fd, &st) ? read_whole(fd, buf, size) : 0;
    CALL(SYS_close, fd);
    return len;
}

static bool
find_file(const char *path, size_t *size) {
    struct stat st;
    int fd = open_to_read(path);
    if (fd < 0) {
        return false;
    }
    bool found = is_regular(fd, &st);
    *size = found ? (size_t)st.st_size : 0;
    CALL(SYS_close, fd);
    return found;
}

/* Reading one byte tells whether the path is a link (n > 0), something else (EINVAL), or nothing. */
bool
system_find_config(const char *path, size_t *size) {
    char first;
    long n = CALL(SYS_readlinkat, AT_FDCWD, path, &first, 1);
    *size = PATH_MAX;
    return n > 0 || (n == -EINVAL && find_file(path, size));
}

size_t
system_read_config(const char *path, char *buf, size_t size) {
    long n = CALL(SYS_readlinkat, AT_FDCWD, path, buf, size - 1);
    size_t len = n > 0 ? (size_t)n : n == -EINVAL ? read_file(path, true, buf, size) : 0;
    buf[len] = '\0';
    return len;
}

size_t
system_read_file(const char *path, char *buf, size_t size) {
    size_t len = read_file(path, false, buf, size);
    buf[len] = '\0';
    return len;
}

/* ---- libraries ---- */

/* NULL in a program without dynamic linking. */
#pragma weak dlsym

const int system_deepbind = RTLD_DEEPBIND;

typedef void *open_t(const char *name, int flags);

void *
system_next_symbol(const char *name) {
    return dlsym != NULL ? dlsym(RTLD_NEXT, name) : NULL;
}

/* POSIX promises that an address from dlsym may be a function's; ISO C has no such conversion. */
void
system_find_function(void *library, const char *name, void *function) {
    *(void **)function = dlsym == NULL ? NULL : dlsym(library == NULL ? RTLD_DEFAULT : library, name);
}

/* dlopen is looked up here, because a reference to it would be resolved in every process. */
void *
system_open_library(const char *name) {
    open_t *open;
    system_find_function(NULL, "dlopen", &open);
    return open == NULL ? NULL : open(name, RTLD_NOW | RTLD_LOCAL);
}
