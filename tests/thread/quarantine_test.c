/* quarantine_test.c -- freed objects wait in order, up to the limit; a write meanwhile, and a second free, are misuse.
 */
#include "../api/support.h"
#include "extent/metadata.h"
#include "extent/pagemap.h"
#include "os/pages.h"
#include "thread/modes.h"
#include "thread/refresh.h"
#include "thread/quarantine.h"
#include "thread/tcache.h"
#include "thread/thread_life.h"

#define SIZE 1536

static void
limit(uint64_t bytes) {
    modes_set(MODES_QUARANTINE, bytes);
}

static int
modes_off(void **state) {
    (void)state;
    modes_set(MODES_ALL, 0);
    return 0;
}

static uint32_t
waiting(size_t size) {
    return quarantine_count(thread_get(), sc_index(size));
}

static uint64_t
in_use(size_t size) {
    lunalloc_class_stats_t stats;
    assert_int_equal(lunalloc_class_stats(LUNALLOC_ALL, sc_index(size), &stats), 0);
    return stats.curregs;
}

/* First in, first out: the oldest leaves when one more would pass the limit, and is used again only then. */
static void
test_oldest_leaves_first(void **state) {
    (void)state;
    void *ptrs[9];
    limit(8 * SIZE);
    for (unsigned i = 0; i < 9; i++) {
        ptrs[i] = lunalloc_malloc(SIZE);
    }
    uint64_t before = in_use(SIZE);
    for (unsigned i = 0; i < 8; i++) {
        lunalloc_free(ptrs[i]);
        assert_int_equal(waiting(SIZE), i + 1);
        assert_int_equal(in_use(SIZE), before);
    }
    for (unsigned i = 0; i < 8; i++) {
        void *other = lunalloc_malloc(SIZE);
        for (unsigned k = 0; k < 8; k++) {
            assert_ptr_not_equal(other, ptrs[k]);
        }
        assert_int_equal(in_use(SIZE), before + 1 + i);
    }
    lunalloc_free(ptrs[8]);
    assert_int_equal(waiting(SIZE), 8);
    bool used_again = false;
    for (unsigned i = 0; i < 100; i++) {
        void *other = lunalloc_malloc(SIZE);
        used_again |= other == ptrs[0];
        for (unsigned k = 1; k < 9; k++) {
            assert_ptr_not_equal(other, ptrs[k]);
        }
    }
    assert_true(used_again);
}

/* What waits is junk, counts as cached and as freed. */
static void
test_counted(void **state) {
    (void)state;
    static const size_t sizes[] = {16, 300, SIZE, 14336, 30000, 100000};
    lunalloc_stats_t before, after;
    uint64_t freed = 0, freed_after = 0, bytes = 0;
    size_t len = sizeof freed;
    void *ptrs[6];
    limit(1 << 20);
    for (unsigned i = 0; i < 6; i++) {
        ptrs[i] = lunalloc_malloc(sizes[i]);
        bytes += lunalloc_usable_size(ptrs[i]);
    }
    assert_int_equal(mallctl("thread.deallocated", &freed, &len, NULL, 0), 0);
    lunalloc_stats(LUNALLOC_ALL, &before);
    for (unsigned i = 0; i < 6; i++) {
        lunalloc_free(ptrs[i]);
        assert_int_equal(waiting(sizes[i]), 1);
        assert_int_equal(*(unsigned char *)ptrs[i], JUNK_FREED);
    }
    assert_int_equal(mallctl("thread.deallocated", &freed_after, &len, NULL, 0), 0);
    lunalloc_stats(LUNALLOC_ALL, &after);
    assert_int_equal(freed_after - freed, bytes);
    assert_int_equal(after.cached - before.cached, bytes);
    assert_int_equal(before.allocated - after.allocated, bytes);
}

static void
fill_quarantine(void) {
    for (unsigned i = 0; i < 200; i++) {
        lunalloc_free(lunalloc_malloc(SIZE));
        lunalloc_free(lunalloc_malloc(50000));
    }
}

