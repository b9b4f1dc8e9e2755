/*
 * joint.c -- see joint.h.
 */
#include "joint.h"

#include <errno.h>

joint_t *
joint_reserve(size_t n, region_t *region) {
    joint_t *joint = region_alloc(region, sizeof(*joint));
    joint_cell_t *cells = region_alloc(region, n * sizeof(*cells));
    if (joint == NULL || cells == NULL) {
        return NULL;
    }
    joint->cells = cells;
    joint->ncells = n;
    return joint;
}

int
joint_finish(joint_t *joint, region_t *region) {
    dist_weight_t *weights = region_alloc(region, joint->ncells * sizeof(*weights));
    if (weights == NULL) {
        return ENOMEM;
    }
    for (size_t i = 0; i < joint->ncells; i++) {
        weights[i] = (dist_weight_t){.value = i, .weight = joint->cells[i].weight};
    }
    joint->choice.kind = DIST_TABLE;
    return dist_columns_build(&joint->choice, weights, joint->ncells, region);
}

static double
total_weight(const joint_t *joint) {
    double total = 0;
    for (size_t i = 0; i < joint->ncells; i++) {
        total += joint->cells[i].weight;
    }
    return total;
}

double
joint_mean_size(const joint_t *joint) {
    double sum = 0;
    for (size_t i = 0; i < joint->ncells; i++) {
        sum += joint->cells[i].weight * dist_mean(&joint->cells[i].size);
    }
    return sum / total_weight(joint);
}

double
joint_mean_product(const joint_t *joint) {
    double sum = 0;
    for (size_t i = 0; i < joint->ncells; i++) {
        const joint_cell_t *cell = &joint->cells[i];
        sum += cell->weight * dist_mean(&cell->size) * dist_mean(&cell->lifetime);
    }
    return sum / total_weight(joint);
}
