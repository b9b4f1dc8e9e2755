/*
 * extended_test.c -- jemalloc's extended interface: flags, sizes, resizing in place, explicit tcaches and arenas by
 * number, batches; a random sequence of all calls against a model; and refusals of memory at every point.
 */
#include "support.h"

#include "api/init.h"
#include "arena/arenas.h"
#include "base/sc.h"
#include "os/pages.h"
#include "thread/tcaches.h"
#include "thread/tcache.h"
#include "thread/thread_life.h"

#define MANY      3000
#define NO_CACHE  MALLOCX_TCACHE(TCACHES_MAX - 1)
#define NO_ARENA  MALLOCX_ARENA(ARENAS_MAX - 2)
#define TOO_LARGE ((size_t)1 << 60)

static uint32_t
arena_of(const void *ptr) {
    lunalloc_location_t at;
    assert_int_equal(lunalloc_find(ptr, &at), 0);
    return at.extent.arena;
}

static bool
is_aligned(const void *ptr, size_t alignment) {
    return ((uintptr_t)ptr & (alignment - 1)) == 0;
}

/* ---- sizes and alignments ---- */

static void
test_real_sizes(void **state) {
    (void)state;
    for (size_t size = 1; size < 300000; size += 1 + size / 7) {
        for (int lg = 0; lg <= 16; lg++) {
            int flags = MALLOCX_LG_ALIGN(lg);
            char *ptr = mallocx(size, flags);
            assert_non_null(ptr);
            assert_true(is_aligned(ptr, (size_t)1 << lg));
            assert_true(sallocx(ptr, flags) >= size);
            assert_int_equal(nallocx(size, flags), sallocx(ptr, flags));
            memset(ptr, 1, sallocx(ptr, 0));
            lg % 3 == 0 ? dallocx(ptr, 0) : sdallocx(ptr, lg % 3 == 1 ? size : sallocx(ptr, 0), flags);
        }
    }
    assert_int_equal(MALLOCX_ALIGN(1), MALLOCX_LG_ALIGN(0));
    assert_int_equal(MALLOCX_ALIGN(4096), MALLOCX_LG_ALIGN(12));
    assert_int_equal(MALLOCX_ALIGN((size_t)1 << 40), MALLOCX_LG_ALIGN(40));
}

/* Size 0 counts as 1, nowhere is it a free; NULL is nothing to free, and a new block to resize. */
static void
test_size_0_and_null(void **state) {
    (void)state;
    void *ptr = mallocx(0, 0);
    assert_non_null(ptr);
    ptr = rallocx(ptr, 0, 0);
    assert_non_null(ptr);
    ptr = rallocx(ptr, 0, MALLOCX_ZERO);
    assert_non_null(ptr);
    assert_int_equal(xallocx(ptr, 0, 0, 0), sallocx(ptr, 0));
    assert_true(nallocx(0, 0) > 0);
    sdallocx(ptr, 0, 0);
    dallocx(NULL, 0);
    dallocx(NULL, MALLOCX_TCACHE_NONE);
    sdallocx(NULL, 24, 0);
    assert_int_equal(sallocx(NULL, 0), 0);
    ptr = rallocx(NULL, 100, MALLOCX_ALIGN(64));
    assert_non_null(ptr);
    dallocx(ptr, 0);
}

static void
test_what_cannot_be_had(void **state) {
    (void)state;
    char *ptr = mallocx(100, 0);
    memset(ptr, 7, 100);
    const int flags[] = {0, MALLOCX_ZERO, MALLOCX_TCACHE_NONE, MALLOCX_LG_ALIGN(20), MALLOCX_ARENA(0)};
    for (unsigned i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        assert_null(mallocx(TOO_LARGE, flags[i]));
        assert_null(mallocx(SIZE_MAX, flags[i]));
        assert_null(rallocx(ptr, TOO_LARGE, flags[i]));
        assert_int_equal(nallocx(TOO_LARGE, flags[i]), 0);
        assert_int_equal(xallocx(ptr, TOO_LARGE, 0, flags[i]), sallocx(ptr, 0));
        assert_int_equal(xallocx(ptr, 1, SIZE_MAX - 1, flags[i]), sallocx(ptr, 0));
    }
    assert_null(mallocx(8, MALLOCX_LG_ALIGN(63)));
    assert_int_equal(nallocx(8, MALLOCX_LG_ALIGN(63)), 0);
    assert_null(mallocx(8, NO_CACHE));
    assert_null(mallocx(8, NO_ARENA));
    assert_null(rallocx(ptr, 100, NO_CACHE));
    assert_null(rallocx(ptr, 3000, NO_ARENA));
    assert_int_equal(lunalloc_batch_alloc((void **)&ptr, 1, 8, NO_ARENA), 0);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(ptr[i], 7);
    }
    dallocx(ptr, NO_CACHE);
}

