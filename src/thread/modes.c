/* modes.c -- the switch. */
#include "thread/modes.h"

#include "thread/follow.h"

void
modes_set(uint64_t mask, uint64_t modes) {
    uint64_t old = atomic_get(&options.modes);
    while (!atomic_compare_exchange_weak_explicit(&options.modes, &old, (old & ~mask) | (modes & mask),
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
    threads_ask();
}
