/*
 * core_file.h -- a core file as memory that can be read (memory.h), and what it says of the process that it is of.
 *
 * Where the core has no contents for a part of a file that was mapped (the kernel leaves out code and constants), the
 * file itself is read, provided that it is the same one: its build id is that of the first page, which cores do have.
 *
 * Nothing is read but what is asked for, so cores may be large and sparse.
 */
#ifndef LUNALLOC_LUA_ATTACH_CORE_FILE_H
#define LUNALLOC_LUA_ATTACH_CORE_FILE_H

#include "attach/memory.h"

enum {
    CORE_NAME = 32
};

typedef struct core_file core_file_t;

typedef struct {
    int pid;              /* in the process's own namespace; 0: unknown */
    char name[CORE_NAME]; /* "" if unknown; control characters replaced */
    unsigned nthreads;
} core_info_t;

/* Opens a core file. 0, or an errno value and a line in `message`: EINVAL if it is none, or none that can be read. */
int core_open(const char *path, core_file_t **out, char *message, size_t size);
memory_t *core_memory(core_file_t *core);
const core_info_t *core_info(const core_file_t *core);
/* "core file PATH"; valid as long as the core. */
const char *core_title(const core_file_t *core);
/* Calls visit for each range of addresses whose contents the core has, ascending, without the file's holes. */
void core_held(const core_file_t *core, void (*visit)(void *context, uint64_t start, uint64_t end), void *context);
void core_close(core_file_t *core);

#endif
