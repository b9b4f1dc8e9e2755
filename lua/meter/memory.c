/* memory.c -- which arena the memory is of; and the hash table: linear probing. When an entry is removed, those
 * displaced past it move back. */
#include "meter/memory.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>

#define LG_FIRST 3

/* ---- arenas ---- */

static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static bool has_shared;       /* Synchronization: under shared_lock */
static uint32_t shared_arena; /* Synchronization: under shared_lock */

/* 0, or an errno value. */
static int
create_arena(const lunalloc_api_t *api, uint32_t *arena) {
    unsigned index;
    size_t size = sizeof(index);
    int error = api->mallctl("arenas.create", &index, &size, NULL, 0);
    *arena = error == 0 ? index : 0;
    return error;
}

int
memory_open_shared(arena_memory_t *memory, const lunalloc_api_t *api) {
    pthread_mutex_lock(&shared_lock);
    int error = has_shared ? 0 : create_arena(api, &shared_arena);
    has_shared = error == 0;
    *memory = (arena_memory_t){.api = api, .arena = shared_arena, .before = shared_arena};
    pthread_mutex_unlock(&shared_lock);
    return error;
}

/* The decay times of a destroyed arena cannot be read. */
int
memory_open_given(arena_memory_t *memory, const lunalloc_api_t *api, uint32_t index) {
    char name[48];
    lunalloc_value_t value;
    snprintf(name, sizeof(name), "arena.%u.dirty_decay_ms", index);
    *memory = (arena_memory_t){.api = api, .arena = index, .before = index};
    return api->ctl_get(name, &value, NULL, 0);
}

void
memory_touch(void *block, size_t size) {
#ifdef MADV_POPULATE_WRITE
    madvise(block, size, MADV_POPULATE_WRITE);
#else
    (void)block, (void)size;
#endif
}

static void
act_on_arena(const arena_memory_t *memory, uint32_t arena, const char *action) {
    char name[48];
    snprintf(name, sizeof(name), "arena.%u.%s", arena, action);
    memory->api->mallctl(name, NULL, NULL, NULL, 0);
}

void
memory_part(arena_memory_t *memory) {
    uint32_t arena;
    if (memory->wants_own && create_arena(memory->api, &arena) == 0) {
        memory->arena = arena;
        memory->own = true;
        act_on_arena(memory, memory->before, "purge"); /* what was resized there, and moved away */
    }
    memory->wants_own = false;
}

void
memory_close(arena_memory_t *memory) {
    if (memory->own) {
        act_on_arena(memory, memory->arena, "destroy");
    }
    act_on_arena(memory, memory->before, "purge");
    memory->arena = memory->before;
    memory->own = false;
}

/* ---- the table ---- */

static uint32_t
mask_of(const table_t *table) {
    return (1U << table->lg_slots) - 1;
}

/* Moves the entries into 2^lg slots. False if there is no memory: nothing changed. */
static bool
rehash(table_t *table, const arena_memory_t *memory, uint32_t lg) {
    table_t old = *table;
    entry_t *slots = memory->api->calloc(1, sizeof(entry_t) << lg);
    if (slots == NULL) {
        return false;
    }
    *table = (table_t){.slots = slots, .lg_slots = lg};
    uint32_t i = 0;
    for (entry_t *entry; (entry = table_next(&old, &i)) != NULL;) {
        table_add(table, *entry);
    }
    table_destroy(&old, memory);
    return true;
}

bool
table_reserve(table_t *table, const arena_memory_t *memory) {
    if (table->slots == NULL) {
        return rehash(table, memory, LG_FIRST);
    }
    return (table->count + 1) * 2 <= 1U << table->lg_slots || rehash(table, memory, table->lg_slots + 1);
}

void
table_add(table_t *table, entry_t entry) {
    *table_place(table, entry.address) = entry;
    table->count++;
}

/* May the entry at slot i fill the hole before it? Only if the hole lies between its home and i. */
static bool
may_fill(const table_t *table, uint32_t i, uint32_t hole) {
    uint32_t displaced = (i - table_home(table, table->slots[i].address)) & mask_of(table);
    return displaced >= ((i - hole) & mask_of(table));
}

void
table_remove(table_t *table, entry_t *entry) {
    uint32_t hole = (uint32_t)(entry - table->slots);
    for (uint32_t i = (hole + 1) & mask_of(table); table->slots[i].address != 0; i = (i + 1) & mask_of(table)) {
        if (may_fill(table, i, hole)) {
            table->slots[hole] = table->slots[i];
            hole = i;
        }
    }
    table->slots[hole] = (entry_t){0};
    table->count--;
}

entry_t *
table_next(const table_t *table, uint32_t *i) {
    while (table->slots != NULL && *i <= mask_of(table)) {
        entry_t *entry = &table->slots[(*i)++];
        if (entry->address != 0) {
            return entry;
        }
    }
    return NULL;
}

void
table_destroy(table_t *table, const arena_memory_t *memory) {
    if (table->slots != NULL) {
        memory->api->free(table->slots);
    }
    *table = (table_t){0};
}
