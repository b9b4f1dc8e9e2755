/*
 * support.h -- what the tests of the upper layers share: cmocka, a generator of random numbers with fixed seeds,
 * children whose death and messages a test can assert, and patterns that tell one block's contents from another's.
 */
#ifndef TESTS_API_SUPPORT_H
#define TESTS_API_SUPPORT_H

#include "../base/breathe.h"
#include "../base/bytes.h"
#include "settings.h"

#include "base/config.h"
#include "lunalloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Against hanging only, seconds. */
#define CHILD_LIMIT 120

/* What the library keeps apart for the address sanitizer, tests ask here. */
static const bool config_asan = LUNALLOC_ASAN != 0;

#if LUNALLOC_TSAN
/*
 * Fork holds every lock of the library, more than ThreadSanitizer's deadlock detector has room for; the witness looks
 * after the order.
 */
const char *__tsan_default_options(void);
const char *
__tsan_default_options(void) {
    return "detect_deadlocks=0";
}
#endif

/* ---- random numbers: xorshift64*, never seeded with 0 ---- */

static inline uint64_t
rnd(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* 0 .. n - 1 */
static inline size_t
rnd_below(uint64_t *state, size_t n) {
    return (size_t)((rnd(state) >> 11) % n);
}

/* Sizes as programs ask for them: each power of two up to 2^lg_max as likely as the others. */
static inline size_t
rnd_size(uint64_t *state, unsigned lg_max) {
    return rnd_below(state, (size_t)2 << rnd_below(state, lg_max));
}

static inline void
shuffle(uint64_t *state, void **ptrs, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t j = rnd_below(state, i);
        void *t = ptrs[i - 1];
        ptrs[i - 1] = ptrs[j];
        ptrs[j] = t;
    }
}

/* ---- contents ---- */

static inline void
pattern_fill(void *block, size_t size, uint64_t tag) {
    unsigned char *at = block;
    for (size_t i = 0; i < size; i++) {
        at[i] = (unsigned char)(tag + i * 31);
    }
}

/* Do the first `size` bytes hold the pattern? */
static inline bool
pattern_holds(const void *block, size_t size, uint64_t tag) {
    const unsigned char *at = block;
    for (size_t i = 0; i < size; i++) {
        if (at[i] != (unsigned char)(tag + i * 31)) {
            return false;
        }
    }
    return true;
}

/* ---- the allocator under test ---- */

static inline int
boot_allocator(void **state) {
    (void)state;
    lunalloc_free(lunalloc_malloc(1));
    return 0;
}

static inline void
require_debug(void) {
    if (!config_debug) {
        print_message("skip: invariants are checked in debug builds only\n");
        skip();
    }
}

/* ---- children ---- */

typedef struct {
    int status;      /* as waitpid gives it */
    char text[8192]; /* standard error */
} outcome_t;

static inline void
child_prepare(int error_fd) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGABRT, SIG_DFL);
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    dup2(error_fd, STDERR_FILENO);
    alarm(CHILD_LIMIT);
}

/* Reads what a child writes until it ends. */
static inline void
child_collect(pid_t pid, int fd, outcome_t *out) {
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, out->text + len, sizeof out->text - 1 - len)) > 0) {
        len += (size_t)n;
    }
    out->text[len] = '\0';
    close(fd);
    assert_int_equal(waitpid(pid, &out->status, 0), pid);
}

/* Runs body(arg) in a child; it exits with 0 if body returns. */
static inline outcome_t
in_child(void (*body)(void *), void *arg) {
    outcome_t out;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        child_prepare(fds[1]);
        body(arg);
        _exit(0);
    }
    close(fds[1]);
    child_collect(pid, fds[0], &out);
    return out;
}

typedef struct {
    const char *argument, *variable, *value;
} new_process_t;

static inline void
become_new_process(void *arg) {
    const new_process_t *process = arg;
    if (process->value == NULL) {
        unsetenv(process->variable);
    } else {
        setenv(process->variable, process->value, 1);
    }
    char *const argv[] = {(char *)(uintptr_t) "/proc/self/exe", (char *)(uintptr_t)process->argument, NULL};
    execv("/proc/self/exe", argv);
    _exit(127);
}

/* Runs this program again with one argument, and with an environment variable set (to NULL: unset). */
static inline outcome_t
in_new_process(const char *argument, const char *variable, const char *value) {
    new_process_t process = {argument, variable, value};
    return in_child(become_new_process, &process);
}

static inline bool
exited_well(const outcome_t *out) {
    return WIFEXITED(out->status) && WEXITSTATUS(out->status) == 0;
}

/* In a child: a condition whose failure must reach the parent. */
#define child_assert(condition)                                                                                        \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            dprintf(STDERR_FILENO, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                           \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

/* ---- threads ---- */

/* What thread_assert found; one test at a time. */
static char thread_failure[256];

/* In a thread, which cmocka's failures must not jump out of: notes the first failure and ends the thread. */
#define thread_assert(condition)                                                                                       \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            snprintf(thread_failure, sizeof thread_failure, "%s:%d: not true: %s", __FILE__, __LINE__, #condition);    \
            pthread_exit(NULL);                                                                                        \
        }                                                                                                              \
    } while (0)

static inline void
assert_threads_well(void) {
    if (thread_failure[0] != '\0') {
        char text[sizeof thread_failure];
        memcpy(text, thread_failure, sizeof text);
        thread_failure[0] = '\0';
        fail_msg("%s", text);
    }
}

static inline void
run_thread(void *(*body)(void *), void *arg) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, body, arg), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_threads_well();
}

static inline void
assert_child_well(const outcome_t *out) {
    if (!exited_well(out)) {
        fail_msg("the child ended with status 0x%x and said: %s", (unsigned)out->status, out->text);
    }
}

/* The child was ended by abort, after one line that holds `text`. */
static inline void
assert_misuse(const outcome_t *out, const char *text) {
    if (!WIFSIGNALED(out->status) || WTERMSIG(out->status) != SIGABRT || strstr(out->text, text) == NULL) {
        fail_msg("no abort with '%s': status 0x%x, standard error: %s", text, (unsigned)out->status, out->text);
    }
    assert_memory_equal(out->text, "lunalloc: ", 10);
    assert_ptr_equal(strchr(out->text, '\n'), out->text + strlen(out->text) - 1);
}

#endif
