/* slab_pages.c -- from free regions to pages, and from pages to the regions that overlap them. */
#include "arena/slab_pages.h"

/* ---- sets of pages ---- */

/* Bits from .. to - 1 of a word. */
static uint64_t
bits_between(unsigned from, unsigned to) {
    return from >= to ? 0 : UINT64_MAX >> (64 - (to - from)) << from;
}

page_run_t
slab_next_run(const extent_t *slab, uint64_t *set) {
    unsigned first = trailing_zeros(*set);
    uint64_t from_there = ~(*set >> first);
    unsigned n = from_there == 0 ? 64 : trailing_zeros(from_there);
    *set &= ~bits_between(first, first + n);
    unsigned lg = slab_lg_group(slab);
    return (page_run_t){slab->addr + ((size_t)first << lg), (size_t)n << lg};
}

/* ---- from regions to pages ---- */

/* The first region from i on that is free, or that is not; nregs if there is none. */
static uint32_t
next_reg(const extent_t *slab, uint32_t i, bool free) REQUIRES(role_bin) {
    while (i < slab->nregs) {
        uint64_t word = (free ? slab->free_regs[i / 64] : ~slab->free_regs[i / 64]) >> (i % 64);
        if (word != 0) {
            i += trailing_zeros(word);
            return i < slab->nregs ? i : slab->nregs;
        }
        i = (i / 64 + 1) * 64;
    }
    return slab->nregs;
}

/* The groups of pages within regions from .. to - 1. What is left over behind the last region is never used: in that
 * region's group it counts as free, and groups behind that one are never resident. */
static uint64_t
pages_within(const extent_t *slab, uint32_t from, uint32_t to) {
    size_t size = sc.size[slab->szind], group = (size_t)1 << slab_lg_group(slab), end = to * size;
    if (to == slab->nregs) {
        size_t usable = extent_usable(slab), whole = align_up(end, group);
        end = whole < usable ? whole : usable;
    }
    return bits_between((unsigned)(align_up(from * size, group) / group), (unsigned)(end / group));
}

uint64_t
slab_free_pages(const extent_t *slab) {
    uint64_t set = 0;
    if (atomic_get(&slab->nfree) * sc.size[slab->szind] + sc.size[slab->szind] < sc.page) {
        return 0;
    }
    for (uint32_t from = next_reg(slab, 0, true); from < slab->nregs;) {
        uint32_t to = next_reg(slab, from, false);
        set |= pages_within(slab, from, to);
        from = next_reg(slab, to, true);
    }
    return set;
}

/* ---- from pages to regions ---- */

/* The regions that overlap a run: from .. to - 1. */
typedef struct {
    uint32_t from, to;
} regs_t;

static regs_t
regs_of(const extent_t *slab, page_run_t run) {
    uint32_t from = slab_regind(slab, run.addr), to = slab_regind(slab, run.addr + run.size - 1) + 1;
    return (regs_t){from < slab->nregs ? from : slab->nregs, to < slab->nregs ? to : slab->nregs};
}

/* Marks regions as free, or as not free; they may be so already. */
static void
mark(extent_t *slab, regs_t regs, bool free) REQUIRES(role_bin) {
    for (uint32_t at = regs.from; at < regs.to;) {
        uint32_t bit = at % 64, n = 64 - bit < regs.to - at ? 64 - bit : regs.to - at;
        uint64_t *word = &slab->free_regs[at / 64];
        uint64_t changed = (free ? ~*word : *word) & bits_between(bit, bit + n);
        uint32_t nchanged = (uint32_t)__builtin_popcountll(changed);
        *word ^= changed;
        counter_add(&slab->nfree, free ? nchanged : -nchanged);
        at += n;
    }
}

static void
mark_pages(extent_t *slab, uint64_t set, bool free) REQUIRES(role_bin) {
    while (set != 0) {
        page_run_t run = slab_next_run(slab, &set);
        mark(slab, regs_of(slab, run), free);
    }
}

void
slab_hold(extent_t *slab, uint64_t set) {
    slab->ageing.held = set;
    mark_pages(slab, set, false);
}

void
slab_unhold(extent_t *slab) {
    mark_pages(slab, slab->ageing.held, true);
    slab->ageing.held = 0;
}

/* A region may overlap two runs. */
uint32_t
slab_nheld(const extent_t *slab) {
    uint32_t n = 0, end = 0;
    for (uint64_t set = slab->ageing.held; set != 0;) {
        page_run_t run = slab_next_run(slab, &set);
        regs_t regs = regs_of(slab, run);
        uint32_t from = regs.from > end ? regs.from : end;
        n += regs.to > from ? regs.to - from : 0;
        end = regs.to;
    }
    return n;
}

static bool
is_free_or_held(const extent_t *slab, uint32_t i) REQUIRES(role_bin) {
    size_t from = i * sc.size[slab->szind], to = from + sc.size[slab->szind] - 1;
    unsigned lg = slab_lg_group(slab);
    bool held = (slab->ageing.held & bits_between((unsigned)(from >> lg), (unsigned)(to >> lg) + 1)) != 0;
    return held || (slab->free_regs[i / 64] >> (i % 64) & 1) != 0;
}

bool
slab_without_live(const extent_t *slab, uint64_t set) {
    while (set != 0) {
        regs_t regs = regs_of(slab, slab_next_run(slab, &set));
        for (uint32_t i = regs.from; i < regs.to; i++) {
            if (!is_free_or_held(slab, i)) {
                return false;
            }
        }
    }
    return true;
}
