/* ctl_process.c -- controls of the process as a whole: background threads, how the library was built, its version. */
#include "base/config.h"
#include "base/options.h"
#include "control/background.h"
#include "control/ctl_args.h"
#include "control/ctl_call.h"

#include <errno.h>

/* ---- background threads ---- */

int
read_background(ctl_call_t *call) {
    call->value.v.b = background_is_on();
    return 0;
}

/* Appends why background threads could not be started or stopped; mallctl's error. */
static int
explain_switch(int error, fmt_t *why) {
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
    return explain_switch(background_set(call->value.v.b), call->why);
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
    return explain_switch(error, call->why);
}

int
read_background_stats(ctl_call_t *call) {
    stats_background_t stats;
    background_stats(&stats);
    call->value.v.u = ctl_field_at(&stats, call->row->arg);
    return 0;
}

/* ---- the library ---- */

int
read_config(ctl_call_t *call) {
    const bool fields[] = {[CONFIG_YES] = true, [CONFIG_DEBUG] = config_debug, [CONFIG_TORTURE] = config_torture};
    call->value.v.b = fields[call->row->arg];
    return 0;
}

int
read_version(ctl_call_t *call) {
    call->value.v.s = LUNALLOC_VERSION;
    return 0;
}
