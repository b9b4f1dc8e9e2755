/*
 * player_verify.c -- REPLAY_TOUCH_VERIFY: each block is filled with words that belong to its slot, and has them when it
 * is resized or freed. See player.h.
 */
#include <string.h>

#include "player.h"
#include "workload/prng.h"

enum {
    WORD = sizeof(uint64_t),
    WORDS = 1 << 20 /* between two looks at `stop` */
};

/* The word number i of a block of the slot. */
static uint64_t
word_of(uint32_t slot, size_t i) {
    return prng_mix(((uint64_t)slot << 32) + i);
}

void
player_fill(const player_t *player, const plan_op_t *op, char *ptr) {
    size_t size = op->size, n = size / WORD;
    for (size_t i = 0; i < n && (i % WORDS != 0 || !player_stopped(player)); i++) {
        uint64_t word = word_of(op->slot, i);
        memcpy(ptr + i * WORD, &word, WORD);
    }
    uint64_t last = word_of(op->slot, n);
    memcpy(ptr + n * WORD, &last, size % WORD);
}

void
player_check(player_t *player, uint32_t slot, const char *ptr, size_t size) {
    size_t n = size / WORD;
    uint64_t wrong = 0;
    for (size_t i = 0; i < n && (i % WORDS != 0 || !player_stopped(player)); i++) {
        uint64_t word;
        memcpy(&word, ptr + i * WORD, WORD);
        wrong |= word ^ word_of(slot, i);
    }
    uint64_t last = word_of(slot, n);
    bool same = wrong == 0 && memcmp(ptr + n * WORD, &last, size % WORD) == 0;
    player->corrupt += !same && !player_stopped(player);
}

static bool
is_zero(const player_t *player, const char *ptr, size_t size) {
    char wrong = 0;
    for (size_t i = 0; i < size && (i % WORDS != 0 || !player_stopped(player)); i++) {
        wrong |= ptr[i];
    }
    return wrong == 0;
}

void
player_check_new(player_t *player, const plan_op_t *op, const char *ptr, size_t align) {
    bool zero = op->kind != CALL_CALLOC || is_zero(player, ptr, op->size);
    player->corrupt += !zero || (uintptr_t)ptr % align != 0;
}
