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
arena_fill(arena_t *arena, uint32_t szind, uint32_t n, void **out) {
    bin_t *bin = &arena->bins[szind];
    witness_no_core_lock();
    bin_lock(bin);
    counter_add(&bin->nfills, 1);
    uint32_t got = bin_pop(bin, n, out);
    while (got < n) {
        bin_unlock(bin);
        extent_t *slab = slab_new(arena, szind);
        bin_lock(bin);
        if (slab == NULL) {
            break;
        }
        bin_add_slab(bin, slab);
        got += bin_pop(bin, n - got, out + got);
    }
    bin_unlock(bin);
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

static void
delete_slabs(arena_t *arena, list_t *emptied) {
    while (!list_empty(emptied)) {
        extent_t *slab = container_of(emptied->next, extent_t, link);
        list_remove(&slab->link);
        slab_delete(arena, slab);
    }
}

void
arena_flush(void **ptrs, uint32_t n) {
    witness_no_core_lock();
    while (n > 0) {
        const extent_t *slab = arena_extent_of(ptrs[0], "free");
        if (!slab->slab) {
            misuse("free of an address inside an allocation", ptrs[0], "");
        }
        arena_t *arena = arenas_get(extent_arena(slab));
        list_t emptied;
        list_init(&emptied);
        n = flush_bin(arena, slab->szind, ptrs, n, &emptied);
        delete_slabs(arena, &emptied);
    }
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
