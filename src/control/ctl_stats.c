/* ctl_stats.c -- statistics by name. */
#include "control/ctl_arena.h"
#include "control/ctl_epoch.h"
#include "control/ctl_keywords.h"
#include "extent/highwater.h"
#include "observe/stats.h"
#include "thread/resize.h"

#include <errno.h>

int
read_totals(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    value->v.u = ctl_total(call, call->arg);
    return 0;
}

int
read_totals_now(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    lunalloc_stats_t stats;
    stats_read(LUNALLOC_ALL, &stats);
    value->v.u = ctl_field_at(&stats, call->arg);
    return 0;
}

int
read_cache_stats(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    stats_cache_t stats;
    if (call->index[0] >= stats_nrows(record_cache)) {
        return ctl_no_such(why, "cached class", call->index[0]);
    }
    stats_read_cache((uint32_t)call->index[0], &stats);
    value->v.u = ctl_field_at(&stats, call->arg);
    return 0;
}

bool
ctl_has_stats(const ctl_call_t *call, fmt_t *why) {
    size_t index = call->index[0];
    bool there = index == STATS_MERGED || (index == STATS_DESTROYED && (!call->typed || arenas_ndestroyed() > 0)) ||
                 (index < ARENAS_MAX && arenas_want((uint32_t)index));
    if (!there) {
        ctl_no_such_arena(why, index);
    }
    return there;
}

/* One figure of a record, of class index[1]. */
static int
read_counter(record_t record, const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    size_t row = call->index[1];
    if (!ctl_has_stats(call, why)) {
        return ENOENT;
    }
    if (row >= stats_nrows(record)) {
        return ctl_no_such(why, "class", row);
    }
    if (call->typed && ctl_epoch_row(record, (uint32_t)call->index[0], (uint32_t)row, call->arg, &value->v.u)) {
        return 0;
    }
    int error = stats_get_counter(record, call->index[0], row, call->arg, &value->v.u);
    return error == 0 ? 0 : ctl_no_such(why, "class", row);
}

int
read_arena_stats(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    if (!ctl_has_stats(call, why)) {
        return ENOENT;
    }
    value->v.u = ctl_arena_sum(call, (uint32_t)call->index[0], call->arg);
    return 0;
}

/* In bytes what the record has in pages. */
int
read_arena_pages(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    int error = read_arena_stats(call, value, why);
    value->v.u *= error == 0 ? sc.page : 0;
    return error;
}

int
read_bin_stats(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    return read_counter(record_bin, call, value, why);
}

int
read_large_stats(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    return read_counter(record_large, call, value, why);
}

int
read_extents_stats(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    return read_counter(record_extents, call, value, why);
}

int
read_highwater(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.u = highwater_mark();
    return 0;
}

int
read_zero_reallocs(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.u = resize_zero_reallocs();
    return 0;
}

int
read_stats_unsupported(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    value->v.u = 0;
    return ctl_has_stats(call, why) ? 0 : ENOENT;
}

int
read_stats_dss(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    value->v.s = ctl_unsupported_keywords[KEYWORDS_DSS][0];
    return ctl_has_stats(call, why) ? 0 : ENOENT;
}
