/* alloc.c -- the function that Lua calls for each block. What is likely stands first, and what is not, in functions of
 * its own. */
#include "meter/meter.h"
#include "meter/mixed.h"

#include <string.h>

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define NOINLINE    __attribute__((noinline))
#define COLD        __attribute__((noinline, cold))

/* Of a new object Lua passes the type in place of the old size: LUA_TSTRING .. LUA_TTHREAD, and two that lua.h does not
 * name, for upvalues and prototypes. */
static const uint8_t types[16] = {
    [LUA_TSTRING] = LUNALLOC_LUA_STRING,        [LUA_TTABLE] = LUNALLOC_LUA_TABLE,
    [LUA_TFUNCTION] = LUNALLOC_LUA_FUNCTION,    [LUA_TUSERDATA] = LUNALLOC_LUA_USERDATA,
    [LUA_TTHREAD] = LUNALLOC_LUA_THREAD,        [LUA_NUMTYPES] = LUNALLOC_LUA_FUNCTION,
    [LUA_NUMTYPES + 1] = LUNALLOC_LUA_FUNCTION,
};

/* Where the bins of that type begin. */
static const uint16_t rows[16] = {
    [LUA_TSTRING] = HEAP_BINS * LUNALLOC_LUA_STRING,        [LUA_TTABLE] = HEAP_BINS * LUNALLOC_LUA_TABLE,
    [LUA_TFUNCTION] = HEAP_BINS * LUNALLOC_LUA_FUNCTION,    [LUA_TUSERDATA] = HEAP_BINS * LUNALLOC_LUA_USERDATA,
    [LUA_TTHREAD] = HEAP_BINS * LUNALLOC_LUA_THREAD,        [LUA_NUMTYPES] = HEAP_BINS * LUNALLOC_LUA_FUNCTION,
    [LUA_NUMTYPES + 1] = HEAP_BINS * LUNALLOC_LUA_FUNCTION,
};

/* ---- limits and accounts ---- */

/* May the total become so large, which is more than `ceiling`? */
static COLD bool
may_reach(lunalloc_meter_t *meter, size_t total) {
    if (total > meter->limit) {
        meter->failures++;
        return false;
    }
    if (total > meter->soft && meter->soft_armed) {
        meter->soft_armed = false;
        meter->soft_due = true;
        meter_set_ceiling(meter);
        if (meter->request_soft != NULL) {
            meter->request_soft(meter);
        }
    }
    return true;
}

/* Before the total falls. */
static inline void
note_peak(lunalloc_meter_t *meter) {
    if (UNLIKELY(meter->total > meter->peak)) {
        meter->peak = meter->total;
    }
}

static inline void
charge(lunalloc_meter_t *meter, size_t *account, size_t size) {
    meter->total += size;
    *account += METER_ACCOUNTS ? size : 0;
}

static inline void
discharge(lunalloc_meter_t *meter, size_t *account, size_t size) {
    note_peak(meter);
    meter->total -= size;
    *account -= METER_ACCOUNTS ? size : 0;
}

static COLD void *
note_failure(lunalloc_meter_t *meter) {
    meter->failures++;
    return NULL;
}

/* ---- new blocks ---- */

static NOINLINE void *
new_block_slow(lunalloc_meter_t *meter, size_t old_size, size_t size) {
    uint32_t type = types[old_size & 15];
    if (UNLIKELY(meter->closed)) {
        return meter->old_alloc(meter->old_context, NULL, 0, size);
    }
    if (meter->total + size > meter->ceiling && !may_reach(meter, meter->total + size)) {
        return NULL;
    }
    void *block = heap_alloc_slow(&meter->heap, meter->owner, type, size);
    if (block == NULL) {
        return note_failure(meter);
    }
    meter->kinds = meter->owner->kinds;
    charge(meter, &meter->owner->accounts[type], size);
    return block;
}

