/* ctl_start.h -- what options were at the start: opt.* tell that, whatever has been changed live since. Private to
 * control/. Thread-safe. */
#ifndef LUNALLOC_CONTROL_CTL_START_H
#define LUNALLOC_CONTROL_CTL_START_H

#include "control/ctl_row.h"

/* Before the option at an offset of options_t, which has this value, is changed live. */
void ctl_start_keep(size_t offset, uint64_t value);
/* For a reading of the row: its value now, or, of an option that is not live, the one that was kept. */
uint64_t ctl_start_value(const ctl_row_t *row, size_t offset, uint64_t value);

#endif
