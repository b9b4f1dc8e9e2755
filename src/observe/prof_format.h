/*
 * prof_format.h -- writes a profile in one of two formats. prof_dump.c chooses the format by the file's name.
 *
 * Both write the copy of all stacks that prof_table_copy made, into a file that is open already. Errors are kept in the
 * file. Neither allocates from the arenas.
 */
#ifndef LUNALLOC_OBSERVE_PROF_FORMAT_H
#define LUNALLOC_OBSERVE_PROF_FORMAT_H

#include "base/options.h"
#include "observe/prof.h"
#include "observe/prof_table.h"
#include "os/file.h"

/* Does the profile show this stack? Without prof_accum(), only stacks that have live samples. */
static inline bool
prof_format_shows(const prof_stack_t *stack) REQUIRES(role_dump) {
    return stack->copy.live.count > 0 || (prof_accum() && stack->copy.accum.count > 0);
}

/* Text, "heap profile: ... @ heap_v2/RATE", which jeprof, google-pprof and Go's pprof read (prof_text.c). */
void prof_write_text(file_t *file, const prof_sums_t *totals) REQUIRES(role_dump);
/* The protocol buffer profile.proto, which pprof reads (prof_proto.c). */
void prof_write_proto(file_t *file) REQUIRES(role_dump);

#endif
