/*
 * prof_frames.c -- names by hash, in chains that only grow at their heads, and by number.
 *
 * A name is found without a lock. Two threads that add one name at the same time: the one that comes second finds the
 * other's when it looks at the chain again, and drops its own.
 */
#include "observe/prof_frames.h"

#include "base/bits.h"
#include "extent/metadata.h"

#include <string.h>

#define BUCKETS ((size_t)4096)
#define FRAME   (UINT64_C(1) << 63)

typedef struct name {
    struct name *next; /* Synchronization: constant. */
    uint32_t number;   /* Synchronization: constant. */
    char text[];       /* Synchronization: constant. */
} name_t;

typedef struct {
    /* Synchronization: any thread: these fields. Written once each but for buckets. */
    name_t *_Atomic buckets[BUCKETS];
    name_t *_Atomic numbered[PROF_FRAMES_MAX];
    _Atomic uint32_t nnumbers;
} names_t;

lunalloc_frames_t *_Atomic prof_frames;
static names_t *_Atomic names; /* Synchronization: written once, read at any time. */

/* The table; NULL if memory is exhausted. Of two that are made at once, one is lost. */
static names_t *
the_names(void) {
    names_t *present = atomic_get_acquire(&names);
    if (present == NULL) {
        names_t *made = metadata_alloc(sizeof *made, CACHELINE);
        if (made != NULL && atomic_compare_exchange_strong_explicit(&names, &present, made, memory_order_acq_rel,
                                                                    memory_order_acquire)) {
            present = made;
        }
    }
    return present;
}

static size_t
bucket_of(const char *text, size_t len) {
    uint64_t hash = len;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (uint8_t)text[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return hash % BUCKETS;
}

/* The name in the chain from `first` up to `last`, which it does not look at. */
static name_t *
find(name_t *first, const name_t *last, const char *text, size_t len) {
    for (name_t *name = first; name != last; name = name->next) {
        if (strncmp(name->text, text, len) == 0 && name->text[len] == '\0') {
            return name;
        }
    }
    return NULL;
}

static unsigned
lg_bytes(size_t len) {
    unsigned lg = lg_ceil(sizeof(name_t) + len + 1);
    return lg < METADATA_LG_MIN ? METADATA_LG_MIN : lg;
}

/* A name with the next number, which is in no chain yet; NULL if there is no memory or number left. */
static name_t *
name_new(names_t *all, const char *text, size_t len) {
    if (atomic_get(&all->nnumbers) >= PROF_FRAMES_MAX) {
        return NULL;
    }
    name_t *name = metadata_block_alloc(lg_bytes(len));
    uint32_t number = name == NULL ? PROF_FRAMES_MAX : atomic_add(&all->nnumbers, 1);
    if (number >= PROF_FRAMES_MAX) {
        if (name != NULL) {
            metadata_block_free(name, lg_bytes(len));
        }
        return NULL;
    }
    name->number = number;
    memcpy(name->text, text, len);
    name->text[len] = '\0';
    return name;
}

/* Puts the name at the head of its chain, unless another thread has put an equal one there since `seen` was the head.
 * Returns the one that is there. */
static name_t *
name_insert(names_t *all, name_t *_Atomic *bucket, name_t *name, name_t *seen, size_t len) {
    for (;;) {
        name->next = seen;
        name_t *head = seen;
        if (atomic_compare_exchange_strong_explicit(bucket, &head, name, memory_order_release, memory_order_acquire)) {
            atomic_set_release(&all->numbered[name->number], name);
            return name;
        }
        name_t *other = find(head, seen, name->text, len);
        if (other != NULL) {
            metadata_block_free(name, lg_bytes(len));
            return other;
        }
        seen = head;
    }
}

uintptr_t
prof_frame(const char *text) {
    names_t *all = the_names();
    size_t len = strnlen(text, PROF_FRAME_NAME_MAX - 1);
    if (all == NULL) {
        return 0;
    }
    name_t *_Atomic *bucket = &all->buckets[bucket_of(text, len)];
    name_t *head = atomic_get_acquire(bucket);
    name_t *name = find(head, NULL, text, len);
    if (name == NULL && (name = name_new(all, text, len)) != NULL) {
        name = name_insert(all, bucket, name, head, len);
    }
    return name == NULL ? 0 : FRAME | ((uint64_t)name->number + 1);
}

const char *
prof_frame_numbered(uint32_t number) {
    names_t *all = atomic_get_acquire(&names);
    const name_t *name = all == NULL || number >= PROF_FRAMES_MAX ? NULL : atomic_get_acquire(&all->numbered[number]);
    return name == NULL ? NULL : name->text;
}

const char *
prof_frame_name(uintptr_t ip) {
    uint64_t number = (ip & ~FRAME) - 1;
    return (ip & FRAME) == 0 || number >= PROF_FRAMES_MAX ? NULL : prof_frame_numbered((uint32_t)number);
}
