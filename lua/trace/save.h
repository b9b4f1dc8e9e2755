/*
 * save.h -- writes the part of a trace that passes a filter as a trace of its own. Use it in slices, so that it can be
 * interrupted:
 *
 *   trace_save_t *save;
 *   int error = trace_save_open(&save, file, &filter, path, message, sizeof message);
 *   while (trace_save_step(save, 1 << 20)) {}
 *   error = trace_save_close(save, &written, message, sizeof message);
 */
#ifndef TRACE_SAVE_H
#define TRACE_SAVE_H

#include "pass.h"
#include "write.h"

typedef struct trace_save trace_save_t;

/* 0, or an errno value with one line in `message`. */
int trace_save_open(trace_save_t **save, const trace_file_t *file, const trace_filter_t *filter, const char *path,
                    char *message, size_t message_size);
/* Goes on by n events. False at the end of the trace, or after an error. */
bool trace_save_step(trace_save_t *save, uint64_t n);
/* Ends the file. 0, or the first error with one line in `message`. */
int trace_save_close(trace_save_t *save, trace_written_t *written, char *message, size_t message_size);
/* The file is not to appear. */
void trace_save_abandon(trace_save_t *save);

#endif
