/*
 * pattern.c -- fills blocks and compares them, word by word. See pattern.h.
 */
#include "pattern.h"

#include <math.h>
#include <string.h>

#include "prng.h"

enum {
    WORD = sizeof(uint64_t)
};

/* Neighbouring words differ in about half their bits, and so do the words at one position under two keys. */
static uint64_t
word_at(uint64_t key, size_t index) {
    return (key + index) * 0xd6e8feb86659fd93u;
}

pattern_span_t
pattern_span(size_t size, double touch, bool tail) {
    size_t head = touch >= 1 ? size : (size_t)ceil((double)size * touch);
    size_t rest = size - head;
    return (pattern_span_t){.size = size, .head = head, .tail = !tail ? 0 : rest < WORD ? rest : WORD};
}

pattern_span_t
pattern_cut(pattern_span_t span, size_t size) {
    if (size >= span.size) {
        return span;
    }
    size_t head = span.head < size ? span.head : size;
    return (pattern_span_t){.size = size, .head = head, .tail = 0};
}

uint64_t
pattern_key(const void *ptr, uint64_t id) {
    return prng_mix((uint64_t)(uintptr_t)ptr ^ prng_mix(id));
}

/* Words of [from, to), numbered from `first`; the last may be cut short. */
static void
fill_words(unsigned char *from, size_t length, uint64_t key, size_t first) {
    size_t i = 0;
    for (; (i + 1) * WORD <= length; i++) {
        uint64_t word = word_at(key, first + i);
        memcpy(from + i * WORD, &word, WORD);
    }
    uint64_t word = word_at(key, first + i);
    memcpy(from + i * WORD, &word, length % WORD);
}

/* The first byte of the word, or of the `length` bytes of it that exist, that differs. */
static size_t
differing_byte(const unsigned char *found, uint64_t word, size_t length, uint8_t *expected) {
    unsigned char bytes[WORD];
    memcpy(bytes, &word, WORD);
    for (size_t i = 0; i < length; i++) {
        if (found[i] != bytes[i]) {
            *expected = bytes[i];
            return i;
        }
    }
    return PATTERN_OK;
}

/* The offset of the first byte that fill_words() would have written differently. Whole words are compared at once. */
static size_t
check_words(const unsigned char *from, size_t length, uint64_t key, size_t first, uint8_t *expected) {
    for (size_t i = 0; i * WORD < length; i++) {
        uint64_t word = word_at(key, first + i), found = 0;
        size_t part = length - i * WORD < WORD ? length - i * WORD : WORD;
        memcpy(&found, from + i * WORD, part);
        if (part == WORD && found == word) {
            continue;
        }
        size_t bad = differing_byte(from + i * WORD, word, part, expected);
        if (bad != PATTERN_OK) {
            return i * WORD + bad;
        }
    }
    return PATTERN_OK;
}

/* The tail is numbered apart from the head. */
static const size_t tail_index = (size_t)1 << 62;

void
pattern_fill(void *ptr, pattern_span_t span, uint64_t key) {
    unsigned char *bytes = ptr;
    fill_words(bytes, span.head, key, 0);
    fill_words(bytes + span.size - span.tail, span.tail, key, tail_index);
}

size_t
pattern_check(const void *ptr, pattern_span_t span, uint64_t key, uint8_t *expected) {
    const unsigned char *bytes = ptr;
    size_t bad = check_words(bytes, span.head, key, 0, expected);
    if (bad != PATTERN_OK) {
        return bad;
    }
    size_t start = span.size - span.tail;
    bad = check_words(bytes + start, span.tail, key, tail_index, expected);
    return bad == PATTERN_OK ? PATTERN_OK : start + bad;
}

size_t
pattern_check_zero(const void *ptr, size_t size) {
    const unsigned char *bytes = ptr;
    /* All bytes are 0 if the first is, and each is equal to the next. */
    if (size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0)) {
        return PATTERN_OK;
    }
    size_t i = 0;
    while (bytes[i] == 0) {
        i++;
    }
    return i;
}
