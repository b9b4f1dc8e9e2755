/* byte_counters.c -- the sums, when they are asked for. */
#include "thread/byte_counters.h"

#include "thread/tcache.h"

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
byte_counters_report_each(uint64_t interval, void (*report)(void)) {
    reports.interval = interval < 1 ? 1 : interval;
    reports.report = report;
}

bool
byte_counters_reports(void) {
    return reports.report != NULL;
}

void
byte_counters_forget_report(void) {
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
add_up(byte_counters_t *bytes) {
    uint64_t fresh = bytes->allocated - bytes->reported;
    if (fresh <= reports.interval >> LG_PARTS) {
        return;
    }
    bytes->reported = bytes->allocated;
    uint64_t before = atomic_add(&reports.total, fresh);
    if (before / reports.interval != (before + fresh) / reports.interval) {
        report_once();
    }
}

/* ---- watched ---- */

static inline void
report(byte_counters_t *bytes) {
    if (UNLIKELY(byte_counters_reports()) && !hooks_running()) {
        add_up(bytes);
    }
}

/* Inside of a hook, an allocation is under way whose request is counted and whose object is not: that would look like a
 * free. */
void
byte_counters_update_watched(thread_t *thread) {
    if (!hooks_running()) {
        byte_counters_update(thread);
        report(&thread->bytes);
    }
}

void
byte_counters_note_watched(thread_t *thread, uint64_t allocated, uint64_t freed) {
    byte_counters_t *bytes = &thread->bytes;
    if (!bytes->metered) {
        byte_counters_update_watched(thread);
        return;
    }
    bytes->allocated += allocated;
    bytes->freed += freed;
    raise_peak(bytes);
    report(bytes);
}

void
byte_counters_watch(thread_t *thread) {
    byte_counters_update(thread);
    thread->bytes.watched = true;
}

bool
byte_counters_begin(thread_t *thread) {
    byte_counters_watch(thread);
    return thread->bytes.metered = thread_see_calls(thread);
}

void
byte_counters_reset_peak(thread_t *thread) {
    byte_counters_watch(thread);
    thread->bytes.base = thread->bytes.allocated - thread->bytes.freed;
    thread->bytes.peak = 0;
}
