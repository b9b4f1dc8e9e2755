/* fmt.c -- appends characters one by one, so that every function is cut at the same place. */
#include "base/fmt.h"

fmt_t
fmt_begin(char *buf, size_t size) {
    buf[0] = '\0';
    return (fmt_t){.buf = buf, .size = size, .len = 0};
}

/* Bytes left for text. The last one before the terminator is reserved for a newline. */
static size_t
room(const fmt_t *out, char c) {
    size_t kept = c == '\n' ? 1 : 2;
    return out->len + kept < out->size ? out->size - kept - out->len : 0;
}

void
fmt_char(fmt_t *out, char c) {
    if (room(out, c) > 0) {
        out->buf[out->len++] = c;
        out->buf[out->len] = '\0';
    }
}

void
fmt_mem(fmt_t *out, const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        fmt_char(out, text[i]);
    }
}

void
fmt_str(fmt_t *out, const char *text) {
    while (*text != '\0') {
        fmt_char(out, *text++);
    }
}

/* Collects the digits from the last one on; 20 are enough for 2^64 - 1 in decimal. */
static void
digits(fmt_t *out, uint64_t value, unsigned radix) {
    char text[20];
    unsigned n = 0;
    do {
        text[n++] = "0123456789abcdef"[value % radix];
        value /= radix;
    } while (value != 0);
    while (n > 0) {
        fmt_char(out, text[--n]);
    }
}

void
fmt_u64(fmt_t *out, uint64_t value) {
    digits(out, value, 10);
}

void
fmt_i64(fmt_t *out, int64_t value) {
    if (value < 0) {
        fmt_char(out, '-');
    }
    digits(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10);
}

void
fmt_hex(fmt_t *out, uint64_t value) {
    digits(out, value, 16);
}
