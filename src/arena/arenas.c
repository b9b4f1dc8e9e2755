/* arenas.c -- the table, under one lock; lookups take none. */
#include "arena/arenas.h"

#include "base/check.h"
#include "base/options.h"
#include "base/generation.h"
#include "base/witness.h"
#include "os/clock.h"

#include <errno.h>

/* Sparse: common, as pagemap_classes is. */
__attribute__((common)) _Atomic(arena_t *) arenas_table[ARENAS_MAX];
_Atomic bool arenas_uncached_made;
uint32_t arenas_oversize_from = SC_NONE;

static lock_t lock = LOCK_INITIALIZER(RANK_ARENAS);
static _Atomic uint32_t count;      /* Synchronization: written under the lock, read at any time. */
static _Atomic uint32_t nauto;      /* Synchronization: as count. */
static _Atomic uint32_t generation; /* Synchronization: as count; rises with each change of nauto. */
static _Atomic(arena_t *) oversize; /* Synchronization: written under the lock, once, read at any time. */
static _Atomic uint32_t ndestroyed; /* Synchronization: as count. */
static _Atomic(arena_t *) fallback; /* Synchronization: any thread; what arenas_fallback found last. */

/* Slot -> index + 1 of its automatic arena; 0 until it is made. */
static uint32_t slots[ARENAS_MAX_AUTO] GUARDED_BY(role_arenas);

static void
arenas_lock(void) ACQUIRE(role_arenas) NO_THREAD_SAFETY {
    lock_acquire(&lock);
}

static void
arenas_unlock(void) RELEASE(role_arenas) NO_THREAD_SAFETY {
    lock_release(&lock);
}

uint32_t
arenas_count(void) {
    return atomic_get_acquire(&count);
}

uint32_t
arenas_ndestroyed(void) {
    return atomic_get(&ndestroyed);
}

uint32_t
arenas_nauto(void) {
    return atomic_get(&nauto);
}

uint32_t
arenas_generation(void) {
    return atomic_get(&generation);
}

static arena_t *
make(uint32_t index, bool manual) REQUIRES(role_arenas) {
    arena_t *arena = atomic_get(&arenas_table[index]);
    if (arena == NULL) {
        arena = arena_new(index, manual);
    }
    if (arena == NULL) {
        return NULL;
    }
    if (atomic_get(&arena->life) == arena_destroyed) {
        arena_use_defaults(arena, clock_coarse_ns());
        atomic_set(&arena->manual, manual);
    }
    atomic_set_release(&arena->life, arena_living);
    atomic_set_release(&arenas_table[index], arena);
    if (index >= atomic_get(&count)) {
        atomic_set_release(&count, index + 1);
    }
    return arena;
}

static bool
overlaps_any(uintptr_t addr, size_t size) {
    bool found = false;
    for (uint32_t i = 0; i < atomic_get(&count) && !found; i++) {
        arena_t *arena = arenas_get(i);
        found = arena != NULL && pa_overlaps(&arena->pages, addr, size);
    }
    return found;
}

static void
boot_oversize(size_t threshold) {
    if (threshold != 0 && threshold <= SC_LARGE_MAX) {
        uint32_t szind = sc_index(threshold);
        arenas_oversize_from = szind < sc.nsmall ? sc.nsmall : szind;
    }
}

bool
arenas_boot(uint32_t n) {
    boot_oversize(options.oversize_threshold);
    atomic_set_release(&pa_overlaps_any, overlaps_any);
    arenas_lock();
    atomic_set(&nauto, n);
    bool made = make(0, false) != NULL;
    for (uint32_t i = 0; i < n; i++) {
        slots[i] = i + 1;
    }
    atomic_set_release(&count, n);
    arenas_unlock();
    return made;
}

static bool
alive(uint32_t index) REQUIRES(role_arenas) {
    const arena_t *arena = index < atomic_get(&count) ? atomic_get(&arenas_table[index]) : NULL;
    return arena != NULL && atomic_get(&arena->life) == arena_living;
}

bool
arenas_alive(uint32_t index) {
    arenas_lock();
    bool is = alive(index);
    arenas_unlock();
    return is;
}

