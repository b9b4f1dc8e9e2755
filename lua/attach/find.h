/*
 * find.h -- finds the structure lunalloc_target (control/target.h) in a process or a core file.
 */
#ifndef LUNALLOC_LUA_ATTACH_FIND_H
#define LUNALLOC_LUA_ATTACH_FIND_H

#include "attach/memory.h"
#include "control/target.h"

/*
 * Finds the structure by its ELF note, and copies it. `title`: what it is searched in, for the message. If a process
 * has several copies of the library, the one that has booted is found. A structure that is smaller than this module's
 * ends with zeros.
 *
 * 0, or an errno value and a line in memory->message: ENOENT if lunalloc is not in it, EPROTO if that is of a version
 * that this module does not know.
 */
int find_target(memory_t *memory, const char *title, uint64_t *addr, target_t *copy);

/* Copies the structure again, from the address that was found. EPROTO if it is not there any more. */
int find_target_again(memory_t *memory, const char *title, uint64_t addr, target_t *copy);

#endif
