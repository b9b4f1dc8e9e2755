/* stage.c -- the curve of a stage, applied to the number of its pages. */
#include "extent/stage.h"

void
stage_init(stage_t *stage, uint32_t arena, extent_state_t state, lock_rank_t rank) {
    extents_init(&stage->extents, arena, state, rank);
    decay_init(&stage->decay, 0, 0);
}

/* The curve may not have been advanced for long. Pages that entered since then count as old as the last of them. */
size_t
stage_advance(stage_t *stage, uint64_t now) {
    uint64_t entered_at = atomic_get(&stage->entered_at);
    if (entered_at < now) {
        decay_advance(&stage->decay, entered_at, extents_purgeable(&stage->extents));
    }
    decay_advance(&stage->decay, now, extents_purgeable(&stage->extents));
    return decay_limit(&stage->decay);
}

void
stage_set_decay_ms(stage_t *stage, int64_t ms, uint64_t now) {
    decay_set(&stage->decay, ms, now, extents_purgeable(&stage->extents));
    atomic_set(&stage->decay_ms, ms);
}

size_t
stage_least_pages(const stage_t *stage) {
    size_t half = extents_hugepage_pages(&stage->extents) / 2;
    return half > STAGE_LEAST_PAGES ? half : STAGE_LEAST_PAGES;
}

uint64_t
stage_due(const stage_t *stage) {
    return decay_due(&stage->decay, stage_least_pages(stage));
}

stage_forecast_t
stage_forecast(const stage_t *stage, uint64_t now) {
    decay_t decay = stage->decay;
    decay_advance(&decay, now, extents_purgeable(&stage->extents));
    size_t allowed = decay_limit(&decay);
    return (stage_forecast_t){
        .allowed = allowed,
        .over = decay.last > allowed ? decay.last - allowed : 0,
        .due = decay_due(&decay, stage_least_pages(stage)),
    };
}
