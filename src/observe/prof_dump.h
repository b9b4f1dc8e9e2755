/*
 * prof_dump.h -- writes profiles to files: on request, each 2^lg_prof_interval bytes, at a new high of mapped memory,
 * and at exit.
 *
 * The name chooses the format: a protocol buffer of pprof's if it ends in ".pb" (prof_proto.c), else text
 * (prof_text.c). A further ".gz" compresses it, if zlib can be loaded. A dump without a name is PREFIX.PROCESS.
 * NUMBER.LETTER[NUMBER].heap, with jemalloc's letters: i interval, m request, u high, f exit.
 *
 * A new file is written aside and renamed, so that there is a whole file or none. If the caller names something that
 * exists, such as a device or /dev/fd/N, it is written in place (os/file.h).
 *
 * One dump is written at a time. A dump that becomes due at an event (interval, high, exit) while another one is being
 * written, on any thread, is skipped. Writing a dump takes no memory from the arenas. Thread-safe; takes RANK_DUMP, and
 * RANK_PROF under it.
 */
#ifndef LUNALLOC_OBSERVE_PROF_DUMP_H
#define LUNALLOC_OBSERVE_PROF_DUMP_H

#include "os/lock.h"

#include <stddef.h>

#define PROF_PREFIX_MAX 256

/* While it is held, no dump is written, and stacks are not freed. */
void prof_dump_lock(void) ACQUIRE(role_dump);
void prof_dump_unlock(void) RELEASE(role_dump);

/* Writes a dump; name NULL: under the next name of its own, replacing a file of that name. 0, or the errno value that
 * says why there is no such file. */
int prof_dump(const char *name) EXCLUDES(role_dump);
/* Adds to the estimate of the bytes allocated; writes a dump if the interval is over. The caller has marked the thread
 * busy. */
void prof_dump_allocated(double bytes) EXCLUDES(role_dump);
/* Writes a dump at a new high: a highwater_slot_t. */
void prof_dump_high(size_t mapped) EXCLUDES(role_dump);

/* Changes the prefix of names, which is options.prof_prefix at first. With "", only dumps that are given a name are
 * written; others fail with EINVAL. False if it is too long. */
bool prof_dump_set_prefix(const char *prefix) EXCLUDES(role_dump);

/* The lock, so that its counters can be read. */
lock_t *prof_dump_mutex(void);

void prof_dump_prefork(void);
void prof_dump_postfork(bool child);

#endif
