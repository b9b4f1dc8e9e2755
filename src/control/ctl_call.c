/* ctl_call.c -- from a handler's number to the handler. */
#include "control/ctl_call.h"

#include "control/ctl_source.h"

int
ctl_run(unsigned handler, ctl_call_t *call) {
    switch ((ctl_handler_id_t)handler) {
#define HANDLER(name)                                                                                                  \
    case CTL_##name:                                                                                                   \
        return name(call);
#include "control/handlers.def"
    default:
        return EPERM;
    }
}

bool
ctl_in_range(const ctl_row_t *row, const lunalloc_value_t *value) {
    bool ranged = row->min != row->max;
    if (row->type == LUNALLOC_SSIZE) {
        return !ranged || (value->v.i >= row->min && value->v.i <= row->max);
    }
    if (row->type == LUNALLOC_UNSIGNED && value->v.u > UINT32_MAX) {
        return false;
    }
    return !ranged || (value->v.u >= (uint64_t)row->min && value->v.u <= (uint64_t)row->max);
}

int
ctl_write(ctl_call_t *call) {
    if (!ctl_in_range(call->row, &call->value)) {
        return ERANGE;
    }
    call->given = true;
    int error = ctl_run(call->row->write, call);
    if (error == 0) {
        ctl_set_live(call);
    }
    return error;
}
