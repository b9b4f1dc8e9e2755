/*
 * free.c -- frees: from an address to its extent, and on to the bin of a slab or to the page layer; and what a free
 * rejects as misuse. Part of arena.h's contract.
 */
#include "arena/arenas.h"
#include "base/check.h"
#include "base/witness.h"
#include "extent/pagemap.h"

extent_t *
arena_extent_of(const void *ptr, const char *what) {
    extent_t *e = pagemap_extent((uintptr_t)ptr);
    if (UNLIKELY(e == NULL || extent_state(e) != extent_active)) {
        misuse(what, ptr, e == NULL ? "is not an address that this allocator gave" : "is free already");
    }
    return e;
}

/* The address is not that of an allocation in e: in a slab it may be free already. */
static _Noreturn COLD void
reject_free(const extent_t *e, const void *ptr) {
    if (e->slab) {
        slab_reject(e, ptr);
    }
    misuse("free of an address inside an allocation", ptr, "");
}

/* ---- small allocations ---- */

/* Frees those of ptrs that belong to one bin, moves the others to the front; returns how many these are. A slab whose
 * `bin` is this one stays in the bin while its lock is held. */
static uint32_t
flush_bin(bin_t *bin, void **ptrs, uint32_t n, list_t *emptied) {
    void **end = ptrs + n, **kept = ptrs;
    bin_lock(bin);
    for (void **at = ptrs; at < end;) {
        extent_t *slab = pagemap_extent((uintptr_t)*at);
        if (UNLIKELY(slab == NULL || atomic_get(&slab->bin) != bin)) {
            *kept++ = *at++;
        } else {
            at += bin_push(bin, slab, at, (size_t)(end - at), emptied);
        }
    }
    bin_count_flush(bin, (uint64_t)(end - kept));
    bin_unlock(bin);
    return (uint32_t)(kept - ptrs);
}

/* Takes each bin's lock once, for all of the pointers that belong there. The first pointer's bin is read without a
 * lock, and checked under it (flush_bin): a slab that has left the bin meanwhile is looked up again. */
void
arena_push(void **ptrs, uint32_t n, list_t *emptied) {
    witness_no_core_lock();
    while (n > 0) {
        const extent_t *slab = arena_extent_of(ptrs[0], "free");
        bin_t *bin = atomic_get(&slab->bin);
        if (UNLIKELY(bin == NULL)) {
            reject_free(slab, ptrs[0]);
        }
        n = flush_bin(bin, ptrs, n, emptied);
    }
}

/* Takes the first slab of a list, and those behind it that are of the same arena, out of the page map; moves them to
 * `freed`. Returns the arena. */
static arena_t *
unmap_slabs(list_t *emptied, list_t *freed) {
    extent_t *slab = container_of(emptied->next, extent_t, link);
    uint32_t arena = extent_arena(slab);
    do {
        list_remove(&slab->link);
        arena_unmap_slab(slab);
        list_push_back(freed, &slab->link);
        slab = container_of(emptied->next, extent_t, link);
    } while (!list_empty(emptied) && extent_arena(slab) == arena);
    return arenas_get(arena);
}

void
arena_delete_slabs(list_t *emptied) {
    witness_no_core_lock();
    while (!list_empty(emptied)) {
        list_t freed;
        list_init(&freed);
        arena_t *arena = unmap_slabs(emptied, &freed);
        pa_dalloc_list(&arena->pages, &freed);
    }
}

bool
arena_took(void *const *ptrs, uint32_t n, size_t step) {
    witness_no_core_lock();
    uint16_t taker = bin_taker(lock_thread());
    bool took = true;
    for (uint32_t i = 0; i < n && took; i++) {
        const extent_t *e = pagemap_extent((uintptr_t)ptrs[i * step]);
        took = e == NULL || !e->slab || atomic_get(&e->taker) == taker;
    }
    return took;
}

void
arena_flush(void **ptrs, uint32_t n) {
    witness_no_core_lock();
    list_t emptied;
    list_init(&emptied);
    arena_push(ptrs, n, &emptied);
    arena_delete_slabs(&emptied);
}

/* ---- any allocation ---- */

void
arena_free(void *ptr) {
    witness_no_core_lock();
    extent_t *e = arena_extent_of(ptr, "free");
    if (e->slab) {
        arena_flush(&ptr, 1);
        return;
    }
    if (UNLIKELY((uintptr_t)ptr != e->addr)) {
        reject_free(e, ptr);
    }
    arena_free_large(e);
}

/* Until the lock of a slab's bin is held the slab may move to another bin: then it is tried again. */
static bool
region_lives(const extent_t *slab, const void *ptr) {
    for (bin_t *bin; (bin = atomic_get(&slab->bin)) != NULL;) {
        bin_lock(bin);
        bool same = atomic_get(&slab->bin) == bin;
        bool lives = same && slab_lives(slab, ptr);
        bin_unlock(bin);
        if (same) {
            return lives;
        }
    }
    return false;
}

void
arena_expect_live(const extent_t *e, const void *ptr) {
    witness_no_core_lock();
    if (UNLIKELY(e->slab ? !region_lives(e, ptr) : (uintptr_t)ptr != e->addr)) {
        reject_free(e, ptr);
    }
}
