/* arenas_bind.c -- slots of automatic arenas, and the number of threads on each. */
#include "arena/arenas_bind.h"

#include "arena/arenas_locked.h"
#include "base/options.h"
#include "base/witness.h"
#include "extent/dirty_limits.h"

/* Not static: another process finds it (control/layout.def). */
_Atomic uint32_t arenas_nauto_count; /* Synchronization: written under the table's lock, read at any time. */
static _Atomic uint32_t generation;  /* Synchronization: as nauto. */

/* Slot -> index + 1 of its automatic arena; 0 until it has one. */
static uint32_t slots[ARENAS_MAX_AUTO] GUARDED_BY(role_arenas);

void
arenas_bind_boot(uint32_t n) {
    arenas_lock();
    atomic_set(&arenas_nauto_count, n);
    for (uint32_t i = 0; i < n; i++) {
        slots[i] = i + 1;
    }
    arenas_unlock();
}

uint32_t
arenas_nauto(void) {
    return atomic_get(&arenas_nauto_count);
}

uint32_t
arenas_generation(void) {
    return atomic_get(&generation);
}

/* ---- slots ---- */

/* The arena of a slot; NULL until it is made. */
static arena_t *
slot_arena(uint32_t slot) REQUIRES(role_arenas) {
    return slots[slot] == 0 ? NULL : arenas_get(slots[slot] - 1);
}

/* The same, but makes it. NULL if memory is exhausted or all indices are in use. */
static arena_t *
fill_slot(uint32_t slot) REQUIRES(role_arenas) {
    uint32_t index = slots[slot] == 0 ? arenas_free_index_locked() : slots[slot] - 1;
    arena_t *arena = slot_arena(slot);
    if (arena == NULL && index < ARENAS_MAX) {
        arena = arenas_make_locked(index, false);
    }
    if (arena != NULL) {
        slots[slot] = index + 1;
    }
    return arena;
}

static bool
can_fill_slot(uint32_t slot) REQUIRES(role_arenas) {
    return slots[slot] != 0 || arenas_free_index_locked() < ARENAS_MAX;
}

/* The slot of an automatic arena; ARENAS_MAX_AUTO for a manual one. */
static uint32_t
slot_of(const arena_t *arena) REQUIRES(role_arenas) {
    uint32_t slot = atomic_get(&arena->manual) ? ARENAS_MAX_AUTO : 0;
    while (slot < ARENAS_MAX_AUTO && slots[slot] != arena->index + 1) {
        slot++;
    }
    return slot;
}

/* Threads on a slot. The process's first thread, on slot 0, is not counted: it mostly waits for the others. */
static uint32_t
slot_load(uint32_t slot) REQUIRES(role_arenas) {
    const arena_t *arena = slot_arena(slot);
    uint32_t nthreads = arena == NULL ? 0 : atomic_get(&arena->nthreads);
    return slot == 0 && nthreads > 0 ? nthreads - 1 : nthreads;
}

static uint32_t
least_loaded_slot(void) REQUIRES(role_arenas) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < atomic_get(&arenas_nauto_count); i++) {
        best = slot_load(i) < slot_load(best) && can_fill_slot(i) ? i : best;
    }
    return best;
}

/* ---- no-retain ---- */

/* A retired slot's arena without threads is no-retain. */
static bool
wants_no_retain(const arena_t *arena) REQUIRES(role_arenas) {
    uint32_t slot = slot_of(arena);
    return slot < ARENAS_MAX_AUTO && slot >= atomic_get(&arenas_nauto_count) && atomic_get(&arena->nthreads) == 0;
}

/* After a change of its number of threads, or of nauto. */
static void
update_no_retain(arena_t *arena) REQUIRES(role_arenas) {
    bool no_retain = wants_no_retain(arena);
    if (no_retain != atomic_get(&arena->pages.no_retain)) {
        pa_set_no_retain(&arena->pages, no_retain);
    }
}

/* Hooks may run here, and may allocate: no lock is held. */
static void
drain_no_retain(arena_t *arena) EXCLUDES(role_arenas) {
    if (atomic_get(&arena->pages.no_retain)) {
        arena_drain(arena);
    }
}

/* ---- binding ---- */

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

/* Arena 0 serves if the slot's arena cannot be made. */
arena_t *
arenas_bind_auto(void) {
    arenas_lock();
    arena_t *arena = fill_slot(least_loaded_slot());
    arena = arena == NULL ? arenas_get(0) : arena;
    count_thread(arena);
    arenas_unlock();
    return arena;
}

arena_t *
arenas_bind_to(uint32_t index) {
    arenas_lock();
    arena_t *arena = arenas_want_locked(index);
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
    drain_no_retain(arena);
}

/* Whether a thread leaves one slot for another: if its own is retired, or if that evens out the load. */
static bool
should_move(uint32_t from, uint32_t to) REQUIRES(role_arenas) {
    return from < ARENAS_MAX_AUTO && from != to &&
           (from >= atomic_get(&arenas_nauto_count) || slot_load(from) > slot_load(to) + 1);
}

arena_t *
arenas_rebind(arena_t *arena) {
    witness_no_core_lock();
    arenas_lock();
    uint32_t from = slot_of(arena);
    uint32_t to = least_loaded_slot();
    arena_t *target = should_move(from, to) ? fill_slot(to) : arena;
    target = target == NULL ? arena : target;
    if (target != arena) {
        count_thread(target);
        discount_thread(arena);
    }
    arenas_unlock();
    drain_no_retain(arena);
    return target;
}

/* The config generation is raised last (release): a thread that sees it sees nauto and generation, too. */
void
arenas_set_nauto(uint32_t n) {
    witness_no_core_lock();
    arenas_lock();
    atomic_set(&arenas_nauto_count, n);
    atomic_add(&generation, 1);
    config_generation_bump();
    for (uint32_t slot = 0; slot < ARENAS_MAX_AUTO; slot++) {
        if (slot_arena(slot) != NULL) {
            update_no_retain(slot_arena(slot));
        }
    }
    arenas_unlock();
    for (uint32_t i = 0; i < arenas_count(); i++) {
        if (arenas_get(i) != NULL) {
            drain_no_retain(arenas_get(i));
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
