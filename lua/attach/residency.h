/*
 * residency.h -- which pages of another process are in memory, and which a core file holds: map/residency.h, for what
 * this folder can reach.
 */
#ifndef LUNALLOC_LUA_ATTACH_RESIDENCY_H
#define LUNALLOC_LUA_ATTACH_RESIDENCY_H

#include "attach/core_file.h"
#include "attach/process.h"
#include "map/residency.h"

/* Each returns 0, or an errno value as residency_read() does, with a line in the message of the memory. */
int residency_of_process(process_t *process, residency_job_t *job);
/* A part of the file that was never written, a hole, counts as absent. */
int residency_of_core(core_file_t *core, residency_job_t *job);

#endif
