/* text.c -- numbers with suffixes, ranges, spelling distance. */
#include "control/text.h"

#include <string.h>

typedef struct {
    const char *suffix;
    uint64_t factor;
} suffix_t;

static const suffix_t byte_suffixes[] = {
    {"", 1},           {"B", 1},           {"K", 1 << 10},      {"M", 1 << 20},   {"G", 1 << 30},
    {"T", 1ULL << 40}, {"TB", 1ULL << 40}, {"TiB", 1ULL << 40}, {"KB", 1 << 10},  {"MB", 1 << 20},
    {"GB", 1 << 30},   {"KiB", 1 << 10},   {"MiB", 1 << 20},    {"GiB", 1 << 30}, {NULL, 0},
};
static const suffix_t ms_suffixes[] = {
    {"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};
/* Fixed point with 16 bits behind the point. */
static const suffix_t ratio_suffixes[] = {{"", 1 << 16}, {NULL, 0}};
static const suffix_t no_suffixes[] = {{"", 1}, {NULL, 0}};

static const suffix_t *
suffixes_of(const lunalloc_row_t *row) {
    return strcmp(row->unit, "bytes") == 0   ? byte_suffixes
           : strcmp(row->unit, "ms") == 0    ? ms_suffixes
           : strcmp(row->unit, "ratio") == 0 ? ratio_suffixes
                                             : no_suffixes;
}

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

static uint64_t
factor_of(const suffix_t *suffixes, const char *text, size_t len) {
    for (; suffixes->suffix != NULL; suffixes++) {
        if (same_word(suffixes->suffix, text, len)) {
            return suffixes->factor;
        }
    }
    return 0;
}

/* 16 or above: no digit. */
static unsigned
digit_of(char c) {
    char small = lower(c);
    return c >= '0' && c <= '9'           ? (unsigned)(c - '0')
           : small >= 'a' && small <= 'f' ? (unsigned)(small - 'a') + 10
                                          : 16;
}

/* As C writes them: 0x.. is hexadecimal, 0.. octal. Returns the bytes of the prefix. */
static size_t
radix_of(const char *text, size_t len, unsigned *radix) {
    bool zero = len > 1 && text[0] == '0';
    bool hex = zero && lower(text[1]) == 'x';
    *radix = hex ? 16 : zero && digit_of(text[1]) < 10 ? 8 : 10;
    return hex ? 2 : *radix == 8 ? 1 : 0;
}

/* digits [. digits] -> value * 10^decimals, and how many bytes were read; false on overflow or if there is no digit. */
static bool
scan(const char *text, size_t len, uint64_t *value, uint64_t *divisor, size_t *used) {
    unsigned radix;
    size_t i = radix_of(text, len, &radix);
    bool point = false;
    unsigned ndigits = 0;
    *value = 0;
    *divisor = 1;
    for (; i < len; i++) {
        if (text[i] == '.' && !point && ndigits > 0 && radix == 10) {
            point = true;
            continue;
        }
        unsigned digit = digit_of(text[i]);
        if (digit >= radix) {
            break;
        }
        if (__builtin_mul_overflow(*value, radix, value) || __builtin_add_overflow(*value, (uint64_t)digit, value)) {
            return false;
        }
        *divisor *= point ? 10 : 1;
        ndigits++;
        if (*divisor > 1000000) {
            return false;
        }
    }
    *used = i;
    return ndigits > 0;
}

bool
text_whole(const char *text, size_t len, uint64_t *value, size_t *used) {
    uint64_t divisor;
    return scan(text, len, value, &divisor, used) && text[*used - 1] != '.' && divisor == 1;
}

static bool
parse_number(const suffix_t *suffixes, const char *text, size_t len, bool *negative, uint64_t *value) {
    *negative = len > 0 && text[0] == '-';
    text += *negative;
    len -= *negative;
    uint64_t divisor;
    size_t used;
    if (!scan(text, len, value, &divisor, &used)) {
        return false;
    }
    while (used < len && text[used] == ' ') {
        used++;
    }
    uint64_t factor = factor_of(suffixes, text + used, len - used);
    unsigned __int128 scaled = (unsigned __int128)*value * factor / divisor;
    *value = (uint64_t)scaled;
    return factor != 0 && scaled <= UINT64_MAX && (factor > 1 || divisor == 1);
}

static bool
parse_bool(const char *text, size_t len, bool *value) {
    static const char *const words[] = {"false", "true", "0", "1", "off", "on", "no", "yes"};
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (same_word(words[i], text, len)) {
            *value = i % 2 == 1;
            return true;
        }
    }
    return false;
}

static void
allowed(const lunalloc_row_t *row, fmt_t *why) {
    fmt_str(why, "; allowed: ");
    if (row->type == LUNALLOC_BOOL) {
        fmt_str(why, "true or false");
        return;
    }
    fmt_str(why, "a number");
    if (row->ranged) {
        fmt_str(why, " from ");
        fmt_i64(why, row->min);
        if (row->max != INT64_MAX) {
            fmt_str(why, " to ");
            fmt_i64(why, row->max);
        } else {
            fmt_str(why, " on");
        }
    }
    if (suffixes_of(row) == byte_suffixes) {
        fmt_str(why, ", with K, M, G or T for bytes");
    } else if (suffixes_of(row) == ms_suffixes) {
        fmt_str(why, ", in ms or with s, m or h");
    }
}

static text_result_t
malformed(const lunalloc_row_t *row, const char *what, fmt_t *why) {
    fmt_str(why, what);
    allowed(row, why);
    return text_malformed;
}

static text_result_t
out_of_range(const lunalloc_row_t *row, fmt_t *why) {
    malformed(row, "is out of range", why);
    return text_out_of_range;
}

static bool
fits_range(const lunalloc_row_t *row, const lunalloc_value_t *value) {
    bool fits = true;
    if (value->type == LUNALLOC_UNSIGNED) {
        fits = value->v.u <= UINT32_MAX;
    }
    if (row->ranged && value->type == LUNALLOC_SSIZE) {
        fits = value->v.i >= row->min && value->v.i <= row->max;
    } else if (row->ranged && value->type != LUNALLOC_BOOL) {
        fits = fits && value->v.u >= (uint64_t)row->min && value->v.u <= (uint64_t)row->max;
    }
    return fits;
}

bool
text_in_range(const lunalloc_row_t *row, const lunalloc_value_t *value, fmt_t *why) {
    return fits_range(row, value) || out_of_range(row, why) == text_good;
}

static text_result_t
read_number(const lunalloc_row_t *row, const char *text, size_t len, lunalloc_value_t *value, fmt_t *why) {
    bool negative;
    uint64_t number;
    if (!parse_number(suffixes_of(row), text, len, &negative, &number)) {
        return malformed(row, "is not a number of this kind", why);
    }
    if (row->type == LUNALLOC_SSIZE && number <= INT64_MAX) {
        value->v.i = negative ? -(int64_t)number : (int64_t)number;
    } else if ((negative && number != 0) || row->type == LUNALLOC_SSIZE) {
        return out_of_range(row, why);
    } else {
        value->v.u = number;
    }
    return fits_range(row, value) ? text_good : out_of_range(row, why);
}

text_result_t
text_read(const lunalloc_row_t *row, const char *text, size_t len, lunalloc_value_t *value, fmt_t *why) {
    value->type = row->type;
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
        return read_number(row, text, len, value, why);
    }
}

