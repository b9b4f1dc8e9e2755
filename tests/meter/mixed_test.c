/*
 * mixed_test.c -- a meter without a state: mixed blocks, which share chunks with blocks of other kinds; pending ones;
 * and blocks that shrink when there is no memory.
 */
#include "../workload/cmocka_all.h"

#include <lua.h>
#include <string.h>

#include "meters.h"

static const size_t tags[] = {0, LUA_TSTRING, LUA_TTABLE, LUA_TFUNCTION, LUA_TUSERDATA, LUA_TTHREAD};

/* ---- memory that is refused ---- */

typedef struct filler {
    struct filler *next;
    size_t size;
} filler_t;

/* Takes all memory that the heap has for small blocks, of each size. */
static filler_t *
fill_up(lunalloc_meter_t *meter) {
    filler_t *all = NULL, *filler;
    for (size_t size = HEAP_MAX; size >= sizeof(filler_t); size -= 8) {
        while ((filler = lunalloc_lua_alloc(meter, NULL, 0, size)) != NULL) {
            *filler = (filler_t){all, size};
            all = filler;
        }
    }
    return all;
}

static void
release_fillers(lunalloc_meter_t *meter, filler_t *all) {
    while (all != NULL) {
        filler_t *next = all->next;
        lunalloc_lua_alloc(meter, all, all->size, 0);
        all = next;
    }
}

/* Lua relies on it: a block that shrinks is never refused. Such a block may lie where its size does not say. */
static void
test_blocks_shrink_without_memory(void **state) {
    (void)state;
    static const size_t sizes[] = {100000, 20000, 3000, 2049, 2048, 1000, 300, 257, 256, 100, 17, 8, 1};
    enum {
        N = sizeof(sizes) / sizeof(sizes[0])
    };
    void *blocks[N][N];
    lunalloc_meter_t *meter = new_meter(0);
    make_refusing(meter);
    for (size_t from = 0; from < N; from++) {
        for (size_t to = from; to < N; to++) {
            blocks[from][to] = lunalloc_lua_alloc(meter, NULL, 0, sizes[from]);
            memset(blocks[from][to], (int)(from * N + to), sizes[from]);
        }
    }
    until_refused = 0;
    filler_t *fillers = fill_up(meter);
    for (size_t from = 0; from < N; from++) {
        for (size_t to = from; to < N; to++) {
            blocks[from][to] = lunalloc_lua_alloc(meter, blocks[from][to], sizes[from], sizes[to]);
            assert_non_null(blocks[from][to]);
        }
    }
    until_refused = -1;
    assert_true(meter->careful);
    release_fillers(meter, fillers);
    assert_true(heap_check(&meter->heap));
    for (size_t from = 0; from < N; from++) {
        for (size_t to = from; to < N; to++) {
            unsigned char *block = lunalloc_lua_alloc(meter, blocks[from][to], sizes[to], sizes[to] + 5000);
            assert_non_null(block);
            for (size_t i = 0; i < sizes[to]; i++) {
                assert_int_equal(block[i], (unsigned char)(from * N + to));
            }
            lunalloc_lua_alloc(meter, block, sizes[to] + 5000, 0);
        }
    }
    assert_true(heap_check(&meter->heap));
    end_meter(meter);
}

/* ---- mixed blocks ---- */

static void *
allocate_filled(lunalloc_meter_t *meter, size_t size) {
    void *block = lunalloc_lua_alloc(meter, NULL, 0, size);
    assert_non_null(block);
    return memset(block, 0xff, size);
}

/* Allocates blocks of 24 bytes in what has not been used of the first chunk. Returns how many. */
static size_t
use_first_chunk(lunalloc_meter_t *meter, void **blocks) {
    size_t n = 0;
    while (meter->heap.mixed.cursor % (1 << HEAP_LG_CHUNK) <= (1 << HEAP_LG_CHUNK) - 24 &&
           meter->heap.mixed.cursor % (1 << HEAP_LG_CHUNK) != 0) {
        blocks[n++] = allocate_filled(meter, 24);
    }
    return n;
}

/* Blocks of 2 KiB lie where small ones have been. */
static void
test_free_neighbours_become_larger_blocks(void **state) {
    (void)state;
    static void *small[4000], *large[29];
    lunalloc_meter_t *meter = new_meter(0);
    void *first = allocate_filled(meter, 24);
    size_t n = use_first_chunk(meter, small);
    assert_true(n > 2000);
    for (size_t i = 0; i < n; i++) { /* none after the other */
        size_t at = i * 7 % n;
        assert_true(n % 7 != 0 && small[at] != NULL);
        lunalloc_lua_alloc(meter, small[at], 24, 0);
        small[at] = NULL;
    }
    for (size_t i = 0; i < 29; i++) {
        large[i] = allocate_filled(meter, HEAP_MAX);
        assert_int_equal(meter->heap.chunks.count, 1);
    }
    assert_true(heap_check(&meter->heap));
    for (size_t i = 0; i < 29; i++) {
        lunalloc_lua_alloc(meter, large[i], HEAP_MAX, 0);
    }
    lunalloc_lua_alloc(meter, first, 24, 0);
    end_meter(meter);
}

