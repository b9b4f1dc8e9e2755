/*
 * decay.h -- how many free pages may stay: a smoothstep curve over the ages of free pages.
 *
 * Time is cut into DECAY_STEPS steps of decay_ms / DECAY_STEPS. backlog[i] counts the pages that became free i steps
 * ago and were not reused; a page i steps old may stay with the weight h(1 - i / DECAY_STEPS), h(x) = 6x^5 - 15x^4 +
 * 10x^3:
 *   limit = sum over i of backlog[i] * h(1 - (i + 1) / DECAY_STEPS)
 * The backlog counts pages as they came, purged or not, so that following the curve does not bend it. Reuse is
 * charged to the youngest pages first. Pure arithmetic: no lock, no clock, no system call of its own; the caller
 * serialises (purge.c holds RANK_DECAY). Times in ns unless the name says ms.
 */
#ifndef LUNALLOC_EXTENT_DECAY_H
#define LUNALLOC_EXTENT_DECAY_H

#include "base/config.h"

#define DECAY_STEPS  200
#define DECAY_MS_MAX INT64_C(1000000000000)

typedef struct {
    /* Synchronization: the caller's (RANK_DECAY): these fields. */
    int64_t ms;        /* -1: never; 0: at once */
    uint64_t interval; /* length of one step; at least 1 */
    uint64_t epoch;    /* start of the present step */
    size_t last;       /* pages that were free at the last look, less those purged since */
    size_t backlog[DECAY_STEPS];
} decay_t;

/* ms: -1 .. DECAY_MS_MAX. */
void decay_init(decay_t *decay, int64_t ms, uint64_t now);
/*
 * Changes the time. Pages keep their ages, rounded down by up to a step: a change never makes pages due that the new
 * time allows (but what was due before stays due). From -1, where ages were not kept, all start young. The time that
 * is set already changes nothing. npages are free now.
 */
void decay_set(decay_t *decay, int64_t ms, uint64_t now, size_t npages);
/* Moves on to `now`, with npages free now. True if at least one step passed. */
bool decay_advance(decay_t *decay, uint64_t now, size_t npages);
/* Pages that may stay now. SIZE_MAX if ms is -1, 0 if ms is 0. */
size_t decay_limit(const decay_t *decay);
/* Tells that so many pages went by being purged, not by being reused. */
void decay_purged(decay_t *decay, size_t npages);
/* When the limit falls next: start of the next step. UINT64_MAX if never. */
uint64_t decay_deadline(const decay_t *decay);
/* When, if nothing else happens, at least `least` pages have to go, or all if there are fewer: the start of a later
 * step. UINT64_MAX if never. */
uint64_t decay_due(const decay_t *decay, size_t least);

#endif
