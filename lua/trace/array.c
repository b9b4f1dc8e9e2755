/* array.c -- arrays in mappings. See array.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "array.h"

#include <stdint.h>
#include <sys/mman.h>

enum {
    LEAST = 4096
};

static void *
map(void *old, size_t old_size, size_t size) {
    void *data = old == NULL ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                             : mremap(old, old_size, size, MREMAP_MAYMOVE);
    return data == MAP_FAILED ? NULL : data;
}

bool
trace_array_grow(trace_array_t *array, size_t n, size_t element) {
    if (n <= array->n) {
        return true;
    } else if (n > SIZE_MAX / 4 / element) {
        return false;
    }
    size_t capacity = array->capacity < LEAST ? LEAST : array->capacity;
    while (capacity < n * element) {
        capacity *= 2;
    }
    if (capacity > array->capacity) {
        void *data = map(array->data, array->capacity, capacity);
        if (data == NULL) {
            return false;
        }
        array->data = data;
        array->capacity = capacity;
    }
    array->n = n;
    return true;
}

void
trace_array_free(trace_array_t *array) {
    if (array->data != NULL) {
        munmap(array->data, array->capacity);
    }
    *array = (trace_array_t){0};
}
