/* metadata_test.c -- zeroed, aligned, disjoint; recycled by size; counted. */
#include "../base/bytes.h"
#include "../base/testing.h"

#include "base/bits.h"
#include "extent/metadata.h"
#include "os/pages.h"

#include <pthread.h>

#define BLOCKS  400
#define THREADS 4

typedef struct {
    unsigned char *bytes;
    size_t size;
    unsigned char mark;
} block_t;

/* Allocates, checks that it is aligned and zeroed, and marks every byte. */
static block_t
allocate(size_t size, size_t alignment, unsigned char mark) {
    block_t block = {metadata_alloc(size, alignment), size, mark};
    assert_non_null(block.bytes);
    assert_int_equal((uintptr_t)block.bytes & (alignment - 1), 0);
    assert_true(all_bytes(block.bytes, size, 0));
    memset(block.bytes, mark, size);
    return block;
}

static void
assert_marks(const block_t *blocks, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        assert_true(all_bytes(blocks[i].bytes, blocks[i].size, blocks[i].mark));
    }
}

static void
test_alloc(void **state) {
    (void)state;
    block_t blocks[BLOCKS];
    uint64_t seed = 1;
    for (unsigned i = 0; i < BLOCKS; i++) {
        size_t size = 1 + random_below(&seed, i % 16 == 0 ? 100000 : 500);
        size_t alignment = (size_t)1 << random_below(&seed, lg_floor(pages_size()) + 1);
        blocks[i] = allocate(size, alignment, (unsigned char)(1 + i % 255));
    }
    assert_marks(blocks, BLOCKS);
}

/* Larger than any mapping that is made in advance. */
static void
test_large(void **state) {
    (void)state;
    block_t blocks[3];
    for (unsigned i = 0; i < 3; i++) {
        blocks[i] = allocate(((size_t)9 << 20) + 1, pages_size(), (unsigned char)(i + 1));
    }
    assert_marks(blocks, 3);
}

static void
test_bytes(void **state) {
    (void)state;
    size_t before = metadata_bytes();
    assert_int_equal(before % pages_size(), 0);
    for (unsigned i = 0; i < 100; i++) {
        allocate(1000, 8, 1);
    }
    size_t after = metadata_bytes();
    assert_int_equal(after % pages_size(), 0);
    assert_in_range(after - before, 100 * 1000 - pages_size(), 100 * 1007 + pages_size());
}

/* What alignment skips is handed out to nobody, and resident all the same. */
static void
test_gaps_are_counted(void **state) {
    (void)state;
    allocate(1, pages_size(), 1);
    size_t before = metadata_bytes();
    for (unsigned i = 0; i < 50; i++) {
        allocate(8, pages_size(), 1);
    }
    assert_in_range(metadata_bytes() - before, 48 * pages_size(), 50 * pages_size()); /* less at the end of a mapping */
}

static void
test_take_and_give(void **state) {
    (void)state;
    for (unsigned lg = METADATA_LG_MIN; lg <= METADATA_LG_MAX; lg++) {
        unsigned char *a = metadata_block_alloc(lg), *b = metadata_block_alloc(lg);
        assert_non_null(a);
        assert_non_null(b);
        assert_int_equal((uintptr_t)a % CACHELINE, 0);
        assert_int_equal((uintptr_t)b % CACHELINE, 0);
        assert_true(a + ((size_t)1 << lg) <= b || b + ((size_t)1 << lg) <= a);
        memset(a, 0xff, (size_t)1 << lg);
        memset(b, 0xff, (size_t)1 << lg);
        size_t before = metadata_bytes();
        metadata_block_free(a, lg);
        metadata_block_free(b, lg);
        unsigned char *c = metadata_block_alloc(lg), *d = metadata_block_alloc(lg);
        assert_true((c == a && d == b) || (c == b && d == a));
        assert_int_equal(metadata_bytes(), before);
    }
}

/* A block given back serves its own size only. */
static void
test_sizes_do_not_mix(void **state) {
    (void)state;
    void *small = metadata_block_alloc(8);
    metadata_block_free(small, 8);
    void *large = metadata_block_alloc(9);
    assert_ptr_not_equal(large, small);
    assert_ptr_equal(metadata_block_alloc(8), small);
}

/* Takes and gives without end; each block is its holder's alone. */
static void *
churn(void *argument) {
    uint64_t seed = (uint64_t)(uintptr_t)argument;
    unsigned char mark = (unsigned char)(uintptr_t)argument;
    for (unsigned i = 0; i < 5000; i++) {
        unsigned lg = METADATA_LG_MIN + random_below(&seed, 4);
        unsigned char *block = metadata_block_alloc(lg);
        memset(block, mark, (size_t)1 << lg);
        if (!all_bytes(block, (size_t)1 << lg, mark)) {
            return block;
        }
        metadata_block_free(block, lg);
    }
    return NULL;
}

static void
test_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *damaged = NULL;
        pthread_join(threads[i], &damaged);
        assert_null(damaged);
    }
}

static _Atomic unsigned nmaps;

static bool
count_maps(fault_kind_t kind) {
    atomic_add(&nmaps, kind == fault_map);
    return false;
}

/* Mappings double, so that much metadata is in few of them. */
static void
test_mappings_double(void **state) {
    (void)state;
#ifdef _WIN32
    print_message("skip: mappings are not counted on Windows\n");
    skip();
#endif
    atomic_set_release(&fault_slot, count_maps);
    for (unsigned i = 0; i < 1000; i++) {
        assert_non_null(metadata_alloc((size_t)32 << 10, 64));
    }
    atomic_set_release(&fault_slot, NULL);
    assert_in_range(atomic_get(&nmaps), 1, 12);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),         cmocka_unit_test(test_large),
        cmocka_unit_test(test_bytes),         cmocka_unit_test(test_gaps_are_counted),
        cmocka_unit_test(test_take_and_give), cmocka_unit_test(test_sizes_do_not_mix),
        cmocka_unit_test(test_threads),       cmocka_unit_test(test_mappings_double),
    };
    return cmocka_run_group_tests_name("extent/metadata", tests, boot_allocator, NULL);
}
