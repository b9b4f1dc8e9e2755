/*
 * emit.h -- text of any length, handed to a function in pieces.
 *
 * Use it to write a report that need not fit in memory: begin, emit, end. The text is collected in a buffer; whenever
 * the buffer is full, the function gets it, terminated. No allocation, no stdio, no locale, so that a report can be
 * written at exit and by a program that may only write. The Lua module is linked with emit.c, too (SHARED_SRC in the
 * Makefile).
 */
#ifndef LUNALLOC_OBSERVE_EMIT_H
#define LUNALLOC_OBSERVE_EMIT_H

#include "base/fmt.h"
#include "lunalloc.h"

/* Bytes of a piece, terminator included. */
#define EMIT_PIECE 1024

typedef struct {
    /* Synchronization: the writer's own: these fields. */
    lunalloc_write_t *write; /* gets terminated text */
    void *opaque;
    size_t len;
    char last; /* the character emitted last; NUL: none yet */
    char buf[EMIT_PIECE];
} emit_t;

void emit_begin(emit_t *out, lunalloc_write_t *write, void *opaque);
/* Hands over the rest. */
void emit_end(emit_t *out);

void emit_char(emit_t *out, char c);
void emit_str(emit_t *out, const char *text);
void emit_u64(emit_t *out, uint64_t value);
void emit_i64(emit_t *out, int64_t value);
/* value / 10^digits as a decimal fraction with that many digits: 998750, 6 is "0.998750". UINT64_MAX, which stands for
 * "never" and "no limit" in counters, is "-1". */
void emit_fixed(emit_t *out, uint64_t value, unsigned digits);
/* The same into a buffer. */
void emit_fixed_text(fmt_t *out, uint64_t value, unsigned digits);
/* In quotes, escaped as JSON and OpenMetrics both want it; a byte that is not UTF-8 becomes a question mark. */
void emit_quoted(emit_t *out, const char *text);
/* Right-aligned in that many columns. Text that does not fit gets one blank in front, so that cells never touch. */
void emit_cell(emit_t *out, unsigned width, const char *text);

#endif
