/*
 * pprof.h -- encodes a heap profile as a protocol buffer, pprof's profile.proto.
 *
 * Use it to write a profile anywhere: begin with what the values of samples are, then all mappings, then the stacks,
 * each with its values. The encoder hands bytes to a function as it makes them; it allocates nothing, and does no input
 * or output. The Lua module is linked with pprof.c, too.
 *
 * Only a part of the format is needed. A field is a key (number << 3 | kind), and then a varint (kind 0), or a length
 * and that many bytes (kind 2): a text, a message, or the varints of a repeated field. Each address of a stack is a
 * location, whose number is that address. A location with a name ("build (script.lua:12)") has a function of that
 * number, too; the others are named by their readers, from the mappings.
 */
#ifndef LUNALLOC_OBSERVE_PPROF_H
#define LUNALLOC_OBSERVE_PPROF_H

#include "lunalloc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PPROF_VARINT_MAX 10

/* Gets bytes of the profile. */
typedef void pprof_put_t(void *context, const void *data, size_t len);

/* A message, or the content of a field, under construction. */
typedef struct {
    size_t len;
    uint8_t bytes[(LUNALLOC_STACK_MAX + 8) * PPROF_VARINT_MAX];
} pprof_part_t;

typedef struct {
    uintptr_t start, limit;
} pprof_range_t;

/* 2.7 KiB: the caller's, who also gives it the two tables. */
typedef struct {
    /* Synchronization: the writer's own: these fields. */
    pprof_put_t *put;
    void *context;
    const char *(*name_of)(void *context, uintptr_t ip); /* NULL: no address has a name */
    pprof_range_t *mappings;                             /* room for mappings_max; more mappings are left out */
    size_t nmappings, mappings_max;
    uintptr_t *seen; /* zeros, 2^lg_seen entries: more than there are different addresses in all stacks */
    unsigned lg_seen;
    uint64_t nstrings;
    pprof_part_t message, inner;
} pprof_t;

/* Writes the types of values: objects and bytes allocated so far, if `accum`, and in use, which pprof shows by default.
 * period: bytes between two samples; time: of the day, ns. */
void pprof_begin(pprof_t *profile, bool accum, uint64_t period, uint64_t time);
/* Writes a mapping if it is executable. Lines are in ascending order, as in /proc/PID/maps: "START-LIMIT PERMISSIONS
 * OFFSET DEVICE INODE   PATH". */
void pprof_mapping(pprof_t *profile, const char *line);
/* Writes a stack of return addresses, innermost first, at most LUNALLOC_STACK_MAX; with its values, as many as there
 * are types (2 or 4). */
void pprof_stack(pprof_t *profile, const uintptr_t *ips, size_t depth, const uint64_t *values, size_t nvalues);

#endif
