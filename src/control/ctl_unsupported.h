/*
 * ctl_unsupported.h -- jemalloc's names that have no meaning here (schema/unsupported.def). Private to control/.
 *
 * Such a row reads as one fixed value. A configuration may give it any legal value, which is ignored and reported; a
 * write by name fails, unless it writes what the row reads as.
 */
#ifndef LUNALLOC_CONTROL_CTL_UNSUPPORTED_H
#define LUNALLOC_CONTROL_CTL_UNSUPPORTED_H

#include "control/ctl_option.h"

/* Is the value what the row always reads as? Then nothing is ignored. */
bool ctl_unsupported_reads(const ctl_row_t *row, const lunalloc_value_t *value);
/* Why another value has no effect. */
const char *ctl_unsupported_reason(const ctl_row_t *row);

/* "disabled": what the dss rows read as. */
extern const char ctl_dss_disabled[];

#endif
