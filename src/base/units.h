/*
 * units.h -- numbers with units as people write them: "500", "0x1f", "017", "64M", "1.5 GiB", "10s", "250ms", "50k".
 *
 * The one parser of such text: configuration, controls and the Lua module all use it, so a text means the same
 * everywhere. The module links nothing of the allocator, so units.c is compiled into both and needs the C library alone.
 * No allocation, no locale. Letters may be of either case; blanks may stand before the unit.
 *
 *   UNITS_NONE    a whole number
 *   UNITS_COUNT   k M G T: powers of 1000
 *   UNITS_BYTES   K M G T, also KB and KiB and so on: powers of 1024; B: 1
 *   UNITS_MS      ns us ms s m min h d; without a unit ms. The value is in milliseconds.
 *   UNITS_NS      the same; without a unit s. The value is in nanoseconds.
 *   UNITS_RATIO   a fraction; the value has 16 bits behind the point
 *
 * A fraction ("1.5G") is cut to a whole value. It is refused where the unit is the value's own ("1.5" bytes), and where
 * nothing is left of it ("0.1us" in milliseconds).
 */
#ifndef LUNALLOC_BASE_UNITS_H
#define LUNALLOC_BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    UNITS_NONE,
    UNITS_COUNT,
    UNITS_BYTES,
    UNITS_MS,
    UNITS_NS,
    UNITS_RATIO
} units_t;

/* Parses all of len bytes: digits [. digits] [blanks] [unit], no sign. Numbers without a fraction may be hexadecimal
 * (0x..) or octal (0..). False if the text is none of these, or if the value does not fit. */
bool units_parse(units_t units, const char *text, size_t len, uint64_t *value);

/* Parses the whole number, of any radix, at the start of a text; *used: its length. False on overflow or without one. */
bool units_parse_whole(const char *text, size_t len, uint64_t *value, size_t *used);

/* How many of the value's own unit a unit is: 1024 for "K" of bytes, 1000 for "s" in milliseconds, 1 for none; 0 if it
 * is no such unit or smaller than the value's own. For parsers of other forms of numbers. */
uint64_t units_factor(units_t units, const char *unit, size_t len);

/* What a refusal says of the units: ", with K, M, G or T for bytes"; "" for plain numbers. */
const char *units_allowed(units_t units);

#endif
