/*
 * malloc_test.c -- the entry points under their lunalloc_ names: every size and alignment, contents over resizing,
 * zeroing, and the rules of errno. The standard names are standard_test.c's.
 */
#include "../api/support.h"
#include "base/sc.h"
#include "thread/tcache.h"

#include <errno.h>

/* Not constants: the compiler must not warn about, or fold, what is asked for on purpose. */
static volatile size_t huge[] = {
    SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 4096, SIZE_MAX / 2 + 1, (size_t)PTRDIFF_MAX + 1, SC_LARGE_MAX + 1};
#define NHUGE (sizeof huge / sizeof huge[0])

/* Sizes around every class boundary up to 1 MiB. */
static size_t
boundary_size(uint32_t szind, int offset) {
    return (size_t)((int64_t)sc.size[szind] + offset);
}

static uint32_t
classes_up_to(size_t size) {
    return sc_index(size) + 1;
}

/* The block is usable from end to end, is as large as asked, and no larger than the next class. */
static void
assert_block(void *p, size_t size) {
    assert_non_null(p);
    size_t usable = lunalloc_usable_size(p);
    assert_true(usable >= size);
    assert_int_equal((uintptr_t)p % (size >= 16 ? 16 : 8), 0);
    pattern_fill(p, usable, (uintptr_t)p);
    assert_true(pattern_holds(p, usable, (uintptr_t)p));
}

static void
test_malloc_sizes(void **state) {
    (void)state;
    for (uint32_t i = 0; i < classes_up_to((size_t)1 << 20); i++) {
        for (int offset = -1; offset <= 1; offset++) {
            size_t size = boundary_size(i, offset);
            void *p = lunalloc_malloc(size);
            assert_block(p, size);
            assert_int_equal(lunalloc_usable_size(p), sc_round(size));
            lunalloc_free(p);
        }
    }
    for (size_t size = 0; size < 5000; size++) {
        void *p = lunalloc_malloc(size);
        assert_block(p, size);
        lunalloc_free_sized(p, size);
    }
}

/* Blocks that live at the same time do not share a byte. */
static void
test_no_overlap(void **state) {
    (void)state;
    static void *held[4000];
    static size_t sizes[4000];
    uint64_t seed = 10;
    for (unsigned i = 0; i < 4000; i++) {
        sizes[i] = rnd_size(&seed, 15);
        held[i] = lunalloc_malloc(sizes[i]);
        assert_non_null(held[i]);
        pattern_fill(held[i], sizes[i], i);
    }
    for (unsigned i = 0; i < 4000; i++) {
        assert_true(pattern_holds(held[i], sizes[i], i));
        lunalloc_free(held[i]);
    }
}

/* ---- alignment ---- */

static void
assert_aligned(void *p, size_t alignment, size_t size) {
    assert_block(p, size);
    assert_int_equal((uintptr_t)p % alignment, 0);
}

static void
test_alignments(void **state) {
    (void)state;
    const size_t sizes[] = {0,    1,    7,    8,     24,    48,    100,   129,   500,   1000,
                            3000, 4096, 5000, 10000, 14336, 14337, 20000, 70000, 300000};
    for (size_t alignment = 1; alignment <= (size_t)4 << 20; alignment *= 2) {
        void *held[64];
        unsigned n = 0;
        for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            held[n] = lunalloc_aligned_alloc(alignment, sizes[i]);
            assert_aligned(held[n++], alignment, sizes[i]);
            if (alignment >= sizeof(void *)) {
                assert_int_equal(lunalloc_posix_memalign(&held[n], alignment, sizes[i]), 0);
                assert_aligned(held[n++], alignment, sizes[i]);
            }
        }
        for (unsigned i = 0; i < n; i++) {
            i % 2 == 0 ? lunalloc_free_aligned_sized(held[i], alignment, 0) : lunalloc_free(held[i]);
        }
    }
}

static void
test_bad_alignments(void **state) {
    (void)state;
    const size_t bad[] = {0, 3, 6, 12, 24, 48, 100, 4095, 4097, SIZE_MAX, SIZE_MAX / 2};
    static int place;
    void *const untouched = &place;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        void *out = untouched;
        errno = 0;
        assert_int_equal(lunalloc_posix_memalign(&out, bad[i], 64), EINVAL);
        assert_int_equal(errno, 0);
        assert_ptr_equal(out, untouched);
        assert_null(lunalloc_aligned_alloc(bad[i], 64));
        assert_int_equal(errno, EINVAL);
    }
    for (size_t small = 1; small < sizeof(void *); small *= 2) {
        void *out = untouched;
        assert_int_equal(lunalloc_posix_memalign(&out, small, 64), EINVAL);
        assert_ptr_equal(out, untouched);
    }
}

/* ---- too much ---- */

