/* allocated.c -- see allocated.h. */
#include "observe/allocated.h"

static void
clamp(uint64_t *bytes) {
    *bytes = (int64_t)*bytes < 0 ? 0 : *bytes;
}

void
stats_finish_allocated(stats_arena_t *arena) {
    clamp(&arena->small.allocated);
    clamp(&arena->large.allocated);
    arena->allocated = arena->small.allocated + arena->large.allocated;
}

static stats_sizes_t *
sizes_of(stats_detail_t *detail, bool large) {
    return large ? &detail->arena.large : &detail->arena.small;
}

/* Takes off the others what one arena has below zero. */
static void
share_sizes(stats_detail_t *arenas, uint32_t narenas, bool large) {
    uint64_t below = 0;
    for (uint32_t i = 0; i < narenas; i++) {
        int64_t allocated = (int64_t)sizes_of(&arenas[i], large)->allocated;
        below += allocated < 0 ? -(uint64_t)allocated : 0;
    }
    for (uint32_t i = 0; i < narenas && below > 0; i++) {
        stats_sizes_t *sizes = sizes_of(&arenas[i], large);
        uint64_t has = (int64_t)sizes->allocated < 0 ? 0 : sizes->allocated;
        uint64_t taken = below < has ? below : has;
        sizes->allocated -= taken;
        below -= taken;
    }
}

void
stats_share_allocated(stats_detail_t *arenas, uint32_t narenas) {
    share_sizes(arenas, narenas, false);
    share_sizes(arenas, narenas, true);
    for (uint32_t i = 0; i < narenas; i++) {
        stats_finish_allocated(&arenas[i].arena);
    }
}
