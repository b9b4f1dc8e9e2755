/* reconcile_test.c -- the allocator's figures beside the system's: what is touched is resident, what is not is not. */
#include "../api/support.h"
#include "observe/walk.h"
#include "arena/arenas.h"
#include "extent/decay_pass.h"
#include "extent/purge.h"
#include "os/clock.h"
#include "os/pages.h"
#include "os/process.h"

#include <errno.h>

#define SIZE ((size_t)32 << 20)

static lunalloc_reconciliation_t
take(void) {
    lunalloc_reconciliation_t out;
    int error = lunalloc_reconcile(&out);
    if (error == ENOSYS) {
        skip(); /* no /proc here */
    }
    assert_int_equal(error, 0);
    assert_int_equal(out.rss, out.anonymous + out.file);
    assert_int_equal(out.explained, out.active.resident + out.dirty.resident + out.muzzy.resident +
                                        out.retained.resident + out.metadata);
    assert_true(out.active.resident <= out.active.counted && out.retained.resident <= out.retained.counted);
    return out;
}

/* a = b, up to a megabyte. */
static void
assert_near(uint64_t a, uint64_t b) {
    uint64_t apart = a > b ? a - b : b - a;
    if (apart > (1 << 20)) {
        fail_msg("%llu is not near %llu", (unsigned long long)a, (unsigned long long)b);
    }
}

/* The same of the process as a whole, where a sanitizer's shadow of our memory is part of it. */
static void
assert_near_outside(uint64_t a, uint64_t b) {
    if (!config_tsan && !config_asan) {
        assert_near(a, b);
    }
}

/* Counted when it is allocated, resident when it is touched; each state has its own. */
static void
test_states(void **state) {
    (void)state;
    arena_t *arena = arenas_create();
    pa_set_decay_ms(&arena->pages, extent_dirty, -1, clock_coarse_ns());
    lunalloc_reconciliation_t none = take();
    bool zeroed = false;
    char *block = arena_malloc_large(arena, sc_index(SIZE), sc.page, &zeroed);
    lunalloc_reconciliation_t got = take();
    assert_near(got.active.counted - none.active.counted, SIZE);
    assert_near(got.active.resident, none.active.resident);
    memset(block, 1, SIZE / 2);
    lunalloc_reconciliation_t touched = take();
    assert_near(touched.active.resident - got.active.resident, SIZE / 2);
    assert_near_outside(touched.rss - got.rss, SIZE / 2);
    assert_near_outside(touched.unexplained, none.unexplained);
    arena_free(block);
    lunalloc_reconciliation_t freed = take();
    assert_near(freed.dirty.counted - touched.dirty.counted, SIZE);
    assert_near(freed.dirty.resident - touched.dirty.resident, SIZE / 2);
    assert_near(freed.active.resident, none.active.resident);
    pa_purge_all(&arena->pages);
    lunalloc_reconciliation_t purged = take();
    assert_near_outside(purged.rss, none.rss);
    assert_near(purged.retained.counted - none.retained.counted, SIZE);
    assert_near(purged.retained.resident, none.retained.resident);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* What was given back lazily is muzzy here, and LazyFree there, for as long as the system leaves it. */
static void
test_lazy_free(void **state) {
    (void)state;
    arena_t *arena = arenas_create();
    bool zeroed = false;
    pa_set_decay_ms(&arena->pages, extent_muzzy, -1, clock_coarse_ns());
    lunalloc_reconciliation_t none = take();
    char *block = arena_malloc_large(arena, sc_index(SIZE), sc.page, &zeroed);
    memset(block, 1, SIZE);
    pa_set_decay_ms(&arena->pages, extent_dirty, 0, clock_coarse_ns());
    arena_free(block);
    lunalloc_reconciliation_t lazy = take();
    if (lazy.muzzy.counted - none.muzzy.counted < SIZE) {
        skip(); /* a system that does not purge lazily */
    }
    assert_near(lazy.muzzy.resident - none.muzzy.resident, lazy.lazy_free - none.lazy_free);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* Memory of others is what stays unexplained. */
static void
test_unexplained(void **state) {
    (void)state;
    lunalloc_reconciliation_t before = take();
    char *block = pages_map(SIZE, sc.page);
    memset(block, 1, SIZE);
    lunalloc_reconciliation_t after = take();
    assert_near_outside(after.unexplained - before.unexplained, SIZE);
    assert_near(after.explained, before.explained);
    pages_unmap(block, SIZE);
    assert_int_equal(process_resident(block, SIZE), 0);
    assert_near_outside(take().unexplained, before.unexplained);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_lazy_free),
        cmocka_unit_test(test_unexplained),
    };
    return cmocka_run_group_tests_name("reconcile", tests, boot_allocator, NULL);
}
