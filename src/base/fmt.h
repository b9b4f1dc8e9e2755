/*
 * fmt.h -- building a line of text in a caller's buffer: no malloc, no stdio, no locale, async-signal-safe.
 * What does not fit is cut; buf is terminated after every call; one byte is always kept free for a final newline.
 */
#ifndef LUNALLOC_BASE_FMT_H
#define LUNALLOC_BASE_FMT_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *buf;
    size_t size; /* of buf, terminator included */
    size_t len;
} fmt_t;

fmt_t fmt_begin(char *buf, size_t size);
void fmt_char(fmt_t *out, char c);
void fmt_str(fmt_t *out, const char *text);
void fmt_mem(fmt_t *out, const char *text, size_t len);
void fmt_u64(fmt_t *out, uint64_t value);
void fmt_i64(fmt_t *out, int64_t value);
void fmt_hex(fmt_t *out, uint64_t value);

#endif
