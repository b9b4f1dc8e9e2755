/*
 * recording.h -- a recorder for tests: makes an area, begins a recording into it in this process, and decodes what
 * threads have written. Include cmocka before.
 */
#ifndef TESTS_API_RECORDING_H
#define TESTS_API_RECORDING_H

#include "observe/record.h"

#include <fcntl.h>
#include <sys/mman.h>

typedef struct {
    int fd;
    size_t size;
    record_shape_t shape;
    void *area;
    uint64_t read[RECORD_RINGS_MAX];
    record_codec_t codec[RECORD_RINGS_MAX];
} recorder_side_t;

/* Pages of its own: nothing of it is the allocator's. */
static inline recorder_side_t *
new_recorder(record_shape_t shape) {
    recorder_side_t *side = mmap(NULL, sizeof *side, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(side, MAP_FAILED);
    side->shape = shape;
    side->size = record_area_size(&shape);
    assert_true(side->size > 0);
    side->fd = memfd_create("recording", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(side->fd >= 0);
    assert_int_equal(ftruncate(side->fd, (off_t)side->size), 0);
    assert_int_equal(fcntl(side->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    side->area = mmap(NULL, side->size, PROT_READ | PROT_WRITE, MAP_SHARED, side->fd, 0);
    assert_ptr_not_equal(side->area, MAP_FAILED);
    record_area_init(side->area, &shape);
    return side;
}

static inline void
delete_recorder(recorder_side_t *side) {
    munmap(side->area, side->size);
    close(side->fd);
    munmap(side, sizeof *side);
}

/* Calls visit for each event that ring i has and nobody has read, and gives its bytes back. */
static inline size_t
drain_ring(recorder_side_t *side, uint32_t i, void (*visit)(const record_event_t *event, void *context),
           void *context) {
    const uint8_t *bytes;
    size_t len, n = 0;
    while (record_ring_peek(side->area, &side->shape, i, side->read[i], &bytes, &len)) {
        size_t at = 0;
        long taken;
        record_event_t event;
        assert_true(len > 0);
        while ((taken = record_decode(&side->codec[i], NULL, bytes + at, len - at, &event)) > 0) {
            at += (size_t)taken;
            n++;
            visit(&event, context);
        }
        assert_int_equal(taken, 0);
        for (; at < len; at++) {
            assert_int_equal(bytes[at], 0); /* padding */
        }
        record_ring_done(side->area, i, side->read[i] += len);
    }
    return n;
}

static inline size_t
drain_all(recorder_side_t *side, void (*visit)(const record_event_t *event, void *context), void *context) {
    size_t n = 0;
    for (uint32_t i = 0; i < side->shape.nrings; i++) {
        n += drain_ring(side, i, visit, context);
    }
    return n;
}

#define DRAINED_MAX 512

/* The first events of a drain. */
typedef struct {
    size_t n;
    record_event_t events[DRAINED_MAX];
} drained_t;

static inline void
keep_event(const record_event_t *event, void *context) {
    drained_t *drained = context;
    if (drained->n < DRAINED_MAX) {
        drained->events[drained->n] = *event;
    }
    drained->n++;
}

#endif
