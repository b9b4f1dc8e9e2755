/* check.h -- the checkers of all arenas. */
#ifndef TESTS_ARENA_CHECK_H
#define TESTS_ARENA_CHECK_H

#include "arena/arenas.h"

/* In debug builds. */
static inline void
check_arenas(void) {
    for (uint32_t i = 0; config_debug && i < arenas_count(); i++) {
        if (arenas_get(i) != NULL) {
            arena_check(arenas_get(i));
        }
    }
}

#endif
