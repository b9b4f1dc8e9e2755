/*
 * shards.h -- the bins of one small class in one arena. With more than one, threads of the arena take regions under
 * locks of their own.
 *
 * A class has the same number of shards in every arena. A thread takes from the shard of its bin_shard (arena_assign_bin_shard) modulo
 * that number. A slab stays with the shard that it was added to, whoever frees into it: the extent's `bin` says which.
 *
 * The first shard is the arena's own bin, by which the others are found. They are made when they are first wanted and
 * never given back.
 *
 * The number may change at any time. Shards beyond it are *surplus*: none of them is given a slab or keeps a current
 * one, so their slabs leave as they become empty; and what is free in them is taken before there is a new slab for any
 * other shard. When the number rises they serve again, with what they hold.
 *
 * Thread-safe. The locks of several shards are taken by rising number.
 */
#ifndef LUNALLOC_ARENA_SHARDS_H
#define LUNALLOC_ARENA_SHARDS_H

#include "arena/bin.h"

#define SHARDS_MAX 64

/* Those after the first; NULL until they are made. */
struct shards {
    bin_t *_Atomic bin[SHARDS_MAX - 1]; /* Synchronization: written under the first one's lock, read at any time. */
};

/* By class, the number of shards less one. */
extern _Atomic uint8_t shards_beyond_first[SC_MAX_SMALL]; /* Synchronization: any thread writes and reads. */

static inline uint32_t
shards_number(uint32_t szind) {
    return atomic_get(&shards_beyond_first[szind]) + 1U;
}

/* Shard k of 0 .. SHARDS_MAX - 1; NULL if it was never made. */
static inline bin_t *
shards_get(bin_t *first, uint32_t k) {
    struct shards *others = atomic_get_acquire(&first->others);
    return k == 0 ? first : others == NULL ? NULL : atomic_get_acquire(&others->bin[k - 1]);
}

static inline bool
shards_single(bin_t *first) {
    return LIKELY(atomic_get_acquire(&first->others) == NULL);
}

bin_t *shards_next_slow(bin_t *first, uint32_t *k);

/* The shard of number *k, or the next one that was made; *k becomes the number after it. NULL if there is none. */
static inline bin_t *
shards_next(bin_t *first, uint32_t *k) {
    if (*k == 0) {
        *k = 1;
        return first;
    }
    return shards_single(first) ? NULL : shards_next_slow(first, k);
}

bin_t *shards_lock_slow(bin_t *first, uint32_t szind, uint32_t bin_shard) ACQUIRE(role_bin);

/* Locks the shard that a bin_shard takes from, made if need be: the first one without memory. It is no surplus one while it
 * is held. */
static inline bin_t *
shards_lock(bin_t *first, uint32_t szind, uint32_t bin_shard) ACQUIRE(role_bin) NO_THREAD_SAFETY {
    if (UNLIKELY(atomic_get(&shards_beyond_first[szind]) != 0)) {
        return shards_lock_slow(first, szind, bin_shard);
    }
    bin_lock(first);
    return first;
}

/* Up to n regions out of shards from number `from` on; returns how many. No slab is a current one there afterwards. */
uint32_t shards_take(bin_t *first, uint32_t from, uint32_t n, void **out) EXCLUDES(role_bin);

/* Bytes of metadata that those after the first take. */
size_t shards_bytes(bin_t *first);

/* Every shard that was made; while they are locked, no other is. */
void shards_lock_all(bin_t *first) ACQUIRE(role_bin);
void shards_unlock_all(bin_t *first) RELEASE(role_bin);

void shards_prefork(bin_t *first);
void shards_postfork(bin_t *first, bool child);

#endif
