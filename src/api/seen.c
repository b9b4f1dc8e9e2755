/* seen.c -- hits of seen threads, and what is recorded of their calls. */
#include "api/seen.h"

#include "api/alloc_class.h"
#include "api/init.h"
#include "api/slow.h"
#include "base/witness.h"
#include "thread/isolated.h"

#include <string.h>

static inline cache_bin_t *
own_bin(thread_t *thread, size_t bin_offset) {
    return (cache_bin_t *)(void *)((char *)thread + bin_offset);
}

static inline size_t
size_of_bin(size_t bin_offset) {
    return sc.size[(bin_offset >> LG_CACHE_BIN) - 1];
}

/* ---- events ---- */

static COLD void
put_rich(recorder_t *r, const record_event_t *event) {
    record_put_slow(r, event);
}

/* The address was taken from an arena just now, or may have been. */
static void
note_alloc(recorder_t *r, record_kind_t kind, const void *ptr, size_t size, uint32_t lg_align) {
    uint64_t stamp = record_stamp_after(r);
    uint32_t hint = sc_index(size > SC_LARGE_MAX ? SC_LARGE_MAX : size);
    if (lg_align == 0 && kind <= RECORD_CALLOC) {
        record_put(r, kind, hint + 1, stamp, ptr, size);
    } else {
        put_rich(r, &(record_event_t){.time = stamp,
                                      .kind = (uint8_t)kind,
                                      .lg_align = (uint8_t)lg_align,
                                      .hint = (hint + 1) & 7,
                                      .addr = (uintptr_t)ptr,
                                      .size = size,
                                      .touched = RECORD_UNKNOWN});
    }
}

/* A large block, or one of which the page map has no class: its extent knows the size. */
static COLD uint64_t
touched_of(recorder_t *r, const void *ptr, const char *what) {
    const extent_t *e = resize_extent(ptr, what);
    return e->slab ? RECORD_UNKNOWN : record_touched_some(r, ptr, sc.size[e->szind]);
}

static COLD void
note_free_rich(recorder_t *r, record_kind_t kind, uint32_t class, const void *ptr, size_t size, uint32_t lg_align) {
    uint64_t touched = class - 1 < r->plain ? RECORD_UNKNOWN : touched_of(r, ptr, "free");
    put_rich(r, &(record_event_t){.time = record_stamp(r),
                                  .kind = (uint8_t)kind,
                                  .lg_align = (uint8_t)lg_align,
                                  .hint = class & 7,
                                  .addr = (uintptr_t)ptr,
                                  .size = size,
                                  .touched = touched});
}

/* Of a class that the page map has and whose blocks are not large. */
ALWAYS_INLINE bool
is_plain(const recorder_t *r, uint32_t class) {
    return class - 1 < r->plain;
}

ALWAYS_INLINE void
note_free(recorder_t *r, record_kind_t kind, uint32_t class, const void *ptr, size_t size, uint32_t lg_align) {
    if (LIKELY(is_plain(r, class)) && LIKELY(lg_align == 0)) {
        record_put(r, kind, class, record_stamp(r), ptr, size);
    } else {
        note_free_rich(r, kind, class, ptr, size, lg_align);
    }
}

void
seen_note_alloc(thread_t *thread, record_kind_t kind, const void *ptr, size_t size, uint32_t lg_align) {
    if (ptr != NULL && thread->record != NULL) {
        note_alloc(thread->record, kind, ptr, size, lg_align);
    }
}

void
seen_note_free(thread_t *thread, record_kind_t kind, const void *ptr, size_t size, uint32_t lg_align) {
    if (thread->record != NULL) {
        uint32_t class = (uintptr_t)ptr >> LG_VADDR == 0 ? pagemap_class(ptr) : 0;
        note_free(thread->record, kind, class, ptr, size, lg_align);
    }
}

