/*
 * heap.h -- the blocks of one Lua state: small ones in chunks of this heap, large ones straight from an arena.
 *
 * Use it through meter.h, which adds limits. Lua says the size of each block that it frees, and one thread at a time
 * uses a state. So there is no lock here, no header in front of a block, and no look into the page map.
 *
 *   chunk   64 KiB of the arena, at a multiple of that: 32 slots of 2 KiB. The first one holds a line of 64 bytes for
 *           each slot: the chunk's own, and what is known of the blocks in the others
 *   span    a slot with blocks of one *kind*: of one owner, type and size. Its line has a bit for each free block
 *   mixed   a chunk with blocks of all kinds side by side (mixed.h), some of them at the ends of its lines
 *   large   a block of more than 2 KiB
 *   owner   for whom a block is allocated: it has an account for each type of blocks. (A meter has one for each scope)
 *
 *   chunk:  [ chunk | span 1 | span 2 | ... | span 31 | slot 1: block 0, block 1, ... | slot 2 | ... | slot 31 ]
 *   block k of slot s is at chunk + s * 2048 + k * size
 *
 * A kind gets spans when many bytes of it have been allocated; before, its blocks are mixed. So a state with little
 * memory has few pages that are nearly empty, and one that allocates much does so in few instructions: an allocation
 * takes the first bit of the first span of its kind, and a free sets a bit. Neither touches the block. Sizes of spans
 * are multiples of 8 up to 256 bytes, which are those of Lua's objects (a table has 56). A span of 32 has 63 blocks.
 *
 * Where a state was moved to a heap, it frees blocks of another allocator, too: heap_locate() tells whose a block is.
 *
 * Invariants, which heap_check() verifies:
 *   a span that is in no list is full; one whose blocks are all free does not exist
 *   a slot is free, or has one span                                       of each chunk that is not mixed
 *   blocks in use + free blocks + what was never used = 62 KiB            of each chunk that is mixed, but for the
 *                                                                         blocks at the ends of lines
 *
 * Synchronization: all of it: the thread that uses the state.
 */
#ifndef LUNALLOC_METER_HEAP_H
#define LUNALLOC_METER_HEAP_H

#include "meter/memory.h"

#define HEAP_LG_CHUNK  16
#define HEAP_LG_SLOT   11
#define HEAP_SLOTS     32
#define HEAP_TINY_MAX  24   /* bytes: spans of blocks up to this size have two words of bits */
#define HEAP_WORD      63   /* blocks that a word of bits is for */
#define HEAP_SMALL_MAX 256  /* bytes: blocks up to this size may lie in spans */
#define HEAP_MAX       2048 /* bytes: larger blocks are the arena's */
#define HEAP_BINS      33   /* bin i: spans of blocks of 8 * i bytes; i >= 2 */
#define HEAP_TYPES     8    /* types are numbers below this, and may be these: */
#define HEAP_USED      6    /* below this */
#define HEAP_KNOWN     256

struct span;

/* The spans of an owner. */
typedef struct {
    struct span *bins[HEAP_USED * HEAP_BINS]; /* by type and bin: lists of those with free blocks; the first one serves.
                                                 heap_no_span: none */
    uint16_t mixed[HEAP_USED * HEAP_BINS];    /* 8 bytes: allocated among mixed blocks, until it has spans */
} kinds_t;

/* Whose blocks they are. It lies where it is until the heap ends. */
typedef struct {
    size_t accounts[HEAP_TYPES]; /* bytes, of blocks of each type: of the user of the heap */
    kinds_t *kinds;              /* heap_no_kinds until the owner has had some blocks */
    uint16_t number;             /* its place in the heap's `owners`; mixed blocks of owner 0 are smaller */
    uint16_t early;              /* blocks allocated until then */
} owner_t;

/* A line of a chunk that is mixed. */
typedef struct {
    uint64_t codes[4]; /* three bits for each block (codes.h). In the first word, HEAP_MIXED */
    char end[32];      /* a block */
} codes_t;

/* Of the first word of a line: it is one of a chunk that is mixed. No span has this bit in `free`: so it has at most 63
 * blocks in the first word, and the short way to free a block takes a mixed one for none of a span. */
#define HEAP_MIXED ((uint64_t)1 << HEAP_WORD)

typedef struct span {
    union {
        struct {
            uint64_t free[2]; /* bit k: block k is free; heap_flip() */
            uint64_t all;     /* all bits that blocks 0 .. 62 have */
            char *base;       /* the block of the first bit of free[0] */
            size_t *account;  /* of the owner, for its type */
            struct span *next, *prev;
            uint32_t reciprocal; /* 2^32 / size, rounded up: a block's number is offset * this >> 32 */
            uint8_t bin;
            uint8_t type;
            bool linked; /* is in its bin's list */
        };
        codes_t codes; /* if it is mixed: this is valid, and the others are not */
    };
} span_t;
_Static_assert(sizeof(span_t) == 64, "a line of the cache");

