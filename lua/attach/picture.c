/* picture.c -- chunks in a hash table with open addressing. */
#include "attach/picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK ((size_t)1 << LG_PICTURE_CHUNK)
#define PAGE  ((size_t)4096)
#define PAGES (CHUNK / PAGE)

enum {
    LG_SLOTS_MIN = 8,
    MOST_CHUNKS = 16384 /* 1 GiB */
};

void
picture_init(picture_t *picture, memory_t *memory) {
    *picture = (picture_t){.memory = memory, .most = MOST_CHUNKS};
}

void
picture_renew(picture_t *picture) {
    for (size_t i = 0; picture->n > 0 && i < (size_t)1 << picture->lg; i++) {
        free(picture->slots[i].bytes);
    }
    if (picture->lg > LG_SLOTS_MIN) {
        free(picture->slots);
        picture->slots = NULL;
    } else if (picture->slots != NULL) {
        memset(picture->slots, 0, sizeof(picture_chunk_t) << picture->lg);
    }
    picture->n = 0;
    picture->last = NULL;
}

void
picture_free(picture_t *picture) {
    picture_renew(picture);
    free(picture->slots);
    picture->slots = NULL;
}

/* ---- the table ---- */

/* The slot that has the number, or the empty one where it belongs. */
static picture_chunk_t *
slot_of(picture_chunk_t *slots, unsigned lg, uint64_t number) {
    size_t i = (size_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> (64 - lg));
    while (slots[i].number != 0 && slots[i].number != number) {
        i = (i + 1) & (((size_t)1 << lg) - 1);
    }
    return &slots[i];
}

static bool
make_slots(picture_t *picture, unsigned lg) {
    picture_chunk_t *slots = calloc((size_t)1 << lg, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; picture->slots != NULL && i < (size_t)1 << picture->lg; i++) {
        if (picture->slots[i].number != 0) {
            *slot_of(slots, lg, picture->slots[i].number) = picture->slots[i];
        }
    }
    free(picture->slots);
    picture->slots = slots;
    picture->lg = lg;
    picture->last = NULL;
    return true;
}

/* Room for one more chunk. */
static bool
make_room(picture_t *picture) {
    if (picture->n >= picture->most) {
        picture_renew(picture);
    }
    if (picture->slots == NULL) {
        return make_slots(picture, LG_SLOTS_MIN);
    }
    return picture->n * 2 < (size_t)1 << picture->lg || make_slots(picture, picture->lg + 1);
}

/* ---- fetching ---- */

/* Keeps an error that holds for every address. */
static bool
note_error(picture_t *picture, int error) {
    picture->error = error == EFAULT ? picture->error : error;
    return error == 0;
}

/* A chunk that is not mapped as a whole: page by page. */
static bool
fetch_pages(picture_t *picture, uint64_t addr, picture_chunk_t *chunk) {
    memory_part_t parts[PAGES];
    for (size_t i = 0; i < PAGES; i++) {
        parts[i] = (memory_part_t){.addr = addr + i * PAGE, .to = chunk->bytes + i * PAGE, .size = PAGE};
    }
    if (!note_error(picture, picture->memory->ops->read_parts(picture->memory, parts, PAGES))) {
        return false;
    }
    for (unsigned i = 0; i < PAGES; i++) {
        chunk->missing |= (uint32_t)(parts[i].error != 0) << i;
    }
    return true;
}

static bool
fetch(picture_t *picture, picture_chunk_t *chunk, uint64_t number) {
    uint64_t addr = (number - 1) << LG_PICTURE_CHUNK;
    chunk->missing = 0;
    chunk->bytes = malloc(CHUNK);
    if (chunk->bytes == NULL) {
        picture->error = memory_fail(picture->memory, ENOMEM, "no memory for a picture of it");
        return false;
    }
    int error = picture->memory->ops->read(picture->memory, addr, chunk->bytes, CHUNK);
    if (error != 0 && (error != EFAULT || !fetch_pages(picture, addr, chunk))) {
        note_error(picture, error);
        free(chunk->bytes);
        chunk->bytes = NULL;
        return false;
    }
    chunk->number = number;
    picture->n++;
    return true;
}

static picture_chunk_t *
chunk_at(picture_t *picture, uint64_t addr) {
    uint64_t number = (addr >> LG_PICTURE_CHUNK) + 1;
    if (picture->last != NULL && picture->last->number == number) {
        return picture->last;
    }
    if (picture->error != 0 || !make_room(picture)) {
        return NULL;
    }
    picture_chunk_t *chunk = slot_of(picture->slots, picture->lg, number);
    if (chunk->number == 0 && !fetch(picture, chunk, number)) {
        return NULL;
    }
    picture->last = chunk;
    return chunk;
}

/* ---- reading ---- */

static bool
is_there(const picture_chunk_t *chunk, size_t from, size_t size) {
    for (size_t page = from / PAGE; chunk->missing != 0 && page <= (from + size - 1) / PAGE; page++) {
        if ((chunk->missing >> page & 1) != 0) {
            return false;
        }
    }
    return true;
}

const void *
picture_at(picture_t *picture, uint64_t addr, size_t size) {
    size_t from = addr & (CHUNK - 1);
    if (size == 0 || from + size > CHUNK) {
        return NULL;
    }
    const picture_chunk_t *chunk = chunk_at(picture, addr);
    return chunk != NULL && is_there(chunk, from, size) ? chunk->bytes + from : NULL;
}

bool
picture_read(picture_t *picture, uint64_t addr, void *to, size_t size) {
    char *out = to;
    while (size > 0) {
        size_t rest = CHUNK - (addr & (CHUNK - 1));
        size_t n = size < rest ? size : rest;
        const void *bytes = picture_at(picture, addr, n);
        if (bytes == NULL) {
            return false;
        }
        memcpy(out, bytes, n);
        out += n;
        addr += n;
        size -= n;
    }
    return true;
}
