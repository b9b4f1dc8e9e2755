/*
 * memory.h -- the memory of a process that is not this one: of a live process, or as a core file has it.
 *
 * Code that looks at another process without its help reads through this interface, so it works on both. process.c
 * implements it for live processes. find.c finds lunalloc's structure in it.
 *
 * Each function returns 0, or an errno value with one line in memory->message: EFAULT if something is not mapped or not
 * in the core file, EPERM if the kernel forbids it, ESRCH if the process is gone, or its number was given to another
 * process meanwhile. Not thread-safe.
 */
#ifndef LUNALLOC_LUA_ATTACH_MEMORY_H
#define LUNALLOC_LUA_ATTACH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MEMORY_MESSAGE = 512
};

typedef struct memory memory_t;

/* A mapping, in the order of addresses. Parts of one file are mappings of their own. */
typedef struct {
    uint64_t start, end, offset; /* offset: of `start` in the file */
    char permissions[5];         /* "r-xp" */
    const char *path;            /* of the file as the process named it; "" if it is none */
} memory_map_t;

/* A part to be read. */
typedef struct {
    uint64_t addr;
    void *to;
    size_t size;
    int error; /* result: 0 or EFAULT: `to` is undefined then */
} memory_part_t;

typedef struct {
    int (*read)(memory_t *memory, uint64_t addr, void *to, size_t size);
    /* Reads n parts with few system calls. 0 also if parts are not mapped: each has its own error. */
    int (*read_parts)(memory_t *memory, memory_part_t *parts, size_t n);
    /* EPERM in core files. */
    int (*write)(memory_t *memory, uint64_t addr, const void *from, size_t size);
    /* All mappings at this time; valid until the next call of this function or close. */
    int (*maps)(memory_t *memory, const memory_map_t **maps, size_t *n);
    /* Closes descriptors and frees the memory. */
    void (*close)(memory_t *memory);
} memory_ops_t;

/* An implementation's own structure begins with this. */
struct memory {
    const memory_ops_t *ops;
    char message[MEMORY_MESSAGE];
};

/* Sets the message, one line, and returns `error`. */
int memory_fail(memory_t *memory, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
