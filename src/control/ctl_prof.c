/* ctl_prof.c -- prof.*, and what thread.prof.* says of the calling thread: the heap profiler. */
#include "base/options.h"
#include "base/sc.h"
#include "control/ctl_args.h"
#include "control/ctl_call.h"
#include "observe/prof.h"
#include "observe/prof_sampling.h"
#include "observe/prof_dump.h"
#include "observe/prof_frames.h"
#include "observe/prof_table.h"

#include <errno.h>

/* ---- switches and rates ---- */

int
read_prof_active(ctl_call_t *call) {
    call->value.v.b = prof_is_active();
    return 0;
}

int
write_prof_active(ctl_call_t *call) {
    int error = prof_set_active(call->value.v.b);
    if (error != 0) {
        fmt_str(call->why, "there is no memory for the profile, or no unwinder (libgcc_s.so.1)");
    }
    return error;
}

int
read_prof_frame(ctl_call_t *call) {
    call->value.v.s =
        prof_frame_numbered(call->index[0] < PROF_FRAMES_MAX ? (uint32_t)call->index[0] : PROF_FRAMES_MAX);
    if (call->value.v.s == NULL) {
        fmt_str(call->why, "there is no such frame; those in the stacks of samples are named");
        return ENOENT;
    }
    return 0;
}

int
read_prof_accum(ctl_call_t *call) {
    call->value.v.b = prof_accum();
    return 0;
}

int
write_prof_accum(ctl_call_t *call) {
    prof_set_accum(call->value.v.b);
    return 0;
}

int
read_prof_gdump(ctl_call_t *call) {
    call->value.v.b = prof_gdump();
    return 0;
}

int
write_prof_gdump(ctl_call_t *call) {
    prof_set_gdump(call->value.v.b);
    return 0;
}

int
read_prof_thread_active_init(ctl_call_t *call) {
    call->value.v.b = prof_thread_active_init();
    return 0;
}

int
write_prof_thread_active_init(ctl_call_t *call) {
    prof_set_thread_active_init(call->value.v.b);
    return 0;
}

int
read_prof_lg_sample(ctl_call_t *call) {
    call->value.v.u = prof_lg_sample();
    return 0;
}

int
read_prof_interval(ctl_call_t *call) {
    call->value.v.u = options.lg_prof_interval < 0 ? 0 : UINT64_C(1) << options.lg_prof_interval;
    return 0;
}

int
write_prof_prefix(ctl_call_t *call) {
    if (call->value.v.s == NULL || !prof_dump_set_prefix(call->value.v.s)) {
        fmt_str(call->why, "allowed: at most ");
        fmt_u64(call->why, PROF_PREFIX_MAX - 1);
        fmt_str(call->why, " bytes");
        return EFAULT;
    }
    return 0;
}

/* ---- dumps ---- */

/* What an errno value means for a dump. Constant data without addresses, as the schema is. */
static const struct {
    int error;
    char text[28];
} reasons[] = {
    {ENOENT, "there is no such folder"},
    {EACCES, "not permitted"},
    {EPERM, "not permitted"},
    {EROFS, "not permitted"},
    {EISDIR, "that is a folder"},
    {ENOSPC, "no space is left"},
    {EFBIG, "no space is left"},
    {ENAMETOOLONG, "the name is too long"},
    {ENXIO, "no process reads it"},
    {EPIPE, "no process reads it"},
    {EINVAL, "the prefix is empty"},
    {ENOSYS, "zlib (libz.so.1) is missing"},
};

static void
put_reason(fmt_t *why, int error) {
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].error == error) {
            fmt_str(why, reasons[i].text);
            return;
        }
    }
    fmt_str(why, "the system's error ");
    fmt_i64(why, error);
}

/* As in jemalloc, EFAULT whatever went wrong; the reason says what. */
int
write_prof_dump(ctl_call_t *call) {
    int error = prof_dump(!call->given ? NULL : call->value.v.s);
    if (error == 0) {
        return 0;
    }
    fmt_str(call->why, "no profile was written: ");
    put_reason(call->why, error);
    return EFAULT;
}

/* ---- samples ---- */

int
write_prof_reset(ctl_call_t *call) {
    prof_reset(!call->given ? prof_lg_sample() : (unsigned)call->value.v.u);
    return 0;
}

/* jemalloc's prof_stats_t. */
typedef struct {
    uint64_t bytes, count;
} class_samples_t;

static class_samples_t
class_samples(uint32_t szind, bool accum) {
    prof_class_t found = prof_table_class(szind);
    uint64_t count = accum ? found.accum : found.live;
    return (class_samples_t){.bytes = count * sc.size[szind], .count = count};
}

int
exchange_prof_stats(ctl_call_t *call) {
    bool large = (call->row->arg & PROF_STATS_LEXTENTS) != 0, accum = (call->row->arg & PROF_STATS_ACCUM) != 0;
    if (call->index[0] >= (large ? sc.nsizes - sc.nsmall : sc.nsmall)) {
        return ENOENT;
    }
    if (call->io->oldp == NULL || call->io->oldlenp == NULL) {
        return 0;
    }
    class_samples_t samples = class_samples((uint32_t)call->index[0] + (large ? sc.nsmall : 0), accum);
    return ctl_put(call->io, &samples, sizeof samples);
}

/* ---- the calling thread ---- */

int
read_thread_prof_active(ctl_call_t *call) {
    call->value.v.b = prof_thread_active();
    return 0;
}

int
write_thread_prof_active(ctl_call_t *call) {
    prof_thread_set_active(call->value.v.b);
    return 0;
}

int
read_thread_prof_name(ctl_call_t *call) {
    call->value.v.s = prof_thread_get_name();
    return 0;
}

/* Appends the reason of EAGAIN. */
static int
explain_memory(int error, fmt_t *why) {
    if (error == EAGAIN) {
        fmt_str(why, "there is no memory for the profile");
    }
    return error;
}

int
write_thread_prof_name(ctl_call_t *call) {
    int error = call->value.v.s == NULL ? EINVAL : prof_thread_set_name(call->value.v.s);
    if (error == EINVAL) {
        fmt_str(call->why, "allowed: printable ASCII and tabs, at most 95 bytes");
    }
    return explain_memory(error, call->why);
}
