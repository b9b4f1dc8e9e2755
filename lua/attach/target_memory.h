/*
 * target_memory.h -- a target that is read without its help.
 */
#ifndef LUNALLOC_LUA_ATTACH_TARGET_MEMORY_H
#define LUNALLOC_LUA_ATTACH_TARGET_MEMORY_H

#include "attach/process.h"
#include "target.h"

/* Makes a target of a process, whose structure lunalloc_target is at `addr`. The process belongs to it from then on. 0,
 * or an errno value and a line in process_memory(process)->message, and the process is still the caller's. */
int target_memory_attach(process_t *process, uint64_t addr, target_handle_t **out);

#endif
