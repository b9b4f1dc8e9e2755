/*
 * testing.h -- what the unit tests of the lower layers share: cmocka, random numbers that are the same on every run,
 * and child processes for code that is meant to end its process.
 */
#ifndef TESTS_BASE_TESTING_H
#define TESTS_BASE_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/config.h"
#include "lunalloc.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Group setup: the allocator has booted, whoever's malloc the process uses. */
static inline int
boot_allocator(void **state) {
    (void)state;
    lunalloc_free(lunalloc_malloc(1));
    return 0;
}

/* splitmix64. */
static inline uint64_t
random_next(uint64_t *seed) {
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* 0 .. n - 1. */
static inline unsigned
random_below(uint64_t *seed, unsigned n) {
    return (unsigned)(random_next(seed) % n);
}

/* How a child ended, and the beginning of what it wrote to standard error. */
typedef struct {
    int status;
    char text[2048];
} child_t;

static inline void
drain(int fd, char *text, size_t size) {
    size_t len = 0;
    ssize_t n;
    char rest[256];
    while ((n = len + 1 < size ? read(fd, text + len, size - 1 - len) : read(fd, rest, sizeof rest)) > 0) {
        len += len + 1 < size ? (size_t)n : 0;
    }
    text[len] = '\0';
}

/* Runs work(argument) in a child that exits with its result. */
static inline child_t
run_child(int (*work)(void *), void *argument) {
    child_t child = {0};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_int_not_equal(pid, -1);
    if (pid == 0) {
        alarm(120);
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        _exit(work(argument));
    }
    close(ends[1]);
    drain(ends[0], child.text, sizeof child.text);
    close(ends[0]);
    assert_int_equal(waitpid(pid, &child.status, 0), pid);
    return child;
}

/* work must abort with a message that contains `message`. */
static inline void
assert_aborts(int (*work)(void *), void *argument, const char *message) {
    child_t child = run_child(work, argument);
    if (!WIFSIGNALED(child.status) || WTERMSIG(child.status) != SIGABRT) {
        fail_msg("no SIGABRT: wait status 0x%x, output: %s", (unsigned)child.status, child.text);
    }
    if (strstr(child.text, message) == NULL) {
        fail_msg("expected \"%s\", but the output is: %s", message, child.text);
    }
}

/* work must return 0. */
static inline void
assert_child_succeeds(int (*work)(void *), void *argument) {
    child_t child = run_child(work, argument);
    if (child.status != 0) {
        fail_msg("wait status 0x%x, output: %s", (unsigned)child.status, child.text);
    }
}

#endif
