/* large.c -- allocations that are an extent of their own. Part of arena.h's contract. */
#include "arena/arenas.h"
#include "base/check.h"
#include "base/options.h"
#include "base/witness.h"
#include "extent/pagemap.h"

/* What the page map says of a large allocation: caches take it, or 0. */
static uint8_t
cached_class(const arena_t *arena, uint32_t szind) {
    bool cached = options.tcache && !atomic_get(&arena->manual) && sc.size[szind] <= options.tcache_max;
    return cached ? (uint8_t)(szind + 1) : 0;
}

void *
arena_malloc_large(arena_t *arena, uint32_t szind, size_t alignment, bool *zeroed) {
    witness_no_core_lock();
    size_t size = align_up(sc.size[szind], sc.page);
    alignment = alignment < sc.page ? sc.page : alignment;
    extent_t *e = pa_alloc(&arena->pages, size, alignment, szind, false, zeroed);
    if (e == NULL) {
        return NULL;
    }
    pagemap_set_class(e->addr, cached_class(arena, szind));
    atomic_add(&arena->nmalloc_large[szind], 1);
    return (void *)e->addr;
}

void
arena_free_large(extent_t *e) {
    witness_no_core_lock();
    arena_t *arena = arenas_get(extent_arena(e));
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

bool
arena_resize_large(extent_t *e, uint32_t szind) {
    witness_no_core_lock();
    arena_t *arena = arenas_get(extent_arena(e));
    if (e->guarded) {
        return false;
    }
    size_t size = sc.size[szind];
    uint32_t old = e->szind;
    pagemap_set_class(e->addr, 0);
    bool done = size > e->size ? pa_expand(&arena->pages, e, size, szind) : pa_shrink(&arena->pages, e, size, szind);
    pagemap_set_class(e->addr, cached_class(arena, e->szind));
    if (done) {
        atomic_add(&arena->ndalloc_large[old], 1);
        atomic_add(&arena->nmalloc_large[szind], 1);
    }
    return done;
}