/* An index that was kept for an automatic arena may not have one yet. */
static bool
is_kept(uint32_t index) REQUIRES(role_arenas) {
    return index < atomic_get(&count) && atomic_get(&arenas_table[index]) == NULL;
}

static arena_t *
want(uint32_t index) REQUIRES(role_arenas) {
    return alive(index) ? arenas_get(index) : is_kept(index) ? make(index, false) : NULL;
}

arena_t *
arenas_want(uint32_t index) {
    arena_t *arena = arenas_get(index);
    if (arena == NULL || atomic_get_acquire(&arena->life) != arena_living) {
        arenas_lock();
        arena = want(index);
        arenas_unlock();
    }
    return arena;
}

static bool
is_free(uint32_t index) REQUIRES(role_arenas) {
    const arena_t *arena = atomic_get(&arenas_table[index]);
    return arena == NULL ? !is_kept(index) : atomic_get(&arena->life) == arena_destroyed;
}

/* The lowest index that is free; ARENAS_MAX if there is none. */
static uint32_t
free_index(void) REQUIRES(role_arenas) {
    uint32_t i = 0;
    while (i < ARENAS_MAX && !is_free(i)) {
        i++;
    }
    return i;
}

/* A slot's arena if it has been made. */
static arena_t *
in_slot(uint32_t slot) REQUIRES(role_arenas) {
    return slots[slot] == 0 ? NULL : arenas_get(slots[slot] - 1);
}

/* A slot's arena; made if need be. NULL without memory. */
static arena_t *
fill_slot(uint32_t slot) REQUIRES(role_arenas) {
    uint32_t index = slots[slot] == 0 ? free_index() : slots[slot] - 1;
    arena_t *arena = index == ARENAS_MAX                             ? NULL
                     : arenas_get(index) != NULL && slots[slot] != 0 ? arenas_get(index)
                                                                     : make(index, false);
    if (arena != NULL) {
        slots[slot] = index + 1;
    }
    return arena;
}

/* Has it an arena, or an index for one? */
static bool
can_be_filled(uint32_t slot) REQUIRES(role_arenas) {
    return slots[slot] != 0 || free_index() < ARENAS_MAX;
}

/* How busy a slot is. The process's first thread, in slot 0, mostly waits for the others: it does not count. */
static uint32_t
load_of(uint32_t slot) REQUIRES(role_arenas) {
    const arena_t *arena = in_slot(slot);
    uint32_t nthreads = arena == NULL ? 0 : atomic_get(&arena->nthreads);
    return slot == 0 && nthreads > 0 ? nthreads - 1 : nthreads;
}

static uint32_t
least_loaded(void) REQUIRES(role_arenas) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < atomic_get(&nauto); i++) {
        best = load_of(i) < load_of(best) && can_be_filled(i) ? i : best;
    }
    return best;
}

/* The slot of an automatic arena; ARENAS_MAX_AUTO if it is a manual one. */
static uint32_t
slot_of(const arena_t *arena) REQUIRES(role_arenas) {
    uint32_t slot = atomic_get(&arena->manual) ? ARENAS_MAX_AUTO : 0;
    while (slot < ARENAS_MAX_AUTO && slots[slot] != arena->index + 1) {
        slot++;
    }
    return slot;
}

/* ---- binding ---- */

/* Its slot is not in use, and no thread is bound to it. */
static bool
wants_no_retain(const arena_t *arena) REQUIRES(role_arenas) {
    uint32_t slot = slot_of(arena);
    return slot < ARENAS_MAX_AUTO && slot >= atomic_get(&nauto) && atomic_get(&arena->nthreads) == 0;
}

/* After a change of its threads, or of the slots in use. */
static void
update_no_retain(arena_t *arena) REQUIRES(role_arenas) {
    bool no_retain = wants_no_retain(arena);
    if (no_retain != atomic_get(&arena->pages.no_retain)) {
        pa_set_no_retain(&arena->pages, no_retain);
    }
}

/* This may run hooks, which may allocate: no lock is held. */
static void
drain(arena_t *arena) EXCLUDES(role_arenas) {
    if (atomic_get(&arena->pages.no_retain)) {
        arena_drain(arena);
    }
}

