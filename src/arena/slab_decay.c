/* slab_decay.c -- passes over the slabs of an arena, and when they are made. */
#include "arena/slab_decay.h"

#include "arena/slab_pages.h"
#include "arena/slab_pass.h"
#include "base/witness.h"
#include "extent/decay_pass.h"
#include "extent/purger.h"
#include "os/clock.h"
#include "os/thread.h"

/* Slabs that are held together, and that are looked at under one lock. */
#define BATCH 32
#define LOOKS 64
/* The least time between two passes for each slab that the first one looked at: 50 times what a look takes; ns. */
#define REST_PER_SLAB UINT64_C(10000)

/* One pass. */
typedef struct {
    arena_t *arena;
    uint64_t now; /* ns */
    int64_t ms;   /* the decay time */
    bool all;     /* pages of any age */
    bool refused; /* a purge was: the pass ends */
    uint8_t number;
    size_t ageing, bytes; /* of pages that stay; that were given back */
    size_t ncalls, nlooks;
} pass_t;

/* ---- which pages are due ---- */

/* 0 .. 2^DECAY_LG_WHOLE - 1, evenly spread over slabs: each leaves when the share that may stay falls below its own. */
static uint64_t
rank_of(const extent_t *slab) {
    return (slab->addr >> sc.config.lg_page) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - DECAY_LG_WHOLE);
}

static bool
is_aged(const pass_t *pass, const extent_t *slab) REQUIRES(role_bin) {
    uint64_t since = slab->ageing.idle_since;
    return rank_of(slab) >= decay_share(pass->ms, pass->now > since ? pass->now - since : 0);
}

/* The pages of a slab to give back. Pages that became free after those that age wait until these are gone. */
static uint64_t
pages_due(pass_t *pass, extent_t *slab) REQUIRES(role_bin) {
    slab_ageing_t *ageing = &slab->ageing;
    uint64_t unused = slab_free_pages(slab) & ~atomic_get(&slab->discarded);
    if (pass->all) {
        return unused;
    }
    ageing->idle &= unused;
    if (ageing->idle == 0) {
        ageing->idle = unused;
        ageing->idle_since = pass->now;
    }
    uint64_t due = ageing->idle != 0 && is_aged(pass, slab) ? ageing->idle : 0;
    pass->ageing += slab_bytes_of(slab, unused & ~due);
    return due;
}

/* ---- a batch of slabs ---- */

/* Holds the due pages of slabs of a bucket, up to a batch of slabs. False if the pass has seen all slabs there. */
static bool
hold_batch(pass_t *pass, bin_t *bin, uint32_t bucket) EXCLUDES(role_bin) {
    extent_t *slab = NULL;
    bin_lock(bin);
    for (unsigned looks = 0, nheld = 0; looks < LOOKS && nheld < BATCH; looks++) {
        slab = bin_next_unseen(bin, bucket, pass->number);
        uint64_t due = slab == NULL ? 0 : pages_due(pass, slab);
        if (slab == NULL) {
            break;
        }
        pass->nlooks++;
        if (due != 0) {
            bin_hold(bin, slab);
            slab_hold(slab, due);
            list_push_back(&pass->arena->slab_decay.held, &slab->link);
            nheld++;
        }
    }
    bin_unlock(bin);
    return slab != NULL;
}

/* Purges the held pages of a slab, a run at a time. Returns those that were given back. Nobody else writes to the
 * slab's `held`, nor uses its link. */
static uint64_t
purge_held(pass_t *pass, const extent_t *slab) NO_THREAD_SAFETY {
    uint64_t done = 0;
    page_alloc_t *pa = &pass->arena->pages;
    for (uint64_t rest = slab->ageing.held; rest != 0 && !pass->refused;) {
        uint64_t before = rest;
        page_run_t run = slab_next_run(slab, &rest);
        pass->refused = !hook_purge_forced(pa_hooks(pa), (void *)run.addr, run.size, pa->arena);
        pass->ncalls++;
        done |= pass->refused ? 0 : before & ~rest;
    }
    pass->bytes += slab_bytes_of(slab, done);
    return done;
}

/* Gives back what is held: slabs of one bin. */
static void
give_back_batch(pass_t *pass, bin_t *bin) EXCLUDES(role_bin) {
    uint64_t done[BATCH];
    list_t emptied, *held = &pass->arena->slab_decay.held;
    unsigned n = 0;
    list_init(&emptied);
    for (const list_t *at = held->next; at != held; at = at->next) {
        done[n++] = purge_held(pass, container_of(at, extent_t, link));
    }
    if (n > 0) {
        bin_lock(bin);
        for (unsigned i = 0; i < n; i++) {
            slab_pass_return(bin, slab_pass_first_held(pass->arena), done[i], pass->now, &emptied);
        }
        bin_unlock(bin);
        arena_delete_slabs(&emptied);
    }
}

/* ---- one pass ---- */

static void
pass_over_bin(pass_t *pass, bin_t *bin) {
    for (uint32_t bucket = 0; bucket <= BIN_DISCARDED && !pass->refused; bucket++) {
        bool more = true;
        while (more && !pass->refused) {
            more = hold_batch(pass, bin, bucket);
            give_back_batch(pass, bin);
        }
    }
}

static void
pass_over_arena(pass_t *pass) {
    for (uint32_t szind = 0; szind < sc.nsmall; szind++) {
        bin_t *bin;
        for (uint32_t k = 0; (bin = shards_next(&pass->arena->bins[szind], &k)) != NULL;) {
            if (atomic_get(&bin->nnonfull) != 0) {
                pass_over_bin(pass, bin);
            }
        }
    }
}

