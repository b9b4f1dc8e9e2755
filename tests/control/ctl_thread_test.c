/* ctl_thread_test.c -- thread.*, tcache.* and experimental.batch_alloc through mallctl, with jemalloc's types and error
 * codes. */
#include "../api/support.h"
#include "arena/arenas.h"
#include "arena/sample.h"
#include "base/sc.h"
#include "thread/thread_life.h"

#include <errno.h>

static uint64_t
get_u64(const char *name) {
    uint64_t value = UINT64_MAX;
    size_t len = sizeof value;
    assert_int_equal(mallctl(name, &value, &len, NULL, 0), 0);
    return value;
}

static uint64_t
cached_bytes(void) {
    lunalloc_stats_t stats;
    assert_int_equal(lunalloc_stats(LUNALLOC_ALL, &stats), 0);
    return stats.cached;
}

static int
write_unsigned(const char *name, unsigned value) {
    return mallctl(name, NULL, NULL, &value, sizeof value);
}

static unsigned
create(void) {
    unsigned id = UINT32_MAX;
    size_t len = sizeof id;
    assert_int_equal(mallctl("tcache.create", &id, &len, NULL, 0), 0);
    return id;
}

static void
test_explicit_caches(void **state) {
    (void)state;
    unsigned a = create(), b = create();
    assert_int_not_equal(a, b);
    void *ptr = mallocx(1000, MALLOCX_TCACHE((int)a));
    dallocx(ptr, MALLOCX_TCACHE((int)a));
    assert_int_equal(write_unsigned("tcache.flush", a), 0);
    ptr = mallocx(1000, MALLOCX_TCACHE((int)a));
    assert_non_null(ptr);
    dallocx(ptr, MALLOCX_TCACHE((int)b));
    assert_int_equal(write_unsigned("tcache.destroy", a), 0);
    assert_int_equal(write_unsigned("tcache.destroy", b), 0);
    assert_null(mallocx(1000, MALLOCX_TCACHE((int)a)));
    assert_int_equal(create(), a);
    assert_int_equal(write_unsigned("tcache.destroy", a), 0);
}

static void
test_explicit_caches_bad_input(void **state) {
    (void)state;
    unsigned id = 7;
    size_t len = sizeof id, wide = 0;
    assert_int_equal(mallctl("tcache.create", NULL, NULL, &id, sizeof id), EPERM);
    len = 1;
    assert_int_equal(mallctl("tcache.create", &id, &len, NULL, 0), EINVAL);
    assert_int_equal(id, 7);
    const char *const names[] = {"tcache.flush", "tcache.destroy"};
    for (unsigned i = 0; i < 2; i++) {
        len = sizeof id;
        assert_int_equal(mallctl(names[i], &id, &len, NULL, 0), EPERM);
        assert_int_equal(mallctl(names[i], NULL, NULL, NULL, 0), EINVAL);
        assert_int_equal(mallctl(names[i], NULL, NULL, &wide, sizeof wide), EINVAL);
        assert_int_equal(write_unsigned(names[i], 4000), EFAULT);
        assert_int_equal(write_unsigned(names[i], UINT32_MAX), EFAULT);
    }
}

/* ---- profiling, where nobody has switched it on ---- */

static void *
use_profile_controls(void *arg) {
    const char *name = "worker", *read = NULL;
    const bool *gdump = arg;
    size_t len = sizeof read, lg = 19;
    thread_assert(mallctl("thread.prof.name", NULL, NULL, &name, sizeof name) == 0);
    thread_assert(mallctl("thread.prof.name", &read, &len, NULL, 0) == 0 && strcmp(read, "worker") == 0);
    thread_assert(mallctl("thread.prof.active", NULL, NULL, &(bool){false}, sizeof(bool)) == 0);
    thread_assert(mallctl("prof.gdump", NULL, NULL, arg, sizeof *gdump) == 0);
    thread_assert(mallctl("prof.reset", NULL, NULL, &lg, sizeof lg) == 0);
    lunalloc_free(lunalloc_malloc(4 << 20));
    lunalloc_free(lunalloc_malloc(8));
    return NULL;
}

/* What is kept for a thread is given back at its end, by a profiler that never sampled. */
static void
test_named_thread_ends_without_sampling(void **state) {
    (void)state;
    assert_null(atomic_get(&sampler));
    bool gdump[] = {true, false};
    for (unsigned i = 0; i < 2; i++) {
        run_thread(use_profile_controls, &gdump[i]);
    }
    assert_false(atomic_get(&sampling));
}

/* ---- bytes ---- */

/* In a thread of its own, which has not allocated. */
static void *
count_bytes(void *arg) {
    uint64_t *allocatedp = NULL, *freedp = NULL;
    size_t len = sizeof allocatedp, size = sc.size[sc_index(5000)];
    thread_assert(mallctl("thread.allocatedp", &allocatedp, &len, NULL, 0) == 0);
    thread_assert(mallctl("thread.deallocatedp", &freedp, &len, NULL, 0) == 0);
    uint64_t allocated = get_u64("thread.allocated"), freed = get_u64("thread.deallocated");
    thread_assert(*allocatedp == allocated && *freedp == freed);
    void *ptr = mallocx(5000, 0);
    thread_assert(get_u64("thread.allocated") == allocated + size && get_u64("thread.deallocated") == freed);
    dallocx(ptr, 0);
    thread_assert(get_u64("thread.allocated") == allocated + size && get_u64("thread.deallocated") == freed + size);
    thread_assert(*allocatedp == allocated + size && *freedp == freed + size);
    thread_assert(mallctl("thread.peak.reset", NULL, NULL, NULL, 0) == 0);
    thread_assert(get_u64("thread.peak.read") == 0);
    ptr = mallocx(100000, 0);
    thread_assert(get_u64("thread.peak.read") == sc.size[sc_index(100000)]);
    dallocx(ptr, 0);
    thread_assert(get_u64("thread.peak.read") == sc.size[sc_index(100000)]);
    return arg;
}