static void
count_thread(arena_t *arena) REQUIRES(role_arenas) {
    atomic_add(&arena->nthreads, 1);
    update_no_retain(arena);
}

static void
discount_thread(arena_t *arena) REQUIRES(role_arenas) {
    atomic_sub(&arena->nthreads, 1);
    update_no_retain(arena);
}

arena_t *
arenas_bind_auto(void) {
    arenas_lock();
    arena_t *arena = fill_slot(least_loaded());
    arena = arena == NULL ? arenas_get(0) : arena;
    count_thread(arena);
    arenas_unlock();
    return arena;
}

arena_t *
arenas_bind_to(uint32_t index) {
    arenas_lock();
    arena_t *arena = want(index);
    if (arena != NULL) {
        count_thread(arena);
    }
    arenas_unlock();
    return arena;
}

void
arenas_bind(arena_t *arena) {
    arenas_lock();
    count_thread(arena);
    arenas_unlock();
}

void
arenas_unbind(arena_t *arena) {
    witness_no_core_lock();
    arenas_lock();
    discount_thread(arena);
    arenas_unlock();
    drain(arena);
}

/* Should a thread leave this slot for that one? */
static bool
should_move(uint32_t from, uint32_t to) REQUIRES(role_arenas) {
    return from < ARENAS_MAX_AUTO && from != to && (from >= atomic_get(&nauto) || load_of(from) > load_of(to) + 1);
}

arena_t *
arenas_rebind(arena_t *arena) {
    witness_no_core_lock();
    arenas_lock();
    uint32_t from = slot_of(arena);
    uint32_t to = least_loaded();
    arena_t *target = should_move(from, to) ? fill_slot(to) : arena;
    target = target == NULL ? arena : target;
    if (target != arena) {
        count_thread(target);
        discount_thread(arena);
    }
    arenas_unlock();
    drain(arena);
    return target;
}

void
arenas_set_nauto(uint32_t n) {
    witness_no_core_lock();
    arenas_lock();
    atomic_set(&nauto, n);
    atomic_add(&generation, 1);
    config_generation_bump();
    for (uint32_t slot = 0; slot < ARENAS_MAX_AUTO; slot++) {
        if (in_slot(slot) != NULL) {
            update_no_retain(in_slot(slot));
        }
    }
    arenas_unlock();
    for (uint32_t i = 0; i < arenas_count(); i++) {
        if (arenas_get(i) != NULL) {
            drain(arenas_get(i));
        }
    }
}

void
arenas_set_nshards(uint32_t szind, uint32_t n) {
    witness_no_core_lock();
    atomic_set(&shards_beyond_first[szind], (uint8_t)(n - 1));
    for (uint32_t i = 0; i < arenas_count(); i++) {
        if (arenas_get(i) != NULL) {
            arena_drain_surplus(arenas_get(i), szind);
        }
    }
}

void
arenas_unbind_all(void) {
    arenas_lock();
    for (uint32_t i = 0; i < arenas_count(); i++) {
        if (arenas_get(i) != NULL) {
            atomic_set(&arenas_get(i)->nthreads, 0);
            update_no_retain(arenas_get(i));
        }
    }
    arenas_unlock();
}

/* ---- manual arenas ---- */

arena_t *
arenas_create(void) {
    witness_no_core_lock();
    arenas_lock();
    uint32_t index = free_index();
    arena_t *arena = index < ARENAS_MAX ? make(index, true) : NULL;
    if (arena != NULL) {
        atomic_set(&arenas_uncached_made, true);
    }
    arenas_unlock();
    return arena;
}

static bool
has_hooks(arena_t *arena) {
    return pa_hooks(&arena->pages) != NULL;
}

/* The lowest automatic arena without hooks; a new one, to which no thread is bound, if all of them have hooks. */
static arena_t *
find_plain(void) REQUIRES(role_arenas) {
    for (uint32_t i = 0; i < arenas_count(); i++) {
        arena_t *arena = arenas_get(i);
        if (arena != NULL && !arena->manual && !has_hooks(arena)) {
            return arena;
        }
    }
    uint32_t index = free_index();
    return index < ARENAS_MAX ? make(index, false) : NULL;
}

