/* highwater.c -- one sum, its maximum, and the slot. */
#include "extent/highwater.h"

static _Atomic size_t mapped;
/* Not static: another process finds it (control/layout.def). */
_Atomic size_t highwater_most;
static _Atomic(highwater_slot_t *) highwater_slot;
static _Atomic bool running; /* set while the slot runs, on any thread */

void
highwater_set_slot(highwater_slot_t *slot) {
    atomic_set_release(&highwater_slot, slot);
}

/* Raises the maximum. True if `now` is a new one. */
static bool
raise_mark(size_t now) {
    size_t old = atomic_get(&highwater_most);
    while (now > old) {
        if (atomic_compare_exchange_weak_explicit(&highwater_most, &old, now, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

void
highwater_add(size_t size) {
    size_t now = atomic_add(&mapped, size) + size;
    highwater_slot_t *slot = atomic_get_acquire(&highwater_slot);
    if (!raise_mark(now) || slot == NULL) {
        return;
    }
    if (!atomic_exchange_explicit(&running, true, memory_order_acquire)) {
        slot(now);
        atomic_set_release(&running, false);
    }
}

void
highwater_sub(size_t size) {
    atomic_sub(&mapped, size);
}

size_t
highwater_mark(void) {
    return atomic_get(&highwater_most);
}