/*
 * A block of 64 bytes, in which one of 24 began before that was free, shrinks to 48 where there is no memory. What is
 * left of it is too small for a free block. It is not taken for the one that was there.
 */
static void
test_gaps_are_no_free_blocks(void **state) {
    (void)state;
    static void *small[4000];
    lunalloc_meter_t *meter = new_meter(0);
    make_refusing(meter);
    void *ends[HEAP_SLOTS - 1], *before = allocate_filled(meter, 40);
    for (size_t i = 0; i < HEAP_SLOTS - 1; i++) {
        ends[i] = allocate_filled(meter, 32);
    }
    void *a = allocate_filled(meter, 40), *b = allocate_filled(meter, 24);
    void *after = allocate_filled(meter, 32);
    size_t n = use_first_chunk(meter, small);
    lunalloc_lua_alloc(meter, b, 24, 0);
    lunalloc_lua_alloc(meter, a, 40, 0);
    for (size_t i = 0; i < n; i++) {
        lunalloc_lua_alloc(meter, small[i], 24, 0);
    }
    void *large = allocate_filled(meter, HEAP_MAX); /* neighbours are joined */
    void *block = allocate_filled(meter, 64);
    assert_ptr_equal(block, a);
    until_refused = 0;
    filler_t *fillers = fill_up(meter);
    assert_ptr_equal(lunalloc_lua_alloc(meter, block, 64, 48), block);
    release_fillers(meter, fillers);
    lunalloc_lua_alloc(meter, block, 48, 0);
    fillers = fill_up(meter);
    release_fillers(meter, fillers);
    until_refused = -1;
    lunalloc_lua_alloc(meter, large, HEAP_MAX, 0);
    for (size_t i = 0; i < HEAP_SLOTS - 1; i++) {
        lunalloc_lua_alloc(meter, ends[i], 32, 0);
    }
    lunalloc_lua_alloc(meter, before, 40, 0);
    lunalloc_lua_alloc(meter, after, 32, 0);
    assert_true(heap_check(&meter->heap));
    end_meter(meter);
}

/* The blocks at the ends of lines are used before the heap takes what has not been used, and used again. */
static void
test_ends_of_lines_are_blocks(void **state) {
    (void)state;
    enum {
        N = HEAP_SLOTS - 1
    };
    void *ends[N];
    lunalloc_meter_t *meter = new_meter(0);
    void *first = allocate_filled(meter, 40);
    uintptr_t cursor = meter->heap.mixed.cursor;
    for (size_t i = 0; i < N; i++) {
        ends[i] = allocate_filled(meter, 25 + i % 8);
        assert_int_equal((uintptr_t)ends[i] % 64, 32);
        assert_true((uintptr_t)ends[i] - heap_base(ends[i]) < 2048);
    }
    assert_int_equal(meter->heap.mixed.cursor, cursor);
    void *other = allocate_filled(meter, 32);
    assert_int_equal(meter->heap.mixed.cursor, cursor + 32);
    lunalloc_lua_alloc(meter, ends[7], 32, 0);
    assert_true(heap_check(&meter->heap));
    assert_ptr_equal(allocate_filled(meter, 32), ends[7]);
    assert_true(heap_check(&meter->heap));
    lunalloc_lua_alloc(meter, first, 40, 0);
    lunalloc_lua_alloc(meter, other, 32, 0);
    for (size_t i = 0; i < N; i++) {
        lunalloc_lua_alloc(meter, ends[i], i == 7 ? 32 : 25 + i % 8, 0);
    }
    end_meter(meter);
}

/* Frees the blocks but for each tenth one, in another order than they were made. */
static void
release_most(lunalloc_meter_t *meter, void **blocks, const size_t *sizes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t at = i * 7 % n;
        if (at % 10 != 0) {
            lunalloc_lua_alloc(meter, blocks[at], sizes[at], 0);
        }
    }
}

