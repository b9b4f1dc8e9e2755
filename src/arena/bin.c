/* bin.c -- the current slab and the occupancy buckets. */
#include "arena/bin.h"

#include "arena/slab.h"
#include "base/check.h"

void
bin_init(bin_t *bin) {
    lock_init(&bin->lock, RANK_BIN);
    bin_lock(bin);
    for (unsigned b = 0; b < BIN_BUCKETS; b++) {
        list_init(&bin->nonfull[b]);
    }
    bin_unlock(bin);
}

/* 0 < nfree <= nregs: the share of free regions in eighths, rounded down. */
static uint32_t
bucket_of(uint32_t nfree, uint32_t nregs) {
    uint32_t b = nfree * BIN_BUCKETS / nregs;
    return b < BIN_BUCKETS ? b : BIN_BUCKETS - 1;
}

static void
enter(bin_t *bin, extent_t *slab) REQUIRES(role_bin) {
    slab->bucket = bucket_of(atomic_get(&slab->nfree), slab->nregs);
    slab->bucket_limit = ((slab->bucket + 1) * slab->nregs + BIN_BUCKETS - 1) / BIN_BUCKETS;
    list_push_front(&bin->nonfull[slab->bucket], &slab->link);
    bin->buckets |= 1U << slab->bucket;
    counter_add(&bin->nnonfull, 1);
}

static void
leave(bin_t *bin, extent_t *slab) REQUIRES(role_bin) {
    list_remove(&slab->link);
    if (list_empty(&bin->nonfull[slab->bucket])) {
        bin->buckets &= ~(1U << slab->bucket);
    }
    counter_add(&bin->nnonfull, (uint64_t)-1);
}

/* The bin does not count a slab any more. */
static void
uncount(bin_t *bin, extent_t *slab) REQUIRES(role_bin) {
    slab->in_bin = false;
    counter_add(&bin->nslabs, (uint64_t)-1);
}

/* The fullest slab that has a free region becomes the current one. False if there is none. */
static bool
next_current(bin_t *bin) REQUIRES(role_bin) {
    if (bin->buckets == 0) {
        return false;
    }
    extent_t *slab = container_of(bin->nonfull[trailing_zeros(bin->buckets)].next, extent_t, link);
    leave(bin, slab);
    bin->current = slab;
    return true;
}

uint32_t
bin_pop(bin_t *bin, uint32_t n, void **out) {
    uint32_t got = 0;
    do {
        if (bin->current != NULL) {
            got += slab_pop(bin->current, n - got, out + got);
        }
    } while (got < n && next_current(bin));
    counter_add(&bin->nmalloc, got);
    return got;
}

void
bin_add_slab(bin_t *bin, extent_t *slab) {
    slab->in_bin = true;
    counter_add(&bin->nslabs, 1);
    if (bin->current == NULL || atomic_get(&bin->current->nfree) == 0) {
        bin->current = slab;
    } else {
        enter(bin, slab);
    }
}

extent_t *
bin_push(bin_t *bin, extent_t *slab, void *ptr) {
    uint32_t before = atomic_get(&slab->nfree);
    slab_push(slab, ptr);
    counter_add(&bin->ndalloc, 1);
    if (slab == bin->current) {
        return NULL;
    }
    if (UNLIKELY(before + 1 == slab->nregs)) {
        if (before > 0) {
            leave(bin, slab);
        }
        uncount(bin, slab);
        return slab;
    }
    if (before == 0) {
        enter(bin, slab);
    } else if (before + 1 == slab->bucket_limit) {
        leave(bin, slab);
        enter(bin, slab);
    }
    return NULL;
}

/* Only the current slab can be empty, and those that were added and never used: these are in the last bucket. */
extent_t *
bin_take_empty(bin_t *bin) {
    if (bin->current != NULL && atomic_get(&bin->current->nfree) > 0) {
        enter(bin, bin->current);
    }
    bin->current = NULL;
    list_t *last = &bin->nonfull[BIN_BUCKETS - 1];
    for (list_t *at = last->next; at != last; at = at->next) {
        extent_t *slab = container_of(at, extent_t, link);
        if (atomic_get(&slab->nfree) == slab->nregs) {
            leave(bin, slab);
            uncount(bin, slab);
            return slab;
        }
    }
    return NULL;
}

void
bin_forget(bin_t *bin, extent_t *slab) {
    uint32_t nfree = atomic_get(&slab->nfree);
    if (slab == bin->current) {
        bin->current = NULL;
    } else if (nfree > 0) {
        leave(bin, slab);
    }
    counter_add(&bin->ndalloc, slab->nregs - nfree);
    uncount(bin, slab);
}

static bool
is_linked(const extent_t *slab) {
    return slab->link.next != &slab->link;
}

void
bin_check_slab(const bin_t *bin, const extent_t *slab) {
    uint32_t nfree = 0;
    for (uint32_t w = 0; w * 64 < slab->nregs; w++) {
        nfree += (uint32_t)__builtin_popcountll(slab->free_regs[w]);
    }
    check(slab->slab && slab->in_bin && extent_state(slab) == extent_active);
    check(slab->nregs == sc_nregs(slab->szind, extent_usable(slab)));
    check(nfree == atomic_get(&slab->nfree) && nfree <= slab->nregs);
    check(is_linked(slab) == (slab != bin->current && nfree > 0));
}

static void
check_bucket(const bin_t *bin, uint32_t b, uint64_t *nnonfull) REQUIRES(role_bin) {
    const list_t *bucket = &bin->nonfull[b];
    check(((bin->buckets >> b & 1) != 0) == !list_empty(bucket));
    for (const list_t *at = bucket->next; at != bucket; at = at->next) {
        const extent_t *slab = container_of(at, extent_t, link);
        bin_check_slab(bin, slab);
        check(slab->bucket == b && bucket_of(atomic_get(&slab->nfree), slab->nregs) == b);
        ++*nnonfull;
    }
}

void
bin_check(bin_t *bin) {
    uint64_t nnonfull = 0;
    for (uint32_t b = 0; b < BIN_BUCKETS; b++) {
        check_bucket(bin, b, &nnonfull);
    }
    if (bin->current != NULL) {
        bin_check_slab(bin, bin->current);
    }
    check(nnonfull == atomic_get(&bin->nnonfull));
}
