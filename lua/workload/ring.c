/*
 * ring.c -- the producers' side of the ring. See ring.h.
 */
#include "ring.h"

void
ring_init(ring_t *ring) {
    ring->head = 0;
    atomic_store_explicit(&ring->tail, 0, memory_order_relaxed);
    for (uint64_t i = 0; i < RING_SIZE; i++) {
        atomic_store_explicit(&ring->cells[i].turn, i, memory_order_relaxed);
    }
}

bool
ring_push(ring_t *ring, const parcel_t *parcel) {
    uint64_t position = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    for (;;) {
        ring_cell_t *cell = &ring->cells[position % RING_SIZE];
        uint64_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
        if (turn < position) {
            return false; /* still filled from the previous lap */
        }
        if (turn > position) { /* another producer took it; a failed exchange below reloads, too */
            position = atomic_load_explicit(&ring->tail, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(&ring->tail, &position, position + 1, memory_order_relaxed,
                                                         memory_order_relaxed)) {
            cell->parcel = *parcel;
            atomic_store_explicit(&cell->turn, position + 1, memory_order_release);
            return true;
        }
    }
}
