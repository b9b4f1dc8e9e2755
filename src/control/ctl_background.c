/* ctl_background.c -- background threads by name. */
#include "base/options.h"
#include "control/background.h"
#include "control/ctl_call.h"

#include <errno.h>

int
read_background(ctl_call_t *call) {
    call->value.v.b = background_is_on();
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
write_background(ctl_call_t *call) {
    return switched(background_set(call->value.v.b), call->why);
}

int
read_max_background(ctl_call_t *call) {
    call->value.v.u = background_max();
    return 0;
}

int
write_max_background(ctl_call_t *call) {
    int error = background_set_max(call->value.v.u);
    if (error == EINVAL) {
        fmt_str(call->why, "more than opt.max_background_threads; allowed: 1 to ");
        fmt_u64(call->why, options.max_background_threads);
    }
    return switched(error, call->why);
}

int
read_background_stats(ctl_call_t *call) {
    stats_background_t stats;
    background_stats(&stats);
    call->value.v.u = ctl_field_at(&stats, call->row->arg);
    return 0;
}
