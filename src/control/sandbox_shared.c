/*
 * sandbox_shared.c -- functions of the C library by which a process shuts itself in. The shared library replaces them,
 * because of background threads that the process did not ask for.
 *
 * unshare, setns: the system lets only a process of one thread enter another user or time namespace. Where it refuses,
 * background threads end, and the call is made again. They start again when there is something for them to do, a second
 * later at the earliest.
 *
 * prctl: a process that gives up gaining rights, or filters its system calls, has no background thread from then on
 * unless it asks for one: a filter may end the process for the calls that start a thread, and for those that end one.
 * So threads end before the call. Without rights of root, every filter is preceded by such a call.
 *
 * A program that links the archive has sandbox_archive.c instead.
 */
#include "control/background.h"
#include "lunalloc.h"
#include "os/process.h"
#include "os/thread.h"

#include <errno.h>
#include <stdarg.h>

const bool background_unasked = LUNALLOC_REPLACE != 0;

#if LUNALLOC_REPLACE

/* As <sched.h> declares them. */
LUNALLOC_API int unshare(int flags);
LUNALLOC_API int setns(int fd, int kinds);
LUNALLOC_API int prctl(int option, ...);

/* Attempts while a thread that has ended may still exist for the system. */
#define ATTEMPTS 1000

typedef struct {
    int fd; /* -1: unshare */
    int kinds;
} change_t;

static long
apply(const change_t *change) {
    return change->fd < 0 ? process_unshare(change->kinds) : process_enter_namespace(change->fd, change->kinds);
}

static int
result_of(long error) {
    if (error >= 0) {
        return (int)error;
    }
    errno = (int)-error;
    return -1;
}

/* Does the system say so where a process of one thread may do it? */
static bool
may_succeed_alone(long error) {
    return error == -EINVAL || error == -EUSERS;
}

static int
apply_alone(const change_t *change) {
    long error = apply(change);
    bool paused = may_succeed_alone(error) && background_pause();
    for (unsigned i = 0; paused && may_succeed_alone(error) && i < ATTEMPTS; i++) {
        os_thread_yield();
        error = apply(change);
    }
    return result_of(error);
}

int
unshare(int flags) {
    return apply_alone(&(change_t){.fd = -1, .kinds = flags});
}

int
setns(int fd, int kinds) {
    if (fd < 0) {
        errno = EBADF;
        return -1;
    }
    return apply_alone(&(change_t){.fd = fd, .kinds = kinds});
}

/* As the C library's: the system ignores arguments that the option does not have. */
int
prctl(int option, ...) {
    va_list args;
    unsigned long values[4];
    va_start(args, option);
    for (unsigned i = 0; i < 4; i++) {
        values[i] = va_arg(args, unsigned long);
    }
    va_end(args);
    if (process_control_confines(option)) {
        background_enter_sandbox();
    }
    return result_of(process_control(option, values));
}

#endif
