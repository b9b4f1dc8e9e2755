/* decay_pass.c -- passes of decay, and when they are made. */
#include "extent/decay_pass.h"

#include "base/witness.h"
#include "extent/dirty_limits.h"
#include "extent/purge.h"
#include "extent/purger.h"

/* Dirty pages first: those that become muzzy are young there. */
static void
decay_pass(page_alloc_t *pa, uint64_t now) {
    purge_due(pa, &pa->dirty, now);
    purge_over_cap(pa);
    purge_due(pa, &pa->muzzy, now);
}

void
pa_tick(page_alloc_t *pa, uint64_t now) {
    witness_no_core_lock();
    if (now < atomic_get(&pa->deadline) || !pa_try_lock_decay(pa)) {
        return;
    }
    stage_advance(&pa->dirty, now);
    stage_advance(&pa->muzzy, now);
    pa_update_deadline(pa);
    pa_unlock_decay(pa);
    if (!pa_purger_runs(pa)) {
        decay_pass(pa, now);
        pa_purger_offer(pa, 0);
    }
}

/* Pages that became muzzy may be due before the background thread would look, so it is woken. */
void
pa_decay(page_alloc_t *pa, uint64_t now) {
    witness_no_core_lock();
    decay_pass(pa, now);
    pa_purger_wake(pa);
}

uint64_t
pa_background(page_alloc_t *pa, uint64_t now) {
    witness_no_core_lock();
    decay_pass(pa, now);
    return pa_purger_arm(pa, now);
}

void
pa_set_decay_ms(page_alloc_t *pa, extent_state_t state, int64_t ms, uint64_t now) {
    witness_no_core_lock();
    pa_lock_decay(pa);
    stage_set_decay_ms(pa_stage(pa, state), ms, now);
    pa_update_deadline(pa);
    pa_unlock_decay(pa);
    decay_pass(pa, now);
    pa_purger_wake(pa);
}

stage_forecast_t
pa_forecast(page_alloc_t *pa, extent_state_t state, uint64_t now) {
    pa_lock_decay(pa);
    stage_forecast_t forecast = stage_forecast(pa_stage(pa, state), now);
    pa_unlock_decay(pa);
    return forecast;
}
