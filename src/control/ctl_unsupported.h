/* ctl_unsupported.h -- options of jemalloc's that have no effect here. Private to control/. */
#ifndef LUNALLOC_CONTROL_CTL_UNSUPPORTED_H
#define LUNALLOC_CONTROL_CTL_UNSUPPORTED_H

#include "control/ctl_row.h"

/* Of a row that read_unsupported reads: is a value what it always reads as? */
bool ctl_is_unsupported(const ctl_row_t *row, const lunalloc_value_t *value);
/* Why another one has no effect. */
const char *ctl_unsupported_reason(const ctl_row_t *row);
/* Is it one of the words that jemalloc takes? All of its other types have been checked. False with the reason. */
bool ctl_unsupported_takes(const ctl_row_t *row, const lunalloc_value_t *value, fmt_t *why);

#endif
