/*
 * mail.h -- blocks that change hands under load. Each begins with its size and a tag, and ends with the tag: who frees
 * one checks that nobody else has written to it.
 */
#ifndef TESTS_API_MAIL_H
#define TESTS_API_MAIL_H

#include "support.h"

#include "base/atomic.h"

#define MAIL_SLOTS 64

typedef struct {
    size_t size;
    uint64_t tag;
} mail_t;

/* Bytes that a block has between its head and its tail. */
typedef size_t mail_payload_t(uint64_t *seed);

static mail_t *_Atomic mail_slots[MAIL_SLOTS];

static inline bool
mail_is_whole(const mail_t *block) {
    uint64_t tail;
    memcpy(&tail, (const char *)block + block->size - sizeof tail, sizeof tail);
    return tail == block->tag;
}

/* NULL without memory. */
static inline mail_t *
mail_make(uint64_t *seed, mail_payload_t *payload) {
    size_t size = sizeof(mail_t) + sizeof(uint64_t) + payload(seed);
    mail_t *block = lunalloc_malloc(size);
    if (block != NULL) {
        *block = (mail_t){.size = size, .tag = rnd(seed)};
        memcpy((char *)block + size - sizeof block->tag, &block->tag, sizeof block->tag);
    }
    return block;
}

static inline void
mail_free(mail_t *block, uint64_t *seed) {
    if (block != NULL) {
        thread_assert(mail_is_whole(block));
        rnd_below(seed, 2) == 0 ? lunalloc_free_sized(block, block->size) : lunalloc_free(block);
    }
}

/* One of n blocks that a thread holds is replaced: by another thread's, or by a new one. */
static inline void
mail_step(uint64_t *seed, mail_t **held, size_t n, mail_payload_t *payload) {
    size_t i = rnd_below(seed, n);
    if (rnd_below(seed, 4) == 0) {
        held[i] = atomic_exchange(&mail_slots[rnd_below(seed, MAIL_SLOTS)], held[i]);
    } else {
        mail_free(held[i], seed);
        held[i] = mail_make(seed, payload);
        thread_assert(held[i] != NULL);
    }
}

static inline void
mail_free_all(mail_t **held, size_t n, uint64_t *seed) {
    for (size_t i = 0; i < n; i++) {
        mail_free(held[i], seed);
    }
}

/* What nobody has fetched. */
static inline void
mail_empty(void) {
    uint64_t seed = 1;
    for (unsigned i = 0; i < MAIL_SLOTS; i++) {
        mail_free(atomic_exchange(&mail_slots[i], NULL), &seed);
    }
}

#endif
