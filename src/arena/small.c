/* small.c -- small allocations: between bins, slabs and the page layer. Part of arena.h's contract. */
#include "arena/arenas.h"
#include "base/check.h"
#include "base/witness.h"
#include "extent/pagemap.h"

static extent_t *
slab_new(arena_t *arena, uint32_t szind) {
    bool zeroed = false;
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
arena_take(arena_t *arena, uint32_t szind, uint32_t bin_shard, uint32_t n, void **out) {
    bin_t *first = &arena->bins[szind];
    witness_no_core_lock();
    bin_t *bin = shards_lock(first, szind, bin_shard);
    uint32_t got = bin_pop(bin, n, out);
    counter_add(&bin->nfills, got > 0);
    bin_unlock(bin);
    if (got < n && UNLIKELY(!shards_single(first))) {
        got += shards_take(first, shards_number(szind), n - got, out + got);
    }
    return got;
}

bool
arena_add_slab(arena_t *arena, uint32_t szind, uint32_t bin_shard) {
    witness_no_core_lock();
    extent_t *slab = slab_new(arena, szind);
    if (slab == NULL) {
        return false;
    }
    bin_t *bin = shards_lock(&arena->bins[szind], szind, bin_shard);
    bin_add_slab(bin, slab);
    bin_unlock(bin);
    return true;
}

uint32_t
arena_fill(arena_t *arena, uint32_t szind, uint32_t bin_shard, uint32_t n, void **out) {
    witness_no_core_lock();
    uint32_t got = arena_take(arena, szind, bin_shard, n, out);
    while (got < n && arena_add_slab(arena, szind, bin_shard)) {
        got += arena_take(arena, szind, bin_shard, n - got, out + got);
    }
    return got == n ? n : got + shards_take(&arena->bins[szind], 0, n - got, out + got);
}

void *
arena_malloc_small(arena_t *arena, uint32_t szind, uint32_t bin_shard) {
    void *ptr;
    return arena_fill(arena, szind, bin_shard, 1, &ptr) == 1 ? ptr : NULL;
}

/* Gives back those of ptrs that belong to one bin, keeps the others in front; returns how many were kept. */
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
    counter_add(&bin->nflushes, 1);
    counter_add(&bin->ndalloc, (uint64_t)(end - kept));
    bin_unlock(bin);
    return (uint32_t)(kept - ptrs);
}

/* It is in no slab that anything lives in. */
static _Noreturn COLD void
reject(const extent_t *e, const void *ptr) {
    if (e->slab) {
        slab_reject(e, ptr);
    }
    misuse("free of an address inside an allocation", ptr, "");
}

void
arena_push(void **ptrs, uint32_t n, list_t *emptied) {
    witness_no_core_lock();
    while (n > 0) {
        const extent_t *slab = arena_extent_of(ptrs[0], "free");
        bin_t *bin = atomic_get(&slab->bin);
        if (UNLIKELY(bin == NULL)) {
            reject(slab, ptrs[0]);
        }
        n = flush_bin(bin, ptrs, n, emptied);
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

/* Shards of a class, from number k on. */
static void
drain_shards(arena_t *arena, uint32_t szind, uint32_t k) {
    bin_t *bin;
    while ((bin = shards_next(&arena->bins[szind], &k)) != NULL) {
        drain_bin(arena, bin);
    }
}

void
arena_drain_surplus(arena_t *arena, uint32_t szind) {
    witness_no_core_lock();
    drain_shards(arena, szind, shards_number(szind));
}

void
arena_drain(arena_t *arena) {
    witness_no_core_lock();
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        drain_shards(arena, i, 0);
    }
    pa_purge_all(&arena->pages);
}

/* A slab may change its bin until that one's lock is held. */
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
        reject(e, ptr);
    }
}

extent_t *
arena_extent_of(const void *ptr, const char *what) {
    extent_t *e = pagemap_extent((uintptr_t)ptr);
    if (UNLIKELY(e == NULL || extent_state(e) != extent_active)) {
        misuse(what, ptr, e == NULL ? "is not an address that this allocator gave" : "is free already");
    }
    return e;
}
