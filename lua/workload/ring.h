/*
 * ring.h -- a bounded queue of blocks, from many producers to one consumer.
 *
 * A worker pushes a block that another worker must free into that worker's ring. It is D. Vyukov's bounded queue, with
 * one consumer. Each cell has a turn number:
 *
 *   turn == position               free: the producer that takes this position of the tail fills it
 *   turn == position + 1           filled: the consumer takes it
 *   turn == position + RING_SIZE   free for the next lap
 *
 * The store of a turn releases the writes to the cell and to the block that it names; the load acquires them.
 */
#ifndef WORKLOAD_RING_H
#define WORKLOAD_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RING_SIZE = 1024
};

/* A block that is handed over to the thread that frees it. */
typedef struct {
    void *ptr;
    size_t size;
    uint64_t id;
    uint32_t row;
} parcel_t;

typedef struct {
    _Atomic uint64_t turn;
    parcel_t parcel;
} ring_cell_t;

typedef struct {
    _Alignas(64) _Atomic uint64_t tail; /* next position to fill; producers */
    _Alignas(64) uint64_t head;         /* next position to take; the consumer only */
    _Alignas(64) ring_cell_t cells[RING_SIZE];
} ring_t;

void ring_init(ring_t *ring);

/* Any thread. False if the ring is full. */
bool ring_push(ring_t *ring, const parcel_t *parcel);

/* The one consumer. False if nothing is ready. */
static inline bool
ring_pop(ring_t *ring, parcel_t *parcel) {
    ring_cell_t *cell = &ring->cells[ring->head % RING_SIZE];
    if (atomic_load_explicit(&cell->turn, memory_order_acquire) != ring->head + 1) {
        return false;
    }
    *parcel = cell->parcel;
    atomic_store_explicit(&cell->turn, ring->head + RING_SIZE, memory_order_release);
    ring->head++;
    return true;
}

#endif
