/*
 * metrics.h -- the one writer of OpenMetrics text: the report's, and the Lua module's for snapshots.
 *
 * Use it on an emit_t: metrics_library, then for each metric its head and its samples, then metrics_end. A sample is
 * metrics_sample, a metrics_label for each label, metrics_value.
 *
 * A metric is named after the control that it comes from, in base units: "stats.arenas.<i>.bins.<j>." and
 * "mutex.max_wait_time", in ns, are lunalloc_arenas_bins_mutex_max_wait_time_seconds. Bytes end in _bytes, times in
 * _seconds, ratios in _ratio, samples of counters in _total. -1 stands for "never" and "no limit", as everywhere.
 * Prometheus's older text format, for readers that do not ask for OpenMetrics, differs by the names of counters in
 * # lines, which end in _total there, too, and has no units.
 *
 * The Lua module is linked with metrics.c, too.
 */
#ifndef LUNALLOC_OBSERVE_METRICS_H
#define LUNALLOC_OBSERVE_METRICS_H

#include "observe/emit.h"

typedef struct {
    const char *subtree; /* of the controls, with "stats." in front, a dot at the end, and <i>, <j> for indices */
    const char *name;    /* behind that */
    const char *unit;    /* the control's: "bytes", "count", "ns", "ms", "ppm" */
    const char *doc;
    bool cumulative; /* a counter: never falls */
    bool older;      /* Prometheus's older text format */
} metric_t;

/* The version, as an info metric. */
void metrics_library(emit_t *out);
/* Type, unit and help; the metric's samples must follow at once. */
void metrics_head(emit_t *out, const metric_t *metric);
void metrics_sample(emit_t *out, const metric_t *metric);
/* text, or a number if it is NULL. */
void metrics_label(emit_t *out, const char *name, const char *text, uint64_t number);
/* In the control's unit; UINT64_MAX: never. */
void metrics_value(emit_t *out, const metric_t *metric, uint64_t value);
void metrics_end(emit_t *out);

#endif
