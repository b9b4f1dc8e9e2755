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

int
ctl_write(ctl_call_t *call) {
    call->given = true;
    int error = ctl_run(call->row->write, call);
    if (error == 0) {
        ctl_set_live(call);
    }
    return error;
}
