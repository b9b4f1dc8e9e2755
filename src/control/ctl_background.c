/* ctl_background.c -- background threads by name. */
#include "base/options.h"
#include "control/background.h"
#include "control/ctl_row.h"

#include <errno.h>

int
read_background(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.b = background_is_on();
    return 0;
}

/* The reason of a failure to switch. */
static int
switched(int error, fmt_t *why) {
    if (error == EDEADLK) {
        fmt_str(why, "this thread is one of the background threads, and cannot wait for its own end");
        return EAGAIN;
    }
    if (error == EAGAIN) {
        fmt_str(why, "the system refuses another thread (its limit on threads, or memory)");
    }
    return error;
}

int
write_background(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    return switched(background_set(value->v.b), why);
}

int
read_max_background(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.u = background_max();
    return 0;
}

int
write_max_background(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    int error = background_set_max(value->v.u);
    if (error == EINVAL) {
        fmt_str(why, "more than opt.max_background_threads; allowed: 1 to ");
        fmt_u64(why, options.max_background_threads);
    }
    return switched(error, why);
}

int
read_background_stats(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    stats_background_t stats;
    background_stats(&stats);
    value->v.u = ctl_field_at(&stats, call->arg);
    return 0;
}
