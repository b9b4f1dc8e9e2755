/* units.c -- tables of units, and the scanner of digits. */
#include "base/units.h"

#include <string.h>

typedef struct {
    char name[4];
    uint64_t factor; /* of bytes or objects 1; of times 1 ns */
} unit_t;

static const unit_t counts[] = {{"k", 1000}, {"M", 1000000}, {"G", 1000000000}, {"T", 1000000000000}, {"", 0}};

static const unit_t bytes[] = {
    {"B", 1},          {"K", 1 << 10},     {"KB", 1 << 10},     {"KiB", 1 << 10}, {"M", 1 << 20},
    {"MB", 1 << 20},   {"MiB", 1 << 20},   {"G", 1 << 30},      {"GB", 1 << 30},  {"GiB", 1 << 30},
    {"T", 1ULL << 40}, {"TB", 1ULL << 40}, {"TiB", 1ULL << 40}, {"", 0},
};

static const unit_t times[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", 60000000000},
    {"min", 60000000000},
    {"h", 3600000000000},
    {"d", 86400000000000},
    {"", 0},
};

static const unit_t none[] = {{"", 0}};

/* What each kind of number takes. */
static const struct {
    uint64_t plain; /* the factor of a number without a unit */
    uint64_t own;   /* the factor that the value is counted in */
    char allowed[48];
} kinds[] = {
    [UNITS_NONE] = {1, 1, ""},
    [UNITS_COUNT] = {1, 1, ", with k, M, G or T for thousands"},
    [UNITS_BYTES] = {1, 1, ", with K, M, G or T for bytes"},
    [UNITS_MS] = {1000000, 1000000, ", in ms or with us, s, m, h or d"},
    [UNITS_NS] = {1000000000, 1, ", in s or with us, ms, m, h or d"},
    [UNITS_RATIO] = {1 << 16, 1, ""},
};

static const unit_t *
table_of(units_t units) {
    switch (units) {
    case UNITS_COUNT:
        return counts;
    case UNITS_BYTES:
        return bytes;
    case UNITS_MS:
    case UNITS_NS:
        return times;
    default:
        return none;
    }
}

static char
lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
is_unit(const char *name, const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '\0' || lower(name[i]) != lower(text[i])) {
            return false;
        }
    }
    return name[len] == '\0';
}

/* The factor of a unit, 0 if there is none of that name. */
static uint64_t
find(units_t units, const char *text, size_t len) {
    if (len == 0) {
        return kinds[units].plain;
    }
    const unit_t *unit = table_of(units);
    while (unit->factor != 0 && !is_unit(unit->name, text, len)) {
        unit++;
    }
    return unit->factor;
}

/* ---- digits ---- */

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

/* digits [. digits] -> value / divisor, and how many bytes they are; false on overflow, without a digit, and with more
 * than 6 digits behind the point. */
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

/* ---- the interface ---- */

bool
units_parse_whole(const char *text, size_t len, uint64_t *value, size_t *used) {
    uint64_t divisor;
    return scan(text, len, value, &divisor, used) && text[*used - 1] != '.' && divisor == 1;
}

bool
units_parse(units_t units, const char *text, size_t len, uint64_t *value) {
    uint64_t number, divisor;
    size_t used;
    if (!scan(text, len, &number, &divisor, &used)) {
        return false;
    }
    while (used < len && text[used] == ' ') {
        used++;
    }
    uint64_t factor = find(units, text + used, len - used), own = kinds[units].own;
    unsigned __int128 scaled = (unsigned __int128)number * factor / (divisor * own);
    bool whole = divisor == 1 || factor > own;
    *value = (uint64_t)scaled;
    return factor != 0 && whole && scaled <= UINT64_MAX && (scaled != 0 || number == 0);
}

uint64_t
units_factor(units_t units, const char *unit, size_t len) {
    return find(units, unit, len) / kinds[units].own;
}

const char *
units_allowed(units_t units) {
    return kinds[units].allowed;
}
