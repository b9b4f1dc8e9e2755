/*
 * target_memory.h -- a target that is read without its help: a live process, or a core file. Reading alone: nothing can
 * be set.
 */
#ifndef LUNALLOC_LUA_ATTACH_TARGET_MEMORY_H
#define LUNALLOC_LUA_ATTACH_TARGET_MEMORY_H

#include "attach/core_file.h"
#include "attach/process.h"
#include "target.h"

/* Makes a target of a process, whose structure lunalloc_target is at `addr`. The process belongs to it from then on. 0,
 * or an errno value and a line in memory_of(process)->message, and the process is still the caller's. */
int target_memory_attach(process_t *process, uint64_t addr, target_handle_t **out);

/* The same of a core file. A failure's line is in core_memory(core)->message. */
int target_memory_attach_core(core_file_t *core, target_handle_t **out);

/* Did all parts of the latest result fit together? Of other targets: yes. */
bool target_memory_consistent(const target_handle_t *target);

#endif
