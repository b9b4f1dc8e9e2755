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

/* ---- faults ---- */

/* Counts the fault, and keeps it if it is the thread's first. */
static void
report(player_t *player, fault_t fault) {
    atomic_fetch_add_explicit(&player->replay->ncorrupt, 1, memory_order_relaxed);
    if (player->fault.kind == FAULT_NONE) {
        player->fault = fault;
    }
}

/* ---- new blocks ---- */

/* Of aligned_alloc what it asked for, else what C requires: the largest power of two up to 16 that fits. */
static size_t
alignment_due(const plan_op_t *op) {
    if (op->kind == CALL_ALIGNED) {
        return (size_t)1 << (op->lg_align < PLAYER_LARGEST_LG ? op->lg_align : PLAYER_LARGEST_LG);
    }
    return op->size >= 16 ? 16 : (size_t)1 << (63 - __builtin_clzll(op->size | 1));
}

void
player_fill(player_t *player, const plan_op_t *op, char *ptr) {
    size_t size = op->size, n = size / WORD, align = alignment_due(op);
    player->replay->owners[op->slot] = (player_owner_t){.size = size, .thread = player->thread};
    if ((uintptr_t)ptr % align != 0) {
        report(player,
               (fault_t){.kind = FAULT_ALIGNMENT, .thread = player->thread, .ptr = ptr, .size = size, .offset = align});
    }
    for (size_t i = 0; i < n && (i % WORDS != 0 || !player_stopped(player)); i++) {
        uint64_t word = word_of(op->slot, i);
        memcpy(ptr + i * WORD, &word, WORD);
    }
    uint64_t last = word_of(op->slot, n);
    memcpy(ptr + n * WORD, &last, size % WORD);
}

void
player_check_zero(player_t *player, const plan_op_t *op, const char *ptr) {
    size_t at = 0;
    while (at < op->size && ptr[at] == 0 && (at % WORDS != 0 || !player_stopped(player))) {
        at++;
    }
    if (at < op->size && ptr[at] != 0) {
        report(player, (fault_t){.kind = FAULT_NOT_ZERO,
                                 .thread = player->thread,
                                 .ptr = ptr,
                                 .size = op->size,
                                 .offset = at,
                                 .found = (uint8_t)ptr[at]});
    }
}

/* ---- blocks that end ---- */

/* Reports the first byte of the block that differs. */
static __attribute__((noinline)) void
report_contents(player_t *player, fault_kind_t kind, uint32_t slot, const char *ptr, size_t size) {
    const player_owner_t *owner = &player->replay->owners[slot];
    for (size_t at = 0; at < size; at++) {
        uint64_t word = word_of(slot, at / WORD);
        uint8_t expected;
        memcpy(&expected, (const char *)&word + at % WORD, 1);
        if (expected != (uint8_t)ptr[at]) {
            report(player, (fault_t){.kind = kind,
                                     .thread = owner->thread,
                                     .ptr = ptr,
                                     .size = owner->size,
                                     .offset = at,
                                     .expected = expected,
                                     .found = (uint8_t)ptr[at]});
            return;
        }
    }
}

void
player_check(player_t *player, fault_kind_t kind, uint32_t slot, const char *ptr, size_t size) {
    size_t n = size / WORD;
    uint64_t wrong = 0;
    player->checked++;
    for (size_t i = 0; i < n && (i % WORDS != 0 || !player_stopped(player)); i++) {
        uint64_t word;
        memcpy(&word, ptr + i * WORD, WORD);
        wrong |= word ^ word_of(slot, i);
    }
    uint64_t last = word_of(slot, n);
    bool same = wrong == 0 && memcmp(ptr + n * WORD, &last, size % WORD) == 0;
    if (!same && !player_stopped(player)) { /* after a stop it may not have been filled */
        report_contents(player, kind, slot, ptr, size);
    }
}
