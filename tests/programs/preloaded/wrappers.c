/*
 * wrappers.c -- preloaded beside the allocator: takes over functions of the C library that the allocator may call, as
 * uid_wrapper, torsocks and libfaketime do, and allocates in each of them.
 *
 * The environment variable WRAPPED names them, between blanks; without it, all do. How often each allocated is not of
 * interest: that the program ends as it does without.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static __thread int depth __attribute__((tls_model("initial-exec")));

/* By nothing that is wrapped. */
static int
is_wanted(const char *name) {
    for (char **e = environ; e != NULL && *e != NULL; e++) {
        if (strncmp(*e, "WRAPPED=", 8) == 0) {
            const char *at = strstr(*e + 8, name);
            size_t len = strlen(name);
            return at != NULL && (at[len] == ' ' || at[len] == '\0') && (at[-1] == ' ' || at[-1] == '=');
        }
    }
    return 1;
}

/* Small and large, kept and freed; resized, and zeroed. */
static void
allocate(const char *name) {
    static void *kept;
    if (!is_wanted(name) || depth > 0) {
        return;
    }
    depth++;
    void *volatile small = malloc(100);
    void *volatile large = malloc((size_t)300 << 10);
    memset(small, 1, 100);
    memset(large, 2, (size_t)300 << 10);
    small = realloc(small, 5000);
    unsigned char *volatile zeroed = calloc(10, 10);
    void *volatile aligned = aligned_alloc(256, 256);
    if (((char *)small)[99] != 1 || zeroed[99] != 0 || (size_t)aligned % 256 != 0) {
        __builtin_trap();
    }
    free(large);
    free(kept);
    free(aligned);
    free(zeroed);
    kept = small;
    depth--;
}

static void *
next(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

#define WRAP(type, name, parameters, arguments)                                                                        \
    type name parameters {                                                                                             \
        allocate(#name);                                                                                               \
        type(*real) parameters = (type(*) parameters)next(#name);                                                      \
        return real arguments;                                                                                         \
    }

WRAP(void *, mmap, (void *at, size_t n, int protection, int flags, int fd, off_t from),
     (at, n, protection, flags, fd, from))
WRAP(int, munmap, (void *at, size_t n), (at, n))
WRAP(int, mprotect, (void *at, size_t n, int protection), (at, n, protection))
WRAP(int, madvise, (void *at, size_t n, int advice), (at, n, advice))
WRAP(int, mincore, (void *at, size_t n, unsigned char *out), (at, n, out))
WRAP(ssize_t, read, (int fd, void *buf, size_t n), (fd, buf, n))
WRAP(ssize_t, write, (int fd, const void *buf, size_t n), (fd, buf, n))
WRAP(ssize_t, readlink, (const char *path, char *buf, size_t n), (path, buf, n))
WRAP(int, close, (int fd), (fd))
WRAP(int, fstat, (int fd, struct stat *out), (fd, out))
WRAP(unsigned long, getauxval, (unsigned long type), (type))
WRAP(int, clock_gettime, (clockid_t id, struct timespec *out), (id, out))
WRAP(int, sched_yield, (void), ())
WRAP(long, sysconf, (int name), (name))
WRAP(char *, getenv, (const char *name), (name))
WRAP(int, pthread_key_create, (pthread_key_t * key, void (*destroy)(void *)), (key, destroy))
WRAP(int, pthread_setspecific, (pthread_key_t key, const void *value), (key, value))
WRAP(int, pthread_sigmask, (int how, const sigset_t *set, sigset_t *old), (how, set, old))
WRAP(int, pthread_attr_init, (pthread_attr_t * attr), (attr))
WRAP(int, pthread_create, (pthread_t * id, const pthread_attr_t *attr, void *(*body)(void *), void *arg),
     (id, attr, body, arg))
WRAP(int, __register_atfork, (void (*prepare)(void), void (*parent)(void), void (*child)(void), void *library),
     (prepare, parent, child, library))

int
open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    int mode = va_arg(list, int);
    va_end(list);
    allocate("open");
    return (int)((long (*)(long, ...))next("syscall"))(SYS_openat, AT_FDCWD, path, flags, mode);
}

void *
mremap(void *from, size_t n, size_t wanted, int flags, ...) {
    va_list list;
    va_start(list, flags);
    void *to = va_arg(list, void *);
    va_end(list);
    allocate("mremap");
    return ((void *(*)(void *, size_t, size_t, int, ...))next("mremap"))(from, n, wanted, flags, to);
}

long
syscall(long number, ...) {
    long a[6];
    va_list list;
    va_start(list, number);
    for (unsigned i = 0; i < 6; i++) {
        a[i] = va_arg(list, long);
    }
    va_end(list);
    allocate("syscall");
    return ((long (*)(long, ...))next("syscall"))(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* What the application wants lines of the allocator to go to, at boot too. */
static void
write_message(void *opaque, const char *text) {
    (void)opaque;
    allocate("malloc_message");
    if (write(STDERR_FILENO, text, strlen(text)) < 0) {
        _exit(3);
    }
}

void (*malloc_message)(void *opaque, const char *text) = write_message;
