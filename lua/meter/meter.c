/* meter.c -- a meter's life, its limits and its figures. */
#include "meter/meter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 0, or an errno value. */
static int
open_memory(arena_memory_t *memory, const lunalloc_api_t *api, const lunalloc_lua_options_t *options) {
    int error = options->place == LUNALLOC_LUA_GIVEN ? memory_open_given(memory, api, options->arena)
                                                     : memory_open_shared(memory, api);
    memory->wants_own = options->place == LUNALLOC_LUA_NEW;
    return error;
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
meter_in(arena_memory_t memory, const lunalloc_lua_options_t *options) {
    const lunalloc_api_t *api = memory.api;
    lunalloc_meter_t *meter = api->calloc(1, sizeof(*meter));
    if (meter == NULL) {
        return NULL;
    }
    heap_init(&meter->heap, memory);
    if (!meter_open_scopes(meter)) {
        api->free(meter);
        return NULL;
    }
    meter->magic = METER_MAGIC;
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
    arena_memory_t memory;
    options = options != NULL ? options : &defaults;
    if (api == NULL) {
        return fail(message, size, loader_reason());
    }
    if (open_memory(&memory, api, options) != 0) {
        return fail(message, size,
                    options->place == LUNALLOC_LUA_GIVEN ? "there is no arena of that index"
                                                         : "no more arenas can be made");
    }
    lunalloc_meter_t *meter = meter_in(memory, options);
    return meter != NULL ? meter : fail(message, size, "no memory for a meter");
}

/* Gives the blocks and the arena back. */
static void
give_heap_back(lunalloc_meter_t *meter) {
    heap_destroy(&meter->heap, meter->nscopes);
    meter->kinds = meter->owner->kinds;
    memory_close(&meter->heap.memory);
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
    size_t least = meter->lifted ? SIZE_MAX : soft ? meter->soft : meter->limit;
    meter->ceiling = meter->closed ? 0 : least;
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
    for (uint32_t i = 0; i < meter->nscopes * LUNALLOC_LUA_TYPES; i++) {
        uint32_t type = i % LUNALLOC_LUA_TYPES;
        out->by_type[type] += meter->heap.owners[i / LUNALLOC_LUA_TYPES]->accounts[type];
    }
}
