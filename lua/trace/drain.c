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
    if (head->clock == record_clock_tsc) {
        record_clock_read(monotonic, ticks, ns);
    }
}

void
trace_drain_read_clock(trace_drain_t *drain) {
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
}

void
trace_drain_clock(trace_drain_t *drain) {
    trace_drain_read_clock(drain);
    if (drain->clock.ns[0] != 0) {
        trace_writer_clock(drain->writer, &drain->clock);
    }
}

/* ---- the rings' memory ---- */

/* The ring has n segments from now on, unless there is no memory for them. */
static bool
give(trace_drain_t *drain, uint32_t i, uint32_t n) {
    trace_source_t *source = &drain->sources[i];
    uint32_t lg = record_lg_segment(&drain->shape);
    size_t base = (size_t)(record_area_bytes(drain->area, &drain->shape, i) - (uint8_t *)drain->area);
    size_t offset = base + ((size_t)source->segments << lg), size = (size_t)(n - source->segments) << lg;
    if (!drain->allocate(drain->opaque, offset, size)) {
        return false;
    }
    source->segments = n;
    record_ring_allow(drain->area, i, n);
    return true;
}

bool
trace_drain_give_memory(trace_drain_t *drain) {
    uint32_t n = record_segments(&drain->shape);
    for (uint32_t i = 0; drain->allocate != NULL && i < drain->shape.nrings; i++) {
        record_ring_allow(drain->area, i, 0);
        if (!give(drain, i, n < 4 ? n : n / 4)) {
            return false;
        }
    }
    return true;
}

/* A ring of which more than a quarter waits for its reader gets more. */
static void
grow(trace_drain_t *drain, uint32_t i, uint32_t percent) {
    uint32_t n = drain->sources[i].segments;
    if (percent >= 25 && drain->allocate != NULL && !drain->refused && n < record_segments(&drain->shape)) {
        drain->refused = !give(drain, i, 2 * n);
    }
}

/* Percent of the ring's memory that wait to be read. */
static uint32_t
fill_of(const trace_drain_t *drain, uint32_t i) {
    uint64_t ready =
        atomic_load_explicit(&record_area_ring(drain->area, i)->written, memory_order_relaxed) - drain->sources[i].read;
    uint32_t n = drain->allocate == NULL ? record_segments(&drain->shape) : drain->sources[i].segments;
    uint64_t percent = ready * 100 / ((uint64_t)n << record_lg_segment(&drain->shape));
    return ready > UINT64_C(1) << drain->shape.lg_ring ? 0 : (uint32_t)percent;
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
    size_t len;
    uint64_t before = source->read;
    uint32_t percent = source->broken ? 0 : fill_of(drain, i);
    *fullest = percent > *fullest ? percent : *fullest;
    grow(drain, i, percent);
    /* A piece for each segment; what is written meanwhile waits for the next slice. */
    for (uint32_t piece = 0; piece <= record_segments(&drain->shape) && !source->broken; piece++) {
        if (!record_ring_peek(drain->area, &drain->shape, i, source->read, &bytes, &len)) {
            break;
        }
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
    record_area_beat(drain->area, drain->nobody ? RECORD_NOBODY : monotonic());
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
    uint64_t touched = RECORD_HEAD;
    uint32_t most = record_segments(&drain->shape);
    for (uint32_t i = 0; i < drain->shape.nrings; i++) {
        const record_ring_t *ring = record_area_ring(drain->area, i);
        uint64_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
        uint32_t n = atomic_load_explicit(&ring->touched, memory_order_relaxed);
        uint64_t size = (uint64_t)(n < most ? n : most) << record_lg_segment(&drain->shape);
        touched += written < size ? (written + 4095) & ~UINT64_C(4095) : size;
    }
    return touched;
}
