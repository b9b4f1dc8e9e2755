/*
 * core_notes.h -- the notes of a core file: the process, its threads, and the files that it had mapped; and the
 * contents of those files, where the core does not have them. For core_file.c.
 */
#ifndef LUNALLOC_LUA_ATTACH_CORE_NOTES_H
#define LUNALLOC_LUA_ATTACH_CORE_NOTES_H

#include "attach/core_file.h"

typedef struct {
    core_info_t info;
    memory_map_t *maps; /* of files; each path is in `text` */
    size_t nmaps;
    char *text;
    /* The file that was read last. */
    const char *opened; /* its path; NULL: none */
    int fd;             /* -1: it cannot be read, or is another file now */
    char why[256];      /* then: one line */
} core_notes_t;

/* Takes what it knows of n bytes of notes, which may be damaged. 0, or ENOMEM. */
int core_notes_parse(core_notes_t *notes, const char *bytes, size_t n);
void core_notes_free(core_notes_t *notes);

/* Reads from the file that was mapped at an address: *n bytes, at least one, at most `size`. EFAULT if none was, or if
 * it is not the same file any more. */
int core_notes_read_file(core_notes_t *notes, memory_t *memory, uint64_t addr, void *to, size_t size, size_t *n);

#endif
