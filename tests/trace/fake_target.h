/*
 * fake_target.h -- the side of a recording that the allocator has, for tests without one: threads' events go into the
 * rings of an area, as observe/record.h puts them there.
 */
#ifndef TESTS_TRACE_FAKE_TARGET_H
#define TESTS_TRACE_FAKE_TARGET_H

#include "synthetic.h"

#include <time.h>

#include "observe/record_area.h"

/* A ring, as its thread has it. */
typedef struct {
    void *area;
    record_shape_t shape;
    uint32_t index;
    uint64_t written;
    uint64_t lost; /* since the last RECORD_LOST */
    record_codec_t codec;
} fake_ring_t;

static inline record_ring_t *
fake_head(const fake_ring_t *ring) {
    return record_area_ring(ring->area, ring->index);
}

/* Takes the area as a process does. Its clock is CLOCK_MONOTONIC. */
static inline void
fake_take(void *area) {
    record_head_t *head = area;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    head->begin_ns = head->begin_ticks = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
    head->clock = record_clock_monotonic;
    atomic_store(&head->pid, (uint32_t)getpid());
    atomic_store(&head->state, record_on);
}

static inline void
fake_end(void *area) {
    atomic_store(&((record_head_t *)area)->state, record_ended);
}

/* Copies the bytes of one event into the ring: none if they do not fit. Segments are used in turn, as a new area has
 * them in its map. Padding precedes an event that would cross a segment's end. */
static inline bool
fake_put(fake_ring_t *ring, const uint8_t *bytes, size_t len) {
    size_t size = (size_t)1 << ring->shape.lg_ring, at = ring->written & (size - 1);
    size_t segment = (size_t)1 << record_lg_segment(&ring->shape), left = segment - (at & (segment - 1));
    size_t padding = left < len ? left : 0;
    uint64_t read = atomic_load(&fake_head(ring)->read);
    if (ring->written + padding + len - read > size) {
        return false;
    }
    uint8_t *base = record_area_bytes(ring->area, &ring->shape, ring->index);
    memset(base + at, 0, padding);
    memcpy(base + ((at + padding) & (size - 1)), bytes, len);
    ring->written += padding + len;
    atomic_store(&fake_head(ring)->written, ring->written);
    return true;
}

/* False if the event was lost. */
static inline bool
fake_event(fake_ring_t *ring, const record_event_t *event) {
    uint8_t bytes[2 * RECORD_ROOM];
    record_codec_t codec = ring->codec;
    size_t len = 0;
    if (ring->lost > 0) {
        record_event_t lost = {.kind = RECORD_LOST, .size = ring->lost, .time = event->time, .touched = RECORD_UNKNOWN};
        len = record_encode(&codec, &lost, bytes);
    }
    len += record_encode(&codec, event, bytes + len);
    if (!fake_put(ring, bytes, len)) {
        ring->lost++;
        atomic_fetch_add(&fake_head(ring)->lost, 1);
        return false;
    }
    ring->lost = 0;
    ring->codec = codec;
    return true;
}

static inline void
fake_begin_thread(fake_ring_t *ring, uint32_t number, uint32_t tid, uint64_t time) {
    record_event_t begin = {.kind = RECORD_THREAD, .thread = number, .size = tid, .time = time, .name = "fake"};
    fake_event(ring, &begin);
}

#endif
