/*
 * meters.h -- what the tests of meters share: meters of their own arenas, and memory that is refused.
 */
#ifndef TESTS_METERS_H
#define TESTS_METERS_H

#include "../workload/cmocka_all.h"
#include <stdio.h>

#include "meter/meter.h"

static inline lunalloc_meter_t *
new_meter(size_t limit) {
    lunalloc_lua_options_t options = {.place = LUNALLOC_LUA_NEW, .limit = limit};
    lunalloc_meter_t *meter = lunalloc_meter_new(&options, NULL, 0);
    assert_non_null(meter);
    return meter;
}

static inline bool
arena_exists(uint32_t arena) {
    char name[48];
    lunalloc_value_t value;
    snprintf(name, sizeof(name), "arena.%u.dirty_decay_ms", arena);
    return loader_api()->ctl_get(name, &value, NULL, 0) == 0;
}

static inline size_t
allocated_in(uint32_t arena, const char *kind) {
    char name[64];
    size_t bytes = SIZE_MAX, size = sizeof(bytes);
    snprintf(name, sizeof(name), "stats.arenas.%u.%s.allocated", arena, kind);
    assert_int_equal(loader_api()->mallctl(name, &bytes, &size, NULL, 0), 0);
    return bytes;
}

/* Is nothing allocated in the arena? */
static inline bool
arena_is_empty(uint32_t arena) {
    uint64_t epoch = 1;
    loader_api()->mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
    return !arena_exists(arena) || allocated_in(arena, "small") + allocated_in(arena, "large") == 0;
}

/* Frees the meter, which has no block: its arena goes with it. */
static inline void
end_meter(lunalloc_meter_t *meter) {
    uint32_t arena = meter->heap.memory.arena;
    assert_int_equal(meter->total, 0);
    lunalloc_meter_free(meter);
    assert_true(arena_is_empty(arena));
}

static lunalloc_api_t refusing; /* as the loader's, but for the next two */
static long until_refused = -1; /* this many requests are served before all are refused; -1: all are served */
static const lunalloc_api_t *real;

static bool
is_served(void) {
    until_refused -= until_refused > 0;
    return until_refused != 0;
}

static void *
refusing_mallocx(size_t size, int flags) {
    return is_served() ? real->mallocx(size, flags) : NULL;
}

static void *
refusing_rallocx(void *block, size_t size, int flags) {
    return is_served() ? real->rallocx(block, size, flags) : NULL;
}

/* From now on, the meter's memory is refused when `until_refused` says so. */
static inline void
make_refusing(lunalloc_meter_t *meter) {
    real = loader_api();
    refusing = *real;
    refusing.mallocx = refusing_mallocx;
    refusing.rallocx = refusing_rallocx;
    meter->heap.memory.api = &refusing;
    until_refused = -1;
}

#endif
