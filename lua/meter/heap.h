/*
 * heap.h -- the blocks of one Lua state: small ones in pages of this heap, large ones straight from an arena.
 *
 * Use it through meter.h, which adds limits and accounts. Lua says the size of each block that it frees, and one thread
 * at a time uses a state. So there is no lock here, no header in front of a block, and no look into the page map.
 *
 *   chunk   64 KiB of the arena, at a multiple of that: 16 pages of 4 KiB
 *   span    one page, or a *quad* of four pages at a multiple of 16 KiB. It holds blocks of one size
 *   bin     the spans of one block size that have free blocks
 *
 * Block sizes are multiples of 8 up to 256 bytes, which are those of Lua's objects (a table has 56), in pages; and up
 * to 2 KiB in eighths of a power of two, in quads. Larger blocks are the arena's.
 *
 *   span at p:   [ block 0 | ... | header | tags: 2 bytes a block ... | block k | ... | block `limit` - 1 ]
 *   block k is at p + k * size, and tag k belongs to it, except for those that header and tags leave no room
 *
 * The header is at one of eight places, by its page's address: if all were at the beginning of a page, they would be in
 * few sets of the processor's caches.
 *
 * A tag is a number that the user of the heap gives a block, and gets back when the block is freed.
 *
 * A size of which there are few blocks gets no span of its own: its blocks lie in a span of the next power of two, so
 * a small state has few pages that are nearly empty. The size tells where the span begins, and the span tells the rest.
 *
 * Where a state was moved to a heap, it frees blocks of another allocator, too: heap_locate() tells whose a block is.
 *
 * Invariants, which heap_check() verifies:
 *   used + bits of `free` = blocks                    of each span
 *   a span that is in no list is full
 *   a page is free, or part of exactly one span       of each chunk
 *
 * Synchronization: all of it: the thread that uses the state.
 */
#ifndef LUNALLOC_METER_HEAP_H
#define LUNALLOC_METER_HEAP_H

#include "meter/memory.h"

#define HEAP_LG_PAGE   12
#define HEAP_LG_QUAD   14
#define HEAP_LG_COLOUR 8
#define HEAP_LG_CHUNK  16
#define HEAP_PAGE_MAX  256  /* bytes: blocks up to this size lie in pages */
#define HEAP_MAX       2048 /* bytes: blocks up to this size lie in quads; larger ones are the arena's */
#define HEAP_PAGE_BINS 33   /* bin i below this: blocks of 8 * i bytes, at least 16; above: eighths of powers of two */
#define HEAP_BINS      57
#define HEAP_KNOWN     256

struct chunk;

typedef struct span {
    uint64_t free[4];    /* bit k: block k is free */
    uint32_t reciprocal; /* 2^32 / size, rounded up: a block's number is offset * this >> 32 */
    uint16_t size;       /* of a block, bytes */
    uint16_t used;       /* blocks in use */
    uint8_t word;        /* the part of `free` that blocks are taken from */
    uint8_t bin;
    uint16_t limit;           /* the number after that of the last block */
    uint16_t blocks;          /* how many it can hold */
    bool linked;              /* is in its bin's list */
    struct chunk *chunk;      /* that its pages are of */
    struct span *next, *prev; /* in the bin's list */
    uint16_t tags[];
} span_t;
_Static_assert((1 << HEAP_LG_PAGE) / 16 <= 4 * 64 && (1 << HEAP_LG_QUAD) / (HEAP_PAGE_MAX + 32) <= 64, "bits");

typedef struct chunk {
    uintptr_t base;
    uint16_t free_pages; /* bit i: page i is in no span */
    uint16_t quads;      /* bit i: page i is part of a quad */
    bool linked;         /* is in the list of chunks with free pages */
    struct chunk *next, *prev;
} chunk_t;

typedef struct {
    span_t *bins[HEAP_BINS];      /* lists of spans; the fast path looks at the first one. heap_no_span: none */
    uint32_t nspans[HEAP_BINS];   /* all spans of the bin, also full ones */
    uint16_t borrowed[HEAP_BINS]; /* blocks that were put into larger ones while the bin had no span */
    arena_memory_t memory;        /* where chunks and large blocks are from */
    chunk_t *with_room;           /* list of the chunks with free pages */
    table_t chunks;               /* by base; data: chunk_t */
    table_t large;                /* large blocks; data: the tag */
    size_t large_bytes;           /* of these */
    uintptr_t *known;             /* a cache of bases of chunks, by the lowest bits of their number */
    uint32_t nempty;              /* chunks whose pages are all free */
} heap_t;

/* A span without blocks, for all heaps. It is never written to. */
extern span_t heap_no_span;

/* What `known` is until there is one: it knows nothing, and is never written to. */
extern uintptr_t heap_knows_nothing[HEAP_KNOWN];

/* Makes a zeroed structure an empty heap. */
void heap_init(heap_t *heap, arena_memory_t memory);
/* Gives back all chunks and large blocks. */
void heap_destroy(heap_t *heap);
/* Makes the cache for heap_knows(), unless there is no memory; and frees it. */
void heap_make_known(heap_t *heap);
void heap_free_known(heap_t *heap);

