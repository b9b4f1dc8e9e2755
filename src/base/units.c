/* units.c -- tables of units, and a scanner that reads a number exactly: digits, an exponent of ten, a factor. */
#include "base/units.h"

#include <string.h>

enum {
    EXPONENT_MAX = 1000 /* of ten; a larger one counts as this: the value is 0 or does not fit either way */
};

typedef struct {
    char name[4];
    uint64_t factor; /* bytes, objects, or nanoseconds in the unit; parts of a ratio */
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

/* Parts of a ratio of 1. A whole value has 16 bits behind the point, and 1 % is a whole number of parts. */
#define RATIO_ONE (UINT64_C(100) << 16)

static const unit_t ratios[] = {{"%", RATIO_ONE / 100}, {"", 0}};

static const unit_t none[] = {{"", 0}};

/* The factors of each kind of quantity. */
static const struct {
    uint64_t plain; /* factor of a number without a unit */
    uint64_t own;   /* factor of the unit that a whole value counts */
    uint64_t real;  /* factor of the unit that a value with a fraction counts */
    char allowed[48];
} kinds[] = {
    [UNITS_NONE] = {1, 1, 1, ""},
    [UNITS_COUNT] = {1, 1, 1, ", with k, M, G or T for thousands"},
    [UNITS_RATE] = {1, 1, 1, ", with k, M, G or T for thousands"},
    [UNITS_BYTES] = {1, 1, 1, ", with K, M, G or T for bytes"},
    [UNITS_MS] = {1000000, 1000000, 1000000, ", in ms or with ns, us, s, m, h or d"},
    [UNITS_NS] = {1000000000, 1, 1, ", in s or with ns, us, ms, m, h or d"},
    [UNITS_RATIO] = {RATIO_ONE, RATIO_ONE >> 16, RATIO_ONE, ", or with % for hundredths"},
};

static const unit_t *
table_of(units_t units) {
    switch (units) {
    case UNITS_COUNT:
    case UNITS_RATE:
        return counts;
    case UNITS_BYTES:
        return bytes;
    case UNITS_MS:
    case UNITS_NS:
        return times;
    case UNITS_RATIO:
        return ratios;
    default:
        return none;
    }
}

/* ---- text ---- */

/* The part of the text that is not read yet. */
typedef struct {
    const char *at, *end;
} rest_t;

static char
lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The next byte in lower case; '\0' at the end. */
static char
peek(const rest_t *rest) {
    return rest->at < rest->end ? lower(*rest->at) : '\0';
}

/* Moves past the next byte if it is c, in either case. */
static bool
accept(rest_t *rest, char c) {
    bool is = rest->at < rest->end && peek(rest) == lower(c);
    rest->at += is;
    return is;
}

/* The value of the next digit; 16 if it is none. */
static unsigned
digit(const rest_t *rest) {
    char c = peek(rest);
    return c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* ---- numbers ---- */

/* The quantity digits * 10^exponent * factor. */
typedef struct {
    uint64_t digits;
    int exponent;
    bool cut;   /* digits before the point were dropped: they do not fit in 64 bits */
    bool plain; /* no unit is given */
    uint64_t factor;
} number_t;

/* Digits of the radix; false on overflow, or if there are none. */
static bool
scan_whole(rest_t *rest, unsigned radix, uint64_t *value) {
    const char *start = rest->at;
    for (*value = 0; digit(rest) < radix; rest->at++) {
        if (__builtin_mul_overflow(*value, radix, value) ||
            __builtin_add_overflow(*value, (uint64_t)digit(rest), value)) {
            return false;
        }
    }
    return rest->at > start;
}

/* The radix, as C writes it: 0x.. is hexadecimal, 0.. octal. Moves past the 0x. */
static unsigned
scan_radix(rest_t *rest) {
    rest_t after = *rest;
    bool zero = accept(&after, '0');
    bool octal = zero && digit(&after) < 10;
    if (zero && accept(&after, 'x')) {
        *rest = after;
        return 16;
    }
    return octal ? 8 : 10;
}

/* Decimal digits with at most one point. The first digit that does not fit is dropped, and so are all that follow. */
static bool
scan_decimal(rest_t *rest, number_t *number) {
    bool point = false, full = false;
    for (unsigned ndigits = 0;; rest->at++) {
        if (!point && peek(rest) == '.') {
            point = true;
            continue;
        }
        if (digit(rest) >= 10) {
            return ndigits > 0;
        }
        uint64_t value;
        full = full || __builtin_mul_overflow(number->digits, 10, &value) ||
               __builtin_add_overflow(value, (uint64_t)digit(rest), &value);
        number->digits = full ? number->digits : value;
        number->exponent += full - point;
        number->cut = number->cut || (full && !point);
        ndigits++;
    }
}

/* An exponent such as "e-3". An e without digits is not read: the text is refused then, because no unit is called e. */
static void
scan_exponent(rest_t *rest, number_t *number) {
    rest_t after = *rest;
    int exponent = 0;
    if (!accept(&after, 'e')) {
        return;
    }
    bool negative = accept(&after, '-');
    if (!negative) {
        accept(&after, '+');
    }
    for (; digit(&after) < 10; after.at++) {
        exponent = exponent * 10 + (int)digit(&after);
        exponent = exponent < EXPONENT_MAX ? exponent : EXPONENT_MAX;
        rest->at = after.at + 1;
    }
    number->exponent += negative ? -exponent : exponent;
}

static bool
scan_number(rest_t *rest, number_t *number) {
    unsigned radix = scan_radix(rest);
    if (radix != 10) {
        return scan_whole(rest, radix, &number->digits);
    }
    if (!scan_decimal(rest, number)) {
        return false;
    }
    scan_exponent(rest, number);
    return true;
}

static bool
is_unit(const char *name, rest_t rest) {
    while (*name != '\0' && accept(&rest, *name)) {
        name++;
    }
    return *name == '\0' && rest.at == rest.end;
}

/* The factor of the unit whose name is the rest of the text; 0 if no unit has that name. */
static uint64_t
find(units_t units, const rest_t *rest) {
    const unit_t *unit = table_of(units);
    while (unit->factor != 0 && !is_unit(unit->name, *rest)) {
        unit++;
    }
    return unit->factor;
}

static bool
scan(units_t units, const char *text, size_t len, number_t *number) {
    rest_t rest = {text, text + len};
    *number = (number_t){.digits = 0};
    if (!scan_number(&rest, number)) {
        return false;
    }
    if (units == UNITS_RATE && rest.end - rest.at >= 2 && memcmp(rest.end - 2, "/s", 2) == 0) {
        rest.end -= 2;
    }
    while (accept(&rest, ' ')) {
    }
    number->plain = rest.at == rest.end;
    number->factor = number->plain ? kinds[units].plain : find(units, &rest);
    return number->factor != 0;
}

/* ---- the interface ---- */

/* The quantity, in the kind's smallest parts, is *above / *below. False if it is too large. */
static bool
as_fraction(const number_t *number, unsigned __int128 *above, unsigned __int128 *below) {
    *above = (unsigned __int128)number->digits * number->factor;
    for (int e = number->exponent; e > 0 && *above != 0; e--) {
        if (__builtin_mul_overflow(*above, 10, above)) {
            return false;
        }
    }
    /* Dividing by more powers of ten than this makes any dividend 0. */
    for (int e = number->exponent; e < 0 && *below <= ~(unsigned __int128)0 / 10; e++) {
        *below *= 10;
    }
    return !number->cut;
}

bool
units_parse(units_t units, const char *text, size_t len, uint64_t *value) {
    number_t number;
    uint64_t own = kinds[units].own;
    unsigned __int128 above, below = own;
    if (!scan(units, text, len, &number) || !as_fraction(&number, &above, &below)) {
        return false;
    }
    bool time = units == UNITS_MS || units == UNITS_NS;
    bool rest = above % below != 0;
    bool divided = rest && number.factor == own && (number.plain || !time);
    unsigned __int128 whole = above / below + (rest && time);
    *value = (uint64_t)whole;
    return whole <= UINT64_MAX && !divided && (whole != 0 || !rest);
}

bool
units_parse_real(units_t units, const char *text, size_t len, double *value) {
    number_t number;
    bool negative = len > 0 && text[0] == '-';
    if (!scan(units, text + negative, len - negative, &number)) {
        return false;
    }
    double power = 1;
    int size = number.exponent < 0 ? -number.exponent : number.exponent;
    for (int e = 0; e < size; e++) {
        power *= 10;
    }
    double digits = (double)number.digits;
    digits = number.exponent < 0 ? digits / power : number.digits == 0 ? 0 : digits * power;
    *value = digits * ((double)number.factor / (double)kinds[units].real) * (negative ? -1 : 1);
    return true;
}

bool
units_parse_whole(const char *text, size_t len, uint64_t *value, size_t *used) {
    rest_t rest = {text, text + len};
    bool good = scan_whole(&rest, scan_radix(&rest), value);
    *used = (size_t)(rest.at - text);
    return good;
}

const char *
units_allowed(units_t units) {
    return kinds[units].allowed;
}
