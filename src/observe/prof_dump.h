/*
 * prof_dump.h -- profiles as files: when one is written, and under which name.
 *
 * A file whose name ends in ".pb" is a protocol buffer of pprof's (prof_proto.c), any other one text (prof_text.c);
 * with ".gz" after that it is compressed, if zlib is here. A new file is written aside and renamed, so there is a whole
 * one or none. What a caller names and is there, such as a device or the file of a descriptor, is written in place
 * (os/file.h). One is written at a time: an event (an interval, a new high) while another one is being written, on
 * whatever thread, writes none. Writing takes no memory from the arenas.
 */
#ifndef LUNALLOC_OBSERVE_PROF_DUMP_H
#define LUNALLOC_OBSERVE_PROF_DUMP_H

#include "base/lock.h"

#include <stddef.h>

#define PROF_PREFIX_MAX 256

void prof_dump_lock(void) ACQUIRE(role_dump);
void prof_dump_unlock(void) RELEASE(role_dump);

/* NULL: PREFIX.PROCESS.NUMBER.mNUMBER.heap, replacing what has this name. 0, or why there is no such file: an errno
 * value. */
int prof_dump(const char *name) EXCLUDES(role_dump);
/* So many bytes more have been allocated, by estimate: a dump is due each 2^options.lg_prof_interval bytes. */
void prof_dump_allocated(double bytes) EXCLUDES(role_dump);
/* highwater_slot_t. */
void prof_dump_high(size_t mapped) EXCLUDES(role_dump);

/* How names begin from now on, in place of options.prof_prefix; "": nothing is dumped that is not given a name, which
 * is EINVAL. False if it is too long. */
bool prof_dump_set_prefix(const char *prefix) EXCLUDES(role_dump);

/* For its figures. */
lock_t *prof_dump_mutex(void);

void prof_dump_prefork(void);
void prof_dump_postfork(bool child);

#endif
