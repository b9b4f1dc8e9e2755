/* alloc.c -- the function that Lua calls for each block. What is likely stands first, and what is not, in functions of
 * its own. */
#include "meter/meter.h"

#include <string.h>

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define NOINLINE    __attribute__((noinline))
#define COLD        __attribute__((noinline, cold))

/* Of a new object Lua passes the type in place of the old size: LUA_TSTRING .. LUA_TTHREAD, and two that lua.h does not
 * name, for upvalues and prototypes. */
static inline uint32_t
type_of(size_t old_size) {
    static const uint8_t types[16] = {
        [LUA_TSTRING] = LUNALLOC_LUA_STRING,        [LUA_TTABLE] = LUNALLOC_LUA_TABLE,
        [LUA_TFUNCTION] = LUNALLOC_LUA_FUNCTION,    [LUA_TUSERDATA] = LUNALLOC_LUA_USERDATA,
        [LUA_TTHREAD] = LUNALLOC_LUA_THREAD,        [LUA_NUMTYPES] = LUNALLOC_LUA_FUNCTION,
        [LUA_NUMTYPES + 1] = LUNALLOC_LUA_FUNCTION,
    };
    return types[old_size & 15];
}

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
charge(lunalloc_meter_t *meter, uint32_t tag, size_t size) {
    meter->total += size;
    meter->accounts[tag] += size;
}

static inline void
discharge(lunalloc_meter_t *meter, uint32_t tag, size_t size) {
    note_peak(meter);
    meter->total -= size;
    meter->accounts[tag] -= size;
}

static COLD void *
note_failure(lunalloc_meter_t *meter) {
    meter->failures++;
    return NULL;
}

/* ---- new blocks ---- */

static NOINLINE void *
new_block_slow(lunalloc_meter_t *meter, uint32_t tag, size_t size) {
    if (UNLIKELY(meter->closed) || size == 0) {
        return size == 0 ? NULL : meter->old_alloc(meter->old_context, NULL, 0, size);
    }
    if (meter->total + size > meter->ceiling && !may_reach(meter, meter->total + size)) {
        return NULL;
    }
    void *block = heap_alloc(&meter->heap, size, (uint16_t)tag);
    if (block == NULL) {
        return note_failure(meter);
    }
    charge(meter, tag, size);
    return block;
}

/* A block of a page, while no limit is near and the bin's first span has one. */
static inline void *
new_block(lunalloc_meter_t *meter, uint32_t tag, size_t size) {
    bool near = meter->total + size > meter->ceiling;
    if (LIKELY(size <= HEAP_PAGE_MAX) && LIKELY(!near)) {
        span_t *span = meter->heap.bins[(size + 7) >> 3];
        uint64_t ready = heap_ready(span);
        if (LIKELY(ready != 0)) {
            charge(meter, tag, size);
            return heap_take(span, ready, (uint16_t)tag, HEAP_LG_PAGE);
        }
    }
    return new_block_slow(meter, tag, size);
}

/* ---- where blocks lie ---- */

/* Both NULL: the block is foreign. */
typedef struct {
    span_t *span;
    entry_t *large;
} place_t;

static place_t
place_of(lunalloc_meter_t *meter, void *block, size_t size) {
    bool by_size = !meter->careful || (heap_knows(&meter->heap, block) && !meter->misfits);
    span_t *span = NULL;
    if (!by_size) {
        span = heap_locate(&meter->heap, block);
    } else if (size <= HEAP_MAX) {
        span = heap_span(block, heap_lg(size));
    }
    return (place_t){span, span == NULL ? heap_large(&meter->heap, block) : NULL};
}

static bool
is_foreign(place_t place) {
    return place.span == NULL && place.large == NULL;
}

static uint32_t
number_of(place_t place, const void *block) {
    return heap_number(place.span, block, heap_lg(place.span->size));
}

static uint32_t
tag_at(place_t place, const void *block) {
    return place.span != NULL ? place.span->tags[number_of(place, block)] : heap_large_tag(place.large);
}

