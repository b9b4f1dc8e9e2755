/*
 * large.c -- allocations that are an extent of their own. Part of arena.h's contract.
 *
 * What caches do not take may come from another automatic arena: pages that are resident there serve before pages are
 * touched here that are not. Such an allocation belongs to the arena that it came from, and goes back there. Not where
 * an arena was named.
 */
#include "arena/arenas.h"
#include "arena/sample.h"
#include "base/check.h"
#include "base/options.h"
#include "base/witness.h"
#include "extent/pagemap.h"

/* Other arenas that are looked at. */
#define SHARING 8

/* What the page map says of a large allocation: a cache may take it, whatever the present limits are, or 0. */
static uint8_t
cached_class(const arena_t *arena, uint32_t szind) {
    return atomic_get(&arena->manual) || szind + 1 >= CACHE_BINS ? 0 : (uint8_t)(szind + 1);
}

/* Only arenas that get their memory from the system, and in the same way. */
static bool
shares(arena_t *arena, arena_t *other) {
    return other != NULL && !atomic_get(&other->manual) && pa_hooks(&other->pages) == NULL &&
           atomic_get(&other->pages.thp) == atomic_get(&arena->pages.thp);
}

/* Resident pages of this arena, or else of one of the next in the table, which *arena then is. NULL if none fit. */
static extent_t *
reuse(arena_t **arena, size_t size, size_t alignment, uint32_t szind, bool *zeroed) {
    arena_t *own = *arena;
    uint32_t count = arenas_count();
    extent_t *e = NULL;
    for (uint32_t i = 0; e == NULL && i < count && i <= SHARING; i++) {
        arena_t *other = arenas_get((own->index + i) % count);
        if (shares(own, other)) {
            e = pa_reuse(&other->pages, size, alignment, szind, zeroed);
            *arena = e == NULL ? own : other;
        }
    }
    return e;
}

/* From resident pages of any arena, if it may be. */
static extent_t *
from_any(arena_t **arena, uint32_t szind, size_t alignment, bool *zeroed) {
    bool guard = atomic_get(&(*arena)->pages.guard);
    bool anywhere = sc.size[szind] > atomic_get(&options.tcache_max) && !guard && shares(*arena, *arena);
    return anywhere ? reuse(arena, align_up(sc.size[szind], sc.page), alignment, szind, zeroed) : NULL;
}

static void *
malloc_large(arena_t *arena, uint32_t szind, size_t alignment, bool *zeroed, bool only) {
    alignment = alignment < sc.page ? sc.page : alignment;
    extent_t *e = only ? NULL : from_any(&arena, szind, alignment, zeroed);
    if (e == NULL) {
        e = pa_alloc(&arena->pages, align_up(sc.size[szind], sc.page), alignment, szind, false, zeroed);
    }
    if (e == NULL) {
        return NULL;
    }
    e->sample = NULL;
    pagemap_set_class(e->addr, cached_class(arena, szind));
    atomic_add(&arena->nmalloc_large[szind], 1);
    return (void *)e->addr;
}

void *
arena_malloc_large(arena_t *arena, uint32_t szind, size_t alignment, bool *zeroed) {
    witness_no_core_lock();
    return malloc_large(arena, szind, alignment, zeroed, false);
}

void *
arena_malloc_large_in(arena_t *arena, uint32_t szind, size_t alignment, bool *zeroed) {
    witness_no_core_lock();
    return malloc_large(arena, szind, alignment, zeroed, true);
}

void
arena_free_large(extent_t *e) {
    witness_no_core_lock();
    arena_t *arena = arenas_get(extent_arena(e));
    if (UNLIKELY(e->sample != NULL)) {
        sampler_get()->freed(e->sample);
    }
    atomic_add(&arena->ndalloc_large[e->szind], 1);
    pagemap_set_class(e->addr, 0);
    pa_dalloc(&arena->pages, e);
}

void
arena_free_large_ptr(const void *ptr) {
    witness_no_core_lock();
    extent_t *e = arena_extent_of(ptr, "free");
    if (UNLIKELY((uintptr_t)ptr != e->addr)) {
        misuse("free of an address inside an allocation", ptr, "");
    }
    arena_free_large(e);
}

/* After a change of size, which counts as a new allocation: it may be sampled. Caches take those that are not. */
static void
resized(const arena_t *arena, extent_t *e) {
    e->sample = sample_now(e->szind) ? sampler_get()->allocated(e) : NULL;
    pagemap_set_class(e->addr, e->sample == NULL ? cached_class(arena, e->szind) : 0);
}

static void
count_resized(arena_t *arena, uint32_t from, uint32_t to) {
    atomic_add(&arena->ndalloc_large[from], 1);
    atomic_add(&arena->nmalloc_large[to], 1);
}

/* A sampled one stays as it is: it is another allocation's turn to be drawn. What is counted as allocated never exceeds
 * the active pages: a shrinking is counted before, and back if refused. */
bool
arena_resize_large(extent_t *e, uint32_t szind) {
    witness_no_core_lock();
    arena_t *arena = arenas_get(extent_arena(e));
    if (e->guarded || e->sample != NULL) {
        return false;
    }
    size_t size = sc.size[szind];
    uint32_t old = e->szind;
    pagemap_set_class(e->addr, 0);
    bool grows = size > e->size;
    if (!grows) {
        count_resized(arena, old, szind);
    }
    bool done = grows ? pa_expand(&arena->pages, e, size, szind) : pa_shrink(&arena->pages, e, size, szind);
    if (done == grows) {
        count_resized(arena, grows ? old : szind, grows ? szind : old);
    }
    if (done) {
        resized(arena, e);
    } else {
        pagemap_set_class(e->addr, cached_class(arena, old));
    }
    return done;
}

extent_t *
arena_relocate_large(extent_t *e, uint32_t szind) {
    witness_no_core_lock();
    arena_t *arena = arenas_get(extent_arena(e));
    if (e->guarded || e->sample != NULL || sc.size[szind] <= e->size || arenas_outgrows(arena, szind)) {
        return NULL;
    }
    uint32_t old = e->szind;
    pagemap_set_class(e->addr, 0);
    extent_t *to = pa_relocate(&arena->pages, e, sc.size[szind], szind);
    if (to == NULL) {
        pagemap_set_class(e->addr, cached_class(arena, old));
        return NULL;
    }
    count_resized(arena, old, szind);
    resized(arena, to);
    return to;
}
