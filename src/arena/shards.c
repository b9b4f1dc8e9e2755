/* shards.c -- finding, making and locking a class's bin shards. Part of bin.h's contract. */
#include "arena/bin.h"
#include "extent/metadata.h"

_Atomic uint8_t shards_beyond_first[SC_MAX_SMALL];

bin_t *
shards_next_slow(bin_t *first, uint32_t *k) {
    bin_t *bin = NULL;
    for (; *k < SHARDS_MAX && bin == NULL; ++*k) {
        bin = shards_get(first, *k);
    }
    return bin;
}

/* The table of the other shards; NULL if memory is exhausted. */
static struct shards *
make_table(bin_t *first) REQUIRES(role_bin) {
    struct shards *others = atomic_get(&first->others);
    if (others == NULL) {
        others = metadata_alloc(sizeof *others, CACHELINE);
        atomic_set_release(&first->others, others);
    }
    return others;
}

/* NULL if memory is exhausted. */
static bin_t *
make_shard(bin_t *first, uint32_t k) REQUIRES(role_bin) {
    struct shards *others = make_table(first);
    bin_t *bin = shards_get(first, k);
    if (bin == NULL && others != NULL && (bin = metadata_alloc(sizeof *bin, CACHELINE)) != NULL) {
        bin_init(bin);
        atomic_set_release(&others->bin[k - 1], bin);
    }
    return bin;
}

/* Shard k, made if need be; the first shard if memory is exhausted. */
static bin_t *
want_shard(bin_t *first, uint32_t k) {
    bin_t *bin = shards_get(first, k);
    if (bin == NULL) {
        bin_lock(first);
        bin = make_shard(first, k);
        bin_unlock(first);
    }
    return bin != NULL ? bin : first;
}

/* A thread that lowers the number stores it first, and then takes the lock of each shard that becomes surplus. So a
 * thread that locked the shard before still finds it in use, and one that locks it later reads the new number. */
bin_t *
shards_lock_slow(bin_t *first, uint32_t szind, uint32_t bin_shard) NO_THREAD_SAFETY {
    for (;;) {
        uint32_t k = bin_shard % shards_number(szind);
        bin_t *bin = want_shard(first, k);
        bin_lock(bin);
        if (k < shards_number(szind)) {
            return bin;
        }
        bin_unlock(bin);
    }
}

/* nslabs is read without the lock, so that shards without slabs are not locked. */
uint32_t
shards_take(bin_t *first, uint32_t from, uint32_t n, void **out) {
    uint32_t got = 0;
    bin_t *bin;
    for (uint32_t k = from; got < n && (bin = shards_next(first, &k)) != NULL;) {
        if (atomic_get(&bin->nslabs) > 0) {
            bin_lock(bin);
            got += bin_pop(bin, n - got, out + got);
            bin_retire(bin);
            bin_unlock(bin);
        }
    }
    return got;
}

size_t
shards_bytes(bin_t *first) {
    size_t bytes = 0;
    for (uint32_t k = 1; shards_next(first, &k) != NULL;) {
        bytes += (bytes == 0 ? sizeof(struct shards) : 0) + sizeof *first;
    }
    return bytes;
}

void
shards_lock_all(bin_t *first) NO_THREAD_SAFETY {
    bin_t *bin;
    for (uint32_t k = 0; (bin = shards_next(first, &k)) != NULL;) {
        lock_acquire_sibling(&bin->lock);
    }
}

/* The first one last: under its lock shards are made, which this walk would find unlocked. */
void
shards_unlock_all(bin_t *first) NO_THREAD_SAFETY {
    for (uint32_t k = shards_single(first) ? 0 : SHARDS_MAX - 1; k > 0; k--) {
        if (shards_get(first, k) != NULL) {
            lock_release(&shards_get(first, k)->lock);
        }
    }
    lock_release(&first->lock);
}

void
shards_prefork(bin_t *first) {
    bin_t *bin;
    for (uint32_t k = 0; (bin = shards_next(first, &k)) != NULL;) {
        lock_prefork_sibling(&bin->lock);
    }
}

void
shards_postfork(bin_t *first, bool child) {
    bin_t *bin;
    for (uint32_t k = 0; (bin = shards_next(first, &k)) != NULL;) {
        lock_postfork(&bin->lock, child);
    }
}
