/*
 * slab_sizes_test.c -- slab sizes change live: a new slab has the size that its class has when it is made, an old one
 * keeps its own for as long as something lives in it, and both serve side by side.
 */
#include "../api/support.h"
#include "check.h"

#define NBLOCKS 3000
#define SZIND   4

static arena_t *arena;

/* What a block's slab had when the block was made, if it was made for it. */
typedef struct {
    void *ptr;
    const extent_t *slab;
    size_t slab_size;
} block_t;

static block_t blocks[NBLOCKS];

static size_t
sizes_of_class(uint32_t szind, unsigned which) {
    return sc_nearest_slab_size(szind, sc.page * (1 + which % 9));
}

static void
check_block(const block_t *block, uint32_t szind, uint64_t tag) {
    const extent_t *slab = arena_extent_of(block->ptr, "test");
    assert_ptr_equal(slab, block->slab);
    assert_int_equal(slab->size, block->slab_size);
    assert_int_equal(slab->nregs, block->slab_size / sc.size[szind]);
    assert_true(pattern_holds(block->ptr, sc.size[szind], tag));
}

/* Slabs of every size live at once; each keeps its size while its blocks are freed in random order. */
static void
test_slab_sizes_live_for_new_slabs(void **state) {
    (void)state;
    uint64_t seed = 21;
    size_t before = atomic_get(&sc.slab_size[SZIND]);
    unsigned nsizes = 0;
    for (unsigned i = 0; i < NBLOCKS; i++) {
        size_t now = sizes_of_class(SZIND, i / 300);
        if (i % 300 == 0) {
            assert_true(sc_set_slab_size(SZIND, now));
        }
        void *p = arena_malloc_small(arena, SZIND, 0);
        assert_non_null(p);
        const extent_t *slab = arena_extent_of(p, "test");
        blocks[i] = (block_t){.ptr = p, .slab = slab, .slab_size = slab->size};
        nsizes += i > 0 && slab->size != blocks[i - 1].slab_size && slab->size == now;
        pattern_fill(p, sc.size[SZIND], i);
        arena_check(arena);
    }
    assert_true(nsizes >= 5);
    for (unsigned left = NBLOCKS; left > 0; left--) {
        unsigned i = (unsigned)rnd_below(&seed, NBLOCKS);
        for (; blocks[i].ptr == NULL; i = (i + 1) % NBLOCKS) {
        }
        check_block(&blocks[i], SZIND, i);
        lunalloc_free(blocks[i].ptr);
        blocks[i].ptr = NULL;
        if (left % 50 == 0) {
            arena_check(arena);
        }
    }
    assert_true(sc_set_slab_size(SZIND, before));
}

/* ---- while threads allocate ---- */

#define NCHANGES 1000

static _Atomic bool stop;

static void *
churn(void *arg) {
    uint64_t seed = (uint64_t)(uintptr_t)arg + 3;
    struct {
        unsigned char *ptr;
        size_t size;
    } held[200] = {{0}};
    while (!atomic_get(&stop)) {
        size_t k = rnd_below(&seed, 200);
        if (held[k].ptr != NULL) {
            thread_assert(held[k].ptr[0] == (unsigned char)k && held[k].ptr[held[k].size - 1] == (unsigned char)k);
            lunalloc_free(held[k].ptr);
        }
        held[k].size = 1 + rnd_size(&seed, 13);
        held[k].ptr = lunalloc_malloc(held[k].size);
        thread_assert(held[k].ptr != NULL);
        held[k].ptr[0] = held[k].ptr[held[k].size - 1] = (unsigned char)k;
    }
    for (size_t k = 0; k < 200; k++) {
        lunalloc_free(held[k].ptr);
    }
    return NULL;
}

static void
test_slab_sizes_live_under_load(void **state) {
    (void)state;
    pthread_t threads[4];
    size_t before[SC_MAX_SMALL];
    uint64_t seed = 8;
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        before[i] = atomic_get(&sc.slab_size[i]);
    }
    for (uintptr_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)i), 0);
    }
    for (unsigned i = 0; i < NCHANGES; i++) {
        uint32_t szind = (uint32_t)rnd_below(&seed, sc.nsmall);
        assert_true(sc_set_slab_size(szind, sizes_of_class(szind, (unsigned)rnd_below(&seed, 9))));
        usleep(200);
        check_arenas();
    }
    atomic_set(&stop, true);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_threads_well();
    check_arenas();
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        assert_true(sc_set_slab_size(i, before[i]));
    }
}

/* ---- the nearest size ---- */

static void
test_nearest_slab_size(void **state) {
    (void)state;
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        size_t before = atomic_get(&sc.slab_size[i]);
        for (size_t pages = 0; pages < 600; pages++) {
            size_t wanted = pages * sc.page, nearest = sc_nearest_slab_size(i, wanted);
            bool exact = sc_set_slab_size(i, wanted);
            assert_true(exact ? nearest == wanted : nearest != wanted);
            assert_true(sc_set_slab_size(i, nearest));
            assert_false(!exact && wanted > nearest && sc_set_slab_size(i, nearest + sc.page));
            assert_false(!exact && wanted < nearest && sc_set_slab_size(i, nearest - sc.page));
        }
        assert_true(sc_set_slab_size(i, before));
    }
}

static int
make_arena(void **state) {
    boot_allocator(state);
    arena = arenas_create();
    return arena == NULL;
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest_slab_size),
        cmocka_unit_test(test_slab_sizes_live_for_new_slabs),
        cmocka_unit_test(test_slab_sizes_live_under_load),
    };
    return cmocka_run_group_tests_name("slab_sizes", tests, make_arena, NULL);
}