/* A flush by the thread, one that all are asked for, a lower limit, and none. */
static void
test_ways_out(void **state) {
    (void)state;
    limit(1 << 20);
    fill_quarantine();
    assert_true(waiting(SIZE) > 0 && waiting(50000) > 0);
    lunalloc_ctl_set("thread.tcache.flush", NULL, NULL, 0);
    assert_int_equal(waiting(SIZE) + waiting(50000), 0);
    fill_quarantine();
    lunalloc_ctl_set("arenas.tcache_flush", NULL, NULL, 0);
    assert_int_equal(waiting(SIZE) + waiting(50000), 0);
    fill_quarantine();
    limit(100000);
    assert_true(waiting(SIZE) * (uint64_t)SIZE + waiting(50000) * UINT64_C(50000) <= 100000);
    assert_true(waiting(SIZE) > 0);
    limit(0);
    assert_int_equal(waiting(SIZE) + waiting(50000), 0);
}

/* Also where the ring grows while the oldest one is not in its first place. */
static void
test_order_is_kept_when_there_are_more(void **state) {
    (void)state;
    enum {
        FEW = 8,
        FIRST = 40,
        N = 140
    };
    unsigned char *ptrs[N];
    for (unsigned i = 0; i < N; i++) {
        ptrs[i] = lunalloc_malloc(SIZE);
    }
    limit(FEW * SIZE);
    for (unsigned i = 0; i < FIRST; i++) {
        lunalloc_free(ptrs[i]);
    }
    limit(N * SIZE);
    for (unsigned i = FIRST; i < N; i++) {
        lunalloc_free(ptrs[i]);
    }
    assert_int_equal(waiting(SIZE), N - FIRST + FEW);
    for (unsigned i = FIRST - FEW; i + 1 < N; i++) {
        assert_int_equal(*ptrs[i], JUNK_FREED);
        limit((N - i - 1) * SIZE);
        assert_int_equal(*ptrs[i], JUNK_ALLOCATED);
        assert_int_equal(*ptrs[i + 1], JUNK_FREED);
    }
}

/* The number of objects is limited, too. */
static void
test_many_small(void **state) {
    (void)state;
    void **ptrs = lunalloc_malloc((QUARANTINE_MAX_OBJECTS + 100) * sizeof *ptrs);
    for (unsigned i = 0; i < QUARANTINE_MAX_OBJECTS + 100; i++) {
        ptrs[i] = lunalloc_malloc(16);
    }
    limit(1 << 30);
    for (unsigned i = 0; i < QUARANTINE_MAX_OBJECTS + 100; i++) {
        lunalloc_free(ptrs[i]);
    }
    assert_int_equal(waiting(16), QUARANTINE_MAX_OBJECTS);
    limit(0);
    lunalloc_free(ptrs);
}

/* ---- not for these ---- */

static void
test_too_large(void **state) {
    (void)state;
    limit(4096);
    lunalloc_free(lunalloc_malloc(5000));
    lunalloc_free(lunalloc_malloc(500000));
    assert_int_equal(waiting(5000) + waiting(500000), 0);
}

/* Reset and destroyed with impunity. */
static void
test_manual_arenas(void **state) {
    (void)state;
    limit(1 << 20);
    for (unsigned round = 0; round < 5; round++) {
        arena_t *arena = arenas_create();
        int flags = MALLOCX_ARENA((int)arena->index) | MALLOCX_TCACHE_NONE;
        for (unsigned i = 0; i < 20; i++) {
            dallocx(mallocx(SIZE, flags), i % 2 == 0 ? 0 : MALLOCX_TCACHE_NONE);
            dallocx(mallocx(100000, flags), 0);
        }
        assert_int_equal(waiting(SIZE) + waiting(100000), 0);
        assert_int_equal(arenas_reset(arena->index), 0);
        assert_int_equal(arenas_destroy(arena->index), 0);
    }
}

/* ---- explicit tcaches ---- */

static void
test_explicit_caches(void **state) {
    (void)state;
    unsigned id;
    size_t len = sizeof id;
    assert_int_equal(mallctl("tcache.create", &id, &len, NULL, 0), 0);
    int flags = MALLOCX_TCACHE((int)id);
    limit(1 << 20);
    void *ptr = mallocx(SIZE, flags);
    dallocx(ptr, flags);
    assert_int_equal(waiting(SIZE), 1);
    assert_ptr_not_equal(mallocx(SIZE, flags), ptr);
    limit(0);
    ptr = mallocx(SIZE, flags);
    dallocx(ptr, flags);
    assert_ptr_equal(mallocx(SIZE, flags), ptr);
    assert_int_equal(mallctl("tcache.destroy", NULL, NULL, &id, sizeof id), 0);
}

