/*
 * emit.h -- text that is handed to a function in bounded pieces. No allocation, no stdio, no locale.
 */
#ifndef LUNALLOC_OBSERVE_EMIT_H
#define LUNALLOC_OBSERVE_EMIT_H

#include "lunalloc.h"
#include "observe/counters.h"

/* A piece, terminator included. */
#define EMIT_PIECE 1024

typedef struct {
    /* Synchronization: the reader's own: these fields. */
    lunalloc_write_t *write; /* gets terminated text */
    void *opaque;
    size_t len;
    char last; /* character that was emitted; NUL: none yet */
    char buf[EMIT_PIECE];
} emit_t;

void emit_begin(emit_t *out, lunalloc_write_t *write, void *opaque);
/* Hands over what is left. */
void emit_end(emit_t *out);

void emit_char(emit_t *out, char c);
void emit_str(emit_t *out, const char *text);
void emit_u64(emit_t *out, uint64_t value);
/* In quotes, as JSON and OpenMetrics both have it. */
void emit_quoted(emit_t *out, const char *text);
/* A figure's value: -1 for COUNTER_NEVER, a ratio as 0.998750. */
void emit_counter(emit_t *out, counter_kind_t kind, uint64_t value);
/* The same, or text, right-aligned in so many columns; more if it is longer, but never touching what is before it. */
void emit_counter_cell(emit_t *out, unsigned width, counter_kind_t kind, uint64_t value);
void emit_cell(emit_t *out, unsigned width, const char *text);

#endif
