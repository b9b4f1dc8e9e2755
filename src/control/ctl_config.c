/* ctl_config.c -- how the library was built. */
#include "control/ctl_config.h"

#include "base/config.h"
#include "control/ctl_row.h"

int
read_config(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    const bool fields[] = {
        [CONFIG_NO] = false, [CONFIG_YES] = true, [CONFIG_DEBUG] = config_debug, [CONFIG_TORTURE] = config_torture};
    value->v.b = fields[call->arg];
    return 0;
}

int
read_version(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.s = LUNALLOC_VERSION;
    return 0;
}
