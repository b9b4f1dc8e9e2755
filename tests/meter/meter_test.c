/*
 * meter_test.c -- a meter without a state: random blocks of all sizes, types and scopes against a model; and the limit.
 */
#include "../workload/cmocka_all.h"

#include <lua.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "meters.h"
#include "workload/prng.h"

/* ---- the model ---- */

enum {
    NBLOCKS = 3000,
    NSCOPES = 300,
    LARGEST = 20000
};

typedef struct {
    unsigned char *block; /* NULL: none */
    size_t size;
    uint32_t type, scope;
} shadow_t;

static shadow_t shadow[NBLOCKS];
static const size_t tags[] = {0, LUA_TSTRING, LUA_TTABLE, LUA_TFUNCTION, LUA_TUSERDATA, LUA_TTHREAD};
static prng_t prng;
static uint32_t ntypes = 6, coarse = 1; /* few kinds of blocks: fewer types, and small sizes of so many bytes apart */

/* Mostly small sizes, as Lua's are. */
static size_t
random_size(void) {
    uint64_t largest = prng_next(&prng) % 8 != 0 ? 300 : prng_next(&prng) % 4 != 0 ? 2100 : LARGEST;
    return (size_t)(1 + prng_next(&prng) % largest / coarse * coarse);
}

static unsigned char
byte_of(const shadow_t *s) {
    return (unsigned char)((uintptr_t)(s - shadow) * 37 + s->size);
}

static void
assert_contents(const shadow_t *s, size_t size) {
    unsigned char expected = byte_of(s);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(s->block[i], expected);
    }
}

static void
allocate(lunalloc_meter_t *meter, shadow_t *s, uint32_t scope) {
    s->size = random_size();
    s->type = (uint32_t)(prng_next(&prng) % ntypes);
    s->scope = scope;
    s->block = lunalloc_lua_alloc(meter, NULL, tags[s->type], s->size);
    assert_non_null(s->block);
    assert_int_equal((uintptr_t)s->block % 8, 0);
    memset(s->block, byte_of(s), s->size);
}

static void
resize(lunalloc_meter_t *meter, shadow_t *s) {
    size_t size = random_size(), kept = size < s->size ? size : s->size;
    s->block = lunalloc_lua_alloc(meter, s->block, s->size, size);
    assert_non_null(s->block);
    assert_contents(s, kept);
    s->size = size;
    memset(s->block, byte_of(s), s->size);
}

static void
release(lunalloc_meter_t *meter, shadow_t *s) {
    assert_contents(s, s->size);
    assert_null(lunalloc_lua_alloc(meter, s->block, s->size, 0));
    s->block = NULL;
}

/* Every account is the sum of the shadow's blocks. */
static void
assert_accounts(lunalloc_meter_t *meter) {
    static size_t by_scope[NSCOPES + 1];
    size_t by_type[LUNALLOC_LUA_TYPES] = {0}, total = 0, nblocks = 0;
    lunalloc_meter_stats_t stats;
    memset(by_scope, 0, sizeof(by_scope));
    for (size_t i = 0; i < NBLOCKS; i++) {
        size_t size = shadow[i].block == NULL ? 0 : shadow[i].size;
        by_scope[shadow[i].scope] += size;
        by_type[shadow[i].type] += size;
        total += size;
        nblocks += size != 0;
    }
    lunalloc_meter_stats(meter, &stats);
    assert_int_equal(stats.allocated, total);
    assert_int_equal(stats.blocks, nblocks);
    assert_true(stats.held >= total);
    assert_memory_equal(stats.by_type, by_type, sizeof(by_type));
    for (int scope = 0; scope < (int)stats.nscopes; scope++) {
        assert_int_equal(lunalloc_meter_scope_bytes(meter, scope), by_scope[scope]);
    }
    assert_true(heap_check(&meter->heap));
}

static void
release_all(lunalloc_meter_t *meter) {
    for (size_t i = 0; i < NBLOCKS; i++) {
        if (shadow[i].block != NULL) {
            release(meter, &shadow[i]);
        }
    }
}

