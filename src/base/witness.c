/* witness.c -- per-thread count of held locks by rank (debug builds only). */
#include "base/witness.h"

#include "base/check.h"

#if LUNALLOC_DEBUG

static __thread uint16_t held[RANK_COUNT] __attribute__((tls_model("initial-exec")));

static bool
holds_from(lock_rank_t rank) {
    for (unsigned r = rank; r < RANK_COUNT; r++) {
        if (held[r] != 0) {
            return true;
        }
    }
    return false;
}

void
witness_before_acquire(lock_rank_t rank) {
    bool lock_order_kept = !holds_from(rank);
    check(lock_order_kept);
}

void
witness_before_acquire_sibling(lock_rank_t rank) {
    bool lock_order_kept = !holds_from((lock_rank_t)(rank + 1));
    check(lock_order_kept);
}

void
witness_acquired(lock_rank_t rank) {
    held[rank]++;
}

void
witness_released(lock_rank_t rank) {
    bool lock_is_held = held[rank] != 0;
    check(lock_is_held);
    held[rank]--;
}

void
witness_no_core_lock(void) {
    bool no_core_lock_held = !holds_from(RANK_CORE);
    check(no_core_lock_held);
}

unsigned
witness_depth(lock_rank_t rank) {
    return held[rank];
}

#endif
