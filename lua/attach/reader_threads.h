/*
 * reader_threads.h -- threads and the history of another process, as lunalloc_threads(), lunalloc_moments() and
 * lunalloc_marks() have them. Functions as in reader.h.
 */
#ifndef LUNALLOC_LUA_ATTACH_READER_THREADS_H
#define LUNALLOC_LUA_ATTACH_READER_THREADS_H

#include "attach/reader.h"

/* directory: a descriptor of /proc/PID, for names; -1: there is none. *n = 0 at the end. `idle` is the time since the
 * thread last ticked. */
int reader_list_threads(reader_t *reader, int directory, lunalloc_thread_cursor_t *cursor, lunalloc_thread_t *out,
                        size_t max, size_t *n);

int reader_moments(reader_t *reader, lunalloc_history_cursor_t *cursor, lunalloc_moment_t *out, size_t max, size_t *n);
int reader_marks(reader_t *reader, lunalloc_history_cursor_t *cursor, lunalloc_mark_t *out, size_t max, size_t *n);

#endif
