/*
 * wheel.c -- slots and levels of the wheel. See wheel.h.
 */
#include "wheel.h"

/* Digit `level`, base 256, of a time. */
static uint32_t
digit_of(uint64_t time, uint32_t level) {
    return (uint32_t)(time >> (level * WHEEL_LG_DIGIT)) % WHEEL_SLOTS;
}

/* The slot of a block with `when`. when == now is allowed: its slot is the one that is emptied next. */
static block_t **
slot_for(wheel_t *wheel, uint64_t when) {
    uint64_t differing = when ^ wheel->now;
    uint32_t level = differing == 0 ? 0 : (63 - (uint32_t)__builtin_clzll(differing)) / WHEEL_LG_DIGIT;
    return &wheel->slot[level][digit_of(when, level)];
}

static void
wheel_push(block_t **list, block_t *block) {
    block->next = *list;
    *list = block;
}

static block_t *
wheel_take(block_t **list) {
    block_t *blocks = *list;
    *list = NULL;
    return blocks;
}

void
wheel_add(wheel_t *wheel, block_t *block) {
    wheel_push(slot_for(wheel, block->when), block);
}

/* Moves the blocks whose digit `level` is now's to lower levels. */
static void
cascade(wheel_t *wheel, uint32_t level) {
    block_t *block = wheel_take(&wheel->slot[level][digit_of(wheel->now, level)]);
    while (block != NULL) {
        block_t *next = block->next;
        wheel_add(wheel, block);
        block = next;
    }
}

block_t *
wheel_tick(wheel_t *wheel) {
    wheel->now++;
    /* A digit that has wrapped to 0 has advanced the next one: the blocks of that one's new slot move down. */
    for (uint32_t level = 0; level + 1 < WHEEL_LEVELS && digit_of(wheel->now, level) == 0; level++) {
        cascade(wheel, level + 1);
    }
    return wheel_take(&wheel->slot[0][digit_of(wheel->now, 0)]);
}

block_t *
wheel_empty(wheel_t *wheel) {
    block_t *all = NULL;
    for (uint32_t level = 0; level < WHEEL_LEVELS; level++) {
        for (uint32_t i = 0; i < WHEEL_SLOTS; i++) {
            block_t *block = wheel_take(&wheel->slot[level][i]);
            while (block != NULL) {
                block_t *next = block->next;
                wheel_push(&all, block);
                block = next;
            }
        }
    }
    return all;
}
