/* text.c -- parsing and printing by the type and the unit of a row. */
#include "control/text.h"

#include "base/units.h"

#include <string.h>

/* Thousands are no unit of a count that stays below them. */
static units_t
units_of(const ctl_row_t *row) {
    bool few = row->min != row->max && row->max < 1000;
    return strcmp(row->unit, "bytes") == 0           ? UNITS_BYTES
           : strcmp(row->unit, "ms") == 0            ? UNITS_MS
           : strcmp(row->unit, "ratio") == 0         ? UNITS_RATIO
           : strcmp(row->unit, "count") == 0 && !few ? UNITS_COUNT
                                                     : UNITS_NONE;
}

/* ---- refusals ---- */

static void
put_allowed(const ctl_row_t *row, fmt_t *why) {
    fmt_str(why, "; allowed: ");
    if (row->type == LUNALLOC_BOOL) {
        fmt_str(why, "true or false");
        return;
    }
    fmt_str(why, "a number");
    if (row->min != row->max) {
        fmt_str(why, " from ");
        fmt_i64(why, row->min);
        if (row->max != INT64_MAX) {
            fmt_str(why, " to ");
            fmt_i64(why, row->max);
        } else {
            fmt_str(why, " on");
        }
    }
    fmt_str(why, units_allowed(units_of(row)));
}

static text_result_t
malformed(const ctl_row_t *row, const char *what, fmt_t *why) {
    fmt_str(why, what);
    put_allowed(row, why);
    return text_malformed;
}

void
text_refuse_range(const ctl_row_t *row, fmt_t *why) {
    malformed(row, "is out of range", why);
}

/* ---- parsing ---- */

static char
lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
same_word(const char *word, const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (word[i] == '\0' || lower(word[i]) != lower(text[i])) {
            return false;
        }
    }
    return word[len] == '\0';
}

static bool
parse_bool(const char *text, size_t len, bool *value) {
    static const char words[][6] = {"false", "true", "0", "1", "off", "on", "no", "yes"};
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (same_word(words[i], text, len)) {
            *value = i % 2 == 1;
            return true;
        }
    }
    return false;
}

static text_result_t
parse_number(const ctl_row_t *row, const char *text, size_t len, lunalloc_value_t *value, fmt_t *why) {
    bool negative = len > 0 && text[0] == '-';
    uint64_t number;
    if (!units_parse(units_of(row), text + negative, len - negative, &number)) {
        return malformed(row, "is not a number of this kind", why);
    }
    if (row->type == LUNALLOC_SSIZE && number <= INT64_MAX) {
        value->v.i = negative ? -(int64_t)number : (int64_t)number;
    } else if ((negative && number != 0) || row->type == LUNALLOC_SSIZE) {
        text_refuse_range(row, why);
        return text_out_of_range;
    } else {
        value->v.u = number;
    }
    return text_good;
}

text_result_t
text_parse(const ctl_row_t *row, const char *text, size_t len, lunalloc_value_t *value, fmt_t *why) {
    value->type = (lunalloc_type_t)row->type;
    switch (row->type) {
    case LUNALLOC_POINTER:
    case LUNALLOC_STRUCT:
        fmt_str(why, "is no way to give a pointer; allowed: mallctl, from C");
        return text_malformed;
    case LUNALLOC_STRING:
        value->v.s = text;
        return text_good;
    case LUNALLOC_BOOL:
        return parse_bool(text, len, &value->v.b) ? text_good : malformed(row, "is not a truth value", why);
    default:
        return parse_number(row, text, len, value, why);
    }
}

/* ---- printing ---- */

void
text_put(fmt_t *out, const lunalloc_value_t *value) {
    switch (value->type) {
    case LUNALLOC_VOID:
    case LUNALLOC_STRUCT:
        break;
    case LUNALLOC_BOOL:
        fmt_str(out, value->v.b ? "true" : "false");
        break;
    case LUNALLOC_SSIZE:
        fmt_i64(out, value->v.i);
        break;
    case LUNALLOC_STRING:
        fmt_str(out, value->v.s);
        break;
    case LUNALLOC_POINTER:
        fmt_str(out, "0x");
        fmt_hex(out, (uintptr_t)value->v.p);
        break;
    case LUNALLOC_UNSIGNED:
    case LUNALLOC_SIZE:
    case LUNALLOC_U64:
        fmt_u64(out, value->v.u);
        break;
    }
}
