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

void
meter_update(thread_t *thread) {
    meter_t *meter = &thread->meter;
    int64_t now = (int64_t)(meter_allocated(thread) - meter_freed(thread) - meter->base);
    if (now > (int64_t)meter->peak) {
        meter->peak = (uint64_t)now;
    }
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

/* Inside of a hook, an allocation is under way whose request is counted and whose object is not: that would look like a
 * free. */
void
meter_update_watched(thread_t *thread) {
    if (UNLIKELY(thread->meter.watched) && !hooks_running()) {
        meter_update(thread);
        if (UNLIKELY(meter_reports())) {
            add_up(&thread->meter);
        }
    }
}

void
meter_watch(thread_t *thread) {
    meter_update(thread);
    thread->meter.watched = true;
}

void
meter_reset_peak(thread_t *thread) {
    meter_watch(thread);
    thread->meter.base = thread->meter.allocated - thread->meter.freed;
    thread->meter.peak = 0;
}