void
seen_note_resized(thread_t *thread, const void *ptr, size_t size, uint32_t lg_align) {
    recorder_t *r = thread->record;
    if (r != NULL) {
        put_rich(r, &(record_event_t){.time = record_stamp_after(r),
                                      .kind = RECORD_REALLOC,
                                      .lg_align = (uint8_t)lg_align,
                                      .addr = (uintptr_t)ptr,
                                      .size = size,
                                      .old_addr = (uintptr_t)ptr,
                                      .touched = RECORD_UNKNOWN});
    }
}

/* ---- allocations ---- */

/* Of the thread's own cache. False, too, if the fast paths do not serve the size. */
static inline bool
pop(thread_t *thread, size_t size, size_t *bin_offset, void **ptr) {
    *bin_offset = LIKELY(size <= SC_LOOKUP_MAX) ? sc_bin_offset(size) : 0;
    return cache_bin_pop(own_bin(thread, *bin_offset), ptr);
}

static inline void
note_exact(thread_t *thread, size_t allocated, size_t freed) {
    if (UNLIKELY(thread->bytes.exact)) {
        byte_counters_note(thread, allocated, freed);
    }
}

void *
seen_malloc_missed(thread_t *thread, size_t size) {
    bool zeroed = false;
    void *ptr = size > SC_LARGE_MAX ? alloc_fail() : alloc_class(thread, sc_index(size), 1, &zeroed);
    seen_note_alloc(thread, RECORD_MALLOC, ptr, size, 0);
    return ptr;
}

void *
seen_calloc_missed(thread_t *thread, size_t size) {
    bool zeroed = true;
    void *ptr = size > SC_LARGE_MAX ? alloc_fail() : alloc_class(thread, sc_index(size), 1, &zeroed);
    seen_note_alloc(thread, RECORD_CALLOC, ptr, size, 0);
    return ptr != NULL && !zeroed ? memset(ptr, 0, size) : ptr;
}

void *
seen_unrecorded_malloc(thread_t *thread, size_t size) {
    void *ptr;
    size_t bin_offset;
    if (UNLIKELY(!pop(thread, size, &bin_offset, &ptr))) {
        return seen_malloc_missed(thread, size);
    }
    note_exact(thread, size_of_bin(bin_offset), 0);
    return ptr;
}

void *
seen_unrecorded_calloc(thread_t *thread, size_t size) {
    void *ptr;
    size_t bin_offset;
    if (UNLIKELY(!pop(thread, size, &bin_offset, &ptr))) {
        return seen_calloc_missed(thread, size);
    }
    note_exact(thread, size_of_bin(bin_offset), 0);
    return memset(ptr, 0, size);
}

static NOINLINE void *
recorded_malloc(thread_t *thread, size_t size) {
    void *ptr;
    size_t bin_offset;
    recorder_t *r = thread->record;
    if (UNLIKELY(!pop(thread, size, &bin_offset, &ptr))) {
        return seen_malloc_missed(thread, size);
    }
    record_put_hit(r, RECORD_MALLOC, (uint32_t)(bin_offset >> LG_CACHE_BIN), ptr, size);
    note_exact(thread, size_of_bin(bin_offset), 0);
    return ptr;
}

static NOINLINE void *
recorded_calloc(thread_t *thread, size_t size) {
    void *ptr;
    size_t bin_offset;
    recorder_t *r = thread->record;
    if (UNLIKELY(!pop(thread, size, &bin_offset, &ptr))) {
        return seen_calloc_missed(thread, size);
    }
    record_put_hit(r, RECORD_CALLOC, (uint32_t)(bin_offset >> LG_CACHE_BIN), ptr, size);
    note_exact(thread, size_of_bin(bin_offset), 0);
    return memset(ptr, 0, size);
}

void *
seen_aligned(thread_t *thread, uint32_t szind, size_t placement, size_t size, size_t alignment) {
    bool zeroed = false;
    void *ptr;
    size_t bin_offset;
    if (placement != 1 || !pop(thread, sc.size[szind], &bin_offset, &ptr)) {
        ptr = alloc_class(thread, szind, placement, &zeroed);
    } else {
        note_exact(thread, size_of_bin(bin_offset), 0);
    }
    seen_note_alloc(thread, RECORD_ALIGNED, ptr, size, lg_floor(alignment));
    return ptr;
}

