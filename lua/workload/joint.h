/*
 * joint.h -- sizes and lifetimes that are drawn together.
 *
 * Use it where the lifetime of a block depends on its size: small blocks that die young beside large ones that stay. A
 * joint distribution is a list of cells. Each has a weight, a distribution of sizes and one of lifetimes. A draw
 * chooses a cell; the block's size and its lifetime are then drawn from that cell, independently of each other.
 *
 * To make one, call joint_reserve(), fill in the cells, and call joint_finish(). After that it does not change, and
 * threads may share it.
 */
#ifndef WORKLOAD_JOINT_H
#define WORKLOAD_JOINT_H

#include "dist.h"

enum {
    JOINT_MAX_CELLS = 1 << 16
};

typedef struct {
    double weight;
    dist_t size;
    dist_t lifetime; /* not DIST_FIFO: a cell has no queue of its own */
} joint_cell_t;

typedef struct {
    joint_cell_t *cells;
    size_t ncells;
    dist_t choice; /* an alias table of indexes of cells */
} joint_t;

/* A distribution of n cells, which are zeroed; NULL without memory. */
joint_t *joint_reserve(size_t n, region_t *region);

/* Derives the choice from the weights. 0 or ENOMEM. */
int joint_finish(joint_t *joint, region_t *region);

static inline const joint_cell_t *
joint_draw(const joint_t *joint, uint64_t random) {
    return &joint->cells[dist_draw(&joint->choice, random)];
}

/* The mean size; and the mean of the product of size and lifetime: the byte operations that a block takes up. Infinite
 * if a cell lives forever. */
double joint_mean_size(const joint_t *joint);
double joint_mean_product(const joint_t *joint);

#endif
