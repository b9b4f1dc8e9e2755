/*
 * decay.h -- how many free pages may stay: a smoothstep curve over the ages of free pages.
 *
 * Use one decay_t for each stage of free pages (stage.h). Advance it now and then with the number of pages that are
 * free (decay_advance), and purge what exceeds decay_limit. Tell it of purged pages (decay_purged): those that
 * disappear untold count as reused.
 *
 * Time is cut into DECAY_STEPS steps of decay_ms / DECAY_STEPS. backlog[i] counts the pages that became free i steps
 * ago and were not reused; a page i steps old may stay with the weight h(1 - i / DECAY_STEPS), h(x) = 6x^5 - 15x^4 +
 * 10x^3:
 *   limit = sum over i of backlog[i] * h(1 - (i + 1) / DECAY_STEPS)
 * The backlog counts pages as they became free, purged or not, so that purging by the curve does not bend it. Reuse is
 * charged to the youngest pages first.
 *
 * Pure arithmetic: no lock, no clock, no system call. The caller serialises (page_state.h, decay_lock). Times are in ns
 * unless the name says ms.
 */
#ifndef LUNALLOC_EXTENT_DECAY_H
#define LUNALLOC_EXTENT_DECAY_H

#include "base/config.h"

#define DECAY_STEPS 200
/* log2 of the whole in decay_share. */
#define DECAY_LG_WHOLE 20
#define DECAY_MS_MAX   INT64_C(1000000000000)

typedef struct {
    /* Synchronization: the caller's lock, of RANK_DECAY: these fields. */
    int64_t ms;        /* -1: never; 0: at once */
    uint64_t interval; /* length of one step; at least 1 */
    uint64_t epoch;    /* start of the current step */
    size_t last;       /* pages that were free at the latest advance, less those purged since */
    size_t backlog[DECAY_STEPS];
} decay_t;

/* ms: -1 .. DECAY_MS_MAX. */
void decay_init(decay_t *decay, int64_t ms, uint64_t now);
/*
 * Changes the decay time; npages are free now. Pages keep their ages, rounded down by up to a step: a change never
 * makes pages due that the new time allows, but pages that were due before stay due. From -1, for which ages are not
 * kept, all pages start young. Setting the same time again changes nothing.
 */
void decay_set(decay_t *decay, int64_t ms, uint64_t now, size_t npages);
/* Advances to `now`, with npages free now. True if at least one step passed. */
bool decay_advance(decay_t *decay, uint64_t now, size_t npages);
/* Pages that may stay now. SIZE_MAX if ms is -1, 0 if ms is 0. */
size_t decay_limit(const decay_t *decay);
/* Tells that so many pages were purged, rather than reused. */
void decay_purged(decay_t *decay, size_t npages);
/* Of pages that became free together: the share that may stay at an age, of 2^DECAY_LG_WHOLE. All for a decay time of
 * -1, none for 0. */
uint64_t decay_share(int64_t ms, uint64_t age);
/* When the limit falls next: the start of the next step. UINT64_MAX: never. */
uint64_t decay_deadline(const decay_t *decay);
/* When, if no page enters or is reused, at least `least` pages exceed the limit, or all if there are fewer: the start
 * of a later step. UINT64_MAX: never. */
uint64_t decay_due(const decay_t *decay, size_t least);

#endif
