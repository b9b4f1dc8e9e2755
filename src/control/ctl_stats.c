/* ctl_stats.c -- statistics by name. */
#include "control/ctl_arena.h"
#include "control/ctl_epoch.h"
#include "extent/highwater.h"
#include "observe/stats.h"

#include <errno.h>

int
read_totals(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    value->v.u = ctl_sum(call, LUNALLOC_ALL, call->arg);
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
read_stats(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    const arena_t *arena = ctl_one_arena(call, why);
    value->v.u = arena == NULL ? 0 : ctl_sum(call, arena->index, call->arg);
    return arena == NULL ? ENOENT : 0;
}

static int
read_class_at(const ctl_call_t *call, size_t szind, lunalloc_value_t *value, fmt_t *why) {
    lunalloc_class_stats_t stats;
    if (ctl_one_arena(call, why) == NULL) {
        return ENOENT;
    }
    stats_read_class((uint32_t)call->index[0], (uint32_t)szind, &stats);
    value->v.u = ctl_field_at(&stats, call->arg);
    return 0;
}

int
read_class(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    size_t i = call->index[1];
    return i < sc.nsmall ? read_class_at(call, i, value, why) : ctl_no_such(why, "small class", i);
}

int
read_lextent_stats(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    size_t i = call->index[1];
    return i < sc.nsizes - sc.nsmall ? read_class_at(call, sc.nsmall + i, value, why)
                                     : ctl_no_such(why, "large class", i);
}

int
read_nguards(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    arena_t *arena = ctl_one_arena(call, why);
    value->v.u = arena == NULL ? 0 : atomic_get(&arena->pages.nguards);
    return arena == NULL ? ENOENT : 0;
}

int
read_highwater(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.u = highwater_mark();
    return 0;
}
