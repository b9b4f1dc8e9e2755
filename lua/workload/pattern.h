/*
 * pattern.h -- contents of blocks that show later whether other code wrote to the block.
 *
 * Fill a new block with pattern_fill(), and compare it with pattern_check() before it is freed or resized. Each word of
 * 8 bytes depends on the block's id, its address and the word's position. So two live blocks that overlap destroy each
 * other's contents, and a block that was moved or mixed up with another does not match. Only the first `head` and the
 * last `tail` bytes are written and checked, since the workload says how much of a block is touched.
 */
#ifndef WORKLOAD_PATTERN_H
#define WORKLOAD_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    size_t size, head, tail; /* head + tail <= size */
} pattern_span_t;

/* The part of a block of `size` bytes that is written if the share `touch` of it is; `tail`: and its last 8 bytes. */
pattern_span_t pattern_span(size_t size, double touch, bool tail);

/* The part of a span that remains when the block becomes `size` bytes long. */
pattern_span_t pattern_cut(pattern_span_t span, size_t size);

void pattern_fill(void *ptr, pattern_span_t span, uint64_t key);

#define PATTERN_OK SIZE_MAX

/* PATTERN_OK, or the offset of the first byte that differs from pattern_fill()'s, which *expected then holds. */
size_t pattern_check(const void *ptr, pattern_span_t span, uint64_t key, uint8_t *expected);

/* PATTERN_OK, or the offset of the first byte of [0, size) that is not 0. */
size_t pattern_check_zero(const void *ptr, size_t size);

/* The key of the block `id` at the address `ptr`. */
uint64_t pattern_key(const void *ptr, uint64_t id);

#endif
