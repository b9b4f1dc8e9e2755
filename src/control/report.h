/*
 * report.h -- all statistics as text, JSON or OpenMetrics, from one snapshot of all arenas.
 *
 * The one entry is report_write. The parts of the report are in report_sections.h; each format is a file that walks
 * them: report_text.c, report_json.c, report_metrics.c.
 */
#ifndef LUNALLOC_CONTROL_REPORT_H
#define LUNALLOC_CONTROL_REPORT_H

#include "lunalloc.h"

/* opts: letters that leave parts out (lunalloc_stats_write), or NULL. 0, EINVAL (no such format) or ENOMEM. */
int report_write(lunalloc_format_t format, lunalloc_write_t *write, void *opaque, const char *opts);

#endif