/* A block of a span, while no limit is near and the first span of its kind has one. */
static inline void *
new_block(lunalloc_meter_t *meter, size_t old_size, size_t size) {
    bool near = meter->total + size > meter->ceiling;
    if (LIKELY(size <= HEAP_SMALL_MAX) && LIKELY(!near)) {
        uint32_t bin = heap_bin(size);
        span_t *span = meter->kinds->bins[rows[old_size & 15] + bin];
        uint64_t ready = span->free[0];
        if (LIKELY(ready != 0)) {
            charge(meter, span->account, size);
            return heap_take(span, ready, bin);
        }
    }
    return new_block_slow(meter, old_size, size);
}

/* ---- where blocks lie ---- */

/* Both NULL: the block is foreign. */
typedef struct {
    span_t *span;
    entry_t *large;
} place_t;

static place_t
place_of(lunalloc_meter_t *meter, void *block, size_t size) {
    span_t *span = NULL;
    if (meter->careful && !heap_knows(&meter->heap, block)) {
        span = heap_locate(&meter->heap, block);
    } else if (size <= HEAP_MAX || meter->careful) {
        span = heap_span(block);
    }
    return (place_t){span, span == NULL ? heap_large(&meter->heap, block) : NULL};
}

static bool
is_foreign(place_t place) {
    return place.span == NULL && place.large == NULL;
}

static kind_t
kind_at(const lunalloc_meter_t *meter, place_t place, const void *block, size_t size) {
    return place.span != NULL ? heap_kind(&meter->heap, place.span, block, size)
                              : heap_large_kind(&meter->heap, place.large);
}

static size_t *
account_of(kind_t kind) {
    return &kind.owner->accounts[kind.type];
}

/* Frees an own block; returns its account. */
static size_t *
release(lunalloc_meter_t *meter, place_t place, void *block, size_t size) {
    return place.span != NULL ? heap_free(&meter->heap, place.span, block, size)
                              : heap_free_large(&meter->heap, place.large);
}

/* ---- frees ---- */

/* Counts that a foreign block has gone. Buffers of C functions are foreign, too, and Lua does not count them. */
static void
discharge_foreign(lunalloc_meter_t *meter, size_t size) {
    size_t counted = size < meter->foreign ? size : meter->foreign;
    note_peak(meter);
    meter->foreign -= counted;
    meter->total -= counted;
}

/* With the block that it lies in, the state ends. */
static COLD void
free_foreign(lunalloc_meter_t *meter, void *block, size_t size) {
    bool last = meter->foreign_state && (uintptr_t)meter->main - (uintptr_t)block < size;
    meter->old_alloc(meter->old_context, block, size, 0);
    discharge_foreign(meter, size);
    if (last) {
        meter->foreign_state = false;
        meter_was_emptied(meter);
    }
}

/* Of a tiny block: the last one of its span, or the first one of a full span, is not freed here. */
static inline bool
free_tiny_block(lunalloc_meter_t *meter, void *block, size_t size) {
    span_t *span = heap_span(block);
    bool ok = size <= HEAP_TINY_MAX && LIKELY(!meter->careful) && !heap_is_mixed(span) && heap_put_tiny(span, block);
    if (ok) {
        discharge(meter, span->account, size);
    }
    return ok;
}

/* Of a mixed one. */
static inline bool
free_mixed_block(lunalloc_meter_t *meter, void *block, size_t size) {
    bool is_ours = LIKELY(!meter->careful) || heap_knows(&meter->heap, block);
    bool ok = size <= HEAP_MAX && is_ours && heap_is_mixed(heap_span(block)) && meter->total != size;
    if (ok) {
        size_t *account = mixed_free(&meter->heap, block, size);
        discharge(meter, account, size);
    }
    return ok;
}

static NOINLINE void *
free_elsewhere(lunalloc_meter_t *meter, void *block, size_t size) {
    if (free_mixed_block(meter, block, size) || free_tiny_block(meter, block, size)) {
        return NULL;
    }
    place_t place = place_of(meter, block, size);
    if (UNLIKELY(is_foreign(place))) {
        free_foreign(meter, block, size);
        return NULL;
    }
    discharge(meter, release(meter, place, block, size), size);
    if (UNLIKELY(meter->total == 0)) {
        meter_was_emptied(meter);
    }
    return NULL;
}

