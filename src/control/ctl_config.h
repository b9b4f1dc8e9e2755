/* ctl_config.h -- what the rows config.* ask for. Private to control/. */
#ifndef LUNALLOC_CONTROL_CTL_CONFIG_H
#define LUNALLOC_CONTROL_CTL_CONFIG_H

typedef enum {
    CONFIG_NO,
    CONFIG_YES,
    CONFIG_DEBUG,
    CONFIG_TORTURE
} config_field_t;

#endif
