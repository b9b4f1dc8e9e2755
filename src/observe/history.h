/*
 * history.h -- ten minutes of figures, one moment a second, and marks where settings were changed: for a viewer that
 * comes late. lunalloc.h has the contract of lunalloc_moments and lunalloc_marks.
 *
 * A thread of the allocator's own calls history_tick once a second. The first tick takes the memory, less than
 * HISTORY_BYTES of metadata, and from then on marks are kept, too. Two rings; a lock is held for the copy of some
 * records. A tick measures before it takes the lock: it reads the counters of all arenas, one at a time (stats.h), and
 * asks the system twice. In the child of a fork both rings are empty, and its first tick begins a new history.
 *
 * Thread-safe, but ticks come from one thread at a time.
 */
#ifndef LUNALLOC_OBSERVE_HISTORY_H
#define LUNALLOC_OBSERVE_HISTORY_H

#include "base/witness.h"
#include "lunalloc.h"

#define HISTORY_MOMENTS 600
#define HISTORY_MARKS   1000
#define HISTORY_BYTES   ((size_t)256 << 10)

/* Adds a moment. Does nothing if there is no memory. */
void history_tick(void) EXCLUDES(role_history);
/* Has there been a tick? */
bool history_is_kept(void);
/* Adds a mark of this moment, if a history is kept. Texts are cut to fit. */
void history_mark(const char *name, const char *value) EXCLUDES(role_history);

size_t history_moments(lunalloc_history_cursor_t *cursor, lunalloc_moment_t *out, size_t n) EXCLUDES(role_history);
size_t history_marks(lunalloc_history_cursor_t *cursor, lunalloc_mark_t *out, size_t n) EXCLUDES(role_history);

void history_prefork(void);
void history_postfork(bool child);

#endif