/* Takes the place of the first line. */
typedef struct chunk {
    uint64_t codes[4]; /* as those of a line; HEAP_MIXED, too. 0 if it is not mixed */
    struct chunk *next, *prev;
    uint32_t free_slots; /* bit i: slot i has no span. If the chunk is mixed: the block at the end of line i is free */
    uint32_t used;       /* if it is mixed: bytes of blocks in use, as they are rounded */
    bool linked;         /* is in the list of chunks with free slots */
} chunk_t;
_Static_assert(sizeof(chunk_t) == sizeof(span_t), "a line");

/* A free block of a chunk that is mixed. */
typedef struct free_block {
    struct free_block *next, *prev;
    uint32_t size;
} free_block_t;

#define MIXED_BINS                                                                                                     \
    58 /* below 33: blocks of 8 * i bytes; then of eighths of powers of two, and more; then above 2 KiB */

/* Free blocks that are in no list yet: these are noted in some of them (pending.h). */
typedef struct notes {
    struct notes *before; /* NULL: none */
    uint16_t n;           /* entries that are used */
    uint16_t room;        /* entries that the block has room for */
    bool last;            /* the block was the last one in use of its chunk */
    uint64_t entries[];   /* of blocks: address / 8, size / 8 - 1, last; in 55, 8 and 1 bits */
} notes_t;

typedef struct {
    free_block_t *lists[MIXED_BINS];
    uint64_t filled;   /* bit i: list i is not empty */
    uintptr_t cursor;  /* what follows up to the end of its chunk has not been used. 0: there is none */
    size_t free_bytes; /* in the lists */
    size_t freed;      /* bytes freed since neighbours were last joined */
    notes_t *notes;    /* NULL: no free block is pending */
    size_t pending;    /* bytes of free blocks that are noted, and of those with the notes */
    uint32_t run;      /* blocks freed since the last allocation, up to some */
    uint32_t blocks;   /* in use */
    bool gaps;         /* a block shrank by less than a free block needs: neighbours are unknown */
} mixed_t;

typedef struct {
    arena_memory_t memory; /* where chunks and large blocks are from */
    owner_t **owners;      /* the user's; by number */
    chunk_t *with_room;    /* list of the chunks with free slots, but for: */
    chunk_t *empty;        /* those whose slots are all free; and */
    chunk_t *with_ends;    /* mixed ones: with free blocks at the ends of lines */
    table_t chunks;        /* by address */
    table_t large;         /* large blocks; data: 8 * number of the owner + type */
    size_t large_bytes;    /* of these */
    uintptr_t *known;      /* a cache of addresses of chunks, by the lowest bits of their number */
    uint32_t nempty;       /* chunks whose slots are all free */
    uint32_t most_chunks;  /* that there have been */
    mixed_t mixed;
} heap_t;

/* How many blocks a span can hold. */
static inline uint32_t
heap_blocks(uint32_t bin) {
    uint32_t n = (1U << HEAP_LG_SLOT) / (8 * bin), most = 8 * bin <= HEAP_TINY_MAX ? 2 * HEAP_WORD : HEAP_WORD;
    return n < most ? n : most;
}

/* A span without blocks, and kinds without spans, for all heaps. They are never written to. */
extern span_t heap_no_span;
extern kinds_t heap_no_kinds;

/* What `known` is until there is one: it knows nothing, and is never written to. */
extern uintptr_t heap_knows_nothing[HEAP_KNOWN];

/* Makes a zeroed structure an empty heap. */
void heap_init(heap_t *heap, arena_memory_t memory);
/* Gives back all chunks and large blocks. Owners have no spans then. */
void heap_destroy(heap_t *heap, uint32_t nowners);
/* Makes the cache for heap_knows(), unless there is no memory; and frees it. */
void heap_make_known(heap_t *heap);
void heap_free_known(heap_t *heap);

/* ---- where blocks lie ---- */

static inline uintptr_t
heap_base(const void *block) {
    return (uintptr_t)block >> HEAP_LG_CHUNK << HEAP_LG_CHUNK;
}

static inline chunk_t *
heap_chunk(const void *block) {
    return (chunk_t *)heap_base(block);
}

/* The line of the slot of a block in a chunk. */
static inline span_t *
heap_span(const void *block) {
    return (span_t *)heap_base(block) + ((uintptr_t)block >> HEAP_LG_SLOT & (HEAP_SLOTS - 1));
}

/* Is it a line of a chunk that is mixed? */
static inline bool
heap_is_mixed(const span_t *line) {
    return (line->free[0] & HEAP_MIXED) != 0;
}

static inline bool
heap_is_mixed_chunk(const chunk_t *chunk) {
    return (chunk->codes[0] & HEAP_MIXED) != 0;
}

/* The number of a block of a span. */
static inline uint32_t
heap_number(const span_t *span, const void *block) {
    uint64_t offset = (uintptr_t)block & ((1U << HEAP_LG_SLOT) - 1);
    return (uint32_t)(offset * span->reciprocal >> 32);
}

static inline owner_t *
heap_owner(const span_t *span) {
    return (owner_t *)(span->account - span->type);
}

static inline uint32_t
heap_bin(size_t size) {
    return (uint32_t)(size + 7) >> 3;
}

/* ---- blocks of at most 2 KiB ---- */

