/*
 * wheel.h -- live blocks, ordered by the time of their next event: a hierarchical timing wheel.
 *
 * A worker adds each block with the time of its next resize or of its end, and takes the blocks that are due out at
 * each tick. Time counts allocations, not seconds. A block that is due at `when` is in the slot of the highest base-256
 * digit in which `when` differs from `now`; when that digit of `now` reaches the block's, the blocks of the slot move
 * to lower levels. Adding is O(1), and a block moves at most once per level. A wheel belongs to one thread.
 *
 * Invariant, for each block b in slot[level][digit]:
 *   b.when > now;  b.when and now agree in all digits above `level`;  digit `level` of b.when is `digit` and not now's.
 */
#ifndef WORKLOAD_WHEEL_H
#define WORKLOAD_WHEEL_H

#include <stddef.h>
#include <stdint.h>

/* The description of a live block. It is apart from the block, which the engine may never have touched. */
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
    uint16_t resizes; /* that remain before death */
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

/* Takes out all blocks, linked by next, in no particular order. */
block_t *wheel_empty(wheel_t *wheel);

#endif
