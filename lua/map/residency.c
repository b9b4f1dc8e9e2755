/* residency.c -- runs of pages: see residency.h. residency_read.c asks the system. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* mremap */
#endif
#include "map/residency.h"

#include <stdlib.h>
#include <sys/mman.h>

#define FIRST_ROOM ((size_t)1 << 16)

enum {
    SPANS_MAX = 1 << 16
};

void
residency_free(residency_t *residency) {
    if (residency->room != 0) {
        munmap(residency->all, residency->room);
    }
    *residency = (residency_t){0};
}

static bool
grow(residency_t *residency) {
    size_t room = residency->room == 0 ? FIRST_ROOM : 2 * residency->room;
    void *moved = residency->room == 0 ? mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                       : mremap(residency->all, residency->room, room, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED) {
        return false;
    }
    residency->all = moved;
    residency->room = room;
    return true;
}

/* ---- making runs ---- */

extent_span_t *
residency_spans(const extent_set_t *set, size_t *n) {
    extent_span_t *spans = malloc(SPANS_MAX * sizeof(*spans));
    uint64_t gap = 0;
    *n = spans == NULL ? 0 : extent_set_spans(set, &gap, spans, SPANS_MAX);
    return spans;
}

/* Behind all others, without what one of those has; joined with the last one if that is of the same kind. */
static bool
append(residency_t *residency, uint64_t start, uint64_t end, residency_kind_t kind) {
    residency_run_t *last = residency->n > 0 ? &residency->all[residency->n - 1] : NULL;
    start = last != NULL && start < last->end ? last->end : start;
    if (start >= end) {
        return true;
    }
    if (last != NULL && last->end == start && last->kind == kind) {
        last->end = end & (2 * EXTENT_ADDRESS_END - 1);
        return true;
    }
    if ((residency->n + 1) * sizeof(*last) > residency->room && !grow(residency)) {
        return false;
    }
    residency->all[residency->n++] =
        (residency_run_t){.start = start, .end = end & (2 * EXTENT_ADDRESS_END - 1), .kind = kind & 7};
    return true;
}

void
residency_put(residency_builder_t *builder, uint64_t start, uint64_t end, residency_kind_t kind) {
    while (builder->span < builder->nspans && builder->spans[builder->span].end <= start) {
        builder->span++;
    }
    for (size_t i = builder->span; i < builder->nspans && builder->spans[i].start < end; i++) {
        uint64_t from = start > builder->spans[i].start ? start : builder->spans[i].start;
        uint64_t to = end < builder->spans[i].end ? end : builder->spans[i].end;
        if (kind != RESIDENCY_ABSENT && !append(builder->out, from, to, kind)) {
            builder->failed = true;
        }
    }
}

/* The parts of a range between the runs from *run on. */
static bool
fill_gaps(const residency_t *from, size_t *run, extent_span_t guard, residency_t *to) {
    uint64_t at = guard.start;
    bool done = true;
    for (; *run < from->n && from->all[*run].start < guard.end; ++*run) {
        const residency_run_t *one = &from->all[*run];
        if (one->start > at) {
            done = append(to, at, one->start, RESIDENCY_GUARD) && done;
        }
        done = append(to, one->start, one->end, one->kind) && done;
        at = one->end > at ? one->end : at;
    }
    return (at >= guard.end || append(to, at, guard.end, RESIDENCY_GUARD)) && done;
}

bool
residency_add_guards(residency_t *residency, const extent_span_t *guards, size_t n) {
    residency_t merged = {0};
    size_t run = 0;
    bool done = true;
    if (n == 0) {
        return true;
    }
    for (size_t i = 0; i < n && done; i++) {
        uint64_t at = merged.n > 0 ? merged.all[merged.n - 1].end : 0;
        for (; run < residency->n && residency->all[run].end <= guards[i].start && done; run++) {
            const residency_run_t *one = &residency->all[run];
            done = append(&merged, one->start, one->end, one->kind);
        }
        extent_span_t guard = {guards[i].start > at ? guards[i].start : at, guards[i].end};
        done = done && (guard.start >= guard.end || fill_gaps(residency, &run, guard, &merged));
    }
    for (; run < residency->n && done; run++) {
        const residency_run_t *one = &residency->all[run];
        done = append(&merged, one->start, one->end, one->kind);
    }
    residency_free(done ? residency : &merged);
    *residency = done ? merged : *residency;
    return done;
}

/* ---- sums ---- */

void
residency_sum(const residency_t *residency, size_t *run, uint64_t start, uint64_t end,
              uint64_t bytes[RESIDENCY_KINDS]) {
    uint64_t at = start;
    while (*run < residency->n && residency->all[*run].end <= start) {
        ++*run;
    }
    for (size_t i = *run; i < residency->n && residency->all[i].start < end; i++) {
        const residency_run_t *one = &residency->all[i];
        uint64_t from = one->start > at ? one->start : at;
        uint64_t to = one->end < end ? one->end : end;
        bytes[RESIDENCY_ABSENT] += from - at;
        bytes[one->kind] += to - from;
        at = to;
    }
    bytes[RESIDENCY_ABSENT] += end - at;
}
