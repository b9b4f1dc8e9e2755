/*
 * foreign.h -- the structures and variables of a library in another process, by its table of layouts.
 *
 * foreign_open() reads the table (control/layout.h) of the library whose lunalloc_target was found, and refuses a
 * library that this module does not understand. Afterwards foreign_copy() turns bytes of that process into a structure
 * as this module has it, so that the code above works with the fields of the allocator's own headers. Pointers in such
 * a structure are addresses of the other process: never follow them here.
 *
 * Nothing read is trusted: the table is checked once, and what is found with it must be checked by the caller.
 */
#ifndef LUNALLOC_LUA_ATTACH_FOREIGN_H
#define LUNALLOC_LUA_ATTACH_FOREIGN_H

#include "attach/memory.h"
#include "control/layout.h"
#include "control/target.h"

enum {
    FOREIGN_BOOLS = 32
};

typedef struct {
    layout_t *layout;                     /* the other library's */
    uint64_t variables[LAYOUT_VARIABLES]; /* addresses */
    bool same;                            /* all offsets are those of this module */
    const layout_field_t
        *bools[FOREIGN_BOOLS]; /* fields of this module's structures that are bool, in the list's order */
    unsigned nbools;
    unsigned first_bool[LAYOUT_STRUCTS + 1]; /* those of a structure: from this one up to the next structure's */
} foreign_t;

/* 0; or an errno value with one line in memory->message: EPROTO if the library is of another version or build, EFAULT
 * if the table cannot be read. After a failure there is nothing to close. */
int foreign_open(foreign_t *foreign, memory_t *memory, const target_t *target);
void foreign_close(foreign_t *foreign);

/* Bytes of a structure in the other process; the offset of a place; the address of a variable. */
static inline size_t
foreign_size(const foreign_t *foreign, layout_struct_t id) {
    return foreign->layout->structs[id];
}

static inline size_t
foreign_place(const foreign_t *foreign, layout_place_t id) {
    return foreign->layout->places[id];
}

#define foreign_variable(foreign, symbol) ((foreign)->variables[layout_of_##symbol])

/* Fills `out`, a structure of this module, from the bytes of one in the other process; fields that are not in the list
 * of layouts are undefined. */
void foreign_copy(const foreign_t *foreign, layout_struct_t id, const void *bytes, void *out);

#endif