/* ---- zeros ---- */

static void
dirty_memory(size_t size) {
    void *ptrs[8];
    for (unsigned i = 0; i < 8; i++) {
        ptrs[i] = memset(mallocx(size, 0), 0xa5, nallocx(size, 0));
    }
    for (unsigned i = 0; i < 8; i++) {
        dallocx(ptrs[i], 0);
    }
}

/* Up to the usable size; a block that grows gains zeros beyond its old usable size, and keeps the rest. */
static void
test_zeros(void **state) {
    (void)state;
    const int flags[] = {0, MALLOCX_TCACHE_NONE, MALLOCX_ALIGN(256), MALLOCX_ARENA(0)};
    for (size_t size = 1; size < 500000; size += 1 + size / 3) {
        for (unsigned i = 0; i < sizeof flags / sizeof flags[0]; i++) {
            dirty_memory(size);
            char *ptr = mallocx(size, MALLOCX_ZERO | flags[i]);
            size_t usable = sallocx(ptr, 0);
            assert_true(all_zero(ptr, usable));
            pattern_fill(ptr, usable, size);
            dirty_memory(size * 2);
            ptr = rallocx(ptr, size * 2, MALLOCX_ZERO | flags[i]);
            assert_true(pattern_holds(ptr, usable, size));
            assert_true(all_zero(ptr + usable, sallocx(ptr, 0) - usable));
            dallocx(ptr, 0);
        }
    }
}

/* ---- resizing in place ---- */

static void
test_small_stay_as_they_are(void **state) {
    (void)state;
    for (size_t size = 8; size <= sc.small_max; size += 1 + size / 5) {
        void *ptr = mallocx(size, 0);
        size_t usable = sallocx(ptr, 0);
        assert_int_equal(xallocx(ptr, 1, 0, 0), usable);
        assert_int_equal(xallocx(ptr, usable, 0, 0), usable);
        assert_int_equal(xallocx(ptr, usable + 1, 0, 0), usable);
        assert_int_equal(xallocx(ptr, usable * 100, 1 << 20, 0), usable);
        dallocx(ptr, 0);
    }
}

/* The address stays; the size is at least what was asked for, or less than that because it could not be done. */
static void
test_large_resize_in_place(void **state) {
    (void)state;
    uint64_t seed = 5;
    unsigned grown = 0, shrunk = 0;
    for (unsigned i = 0; i < 400; i++) {
        size_t size = sc.small_max + 1 + rnd_size(&seed, 21), to = sc.small_max + 1 + rnd_size(&seed, 21);
        size_t extra = rnd_size(&seed, 18);
        char *ptr = mallocx(size, 0);
        size_t before = sallocx(ptr, 0), kept = before < to ? before : to;
        pattern_fill(ptr, before, i);
        size_t after = xallocx(ptr, to, extra, MALLOCX_ZERO);
        assert_int_equal(after, sallocx(ptr, 0));
        assert_true(after >= to || after == before);
        assert_true(after <= nallocx(to + extra, 0) || after == before);
        assert_true(before <= nallocx(to + extra, 0) || after == nallocx(to + extra, 0));
        assert_true(pattern_holds(ptr, kept, i));
        assert_true(after <= before || all_zero(ptr + before, after - before));
        grown += after > before;
        shrunk += after < before;
        dallocx(ptr, 0);
    }
    assert_true(grown > 0 && shrunk > 0);
}

/* As much more as there may be is tried first; what was asked for at least is there. */
static void
test_resize_in_place_with_any_extra(void **state) {
    (void)state;
    size_t size = (size_t)1 << 20;
    for (unsigned i = 0; i < 20; i++) {
        char *ptr = mallocx(8 * size, 0);
        assert_int_equal(xallocx(ptr, size, 0, 0), size);
        size_t after = xallocx(ptr, size + 1, SIZE_MAX, 0);
        assert_true(after >= nallocx(size + 1, 0));
        after = xallocx(ptr, 3 * size, SIZE_MAX - 3 * size, 0);
        assert_true(after >= 3 * size);
        dallocx(ptr, 0);
    }
}

