/* recorder_area.c -- the memory that a recorder shares with its target. See recorder_parts.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "recorder_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int
recorder_say(char *message, size_t size, const char *what, int error) {
    snprintf(message, size, "%s: %s", what, strerror(error));
    return error;
}

/* trace_allocate_t */
static bool
allocate(void *opaque, size_t offset, size_t size) {
    const trace_recorder_t *recorder = opaque;
    int error = posix_fallocate(recorder->fd, (off_t)offset, (off_t)size);
    errno = error;
    return error == 0;
}

/* The area, which can be mapped then; errno is set after a failure. */
static bool
map_area(trace_recorder_t *recorder) {
    recorder->fd = memfd_create("lunalloc-record", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (recorder->fd < 0 || ftruncate(recorder->fd, (off_t)recorder->size) != 0 ||
        !allocate(recorder, 0, record_area_heads(&recorder->drain.shape))) {
        return false;
    }
    void *area = mmap(NULL, recorder->size, PROT_READ | PROT_WRITE, MAP_SHARED, recorder->fd, 0);
    if (area == MAP_FAILED) {
        return false;
    }
    recorder->drain.area = area;
    record_area_init(area, &recorder->drain.shape);
    return trace_drain_give_memory(&recorder->drain);
}

/* The same. A limit of files (SIGXFSZ) is a failure. */
static bool
allocate_area(trace_recorder_t *recorder) {
    sigset_t limit, old;
    sigemptyset(&limit);
    sigaddset(&limit, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &limit, &old);
    int error = map_area(recorder) ? 0 : errno;
    if (error == EFBIG) {
        sigtimedwait(&limit, NULL, &(struct timespec){0});
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = error;
    return error == 0;
}

int
recorder_make_area(trace_recorder_t *recorder, char *message, size_t size) {
    recorder->drain.allocate = allocate;
    recorder->drain.opaque = recorder;
    recorder->size = record_area_size(&recorder->drain.shape);
    if (recorder->size == 0) {
        return recorder_say(message, size, "the shape of the rings", EINVAL);
    }
    if (!allocate_area(recorder)) {
        return recorder_say(message, size, "no memory to share with the process", errno);
    }
    if (fcntl(recorder->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return recorder_say(message, size, "cannot seal the memory to share with the process", errno);
    }
    return 0;
}

uint32_t
recorder_area_state(const trace_recorder_t *recorder) {
    return atomic_load_explicit(&((const record_head_t *)recorder->drain.area)->state, memory_order_acquire);
}
