/*
 * picture.h -- a copy of those parts of another process's memory that a walk needs, fetched in chunks and kept until
 * the next picture.
 *
 * Read structures that are spread over memory through a picture: each chunk is fetched once, with one system call for
 * many structures. Parts of a picture are of different times, some milliseconds apart: a caller checks what it found,
 * and takes another picture if it does not fit together.
 *
 * An address that is not mapped is an ordinary failure: pointers of a running process can be stale.
 */
#ifndef LUNALLOC_LUA_ATTACH_PICTURE_H
#define LUNALLOC_LUA_ATTACH_PICTURE_H

#include "attach/memory.h"

enum {
    LG_PICTURE_CHUNK = 16 /* bytes of a chunk */
};

typedef struct {
    uint64_t number; /* address >> LG_PICTURE_CHUNK, plus 1; 0: an empty slot */
    unsigned char *bytes;
    uint32_t missing; /* bit i: page i of 4 KiB is not mapped */
} picture_chunk_t;

typedef struct {
    memory_t *memory;
    picture_chunk_t *slots; /* a hash table of 2^lg */
    unsigned lg;
    size_t n;    /* chunks in it */
    size_t most; /* chunks that may be kept; then the picture begins anew */
    int error;   /* ESRCH and the like, with memory->message: why nothing can be read any more; 0 */
    picture_chunk_t *last;
} picture_t;

void picture_init(picture_t *picture, memory_t *memory);
/* Forgets what was read: a new picture begins. */
void picture_renew(picture_t *picture);
/* Frees all. */
void picture_free(picture_t *picture);

/* Copies bytes. False if some are not mapped, or there is no memory, or picture->error is set. */
bool picture_read(picture_t *picture, uint64_t addr, void *to, size_t size);

/* The bytes in place, valid until the next call; NULL if they cross a chunk's end, or on failure: then use
 * picture_read. */
const void *picture_at(picture_t *picture, uint64_t addr, size_t size);

#endif