arena_t *
arenas_fallback(void) {
    witness_no_core_lock();
    arena_t *arena = atomic_get_acquire(&fallback);
    if (arena == NULL || has_hooks(arena)) {
        arenas_lock();
        arena = find_plain();
        arenas_unlock();
        atomic_set_release(&fallback, arena);
    }
    return arena;
}

/* ---- the arena of oversize allocations ---- */

/* Where nothing is purged by default, nothing is here. */
static void
purge_at_once(arena_t *arena, uint64_t now) {
    page_alloc_t *pa = &arena->pages;
    if (atomic_get(&pa->dirty_decay_ms) > 0) {
        pa_set_decay_ms(pa, extent_dirty, 0, now);
    }
    if (atomic_get(&pa->muzzy_decay_ms) > 0) {
        pa_set_decay_ms(pa, extent_muzzy, 0, now);
    }
}

/* Manual in that no thread is bound to it unasked, and that caches do not take what is its. */
static arena_t *
make_oversize(void) REQUIRES(role_arenas) {
    arena_t *arena = atomic_get(&oversize);
    uint32_t index = arena == NULL ? free_index() : ARENAS_MAX;
    if (index < ARENAS_MAX) {
        arena = make(index, true);
        atomic_set_release(&oversize, arena);
    }
    return arena;
}

arena_t *
arenas_oversize(void) {
    witness_no_core_lock();
    arena_t *arena = atomic_get_acquire(&oversize);
    if (UNLIKELY(arena == NULL)) {
        arenas_lock();
        arena = make_oversize();
        arenas_unlock();
        if (arena != NULL) {
            purge_at_once(arena, clock_coarse_ns());
        }
    }
    return arena;
}

bool
arenas_outgrows(const arena_t *arena, uint32_t szind) {
    return szind >= arenas_oversize_from && !atomic_get(&arena->manual);
}

/* ---- */

/* Takes a manual arena to which no thread is bound out of use. 0, EINVAL or EAGAIN. */
static int
begin_clearing(uint32_t index) {
    int error = EINVAL;
    arenas_lock();
    arena_t *arena = alive(index) ? arenas_get(index) : NULL;
    if (arena != NULL && atomic_get(&arena->manual) && arena != atomic_get(&oversize)) {
        error = atomic_get(&arena->nthreads) > 0 ? EAGAIN : 0;
        atomic_set(&arena->life, error == 0 ? arena_clearing : arena_living);
    }
    arenas_unlock();
    return error;
}

static void
end_clearing(uint32_t index, arena_life_t now) {
    arenas_lock();
    atomic_set(&arenas_get(index)->life, now);
    atomic_set(&ndestroyed, atomic_get(&ndestroyed) + (now == arena_destroyed));
    arenas_unlock();
}

int
arenas_reset(uint32_t index) {
    witness_no_core_lock();
    int error = begin_clearing(index);
    if (error == 0) {
        arena_reset(arenas_get(index));
        end_clearing(index, arena_living);
    }
    return error;
}

int
arenas_destroy(uint32_t index) {
    witness_no_core_lock();
    int error = begin_clearing(index);
    if (error == 0) {
        arena_clear(arenas_get(index));
        end_clearing(index, arena_destroyed);
    }
    return error;
}

bool
arenas_release_unused(void) {
    witness_no_core_lock();
    bool any = false;
    for (uint32_t i = 0; i < arenas_count(); i++) {
        arena_t *arena = arenas_get(i);
        if (arena != NULL) {
            arena_drain(arena);
            any = pa_release_unused(&arena->pages) || any;
        }
    }
    return any;
}

lock_t *
arenas_mutex(void) {
    return &lock;
}

void
arenas_prefork(void) {
    lock_prefork(&lock);
    for (lock_rank_t rank = RANK_DECAY; rank <= RANK_RETAINED; rank++) {
        for (uint32_t i = 0; i < arenas_count(); i++) {
            if (arenas_get(i) != NULL) {
                arena_prefork(arenas_get(i), rank);
            }
        }
    }
}

void
arenas_postfork(bool child) {
    for (uint32_t i = 0; i < arenas_count(); i++) {
        if (arenas_get(i) != NULL) {
            arena_postfork(arenas_get(i), child);
        }
    }
    lock_postfork(&lock, child);
}
