/* heap.c -- spans: which are made, which serve next, and when their slots are given back; large blocks. */
#include "meter/heap.h"

#include "meter/chunk.h"
#include "meter/codes.h"
#include "meter/mixed.h"

#include <string.h>

/* An owner may have spans when it has allocated so many blocks; and a kind has them when so many of its bytes, in units
 * of 8, have been allocated. Until there are so many more, free mixed blocks serve before the heap grows for a span. */
#define OWNER_BLOCKS 8192
#define KIND_UNITS   (16384 / 8)
#define REUSED_UNITS (65536 / 8)
_Static_assert(KIND_UNITS + REUSED_UNITS + HEAP_BINS <= UINT16_MAX, "kinds_t counts them");

span_t heap_no_span;
kinds_t heap_no_kinds = {.bins = {[0 ... HEAP_USED * HEAP_BINS - 1] = &heap_no_span}};

void
heap_init(heap_t *heap, arena_memory_t memory) {
    heap->memory = memory;
    heap->known = heap_knows_nothing;
}

static void
forget_kinds(heap_t *heap, owner_t *owner) {
    if (owner->kinds != &heap_no_kinds) {
        heap->memory.api->free(owner->kinds);
    }
    owner->kinds = &heap_no_kinds;
    owner->early = 0;
}

void
heap_destroy(heap_t *heap, uint32_t nowners) {
    uint32_t i = 0;
    for (entry_t *entry; (entry = table_next(&heap->large, &i)) != NULL;) {
        memory_give_back(&heap->memory, (void *)entry->address);
    }
    table_destroy(&heap->large, &heap->memory);
    heap->large_bytes = 0;
    heap->mixed = (mixed_t){0};
    for (uint32_t number = 0; number < nowners; number++) {
        forget_kinds(heap, heap->owners[number]);
    }
    chunk_destroy_all(heap);
    heap_free_known(heap);
}

/* ---- lists of spans ---- */

static span_t **
list_of(owner_t *owner, uint32_t type, uint32_t bin) {
    return &owner->kinds->bins[type * HEAP_BINS + bin];
}

static void
unlink_span(span_t *span) {
    if (span->prev != NULL) {
        span->prev->next = span->next;
    } else {
        *list_of(heap_owner(span), span->type, span->bin) = span->next != NULL ? span->next : &heap_no_span;
    }
    if (span->next != NULL) {
        span->next->prev = span->prev;
    }
    span->linked = false;
}

/* Puts a span second, or first if there is none: the first one serves until it is full. */
static void
link_span(span_t *span) {
    span_t **list = list_of(heap_owner(span), span->type, span->bin), *head = *list;
    bool first = head == &heap_no_span;
    span->linked = true;
    span->prev = first ? NULL : head;
    span->next = first ? NULL : head->next;
    if (span->next != NULL) {
        span->next->prev = span;
    }
    *(first ? list : &head->next) = span;
}

/* ---- blocks of spans ---- */

/* The lowest n bits of a word. */
static uint64_t
bits(uint32_t n) {
    return (UINT64_C(1) << (n < HEAP_WORD ? n : HEAP_WORD)) - 1;
}

static span_t *
new_span(heap_t *heap, owner_t *owner, uint32_t type, uint32_t bin) {
    if (heap->with_room == NULL && heap->empty == NULL) {
        mixed_end_run(heap);
    }
    span_t *span = chunk_get(heap);
    if (span == NULL) {
        return NULL;
    }
    uint32_t n = heap_blocks(bin), slot = (uint32_t)(span - (span_t *)heap_base(span));
    *span = (span_t){
        .free = {bits(n), n > HEAP_WORD ? bits(n - HEAP_WORD) : 0},
        .all = bits(n),
        .base = (char *)heap_base(span) + ((size_t)slot << HEAP_LG_SLOT),
        .account = &owner->accounts[type],
        .reciprocal = (uint32_t)(((UINT64_C(1) << 32) + 8 * bin - 1) / (8 * bin)),
        .bin = (uint8_t)bin,
        .type = (uint8_t)type,
    };
    link_span(span);
    return span;
}

/* The first span of the kind with a free block; NULL if there is none. Full ones leave the list. */
static span_t *
span_with_block(owner_t *owner, uint32_t type, uint32_t bin) {
    span_t **list = list_of(owner, type, bin), *span;
    while ((span = *list) != &heap_no_span && (span->free[0] | span->free[1]) == 0) {
        unlink_span(span);
    }
    return span == &heap_no_span ? NULL : span;
}

/* A block of any number. */
static void *
take_any(span_t *span) {
    if (span->free[0] == 0) {
        heap_flip(span);
    }
    return heap_take(span, span->free[0], span->bin);
}

/* A span that becomes empty gives its slot back. */
static void
free_in_span(heap_t *heap, span_t *span, const void *block) {
    uint32_t number = heap_number(span, block);
    span->free[heap_word(span, number)] |= UINT64_C(1) << number % HEAP_WORD;
    if (heap_is_empty(span, span->free)) {
        if (span->linked) {
            unlink_span(span);
        }
        chunk_release(heap, span);
    } else if (!span->linked) {
        link_span(span);
    }
}

