/* tally.c -- see tally.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tally.h"

#include <string.h>
#include <sys/mman.h>

trace_tally_t *
trace_tally_open(uint64_t begin, uint64_t end) {
    trace_tally_t *tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (tally == MAP_FAILED) {
        return NULL;
    }
    tally->whole.first = UINT64_MAX;
    tally->most_threads = UINT32_MAX;
    tally->whole.begin = begin;
    tally->whole.width = (end > begin ? end - begin : 0) / TALLY_COLUMNS + 1;
    if (!trace_array_grow(&tally->sizes, TALLY_SIZES * 2, sizeof(tally_size_t))) {
        trace_tally_close(tally);
        return NULL;
    }
    return tally;
}

void
trace_tally_close(trace_tally_t *tally) {
    trace_array_free(&tally->threads);
    trace_array_free(&tally->sizes);
    munmap(tally, sizeof(*tally));
}

/* ---- sums ---- */

static uint64_t
less(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

static void
most(uint64_t *peak, uint64_t value) {
    *peak = value > *peak ? value : *peak;
}

static void
begin_in(tally_sums_t *sums, const record_event_t *event) {
    bool new = event->kind != RECORD_LIVE;
    sums->allocations += new;
    sums->bytes += new ? event->size : 0;
    sums->reallocs += event->kind == RECORD_REALLOC;
    sums->live++;
    sums->live_bytes += event->size;
    most(&sums->peak, sums->live);
    most(&sums->peak_bytes, sums->live_bytes);
}

static void
leave(tally_sums_t *sums, const trace_block_t *old) {
    sums->live = less(sums->live, 1);
    sums->live_bytes = less(sums->live_bytes, old->size);
}

static void
free_in(tally_sums_t *sums, bool cross) {
    sums->frees++;
    sums->cross += cross;
}

/* The sums of a thread; a place for them that nobody reads, without memory. */
static tally_thread_t *
thread_of(trace_tally_t *tally, uint32_t thread) {
    static _Thread_local tally_thread_t nowhere;
    uint32_t place = thread < tally->most_threads ? thread : tally->most_threads - 1;
    if (!trace_array_grow(&tally->threads, (size_t)place + 1, sizeof(tally_thread_t))) {
        tally->no_memory = true;
        return &nowhere;
    }
    return (tally_thread_t *)tally->threads.data + place;
}

/* ---- distributions ---- */

static void
count_size(trace_tally_t *tally, uint64_t size) {
    size_t mask = tally->sizes.n - 1, i = (size_t)((size * 0x9e3779b97f4a7c15ULL) >> 40) & mask;
    tally_size_t *sizes = tally->sizes.data;
    while (sizes[i].count != 0 && sizes[i].size != size) {
        i = (i + 1) & mask;
    }
    if (sizes[i].count == 0 && tally->nsizes >= TALLY_SIZES) {
        tally->whole.other_sizes++;
        return;
    }
    tally->nsizes += sizes[i].count == 0;
    sizes[i].size = size;
    sizes[i].count++;
}

/* Classes are powers of two wide. */
static uint32_t
part_of(uint32_t class, uint64_t size) {
    uint64_t below = class == 0 ? 0 : trace_class_size(class - 1), width = trace_class_size(class) - below;
    uint64_t part = size <= below ? 0 : (size - below - 1) * TALLY_PARTS >> __builtin_ctzll(width);
    return part < TALLY_PARTS ? (uint32_t)part : TALLY_PARTS - 1;
}

static uint32_t
lg(uint64_t value) {
    return (uint32_t)(63 - __builtin_clzll(value | 1));
}

/* ---- time ---- */

/* Makes the columns twice as wide, if the time lies behind them. */
static void
widen(trace_tally_t *tally) {
    for (int i = 0; i < TALLY_COLUMNS / 2; i++) {
        const tally_column_t *first = &tally->columns[2 * i], *second = first + 1;
        tally_column_t both = second->any ? *second : *first;
        most(&both.peak, first->peak);
        tally->columns[i] = both;
    }
    memset(&tally->columns[TALLY_COLUMNS / 2], 0, sizeof(tally->columns) / 2);
    tally->whole.width *= 2;
}

/* The column of that time. Most events are in the column of the one before: a division takes longer. */
static tally_column_t *
column_of(trace_tally_t *tally, uint64_t time) {
    uint64_t since = less(time, tally->whole.begin);
    if (since - tally->column * tally->whole.width >= tally->whole.width) {
        while (since / tally->whole.width >= TALLY_COLUMNS) {
            widen(tally);
        }
        tally->column = since / tally->whole.width;
    }
    return &tally->columns[tally->column];
}

static void
note_live(trace_tally_t *tally, uint64_t time) {
    tally_column_t *at = column_of(tally, time);
    most(&at->peak, tally->whole.total.live_bytes);
    at->last = tally->whole.total.live_bytes;
    at->any = 1;
}

/* ---- steps ---- */

static void
begin_block(trace_tally_t *tally, const record_event_t *event) {
    uint32_t class = trace_class(event->size);
    tally_class_t *sums = &tally->classes[class];
    uint64_t peak = tally->whole.total.peak_bytes;
    begin_in(&tally->whole.total, event);
    begin_in(&sums->sums, event);
    begin_in(&thread_of(tally, event->thread)->sums, event);
    if (tally->whole.total.peak_bytes > peak) {
        tally->whole.peak_time = event->time;
    }
    if (event->kind != RECORD_LIVE) {
        sums->parts[part_of(class, event->size)]++;
        tally->alignments[event->lg_align & 63]++;
        count_size(tally, event->size);
    }
}

/* A block that was counted lives no longer, whether the event that ends it passes or not. */
static void
end_block(trace_tally_t *tally, const trace_block_t *old) {
    leave(&tally->whole.total, old);
    leave(&tally->classes[trace_class(old->size)].sums, old);
    leave(&thread_of(tally, old->caller)->sums, old);
}

/* A free or a realloc that passes, of a known block. */
static void
count_end(trace_tally_t *tally, const trace_step_t *step, uint64_t allocated) {
    tally_class_t *class = &tally->classes[trace_class(step->old.size)];
    bool cross = step->old.caller != step->event.thread;
    free_in(&tally->whole.total, cross);
    free_in(&class->sums, cross);
    free_in(&thread_of(tally, step->event.thread)->sums, cross);
    if (trace_frees(step->event.kind)) {
        uint64_t bytes = less(allocated, step->old.bytes);
        class->life_time[lg(less(step->event.time, step->old.time))]++;
        class->life_bytes[lg(bytes)]++;
        class->sum_life_bytes += (double)bytes;
    }
}

static void
count_event(trace_tally_t *tally, const record_event_t *event) {
    tally->whole.events++;
    tally->whole.first = event->time < tally->whole.first ? event->time : tally->whole.first;
    most(&tally->whole.last, event->time);
    tally->kinds[event->kind]++;
    tally->kind_bytes[event->kind] += event->kind < RECORD_THREAD || event->kind >= RECORD_PAGE_ALLOC ? event->size : 0;
    tally_thread_t *thread = thread_of(tally, event->thread);
    uint64_t lost = event->kind == RECORD_LOST ? event->size : 0;
    thread->events++;
    thread->lost += lost;
    tally->whole.lost += lost;
}

void
trace_tally_add(trace_tally_t *tally, const trace_step_t *step, uint64_t allocated) {
    bool ends = step->ended || step->replaced;
    if (ends && step->old.counted) {
        end_block(tally, &step->old);
        tally->whole.missing += step->replaced && step->old.kind != RECORD_LIVE;
    }
    if (step->passes) {
        count_event(tally, &step->event);
        tally->whole.unknown += step->unknown && step->event.kind != RECORD_MOVE;
        if (trace_resizes(step) || (step->ended && step->event.kind != RECORD_REALLOC)) {
            count_end(tally, step, allocated);
        }
    }
    if (step->begins) {
        begin_block(tally, &step->event);
    }
    if (step->begins || (ends && step->old.counted)) {
        note_live(tally, step->event.time);
    }
}
