/* background_state.c -- what background.c and background_threads.c share. */
#include "control/background_threads.h"

#include "arena/arenas.h"
#include "base/options.h"

/* Not static: another process finds it (control/layout.def). */
worker_t background_workers[BACKGROUND_MAX];
/* Not static: another process finds it (control/layout.def). */
lock_t lock_of_background_thread = LOCK_INITIALIZER(RANK_BACKGROUND);
_Atomic bool background_heavy, background_serves_hooks, background_sandboxed;
_Atomic uint64_t background_retry_at;
_Atomic size_t background_most;
_Atomic bool background_allowed;
_Atomic size_t background_inherited;
_Atomic uint64_t background_born;

size_t
background_max(void) {
    size_t n = atomic_get(&background_most);
    return n != 0 ? n : options.max_background_threads;
}

bool
background_rest_arenas(bool young) {
    bool needed = false;
    for (uint32_t i = 0; i < arenas_count(); i++) {
        arena_t *arena = arenas_get(i);
        if (arena != NULL) {
            size_t more = young ? PURGER_WORTH_YOUNG + atomic_get(&arena->slab_decay.ageing) : 0;
            needed = pa_purger_rest(&arena->pages, more) || needed;
        }
    }
    return needed;
}

bool
background_is_on(void) {
    return atomic_get(&pa_purger) != NULL;
}
