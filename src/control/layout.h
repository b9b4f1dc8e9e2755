/*
 * layout.h -- the table of layouts: where the fields of the library's structures are, which numbers it was built with,
 * and where its variables are. With it, another process reads this one without its help: alive, stopped, or as a core
 * file (lua/attach). Nothing in this process reads it.
 *
 * The list of entries is layout.def. The library has the table of its own build, which the reader finds through
 * lunalloc_target (target.h). The reader has that of its own build, as it is linked with layout.c, too. Both have the
 * entries in the order of the list, so an entry has the same number in both, provided that the lists are the same.
 * `names` is the text of the list, and of all other lists by whose numbers a reader understands what it reads
 * (layout_names.def). A reader compares it as a whole:
 *
 *   the same names and numbers     structures are read as they are
 *   the same names, other offsets  they are read field by field: another build of the same source
 *   other names, or version        nothing is read
 *
 * The tables are constant data without addresses (a variable is a distance from its own entry), so they cost nothing at
 * start, and a process that is not read has no page of them. Core files lack constant data; a reader finds it in the
 * library's own file.
 */
#ifndef LUNALLOC_CONTROL_LAYOUT_H
#define LUNALLOC_CONTROL_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

/* Raise it when something in the list comes to mean something else (scripts/check-layout). */
#define LAYOUT_VERSION 1

/* ---- numbers of the entries ---- */

typedef enum {
#define STRUCT(id, type) layout_##id,
#include "control/layout.def"
    LAYOUT_STRUCTS
} layout_struct_t;

typedef enum {
#define PLACE(id, of, field) layout_at_##id,
#include "control/layout.def"
    LAYOUT_PLACES
} layout_place_t;

typedef enum {
#define CONSTANT(name) layout_is_##name,
#include "control/layout.def"
    LAYOUT_CONSTANTS
} layout_constant_t;

typedef enum {
#define VARIABLE(symbol) layout_of_##symbol,
#include "control/layout.def"
    LAYOUT_VARIABLES
} layout_variable_t;

enum {
    LAYOUT_FIELDS = 0
#define FIELD(of, path) +1
#include "control/layout.def"
};

/* ---- the table ---- */

typedef struct {
    uint32_t offset; /* bytes, of the structure */
    uint16_t size;   /* bytes */
    uint16_t of;     /* layout_struct_t; fields of a structure follow each other */
} layout_field_t;

typedef struct {
    /* These fields never move. */
    uint32_t size; /* bytes of the table, names included */
    uint32_t version;
    uint32_t names_offset, names_size; /* where the names are in it; the terminator included */

    uint32_t structs[LAYOUT_STRUCTS]; /* sizes; bytes */
    uint32_t places[LAYOUT_PLACES];   /* offsets; bytes */
    layout_field_t fields[LAYOUT_FIELDS];
    uint64_t constants[LAYOUT_CONSTANTS];
    char names[];
} layout_t;

/* The table of the code that this is linked to. */
extern const layout_t layout_table;

static inline const char *
layout_names(const layout_t *layout) {
    return (const char *)layout + layout->names_offset;
}

/* Of the library alone: is this a debug build? */
extern const bool layout_debug;
/* Of the library alone: the distance of each variable from its own entry. */
extern const int64_t layout_variables[];

#endif
