/*
 * record_pages.c -- recordings of pages: what arenas allocate, free and resize, when pages are purged on request, and
 * the decay times. Threads of the process write to their own rings; for others, and for settings, a ring is borrowed.
 */
#include "arena/page_watch.h"
#include "base/bits.h"
#include "observe/record_life.h"
#include "observe/walk.h"

static void
put(recorder_t *r, record_kind_t kind, const extent_t *e, size_t alignment) {
    uint64_t stamp = kind == RECORD_PAGE_FREE ? record_stamp(r) : record_stamp_after(r);
    record_put_slow(r, &(record_event_t){.time = stamp,
                                         .kind = (uint8_t)kind,
                                         .lg_align = (uint8_t)(alignment > 1 ? lg_floor(alignment) : 0),
                                         .arena = extent_arena(e) & 0x1fff,
                                         .addr = e->addr,
                                         .size = e->size,
                                         .touched = e->slab ? 0 : RECORD_UNKNOWN});
}

static const uint8_t kind_of[] = {
    [page_allocated] = RECORD_PAGE_ALLOC, [page_freed] = RECORD_PAGE_FREE, [page_resized] = RECORD_PAGE_GROW};

/* page_watch. A thread that has not joined yet missed the change of settings; what it does now is before that. */
static void
watch(page_change_t change, const extent_t *e, size_t alignment) {
    recorder_t *r = thread_here()->record_pages;
    if (r != NULL) {
        put(r, (record_kind_t)kind_of[change], e, alignment);
    }
}

void
record_pages_watch(bool on) {
    atomic_set(&page_watch, on ? watch : NULL);
}

/* ---- settings ---- */

void
record_pages_put_setting(recorder_t *r, record_kind_t kind, uint32_t arena, int64_t ms) {
    record_put_slow(r, &(record_event_t){.time = record_stamp(r),
                                         .kind = (uint8_t)kind,
                                         .arena = arena & 0x1fff,
                                         .size = (uint64_t)(ms + 1),
                                         .touched = RECORD_UNKNOWN});
}

static void
put_decays(recorder_t *r) {
    for (uint32_t i = 0; i < arenas_count(); i++) {
        arena_t *arena = arenas_get(i);
        if (arena != NULL) {
            record_pages_put_setting(r, RECORD_DIRTY_MS, i,
                                     atomic_get(&pa_stage(&arena->pages, extent_dirty)->decay_ms));
            record_pages_put_setting(r, RECORD_MUZZY_MS, i,
                                     atomic_get(&pa_stage(&arena->pages, extent_muzzy)->decay_ms));
        }
    }
}

static void
put_live(recorder_t *r, uint64_t stamp, const lunalloc_extent_t *e) {
    if (e->state == LUNALLOC_ACTIVE) {
        record_put_slow(r, &(record_event_t){.time = stamp,
                                             .kind = RECORD_LIVE,
                                             .arena = e->arena & 0x1fff,
                                             .addr = e->addr,
                                             .size = e->size,
                                             .touched = e->slab ? 0 : RECORD_UNKNOWN});
    }
}

#define BATCH 64

void
record_pages_live(recorder_t *r) {
    lunalloc_cursor_t cursor = {.arena = LUNALLOC_ALL};
    lunalloc_page_totals_t totals;
    lunalloc_extent_t extents[BATCH];
    uint64_t stamp = record_stamp(r);
    size_t n;
    put_decays(r);
    while ((n = walk_extents(&cursor, extents, BATCH, &totals)) > 0) {
        for (size_t i = 0; i < n; i++) {
            put_live(r, stamp, &extents[i]);
        }
        stamp = record_stamp(r);
    }
}
