/* slab_pass.c -- the right to make a pass over an arena's slabs, the slabs that a pass holds, reset and fork. */
#include "arena/slab_pass.h"

#include "arena/slab_pages.h"
#include "os/thread.h"

/* Passes in a decay time; and with a decay time of -1 the time until a tick looks whether it is still -1, ns. */
#define PASSES         8
#define NEVER_INTERVAL UINT64_C(1000000000)
#define NS_PER_MS      UINT64_C(1000000)

/* Its address identifies the thread. */
static __thread char mark __attribute__((tls_model("initial-exec")));

uint64_t
slab_pass_interval(int64_t ms) {
    uint64_t interval = ms < 0 ? NEVER_INTERVAL : (uint64_t)ms * NS_PER_MS / PASSES;
    return interval > SLAB_PASS_LEAST_INTERVAL ? interval : SLAB_PASS_LEAST_INTERVAL;
}

void
arena_init_slab_decay(arena_t *arena, int64_t ms, uint64_t now) {
    slab_decay_t *decay = &arena->slab_decay;
    list_init(&decay->held);
    atomic_set(&decay->decay_ms, ms);
    atomic_set(&decay->next, now + slab_pass_interval(ms));
    atomic_set(&decay->due, now + slab_pass_interval(ms));
}

/* ---- who makes a pass ---- */

bool
slab_pass_is_own(const arena_t *arena) {
    return atomic_get(&arena->slab_decay.passer) == (uintptr_t)&mark;
}

/* Either the read-modify-write here is after that of arena_wait_for_pass, and this thread sees the arena's life; or it
 * is before, and that one sees the mark. */
bool
slab_pass_begin(arena_t *arena) {
    uintptr_t none = 0;
    slab_decay_t *decay = &arena->slab_decay;
    if (!atomic_compare_exchange_strong_explicit(&decay->passer, &none, (uintptr_t)&mark, memory_order_acq_rel,
                                                 memory_order_relaxed)) {
        return false;
    }
    bool lives = atomic_get(&arena->life) == arena_living;
    if (lives) {
        decay->number = (uint8_t)(decay->number % UINT8_MAX + 1);
    } else {
        atomic_set_release(&decay->passer, 0);
    }
    return lives;
}

void
slab_pass_end(arena_t *arena) {
    atomic_set_release(&arena->slab_decay.passer, 0);
}

/* ---- what it holds ---- */

extent_t *
slab_pass_first_held(const arena_t *arena) {
    const list_t *held = &arena->slab_decay.held;
    return list_empty(held) ? NULL : container_of(held->next, extent_t, link);
}

void
slab_pass_return(bin_t *bin, extent_t *slab, uint64_t done, uint64_t now, list_t *emptied) {
    list_remove(&slab->link);
    slab_unhold(slab);
    atomic_set(&slab->discarded, atomic_get(&slab->discarded) | done);
    slab->ageing.idle &= ~done;
    slab->ageing.idle_since = now;
    counter_add(&bin->discarded, slab_bytes_of(slab, done));
    bin_unhold(bin, slab, emptied);
}

/* ---- reset and fork ---- */

bool
arena_wait_for_pass(arena_t *arena) {
    uintptr_t passer;
    while ((passer = atomic_fetch_add_explicit(&arena->slab_decay.passer, 0, memory_order_acq_rel)) != 0) {
        if (passer == (uintptr_t)&mark) {
            return false;
        }
        os_thread_yield();
    }
    return true;
}

/* The thread that forked may itself be in a hook that its pass has called: then its pass goes on in the child. Slabs
 * that are empty by now stay in their bin. */
void
arena_abandon_pass(arena_t *arena) NO_THREAD_SAFETY {
    bool mine = slab_pass_is_own(arena);
    for (extent_t *slab; !mine && (slab = slab_pass_first_held(arena)) != NULL;) {
        slab_pass_return(atomic_get(&slab->bin), slab, 0, slab->ageing.idle_since, NULL);
    }
    if (!mine) {
        atomic_set(&arena->slab_decay.passer, 0);
    }
}
