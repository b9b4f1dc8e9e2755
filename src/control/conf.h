/*
 * conf.h -- configuration at start: the machine's (on Linux /etc/lunalloc.conf, a link's target or a file), the symbol
 * lunalloc_conf of the application, the environment's LUNALLOC_CONF; later ones win. In a process with raised rights
 * the environment is ignored.
 *
 *   name:value,name:value ...      each name is a row opt.<name> of the schema
 *
 * A bad pair is reported on one line and skipped, the rest applies; with abort_conf:true it ends the process.
 */
#ifndef LUNALLOC_CONTROL_CONF_H
#define LUNALLOC_CONTROL_CONF_H

#include "control/ctl.h"

/* Reads all three. Before anything else is set up; no allocation. */
void conf_read(void);
/* Applies what needs the size classes to be there. */
void conf_apply(void);
/* Applies one string; `origin` stands in messages. Returns how many pairs were bad. */
unsigned conf_parse(const char *text, ctl_source_t source, const char *origin);

#endif
