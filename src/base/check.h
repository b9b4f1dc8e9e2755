/*
 * check.h -- two grades of checks.
 *
 *   check(cond)   an invariant of ours; tested in debug builds only
 *   misuse(...)   the application broke a rule (double free, wild pointer): one line, then abort, in every build
 *
 * Messages go through `check_sink`, which boot fills (base knows no system calls); until then a failure aborts
 * silently.
 */
#ifndef LUNALLOC_BASE_CHECK_H
#define LUNALLOC_BASE_CHECK_H

#include "base/config.h"

/* Writes `len` bytes of one line, which is terminated, somewhere visible. Async-signal-safe, if the application's
 * malloc_message is. Set once at boot. */
extern void (*check_sink)(const char *text, size_t len);

_Noreturn COLD void check_failed(const char *condition, const char *file, unsigned line);
/* `what` happened to `ptr`: prints "lunalloc: <what>: <ptr> <detail>" and aborts. */
_Noreturn COLD void misuse(const char *what, const void *ptr, const char *detail);
/* Prints "lunalloc: <text>" as one line and goes on, or aborts. */
COLD void warn(const char *text);
_Noreturn COLD void fatal(const char *text);

#define check(cond)                                                                                                    \
    do {                                                                                                               \
        if (config_debug && UNLIKELY(!(cond)))                                                                         \
            check_failed(#cond, __FILE__, __LINE__);                                                                   \
    } while (0)

#endif
