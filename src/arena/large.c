/*
 * large.c -- large allocations: an extent each. Part of arena.h's contract.
 *
 * An allocation that caches do not take may be served by another automatic arena: its resident free pages are better
 * than pages of this arena that have to be touched first. Such an allocation belongs to the arena that served it, and
 * returns there. Requests that name an arena (arena_malloc_large_in) use that one alone.
 */
#include "arena/arenas_special.h"
#include "arena/page_watch.h"
#include "arena/sample.h"
#include "base/options.h"
#include "base/witness.h"
#include "extent/pagemap.h"
#include "extent/resize.h"

/* How many other arenas are tried for resident pages. */
#define REUSE_ARENAS 8

/* The class of a large allocation in the page map: caches may take it, whatever the present limits are; 0: they may
 * not. */
static uint8_t
cached_class(const arena_t *arena, uint32_t szind) {
    return atomic_get(&arena->manual) || szind + 1 >= CACHE_BINS ? 0 : (uint8_t)(szind + 1);
}

/* ---- allocation ---- */

/* Arenas share pages if both get them from the system, and with the same use of huge pages. */
static bool
shares_pages(arena_t *arena, arena_t *other) {
    return other != NULL && !atomic_get(&other->manual) && pa_hooks(&other->pages) == NULL &&
           atomic_get(&other->pages.thp) == atomic_get(&arena->pages.thp);
}

/* Takes resident pages of this arena, or else of one of the next ones in the table: *arena becomes the one that served.
 * NULL if none fit. */
static extent_t *
reuse_resident(arena_t **arena, pa_request_t *request) {
    arena_t *own = *arena;
    uint32_t count = arenas_count();
    extent_t *e = NULL;
    for (uint32_t i = 0; e == NULL && i < count && i <= REUSE_ARENAS; i++) {
        arena_t *other = arenas_get((own->index + i) % count);
        if (shares_pages(own, other)) {
            e = pa_reuse(&other->pages, request);
            *arena = e == NULL ? own : other;
        }
    }
    return e;
}

/* The same, if any arena may serve the allocation. */
static extent_t *
alloc_anywhere(arena_t **arena, pa_request_t *request) {
    bool guard = atomic_get(&(*arena)->pages.guard);
    bool uncached = sc.size[request->szind] > atomic_get(&options.tcache_max);
    return uncached && !guard && shares_pages(*arena, *arena) ? reuse_resident(arena, request) : NULL;
}

static pa_request_t
page_request(uint32_t szind, size_t alignment, bool zeroed) {
    return (pa_request_t){
        .size = align_up(sc.size[szind], sc.page),
        .alignment = alignment < sc.page ? sc.page : alignment,
        .szind = szind,
        .zeroed = zeroed,
    };
}

/* named: the request names this arena. */
static void *
malloc_large(arena_t *arena, uint32_t szind, size_t alignment, bool *zeroed, bool named) {
    pa_request_t request = page_request(szind, alignment, *zeroed);
    extent_t *e = named ? NULL : alloc_anywhere(&arena, &request);
    if (e == NULL) {
        e = pa_alloc(&arena->pages, &request);
    }
    *zeroed = request.zeroed;
    if (e == NULL) {
        return NULL;
    }
    e->sample = NULL;
    pagemap_set_class(e->addr, cached_class(arena, szind));
    atomic_add(&arena->nmalloc_large[szind], 1);
    page_watch_tell(page_allocated, e, request.alignment);
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

/* pa_dalloc requires that the class has been cleared. */
void
arena_free_large(extent_t *e) {
    witness_no_core_lock();
    arena_t *arena = arenas_get(extent_arena(e));
    bool sampled = e->sample != NULL;
    if (UNLIKELY(sampled)) {
        sampler_get()->freed(e->sample);
    }
    atomic_add(&arena->ndalloc_large[e->szind], 1);
    pagemap_set_class(e->addr, 0);
    page_watch_tell(page_freed, e, 1);
    if (LIKELY(!sampled) || !arena_keep_sampled(arena, e)) {
        pa_dalloc(&arena->pages, e);
    }
}

/* ---- resizing ---- */

/* Never resize or move a sampled allocation: the sample belongs to its old size. Guarded extents keep their guard. */
static bool
is_fixed(const extent_t *e) {
    return e->guarded || e->sample != NULL;
}

/* A change of size counts as a new allocation, which may be sampled; caches take it if it is not. */
static void
publish_resized(const arena_t *arena, extent_t *e) {
    e->sample = sample_now(e->szind) ? sampler_get()->allocated(e) : NULL;
    pagemap_set_class(e->addr, e->sample == NULL ? cached_class(arena, e->szind) : 0);
}

static void
count_resized(arena_t *arena, uint32_t from, uint32_t to) {
    atomic_add(&arena->ndalloc_large[from], 1);
    atomic_add(&arena->nmalloc_large[to], 1);
}

/* Allocated bytes never exceed active pages in the counters: growth is counted afterwards, shrinking before, and back
 * again if it is refused. */
bool
arena_resize_large(extent_t *e, uint32_t szind) {
    witness_no_core_lock();
    arena_t *arena = arenas_get(extent_arena(e));
    if (is_fixed(e)) {
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
        page_watch_tell(page_resized, e, 1);
        publish_resized(arena, e);
    } else {
        pagemap_set_class(e->addr, cached_class(arena, old));
    }
    return done;
}

extent_t *
arena_relocate_large(extent_t *e, uint32_t szind) {
    witness_no_core_lock();
    arena_t *arena = arenas_get(extent_arena(e));
    if (is_fixed(e) || sc.size[szind] <= e->size || arenas_outgrows(arena, szind)) {
        return NULL;
    }
    uint32_t old = e->szind;
    pagemap_set_class(e->addr, 0);
    page_watch_tell(page_freed, e, 1);
    extent_t *to = pa_relocate(&arena->pages, e, sc.size[szind], szind);
    page_watch_tell(page_allocated, to != NULL ? to : e, sc.page);
    if (to == NULL) {
        pagemap_set_class(e->addr, cached_class(arena, old));
        return NULL;
    }
    count_resized(arena, old, szind);
    publish_resized(arena, to);
    return to;
}
