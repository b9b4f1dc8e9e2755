/*
 * units.h -- quantities as people write them: "500", "64M", "1.5 GiB", "10s", "250us", "50k/s", "75%", "0x1f".
 *
 * Use it wherever a text stands for a size, a time, a count, a rate or a ratio. Configuration, controls and the Lua
 * module all do, so a text means the same everywhere; there is no other parser of units. The module links nothing of
 * the allocator, so units.c is compiled into both and needs the C library alone. No allocation, no locale.
 *
 *   QUANTITY = NUMBER [blanks] [UNIT]          letters may be of either case
 *   NUMBER   = digits ["." digits] ["e" ["+" | "-"] digits] | "." digits ...
 *            | "0x" hexadecimal digits | "0" octal digits
 *
 *   UNITS_NONE    no unit
 *   UNITS_COUNT   k M G T: powers of 1000
 *   UNITS_RATE    the same, with or without "/s"
 *   UNITS_BYTES   K M G T, also KB and KiB and so on: powers of 1024; B: 1
 *   UNITS_MS      ns us ms s m min h d; without a unit ms. The value is in milliseconds.
 *   UNITS_NS      the same; without a unit s. The value is in nanoseconds.
 *   UNITS_RATIO   %. A whole value has 16 bits behind the point.
 */
#ifndef LUNALLOC_BASE_UNITS_H
#define LUNALLOC_BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    UNITS_NONE,
    UNITS_COUNT,
    UNITS_RATE,
    UNITS_BYTES,
    UNITS_MS,
    UNITS_NS,
    UNITS_RATIO
} units_t;

/*
 * Parses all of len bytes, which have no sign, into a whole value. A fraction of it ("0.1K") is cut off, but times are
 * rounded up: a wait is never shorter than written. False if the text is no such quantity, if the value does not fit,
 * if a fraction is written in the value's own unit ("1.5" bytes), or if nothing would be left ("0.0001K").
 */
bool units_parse(units_t units, const char *text, size_t len, uint64_t *value);

/* Parses all of len bytes, which may begin with "-", into a value that keeps its fraction; a ratio of "75%" is 0.75.
 * False if the text is no such quantity. Infinite if the value is too large. */
bool units_parse_real(units_t units, const char *text, size_t len, double *value);

/* Parses the whole number, of any radix, at the start of a text; *used: its length. False on overflow, or if there is
 * none. */
bool units_parse_whole(const char *text, size_t len, uint64_t *value, size_t *used);

/* The end of a refusal, which names the units: ", with K, M, G or T for bytes"; "" for plain numbers. */
const char *units_allowed(units_t units);

#endif