static void
test_bytes(void **state) {
    (void)state;
    run_thread(count_bytes, NULL);
}

static void
test_bytes_are_read_only(void **state) {
    (void)state;
    uint64_t value = 0;
    const char *const names[] = {"thread.allocated", "thread.deallocated", "thread.allocatedp", "thread.deallocatedp",
                                 "thread.peak.read"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t len = 4;
        assert_int_equal(mallctl(names[i], NULL, NULL, &value, sizeof value), EPERM);
        assert_int_equal(mallctl(names[i], &value, &len, NULL, 0), EINVAL);
    }
}

/* What is larger than the limit passes the cache by; smaller, not. */
static void *
limit_cache(void *arg) {
    size_t max = 0, len = sizeof max, large = 8192, small = 1000;
    thread_assert(mallctl("thread.tcache.max", &max, &len, &small, sizeof small) == 0);
    thread_assert(max == get_u64("arenas.tcache_max"));
    thread_assert(get_u64("thread.tcache.max") == nallocx(1000, 0));
    uint64_t cached = cached_bytes();
    dallocx(mallocx(4000, 0), 0);
    thread_assert(cached_bytes() == cached);
    dallocx(mallocx(1000, 0), 0);
    thread_assert(config_torture || cached_bytes() > cached);
    thread_assert(mallctl("thread.tcache.max", NULL, NULL, &large, sizeof large) == 0);
    thread_assert(get_u64("thread.tcache.max") == 8192);
    large = SIZE_MAX;
    thread_assert(mallctl("thread.tcache.max", NULL, NULL, &large, sizeof large) == 0);
    thread_assert(get_u64("thread.tcache.max") == max);
    return arg;
}

static void
test_largest_cached(void **state) {
    (void)state;
    run_thread(limit_cache, NULL);
}

static void
test_most_cached_of_a_class(void **state) {
    (void)state;
    size_t size = 100, most = 0, len = sizeof most;
    const char *name = "thread.tcache.ncached_max.read_sizeclass";
    assert_int_equal(mallctl(name, &most, &len, &size, sizeof size), 0);
    lunalloc_sizeclass_t class;
    assert_int_equal(lunalloc_sizeclass_of(100, &class), 0);
    assert_int_equal(most, class.cached_max);
    size = (size_t)1 << 30;
    assert_int_equal(mallctl(name, &most, &len, &size, sizeof size), 0);
    assert_int_equal(most, 0);
    assert_int_equal(mallctl(name, &most, &len, NULL, 0), EINVAL);
    assert_int_equal(mallctl(name, NULL, NULL, &size, sizeof size), EINVAL);
}

static void *
rest(void *arg) {
    lunalloc_free(lunalloc_malloc(3000));
    thread_assert(mallctl("thread.idle", NULL, NULL, NULL, 0) == 0);
    for (unsigned i = 0; i < CACHE_BINS; i++) {
        thread_assert(cache_bin_count(&thread_get()->cache.bins[i]) == 0);
    }
    thread_assert(mallctl("thread.idle", NULL, NULL, arg, sizeof(unsigned)) == EPERM);
    return NULL;
}

static void
test_idle(void **state) {
    (void)state;
    unsigned value = 0;
    run_thread(rest, &value);
}

typedef struct {
    void **ptrs;
    size_t n;
    size_t size;
    int flags;
} packet_t;

static void
test_batch_by_name(void **state) {
    (void)state;
    void *ptrs[500] = {NULL};
    size_t filled = 0, len = sizeof filled;
    packet_t packet = {ptrs, 500, 40, MALLOCX_ZERO};
    const char *name = "experimental.batch_alloc";
    assert_int_equal(mallctl(name, &filled, &len, &packet, sizeof packet), 0);
    assert_int_equal(filled, 500);
    for (unsigned i = 0; i < 500; i++) {
        assert_true(all_zero(ptrs[i], sallocx(ptrs[i], 0)));
        dallocx(ptrs[i], 0);
    }
    filled = 3;
    assert_int_equal(mallctl(name, &filled, &len, &packet, sizeof packet - 1), EINVAL);
    assert_int_equal(mallctl(name, &filled, &len, NULL, 0), EINVAL);
    assert_int_equal(mallctl(name, NULL, NULL, &packet, sizeof packet), EINVAL);
    len = 4;
    assert_int_equal(mallctl(name, &filled, &len, &packet, sizeof packet), EINVAL);
    assert_int_equal(filled, 3);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_named_thread_ends_without_sampling),
        cmocka_unit_test(test_explicit_caches),
        cmocka_unit_test(test_explicit_caches_bad_input),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_bytes_are_read_only),
        cmocka_unit_test(test_largest_cached),
        cmocka_unit_test(test_most_cached_of_a_class),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_batch_by_name),
    };
    return cmocka_run_group_tests_name("control/ctl_thread", tests, boot_allocator, NULL);
}
