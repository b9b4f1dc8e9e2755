/*
 * report_file.h -- reports of all statistics as files, for processes that nobody can attach to. Private to control/;
 * reporter.h says when one is written.
 *
 * A file is PREFIX.PROCESS.NAME.OCCASIONnumber.ENDING, where NAME is the process's name and OCCASION a letter:
 * "lunalloc.4242.redis-server.s0.txt". The prefix is opt.report_prefix, or "lunalloc"; the letters of
 * opt.stats_interval_opts choose what the report contains and its format: text (txt), J JSON (json), O OpenMetrics
 * (metrics). A text begins with a line that says which process it is of, when it was written, and why.
 *
 * A file appears whole or not at all, and replaces none but a regular file (os/file.h). Of failures with one error in a
 * row, the first one prints a line.
 */
#ifndef LUNALLOC_CONTROL_REPORT_FILE_H
#define LUNALLOC_CONTROL_REPORT_FILE_H

#include "base/config.h"

typedef enum {
    REPORT_BY_SIGNAL,
    REPORT_BY_INTERVAL,
    REPORT_OCCASIONS
} report_occasion_t;

/* Writes the next file. Not thread-safe: the caller sees that one is written at a time. */
void report_file_write(report_occasion_t occasion);
/* In the child of a fork: numbers begin again. */
void report_file_forked(void);

#endif