/* One operation on a random block. `grows`: more blocks are made than freed. */
static void
operate(lunalloc_meter_t *meter, bool grows) {
    shadow_t *s = &shadow[prng_next(&prng) % NBLOCKS];
    uint32_t scope = (uint32_t)(prng_next(&prng) % meter->nscopes);
    lunalloc_meter_enter(meter, (int)scope);
    if (s->block == NULL) {
        if (grows || prng_next(&prng) % 4 == 0) {
            allocate(meter, s, scope);
        }
    } else if (prng_next(&prng) % 4 == 0) {
        resize(meter, s);
    } else if (!grows || prng_next(&prng) % 4 == 0) {
        release(meter, s);
    }
}

static void
make_scopes(lunalloc_meter_t *meter, int n) {
    for (int i = 1; i <= n; i++) {
        char name[24];
        snprintf(name, sizeof(name), "scope %d", i);
        assert_int_equal(lunalloc_meter_scope(meter, name), i);
        assert_int_equal(lunalloc_meter_scope(meter, name), i);
    }
}

static uint32_t
count_chunks(const lunalloc_meter_t *meter, bool mixed) {
    uint32_t n = 0, i = 0;
    for (const entry_t *entry; (entry = table_next(&meter->heap.chunks, &i)) != NULL;) {
        n += heap_is_mixed_chunk((const chunk_t *)entry->address) == mixed;
    }
    return n;
}

/* Returns how many chunks had spans at the most. */
static uint32_t
compare_with_model(int nscopes) {
    uint32_t most = 0;
    lunalloc_meter_t *meter = new_meter(0);
    prng_seed(&prng, 7, (uint64_t)nscopes);
    memset(shadow, 0, sizeof(shadow));
    make_scopes(meter, nscopes);
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 5000; i++) {
            operate(meter, round % 4 < 2);
        }
        assert_accounts(meter);
        most = count_chunks(meter, false) > most ? count_chunks(meter, false) : most;
    }
    release_all(meter);
    assert_accounts(meter);
    lunalloc_meter_stats_t stats;
    lunalloc_meter_stats(meter, &stats);
    assert_true(stats.held <= 4 << HEAP_LG_CHUNK); /* chunks go back as they become empty */
    end_meter(meter);
    return most;
}

/* Blocks of kinds that are seldom lie mixed. */
static void
test_blocks_of_many_kinds_against_a_model(void **state) {
    (void)state;
    compare_with_model(NSCOPES);
}

/* Most blocks are in spans. */
static void
test_blocks_of_few_kinds_against_a_model(void **state) {
    (void)state;
    ntypes = 2;
    for (coarse = 23; coarse < 60; coarse += 16) {
        assert_true(compare_with_model(1) > 3);
    }
    ntypes = 6;
    coarse = 1;
}

static void
test_scopes_have_an_end(void **state) {
    (void)state;
    lunalloc_meter_t *meter = new_meter(0);
    char name[16];
    for (int i = 1; i < LUNALLOC_LUA_SCOPES; i++) {
        snprintf(name, sizeof(name), "%d", i);
        assert_int_equal(lunalloc_meter_scope(meter, name), i);
    }
    assert_int_equal(lunalloc_meter_scope(meter, "one more"), -1);
    assert_string_equal(lunalloc_meter_scope_name(meter, 0), "main");
    assert_null(lunalloc_meter_scope_name(meter, LUNALLOC_LUA_SCOPES));
    assert_int_equal(lunalloc_meter_enter(meter, 17), 0);
    assert_int_equal(lunalloc_meter_enter(meter, LUNALLOC_LUA_SCOPES), 17);
    assert_int_equal(lunalloc_meter_enter(meter, 0), 17);
    end_meter(meter);
}