/* Frees an own block; returns its tag. */
static uint32_t
release(lunalloc_meter_t *meter, place_t place, void *block) {
    if (place.span == NULL) {
        return heap_free_large(&meter->heap, place.large);
    }
    uint32_t number = number_of(place, block), tag = place.span->tags[number];
    if (!heap_put(place.span, number)) {
        heap_span_changed(&meter->heap, place.span);
    }
    return tag;
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

static NOINLINE void *
free_elsewhere(lunalloc_meter_t *meter, void *block, size_t size) {
    place_t place = place_of(meter, block, size);
    if (UNLIKELY(is_foreign(place))) {
        free_foreign(meter, block, size);
        return NULL;
    }
    discharge(meter, release(meter, place, block), size);
    if (UNLIKELY(meter->total == 0)) {
        meter_was_emptied(meter);
    }
    return NULL;
}

/* After a free that has emptied a span, or found it full. */
static NOINLINE void *
note_change(lunalloc_meter_t *meter, span_t *span) {
    heap_span_changed(&meter->heap, span);
    if (UNLIKELY(meter->total == 0)) {
        meter_was_emptied(meter);
    }
    return NULL;
}

static inline void *
free_block(lunalloc_meter_t *meter, void *block, size_t size) {
    bool by_size = LIKELY(!meter->careful) || (LIKELY(heap_knows(&meter->heap, block)) && LIKELY(!meter->misfits));
    if (UNLIKELY(size > HEAP_PAGE_MAX) || UNLIKELY(!by_size)) {
        return free_elsewhere(meter, block, size);
    }
    span_t *span = heap_span(block, HEAP_LG_PAGE);
    uint32_t number = heap_number(span, block, HEAP_LG_PAGE);
    discharge(meter, span->tags[number], size);
    return LIKELY(heap_put(span, number)) ? NULL : note_change(meter, span);
}

/* ---- resizing ---- */

static void
copy(void *to, const void *from, size_t old_size, size_t new_size) {
    memcpy(to, from, old_size < new_size ? old_size : new_size);
}

/* Changes the accounts of a block that has got another size. */
static inline void
recharge(lunalloc_meter_t *meter, uint32_t tag, size_t old_size, size_t new_size) {
    note_peak(meter);
    meter->total += new_size - old_size;
    meter->accounts[tag] += new_size - old_size;
}

/* There was no memory for a block of another size. One that should shrink stays, and passes for a smaller one. */
static COLD void *
keep_block(lunalloc_meter_t *meter, uint32_t tag, void *block, size_t old_size, size_t new_size) {
    if (new_size > old_size) {
        return note_failure(meter);
    }
    meter->misfits = meter->careful = true;
    recharge(meter, tag, old_size, new_size);
    return block;
}

/* A new block takes the place of an own one. */
static void *
move_block(lunalloc_meter_t *meter, uint32_t tag, void *block, size_t old_size, size_t new_size) {
    void *moved = heap_alloc(&meter->heap, new_size, (uint16_t)tag);
    if (UNLIKELY(moved == NULL)) {
        return keep_block(meter, tag, block, old_size, new_size);
    }
    copy(moved, block, old_size, new_size);
    recharge(meter, tag, old_size, new_size);
    release(meter, place_of(meter, block, old_size), block);
    return moved;
}

/* An own block of a closed meter moves to the old allocator. */
static COLD void *
move_back(lunalloc_meter_t *meter, uint32_t tag, void *block, size_t old_size, size_t new_size) {
    void *moved = meter->old_alloc(meter->old_context, NULL, 0, new_size);
    if (moved == NULL) {
        return keep_block(meter, tag, block, old_size, new_size);
    }
    copy(moved, block, old_size, new_size);
    free_block(meter, block, old_size);
    return moved;
}

/* A large block that stays large: the arena moves its pages, or the next one's away. */
static void *
resize_large(lunalloc_meter_t *meter, entry_t *large, size_t old_size, size_t new_size) {
    void *block = (void *)large->address;
    uint32_t tag = heap_large_tag(large);
    void *moved = heap_resize_large(&meter->heap, large, new_size);
    if (moved == NULL) {
        return keep_block(meter, tag, block, old_size, new_size);
    }
    recharge(meter, tag, old_size, new_size);
    return moved;
}

static bool
same_bin(size_t old_size, size_t new_size) {
    return old_size <= HEAP_MAX && new_size <= HEAP_MAX && heap_bin(old_size) == heap_bin(new_size);
}

static void *
resize_own(lunalloc_meter_t *meter, place_t place, void *block, size_t old_size, size_t new_size) {
    uint32_t tag = tag_at(place, block);
    if (LIKELY(place.span != NULL) && same_bin(old_size, new_size)) {
        recharge(meter, tag, old_size, new_size);
        return block;
    } else if (UNLIKELY(meter->closed)) {
        return move_back(meter, tag, block, old_size, new_size);
    }
    return place.span == NULL && new_size > HEAP_MAX ? resize_large(meter, place.large, old_size, new_size)
                                                     : move_block(meter, tag, block, old_size, new_size);
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
    uint32_t tag = meter->scope_tag;
    void *moved = meter->closed ? NULL : heap_alloc(&meter->heap, new_size, (uint16_t)tag);
    if (moved == NULL) {
        return resize_by_old(meter, block, old_size, new_size);
    }
    copy(moved, block, old_size, new_size);
    discharge_foreign(meter, old_size);
    charge(meter, tag, new_size);
    meter->old_alloc(meter->old_context, block, old_size, 0);
    return moved;
}

static NOINLINE void *
resize_any(lunalloc_meter_t *meter, void *block, size_t old_size, size_t new_size) {
    size_t total = meter->total - old_size + new_size;
    bool over = new_size > old_size && total > meter->ceiling;
    if (UNLIKELY(over) && !meter->closed && !may_reach(meter, total)) {
        return NULL;
    }
    place_t place = place_of(meter, block, old_size);
    return UNLIKELY(is_foreign(place)) ? resize_foreign(meter, block, old_size, new_size)
                                       : resize_own(meter, place, block, old_size, new_size);
}

/* ---- the function ---- */

void *
lunalloc_lua_alloc(void *context, void *block, size_t old_size, size_t new_size) {
    lunalloc_meter_t *meter = context;
    if (block == NULL) {
        return new_block(meter, meter->scope_tag | type_of(old_size), new_size);
    }
    return new_size == 0 ? free_block(meter, block, old_size) : resize_any(meter, block, old_size, new_size);
}
