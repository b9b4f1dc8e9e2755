/*
 * check.h -- assertions, and the messages that end the process.
 *
 *   check(cond)        an invariant of the allocator; tested in debug builds only
 *   misuse(...)        the application broke a rule (double free, wild pointer): one line, then abort, in every build
 *   warn(), fatal()    one line; fatal then aborts
 *
 * Messages go through `check_sink`, which boot sets, because base/ makes no system calls. Before that, nothing is
 * printed.
 */
#ifndef LUNALLOC_BASE_CHECK_H
#define LUNALLOC_BASE_CHECK_H

#include "base/config.h"

/* Writes one line of `len` bytes, newline included and terminated, where the user sees it. Async-signal-safe if the
 * application's malloc_message is. Set once, at boot. */
extern void (*check_sink)(const char *text, size_t len);

/* Prints "lunalloc: broken invariant: CONDITION (FILE:LINE)" and aborts. */
_Noreturn COLD void check_failed(const char *condition, const char *file, unsigned line);
/* `what` happened to `ptr`: prints "lunalloc: WHAT: PTR DETAIL" and aborts. */
_Noreturn COLD void misuse(const char *what, const void *ptr, const char *detail);
/* Prints "lunalloc: TEXT". */
COLD void warn(const char *text);
/* Prints the same, and aborts. */
_Noreturn COLD void fatal(const char *text);

#define check(cond)                                                                                                    \
    do {                                                                                                               \
        if (config_debug && UNLIKELY(!(cond)))                                                                         \
            check_failed(#cond, __FILE__, __LINE__);                                                                   \
    } while (0)

#endif
