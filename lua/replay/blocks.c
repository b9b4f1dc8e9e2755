/*
 * blocks.c -- see blocks.h. The table has open addressing; a removal moves later entries back, so there are no marks of
 * removed ones.
 */
#include "blocks.h"

#include <string.h>
#include <sys/mman.h>

#include "workload/prng.h"

/* ---- arrays ---- */

bool
growing_reserve(growing_t *array, size_t need) {
    if (need <= array->capacity) {
        return true;
    }
    size_t size = array->capacity == 0 ? (size_t)1 << 16 : array->capacity;
    while (size < need) {
        size *= 2;
    }
    void *data = array->capacity == 0 ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                      : mremap(array->data, array->capacity, size, MREMAP_MAYMOVE);
    if (data == MAP_FAILED) {
        return false;
    }
    *array = (growing_t){.data = data, .capacity = size};
    return true;
}

void
growing_free(growing_t *array) {
    if (array->capacity != 0) {
        munmap(array->data, array->capacity);
    }
    *array = (growing_t){0};
}

/* ---- the table ---- */

static uint32_t *
entries(const plan_blocks_t *blocks) {
    return blocks->table.data;
}

static size_t
home_of(const plan_blocks_t *blocks, uint64_t addr) {
    return prng_mix(addr) & (blocks->table_size - 1);
}

/* The entry of the address, or the free one where it would be. */
static size_t
entry_of(const plan_blocks_t *blocks, uint64_t addr) {
    size_t i = home_of(blocks, addr);
    while (entries(blocks)[i] != 0 && blocks_at(blocks, entries(blocks)[i] - 1)->addr != addr) {
        i = (i + 1) & (blocks->table_size - 1);
    }
    return i;
}

/* Makes room for one more entry: at most half of them are used. */
static bool
grow_table(plan_blocks_t *blocks) {
    if (2 * blocks->nlive < blocks->table_size) {
        return true;
    }
    plan_blocks_t larger = *blocks;
    larger.table = (growing_t){0};
    larger.table_size = blocks->table_size == 0 ? 1024 : 2 * blocks->table_size;
    if (!growing_reserve(&larger.table, larger.table_size * sizeof(uint32_t))) {
        return false;
    }
    for (size_t i = 0; i < blocks->table_size; i++) {
        if (entries(blocks)[i] != 0) {
            entries(&larger)[entry_of(&larger, blocks_at(blocks, entries(blocks)[i] - 1)->addr)] = entries(blocks)[i];
        }
    }
    growing_free(&blocks->table);
    *blocks = larger;
    return true;
}

/* Moves entries back that could not be at their home because of the one at `hole`. */
static void
close_hole(plan_blocks_t *blocks, size_t hole) {
    size_t mask = blocks->table_size - 1;
    for (size_t i = (hole + 1) & mask; entries(blocks)[i] != 0; i = (i + 1) & mask) {
        size_t home = home_of(blocks, blocks_at(blocks, entries(blocks)[i] - 1)->addr);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            entries(blocks)[hole] = entries(blocks)[i];
            hole = i;
        }
    }
    entries(blocks)[hole] = 0;
}

uint32_t
blocks_find(const plan_blocks_t *blocks, uint64_t addr) {
    uint32_t entry = blocks->table_size == 0 ? 0 : entries(blocks)[entry_of(blocks, addr)];
    return entry == 0 ? PLAN_NONE : entry - 1;
}

/* ---- slots ---- */

/* The last slot that became vacant, since its line is in the cache; else a new one. */
static uint32_t
take_slot(plan_blocks_t *blocks) {
    if (blocks->nvacant != 0) {
        return ((uint32_t *)blocks->vacant.data)[--blocks->nvacant];
    }
    if (blocks->nslots >= PLAN_NONE - 1 ||
        !growing_reserve(&blocks->blocks, (blocks->nslots + 1) * sizeof(plan_block_t))) {
        return PLAN_NONE;
    }
    return (uint32_t)blocks->nslots++;
}

uint32_t
blocks_add(plan_blocks_t *blocks, const plan_block_t *block) {
    uint32_t slot = grow_table(blocks) ? take_slot(blocks) : PLAN_NONE;
    if (slot != PLAN_NONE) {
        *blocks_at(blocks, slot) = *block;
        entries(blocks)[entry_of(blocks, block->addr)] = slot + 1;
        blocks->nlive++;
    }
    return slot;
}

bool
blocks_remove(plan_blocks_t *blocks, uint32_t slot) {
    close_hole(blocks, entry_of(blocks, blocks_at(blocks, slot)->addr));
    blocks->nlive--;
    if (!growing_reserve(&blocks->leaving, (blocks->nleaving + 1) * sizeof(uint32_t))) {
        return false;
    }
    ((uint32_t *)blocks->leaving.data)[blocks->nleaving++] = slot;
    return true;
}

bool
blocks_end_window(plan_blocks_t *blocks) {
    if (!growing_reserve(&blocks->vacant, (blocks->nvacant + blocks->nleaving) * sizeof(uint32_t))) {
        return false;
    }
    if (blocks->nleaving != 0) {
        memcpy((uint32_t *)blocks->vacant.data + blocks->nvacant, blocks->leaving.data,
               blocks->nleaving * sizeof(uint32_t));
    }
    blocks->nvacant += blocks->nleaving;
    blocks->nleaving = 0;
    return true;
}

void
blocks_free(plan_blocks_t *blocks) {
    growing_free(&blocks->blocks);
    growing_free(&blocks->table);
    growing_free(&blocks->vacant);
    growing_free(&blocks->leaving);
    *blocks = (plan_blocks_t){0};
}