static void
test_too_large(void **state) {
    (void)state;
    void *p = lunalloc_malloc(100);
    pattern_fill(p, 100, 5);
    for (unsigned i = 0; i < NHUGE; i++) {
        void *out = p;
        errno = 0;
        assert_null(lunalloc_malloc(huge[i]));
        assert_int_equal(errno, ENOMEM);
        errno = 0;
        assert_null(lunalloc_calloc(1, huge[i]));
        assert_int_equal(errno, ENOMEM);
        errno = 0;
        assert_null(lunalloc_realloc(NULL, huge[i]));
        assert_int_equal(errno, ENOMEM);
        errno = 0;
        assert_null(lunalloc_aligned_alloc(64, huge[i]));
        assert_int_equal(errno, ENOMEM);
        errno = 0;
        assert_int_equal(lunalloc_posix_memalign(&out, 4096, huge[i]), ENOMEM);
        assert_int_equal(errno, 0);
        assert_ptr_equal(out, p);
        assert_null(lunalloc_realloc(p, huge[i]));
        assert_int_equal(errno, ENOMEM);
        assert_true(pattern_holds(p, 100, 5));
    }
    errno = 0;
    assert_null(lunalloc_aligned_alloc((size_t)1 << 63, 1));
    assert_int_equal(errno, ENOMEM);
    lunalloc_free(p);
}

static void
test_calloc_overflow(void **state) {
    (void)state;
    const size_t pairs[][2] = {
        {SIZE_MAX, 2}, {2, SIZE_MAX}, {SIZE_MAX / 2 + 1, 2}, {(size_t)1 << 32, (size_t)1 << 32}, {SIZE_MAX, SIZE_MAX}};
    for (unsigned i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        errno = 0;
        assert_null(lunalloc_calloc(pairs[i][0], pairs[i][1]));
        assert_int_equal(errno, ENOMEM);
    }
    void *p = lunalloc_calloc(0, SIZE_MAX);
    assert_non_null(p);
    lunalloc_free(p);
}

/* ---- zeroing ---- */

/* Memory that was written, freed, and perhaps purged or merged on the way: calloc gives zeros. */
static void
test_calloc_zero(void **state) {
    (void)state;
    uint64_t seed = 41;
    void *held[64] = {NULL};
    for (unsigned op = 0; op < 6000; op++) {
        size_t k = rnd_below(&seed, 64);
        size_t size = rnd_size(&seed, op % 64 == 0 ? 20 : 16);
        lunalloc_free(held[k]);
        if (rnd_below(&seed, 2) == 0) {
            held[k] = lunalloc_calloc(1, size);
            assert_non_null(held[k]);
            assert_true(all_zero(held[k], size));
        } else {
            held[k] = lunalloc_malloc(size);
            assert_non_null(held[k]);
        }
        memset(held[k], 0xee, lunalloc_usable_size(held[k]));
        if (op % 500 == 0) {
            lunalloc_ctl_set("arena.4096.purge", NULL, NULL, 0);
        }
    }
    for (unsigned k = 0; k < 64; k++) {
        lunalloc_free(held[k]);
    }
}

/* ---- realloc ---- */

/* From each class to each other one, contents kept as far as both reach; and nothing is left. */
static void
test_realloc_pairs(void **state) {
    (void)state;
    lunalloc_stats_t before, after;
    lunalloc_stats(LUNALLOC_ALL, &before);
    uint32_t n = classes_up_to(config_asan || config_tsan ? 60000 : 200000);
    for (uint32_t from = 0; from < n; from++) {
        for (uint32_t to = 0; to < n; to++) {
            size_t old_size = sc.size[from], new_size = sc.size[to] - 1 + (to == 0);
            size_t kept = old_size < new_size ? old_size : new_size;
            void *p = lunalloc_malloc(old_size);
            assert_non_null(p);
            pattern_fill(p, old_size, from);
            p = lunalloc_realloc(p, new_size);
            assert_non_null(p);
            assert_true(pattern_holds(p, kept, from));
            assert_true(lunalloc_usable_size(p) >= new_size);
            lunalloc_free(p);
        }
    }
    lunalloc_stats(LUNALLOC_ALL, &after);
    assert_int_equal(after.allocated, before.allocated);
}

/* Grown byte by byte and in strides, as programs grow buffers. */
static void
test_realloc_growth(void **state) {
    (void)state;
    void *p = NULL;
    size_t size = 0;
    while (size < ((size_t)1 << 20)) {
        size_t next = size + 1 + size / 7;
        p = lunalloc_realloc(p, next);
        assert_non_null(p);
        assert_true(pattern_holds(p, size, 9));
        pattern_fill(p, next, 9);
        size = next;
    }
    while (size > 1) {
        size -= 1 + size / 5;
        p = lunalloc_realloc(p, size == 0 ? 1 : size);
        assert_non_null(p);
        assert_true(pattern_holds(p, size, 9));
    }
    lunalloc_free(p);
}