/* Takes a block of a span: one of `ready`, which are the span's free blocks among the first 63, and not none. The
 * block is not touched: the caller writes to it soon, and need not wait for it now. */
static inline void *
heap_take(span_t *span, uint64_t ready, uint32_t bin) {
    span->free[0] = ready & (ready - 1);
    return span->base + (size_t)(uint32_t)__builtin_ctzll(ready) * bin * 8;
}

/* Is free[0] for the blocks from the 64th on, and free[1] for the others? */
static inline uint32_t
heap_is_flipped(const span_t *span) {
    return ((uintptr_t)span->base & ((1U << HEAP_LG_SLOT) - 1)) != 0;
}

/* Exchanges the words of a span of tiny blocks: heap_take() takes from the first one. */
static inline void
heap_flip(span_t *span) {
    uint64_t word = span->free[0];
    size_t half = (size_t)HEAP_WORD * 8 * span->bin;
    span->base = heap_is_flipped(span) ? span->base - half : span->base + half;
    span->free[0] = span->free[1];
    span->free[1] = word;
}

/* A block at a multiple of 8; of any size but 0, also a large one. NULL if there is no memory. */
void *heap_alloc_slow(heap_t *heap, owner_t *owner, uint32_t type, size_t size);

static inline void *
heap_alloc(heap_t *heap, owner_t *owner, uint32_t type, size_t size) {
    uint32_t bin = heap_bin(size);
    span_t *span = size <= HEAP_SMALL_MAX ? owner->kinds->bins[type * HEAP_BINS + bin] : &heap_no_span;
    uint64_t ready = span->free[0];
    return __builtin_expect(ready != 0, 1) ? heap_take(span, ready, bin) : heap_alloc_slow(heap, owner, type, size);
}

/* Frees a block of a span if it has another free block and another block in use, and is no span of tiny blocks. False
 * if not: nothing has changed. A chunk that is mixed has no free block here. */
static inline bool
heap_put(span_t *span, const void *block) {
    uint64_t was = span->free[0], is = was | UINT64_C(1) << (heap_number(span, block) & 63);
    bool ok = __builtin_expect((int64_t)was > 0, 1) && __builtin_expect(is != span->all, 1);
    if (ok) {
        span->free[0] = is;
    }
    return ok;
}

/* The word for a block, as an index in `free`, of a span of any size. */
static inline uint32_t
heap_word(const span_t *span, uint32_t number) {
    return number / HEAP_WORD ^ heap_is_flipped(span);
}

/* Are all blocks free, if these are the words? */
static inline bool
heap_is_empty(const span_t *span, const uint64_t words[2]) {
    uint64_t rest = 8U * span->bin > HEAP_TINY_MAX ? 0 : (UINT64_C(1) << (heap_blocks(span->bin) - HEAP_WORD)) - 1;
    uint32_t flipped = heap_is_flipped(span);
    return words[flipped] == span->all && words[!flipped] == rest;
}

/* The same as heap_put(), for a span of any size. */
static inline bool
heap_put_tiny(span_t *span, const void *block) {
    uint32_t number = heap_number(span, block), word = heap_word(span, number);
    uint64_t words[2] = {span->free[0], span->free[1]};
    bool full = (words[0] | words[1]) == 0;
    words[word] |= UINT64_C(1) << number % HEAP_WORD;
    bool ok = !full && !heap_is_empty(span, words);
    if (ok) {
        span->free[word] = words[word];
    }
    return ok;
}

/* Frees a block of a span, or a mixed one; `size` is what it has now. Returns its account. */
size_t *heap_free(heap_t *heap, span_t *span, void *block, size_t size);

/* Whose it is, and of which type. */
typedef struct {
    owner_t *owner;
    uint32_t type;
} kind_t;
kind_t heap_kind(const heap_t *heap, const span_t *span, const void *block, size_t size);

/* ---- large blocks ---- */

/* NULL if the block is no large one. Valid until the heap's next allocation or free. */
static inline entry_t *
heap_large(const heap_t *heap, const void *block) {
    return table_find(&heap->large, (uintptr_t)block);
}

static inline kind_t
heap_large_kind(const heap_t *heap, const entry_t *entry) {
    uintptr_t tag = (uintptr_t)entry->data;
    return (kind_t){heap->owners[tag / HEAP_TYPES], (uint32_t)(tag % HEAP_TYPES)};
}

/* Frees a large block; returns its account. */
size_t *heap_free_large(heap_t *heap, entry_t *entry);
/* Resizes a large block to one, in place or by moving its pages. NULL if there is no memory: nothing changed. */
void *heap_resize_large(heap_t *heap, entry_t *entry, size_t size);

/* ---- any block ---- */

/* Is it known that the block lies in a chunk of this heap? If not, it may nevertheless. */
static inline bool
heap_knows(const heap_t *heap, const void *block) {
    return heap->known[(uintptr_t)block >> HEAP_LG_CHUNK & (HEAP_KNOWN - 1)] == heap_base(block);
}

/* The line of the slot that a block of this heap lies in. NULL if it lies in none: it is a large one, or no block of
 * this heap. Its chunk is known then. */
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
