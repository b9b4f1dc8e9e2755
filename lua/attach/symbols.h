/*
 * symbols.h -- names for addresses of another process's code: the file that is mapped there, and the offset in it.
 */
#ifndef LUNALLOC_LUA_ATTACH_SYMBOLS_H
#define LUNALLOC_LUA_ATTACH_SYMBOLS_H

#include "attach/memory.h"

/* "libc.so.6+0x1f00", or "0x1f00" if no file is mapped there. */
void symbols_name(memory_t *memory, uint64_t addr, char *name, size_t size);

#endif
