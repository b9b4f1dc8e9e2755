/* sample.c -- the slot, and allocations that are sampled. */
#include "arena/sample.h"

#include "base/witness.h"
#include "extent/pagemap.h"

const sampler_t *_Atomic sampler;
_Atomic bool sampling;
_Atomic uint32_t sample_generation;

void *
arena_malloc_sampled(arena_t *arena, uint32_t szind, size_t alignment, bool *zeroed) {
    witness_no_core_lock();
    if (!sampler_get()->wants()) {
        return NULL;
    }
    size_t size = align_up(sc.size[szind], sc.page);
    extent_t *e = pa_alloc(&arena->pages, size, alignment < sc.page ? sc.page : alignment, szind, false, zeroed);
    if (e == NULL) {
        return NULL;
    }
    atomic_add(&arena->nmalloc_large[szind], 1);
    e->sample = sampler_get()->allocated(e);
    if (e->sample == NULL) {
        arena_free_large(e);
        return NULL;
    }
    return (void *)e->addr;
}