/* A block of a span that has another free block, and another block in use. */
static inline void *
free_block(lunalloc_meter_t *meter, void *block, size_t size) {
    bool is_ours = LIKELY(!meter->careful) || LIKELY(heap_knows(&meter->heap, block));
    if (LIKELY(size - HEAP_TINY_MAX - 1 < HEAP_SMALL_MAX - HEAP_TINY_MAX) && LIKELY(is_ours)) {
        span_t *span = heap_span(block);
        if (LIKELY(heap_put(span, block))) {
            discharge(meter, span->account, size);
            return NULL;
        }
    }
    return free_elsewhere(meter, block, size);
}

/* ---- resizing ---- */

static void
copy(void *to, const void *from, size_t old_size, size_t new_size) {
    memcpy(to, from, old_size < new_size ? old_size : new_size);
}

/* Changes the accounts of a block that has got another size. */
static inline void
recharge(lunalloc_meter_t *meter, kind_t kind, size_t old_size, size_t new_size) {
    note_peak(meter);
    meter->total += new_size - old_size;
    *account_of(kind) += new_size - old_size;
}

/* There was no memory for a block of another size. One that should shrink stays, and passes for a smaller one. */
static COLD void *
keep_block(lunalloc_meter_t *meter, place_t place, kind_t kind, void *block, size_t old_size, size_t new_size) {
    if (new_size > old_size) {
        return note_failure(meter);
    }
    if (place.span != NULL && heap_is_mixed(place.span)) {
        mixed_resize(&meter->heap, block, kind, old_size, new_size, true);
    } else {
        meter->careful = true;
    }
    recharge(meter, kind, old_size, new_size);
    return block;
}

/* A new block takes the place of an own one. */
static void *
move_block(lunalloc_meter_t *meter, place_t place, kind_t kind, void *block, size_t old_size, size_t new_size) {
    void *moved = heap_alloc(&meter->heap, kind.owner, kind.type, new_size);
    if (UNLIKELY(moved == NULL)) {
        return keep_block(meter, place, kind, block, old_size, new_size);
    }
    copy(moved, block, old_size, new_size);
    recharge(meter, kind, old_size, new_size);
    if (place.span == NULL) {
        place.large = heap_large(&meter->heap, block); /* the table may have moved */
    }
    release(meter, place, block, old_size);
    return moved;
}

/* An own block of a closed meter moves to the old allocator. */
static COLD void *
move_back(lunalloc_meter_t *meter, place_t place, kind_t kind, void *block, size_t old_size, size_t new_size) {
    void *moved = meter->old_alloc(meter->old_context, NULL, 0, new_size);
    if (moved == NULL) {
        return keep_block(meter, place, kind, block, old_size, new_size);
    }
    copy(moved, block, old_size, new_size);
    free_block(meter, block, old_size);
    return moved;
}

/* A large block that stays large: the arena moves its pages, or the next one's away. */
static void *
resize_large(lunalloc_meter_t *meter, place_t place, kind_t kind, size_t old_size, size_t new_size) {
    void *block = (void *)place.large->address;
    void *moved = heap_resize_large(&meter->heap, place.large, new_size);
    if (moved == NULL) {
        return keep_block(meter, place, kind, block, old_size, new_size);
    }
    recharge(meter, kind, old_size, new_size);
    return moved;
}

/* Does a block of a chunk stay where it is? */
static bool
stays(lunalloc_meter_t *meter, const span_t *span, kind_t kind, void *block, size_t old_size, size_t new_size) {
    if (new_size > HEAP_MAX) {
        return false;
    }
    return heap_is_mixed(span) ? mixed_resize(&meter->heap, block, kind, old_size, new_size, false)
                               : heap_bin(new_size) == span->bin;
}

