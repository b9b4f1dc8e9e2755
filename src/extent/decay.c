/* decay.c -- the backlog and the curve. */
#include "extent/decay.h"

#include <string.h>

#define NS_PER_MS 1000000U
#define LG_WEIGHT 20

/*
 * h(i / DECAY_STEPS) in fixed point of LG_WEIGHT bits, by integers alone:
 * h = i^3 * (6 i^2 - 15 i N + 10 N^2) / N^5 with N = DECAY_STEPS; the product stays below 2^62 for N = 200.
 */
static uint64_t
weight(uint64_t i) {
    const uint64_t n = DECAY_STEPS;
    uint64_t polynomial = 6 * i * i + 10 * n * n - 15 * i * n;
    return (i * i * i * polynomial << LG_WEIGHT) / (n * n * n * n * n);
}

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

/* Pages that came since the last look are the youngest. Pages that went are taken from the youngest on. */
static void
account(decay_t *decay, size_t npages) {
    if (npages >= decay->last) {
        decay->backlog[0] += npages - decay->last;
    } else {
        size_t gone = decay->last - npages;
        for (unsigned i = 0; i < DECAY_STEPS && gone > 0; i++) {
            size_t here = decay->backlog[i] < gone ? decay->backlog[i] : gone;
            decay->backlog[i] -= here;
            gone -= here;
        }
    }
    decay->last = npages;
}

static void
shift(decay_t *decay, uint64_t steps) {
    unsigned n = steps < DECAY_STEPS ? (unsigned)steps : DECAY_STEPS;
    memmove(decay->backlog + n, decay->backlog, (DECAY_STEPS - n) * sizeof decay->backlog[0]);
    memset(decay->backlog, 0, n * sizeof decay->backlog[0]);
}

bool
decay_advance(decay_t *decay, uint64_t now, size_t npages) {
    uint64_t steps = now < decay->epoch ? 0 : (now - decay->epoch) / decay->interval;
    if (steps > 0) {
        decay->epoch += steps * decay->interval;
        shift(decay, steps);
    }
    account(decay, npages);
    return steps > 0;
}

/* a * b / c without overflow on the way; c > 0. */
static uint64_t
scaled(uint64_t a, uint64_t b, uint64_t c) {
    return (uint64_t)((unsigned __int128)a * b / c);
}

/* What was i steps old is i * old / new steps old now; the part of the present step that has passed stays passed. */
void
decay_set(decay_t *decay, int64_t ms, uint64_t now, size_t npages) {
    decay_advance(decay, now, npages);
    const decay_t old = *decay;
    uint64_t passed = now > old.epoch ? now - old.epoch : 0;
    decay_init(decay, ms, now);
    decay->epoch = now - scaled(passed, decay->interval, old.interval);
    decay->last = npages;
    if (old.ms <= 0) {
        decay->backlog[0] = npages;
    }
    for (unsigned i = 0; i < DECAY_STEPS && ms > 0 && old.ms > 0; i++) {
        uint64_t to = scaled(i, old.interval, decay->interval);
        if (to < DECAY_STEPS) {
            decay->backlog[to] += old.backlog[i];
        }
    }
}

size_t
decay_limit(const decay_t *decay) {
    if (decay->ms <= 0) {
        return decay->ms < 0 ? SIZE_MAX : 0;
    }
    uint64_t sum = 0;
    for (unsigned i = 0; i < DECAY_STEPS; i++) {
        sum += decay->backlog[i] == 0 ? 0 : decay->backlog[i] * weight(DECAY_STEPS - 1 - i);
    }
    return (size_t)(sum >> LG_WEIGHT);
}

void
decay_purged(decay_t *decay, size_t npages) {
    decay->last = npages < decay->last ? npages : decay->last;
}

uint64_t
decay_deadline(const decay_t *decay) {
    return decay->ms > 0 ? decay->epoch + decay->interval : UINT64_MAX;
}
