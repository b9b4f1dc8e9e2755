/* emit.c -- the buffer, and how numbers and quoted text look. */
#include "observe/emit.h"

#include "base/fmt.h"

#include <string.h>

#define RATIO_DIGITS 6

void
emit_begin(emit_t *out, lunalloc_write_t *write, void *opaque) {
    out->write = write;
    out->opaque = opaque;
    out->len = 0;
    out->last = '\0';
}

void
emit_end(emit_t *out) {
    if (out->len > 0) {
        out->buf[out->len] = '\0';
        out->write(out->opaque, out->buf);
        out->len = 0;
    }
}

void
emit_char(emit_t *out, char c) {
    if (out->len + 1 == EMIT_PIECE) {
        emit_end(out);
    }
    out->buf[out->len++] = out->last = c;
}

void
emit_str(emit_t *out, const char *text) {
    while (*text != '\0') {
        emit_char(out, *text++);
    }
}

void
emit_u64(emit_t *out, uint64_t value) {
    char buf[24];
    fmt_t text = fmt_begin(buf, sizeof buf);
    fmt_u64(&text, value);
    emit_str(out, buf);
}

/* Other control characters do not occur in names and settings; they would be no JSON. */
static void
put_escaped(emit_t *out, char c) {
    if (c == '"' || c == '\\') {
        emit_char(out, '\\');
        emit_char(out, c);
    } else if (c == '\n') {
        emit_str(out, "\\n");
    } else {
        emit_char(out, (unsigned char)c < ' ' ? ' ' : c);
    }
}

void
emit_quoted(emit_t *out, const char *text) {
    emit_char(out, '"');
    while (*text != '\0') {
        put_escaped(out, *text++);
    }
    emit_char(out, '"');
}

static void
put_ratio(fmt_t *text, uint64_t millionths) {
    uint64_t digit = 100000;
    fmt_u64(text, millionths / 1000000);
    fmt_char(text, '.');
    for (unsigned i = 0; i < RATIO_DIGITS; i++, digit /= 10) {
        fmt_char(text, (char)('0' + millionths / digit % 10));
    }
}

static void
put_counter(fmt_t *text, counter_kind_t kind, uint64_t value) {
    if (value == COUNTER_NEVER) {
        fmt_str(text, "-1");
    } else if (kind == counter_ratio) {
        put_ratio(text, value);
    } else {
        fmt_u64(text, value);
    }
}

void
emit_counter(emit_t *out, counter_kind_t kind, uint64_t value) {
    char buf[32];
    fmt_t text = fmt_begin(buf, sizeof buf);
    put_counter(&text, kind, value);
    emit_str(out, buf);
}

void
emit_counter_cell(emit_t *out, unsigned width, counter_kind_t kind, uint64_t value) {
    char buf[32];
    fmt_t text = fmt_begin(buf, sizeof buf);
    put_counter(&text, kind, value);
    emit_cell(out, width, buf);
}

void
emit_cell(emit_t *out, unsigned width, const char *text) {
    size_t len = strlen(text);
    for (size_t i = len < width ? width - len : 1; i > 0; i--) {
        emit_char(out, ' ');
    }
    emit_str(out, text);
}