static void *
resize_own(lunalloc_meter_t *meter, place_t place, void *block, size_t old_size, size_t new_size) {
    kind_t kind = kind_at(meter, place, block, old_size);
    if (LIKELY(place.span != NULL) && stays(meter, place.span, kind, block, old_size, new_size)) {
        recharge(meter, kind, old_size, new_size);
        return block;
    } else if (UNLIKELY(meter->closed)) {
        return move_back(meter, place, kind, block, old_size, new_size);
    }
    return place.span == NULL && new_size > HEAP_MAX ? resize_large(meter, place, kind, old_size, new_size)
                                                     : move_block(meter, place, kind, block, old_size, new_size);
}

/* The old allocator resizes a foreign block: it does not count, or there was no memory for an own one instead. */
static void *
resize_by_old(lunalloc_meter_t *meter, void *block, size_t old_size, size_t new_size) {
    if (!meter->closed && new_size > old_size) {
        return note_failure(meter);
    }
    void *moved = meter->old_alloc(meter->old_context, block, old_size, new_size);
    if (!meter->closed && moved != NULL) {
        discharge_foreign(meter, old_size - new_size);
    }
    return moved;
}

/* A foreign block moves to the meter. */
static COLD void *
resize_foreign(lunalloc_meter_t *meter, void *block, size_t old_size, size_t new_size) {
    kind_t kind = {meter->owner, LUNALLOC_LUA_OTHER};
    void *moved = meter->closed ? NULL : heap_alloc(&meter->heap, kind.owner, kind.type, new_size);
    if (moved == NULL) {
        return resize_by_old(meter, block, old_size, new_size);
    }
    copy(moved, block, old_size, new_size);
    discharge_foreign(meter, old_size);
    charge(meter, account_of(kind), new_size);
    meter->old_alloc(meter->old_context, block, old_size, 0);
    return moved;
}

static NOINLINE void *
resize_any(lunalloc_meter_t *meter, void *block, size_t old_size, size_t new_size) {
    place_t place = place_of(meter, block, old_size);
    return UNLIKELY(is_foreign(place)) ? resize_foreign(meter, block, old_size, new_size)
                                       : resize_own(meter, place, block, old_size, new_size);
}

/* A small block of a span gets another small size. */
static void *
resize_in_spans(lunalloc_meter_t *meter, span_t *span, void *block, size_t old_size, size_t new_size) {
    kind_t kind = {heap_owner(span), span->type};
    void *moved = heap_alloc(&meter->heap, kind.owner, kind.type, new_size);
    if (UNLIKELY(moved == NULL)) {
        return keep_block(meter, (place_t){span, NULL}, kind, block, old_size, new_size);
    }
    copy(moved, block, old_size, new_size);
    recharge(meter, kind, old_size, new_size);
    heap_free(&meter->heap, span, block, old_size);
    return moved;
}

static NOINLINE void *
resize(lunalloc_meter_t *meter, void *block, size_t old_size, size_t new_size) {
    size_t total = meter->total - old_size + new_size;
    bool over = new_size > old_size && total > meter->ceiling;
    if (UNLIKELY(over) && !meter->closed && !may_reach(meter, total)) {
        return NULL;
    }
    bool small = (old_size | new_size) <= HEAP_SMALL_MAX && LIKELY(!meter->careful);
    span_t *span = heap_span(block);
    if (small && !heap_is_mixed(span) && heap_bin(new_size) != span->bin) {
        return resize_in_spans(meter, span, block, old_size, new_size);
    }
    return resize_any(meter, block, old_size, new_size);
}

/* ---- the function ---- */

void *
lunalloc_lua_alloc(void *context, void *block, size_t old_size, size_t new_size) {
    lunalloc_meter_t *meter = context;
    if (new_size == 0) { /* Lua also frees arrays that it does not have */
        return block != NULL ? free_block(meter, block, old_size) : NULL;
    }
    return block == NULL ? new_block(meter, old_size, new_size) : resize(meter, block, old_size, new_size);
}