/* ---- misuse ---- */

typedef struct {
    size_t size, offset;
} write_t;

static void
write_after_free(void *arg) {
    const write_t *write = arg;
    limit(1 << 20);
    volatile unsigned char *ptr = lunalloc_malloc(write->size);
    lunalloc_free((void *)ptr);
    ptr[write->offset] ^= 1;
    limit(0);
}

static void
test_write_after_free(void **state) {
    (void)state;
    static const size_t sizes[] = {8, 24, SIZE, 14336, 30000, 100000};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const size_t offsets[] = {0, sizes[i] / 2 + 1, sizes[i] - 1};
        for (unsigned k = 0; k < 3; k++) {
            write_t write = {sizes[i], offsets[k]};
            char text[64];
            snprintf(text, sizeof text, "at byte %zu of %zu", offsets[k], (size_t)sc.size[sc_index(sizes[i])]);
            outcome_t out = in_child(write_after_free, &write);
            assert_misuse(&out, "write after free");
            assert_non_null(strstr(out.text, text));
        }
    }
}

static void
free_twice(void *arg) {
    limit(1 << 20);
    void *ptr = lunalloc_malloc(*(size_t *)arg);
    lunalloc_free(ptr);
    lunalloc_free(ptr);
}

/* At once, not when it leaves. */
static void
test_double_free(void **state) {
    (void)state;
    static size_t sizes[] = {8, SIZE, 30000, 100000};
    for (unsigned i = 0; i < 4; i++) {
        outcome_t out = in_child(free_twice, &sizes[i]);
        assert_misuse(&out, "double free");
        assert_non_null(strstr(out.text, "waits in quarantine"));
    }
}

static void
free_inside(void *arg) {
    limit(1 << 20);
    char *ptr = lunalloc_malloc(*(size_t *)arg);
    memset(ptr, 1, *(size_t *)arg);
    lunalloc_free(ptr + 8);
}

static void
test_interior(void **state) {
    (void)state;
    static size_t sizes[] = {SIZE, 30000, 100000};
    for (unsigned i = 0; i < 3; i++) {
        outcome_t out = in_child(free_inside, &sizes[i]);
        assert_misuse(&out, "inside");
    }
}

/* The only object of its class, and an address a page behind it: a region that nobody has, or no region at all. */
static void
free_a_page_behind(void *arg) {
    size_t size = *(size_t *)arg;
    tcache_flush(&thread_get()->cache);
    limit(1 << 20);
    char *ptr = lunalloc_malloc(size);
    lunalloc_free(ptr + 4096);
    write(STDERR_FILENO, "went on\n", 8);
}

/* A free of an address that is none is found at once, as without quarantine, and by the thread that is to blame. */
static void
test_free_of_what_is_not_allocated(void **state) {
    (void)state;
    static size_t sizes[] = {16, 32, 64, 256, 512, SIZE, 14336, 30000, 100000};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        outcome_t out = in_child(free_a_page_behind, &sizes[i]);
        assert_misuse(&out, "free");
        assert_null(strstr(out.text, "went on"));
    }
}

/* The bytes of a slab that are behind its last region. */
static void
free_tail(void *arg) {
    limit(1 << 20);
    char *ptr = lunalloc_malloc(*(size_t *)arg);
    const extent_t *slab = pagemap_extent((uintptr_t)ptr);
    size_t end = slab->nregs * sc.size[slab->szind];
    child_assert(slab->slab && end < slab->size);
    lunalloc_free((char *)slab->addr + end);
    write(STDERR_FILENO, "went on\n", 8);
}

static void
test_free_of_a_slabs_tail(void **state) {
    (void)state;
    static size_t size;
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        size = sc.size[i];
        if (sc.slab_size[i] % size != 0) {
            outcome_t out = in_child(free_tail, &size);
            assert_misuse(&out, "free of an address inside");
        }
    }
}

/* The same where the region was freed before the mode was on. */
static void
free_again_in_mode(void *arg) {
    void *ptr = lunalloc_malloc(*(size_t *)arg);
    lunalloc_free(ptr);
    tcache_flush(&thread_get()->cache);
    limit(1 << 20);
    lunalloc_free(ptr);
    write(STDERR_FILENO, "went on\n", 8);
}