/* The bin of a block size, 1 .. HEAP_MAX. */
static inline uint32_t
heap_bin(size_t size) {
    if (__builtin_expect(size <= HEAP_PAGE_MAX, 1)) {
        return (uint32_t)(size + 7) >> 3;
    }
    uint32_t lg = 63 - (uint32_t)__builtin_clzll(size - 1); /* 2^lg < size <= 2^(lg + 1) */
    return HEAP_PAGE_BINS + (lg - 8) * 8 + (uint32_t)((size - 1) >> (lg - 3)) - 8;
}

/* Bytes of a bin's blocks. */
static inline uint32_t
heap_bin_size(uint32_t bin) {
    if (bin < HEAP_PAGE_BINS) {
        return bin < 2 ? 16 : bin * 8;
    }
    return (9 + (bin - HEAP_PAGE_BINS) % 8) << ((bin - HEAP_PAGE_BINS) / 8 + 5);
}

/* The span of a block in a page, or in a quad: lg is the log2 of the span's bytes. */
static inline span_t *
heap_span(const void *block, uint32_t lg) {
    uintptr_t pages = (uintptr_t)block >> lg;
    return (span_t *)((pages << lg) + ((pages & 7) << HEAP_LG_COLOUR));
}

/* The log2 of a span's bytes, by the size of its blocks. */
static inline uint32_t
heap_lg(size_t size) {
    return size <= HEAP_PAGE_MAX ? HEAP_LG_PAGE : HEAP_LG_QUAD;
}

/* The number of a block. */
static inline uint32_t
heap_number(const span_t *span, const void *block, uint32_t lg) {
    uint64_t offset = (uintptr_t)block & ((1U << lg) - 1);
    return (uint32_t)(offset * span->reciprocal >> 32);
}

/* The slow ways: where the first span of a bin has no free block; and where a span was full, or became empty. */
void *heap_alloc_slow(heap_t *heap, size_t size, uint16_t tag);
void heap_span_changed(heap_t *heap, span_t *span);

/* The free blocks among which the next one is: 0 if the slow way must look for others. */
static inline uint64_t
heap_ready(const span_t *span) {
    return span->free[span->word];
}

/* Takes the first of these. It is not touched: the caller writes to it soon, and need not wait for it now. */
static inline void *
heap_take(span_t *span, uint64_t ready, uint16_t tag, uint32_t lg) {
    uint32_t number = span->word * 64U + (uint32_t)__builtin_ctzll(ready);
    span->free[span->word] = ready & (ready - 1);
    span->used++;
    span->tags[number] = tag;
    return (void *)(((uintptr_t)span >> lg << lg) + (uintptr_t)number * span->size);
}

/* A block, of 1 byte or more, at a multiple of 8. NULL if there is no memory. */
static inline void *
heap_alloc(heap_t *heap, size_t size, uint16_t tag) {
    span_t *span = size <= HEAP_MAX ? heap->bins[heap_bin(size)] : &heap_no_span;
    uint64_t ready = heap_ready(span);
    return __builtin_expect(ready != 0, 1) ? heap_take(span, ready, tag, heap_lg(size))
                                           : heap_alloc_slow(heap, size, tag);
}

/* Frees a block, which is not touched either. False if heap_span_changed() must be called next. */
static inline bool
heap_put(span_t *span, uint32_t number) {
    uint64_t *word = &span->free[number / 64], was = *word;
    *word = was | UINT64_C(1) << number % 64;
    return __builtin_expect(--span->used != 0, 1) && __builtin_expect(was != 0, 1);
}

/* ---- large blocks ---- */

/* NULL if the block is no large one. Valid until the heap's next allocation or free. */
static inline entry_t *
heap_large(const heap_t *heap, const void *block) {
    return table_find(&heap->large, (uintptr_t)block);
}

static inline uint16_t
heap_large_tag(const entry_t *entry) {
    return (uint16_t)(uintptr_t)entry->data;
}

/* Frees a large block; returns its tag. */
uint16_t heap_free_large(heap_t *heap, entry_t *entry);
/* Resizes a large block to one, in place or by moving its pages. NULL if there is no memory: nothing changed. */
void *heap_resize_large(heap_t *heap, entry_t *entry, size_t size);

/* ---- any block ---- */

static inline uintptr_t
heap_base(const void *block) {
    return (uintptr_t)block >> HEAP_LG_CHUNK << HEAP_LG_CHUNK;
}

/* Is it known that the block lies in a chunk of this heap? If not, it may nevertheless. */
static inline bool
heap_knows(const heap_t *heap, const void *block) {
    return heap->known[(uintptr_t)block >> HEAP_LG_CHUNK & (HEAP_KNOWN - 1)] == heap_base(block);
}

/* The span that a block of this heap lies in, whatever its size. NULL if it lies in none: it is a large one, or no
 * block of this heap. Its chunk is known then. */
span_t *heap_locate(heap_t *heap, const void *block);

/* By a walk over all spans: bytes of chunks and large blocks; and how many blocks there are. */
typedef struct {
    size_t held;
    uint64_t blocks;
} heap_totals_t;
heap_totals_t heap_totals(const heap_t *heap);

/* False at a broken invariant. For tests. */
bool heap_check(const heap_t *heap);

#endif