/* What is not at the alignment that is asked for stays as it is. */
static void
test_resize_in_place_asks_for_alignment(void **state) {
    (void)state;
    void *blocks[4];
    for (unsigned i = 0; i < 4; i++) {
        blocks[i] = mallocx((size_t)5 << 18, 0);
        if (!is_aligned(blocks[i], (size_t)1 << 21)) {
            assert_int_equal(xallocx(blocks[i], (size_t)1 << 18, 0, MALLOCX_LG_ALIGN(21)), (size_t)5 << 18);
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        blocks[i] = rallocx(blocks[i], (size_t)5 << 18, MALLOCX_LG_ALIGN(21));
        assert_true(is_aligned(blocks[i], (size_t)1 << 21));
        dallocx(blocks[i], 0);
    }
}

/* ---- arenas by number ---- */

static unsigned
new_arena(void) {
    arena_t *arena = arenas_create();
    assert_non_null(arena);
    return arena->index;
}

/* Every object comes from the arena that is named, whatever the cache holds. */
static void
test_arena_by_number(void **state) {
    (void)state;
    unsigned arena = new_arena();
    void *ptrs[64];
    for (size_t size = 16; size < 100000; size *= 4) {
        for (unsigned i = 0; i < 64; i++) {
            ptrs[i] = mallocx(size, MALLOCX_ARENA(arena));
            assert_int_equal(arena_of(ptrs[i]), arena);
        }
        for (unsigned i = 0; i < 64; i++) {
            i % 2 == 0 ? dallocx(ptrs[i], 0) : sdallocx(ptrs[i], size, 0);
        }
        void *other = mallocx(size, 0);
        assert_int_not_equal(arena_of(other), arena);
        void *resized = rallocx(other, size * 3, MALLOCX_ARENA(arena));
        assert_true(resized == other || arena_of(resized) == arena);
        dallocx(resized, MALLOCX_ARENA(arena));
    }
    assert_int_equal(arenas_destroy(arena), 0);
    assert_null(mallocx(16, MALLOCX_ARENA(arena)));
}

/* ---- explicit tcaches ---- */

static int
new_cache(void) {
    uint32_t id = tcaches_create();
    assert_in_range(id, 0, TCACHES_MAX - 1);
    return (int)id;
}

static uint32_t
held(int id, size_t size) {
    return cache_bin_count(&tcaches_get((uint32_t)id)->bins[sc_index(size) + 1]);
}

/* What is freed into a cache comes out of it, last in, first out; and the thread's own sees none of it. */
static void
test_explicit_cache_holds_what_is_freed(void **state) {
    (void)state;
    if (config_torture) {
        skip(); /* stacks of one */
    }
    int id = new_cache();
    void *ptrs[3];
    for (unsigned i = 0; i < 3; i++) {
        ptrs[i] = mallocx(100, MALLOCX_TCACHE(id));
    }
    uint32_t before = held(id, 100);
    for (unsigned i = 0; i < 3; i++) {
        dallocx(ptrs[i], MALLOCX_TCACHE(id));
    }
    assert_int_equal(held(id, 100), before + 3);
    void *own = mallocx(100, 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_ptr_not_equal(own, ptrs[i]);
        assert_ptr_equal(mallocx(100, MALLOCX_TCACHE(id)), ptrs[2 - i]);
    }
    for (unsigned i = 0; i < 3; i++) {
        sdallocx(ptrs[i], 100, MALLOCX_TCACHE(id));
    }
    dallocx(own, 0);
    assert_true(tcaches_flush((uint32_t)id));
    assert_int_equal(held(id, 100), 0);
    assert_true(tcaches_destroy((uint32_t)id));
    assert_null(mallocx(100, MALLOCX_TCACHE(id)));
    assert_false(tcaches_flush((uint32_t)id));
    assert_false(tcaches_destroy((uint32_t)id));
}

/* A manual arena's objects, which no thread's cache takes. */
static void
test_explicit_cache_of_a_manual_arena(void **state) {
    (void)state;
    unsigned arena = new_arena();
    int id = new_cache(), flags = MALLOCX_ARENA(arena) | MALLOCX_TCACHE(id);
    for (unsigned round = 0; round < 3; round++) {
        void *ptrs[200];
        for (unsigned i = 0; i < 200; i++) {
            ptrs[i] = mallocx(16 + 100 * i, flags);
            assert_int_equal(arena_of(ptrs[i]), arena);
        }
        for (unsigned i = 0; i < 200; i++) {
            dallocx(ptrs[i], flags);
        }
    }
    assert_true(config_torture || held(id, 16) > 0);
    assert_true(tcaches_flush((uint32_t)id));
    lunalloc_stats_t stats;
    assert_int_equal(lunalloc_stats(arena, &stats), 0);
    assert_int_equal(stats.nmalloc, stats.ndalloc);
    assert_int_equal(arenas_destroy(arena), 0);
    assert_true(tcaches_destroy((uint32_t)id));
}

static uint64_t
cached_bytes(void) {
    lunalloc_stats_t stats;
    assert_int_equal(lunalloc_stats(LUNALLOC_ALL, &stats), 0);
    return stats.cached;
}

static uint64_t
requests_of(size_t size) {
    lunalloc_class_stats_t stats;
    assert_int_equal(lunalloc_class_stats(LUNALLOC_ALL, sc_index(size), &stats), 0);
    return stats.nrequests;
}

/* Statistics count what explicit tcaches hold, and their requests, beyond their life. */
static void
test_explicit_cache_in_statistics(void **state) {
    (void)state;
    int id = new_cache();
    tcache_flush(&thread_get()->cache);
    uint64_t cached = cached_bytes(), requests = requests_of(3000);
    for (unsigned i = 0; i < MANY; i++) {
        dallocx(mallocx(3000, MALLOCX_TCACHE(id)), MALLOCX_TCACHE(id));
    }
    assert_int_equal(requests_of(3000), requests + MANY);
    assert_int_equal(cached_bytes(), cached + held(id, 3000) * nallocx(3000, 0));
    assert_true(tcaches_destroy((uint32_t)id));
    assert_int_equal(requests_of(3000), requests + MANY);
    assert_int_equal(cached_bytes(), cached);
}

static void
test_cache_numbers(void **state) {
    (void)state;
    int a = new_cache(), b = new_cache();
    assert_int_not_equal(a, b);
    assert_true(tcaches_destroy((uint32_t)a));
    assert_int_equal(new_cache(), a);
    assert_true(tcaches_destroy((uint32_t)a));
    assert_true(tcaches_destroy((uint32_t)b));
    uint32_t n = 0;
    while (tcaches_create() < TCACHES_MAX) {
        n++;
    }
    assert_int_equal(n, TCACHES_MAX);
    void *ptr = mallocx(50, MALLOCX_TCACHE((int)TCACHES_MAX - 1));
    assert_non_null(ptr);
    dallocx(ptr, MALLOCX_TCACHE((int)TCACHES_MAX - 1));
    while (n > 0) {
        assert_true(tcaches_destroy(--n));
    }
}

/* A cache with objects in it, in the child of a fork. */
static void
use_and_destroy(void *arg) {
    int id = *(int *)arg;
    for (unsigned i = 0; i < MANY; i++) {
        void *ptr = mallocx(1 + i, MALLOCX_TCACHE(id));
        child_assert(ptr != NULL);
        memset(ptr, 1, 1 + i);
        dallocx(ptr, MALLOCX_TCACHE(id));
    }
    child_assert(tcaches_create() < TCACHES_MAX);
    child_assert(tcaches_destroy((uint32_t)id));
}

static void
test_explicit_cache_survives_fork(void **state) {
    (void)state;
    int id = new_cache();
    dallocx(mallocx(100, MALLOCX_TCACHE(id)), MALLOCX_TCACHE(id));
    outcome_t outcome = in_child(use_and_destroy, &id);
    assert_child_well(&outcome);
    use_and_destroy(&id);
}

/* ---- batches ---- */

static int
by_address(const void *a, const void *b) {
    uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
    return (x > y) - (x < y);
}

static void
assert_batch(void **ptrs, size_t n, size_t size, int flags) {
    assert_int_equal(lunalloc_batch_alloc(ptrs, n, size, flags), n);
    for (size_t i = 0; i < n; i++) {
        assert_true(is_aligned(ptrs[i], (size_t)1 << (flags & 63)));
        assert_int_equal(sallocx(ptrs[i], 0), nallocx(size, flags));
        assert_true((flags & MALLOCX_ZERO) == 0 || all_zero(ptrs[i], nallocx(size, flags)));
    }
    for (size_t i = 0; i < n; i++) {
        memset(ptrs[i], 1, nallocx(size, flags));
    }
    qsort(ptrs, n, sizeof *ptrs, by_address);
    for (size_t i = 0; i < n; i++) {
        assert_true(i == 0 || (uintptr_t)ptrs[i] >= (uintptr_t)ptrs[i - 1] + size);
        i % 2 == 0 ? dallocx(ptrs[i], 0) : sdallocx(ptrs[i], size, flags & 63);
    }
}

static void
test_batches(void **state) {
    (void)state;
    static void *ptrs[MANY];
    unsigned arena = new_arena();
    assert_batch(ptrs, 0, 16, 0);
    assert_batch(ptrs, 1, 0, 0);
    for (size_t size = 8; size < 200; size += 24) {
        uint64_t requests = requests_of(size);
        assert_batch(ptrs, MANY, size, 0);
        assert_int_equal(requests_of(size), requests + MANY);
        assert_batch(ptrs, MANY, size, MALLOCX_ZERO | MALLOCX_ALIGN(64));
    }
    assert_batch(ptrs, 20, 100000, MALLOCX_ZERO);
    assert_batch(ptrs, 20, 100, MALLOCX_ALIGN(65536));
    assert_int_equal(lunalloc_batch_alloc(ptrs, 100, 50, MALLOCX_ARENA(arena)), 100);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(arena_of(ptrs[i]), arena);
    }
    assert_int_equal(arenas_destroy(arena), 0);
}

