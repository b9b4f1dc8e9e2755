/* meter.c -- the sums, when they are asked for. */
#include "thread/meter.h"

#include "thread/tcache.h"

uint64_t
meter_allocated(thread_t *thread) {
    meter_t *meter = &thread->meter;
    return meter->allocated = atomic_get(&meter->direct_allocated) + tcache_requested(&thread->cache);
}

uint64_t
meter_freed(thread_t *thread) {
    meter_t *meter = &thread->meter;
    return meter->freed = atomic_get(&meter->direct_freed) + tcache_freed(&thread->cache);
}

static inline void
raise_peak(meter_t *meter) {
    int64_t now = (int64_t)(meter->allocated - meter->freed - meter->base);
    if (now > (int64_t)meter->peak) {
        meter->peak = (uint64_t)now;
    }
}

void
meter_update(thread_t *thread) {
    meter_allocated(thread);
    meter_freed(thread);
    raise_peak(&thread->meter);
}

/* ---- reports ---- */

/* What a thread adds at a time, in parts of the interval. */
#define LG_PARTS 6

static struct {
    uint64_t interval;      /* Synchronization: constant after boot; bytes. */
    void (*report)(void);   /* Synchronization: constant after boot; NULL: none. */
    _Atomic uint64_t total; /* Synchronization: any thread adds; bytes. */
    _Atomic bool under_way; /* Synchronization: any thread. */
} reports;

void
meter_report_each(uint64_t interval, void (*report)(void)) {
    reports.interval = interval < 1 ? 1 : interval;
    reports.report = report;
}

bool
meter_reports(void) {
    return reports.report != NULL;
}

void
meter_forget_report(void) {
    atomic_set(&reports.under_way, false);
}

static void
report_once(void) {
    if (!atomic_exchange_explicit(&reports.under_way, true, memory_order_acquire)) {
        reports.report();
        atomic_set_release(&reports.under_way, false);
    }
}

static void
add_up(meter_t *meter) {
    uint64_t fresh = meter->allocated - meter->reported;
    if (fresh <= reports.interval >> LG_PARTS) {
        return;
    }
    meter->reported = meter->allocated;
    uint64_t before = atomic_add(&reports.total, fresh);
    if (before / reports.interval != (before + fresh) / reports.interval) {
        report_once();
    }
}

/* ---- watched ---- */

static inline void
report(meter_t *meter) {
    if (UNLIKELY(meter_reports()) && !hooks_running()) {
        add_up(meter);
    }
}

/* Inside of a hook, an allocation is under way whose request is counted and whose object is not: that would look like a
 * free. */
void
meter_update_watched(thread_t *thread) {
    if (!hooks_running()) {
        meter_update(thread);
        report(&thread->meter);
    }
}

void
meter_note_watched(thread_t *thread, uint64_t allocated, uint64_t freed) {
    meter_t *meter = &thread->meter;
    if (!meter->metered) {
        meter_update_watched(thread);
        return;
    }
    meter->allocated += allocated;
    meter->freed += freed;
    raise_peak(meter);
    report(meter);
}

void
meter_watch(thread_t *thread) {
    meter_update(thread);
    thread->meter.watched = true;
}

bool
meter_begin(thread_t *thread) {
    meter_watch(thread);
    return thread->meter.metered = thread_see_calls(thread);
}

void
meter_reset_peak(thread_t *thread) {
    meter_watch(thread);
    thread->meter.base = thread->meter.allocated - thread->meter.freed;
    thread->meter.peak = 0;
}
