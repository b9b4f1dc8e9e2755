/*
 * ctl_mark.h -- marks in the history (observe/history.h) where a control was written or an action done, so that a
 * viewer sees beside the curves what was changed. Private to control/; ctl.c calls it after each success.
 */
#ifndef LUNALLOC_CONTROL_CTL_MARK_H
#define LUNALLOC_CONTROL_CTL_MARK_H

#include "control/ctl_call.h"

/* Costs one load while no history is kept. Marks neither thread.*, which concern the calling thread alone, nor epoch,
 * which monitors write all the time. */
void ctl_mark(const ctl_call_t *call);

#endif