/* A fill of slabs takes few steps: no more acquisitions of the bin than runs and slabs. */
static void
test_batches_come_in_runs(void **state) {
    (void)state;
    static void *ptrs[MANY];
    lunalloc_class_stats_t before, after;
    assert_int_equal(lunalloc_class_stats(LUNALLOC_ALL, sc_index(64), &before), 0);
    assert_int_equal(lunalloc_batch_alloc(ptrs, MANY, 64, 0), MANY);
    assert_int_equal(lunalloc_class_stats(LUNALLOC_ALL, sc_index(64), &after), 0);
    assert_in_range(after.nfills - before.nfills, 1, 8 + after.nslabs - before.nslabs);
    for (unsigned i = 0; i < MANY; i++) {
        dallocx(ptrs[i], 0);
    }
}

/* Blocks that boot itself allocated (api/init.h) outlive it: each extended call accepts them. */
static void
use_early_blocks(void *arg) {
    (void)arg;
    char *grown = early_alloc(100, 16), *kept = early_alloc(100, 16), *freed = early_alloc(100, 16);
    child_assert(grown != NULL && kept != NULL && freed != NULL);
    memset(grown, 0x77, 100);
    child_assert(sallocx(grown, 0) == 100);
    child_assert(xallocx(kept, 200, 1000, MALLOCX_ZERO) == 100);
    grown = rallocx(grown, 3000, MALLOCX_ALIGN(256) | MALLOCX_ZERO);
    child_assert(grown != NULL && is_aligned(grown, 256) && !early_has(grown));
    for (size_t i = 0; i < 3000; i++) {
        child_assert(grown[i] == (i < 100 ? 0x77 : 0));
    }
    kept = rallocx(kept, 10, MALLOCX_TCACHE_NONE);
    child_assert(kept != NULL && !early_has(kept));
    dallocx(kept, MALLOCX_TCACHE_NONE);
    dallocx(freed, MALLOCX_TCACHE_NONE);
    dallocx(grown, 0);
    freed = early_alloc(100, 16);
    sdallocx(freed, 100, MALLOCX_TCACHE_NONE);
}

static void
test_early_blocks(void **state) {
    (void)state;
    outcome_t out = in_child(use_early_blocks, NULL);
    assert_child_well(&out);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_sizes),
        cmocka_unit_test(test_size_0_and_null),
        cmocka_unit_test(test_what_cannot_be_had),
        cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_small_stay_as_they_are),
        cmocka_unit_test(test_large_resize_in_place),
        cmocka_unit_test(test_resize_in_place_with_any_extra),
        cmocka_unit_test(test_resize_in_place_asks_for_alignment),
        cmocka_unit_test(test_arena_by_number),
        cmocka_unit_test(test_explicit_cache_holds_what_is_freed),
        cmocka_unit_test(test_explicit_cache_of_a_manual_arena),
        cmocka_unit_test(test_explicit_cache_in_statistics),
        cmocka_unit_test(test_cache_numbers),
        cmocka_unit_test(test_explicit_cache_survives_fork),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_batches_come_in_runs),
        cmocka_unit_test(test_early_blocks),
    };
    return cmocka_run_group_tests_name("api/extended", tests, boot_allocator, NULL);
}
