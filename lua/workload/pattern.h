/*
 * pattern.h -- the contents that a block is given, so that it can be told later whether anybody else wrote to it.
 *
 * Each 8-byte word is determined by the block's id, its address and the word's position. Two live blocks that overlap
 * therefore destroy each other's contents, and a block that was moved or mixed up with another does not match. Only the
 * first `head` and the last `tail` bytes are written and checked: how much of a block is touched is part of the
 * workload.
 */
#ifndef WORKLOAD_PATTERN_H
#define WORKLOAD_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    size_t size, head, tail; /* head + tail <= size */
} pattern_span_t;

/* What is written of a block of `size` when the share `touch` of it is: with `tail`, its last 8 bytes in any case. */
pattern_span_t pattern_span(size_t size, double touch, bool tail);

/* What is left of it when the block becomes `size` bytes long. */
pattern_span_t pattern_cut(pattern_span_t span, size_t size);

void pattern_fill(void *ptr, pattern_span_t span, uint64_t key);

#define PATTERN_OK SIZE_MAX

/* PATTERN_OK, or the offset of the first byte that is not as pattern_fill() left it (and what it had left there). */
size_t pattern_check(const void *ptr, pattern_span_t span, uint64_t key, uint8_t *expected);

/* PATTERN_OK, or the offset of the first byte of [0, size) that is not 0. */
size_t pattern_check_zero(const void *ptr, size_t size);

/* The key of the block `id` at the address `ptr`. */
uint64_t pattern_key(const void *ptr, uint64_t id);

#endif
