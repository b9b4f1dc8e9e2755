/*
 * bin.c -- one bin: the current slab and the occupancy buckets.
 *
 * A slab changes its bucket only when its nfree reaches its limit, so most frees cost one comparison (bin_push).
 * Allocation empties the current slab before it takes the next one, which leaves its bucket then.
 */
#include "arena/bin.h"

#include "arena/slab_pages.h"
#include "base/check.h"

/* In release builds zeros are a valid bin. Nothing is written, so a class that is never used costs no page. */
void
bin_init(bin_t *bin) {
    if (config_debug) {
        lock_init(&bin->lock, RANK_BIN);
    }
}

/* A bucket's list is initialised when its bit is first set: a zeroed bin needs no other preparation. */
static bool
has_slabs(const bin_t *bin, uint32_t bucket) REQUIRES(role_bin) {
    return (bin->buckets >> bucket & 1) != 0;
}

/* 0 < nfree <= nregs: the share of free regions in eighths, rounded down. */
static uint32_t
bucket_of(uint32_t nfree, uint32_t nregs) {
    uint32_t b = nfree * BIN_BUCKETS / nregs;
    return b < BIN_BUCKETS ? b : BIN_BUCKETS - 1;
}

/* The least nfree that belongs to a higher bucket; nregs for the last one. */
static uint32_t
limit_of(uint32_t bucket, uint32_t nregs) {
    return ((bucket + 1) * nregs + BIN_BUCKETS - 1) / BIN_BUCKETS;
}

ALWAYS_INLINE void
enter(bin_t *bin, extent_t *slab, uint32_t number, uint32_t limit) REQUIRES(role_bin) {
    slab->bucket = number;
    slab->limit = limit;
    list_t *bucket = &bin->nonfull[slab->bucket];
    if (!has_slabs(bin, slab->bucket)) {
        list_init(bucket);
        bin->buckets |= 1U << slab->bucket;
    }
    list_push_front(bucket, &slab->link);
    counter_add(&bin->nnonfull, 1);
}

/* Puts a slab that is neither current nor full nor has discarded pages into the bucket for its nfree. */
static void
bin_enter_bucket(bin_t *bin, extent_t *slab) REQUIRES(role_bin) {
    uint32_t number = bucket_of(atomic_get(&slab->nfree), slab->nregs);
    enter(bin, slab, number, limit_of(number, slab->nregs));
}

/* Takes a slab out of its bucket; the caller sets its limit anew. */
static void
bin_leave_bucket(bin_t *bin, extent_t *slab) REQUIRES(role_bin) {
    list_remove(&slab->link);
    if (list_empty(&bin->nonfull[slab->bucket])) {
        bin->buckets &= ~(1U << slab->bucket);
    }
    counter_add(&bin->nnonfull, (uint64_t)-1);
}

/* Discarded pages count as resident again: they are about to be used, or to leave the bin. */
static COLD void
forget_discarded(bin_t *bin, extent_t *slab) REQUIRES(role_bin) {
    counter_add(&bin->discarded, -slab_bytes_of(slab, atomic_get(&slab->discarded)));
    atomic_set(&slab->discarded, 0);
}

/* The bin stops counting a slab. */
ALWAYS_INLINE void
bin_uncount(bin_t *bin, extent_t *slab) REQUIRES(role_bin) {
    if (UNLIKELY(atomic_get(&slab->discarded) != 0)) {
        forget_discarded(bin, slab);
    }
    atomic_set(&slab->bin, NULL);
    counter_add(&bin->nslabs, (uint64_t)-1);
}

/* The current slab so far, if any, is full: its pages are in use, and none ages. */
static void
set_current(bin_t *bin, extent_t *slab) REQUIRES(role_bin) {
    if (bin->current != NULL) {
        bin->current->limit = LIMIT_FULL;
        bin->current->ageing.idle = 0;
    }
    slab->limit = LIMIT_CURRENT;
    bin->current = slab;
}

ALWAYS_INLINE void
make_current(bin_t *bin, extent_t *slab) REQUIRES(role_bin) {
    bin_leave_bucket(bin, slab);
    set_current(bin, slab);
    counter_add(&bin->slab_changes, 1);
}

