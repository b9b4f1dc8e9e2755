/*
 * blocks.h -- the blocks that live while a trace is compiled: found by their address, each with a slot of its own.
 *
 * A slot is in use by at most one block in a window (plan.h): blocks_end_window() makes the slots of the blocks that
 * ended in it vacant. Eight slots share a cache line in a replay. So a line belongs to one *owner*, the thread that
 * allocates: its slots return to that thread when their blocks end, whatever thread frees them.
 *
 * Memory comes from the system and grows with the blocks that live at once. One thread.
 */
#ifndef REPLAY_BLOCKS_H
#define REPLAY_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No slot. In a plan: the call failed when it was recorded. */
#define PLAN_NONE UINT32_MAX

/* An array that grows: zeroed memory of the system. All zero is an empty one. */
typedef struct {
    void *data;
    size_t capacity; /* bytes */
} growing_t;

/* Makes room for `need` bytes; false without memory. The data may move. */
bool growing_reserve(growing_t *array, size_t need);
void growing_free(growing_t *array);

typedef struct {
    uint64_t addr;
    uint64_t size; /* as requested, bytes */
    uint64_t
        touch_at;    /* where its PLAN_TOUCH is: a position in the window, from 1, or an offset in the file; 0: none */
    uint32_t thread; /* that allocated it: the owner of the slot */
    uint32_t lg_align; /* that was asked for; 0: none */
    uint32_t window;   /* number of the one in which that was */
    uint32_t next;     /* of a vacant slot: the next one in its list, + 1; 0: none */
} plan_block_t;

typedef struct {
    growing_t blocks;  /* plan_block_t, by slot */
    growing_t table;   /* slot + 1, by the address's hash; 0: none */
    growing_t vacant;  /* first vacant slot + 1 of each owner, uint32_t; 0: none */
    growing_t leaving; /* slots whose blocks ended in the present window */
    uint32_t spare;    /* first vacant slot + 1 of owners that have ended; 0: none */
    size_t nslots;     /* that were ever used */
    size_t table_size; /* a power of two, or 0 */
    size_t nlive, nleaving;
} plan_blocks_t;

/* The slot of the live block at the address; PLAN_NONE if there is none. */
uint32_t blocks_find(const plan_blocks_t *blocks, uint64_t addr);

static inline plan_block_t *
blocks_at(const plan_blocks_t *blocks, uint32_t slot) {
    return (plan_block_t *)blocks->blocks.data + slot;
}

/* A slot for a new block, which lives at an address where none does; PLAN_NONE without memory. Memory is in proportion
 * to the highest block->thread. */
uint32_t blocks_add(plan_blocks_t *blocks, const plan_block_t *block);

/* Ends the life of the block. Its fields stay until the window ends. False without memory. */
bool blocks_remove(plan_blocks_t *blocks, uint32_t slot);

void blocks_end_window(plan_blocks_t *blocks);

/* The thread allocates no more: others may have its slots. */
void blocks_end_owner(plan_blocks_t *blocks, uint32_t thread);

void blocks_free(plan_blocks_t *blocks);

#endif
