/*
 * fmt.h -- builds a line of text in the caller's buffer. Use it wherever printf may not be used: it needs no malloc, no
 * stdio and no locale, and is async-signal-safe.
 *
 * Text that does not fit is cut. The buffer is terminated after every call. One byte is kept free for a final newline.
 */
#ifndef LUNALLOC_BASE_FMT_H
#define LUNALLOC_BASE_FMT_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *buf;
    size_t size; /* of buf, terminator included */
    size_t len;  /* of the text so far */
} fmt_t;

/* size > 0. */
fmt_t fmt_begin(char *buf, size_t size);
void fmt_char(fmt_t *out, char c);
void fmt_str(fmt_t *out, const char *text);
/* len bytes that need no terminator. */
void fmt_mem(fmt_t *out, const char *text, size_t len);
/* Decimal. */
void fmt_u64(fmt_t *out, uint64_t value);
void fmt_i64(fmt_t *out, int64_t value);
/* Hexadecimal, without "0x". */
void fmt_hex(fmt_t *out, uint64_t value);

#endif