/* All slabs that have a free region have discarded pages. */
static COLD void
discarded_current(bin_t *bin) REQUIRES(role_bin) {
    extent_t *slab = container_of(bin->nonfull[BIN_DISCARDED].next, extent_t, link);
    forget_discarded(bin, slab);
    make_current(bin, slab);
}

/* Makes the fullest slab that has a free region the current one. False if there is none. */
static bool
next_current(bin_t *bin) REQUIRES(role_bin) {
    if (bin->buckets == 0) {
        return false;
    }
    uint32_t fullest = trailing_zeros(bin->buckets);
    if (UNLIKELY(fullest == BIN_DISCARDED)) {
        discarded_current(bin);
    } else {
        make_current(bin, container_of(bin->nonfull[fullest].next, extent_t, link));
    }
    return true;
}

/* The calling thread is the latest holder of the lock. A slab that has just become the current one has a region. */
uint32_t
bin_pop(bin_t *bin, uint32_t n, void **out) {
    uint16_t taker = bin_taker(atomic_get(&bin->lock.owner));
    extent_t *slab = bin->current;
    uint32_t got = slab != NULL ? slab_pop(slab, n, out) : 0;
    if (got > 0) {
        atomic_set(&slab->taker, taker);
    }
    while (got < n && next_current(bin)) {
        slab = bin->current;
        atomic_set(&slab->taker, taker);
        got += slab_pop(slab, n - got, out + got);
    }
    counter_add(&bin->regs_taken, got);
    return got;
}

void
bin_add_slab(bin_t *bin, extent_t *slab) {
    atomic_set_release(&slab->bin, bin); /* a thread that reads it sees nfree, too */
    counter_add(&bin->nslabs, 1);
    counter_add(&bin->nslabs_made, 1);
    if (bin->current == NULL || atomic_get(&bin->current->nfree) == 0) {
        set_current(bin, slab);
    } else {
        bin_enter_bucket(bin, slab);
    }
}

/* An empty slab leaves the bin. Not inlined, so that bin_rebucket keeps nothing on the stack. */
static NOINLINE void
let_go(bin_t *bin, extent_t *slab, list_t *emptied) REQUIRES(role_bin) {
    bin_uncount(bin, slab);
    list_push_back(emptied, &slab->link);
}

/* A slab whose limit is LIMIT_FULL is on no list: this free gave it its first free region. */
void
bin_rebucket(bin_t *bin, extent_t *slab, list_t *emptied) {
    if (slab->limit != LIMIT_FULL) {
        bin_leave_bucket(bin, slab);
    }
    if (atomic_get(&slab->nfree) < slab->nregs) {
        bin_enter_bucket(bin, slab);
    } else {
        let_go(bin, slab, emptied);
    }
}

void
bin_retire(bin_t *bin) {
    extent_t *slab = bin->current;
    bin->current = NULL;
    if (slab == NULL) {
        return;
    }
    slab->ageing.idle = 0;
    if (atomic_get(&slab->nfree) > 0) {
        bin_enter_bucket(bin, slab);
    } else {
        slab->limit = LIMIT_FULL;
    }
}

static extent_t *
take_empty_of(bin_t *bin, uint32_t number) REQUIRES(role_bin) {
    list_t *bucket = &bin->nonfull[number];
    for (list_t *at = bucket->next; has_slabs(bin, number) && at != bucket; at = at->next) {
        extent_t *slab = container_of(at, extent_t, link);
        if (atomic_get(&slab->nfree) == slab->nregs) {
            bin_leave_bucket(bin, slab);
            bin_uncount(bin, slab);
            return slab;
        }
    }
    return NULL;
}

/* Only the current slab can be empty, and slabs that were added but never used: these are in the last bucket. In the
 * child of a fork, slabs that were held can be, too: they may be in the bucket of discarded pages. */
extent_t *
bin_take_empty(bin_t *bin) {
    bin_retire(bin);
    extent_t *slab = take_empty_of(bin, BIN_BUCKETS - 1);
    return slab != NULL ? slab : take_empty_of(bin, BIN_DISCARDED);
}