void *
seen_slow_malloc(thread_t *thread, size_t size) {
    void *ptr;
    witness_no_core_lock();
    if (UNLIKELY(thread->hit_owner == HIT_OWNER_NONE) || UNLIKELY(size > SC_LOOKUP_MAX)) {
        return seen_malloc(thread, size);
    }
    return LIKELY(cache_bin_pop(own_bin(thread, sc_bin_offset(size)), &ptr)) ? ptr : seen_malloc_missed(thread, size);
}

/* Apart from what they choose between, which needs a frame. */
void *
seen_malloc(thread_t *thread, size_t size) {
    return thread->record != NULL ? recorded_malloc(thread, size) : seen_unrecorded_malloc(thread, size);
}

void *
seen_calloc(thread_t *thread, size_t size) {
    return thread->record != NULL ? recorded_calloc(thread, size) : seen_unrecorded_calloc(thread, size);
}

/* ---- resizing ---- */

static void
note_moved(recorder_t *r, uint64_t before, const record_event_t *event) {
    put_rich(
        r, &(record_event_t){.time = before, .kind = RECORD_MOVE, .addr = event->old_addr, .touched = RECORD_UNKNOWN});
    put_rich(r, event);
}

/* The old address may be another block's as soon as this one is moved, so MOVE has the time before that. */
void *
seen_resize(thread_t *thread, extent_t *e, void *ptr, size_t size, uint32_t lg_align, const request_t *request) {
    recorder_t *r = thread->record;
    uint64_t touched = r == NULL || e->slab ? RECORD_UNKNOWN : record_touched_some(r, ptr, sc.size[e->szind]);
    uint64_t before = r == NULL ? 0 : record_stamp(r);
    void *to = resize_block(thread, e, ptr, request);
    if (to == NULL || r == NULL || (r = thread->record) == NULL) {
        return to;
    }
    record_event_t event = {.time = record_stamp_after(r),
                            .kind = RECORD_REALLOC,
                            .lg_align = (uint8_t)lg_align,
                            .addr = (uintptr_t)to,
                            .size = size,
                            .old_addr = (uintptr_t)ptr,
                            .touched = touched};
    to != ptr ? note_moved(r, before, &event) : put_rich(r, &event);
    return to;
}

/* ---- frees ---- */

static inline void
serve_free(thread_t *thread, uint32_t class, void *ptr) {
    class = isolated_own_class(thread, class, ptr);
    size_t bin_offset = (size_t) class << LG_CACHE_BIN;
    if (UNLIKELY(!cache_bin_push(own_bin(thread, bin_offset), ptr))) {
        dispatch_free(thread, &thread->cache, class != 0 ? class - 1 : SC_NONE, ptr);
    } else {
        note_exact(thread, 0, size_of_bin(bin_offset));
    }
}

static NOINLINE void
recorded_free(thread_t *thread, uint32_t class, void *ptr) {
    note_free(thread->record, RECORD_FREE, class, ptr, 0, 0);
    serve_free(thread, class, ptr);
}

/* Needs no frame. */
void
seen_free(thread_t *thread, uint32_t class, void *ptr) {
    if (thread->record != NULL) {
        recorded_free(thread, class, ptr);
    } else {
        serve_free(thread, class, ptr);
    }
}

void
seen_free_sized(thread_t *thread, uint32_t class, void *ptr, size_t size, size_t alignment) {
    note_free(thread->record, RECORD_FREE_SIZED, class, ptr, size, lg_floor(alignment));
    serve_free(thread, class, ptr);
}

static NOINLINE void
free_unless_hit(void *ptr, thread_t *thread) {
    uint32_t class = slow_class_of(ptr);
    if (LIKELY(class != 0) || (ptr != NULL && !early_has(ptr))) {
        seen_free(thread, class, ptr);
    }
}

void
seen_slow_free(void *ptr, thread_t *thread) {
    witness_no_core_lock();
    if (thread->hit_owner == HIT_OWNER_NONE || UNLIKELY(!isolated_push(thread, ptr))) {
        free_unless_hit(ptr, thread);
    }
}
