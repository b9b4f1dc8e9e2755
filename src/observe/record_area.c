/* record_area.c -- the layout of a recording's shared memory, and its reader's side. */
#include "observe/record_area.h"

size_t
record_area_heads(const record_shape_t *shape) {
    return (RECORD_HEAD + shape->nrings * sizeof(record_ring_t) + RECORD_HEAD - 1) & ~(size_t)(RECORD_HEAD - 1);
}

size_t
record_area_size(const record_shape_t *shape) {
    bool allowed = shape->nrings > 0 && shape->nrings <= RECORD_RINGS_MAX && shape->lg_ring >= RECORD_LG_MIN &&
                   shape->lg_ring <= RECORD_LG_MAX && shape->mode < record_modes &&
                   shape->clock_allowed <= record_clock_tsc;
    return allowed ? record_area_heads(shape) + ((size_t)shape->nrings << shape->lg_ring) : 0;
}

void
record_area_init(void *area, const record_shape_t *shape) {
    record_head_t *head = area;
    memcpy(head->magic, RECORD_MAGIC, sizeof head->magic);
    head->version = RECORD_VERSION;
    head->nrings = shape->nrings;
    head->lg_ring = shape->lg_ring;
    head->mode = shape->mode;
    head->clock_allowed = shape->clock_allowed;
    for (uint32_t i = 0; i < shape->nrings; i++) {
        record_ring_allow(area, i, record_segments(shape));
        for (uint32_t chunk = 0; chunk < record_segments(shape); chunk++) {
            atomic_set(&record_area_ring(area, i)->map[chunk], (uint8_t)chunk);
        }
    }
}

/* The other side may write while this side reads: each word is read once. */
static uint32_t
read_once(const uint32_t *word) {
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

bool
record_area_check(const void *area, size_t size, record_shape_t *shape) {
    const record_head_t *head = area;
    if (size < RECORD_HEAD || memcmp(head->magic, RECORD_MAGIC, sizeof head->magic) != 0 ||
        read_once(&head->version) != RECORD_VERSION) {
        return false;
    }
    *shape = (record_shape_t){.nrings = read_once(&head->nrings),
                              .lg_ring = read_once(&head->lg_ring),
                              .mode = read_once(&head->mode),
                              .clock_allowed = read_once(&head->clock_allowed)};
    return record_area_size(shape) == size;
}

uint8_t *
record_area_bytes(void *area, const record_shape_t *shape, uint32_t i) {
    return (uint8_t *)area + record_area_heads(shape) + ((size_t)i << shape->lg_ring);
}

bool
record_ring_peek(void *area, const record_shape_t *shape, uint32_t i, uint64_t read, const uint8_t **bytes,
                 size_t *len) {
    record_ring_t *ring = record_area_ring(area, i);
    uint32_t lg = record_lg_segment(shape), mask = record_segments(shape) - 1;
    size_t size = (size_t)1 << lg, at = read & (size - 1);
    uint64_t ready = atomic_get_acquire(&ring->written) - read;
    size_t segment = atomic_get(&ring->map[read >> lg & mask]) & mask;
    *bytes = record_area_bytes(area, shape, i) + (segment << lg) + at;
    *len = ready > size << (shape->lg_ring - lg) ? 0 : ready < size - at ? (size_t)ready : size - at;
    return ready != 0;
}

void
record_ring_done(void *area, uint32_t i, uint64_t read) {
    atomic_set_release(&record_area_ring(area, i)->read, read);
}

void
record_ring_allow(void *area, uint32_t i, uint32_t n) {
    atomic_set_release(&record_area_ring(area, i)->segments, n);
}

void
record_area_beat(void *area, uint64_t now) {
    atomic_set(&((record_head_t *)area)->beat, now);
}
