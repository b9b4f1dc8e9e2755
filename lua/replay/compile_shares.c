/*
 * compile_shares.c -- what programs touch of blocks of medium size. A recording looks at a few of each class
 * (observe/record.h), so a replay touches the same share of all of them.
 */
#include "compiler.h"

void
shares_add(plan_shares_t *shares, uint64_t size, uint64_t touched) {
    shares->touched[plan_class(size)] += touched;
    shares->size[plan_class(size)] += size;
}

void
shares_mean(const plan_shares_t *shares, uint8_t means[PLAN_CLASSES]) {
    for (size_t i = 0; i < PLAN_CLASSES; i++) {
        uint64_t size = shares->size[i];
        uint64_t mean = size == 0 ? PLAN_WHOLE : (shares->touched[i] * PLAN_WHOLE + size / 2) / size;
        means[i] = mean & PLAN_WHOLE;
    }
}
