/* counters.c -- the descriptions, made from counters.def, and merging by them. */
#include "observe/counters.h"

#include "base/bits.h"

/* ---- the descriptions ---- */

#define ROW(name, row, column, offset, kind, merge)                                                                    \
    { name, row, column, offset, counter_##kind, counter_##merge }

static const counter_row_t process[] = {
#define TOTAL(name, type, unit, kind, merge, ...)                                                                      \
    ROW(#name, "", "", offsetof(stats_process_t, total.name), kind, merge),
#define PROCESS(name, type, unit, kind, ...) ROW(#name, "", "", offsetof(stats_process_t, name), kind, sum),
#include "observe/counters.def"
};

static const counter_row_t background[] = {
#define BACKGROUND(name, type, unit, kind, ...) ROW(#name, "", "", offsetof(stats_background_t, name), kind, sum),
#include "observe/counters.def"
};

static const counter_row_t arena[] = {
#define ARENA_AGE(name, type, unit, kind, merge, ...) ROW(#name, "", "", offsetof(stats_arena_t, name), kind, merge),
#include "observe/counters.def"

#define STATE "dirty"
#define STAGE(name, control, type, unit, kind, merge, column, ...)                                                     \
    ROW(control, STATE, column, offsetof(stats_arena_t, dirty.name), kind, merge),
#include "observe/counters.def"
#undef STATE

#define STATE "muzzy"
#define STAGE(name, control, type, unit, kind, merge, column, ...)                                                     \
    ROW(control, STATE, column, offsetof(stats_arena_t, muzzy.name), kind, merge),
#include "observe/counters.def"
#undef STATE

#define SIZES(name, type, unit, kind, column, ...)                                                                     \
    ROW("small." #name, "small", column, offsetof(stats_arena_t, small.name), kind, sum),
#include "observe/counters.def"

#define SIZES(name, type, unit, kind, column, ...)                                                                     \
    ROW("large." #name, "large", column, offsetof(stats_arena_t, large.name), kind, sum),
#include "observe/counters.def"

#define ARENA(name, type, unit, kind, merge, ...) ROW(#name, "", "", offsetof(stats_arena_t, name), kind, merge),
#include "observe/counters.def"
};

static const counter_row_t lock[] = {
#define LOCK(name, type, unit, kind, merge, column, ...)                                                               \
    ROW(#name, "", column, offsetof(stats_lock_t, name), kind, merge),
#include "observe/counters.def"
};

static const counter_row_t bin[] = {
#define BIN(name, type, unit, kind, column, ...) ROW(#name, "", column, offsetof(stats_bin_t, name), kind, sum),
#include "observe/counters.def"

#define LOCK(name, type, unit, kind, merge, column, ...)                                                               \
    ROW("mutex." #name, "", column, offsetof(stats_bin_t, mutex.name), kind, merge),
#include "observe/counters.def"
};

static const counter_row_t large[] = {
#define LARGE(name, type, unit, kind, ...) ROW(#name, "", "", offsetof(stats_large_t, name), kind, sum),
#include "observe/counters.def"
};

static const counter_row_t extents[] = {
#define EXTENTS(name, type, unit, kind, column, ...) ROW(#name, "", column, offsetof(stats_extents_t, name), kind, sum),
#include "observe/counters.def"
};

static const counter_row_t cache[] = {
#define CACHE(name, type, unit, kind, ...) ROW(#name, "", "", offsetof(stats_cache_t, name), kind, sum),
#include "observe/counters.def"
};

/* ---- they fit the structures ---- */

#define LENGTH(array)             (sizeof(array) / sizeof((array)[0]))
#define COMPLETE(rows, record)    _Static_assert(LENGTH(rows) * 8 == sizeof(record), "a description for each word")
#define IN_PLACE(record, name, n) _Static_assert(offsetof(record, name) == (n)*8, "words are in the list's order")

COMPLETE(process, stats_process_t);
COMPLETE(background, stats_background_t);
COMPLETE(arena, stats_arena_t);
COMPLETE(lock, stats_lock_t);
COMPLETE(bin, stats_bin_t);
COMPLETE(large, stats_large_t);
COMPLETE(extents, stats_extents_t);
COMPLETE(cache, stats_cache_t);

/* lunalloc.h writes its structures itself. */
enum {
#define TOTAL(name, ...) total_##name,
#include "observe/counters.def"
    TOTALS
};
enum {
#define CLASS(name, ...) class_##name,
#include "observe/counters.def"
    CLASSES
};
#define TOTAL(name, ...) IN_PLACE(lunalloc_stats_t, name, total_##name);
#define CLASS(name, ...) IN_PLACE(lunalloc_class_stats_t, name, class_##name);
#include "observe/counters.def"
_Static_assert(TOTALS * 8 == sizeof(lunalloc_stats_t), "a counter for each word");
_Static_assert(CLASSES * 8 == sizeof(lunalloc_class_stats_t), "a counter for each word");

/* A switch: a table of pointers would be relocated when the library is loaded. */
const counter_row_t *
counters_of(record_t record, uint32_t *n) {
    switch (record) {
    case record_process:
        *n = LENGTH(process);
        return process;
    case record_background:
        *n = LENGTH(background);
        return background;
    case record_arena:
        *n = LENGTH(arena);
        return arena;
    case record_lock:
        *n = LENGTH(lock);
        return lock;
    case record_bin:
        *n = LENGTH(bin);
        return bin;
    case record_large:
        *n = LENGTH(large);
        return large;
    case record_extents:
        *n = LENGTH(extents);
        return extents;
    default:
        *n = LENGTH(cache);
        return cache;
    }
}

/* ---- merging ---- */

static uint64_t
merged(counter_merge_t how, uint64_t a, uint64_t b) {
    switch (how) {
    case counter_max:
        return a > b ? a : b;
    case counter_min:
        return a < b ? a : b;
    case counter_limit:
        return a == COUNTER_NEVER || b == COUNTER_NEVER ? COUNTER_NEVER : a + b;
    default:
        return a + b;
    }
}

/* Row i of the description is word i. */
void
counters_merge(record_t record, void *into, const void *from) {
    uint32_t n;
    const counter_row_t *rows = counters_of(record, &n);
    uint64_t *a = into;
    const uint64_t *b = from;
    for (uint32_t i = 0; i < n; i++) {
        a[i] = LIKELY(rows[i].merge == counter_sum) ? a[i] + b[i] : merged((counter_merge_t)rows[i].merge, a[i], b[i]);
    }
}
