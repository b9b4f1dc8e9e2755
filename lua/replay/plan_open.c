/*
 * plan_open.c -- maps a plan. See plan.h.
 *
 * The head and the bounds of each window are checked, so that a file that is no plan, or was cut, ends with a message.
 */
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
is_plan(const plan_head_t *head, uint64_t size) {
    return memcmp(head->magic, PLAN_MAGIC, sizeof(head->magic)) == 0 && head->version == PLAN_VERSION &&
           head->head_size == sizeof(*head) && head->size == size && head->nslots < PLAN_NONE &&
           head->most_threads <= PLAN_MOST_THREADS;
}

/* flags: MAP_POPULATE, or 0. */
static int
map_file(plan_file_t *plan, int fd, int flags) {
    struct stat stat;
    if (fstat(fd, &stat) != 0) {
        return errno;
    }
    if (!S_ISREG(stat.st_mode) || (uint64_t)stat.st_size < sizeof(plan_head_t)) {
        return EINVAL;
    }
    plan->size = (size_t)stat.st_size;
    void *address = mmap(NULL, plan->size, PROT_READ, MAP_SHARED | flags, fd, 0);
    if (address == MAP_FAILED) {
        return errno;
    }
    plan->head = address;
    if (!is_plan(plan->head, plan->size)) {
        plan_file_close(plan);
        return EINVAL;
    }
    (void)madvise(address, plan->size, MADV_SEQUENTIAL);
    return 0;
}

int
plan_file_open(plan_file_t *plan, const char *path, char *message, size_t message_size) {
    *plan = (plan_file_t){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 ? errno : map_file(plan, fd, 0);
    if (fd >= 0) {
        close(fd);
    }
    if (error == EINVAL) {
        snprintf(message, message_size, "%s is no plan of a replay of this version", path);
    } else if (error != 0) {
        snprintf(message, message_size, "%s: %s", path, strerror(error));
    }
    return error;
}

int
plan_file_map(plan_file_t *plan, int fd) {
    *plan = (plan_file_t){0};
    return map_file(plan, fd, MAP_POPULATE);
}

void
plan_file_close(plan_file_t *plan) {
    if (plan->head != NULL) {
        munmap((void *)(uintptr_t)plan->head, plan->size);
        plan->head = NULL;
    }
}

/* True if the window's parts add up to its size, and its slots and threads exist. */
static bool
is_whole(const plan_file_t *plan, const plan_window_t *window, uint64_t room) {
    uint64_t head = sizeof(*window) + window->nruns * (uint64_t)sizeof(plan_run_t), nops = 0;
    if (window->nruns > PLAN_WINDOW_RUNS || window->size > room || window->size < head) {
        return false;
    }
    for (uint32_t i = 0; i < window->nruns; i++) {
        nops += plan_runs(window)[i].nops;
        if (plan_runs(window)[i].thread >= plan->head->nthreads) {
            return false;
        }
    }
    return window->size == head + nops * sizeof(plan_op_t);
}

const plan_window_t *
plan_next_window(const plan_file_t *plan, uint64_t *offset) {
    uint64_t end = plan->size - PLAN_AHEAD * sizeof(plan_op_t);
    const plan_window_t *window = (const plan_window_t *)((const char *)plan->head + *offset);
    if (*offset + sizeof(*window) > end || !is_whole(plan, window, end - *offset)) {
        return NULL;
    }
    *offset += window->size;
    return window;
}