size_t *
heap_free(heap_t *heap, span_t *span, void *block, size_t size) {
    if (heap_is_mixed(span)) {
        return mixed_free(heap, block, size);
    }
    size_t *account = span->account;
    free_in_span(heap, span, block);
    return account;
}

kind_t
heap_kind(const heap_t *heap, const span_t *span, const void *block, size_t size) {
    return heap_is_mixed(span) ? codes_kind(heap, block, size) : (kind_t){heap_owner(span), span->type};
}

/* ---- new blocks ---- */

/* May the owner have spans? It gets what lists them when it has had some blocks. */
static bool
has_kinds(heap_t *heap, owner_t *owner) {
    if (owner->kinds != &heap_no_kinds) {
        return true;
    }
    kinds_t *kinds = owner->early < OWNER_BLOCKS ? NULL : heap->memory.api->malloc(sizeof(*kinds));
    owner->early = (uint16_t)(owner->early + (owner->early < OWNER_BLOCKS));
    if (kinds != NULL) {
        *kinds = heap_no_kinds;
        owner->kinds = kinds;
    }
    return kinds != NULL;
}

/* For a small block of a kind that has no span with a free block: is it to be a mixed one? Counts it, then. */
static bool
shall_be_mixed(const heap_t *heap, owner_t *owner, uint32_t type, uint32_t bin) {
    bool grows = heap->with_room == NULL && heap->empty == NULL;
    uint16_t *units = &owner->kinds->mixed[type * HEAP_BINS + bin];
    bool mixed = *units < KIND_UNITS || (grows && *units < KIND_UNITS + REUSED_UNITS);
    *units = (uint16_t)(*units + (mixed ? bin : 0));
    return mixed;
}

/* A small block of a kind that may have spans. */
static void *
alloc_small(heap_t *heap, owner_t *owner, uint32_t type, size_t size) {
    uint32_t bin = heap_bin(size < 16 ? 16 : size);
    bool frequent = owner->kinds->mixed[type * HEAP_BINS + bin] >= KIND_UNITS;
    span_t *span = span_with_block(owner, type, bin);
    if (span == NULL && shall_be_mixed(heap, owner, type, bin)) {
        void *block = (frequent ? mixed_alloc_free_one : mixed_alloc)(heap, owner, type, size);
        if (block != NULL) {
            return block;
        }
    }
    span = span != NULL ? span : new_span(heap, owner, type, bin);
    return span != NULL ? take_any(span) : mixed_alloc(heap, owner, type, size);
}

static void *
alloc_large(heap_t *heap, const owner_t *owner, uint32_t type, size_t size) {
    mixed_end_run(heap);
    chunk_will_grow(heap, size);
    if (size >= 1U << HEAP_LG_CHUNK) {
        chunk_trim(heap);
    }
    if (!table_reserve(&heap->large, &heap->memory)) {
        return NULL;
    }
    void *block = memory_get(&heap->memory, size, sizeof(void *));
    if (block != NULL) {
        uintptr_t tag = (uintptr_t)owner->number * HEAP_TYPES + type;
        table_add(&heap->large, (entry_t){(uintptr_t)block, size, (void *)tag});
        heap->large_bytes += size;
    }
    return block;
}

void *
heap_alloc_slow(heap_t *heap, owner_t *owner, uint32_t type, size_t size) {
    if (size > HEAP_MAX) {
        return alloc_large(heap, owner, type, size);
    }
    return size <= HEAP_SMALL_MAX && has_kinds(heap, owner) ? alloc_small(heap, owner, type, size)
                                                            : mixed_alloc(heap, owner, type, size);
}

/* ---- large blocks ---- */

size_t *
heap_free_large(heap_t *heap, entry_t *entry) {
    entry_t was = *entry;
    kind_t kind = heap_large_kind(heap, entry);
    table_remove(&heap->large, entry);
    heap->large_bytes -= was.size;
    memory_give_back(&heap->memory, (void *)was.address);
    return &kind.owner->accounts[kind.type];
}

void *
heap_resize_large(heap_t *heap, entry_t *entry, size_t size) {
    entry_t was = *entry;
    mixed_end_run(heap);
    chunk_will_grow(heap, size > was.size ? size - was.size : 0);
    if (size >= 1U << HEAP_LG_CHUNK && size > was.size) {
        chunk_trim(heap);
    }
    void *block = heap->memory.api->rallocx((void *)was.address, size, memory_flags(&heap->memory));
    if (block != NULL) {
        heap->large_bytes += size - was.size;
        table_remove(&heap->large, entry);
        table_add(&heap->large, (entry_t){(uintptr_t)block, size, was.data});
    }
    return block;
}

/* ---- any block ---- */

span_t *
heap_locate(heap_t *heap, const void *block) {
    const entry_t *entry = table_find(&heap->chunks, heap_base(block));
    if (entry == NULL) {
        return NULL;
    }
    if (heap->known != heap_knows_nothing) {
        heap->known[entry->address >> HEAP_LG_CHUNK & (HEAP_KNOWN - 1)] = entry->address;
    }
    return heap_span(block);
}
