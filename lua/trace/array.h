/*
 * array.h -- arrays that grow, in mappings of their own: the memory of a trace's reader and of what is computed from a
 * trace. All zero is an empty array. The caller synchronises.
 */
#ifndef TRACE_ARRAY_H
#define TRACE_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    void *data; /* n elements, and zeros behind them */
    size_t n;
    size_t capacity; /* bytes of the mapping */
} trace_array_t;

/* Makes n at least `n`; new elements are zero. False, and nothing has changed, without memory. */
bool trace_array_grow(trace_array_t *array, size_t n, size_t element);
void trace_array_free(trace_array_t *array);

#endif
