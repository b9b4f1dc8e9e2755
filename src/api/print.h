/*
 * print.h -- where the library writes: single lines (message_write), and reports of all statistics in the form of
 * malloc_stats_print. Both go to the application's malloc_message, if it has set one, or else to standard error.
 */
#ifndef LUNALLOC_API_PRINT_H
#define LUNALLOC_API_PRINT_H

#include "lunalloc.h"

/* Writes a text of `len` bytes, which is terminated, too. */
void message_write(const char *text, size_t len);
/* Writes a report, as malloc_stats_print; `write` may be NULL. The allocator has booted. */
void print_report(lunalloc_write_t *write, void *opaque, const char *opts);
/* Writes the report of opt.stats_interval, or has it written to a file (control/reporter.h). */
void print_at_interval(void);

#endif
