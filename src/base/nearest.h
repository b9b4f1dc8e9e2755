/*
 * nearest.h -- "did you mean ...?": how near a mistyped name is to a known one.
 *
 * Use it wherever an unknown name is refused: compare it with each known name and offer the one with the least
 * nearest_distance(). There is one definition for configuration, controls and the Lua module; the module links nothing
 * of the allocator, so nearest.c is compiled into both and needs the C library alone. No allocation, no locale.
 */
#ifndef LUNALLOC_BASE_NEAREST_H
#define LUNALLOC_BASE_NEAREST_H

#include <stdint.h>

/* Bytes of a name. A longer one is near to none. */
#define NEAREST_MAX 96
/* The distance of names that are not near. */
#define NEAREST_NONE UINT32_MAX

/* Edits that turn a into b: insertions, deletions, replacements, and swaps of neighbours, one each. Upper and lower
 * case are the same. NEAREST_NONE if a name is longer than NEAREST_MAX. */
uint32_t nearest_edits(const char *a, const char *b);

/* The edits from `name` to `known`, if the writer of `name` is likely to have meant it; else NEAREST_NONE. Components
 * ("stats.", "arenas.") that both begin with are set aside. Of what follows, a third of the letters may be wrong, and
 * one letter of the shortest names, but not all of them. */
uint32_t nearest_distance(const char *name, const char *known);

#endif
