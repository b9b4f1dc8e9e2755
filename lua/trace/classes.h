/*
 * classes.h -- the allocator's size classes with its defaults (base/sc.h): 8, 16, 32, 48, 64, then four for each
 * doubling. For counting by class what was recorded from any malloc.
 */
#ifndef TRACE_CLASSES_H
#define TRACE_CLASSES_H

#include <stdint.h>

enum {
    TRACE_CLASSES = 232
};

/* The class of a request; 0 counts as 1. */
static inline uint32_t
trace_class(uint64_t size) {
    if (size <= 64) {
        return size <= 8 ? 0 : (uint32_t)((size + 15) / 16);
    }
    uint32_t lg = (uint32_t)(63 - __builtin_clzll(size - 1));
    uint32_t nth = (uint32_t)((size - 1) >> (lg - 2)) - 3;
    uint32_t class = 4 + (lg - 6) * 4 + nth;
    return class < TRACE_CLASSES ? class : TRACE_CLASSES - 1;
}

/* The largest request of the class. */
static inline uint64_t
trace_class_size(uint32_t class) {
    if (class <= 4) {
        return class == 0 ? 8 : 16 * (uint64_t) class;
    }
    uint32_t lg = 6 + (class - 5) / 4, nth = (class - 5) % 4 + 1;
    return (UINT64_C(1) << lg) + ((uint64_t)nth << (lg - 2));
}

#endif
