/*
 * blocks.c -- see blocks.h. The table has open addressing; a removal moves later entries back, so there are no marks of
 * removed ones.
 */
#include "blocks.h"

#include <string.h>
#include <sys/mman.h>

#include "workload/prng.h"

enum {
    LINE = 8 /* slots in a cache line */
};

/* In the place of a list: its owner has ended. */
#define ENDED UINT32_MAX

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

static uint32_t
pop(const plan_blocks_t *blocks, uint32_t *list) {
    uint32_t slot = *list - 1;
    *list = blocks_at(blocks, slot)->next;
    return slot;
}

static void
push(const plan_blocks_t *blocks, uint32_t *list, uint32_t slot) {
    blocks_at(blocks, slot)->next = *list;
    *list = slot + 1;
}

static uint32_t *
list_of(const plan_blocks_t *blocks, uint32_t owner) {
    return (uint32_t *)blocks->vacant.data + owner;
}

/* A line of new slots for the list. False without memory. */
static bool
add_line(plan_blocks_t *blocks, uint32_t *list) {
    size_t first = blocks->nslots;
    if (first >= PLAN_NONE - LINE || !growing_reserve(&blocks->blocks, (first + LINE) * sizeof(plan_block_t))) {
        return false;
    }
    blocks->nslots += LINE;
    for (uint32_t i = LINE; i > 0; i--) {
        push(blocks, list, (uint32_t)first + i - 1);
    }
    return true;
}

/* The owner's slot that became vacant last, since its line is in the cache; else one that has no owner, or a new one.
 */
static uint32_t
take_slot(plan_blocks_t *blocks, uint32_t owner) {
    if (!growing_reserve(&blocks->vacant, (owner + (size_t)1) * sizeof(uint32_t))) {
        return PLAN_NONE;
    }
    uint32_t *list = list_of(blocks, owner);
    if (*list == ENDED || (*list == 0 && blocks->spare != 0)) {
        list = &blocks->spare;
    }
    return *list == 0 && !add_line(blocks, list) ? PLAN_NONE : pop(blocks, list);
}

uint32_t
blocks_add(plan_blocks_t *blocks, const plan_block_t *block) {
    uint32_t slot = grow_table(blocks) ? take_slot(blocks, block->thread) : PLAN_NONE;
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

void
blocks_end_window(plan_blocks_t *blocks) {
    for (size_t i = 0; i < blocks->nleaving; i++) {
        uint32_t slot = ((uint32_t *)blocks->leaving.data)[i];
        uint32_t *list = list_of(blocks, blocks_at(blocks, slot)->thread);
        push(blocks, *list == ENDED ? &blocks->spare : list, slot);
    }
    blocks->nleaving = 0;
}

void
blocks_end_owner(plan_blocks_t *blocks, uint32_t thread) {
    if (thread >= blocks->vacant.capacity / sizeof(uint32_t)) {
        return; /* it had no block, and has no list */
    }
    uint32_t *list = list_of(blocks, thread);
    while (*list != 0 && *list != ENDED) {
        push(blocks, &blocks->spare, pop(blocks, list));
    }
    *list = ENDED;
}

void
blocks_free(plan_blocks_t *blocks) {
    growing_free(&blocks->blocks);
    growing_free(&blocks->table);
    growing_free(&blocks->vacant);
    growing_free(&blocks->leaving);
    *blocks = (plan_blocks_t){0};
}
