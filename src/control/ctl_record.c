/* ctl_record.c -- record.* */
#include "control/ctl_args.h"
#include "control/ctl_call.h"
#include "observe/record.h"

int
read_record_active(ctl_call_t *call) {
    record_counts_t counts;
    record_counts(&counts);
    call->value.v.b = counts.active;
    return 0;
}

int
write_record_active(ctl_call_t *call) {
    if (call->value.v.b) {
        fmt_str(call->why,
                "a recording needs a recorder: lunalloc record, or la.record; allowed: false, which ends one");
        return EINVAL;
    }
    record_end(0);
    return 0;
}

/* Why record_begin failed. */
static const char *
reason(int error) {
    switch (error) {
    case EBUSY:
        return "a recording is running; record.active = false ends it";
    case EACCES:
        return "the memory is another process's, or a recording into it has ended";
    case EPERM:
        return "the memory is another user's, or this process has more rights than its user (set-uid)";
    case EINVAL:
        return "this is no recorder's memory: a memfd of this library's layout, sealed against growing and shrinking";
    case ENOSYS:
        return "this system has no memory that two processes could share so";
    default:
        return "the system refuses to open or map the recorder's memory";
    }
}

int
write_record_area(ctl_call_t *call) {
    uint64_t number;
    int error = record_begin_path(call->value.v.s, &number);
    if (error != 0) {
        fmt_str(call->why, reason(error));
        return error == EBUSY || error == ENOMEM ? EAGAIN : EINVAL;
    }
    return 0;
}

int
read_record_mode(ctl_call_t *call) {
    record_counts_t counts;
    record_counts(&counts);
    call->value.v.s = counts.number == 0 ? "" : counts.mode == record_full ? "full" : "pages";
    return 0;
}

int
read_record_number(ctl_call_t *call) {
    record_counts_t counts;
    record_counts(&counts);
    switch ((record_number_t)call->row->arg) {
    case RECORD_NUMBER_EVENTS:
        call->value.v.u = counts.events;
        break;
    case RECORD_NUMBER_LOST:
        call->value.v.u = counts.lost;
        break;
    default:
        call->value.v.u = counts.threads;
        break;
    }
    return 0;
}
