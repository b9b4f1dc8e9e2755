/* bytes.h -- whether all bytes of a block have one value. */
#ifndef TESTS_BASE_BYTES_H
#define TESTS_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>

static inline bool
all_bytes(const void *block, size_t size, unsigned byte) {
    const unsigned char *at = block;
    size_t i = 0;
    while (i < size && at[i] == byte) {
        i++;
    }
    return i == size;
}

static inline bool
all_zero(const void *block, size_t size) {
    return all_bytes(block, size, 0);
}

#endif
