/*
 * memory.h -- memory of one arena, past the caches of threads; and a hash table by address, which lies outside of it.
 *
 * A heap that shall have an arena of its own begins in the arena that all of them share, and gets its own when it has
 * become large: an arena takes some 60 KiB, which many small states would pay for nothing. What it has by then stays
 * where it is until it is freed.
 *
 * Synchronization: the thread that uses the state that it is for.
 */
#ifndef LUNALLOC_METER_MEMORY_H
#define LUNALLOC_METER_MEMORY_H

#include "loader.h"

typedef struct {
    const lunalloc_api_t *api;
    uint32_t arena;  /* its index */
    uint32_t before; /* that of the shared one, which it may have memory of */
    bool wants_own;  /* memory_part() will make an arena */
    bool own;        /* has made one, which ends with it */
} arena_memory_t;

/* From so many bytes on, a heap has an arena of its own. */
#define MEMORY_PART_BYTES ((size_t)1 << 19)

static inline int
memory_flags(const arena_memory_t *memory) {
    return MALLOCX_ARENA(memory->arena) | MALLOCX_TCACHE_NONE;
}

/* NULL if there is none. alignment: a power of two. */
static inline void *
memory_get(const arena_memory_t *memory, size_t size, size_t alignment) {
    return memory->api->mallocx(size, memory_flags(memory) | MALLOCX_ALIGN(alignment));
}

static inline void
memory_give_back(const arena_memory_t *memory, void *block) {
    memory->api->dallocx(block, MALLOCX_TCACHE_NONE);
}

/* Has the system provide the pages of a block at once: a quarter cheaper than a fault for each, 1.2 against 1.6 us. The
 * block is whole pages. It need not succeed. */
void memory_touch(void *block, size_t size);

/* Memory of the arena that all share, or of the one with that index. 0, or an errno value. */
int memory_open_shared(arena_memory_t *memory, const lunalloc_api_t *api);
int memory_open_given(arena_memory_t *memory, const lunalloc_api_t *api, uint32_t index);
/* Gets an arena of its own, if it wants one. It stays in the shared one if there are too many arenas. */
void memory_part(arena_memory_t *memory);
/* All has been given back: destroys the arena of its own. Free pages of those that others use are purged: nobody may
 * need them soon. */
void memory_close(arena_memory_t *memory);

/* What is known of an address. */
typedef struct {
    uintptr_t address; /* 0: the slot is unused */
    size_t size;       /* the user's */
    void *data;        /* the user's */
} entry_t;

typedef struct {
    entry_t *slots; /* 2^lg_slots, at most half of them used; NULL until first used */
    uint32_t lg_slots;
    uint32_t count;
} table_t;

static inline uint32_t
table_home(const table_t *table, uintptr_t address) {
    return (uint32_t)((uint64_t)address * UINT64_C(0x9E3779B97F4A7C15) >> (64 - table->lg_slots));
}

/* Where the address is, or would be. The table has slots. */
static inline entry_t *
table_place(const table_t *table, uintptr_t address) {
    uint32_t i = table_home(table, address);
    while (table->slots[i].address != address && table->slots[i].address != 0) {
        i = (i + 1) & ((1U << table->lg_slots) - 1);
    }
    return &table->slots[i];
}

/* NULL if it is not there. Valid until the table changes. */
static inline entry_t *
table_find(const table_t *table, uintptr_t address) {
    entry_t *entry = table->slots == NULL ? NULL : table_place(table, address);
    return entry != NULL && entry->address != 0 ? entry : NULL;
}

/* Makes sure that table_add() can be called once. False if there is no memory. */
bool table_reserve(table_t *table, const arena_memory_t *memory);
void table_add(table_t *table, entry_t entry);
void table_remove(table_t *table, entry_t *entry);
/* The first entry at or after slot *i, and sets *i past it; NULL at the end. Start with 0. */
entry_t *table_next(const table_t *table, uint32_t *i);
void table_destroy(table_t *table, const arena_memory_t *memory);

#endif