/* After a run of frees, blocks are pending. The next allocation finds all of them. */
static void
test_pending_blocks_are_allocated_again(void **state) {
    (void)state;
    enum {
        N = 2000
    };
    static void *blocks[N];
    static size_t sizes[N];
    lunalloc_meter_t *meter = new_meter(0);
    for (size_t i = 0; i < N; i++) {
        sizes[i] = 1 + i * 37 % 400;
        blocks[i] = memset(lunalloc_lua_alloc(meter, NULL, tags[i % 6], sizes[i]), (int)i, sizes[i]);
    }
    uint32_t nchunks = meter->heap.chunks.count;
    release_most(meter, blocks, sizes, N);
    assert_true(meter->heap.mixed.pending > 100000);
    assert_true(heap_check(&meter->heap));
    for (size_t i = 0; i < N; i++) {
        if (i % 10 != 0) {
            blocks[i] = memset(lunalloc_lua_alloc(meter, NULL, tags[i % 6], sizes[i]), (int)i, sizes[i]);
            assert_int_equal(meter->heap.mixed.pending, 0);
        }
    }
    assert_true(heap_check(&meter->heap));
    assert_true(meter->heap.chunks.count <= nchunks + 1);
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < sizes[i]; k++) {
            assert_int_equal(((unsigned char *)blocks[i])[k], (unsigned char)i);
        }
        lunalloc_lua_alloc(meter, blocks[i], sizes[i], 0);
    }
    end_meter(meter);
}

/* Frees between allocations: no block is pending, and chunks go back as they become empty. */
static void
test_mixed_chunks_go_back_one_by_one(void **state) {
    (void)state;
    enum {
        N = 600,
        SIZE = 1000
    };
    void *blocks[N];
    lunalloc_meter_t *meter = new_meter(0);
    for (size_t i = 0; i < N; i++) {
        blocks[i] = allocate_filled(meter, SIZE);
    }
    for (size_t i = 0; i < N - 1; i++) {
        lunalloc_lua_alloc(meter, blocks[i], SIZE, 0);
        lunalloc_lua_alloc(meter, allocate_filled(meter, 100), 100, 0);
        assert_int_equal(meter->heap.mixed.pending, 0);
    }
    assert_true(meter->heap.chunks.count <= 4);
    assert_true(heap_check(&meter->heap));
    lunalloc_lua_alloc(meter, blocks[N - 1], SIZE, 0);
    end_meter(meter);
}

/* Chunks of which all blocks are pending go back, at the latest with the next allocation. */
static void
test_chunks_of_pending_blocks_go_back(void **state) {
    (void)state;
    enum {
        N = 6000,
        SIZE = 1000
    };
    static void *blocks[N];
    lunalloc_meter_t *meter = new_meter(0);
    for (size_t i = 0; i < N; i++) {
        blocks[i] = allocate_filled(meter, SIZE);
    }
    for (size_t i = 1; i < N; i++) {
        lunalloc_lua_alloc(meter, blocks[i], SIZE, 0);
    }
    assert_true(meter->heap.chunks.count <= (3U << 20 >> HEAP_LG_CHUNK)); /* of 6 MB: what is pending, and as much */
    assert_true(meter->heap.mixed.pending > 0);
    void *last = allocate_filled(meter, SIZE);
    assert_int_equal(meter->heap.mixed.pending, 0);
    assert_true(meter->heap.chunks.count <= 4);
    assert_true(heap_check(&meter->heap));
    lunalloc_lua_alloc(meter, last, SIZE, 0);
    lunalloc_lua_alloc(meter, blocks[0], SIZE, 0);
    end_meter(meter);
}

/* Few blocks of one kind that are often replaced: they are in spans soon, though there are free mixed blocks. */
static void
test_frequent_kind_of_a_small_heap_has_spans(void **state) {
    (void)state;
    enum {
        N = 1000,
        SIZE = 56
    };
    static void *blocks[N];
    lunalloc_meter_t *meter = new_meter(0);
    for (uint32_t i = 0; i < 40 * N; i++) {
        if (i >= N) {
            lunalloc_lua_alloc(meter, blocks[i % N], SIZE, 0);
        }
        blocks[i % N] = allocate_filled(meter, SIZE);
    }
    assert_int_equal(meter->heap.mixed.blocks, 0);
    assert_true(heap_check(&meter->heap));
    for (uint32_t i = 0; i < N; i++) {
        lunalloc_lua_alloc(meter, blocks[i], SIZE, 0);
    }
    end_meter(meter);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_shrink_without_memory),
        cmocka_unit_test(test_free_neighbours_become_larger_blocks),
        cmocka_unit_test(test_gaps_are_no_free_blocks),
        cmocka_unit_test(test_ends_of_lines_are_blocks),
        cmocka_unit_test(test_pending_blocks_are_allocated_again),
        cmocka_unit_test(test_mixed_chunks_go_back_one_by_one),
        cmocka_unit_test(test_chunks_of_pending_blocks_go_back),
        cmocka_unit_test(test_frequent_kind_of_a_small_heap_has_spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