/* Chunks that stay empty for small blocks make room for a large one. */
static void
test_large_block_takes_the_place_of_empty_chunks(void **state) {
    (void)state;
    static void *blocks[40000];
    const size_t n = sizeof(blocks) / sizeof(*blocks);
    lunalloc_meter_t *meter = new_meter(0);
    for (size_t i = 0; i < n; i++) {
        blocks[i] = lunalloc_lua_alloc(meter, NULL, LUA_TTABLE, 56);
    }
    for (size_t i = n / 2; i < n; i++) {
        lunalloc_lua_alloc(meter, blocks[i], 56, 0);
    }
    uint32_t nempty = meter->heap.nempty;
    assert_true(nempty > meter->heap.chunks.count / 3);
    void *large = lunalloc_lua_alloc(meter, NULL, 0, 1 << 16);
    assert_true(meter->heap.nempty <= 1 + meter->heap.chunks.count / 4);
    assert_true(meter->heap.nempty > 0);
    assert_true(heap_check(&meter->heap));
    lunalloc_lua_alloc(meter, large, 1 << 16, 0);
    for (size_t i = 0; i < n / 2; i++) {
        lunalloc_lua_alloc(meter, blocks[i], 56, 0);
    }
    end_meter(meter);
}

/* Pages of a chunk that are resident. */
static int
resident_pages(const void *chunk) {
    unsigned char pages[1 << (HEAP_LG_CHUNK - 12)];
    int n = 0;
    assert_int_equal(mincore((void *)chunk, 1 << HEAP_LG_CHUNK, pages), 0);
    for (size_t i = 0; i < sizeof(pages); i++) {
        n += pages[i] & 1;
    }
    return n;
}

/* A heap that grows gets whole chunks from the system, unless it is small. */
static void
test_chunks_of_a_growing_heap_are_touched(void **state) {
    (void)state;
    static void *blocks[20000];
    lunalloc_meter_t *meter = new_meter(0);
    size_t n = 0;
    int first = 0;
    while (meter->heap.chunks.count < 12) {
        blocks[n] = lunalloc_lua_alloc(meter, NULL, LUA_TTABLE, 56);
        first = n == 0 ? resident_pages(heap_chunk(blocks[0])) : first;
        n++;
    }
    if (madvise(heap_chunk(blocks[0]), 4096, MADV_POPULATE_WRITE) == 0) {
        assert_int_equal(resident_pages(heap_chunk(blocks[n - 1])), 16);
    }
    assert_true(first < 16);
    for (size_t i = 0; i < n; i++) {
        lunalloc_lua_alloc(meter, blocks[i], 56, 0);
    }
    end_meter(meter);
}

/* ---- limits ---- */

static void
test_limit_is_exact(void **state) {
    (void)state;
    lunalloc_meter_t *meter = new_meter(10000);
    lunalloc_meter_stats_t stats;
    void *a = lunalloc_lua_alloc(meter, NULL, 0, 9000);
    assert_non_null(a);
    assert_null(lunalloc_lua_alloc(meter, NULL, 0, 1001));
    void *b = lunalloc_lua_alloc(meter, NULL, 0, 1000);
    assert_non_null(b);
    assert_null(lunalloc_lua_alloc(meter, NULL, 0, 1));
    assert_null(lunalloc_lua_alloc(meter, b, 1000, 1001));
    assert_null(lunalloc_lua_alloc(meter, NULL, 0, SIZE_MAX / 2));
    lunalloc_meter_stats(meter, &stats);
    assert_int_equal(stats.failures, 4);
    assert_int_equal(stats.peak, 10000);
    lunalloc_meter_set_limit(meter, 100); /* below what is in use: blocks may shrink and be freed */
    b = lunalloc_lua_alloc(meter, b, 1000, 999);
    assert_non_null(b);
    assert_null(lunalloc_lua_alloc(meter, b, 999, 0));
    assert_null(lunalloc_lua_alloc(meter, NULL, 0, 1));
    assert_null(lunalloc_lua_alloc(meter, a, 9000, 0));
    a = lunalloc_lua_alloc(meter, NULL, 0, 100);
    assert_non_null(a);
    assert_null(lunalloc_lua_alloc(meter, a, 100, 0));
    lunalloc_meter_stats(meter, &stats);
    assert_int_equal(stats.peak, 10000);
    end_meter(meter);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_of_many_kinds_against_a_model),
        cmocka_unit_test(test_blocks_of_few_kinds_against_a_model),
        cmocka_unit_test(test_scopes_have_an_end),
        cmocka_unit_test(test_large_block_takes_the_place_of_empty_chunks),
        cmocka_unit_test(test_chunks_of_a_growing_heap_are_touched),
        cmocka_unit_test(test_limit_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
