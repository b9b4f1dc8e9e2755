/*
 * json.h -- the one writer of JSON: the report's, and the Lua module's for snapshots.
 *
 * Use it on an emit_t: open an object or an array, then for each member a key (in objects) and a value, then close it.
 * Commas need no care: each key or value puts one where the character emitted last asks for it. Nothing checks that
 * brackets match. The Lua module is linked with json.c, too.
 */
#ifndef LUNALLOC_OBSERVE_JSON_H
#define LUNALLOC_OBSERVE_JSON_H

#include "observe/emit.h"

void json_key(emit_t *out, const char *name);
/* bracket: '{' or '['. */
void json_open(emit_t *out, char bracket);
/* bracket: '}' or ']'. */
void json_close(emit_t *out, char bracket);

void json_text(emit_t *out, const char *text);
void json_bool(emit_t *out, bool value);
void json_u64(emit_t *out, uint64_t value);
void json_i64(emit_t *out, int64_t value);
/* As emit_fixed: value / 10^digits, or -1. */
void json_fixed(emit_t *out, uint64_t value, unsigned digits);
/* The nearest number with six decimals; 0 if it is none. */
void json_double(emit_t *out, double value);

#endif
