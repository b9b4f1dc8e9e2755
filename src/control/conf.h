/*
 * conf.h -- configuration at start: the machine's (on Linux /etc/lunalloc.conf, a link's target or a file), the symbols
 * malloc_conf and lunalloc_conf of the application, the environment's MALLOC_CONF and LUNALLOC_CONF; later ones win. In
 * a process with raised rights the environment is ignored.
 *
 *   name:value,name:value ...      each name is a row opt.<name> of the schema; the value "default" is the row's
 *
 * In a file, of any length, lines separate pairs as commas do, and # begins a comment. A bad pair (an unknown name, a
 * number out of range) is reported on one line and skipped, the rest applies; with abort_conf:true it ends the process.
 * A pair whose option has no effect here is reported, too, unless it asks for what is done anyway; that is no bad pair.
 */
#ifndef LUNALLOC_CONTROL_CONF_H
#define LUNALLOC_CONTROL_CONF_H

#include "control/ctl.h"

/* Reads them all. Before anything else is set up; no allocation. */
void conf_read(void);
/* Applies what needs the size classes to be there. */
void conf_apply(void);

#endif
