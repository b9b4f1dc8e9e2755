/* small.c -- small allocations: between bins, slabs and the page layer. Part of arena.h's contract. */
#include "arena/arenas.h"
#include "base/check.h"
#include "base/witness.h"
#include "extent/pagemap.h"

static extent_t *
slab_new(arena_t *arena, uint32_t szind) {
    bool zeroed;
    size_t size = atomic_get(&sc.slab_size[szind]);
    extent_t *slab = pa_alloc(&arena->pages, size, sc.page, szind, true, &zeroed);
    if (slab != NULL) {
        slab_init(slab);
        pagemap_set_slab(slab, atomic_get(&arena->manual) ? 0 : (uint8_t)(szind + 1));
    }
    return slab;
}

static void
slab_delete(arena_t *arena, extent_t *slab) {
    pagemap_clear_slab(slab);
    pa_dalloc(&arena->pages, slab);
}

uint32_t
arena_take(arena_t *arena, uint32_t szind, uint32_t n, void **out) {
    bin_t *bin = &arena->bins[szind];
    witness_no_core_lock();
    bin_lock(bin);
    uint32_t got = bin_pop(bin, n, out);
    counter_add(&bin->nfills, got > 0);
    bin_unlock(bin);
    return got;
}

bool
arena_add_slab(arena_t *arena, uint32_t szind) {
    bin_t *bin = &arena->bins[szind];
    witness_no_core_lock();
    extent_t *slab = slab_new(arena, szind);
    if (slab == NULL) {
        return false;
    }
    bin_lock(bin);
    bin_add_slab(bin, slab);
    bin_unlock(bin);
    return true;
}

uint32_t
arena_fill(arena_t *arena, uint32_t szind, uint32_t n, void **out) {
    witness_no_core_lock();
    uint32_t got = arena_take(arena, szind, n, out);
    while (got < n && arena_add_slab(arena, szind)) {
        got += arena_take(arena, szind, n - got, out + got);
    }
    return got;
}

void *
arena_malloc_small(arena_t *arena, uint32_t szind) {
    void *ptr;
    return arena_fill(arena, szind, 1, &ptr) == 1 ? ptr : NULL;
}

/* Gives back those of ptrs that belong to one bin, keeps the others in front; returns how many were kept. */
static uint32_t
flush_bin(arena_t *arena, uint32_t szind, void **ptrs, uint32_t n, list_t *emptied) {
    bin_t *bin = &arena->bins[szind];
    uint32_t owner = extent_owner(arena->index, extent_active);
    void **end = ptrs + n, **kept = ptrs;
    bin_lock(bin);
    for (void **at = ptrs; at < end;) {
        extent_t *slab = pagemap_extent((uintptr_t)*at);
        if (UNLIKELY(slab == NULL || atomic_get(&slab->owner) != owner || slab->szind != szind)) {
            *kept++ = *at++;
        } else {
            at += bin_push(bin, slab, at, (size_t)(end - at), emptied);
        }
    }
    counter_add(&bin->nflushes, 1);
    counter_add(&bin->ndalloc, (uint64_t)(end - kept));
    bin_unlock(bin);
    return (uint32_t)(kept - ptrs);
}

void
arena_push(void **ptrs, uint32_t n, list_t *emptied) {
    witness_no_core_lock();
    while (n > 0) {
        const extent_t *slab = arena_extent_of(ptrs[0], "free");
        if (!slab->slab) {
            misuse("free of an address inside an allocation", ptrs[0], "");
        }
        n = flush_bin(arenas_get(extent_arena(slab)), slab->szind, ptrs, n, emptied);
    }
}

void
arena_delete_slabs(list_t *emptied) {
    witness_no_core_lock();
    while (!list_empty(emptied)) {
        extent_t *slab = container_of(emptied->next, extent_t, link);
        list_remove(&slab->link);
        slab_delete(arenas_get(extent_arena(slab)), slab);
    }
}

void
arena_flush(void **ptrs, uint32_t n) {
    witness_no_core_lock();
    list_t emptied;
    list_init(&emptied);
    arena_push(ptrs, n, &emptied);
    arena_delete_slabs(&emptied);
}

static void
drain_bin(arena_t *arena, bin_t *bin) {
    extent_t *slab;
    do {
        bin_lock(bin);
        slab = bin_take_empty(bin);
        bin_unlock(bin);
        if (slab != NULL) {
            slab_delete(arena, slab);
        }
    } while (slab != NULL);
}

void
arena_drain(arena_t *arena) {
    witness_no_core_lock();
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        drain_bin(arena, &arena->bins[i]);
    }
    pa_purge_all(&arena->pages);
}

extent_t *
arena_extent_of(const void *ptr, const char *what) {
    extent_t *e = pagemap_extent((uintptr_t)ptr);
    if (UNLIKELY(e == NULL || extent_state(e) != extent_active)) {
        misuse(what, ptr, e == NULL ? "is not an address that this allocator gave" : "is free already");
    }
    return e;
}
