/* byte_counters.c -- totals on demand, peaks, and reports at intervals of bytes. */
#include "thread/byte_counters.h"

#include "extent/hooks.h"
#include "thread/front.h"
#include "thread/tcache_count.h"
#include "thread/thread.h"

uint64_t
byte_counters_allocated(thread_t *thread) {
    byte_counters_t *bytes = &thread->bytes;
    return bytes->allocated = atomic_get(&bytes->direct_allocated) + tcache_requested(&thread->cache);
}

uint64_t
byte_counters_freed(thread_t *thread) {
    byte_counters_t *bytes = &thread->bytes;
    return bytes->freed = atomic_get(&bytes->direct_freed) + tcache_freed(&thread->cache);
}

static inline void
raise_peak(byte_counters_t *bytes) {
    int64_t now = (int64_t)(bytes->allocated - bytes->freed - bytes->base);
    if (now > (int64_t)bytes->peak) {
        bytes->peak = (uint64_t)now;
    }
}

void
byte_counters_update(thread_t *thread) {
    byte_counters_allocated(thread);
    byte_counters_freed(thread);
    raise_peak(&thread->bytes);
}

void
byte_counters_track(thread_t *thread) {
    byte_counters_update(thread);
    thread->bytes.tracked = true;
}

bool
byte_counters_make_exact(thread_t *thread) {
    byte_counters_track(thread);
    thread->bytes.exact = true;
    return thread->bytes.exact = thread_see_calls(thread);
}

void
byte_counters_reset_peak(thread_t *thread) {
    byte_counters_track(thread);
    thread->bytes.base = thread->bytes.allocated - thread->bytes.freed;
    thread->bytes.peak = 0;
}

/* ---- reports ---- */

/* A thread adds its bytes to the total in steps of the interval / 2^LG_STEPS. */
#define LG_STEPS 6

static struct {
    uint64_t interval;      /* Synchronization: constant after boot; bytes. */
    void (*report)(void);   /* Synchronization: constant after boot; NULL: none. */
    _Atomic uint64_t total; /* Synchronization: any thread adds; bytes. */
    _Atomic bool running;   /* Synchronization: any thread. */
} reports;

bool byte_counters_reports;

void
byte_counters_report_each(uint64_t interval, void (*report)(void)) {
    reports.interval = interval < 1 ? 1 : interval;
    reports.report = report;
    byte_counters_reports = true;
}

void
byte_counters_forget_report(void) {
    atomic_set(&reports.running, false);
}

/* A report may allocate, so the next one may fall due while it runs: it is skipped. */
static void
report_once(void) {
    if (!atomic_exchange_explicit(&reports.running, true, memory_order_acquire)) {
        reports.report();
        atomic_set_release(&reports.running, false);
    }
}

static void
add_to_total(byte_counters_t *bytes) {
    uint64_t fresh = bytes->allocated - bytes->reported;
    if (fresh <= reports.interval >> LG_STEPS) {
        return;
    }
    bytes->reported = bytes->allocated;
    uint64_t before = atomic_add(&reports.total, fresh);
    if (before / reports.interval != (before + fresh) / reports.interval) {
        report_once();
    }
}

static inline void
report_if_due(byte_counters_t *bytes) {
    if (UNLIKELY(byte_counters_reports) && !hooks_running()) {
        add_to_total(bytes);
    }
}

/* ---- notes of the slow paths ---- */

void
byte_counters_update_tracked(thread_t *thread) {
    if (!hooks_running()) {
        byte_counters_update(thread);
        report_if_due(&thread->bytes);
    }
}

/* An exact thread adds; for others a note only says when to compute the totals. */
void
byte_counters_note(thread_t *thread, uint64_t allocated, uint64_t freed) {
    byte_counters_t *bytes = &thread->bytes;
    if (!bytes->exact) {
        byte_counters_update_tracked(thread);
        return;
    }
    bytes->allocated += allocated;
    bytes->freed += freed;
    raise_peak(bytes);
    report_if_due(bytes);
}
