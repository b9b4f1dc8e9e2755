/* ctl_prof.h -- what the rows prof.stats.* ask for. Private to control/. */
#ifndef LUNALLOC_CONTROL_CTL_PROF_H
#define LUNALLOC_CONTROL_CTL_PROF_H

enum {
    PROF_STATS_BINS = 0,
    PROF_STATS_LEXTENTS = 1,
    PROF_STATS_LIVE = 0,
    PROF_STATS_ACCUM = 2
};

#endif