bool
text_parse(const lunalloc_row_t *row, const char *text, size_t len, lunalloc_value_t *value, fmt_t *why) {
    return text_read(row, text, len, value, why) == text_good;
}

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

static uint32_t
min3(uint32_t a, uint32_t b, uint32_t c) {
    uint32_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Wagner and Fischer's table, one row at a time. */
uint32_t
text_distance(const char *a, const char *b) {
    uint32_t row[TEXT_MAX_NAME + 1];
    size_t n = strlen(b);
    if (n > TEXT_MAX_NAME || strlen(a) > TEXT_MAX_NAME) {
        return UINT32_MAX;
    }
    for (uint32_t j = 0; j <= n; j++) {
        row[j] = j;
    }
    for (uint32_t i = 1; a[i - 1] != '\0'; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= n; j++) {
            uint32_t above = row[j];
            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (lower(a[i - 1]) != lower(b[j - 1])));
            diagonal = above;
        }
    }
    return row[n];
}

static size_t
common(const char *a, const char *b) {
    size_t n = 0;
    for (size_t i = 0; a[i] == b[i]; i++) {
        n = a[i] == '.' ? i + 1 : n;
        if (a[i] == '\0') {
            break;
        }
    }
    return n;
}

/* What both begin with makes no difference; each byte that one is longer by is an edit. */
uint32_t
text_nearness(const char *name, const char *known) {
    size_t same = common(name, known);
    size_t n = strlen(name + same), m = strlen(known + same);
    size_t edits = (n + 1) / 3;
    edits = edits < 1 ? 1 : edits;
    if ((n > m ? n - m : m - n) > edits) {
        return UINT32_MAX;
    }
    uint32_t distance = text_distance(name + same, known + same);
    return distance <= edits ? distance : UINT32_MAX;
}