extent_t *
bin_next_unseen(bin_t *bin, uint32_t bucket, uint8_t pass) {
    if (!has_slabs(bin, bucket)) {
        return NULL;
    }
    extent_t *slab = container_of(bin->nonfull[bucket].prev, extent_t, link);
    if (slab->seen == pass) {
        return NULL;
    }
    slab->seen = pass;
    list_remove(&slab->link);
    list_push_front(&bin->nonfull[bucket], &slab->link);
    return slab;
}

void
bin_hold(bin_t *bin, extent_t *slab) {
    bin_leave_bucket(bin, slab);
    slab->limit = LIMIT_CURRENT;
}

void
bin_unhold(bin_t *bin, extent_t *slab, list_t *emptied) {
    if (atomic_get(&slab->nfree) == slab->nregs && emptied != NULL) {
        let_go(bin, slab, emptied);
    } else if (atomic_get(&slab->discarded) != 0) {
        enter(bin, slab, BIN_DISCARDED, slab->nregs);
    } else {
        bin_enter_bucket(bin, slab);
    }
}

void
bin_forget(bin_t *bin, extent_t *slab) {
    uint32_t nfree = atomic_get(&slab->nfree);
    if (slab == bin->current) {
        bin->current = NULL;
    } else if (nfree > 0) {
        bin_leave_bucket(bin, slab);
    }
    counter_add(&bin->regs_returned, slab->nregs - nfree);
    bin_uncount(bin, slab);
}

/* The sets of pages: those that were given back, those that age, and those that are being given back. A region may
 * overlap a held page, and one that was given back before. */
static void
check_pages(const bin_t *bin, const extent_t *slab) REQUIRES(role_bin) {
    const slab_ageing_t *ageing = &slab->ageing;
    uint64_t unused = slab_free_pages(slab);
    check(slab_without_live(slab, atomic_get(&slab->discarded)));
    check((ageing->held & unused) == 0);
    check((atomic_get(&slab->discarded) & ageing->held) == 0);
    check(atomic_get(&slab->discarded) == 0 || slab != bin->current);
    check(slab == bin->current || slab->limit == LIMIT_FULL || (ageing->idle & ~(unused | ageing->held)) == 0);
}

/* list_remove leaves an element linked to itself. */
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
    check(slab->slab && atomic_get(&slab->bin) == bin && extent_state(slab) == extent_active);
    check(slab->nregs == sc_nregs(slab->szind, extent_usable(slab)));
    check(nfree == atomic_get(&slab->nfree) && nfree <= slab->nregs);
    bool held = slab->ageing.held != 0;
    check(is_linked(slab) == (held || (slab != bin->current && nfree > 0)));
    check((slab->limit == LIMIT_CURRENT) == (held || slab == bin->current));
    check((slab->limit == LIMIT_FULL) == (!held && slab != bin->current && nfree == 0));
    check_pages(bin, slab);
}

static void
check_bucket(const bin_t *bin, uint32_t b, uint64_t *nnonfull) REQUIRES(role_bin) {
    const list_t *bucket = &bin->nonfull[b];
    check(has_slabs(bin, b) == (bucket->next != NULL && !list_empty(bucket)));
    for (const list_t *at = bucket->next; has_slabs(bin, b) && at != bucket; at = at->next) {
        const extent_t *slab = container_of(at, extent_t, link);
        bin_check_slab(bin, slab);
        bool discarded = atomic_get(&slab->discarded) != 0;
        check(slab->bucket == b && slab->ageing.held == 0);
        check(b == (discarded ? BIN_DISCARDED : bucket_of(atomic_get(&slab->nfree), slab->nregs)));
        check(slab->limit == (discarded ? slab->nregs : limit_of(b, slab->nregs)));
        ++*nnonfull;
    }
}

void
bin_check(bin_t *bin) {
    uint64_t nnonfull = 0;
    for (uint32_t b = 0; b <= BIN_DISCARDED; b++) {
        check_bucket(bin, b, &nnonfull);
    }
    if (bin->current != NULL) {
        bin_check_slab(bin, bin->current);
    }
    check(nnonfull == atomic_get(&bin->nnonfull));
}
