/* prof_format.h -- the two formats of a profile. What is written is what prof_table_copy copied. */
#ifndef LUNALLOC_OBSERVE_PROF_FORMAT_H
#define LUNALLOC_OBSERVE_PROF_FORMAT_H

#include "observe/prof_table.h"
#include "os/file.h"

/* "heap profile: ... @ heap_v2/RATE", which jeprof, google-pprof and pprof read. */
void prof_write_text(file_t *file, const prof_sums_t *totals) REQUIRES(role_dump);
/* pprof's profile.proto. */
void prof_write_proto(file_t *file, const prof_sums_t *totals) REQUIRES(role_dump);

#endif