static void
end_pass(pass_t *pass) {
    slab_decay_t *decay = &pass->arena->slab_decay;
    size_t npages = pass->bytes >> sc.config.lg_page;
    atomic_add(&decay->discarded.npasses, npages != 0);
    atomic_add(&decay->discarded.ncalls, pass->ncalls);
    atomic_add(&decay->discarded.npages, npages);
    atomic_add(&pass->arena->pages.purged_bytes, pass->bytes);
    slab_pass_end(pass->arena);
}

/* ---- when ---- */

/* Rises when regions of any bin change hands. */
static uint64_t
activity_of(arena_t *arena) {
    uint64_t sum = 0;
    for (uint32_t szind = 0; szind < sc.nsmall; szind++) {
        bin_t *bin;
        for (uint32_t k = 0; (bin = shards_next(&arena->bins[szind], &k)) != NULL;) {
            sum += atomic_get(&bin->fills) + atomic_get(&bin->flushes);
        }
    }
    return sum;
}

/* May a pass find anything to do? */
static bool
is_worthwhile(arena_t *arena) {
    const slab_decay_t *decay = &arena->slab_decay;
    bool decays = atomic_get(&decay->decay_ms) >= 0 && pa_hugepage_size(&arena->pages) == 0 &&
                  atomic_get(&arena->life) == arena_living;
    return decays && (atomic_get(&decay->ageing) != 0 || activity_of(arena) != atomic_get(&decay->activity));
}

static void
make_pass(arena_t *arena, int64_t ms, uint64_t now) {
    slab_decay_t *decay = &arena->slab_decay;
    uint64_t activity = activity_of(arena), interval = slab_pass_interval(ms);
    pass_t pass = {.arena = arena, .now = now, .ms = ms, .number = decay->number};
    pass_over_arena(&pass);
    uint64_t rest = pass.nlooks * REST_PER_SLAB;
    interval = rest > interval ? rest : interval;
    atomic_set(&decay->activity, activity);
    atomic_set(&decay->ageing, pass.refused ? 0 : pass.ageing);
    atomic_set(&decay->next, now + interval);
    atomic_set(&decay->due, now + interval);
    end_pass(&pass);
}

void
arena_decay_slabs(arena_t *arena, uint64_t now) {
    witness_no_core_lock();
    int64_t ms = atomic_get(&arena->slab_decay.decay_ms);
    if (ms < 0 || pa_hugepage_size(&arena->pages) != 0) {
        return;
    }
    if (slab_pass_begin(arena)) {
        make_pass(arena, ms, now);
    } else {
        atomic_set(&arena->slab_decay.next, now + slab_pass_interval(ms));
    }
}

/* Where the background thread runs, it makes the pass, and the next look here is due after the one there. Where none
 * runs, what ages is a reason to start it. */
COLD void
arena_tick_slow(arena_t *arena, uint64_t now) {
    witness_no_core_lock();
    slab_decay_t *decay = &arena->slab_decay;
    bool runs = pa_purger_runs(&arena->pages), worthwhile = is_worthwhile(arena);
    uint64_t interval = slab_pass_interval(atomic_get(&decay->decay_ms));
    atomic_set(&decay->due, now + (runs && !worthwhile ? SLAB_PASS_LEAST_INTERVAL : interval));
    if (worthwhile && runs) {
        pa_purger_wake(&arena->pages);
    } else if (worthwhile) {
        arena_decay_slabs(arena, now);
        pa_purger_offer(&arena->pages, atomic_get(&decay->ageing));
    }
}

/* When to look at the slabs again. With nothing to do, the next tick that finds something wakes the thread. */
static uint64_t
background_pass(arena_t *arena, uint64_t now) {
    slab_decay_t *decay = &arena->slab_decay;
    if (!is_worthwhile(arena)) {
        atomic_set(&decay->due, now);
        return UINT64_MAX;
    }
    if (now >= atomic_get(&decay->next)) {
        arena_decay_slabs(arena, now);
    }
    uint64_t next = atomic_get(&decay->next);
    atomic_set(&decay->due, next + slab_pass_interval(atomic_get(&decay->decay_ms)));
    return next;
}

uint64_t
arena_background(arena_t *arena, uint64_t now) {
    witness_no_core_lock();
    uint64_t pages = pa_background(&arena->pages, now);
    uint64_t slabs = background_pass(arena, now);
    return slabs < pages ? slabs : pages;
}

void
arena_set_slab_decay_ms(arena_t *arena, int64_t ms, uint64_t now) {
    witness_no_core_lock();
    atomic_set(&arena->slab_decay.decay_ms, ms);
    atomic_set(&arena->slab_decay.next, now);
    arena_decay_slabs(arena, now);
    pa_purger_wake(&arena->pages);
}

/* ---- on request ---- */

size_t
arena_purge_slabs(arena_t *arena) {
    witness_no_core_lock();
    while (!slab_pass_begin(arena)) {
        if (slab_pass_is_own(arena) || atomic_get(&arena->life) != arena_living) {
            return 0;
        }
        os_thread_yield();
    }
    pass_t pass = {.arena = arena, .now = clock_coarse_ns(), .all = true, .number = arena->slab_decay.number};
    pass_over_arena(&pass);
    end_pass(&pass);
    return pass.bytes;
}
