/*
 * atomic.h -- C11 atomics with the memory order in the call's name. Use these instead of <stdatomic.h>'s own.
 *
 * atomic_get and atomic_set are relaxed: for single words whose readers rely on no other memory. Where a word publishes
 * other memory, the writer uses atomic_set_release and the reader atomic_get_acquire. Read-modify-write operations with
 * another order are written out at the call.
 */
#ifndef LUNALLOC_BASE_ATOMIC_H
#define LUNALLOC_BASE_ATOMIC_H

#include "base/config.h"

#include <stdatomic.h>

#define atomic_get(p)            atomic_load_explicit((p), memory_order_relaxed)
#define atomic_set(p, v)         atomic_store_explicit((p), (v), memory_order_relaxed)
#define atomic_get_acquire(p)    atomic_load_explicit((p), memory_order_acquire)
#define atomic_set_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define atomic_add(p, v)         atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define atomic_sub(p, v)         atomic_fetch_sub_explicit((p), (v), memory_order_relaxed)

/*
 * Adds to a counter that has one writer at a time (the holder of a lock, the owner of a thread) and any number of
 * readers. Needs no locked instruction.
 */
#define counter_add(p, v) atomic_set((p), atomic_get(p) + (v))

/*
 * A relaxed load on the fast paths. Compilers fold a plain load, but never an atomic one, into the instruction that
 * uses the value. Only for words of which every value, old or new, is a right one. ThreadSanitizer sees an atomic load.
 */
#define relaxed_read(p) (config_tsan ? atomic_get(p) : *(const __typeof__(atomic_get(p)) *)(const volatile void *)(p))

#endif
