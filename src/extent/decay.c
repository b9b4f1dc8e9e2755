/* decay.c -- the backlog and the curve. */
#include "extent/decay.h"

#include <string.h>

#define NS_PER_MS 1000000U
#define LG_WEIGHT DECAY_LG_WHOLE
#define GROUP     8 /* slots of the backlog that are looked at together */
_Static_assert(DECAY_STEPS % GROUP == 0, "the last group is whole");

/*
 * The curve, h(i / DECAY_STEPS), in fixed point of LG_WEIGHT bits, by integers alone:
 * h = i^3 * (6 i^2 - 15 i N + 10 N^2) / N^5 with N = DECAY_STEPS; the product stays below 2^62 for N = 200.
 */
static uint64_t
curve_at(uint64_t i) {
    const uint64_t n = DECAY_STEPS;
    uint64_t polynomial = 6 * i * i + 10 * n * n - 15 * i * n;
    return (i * i * i * polynomial << LG_WEIGHT) / (n * n * n * n * n);
}

/* A step lasts at least 1 ns. */
static void
set_interval(decay_t *decay, int64_t ms) {
    decay->ms = ms;
    uint64_t interval = ms > 0 ? (uint64_t)ms * NS_PER_MS / DECAY_STEPS : 1;
    decay->interval = interval == 0 ? 1 : interval;
}

void
decay_init(decay_t *decay, int64_t ms, uint64_t now) {
    memset(decay, 0, sizeof *decay);
    set_interval(decay, ms);
    decay->epoch = now;
}

/* Pages that entered since the latest advance are the youngest. Pages that were reused are taken from the youngest
 * slots. */
static void
account_pages(decay_t *decay, size_t npages) {
    if (npages >= decay->last) {
        decay->backlog[0] += npages - decay->last;
    } else {
        size_t reused = decay->last - npages;
        for (unsigned i = 0; i < DECAY_STEPS && reused > 0; i++) {
            size_t here = decay->backlog[i] < reused ? decay->backlog[i] : reused;
            decay->backlog[i] -= here;
            reused -= here;
        }
    }
    decay->last = npages;
}

/* Every page becomes so many steps older. */
static void
shift_backlog(decay_t *decay, uint64_t steps) {
    unsigned n = steps < DECAY_STEPS ? (unsigned)steps : DECAY_STEPS;
    memmove(decay->backlog + n, decay->backlog, (DECAY_STEPS - n) * sizeof decay->backlog[0]);
    memset(decay->backlog, 0, n * sizeof decay->backlog[0]);
}

bool
decay_advance(decay_t *decay, uint64_t now, size_t npages) {
    uint64_t steps = now < decay->epoch ? 0 : (now - decay->epoch) / decay->interval;
    if (steps > 0) {
        decay->epoch += steps * decay->interval;
        shift_backlog(decay, steps);
    }
    account_pages(decay, npages);
    return steps > 0;
}

/* The least age of the pages of slot i, which entered at some time within a step. */
static uint64_t
least_age(const decay_t *decay, unsigned i, uint64_t now) {
    return i == 0 || now < decay->epoch ? 0 : now - decay->epoch + (i - 1) * decay->interval;
}

/* Setting the same time again and again does not stop decay. Ages are rounded down: a change makes no page older. */
void
decay_set(decay_t *decay, int64_t ms, uint64_t now, size_t npages) {
    decay_advance(decay, now, npages);
    if (ms == decay->ms) {
        return;
    }
    const decay_t old = *decay;
    decay_init(decay, ms, now);
    decay->last = npages;
    if (old.ms <= 0) {
        decay->backlog[0] = npages;
    }
    for (unsigned i = 0; i < DECAY_STEPS && ms > 0 && old.ms > 0; i++) {
        uint64_t to = least_age(&old, i, now) / decay->interval;
        if (to < DECAY_STEPS) {
            decay->backlog[to] += old.backlog[i];
        }
    }
}

/* True if any slot of the group counts pages. Written out, since this file is compiled for size, and a loop takes four
 * times as long. */
static inline bool
is_used(const size_t *group) {
    return (group[0] | group[1] | group[2] | group[3] | group[4] | group[5] | group[6] | group[7]) != 0;
}

/* What may stay, after so many steps, of the pages in the slots from `from` to `to`, as LG_WEIGHT bits of fraction. */
static uint64_t
weigh(const decay_t *decay, unsigned from, unsigned to, unsigned steps) {
    uint64_t sum = 0;
    for (unsigned i = from; i < to; i++) {
        sum += decay->backlog[i] == 0 ? 0 : decay->backlog[i] * curve_at(DECAY_STEPS - 1 - i - steps);
    }
    return sum;
}

/*
 * The limit after so many steps, rounded to the nearest page: a lone page stays for half of the decay time. ms > 0.
 * Most slots are empty, so groups of them are skipped: every write of a decay time takes this path.
 */
static size_t
limit_after(const decay_t *decay, unsigned steps) {
    uint64_t sum = 0;
    const unsigned end = DECAY_STEPS - steps;
    for (unsigned from = 0; from < end; from += GROUP) {
        if (is_used(&decay->backlog[from])) {
            sum += weigh(decay, from, from + GROUP < end ? from + GROUP : end, steps);
        }
    }
    return (size_t)((sum + (UINT64_C(1) << (LG_WEIGHT - 1))) >> LG_WEIGHT);
}

size_t
decay_limit(const decay_t *decay) {
    if (decay->ms <= 0) {
        return decay->ms < 0 ? SIZE_MAX : 0;
    }
    return limit_after(decay, 0);
}

void
decay_purged(decay_t *decay, size_t npages) {
    decay->last -= npages < decay->last ? npages : decay->last;
}

uint64_t
decay_share(int64_t ms, uint64_t age) {
    if (ms < 0) {
        return UINT64_C(1) << LG_WEIGHT;
    }
    uint64_t step = (uint64_t)ms * NS_PER_MS / DECAY_STEPS;
    uint64_t steps = step == 0 ? DECAY_STEPS : age / step;
    return steps < DECAY_STEPS ? curve_at(DECAY_STEPS - steps) : 0;
}

uint64_t
decay_deadline(const decay_t *decay) {
    return decay->ms > 0 ? decay->epoch + decay->interval : UINT64_MAX;
}

/* The limit falls from step to step, down to 0: a binary search finds the first step where it is low enough. */
uint64_t
decay_due(const decay_t *decay, size_t least) {
    if (decay->ms <= 0 || decay->last == 0) {
        return UINT64_MAX;
    }
    size_t keep = decay->last - (least < decay->last ? least : decay->last);
    unsigned low = 1;
    unsigned high = DECAY_STEPS;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (limit_after(decay, middle) <= keep) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return decay->epoch + low * decay->interval;
}
