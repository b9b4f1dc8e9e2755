/* drain.c -- see drain.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "drain.h"

#include <string.h>
#include <time.h>

static const record_head_t *
head_of(const trace_drain_t *drain) {
    return drain->area;
}

/* ---- the clock ---- */

static uint64_t
monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* A reading of the clock that the target uses. */
static void
read_clock(const record_head_t *head, uint64_t *ticks, uint64_t *ns) {
    *ns = *ticks = monotonic();
#if defined(__x86_64__) || defined(__i386__)
    if (head->clock == record_clock_tsc) {
        *ticks = __builtin_ia32_rdtsc();
    }
#else
    (void)head;
#endif
}

void
trace_drain_clock(trace_drain_t *drain) {
    const record_head_t *head = head_of(drain);
    uint32_t state = atomic_load_explicit(&head->state, memory_order_acquire);
    if (state == record_offered) {
        return;
    }
    record_clock_t *clock = &drain->clock;
    clock->ticks[0] = head->begin_ticks;
    clock->ns[0] = head->begin_ns;
    clock->lg_unit = head->lg_unit & 63;
    read_clock(head, &clock->ticks[1], &clock->ns[1]);
    if (state == record_ended && head->end_ns > head->begin_ns) {
        clock->ticks[1] = head->end_ticks;
        clock->ns[1] = head->end_ns;
    }
    trace_writer_clock(drain->writer, clock);
}

/* ---- rings ---- */

/* Takes the bytes: first into memory that the target cannot change meanwhile. Returns those that were whole events. */
static size_t
take_bytes(trace_drain_t *drain, trace_source_t *source, const uint8_t *bytes, size_t len) {
    size_t taken = 0;
    uint64_t lost = trace_writer_written(drain->writer).lost;
    while (taken < len) {
        size_t n = len - taken < sizeof(drain->staging) ? len - taken : sizeof(drain->staging);
        memcpy(drain->staging, bytes + taken, n);
        long used = trace_writer_feed(drain->writer, &source->feed, drain->staging, n);
        if (used <= 0) {
            source->broken = true; /* no events, or half of one: the target hands over whole ones */
            break;
        }
        taken += (size_t)used;
    }
    source->told += trace_writer_written(drain->writer).lost - lost;
    return taken;
}

/* Takes what the ring has now; returns the bytes. */
static uint64_t
drain_ring(trace_drain_t *drain, uint32_t i, uint32_t *fullest) {
    trace_source_t *source = &drain->sources[i];
    const uint8_t *bytes;
    size_t len, size = (size_t)1 << drain->shape.lg_ring;
    uint64_t before = source->read;
    /* A ring that wraps is two pieces; what is written meanwhile waits for the next slice. */
    for (int piece = 0; piece < 2 && !source->broken; piece++) {
        if (!record_ring_peek(drain->area, &drain->shape, i, source->read, &bytes, &len)) {
            break;
        }
        uint32_t part = (uint32_t)(len * 100 / size);
        *fullest = part > *fullest ? part : *fullest;
        source->broken = len == 0;
        source->read += len == 0 ? 0 : take_bytes(drain, source, bytes, len);
        record_ring_done(drain->area, i, source->read);
        drain->broken += source->broken;
    }
    return source->read - before;
}

uint64_t
trace_drain_slice(trace_drain_t *drain, uint32_t *fullest) {
    uint64_t bytes = 0;
    *fullest = 0;
    if (!drain->began) {
        trace_drain_clock(drain);
        drain->began = drain->clock.ns[0] != 0;
    }
    for (uint32_t i = 0; drain->began && i < drain->shape.nrings; i++) {
        bytes += drain_ring(drain, i, fullest);
    }
    return bytes;
}

/* Events that a ring has counted as lost, and that no event of its stream has told. */
static void
tell_rest(trace_drain_t *drain, uint32_t i) {
    trace_source_t *source = &drain->sources[i];
    uint64_t lost = atomic_load_explicit(&record_area_ring(drain->area, i)->lost, memory_order_relaxed);
    if (lost > source->told && source->feed.thread != 0) {
        record_event_t event = {.kind = RECORD_LOST, .size = lost - source->told, .time = source->feed.codec.time};
        trace_writer_tell(drain->writer, &source->feed, &event);
        source->told = lost;
    }
}

void
trace_drain_end(trace_drain_t *drain) {
    uint32_t fullest;
    while (trace_drain_slice(drain, &fullest) > 0) {
    }
    for (uint32_t i = 0; i < drain->shape.nrings; i++) {
        tell_rest(drain, i);
    }
    uint64_t ringless = atomic_load_explicit(&head_of(drain)->ringless, memory_order_relaxed);
    if (ringless > 0) {
        uint64_t stamp = record_clock_stamp(&drain->clock, drain->clock.ns[1]);
        uint32_t thread = trace_writer_thread(drain->writer, &(trace_begin_t){.name = "without ring", .begin = stamp});
        record_event_t event = {.kind = RECORD_LOST, .size = ringless, .time = stamp, .touched = RECORD_UNKNOWN};
        trace_writer_event(drain->writer, thread, &event);
    }
    trace_drain_clock(drain);
}

uint64_t
trace_drain_touched(const trace_drain_t *drain) {
    uint64_t touched = RECORD_HEAD, size = UINT64_C(1) << drain->shape.lg_ring;
    for (uint32_t i = 0; i < drain->shape.nrings; i++) {
        uint64_t written = atomic_load_explicit(&record_area_ring(drain->area, i)->written, memory_order_relaxed);
        touched += written < size ? (written + 4095) & ~UINT64_C(4095) : size;
    }
    return touched;
}
