/*
 * atomic.h -- C11 atomics with the order in the call's name.
 *
 * load and store are relaxed: single words whose readers need no other memory to be visible. Where a word publishes
 * something, load_acquire and store_release say so at the call.
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
 * A counter with one writer at a time (the holder of a lock, the owner of a thread) and readers at any time: the writer
 * needs no locked instruction.
 */
#define counter_add(p, v) atomic_set((p), atomic_get(p) + (v))

/*
 * A relaxed load that the compiler may fold into the instruction that uses it, as it never does with an atomic: for the
 * words of the fast paths whose every value, old or new, is a right one. A sanitizer is shown the atomic.
 */
#define relaxed_read(p) (config_tsan ? atomic_get(p) : *(const __typeof__(atomic_get(p)) *)(const volatile void *)(p))

#endif
