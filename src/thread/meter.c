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

/* Inside of a hook, an allocation is under way whose request is counted and whose object is not: that would look like a
 * free. */
void
meter_update_watched(thread_t *thread) {
    if (UNLIKELY(thread->meter.watched) && !hooks_running()) {
        meter_update(thread);
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