static void
test_double_free_across_the_switch(void **state) {
    (void)state;
    static size_t sizes[] = {16, 256, SIZE, 100000};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        outcome_t out = in_child(free_again_in_mode, &sizes[i]);
        assert_misuse(&out, "");
        assert_null(strstr(out.text, "went on"));
    }
}

/* What is all junk by the application's own will is no second free. */
static void
test_own_junk(void **state) {
    (void)state;
    limit(1 << 20);
    for (unsigned i = 0; i < 100; i++) {
        void *ptr = lunalloc_malloc(SIZE);
        memset(ptr, JUNK_FREED, lunalloc_usable_size(ptr));
        lunalloc_free(ptr);
    }
    limit(0);
}

/* ---- without memory ---- */

static bool
refuse_fresh(fault_kind_t kind) {
    return kind == fault_map || kind == fault_commit;
}

/* What waits serves before memory has run out: small objects and large ones, most of all that may wait. */
static void
use_all_again(void *arg) {
    size_t size = *(size_t *)arg;
    enum {
        N = 64
    };
    void *ptrs[N];
    limit(1 << 30);
    for (unsigned i = 0; i < N; i++) {
        ptrs[i] = lunalloc_malloc(size);
    }
    atomic_set(&fault_slot, refuse_fresh);
    unsigned more = 0;
    for (; more < 100000 && lunalloc_malloc(size) != NULL; more++) {
    }
    child_assert(more < 100000);
    atomic_set(&fault_slot, NULL);
    for (unsigned i = 0; i < N; i++) {
        lunalloc_free(ptrs[i]);
    }
    child_assert(waiting(size) == N);
    atomic_set(&fault_slot, refuse_fresh);
    child_assert(lunalloc_malloc(size) != NULL);
    child_assert(waiting(size) == 0);
    atomic_set(&fault_slot, NULL);
}

static void
test_what_waits_serves_when_memory_runs_out(void **state) {
    (void)state;
    static size_t sizes[] = {SIZE, 30000, 1 << 20};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        outcome_t out = in_child(use_all_again, &sizes[i]);
        assert_child_well(&out);
    }
}

/* ---- threads ---- */

static void *
use(void *arg) {
    fill_quarantine();
    thread_assert(waiting(SIZE) > 0);
    return arg;
}

/* A thread leaves nothing behind. */
static void
test_thread_exit(void **state) {
    (void)state;
    limit(1 << 20);
    for (unsigned i = 0; i < 3; i++) {
        run_thread(use, NULL);
    }
    lunalloc_ctl_set("thread.tcache.flush", NULL, NULL, 0);
    uint64_t before = in_use(SIZE) + in_use(50000);
    size_t metadata = metadata_bytes();
    for (unsigned i = 0; i < 100; i++) {
        run_thread(use, NULL);
    }
    lunalloc_ctl_set("thread.tcache.flush", NULL, NULL, 0);
    assert_int_equal(in_use(SIZE) + in_use(50000), before);
    assert_int_equal(metadata_bytes(), metadata);
}

static void
live_on(void *arg) {
    (void)arg;
    fill_quarantine();
    limit(0);
    child_assert(waiting(SIZE) == 0);
}

static void
test_fork(void **state) {
    (void)state;
    limit(1 << 20);
    fill_quarantine();
    outcome_t out = in_child(live_on, NULL);
    assert_child_well(&out);
    limit(0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, modes_off, modes_off)

int
main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_oldest_leaves_first),
        TEST(test_counted),
        TEST(test_ways_out),
        TEST(test_order_is_kept_when_there_are_more),
        TEST(test_many_small),
        TEST(test_too_large),
        TEST(test_manual_arenas),
        TEST(test_interior),
        TEST(test_explicit_caches),
        TEST(test_write_after_free),
        TEST(test_double_free),
        TEST(test_own_junk),
        TEST(test_free_of_what_is_not_allocated),
        TEST(test_double_free_across_the_switch),
        TEST(test_free_of_a_slabs_tail),
        TEST(test_what_waits_serves_when_memory_runs_out),
        TEST(test_thread_exit),
        TEST(test_fork),
    };
    return cmocka_run_group_tests_name("quarantine", tests, boot_allocator, NULL);
}
