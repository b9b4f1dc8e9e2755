/*
 * wheel.h -- live blocks ordered by the time at which something happens to them: a hierarchical timing wheel.
 *
 * Time is a count of allocations, not of seconds. A block that is due at `when` hangs in the slot of the highest
 * base-256 digit in which `when` differs from `now`; when that digit of `now` gets there, the slot's blocks move to
 * lower levels. Adding is O(1), and a block moves at most once a level. Belongs to one thread.
 *
 * Invariant, for each block b in slot[level][digit]:
 *   b.when > now;  b.when and now agree in all digits above `level`;  digit `level` of b.when is `digit` and not now's.
 */
#ifndef WORKLOAD_WHEEL_H
#define WORKLOAD_WHEEL_H

#include <stddef.h>
#include <stdint.h>

/* A live block. The description of a block is apart from the block, which the engine may never have touched. */
typedef struct block block_t;

struct block {
    void *ptr;
    size_t size;    /* bytes, as requested */
    uint64_t id;    /* unique in a run: with the address it determines the contents (pattern.h) */
    uint64_t when;  /* next event */
    uint64_t death; /* the time to free it; when <= death */
    block_t *next;
    uint32_t row;     /* in the thread's rows */
    uint16_t freer;   /* index of the thread that frees it */
    uint16_t resizes; /* still to come before death */
};

enum {
    WHEEL_LG_DIGIT = 8,
    WHEEL_SLOTS = 1 << WHEEL_LG_DIGIT,
    WHEEL_LEVELS = 64 / WHEEL_LG_DIGIT
};

typedef struct {
    uint64_t now;
    block_t *slot[WHEEL_LEVELS][WHEEL_SLOTS];
} wheel_t;

/* block->when must lie in the future. */
void wheel_add(wheel_t *wheel, block_t *block);

/* Advances time by one and takes out the blocks that are due at the new time, linked by next. */
block_t *wheel_tick(wheel_t *wheel);

/* Takes out everything, linked by next, in no particular order. */
block_t *wheel_empty(wheel_t *wheel);

#endif
