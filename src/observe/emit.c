/* emit.c -- the buffer, and the look of numbers and quoted text. */
#include "observe/emit.h"

#include <string.h>

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

void
emit_i64(emit_t *out, int64_t value) {
    emit_str(out, value < 0 ? "-" : "");
    emit_u64(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* Names and settings have no other control characters; as they are no JSON, they become blanks. */
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

/* The bytes of the UTF-8 sequence that begins there, 1 to 4; 0 if there is none. A sequence that is longer than it has
 * to be, or that stands for half of a surrogate pair, is none. */
static unsigned
utf8_length(const char *text) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = (uint8_t)text[0];
    unsigned len = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
    uint32_t code = len < 2 ? first : first & (0x7fu >> len);
    for (unsigned i = 1; i < len; i++) {
        if (((uint8_t)text[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | ((uint8_t)text[i] & 0x3f);
    }
    bool surrogate = code >= 0xd800 && code < 0xe000;
    return code < least[len] || surrogate || code > 0x10ffff ? 0 : len;
}

void
emit_quoted(emit_t *out, const char *text) {
    emit_char(out, '"');
    while (*text != '\0') {
        unsigned len = utf8_length(text);
        put_escaped(out, len == 0 ? '?' : *text);
        for (unsigned i = 1; i < len; i++) {
            emit_char(out, text[i]);
        }
        text += len == 0 ? 1 : len;
    }
    emit_char(out, '"');
}

void
emit_fixed_text(fmt_t *out, uint64_t value, unsigned digits) {
    uint64_t one = 1;
    for (unsigned i = 0; i < digits; i++) {
        one *= 10;
    }
    if (value == UINT64_MAX) {
        fmt_str(out, "-1");
        return;
    }
    fmt_u64(out, value / one);
    fmt_str(out, digits > 0 ? "." : "");
    while ((one /= 10) > 0) {
        fmt_char(out, (char)('0' + value / one % 10));
    }
}

void
emit_fixed(emit_t *out, uint64_t value, unsigned digits) {
    char buf[32];
    fmt_t text = fmt_begin(buf, sizeof buf);
    emit_fixed_text(&text, value, digits);
    emit_str(out, buf);
}

void
emit_cell(emit_t *out, unsigned width, const char *text) {
    size_t len = strlen(text);
    for (size_t i = len < width ? width - len : 1; i > 0; i--) {
        emit_char(out, ' ');
    }
    emit_str(out, text);
}
