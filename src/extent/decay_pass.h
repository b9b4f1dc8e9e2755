/*
 * decay_pass.h -- decay: an arena's free pages are purged as they age, dirty ones by dirty_decay_ms, muzzy ones by
 * muzzy_decay_ms (decay.h has the curve).
 *
 * A pass purges the dirty pages that their curve does not allow any more, then those beyond the cap, then the muzzy
 * ones. Threads call pa_tick now and then, on their slow paths; it is cheap until a deadline has passed. While a
 * background thread runs (purger.h), it makes the passes.
 *
 * Thread-safe. On entry no lock of the core is held. Times are in ns unless the name says ms.
 */
#ifndef LUNALLOC_EXTENT_DECAY_PASS_H
#define LUNALLOC_EXTENT_DECAY_PASS_H

#include "extent/page_state.h"

/* If the deadline has passed: advances the curves, and makes a pass unless the background thread makes it. */
void pa_tick(page_alloc_t *pa, uint64_t now);
/* Makes a pass. */
void pa_decay(page_alloc_t *pa, uint64_t now);
/* For the background thread: makes a pass, and returns when the next one is worthwhile. UINT64_MAX: not before a
 * wake. */
uint64_t pa_background(page_alloc_t *pa, uint64_t now);
/* Sets a decay time (state: dirty or muzzy), -1 .. DECAY_MS_MAX, and makes a pass. */
void pa_set_decay_ms(page_alloc_t *pa, extent_state_t state, int64_t ms, uint64_t now);

/* Compares the pages of a state (dirty or muzzy) with their curve at `now`. */
stage_forecast_t pa_forecast(page_alloc_t *pa, extent_state_t state, uint64_t now) EXCLUDES(role_decay);

#endif
