/* ctl_stats.c -- the controls stats.*, but for locks. A row's arg is the offset of its word. */
#include "control/ctl_arena.h"
#include "control/ctl_epoch.h"
#include "extent/highwater.h"
#include "observe/stats.h"
#include "thread/resize.h"

#include <errno.h>

int
read_totals(ctl_call_t *call) {
    call->value.v.u = ctl_total(call, call->row->arg);
    return 0;
}

int
read_totals_now(ctl_call_t *call) {
    lunalloc_stats_t stats;
    stats_read(LUNALLOC_ALL, &stats);
    call->value.v.u = ctl_field_at(&stats, call->row->arg);
    return 0;
}

int
read_cache_stats(ctl_call_t *call) {
    stats_cache_t stats;
    if (call->index[0] >= stats_nrows(record_cache)) {
        return ctl_no_such(call->why, "cached class", call->index[0]);
    }
    stats_read_cache((uint32_t)call->index[0], &stats);
    call->value.v.u = ctl_field_at(&stats, call->row->arg);
    return 0;
}

bool
ctl_has_stats(const ctl_call_t *call) {
    size_t index = call->index[0];
    bool there = index == STATS_MERGED || (index == STATS_DESTROYED && (!call->typed || arenas_ndestroyed() > 0)) ||
                 (index < ARENAS_MAX && arenas_want((uint32_t)index));
    if (!there) {
        ctl_no_such_arena(call->why, index);
    }
    return there;
}

/* One counter of a record, of class index[1]. */
static int
read_counter(record_t record, ctl_call_t *call) {
    size_t row = call->index[1];
    if (!ctl_has_stats(call)) {
        return ENOENT;
    }
    if (row >= stats_nrows(record)) {
        return ctl_no_such(call->why, "class", row);
    }
    if (call->typed &&
        ctl_epoch_row(record, (uint32_t)call->index[0], (uint32_t)row, call->row->arg, &call->value.v.u)) {
        return 0;
    }
    int error = stats_get_counter(record, call->index[0], row, call->row->arg, &call->value.v.u);
    return error == 0 ? 0 : ctl_no_such(call->why, "class", row);
}

int
read_arena_stats(ctl_call_t *call) {
    if (!ctl_has_stats(call)) {
        return ENOENT;
    }
    call->value.v.u = ctl_arena_sum(call, (uint32_t)call->index[0], call->row->arg);
    return 0;
}

/* Bytes of what the record has in pages. */
int
read_arena_pages(ctl_call_t *call) {
    int error = read_arena_stats(call);
    call->value.v.u *= error == 0 ? sc.page : 0;
    return error;
}

int
read_bin_stats(ctl_call_t *call) {
    return read_counter(record_bin, call);
}

int
read_large_stats(ctl_call_t *call) {
    return read_counter(record_large, call);
}

int
read_extents_stats(ctl_call_t *call) {
    return read_counter(record_extents, call);
}

int
read_highwater(ctl_call_t *call) {
    call->value.v.u = highwater_mark();
    return 0;
}

int
read_zero_reallocs(ctl_call_t *call) {
    call->value.v.u = resize_zero_reallocs();
    return 0;
}
