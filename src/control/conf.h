/*
 * conf.h -- the configuration at start: options from a file, from the application and from the environment.
 *
 * Boot calls conf_read() before it sets anything up, and conf_apply() once the size classes exist. The sources, later
 * ones overriding earlier ones:
 *
 *   the machine's file (on Linux /etc/lunalloc.conf: a link's target, or a file)
 *   the symbols malloc_conf and lunalloc_conf of the application
 *   the environment's MALLOC_CONF and LUNALLOC_CONF, unless the process has raised rights
 *
 * A configuration is name:value,name:value ... Each name is a row opt.<name> of the schema; the value "default" stands
 * for the row's default. In a file, which may be of any length, a line break separates pairs, too, and # begins a
 * comment.
 *
 * A bad pair (an unknown name, a number out of range) is reported on one line and skipped, and the rest applies; with
 * abort_conf:true it ends the process. A pair for an unsupported option is reported as well, unless its value is what
 * the option reads as; it is not bad.
 */
#ifndef LUNALLOC_CONTROL_CONF_H
#define LUNALLOC_CONTROL_CONF_H

#include "control/ctl.h"

/* Reads all sources and stores the options. Allocates nothing. */
void conf_read(void);
/* Applies the options that need the size classes: slab_sizes, bin_shards. */
void conf_apply(void);

#endif
