/* reader_counters.c -- values of controls in another process: statistics, as its snapshot has them. */
#include "attach/reader_arena.h"
#include "attach/reader_stats.h"
#include "attach/reader_value.h"
#include "control/ctl_locks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The word at the row's arg of a record. */
static int
get_word(reader_t *reader, const get_t *get, const void *record, size_t size, size_t offset) {
    if (offset + sizeof(uint64_t) > size) {
        return reader_fail(reader, EPROTO, "%s is damaged", get->name);
    }
    memcpy(&get->value->v.u, (const char *)record + offset, sizeof get->value->v.u);
    return 0;
}

/* A lock of the process: the locks of process_locks.def are variables that follow each other in the list of layouts. */
static int
get_lock(reader_t *reader, const get_t *get) {
    uint32_t which = get->row->arg >> 8, offset = get->row->arg & 0xff;
    layout_variable_t variable = (layout_variable_t)(layout_of_lock_of_background_thread + which);
    stats_lock_t stats;
    lock_t lock;
    if (which >= PROCESS_LOCKS || !reader_struct(reader, layout_lock, reader->foreign.variables[variable], &lock)) {
        return reader_fail(reader, EPROTO, "%s is damaged", get->name);
    }
    reader_lock(&lock, &stats);
    return get_word(reader, get, &stats, sizeof stats, offset);
}

static record_t
record_of(ctl_handler_id_t handler) {
    return handler == CTL_read_bin_stats          ? record_bin
           : handler == CTL_read_large_stats      ? record_large
           : handler == CTL_read_extents_stats    ? record_extents
           : handler == CTL_read_arena_lock_stats ? record_lock
                                                  : record_arena;
}

/* A counter of an arena, or of several. */
static int
get_of_arena(reader_t *reader, const get_t *get, const stats_snapshot_t *snapshot) {
    ctl_handler_id_t handler = (ctl_handler_id_t)get->row->read;
    record_t record = record_of(handler);
    const stats_detail_t *detail = reader_detail(snapshot, get->at.index[0]);
    size_t row = get->at.index[1], offset = get->row->arg;
    uint32_t n;
    const counter_row_t *last = counters_of(record, &n) + n - 1;
    size_t size = last->offset + sizeof(uint64_t);
    if (detail == NULL) {
        return no_such_arena(reader, get);
    }
    if (record == record_lock) {
        row = get->row->arg >> 8;
        offset = get->row->arg & 0xff;
    } else if (record == record_arena) {
        row = 0;
    }
    if (row >= reader_nrows(reader, record)) {
        return no_such(reader, get, "class", row);
    }
    const void *at = record == record_bin       ? (const void *)&detail->bins[row]
                     : record == record_large   ? (const void *)&detail->large[row]
                     : record == record_extents ? (const void *)&detail->extents[row]
                     : record == record_lock    ? (const void *)&detail->locks[row]
                                                : (const void *)&detail->arena;
    int error = get_word(reader, get, at, size, offset);
    get->value->v.u *= handler == CTL_read_arena_pages ? reader->classes.page : 1;
    return error;
}

static int
get_stats(reader_t *reader, const get_t *get, const stats_snapshot_t *snapshot) {
    switch ((ctl_handler_id_t)get->row->read) {
    case CTL_read_totals:
    case CTL_read_totals_now:
        return get_word(reader, get, &snapshot->process.total, sizeof snapshot->process.total, get->row->arg);
    case CTL_read_cache_stats:
        if (get->at.index[0] >= reader_ncached(reader)) {
            return no_such(reader, get, "cached class", get->at.index[0]);
        }
        return get_word(reader, get, &snapshot->caches[get->at.index[0]], sizeof snapshot->caches[0], get->row->arg);
    default:
        return get_of_arena(reader, get, snapshot);
    }
}

static int
get_statistics(reader_t *reader, const get_t *get) {
    stats_snapshot_t *snapshot;
    int error = reader_snapshot(reader, get->row->read == CTL_read_extents_stats, &snapshot);
    if (error == 0) {
        error = get_stats(reader, get, snapshot);
        free(snapshot);
    }
    return error;
}

int
get_counter(reader_t *reader, const get_t *get, bool *known) {
    *known = true;
    switch ((ctl_handler_id_t)get->row->read) {
    case CTL_read_lock_stats:
        return get_lock(reader, get);
    case CTL_read_totals:
    case CTL_read_totals_now:
    case CTL_read_cache_stats:
    case CTL_read_arena_stats:
    case CTL_read_arena_pages:
    case CTL_read_bin_stats:
    case CTL_read_large_stats:
    case CTL_read_extents_stats:
    case CTL_read_arena_lock_stats:
        return get_statistics(reader, get);
    default:
        *known = false;
        return 0;
    }
}
