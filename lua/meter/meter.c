/* meter.c -- a meter's life, its limits and its figures. */
#include "meter/meter.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int
find_shared(const lunalloc_api_t *api, uint32_t *arena) {
    pthread_mutex_lock(&shared_lock);
    int error = has_shared ? 0 : create_arena(api, &shared_arena);
    has_shared = error == 0;
    *arena = shared_arena;
    pthread_mutex_unlock(&shared_lock);
    return error;
}

static int
find_given(const lunalloc_api_t *api, uint32_t index, uint32_t *arena) {
    char name[48];
    lunalloc_value_t value;
    snprintf(name, sizeof(name), "arena.%u.dirty_decay_ms", index);
    *arena = index;
    return api->ctl_get(name, &value, NULL, 0); /* those of a destroyed arena cannot be read */
}

static int
find_arena(const lunalloc_api_t *api, const lunalloc_lua_options_t *options, uint32_t *arena) {
    switch (options->place) {
    case LUNALLOC_LUA_NEW:
        return create_arena(api, arena);
    case LUNALLOC_LUA_GIVEN:
        return find_given(api, options->arena, arena);
    default:
        return find_shared(api, arena);
    }
}

/* An action of the meter's arena: "purge", "destroy". */
static void
act_on_arena(const lunalloc_meter_t *meter, const char *action) {
    char name[48];
    snprintf(name, sizeof(name), "arena.%u.%s", meter->heap.memory.arena, action);
    meter->heap.memory.api->mallctl(name, NULL, NULL, NULL, 0);
}

/* ---- birth and end ---- */

/* The old allocator of a state that was made on a meter. */
static void *
libc_alloc(void *context, void *block, size_t old_size, size_t new_size) {
    (void)context, (void)old_size;
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, new_size);
}

static lunalloc_meter_t *
meter_in(const lunalloc_api_t *api, uint32_t arena, const lunalloc_lua_options_t *options) {
    lunalloc_meter_t *meter = api->calloc(1, sizeof(*meter));
    if (meter == NULL) {
        return NULL;
    }
    heap_init(&meter->heap, (arena_memory_t){api, arena});
    if (!meter_open_scopes(meter)) {
        api->free(meter);
        return NULL;
    }
    meter->magic = METER_MAGIC;
    meter->own_arena = options->place == LUNALLOC_LUA_NEW;
    meter->held = true;
    meter->old_alloc = libc_alloc;
    meter->on_soft = options->on_soft;
    meter->context = options->context;
    lunalloc_meter_set_limit(meter, options->limit);
    lunalloc_meter_set_soft(meter, options->soft);
    return meter;
}

static lunalloc_meter_t *
fail(char *message, size_t size, const char *why) {
    if (message != NULL && size > 0) {
        snprintf(message, size, "%s", why);
    }
    return NULL;
}

lunalloc_meter_t *
lunalloc_meter_new(const lunalloc_lua_options_t *options, char *message, size_t size) {
    static const lunalloc_lua_options_t defaults;
    const lunalloc_api_t *api = loader_api();
    uint32_t arena;
    options = options != NULL ? options : &defaults;
    if (api == NULL) {
        return fail(message, size, loader_reason());
    }
    if (find_arena(api, options, &arena) != 0) {
        return fail(message, size,
                    options->place == LUNALLOC_LUA_GIVEN ? "there is no arena of that index"
                                                         : "no more arenas can be made");
    }
    lunalloc_meter_t *meter = meter_in(api, arena, options);
    return meter != NULL ? meter : fail(message, size, "no memory for a meter");
}

/* Gives the blocks and the arena back. Pages of an arena that others use are purged: nobody may need them soon. */
static void
give_heap_back(lunalloc_meter_t *meter) {
    heap_destroy(&meter->heap);
    act_on_arena(meter, meter->own_arena ? "destroy" : "purge");
    meter->own_arena = false;
}

void
meter_destroy(lunalloc_meter_t *meter) {
    const lunalloc_api_t *api = meter->heap.memory.api;
    give_heap_back(meter);
    meter_close_scopes(meter);
    meter->magic = 0;
    api->free(meter);
}

void
meter_was_emptied(lunalloc_meter_t *meter) {
    bool can_be_called = meter->held || meter->foreign_state;
    if (!can_be_called && meter->total == 0) {
        meter_destroy(meter);
    } else if (meter->closed && meter->total == 0) {
        give_heap_back(meter);
    }
}

void
lunalloc_meter_free(lunalloc_meter_t *meter) {
    if (meter != NULL) {
        meter->held = false;
        meter_was_emptied(meter);
    }
}

void
meter_close(lunalloc_meter_t *meter) {
    if (meter->total > meter->peak) {
        meter->peak = meter->total;
    }
    meter->total -= meter->foreign;
    meter->foreign = 0;
    meter->closed = true;
    meter->careful = true;
    meter_set_ceiling(meter);
    meter_was_emptied(meter);
}

/* ---- limits and figures ---- */

void
meter_set_ceiling(lunalloc_meter_t *meter) {
    bool soft = meter->soft_armed && meter->soft < meter->limit;
    meter->ceiling = meter->closed ? 0 : soft ? meter->soft : meter->limit;
}

void
lunalloc_meter_set_limit(lunalloc_meter_t *meter, size_t limit) {
    meter->limit = limit == 0 ? SIZE_MAX : limit;
    meter_set_ceiling(meter);
}

void
lunalloc_meter_set_soft(lunalloc_meter_t *meter, size_t soft) {
    meter->soft = soft == 0 ? SIZE_MAX : soft;
    meter->soft_armed = soft != 0;
    meter->soft_due = false;
    meter_set_ceiling(meter);
}

void
lunalloc_meter_stats(lunalloc_meter_t *meter, lunalloc_meter_stats_t *out) {
    heap_totals_t totals = heap_totals(&meter->heap);
    size_t peak = meter->total > meter->peak ? meter->total : meter->peak;
    *out = (lunalloc_meter_stats_t){
        .arena = meter->heap.memory.arena,
        .nscopes = meter->nscopes,
        .allocated = meter->total - meter->foreign,
        .foreign = meter->foreign,
        .peak = peak,
        .limit = meter->limit == SIZE_MAX ? 0 : meter->limit,
        .soft = meter->soft == SIZE_MAX ? 0 : meter->soft,
        .held = totals.held,
        .blocks = totals.blocks,
        .failures = meter->failures,
    };
    for (uint32_t tag = 0; tag < meter->nscopes << METER_LG_TYPES; tag++) {
        out->by_type[tag % LUNALLOC_LUA_TYPES] += meter->accounts[tag];
    }
}
