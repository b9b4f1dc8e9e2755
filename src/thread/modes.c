/* modes.c -- the switch, and what is allocated. */
#include "thread/modes.h"

#include "thread/refresh.h"

#include <string.h>

void
modes_set(uint64_t mask, uint64_t modes) {
    uint64_t old = atomic_get(&options.modes);
    while (!atomic_compare_exchange_weak_explicit(&options.modes, &old, (old & ~mask) | (modes & mask),
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
    threads_request_refresh();
}

void
modes_fill(void *at, size_t size, bool *zeroed) {
    bool zero = modes_on(MODE_ZERO) != 0;
    if (!zero || !*zeroed) {
        memset(at, zero ? 0 : JUNK_ALLOCATED, size);
        *zeroed = zero;
    }
}
