/* record_live.c -- tells a recording which large blocks live. Small ones are not known one by one: caches have them. */
#include "observe/record_life.h"
#include "observe/walk.h"

#define BATCH 64

static void
tell(recorder_t *r, uint64_t stamp, const lunalloc_extent_t *e) {
    if (e->state != LUNALLOC_ACTIVE || e->slab || e->szind >= sc.nsizes || sc.size[e->szind] < RECORD_LARGE) {
        return;
    }
    record_put_slow(r, &(record_event_t){.time = stamp,
                                         .kind = RECORD_LIVE,
                                         .addr = e->addr,
                                         .size = sc.size[e->szind],
                                         .touched = record_touched((void *)e->addr, e->size)});
}

/* Stamped before the extents are looked at: a block that is freed in between is not among them, and one that is
 * allocated in between has an allocation behind its RECORD_LIVE, which voids that. */
void
record_live(recorder_t *r) {
    lunalloc_cursor_t cursor = {.arena = LUNALLOC_ALL};
    lunalloc_page_totals_t totals;
    lunalloc_extent_t extents[BATCH];
    uint64_t stamp = record_stamp(r);
    size_t n;
    while ((n = walk_extents(&cursor, extents, BATCH, &totals)) > 0) {
        for (size_t i = 0; i < n; i++) {
            tell(r, stamp, &extents[i]);
        }
        stamp = record_stamp(r);
    }
}
