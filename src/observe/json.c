/* json.c -- commas and values. */
#include "observe/json.h"

#include <string.h>

#define DOUBLE_DIGITS 6
#define DOUBLE_ONE    1e6

/* A key or value that follows another one needs a comma. */
static void
separate(emit_t *out) {
    if (out->last != '\0' && strchr("{[:", out->last) == NULL) {
        emit_char(out, ',');
    }
}

void
json_key(emit_t *out, const char *name) {
    separate(out);
    emit_quoted(out, name);
    emit_char(out, ':');
}

void
json_open(emit_t *out, char bracket) {
    separate(out);
    emit_char(out, bracket);
}

void
json_close(emit_t *out, char bracket) {
    emit_char(out, bracket);
}

void
json_text(emit_t *out, const char *text) {
    separate(out);
    emit_quoted(out, text);
}

void
json_bool(emit_t *out, bool value) {
    separate(out);
    emit_str(out, value ? "true" : "false");
}

void
json_u64(emit_t *out, uint64_t value) {
    separate(out);
    emit_u64(out, value);
}

void
json_i64(emit_t *out, int64_t value) {
    separate(out);
    emit_i64(out, value);
}

void
json_fixed(emit_t *out, uint64_t value, unsigned digits) {
    separate(out);
    emit_fixed(out, value, digits);
}

void
json_double(emit_t *out, double value) {
    double magnitude = value < 0 ? -value : value;
    separate(out);
    emit_str(out, value < 0 ? "-" : "");
    if (magnitude * DOUBLE_ONE < 1e19) {
        emit_fixed(out, (uint64_t)(magnitude * DOUBLE_ONE + 0.5), DOUBLE_DIGITS);
    } else {
        emit_u64(out, magnitude < 1e19 ? (uint64_t)magnitude : 0);
    }
}
