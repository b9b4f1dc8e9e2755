/* ctl_config.c -- how the library was built. */
#include "control/ctl_args.h"

#include "base/config.h"
#include "control/ctl_call.h"

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
