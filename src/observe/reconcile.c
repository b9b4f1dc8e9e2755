/* reconcile.c -- asks the system page by page about each extent, and once about the whole process. */
#include "observe/reconcile.h"

#include "extent/metadata.h"
#include "observe/walk.h"
#include "os/process.h"

#include <errno.h>

#define BATCH 64

static lunalloc_residency_t *
state_of(lunalloc_reconciliation_t *out, lunalloc_state_t state) {
    switch (state) {
    case LUNALLOC_DIRTY:
        return &out->dirty;
    case LUNALLOC_MUZZY:
        return &out->muzzy;
    case LUNALLOC_RETAINED:
        return &out->retained;
    default:
        return &out->active;
    }
}

/* An extent may change hands between the walk and the question: then its pages are somebody else's, or gone. */
static void
add_extents(lunalloc_reconciliation_t *out) {
    lunalloc_extent_t batch[BATCH];
    lunalloc_cursor_t cursor = {.arena = LUNALLOC_ALL};
    size_t n;
    while ((n = walk_extents(&cursor, batch, BATCH, NULL)) > 0) {
        for (size_t i = 0; i < n; i++) {
            lunalloc_residency_t *state = state_of(out, batch[i].state);
            state->counted += batch[i].size;
            state->resident += process_resident((const void *)batch[i].addr, batch[i].size);
        }
    }
}

static uint64_t
less(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

int
reconcile(lunalloc_reconciliation_t *out) {
    process_memory_t process;
    *out = (lunalloc_reconciliation_t){0};
    if (!process_memory(&process)) {
        return ENOSYS;
    }
    add_extents(out);
    out->metadata = metadata_bytes();
    out->rss = process.rss;
    out->anonymous = process.anonymous;
    out->lazy_free = process.lazy_free;
    out->swap = process.swap;
    out->file = less(process.rss, process.anonymous);
    out->explained =
        out->active.resident + out->dirty.resident + out->muzzy.resident + out->retained.resident + out->metadata;
    out->unexplained = less(process.anonymous, out->explained);
    return 0;
}