/* realloc(p, 0) frees; realloc(NULL, n) allocates; the same class stays in its place. */
static void
test_realloc_edges(void **state) {
    (void)state;
    lunalloc_stats_t before, after;
    lunalloc_free(lunalloc_realloc(NULL, 0));
    lunalloc_stats(LUNALLOC_ALL, &before);
    for (uint32_t i = 0; i < classes_up_to(100000); i++) {
        void *p = lunalloc_realloc(NULL, sc.size[i]);
        assert_non_null(p);
        assert_ptr_equal(lunalloc_realloc(p, sc.size[i]), p);
        if (sc.size[i] > 8) {
            assert_ptr_equal(lunalloc_realloc(p, sc.size[i] - 1), p);
        }
        assert_null(lunalloc_realloc(p, 0));
    }
    lunalloc_stats(LUNALLOC_ALL, &after);
    assert_int_equal(after.allocated, before.allocated);
}

/* Memory with an alignment can be resized and freed like any other. */
static void
test_realloc_aligned(void **state) {
    (void)state;
    for (size_t alignment = 16; alignment <= (size_t)1 << 20; alignment *= 4) {
        void *p = lunalloc_aligned_alloc(alignment, 3000);
        assert_non_null(p);
        pattern_fill(p, 3000, alignment);
        p = lunalloc_realloc(p, 50000);
        assert_true(p != NULL && pattern_holds(p, 3000, alignment));
        p = lunalloc_realloc(p, 100);
        assert_true(p != NULL && pattern_holds(p, 100, alignment));
        lunalloc_free(p);
    }
}

/* ---- free ---- */

/* Freeing nothing is allowed, and no way of freeing touches errno, on whatever path. */
static void
test_free_keeps_errno(void **state) {
    (void)state;
    static void *held[3000];
    uint64_t seed = 2;
    errno = 4711;
    lunalloc_free(NULL);
    lunalloc_free_sized(NULL, 0);
    lunalloc_free_sized(NULL, 100);
    lunalloc_free_sized(NULL, SIZE_MAX);
    lunalloc_free_aligned_sized(NULL, 64, 100);
    assert_int_equal(errno, 4711);
    lunalloc_ctl_set("arena.4096.dirty_decay_ms", "0", NULL, 0);
    for (unsigned i = 0; i < 3000; i++) {
        held[i] = lunalloc_malloc(rnd_size(&seed, 17));
    }
    errno = 4711;
    for (unsigned i = 0; i < 3000; i++) {
        lunalloc_free(held[i]);
        assert_int_equal(errno, 4711);
    }
    lunalloc_ctl_set("arena.4096.dirty_decay_ms", "10s", NULL, 0);
    assert_int_equal(lunalloc_usable_size(NULL), 0);
}

/* A successful allocation leaves errno as it was. */
static void
test_success_keeps_errno(void **state) {
    (void)state;
    errno = 4711;
    for (size_t size = 1; size < (size_t)8 << 20; size *= 3) {
        void *p = lunalloc_malloc(size);
        void *q = lunalloc_calloc(1, size);
        assert_true(p != NULL && q != NULL);
        p = lunalloc_realloc(p, size * 2);
        assert_non_null(p);
        lunalloc_free(p);
        lunalloc_free(q);
        assert_int_equal(errno, 4711);
    }
}

/* Sized frees of every size put a block where an allocation of that size finds it, with and without a manual arena. */
static void
test_free_sized(void **state) {
    (void)state;
    lunalloc_stats_t before, after;
    lunalloc_stats(LUNALLOC_ALL, &before);
    for (unsigned round = 0; round < 2; round++) {
        for (size_t size = 0; size < 40000; size += 1 + size / 50) {
            void *p = lunalloc_malloc(size);
            assert_non_null(p);
            lunalloc_free_sized(p, size);
        }
        unsigned index;
        size_t len = sizeof index;
        assert_int_equal(mallctl("arenas.create", &index, &len, NULL, 0), 0);
    }
    lunalloc_stats(LUNALLOC_ALL, &after);
    assert_int_equal(after.allocated, before.allocated);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malloc_sizes),        cmocka_unit_test(test_no_overlap),
        cmocka_unit_test(test_alignments),          cmocka_unit_test(test_bad_alignments),
        cmocka_unit_test(test_too_large),           cmocka_unit_test(test_calloc_overflow),
        cmocka_unit_test(test_calloc_zero),         cmocka_unit_test(test_realloc_pairs),
        cmocka_unit_test(test_realloc_growth),      cmocka_unit_test(test_realloc_edges),
        cmocka_unit_test(test_realloc_aligned),     cmocka_unit_test(test_free_keeps_errno),
        cmocka_unit_test(test_success_keeps_errno), cmocka_unit_test(test_free_sized),
    };
    return cmocka_run_group_tests_name("malloc", tests, boot_allocator, NULL);
}
