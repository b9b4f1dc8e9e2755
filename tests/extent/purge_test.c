/* purge_test.c -- decay, caps and purging of an arena's pages, at times that are made up. */
#include "pages.h"

#include "os/pages.h"

#define MS      UINT64_C(1000000)
#define SECOND  (1000 * MS)
#define EXTENTS 100
#define EACH    10

static page_alloc_t pa;

static size_t
ndirty(void) {
    return atomic_get(&pa.dirty.extents.npages);
}

static size_t
nmuzzy(void) {
    return atomic_get(&pa.muzzy.extents.npages);
}

/* Does this system purge lazily? If not, nothing is ever muzzy. */
static bool
has_lazy(void) {
    void *page = pages_map(sc.page, sc.page);
    bool lazy = pages_purge_lazy(page, sc.page);
    pages_unmap(page, sc.page);
    return lazy;
}

/* EXTENTS extents of EACH pages become free at once. */
static void
free_many(void) {
    extent_t *e[EXTENTS];
    for (unsigned i = 0; i < EXTENTS; i++) {
        e[i] = alloc_pages(&pa, EACH);
        assert_non_null(e[i]);
    }
    for (unsigned i = 0; i < EXTENTS; i++) {
        pa_dalloc(&pa, e[i]);
    }
}

static void
test_never(void **state) {
    (void)state;
    pages_begin(&pa, -1, 0);
    free_many();
    pa_tick(&pa, 1000 * SECOND);
    pa_decay(&pa, 1000 * SECOND);
    assert_int_equal(ndirty(), EXTENTS * EACH);
    pages_end(&pa);
}

static void
test_at_once(void **state) {
    (void)state;
    pages_begin(&pa, 0, 0);
    extent_t *e = alloc_pages(&pa, 5);
    memset((void *)e->addr, 1, e->size);
    pa_dalloc(&pa, e);
    assert_int_equal(ndirty() + nmuzzy(), 0);
    assert_true(atomic_get(&pa.purged_bytes) >= 5 * sc.page);
    free_many();
    assert_int_equal(ndirty() + nmuzzy(), 0);
    pages_end(&pa);
}

static void
test_at_once_to_muzzy(void **state) {
    (void)state;
    pages_begin(&pa, 0, -1);
    free_many();
    assert_int_equal(ndirty(), 0);
    assert_int_equal(nmuzzy(), has_lazy() ? EXTENTS * EACH : 0);
    pages_end(&pa);
}

/* The shares of h(1 - age) that a curve from 0 to 1 s leaves. */
static void
test_decay_curve(void **state) {
    (void)state;
    pages_begin(&pa, 1000, 0);
    free_many();
    pa_decay(&pa, 0);
    assert_int_equal(ndirty(), EXTENTS * EACH);
    pa_tick(&pa, 250 * MS);
    assert_in_range(ndirty(), 870, 1000);
    pa_tick(&pa, 500 * MS);
    assert_in_range(ndirty(), 490, 520);
    check_pages(&pa, 0);
    pa_tick(&pa, 750 * MS);
    assert_in_range(ndirty(), 95, 130);
    pa_tick(&pa, SECOND);
    assert_int_equal(ndirty(), 0);
    pages_end(&pa);
}

/* The same shares, however often one looks. */
static void
test_curve_with_many_ticks(void **state) {
    (void)state;
    pages_begin(&pa, 1000, 0);
    free_many();
    pa_decay(&pa, 0);
    for (uint64_t now = 0; now <= 500 * MS; now += 5 * MS) {
        pa_tick(&pa, now);
    }
    assert_in_range(ndirty(), 490, 520);
    pages_end(&pa);
}

static void
test_tick_waits_for_its_deadline(void **state) {
    (void)state;
    pages_begin(&pa, 1000, 0);
    free_many();
    pa_decay(&pa, 0);
    uint64_t deadline = atomic_get(&pa.deadline);
    assert_int_equal(deadline, 5 * MS);
    pa_tick(&pa, deadline - 1);
    assert_int_equal(atomic_get(&pa.deadline), deadline);
    pa_tick(&pa, deadline);
    assert_int_equal(atomic_get(&pa.deadline), 10 * MS);
    pa_set_decay_ms(&pa, extent_dirty, -1, 10 * MS);
    assert_true(atomic_get(&pa.deadline) == UINT64_MAX);
    pages_end(&pa);
}

/* What decays from dirty becomes muzzy, and has muzzy's whole time before it. */
static void
test_decay_dirty_muzzy_retained(void **state) {
    (void)state;
    if (!has_lazy()) {
        skip();
    }
    pages_begin(&pa, 1000, 1000);
    free_many();
    pa_decay(&pa, 0);
    pa_decay(&pa, SECOND);
    assert_int_equal(ndirty(), 0);
    assert_int_equal(nmuzzy(), EXTENTS * EACH);
    pa_decay(&pa, SECOND);
    pa_decay(&pa, SECOND + 500 * MS);
    assert_in_range(nmuzzy(), 480, 530);
    pa_decay(&pa, 2 * SECOND + 10 * MS);
    assert_int_equal(nmuzzy(), 0);
    pages_end(&pa);
}

/* A change of the time acts at once. */
static void
test_decay_time_live(void **state) {
    (void)state;
    pages_begin(&pa, -1, 0);
    free_many();
    pa_set_decay_ms(&pa, extent_dirty, 1000, 5 * SECOND);
    assert_int_equal(atomic_get(&pa.dirty.decay_ms), 1000);
    assert_int_equal(ndirty(), EXTENTS * EACH);
    pa_set_decay_ms(&pa, extent_dirty, 0, 5 * SECOND);
    assert_int_equal(ndirty(), 0);
    check_pages(&pa, 0);
    pages_end(&pa);
}

/* ---- a change of time while pages come ---- */

#define COMING 40

static extent_t *coming[COMING];
static unsigned ncoming;

/* In the middle of a purge more pages become free, as other threads may free some at any time. */
static bool
purge_while_pages_come(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)hooks, (void)addr, (void)size, (void)offset, (void)length, (void)arena;
    while (ncoming > 0) {
        pa_dalloc(&pa, coming[--ncoming]);
    }
    return false; /* nobody looks at the contents */
}

static double
smoothstep(double x) {
    return x <= 0 ? 0 : x * x * x * (x * (6 * x - 15) + 10);
}

/* Of n pages that all came at time 0, what the curve of `ms` has no room for any more. */
static size_t
due(size_t n, uint64_t now, int64_t ms) {
    double age = (double)now / (double)((uint64_t)ms * MS);
    return n - (size_t)((double)n * smoothstep(1 - age - 2.0 / DECAY_STEPS)) + 1;
}

/* The decay time changes at `now` while pages are purged and others come, of which none is old. */
static void
check_change_under_load(uint64_t now, int64_t ms) {
    extent_hooks_t hooks = hooks_system;
    hooks.purge_forced = purge_while_pages_come;
    pages_begin(&pa, 1000, 0);
    atomic_set_release(&pa.hooks, &hooks);
    for (ncoming = 0; ncoming < COMING; ncoming++) {
        coming[ncoming] = alloc_pages(&pa, EACH);
    }
    free_many();
    pa_decay(&pa, 0);
    size_t most = due(EXTENTS * EACH, now, ms);
    pa_set_decay_ms(&pa, extent_dirty, ms, now);
    assert_in_range(atomic_get(&pa.purged_bytes) / sc.page, 1, most);
    assert_int_equal(ncoming, 0);
    assert_int_equal(ndirty(), (EXTENTS + COMING) * EACH - atomic_get(&pa.purged_bytes) / sc.page);
    pa_decay(&pa, now);
    assert_in_range(atomic_get(&pa.purged_bytes) / sc.page, 1, most);
    check_pages(&pa, 0);
    atomic_set_release(&pa.hooks, NULL);
    pages_end(&pa);
}

static void
test_decay_time_changed_under_load_never_purges_more_than_the_new_curve(void **state) {
    (void)state;
    check_change_under_load(100 * MS, 500);
    check_change_under_load(300 * MS, 700);
    check_change_under_load(500 * MS, 1000);
    check_change_under_load(500 * MS, 2000);
}

/* Never more than the cap after a deallocation, whatever the decay time. */
static void
test_dirty_max_byte_cap(void **state) {
    (void)state;
    pages_begin(&pa, -1, 0);
    atomic_set(&pa.dirty_max, (int64_t)(100 * sc.page));
    extent_t *e[EXTENTS];
    for (unsigned i = 0; i < EXTENTS; i++) {
        e[i] = alloc_pages(&pa, EACH);
    }
    for (unsigned i = 0; i < EXTENTS; i++) {
        pa_dalloc(&pa, e[i]);
        assert_true(ndirty() <= 100);
    }
    assert_true(ndirty() > 50);
    atomic_set(&pa.dirty_max, 0);
    pa_dirtied(&pa);
    assert_int_equal(ndirty(), 0);
    pages_end(&pa);
}

/* A small cap is a cap, too: pages that become free one by one, with live ones between them. */
static void
test_small_cap(void **state) {
    (void)state;
    extent_t *e[EXTENTS];
    pages_begin(&pa, -1, 0);
    atomic_set(&pa.dirty_max, (int64_t)(8 * sc.page));
    for (unsigned i = 0; i < EXTENTS; i++) {
        e[i] = alloc_pages(&pa, 1);
    }
    size_t most = 0;
    for (unsigned i = 0; i < 2 * EXTENTS; i += 2) {
        pa_dalloc(&pa, e[i < EXTENTS ? i : i - EXTENTS + 1]);
        most = ndirty() > most ? ndirty() : most;
    }
    assert_in_range(most, 1, 8);
    pages_end(&pa);
}

/* A cap that is lowered takes effect at the next decay, too. */
static void
test_lowered_cap(void **state) {
    (void)state;
    pages_begin(&pa, 10000, 0);
    free_many();
    atomic_set(&pa.dirty_max, (int64_t)(200 * sc.page));
    pa_decay(&pa, 0);
    assert_in_range(ndirty(), 150, 216);
    pages_end(&pa);
}

static void
test_purge_all(void **state) {
    (void)state;
    pages_begin(&pa, -1, -1);
    free_many();
    pa_set_decay_ms(&pa, extent_dirty, 0, 0);
    pa_set_decay_ms(&pa, extent_dirty, -1, 0);
    extent_t *live = alloc_pages(&pa, 7);
    memset((void *)live->addr, 0xcd, live->size);
    pa_dalloc(&pa, alloc_pages(&pa, 3));
    pa_purge_all(&pa);
    assert_int_equal(ndirty() + nmuzzy(), 0);
    layout_t layout = check_pages(&pa, 7 * sc.page);
    assert_int_equal(layout.bytes[extent_retained] + 7 * sc.page, layout.mapped);
    for (size_t i = 0; i < live->size; i++) {
        assert_int_equal(((unsigned char *)live->addr)[i], 0xcd);
    }
    pa_dalloc(&pa, live);
    pages_end(&pa);
}

/* The oldest go first. */
static void
test_oldest_first(void **state) {
    (void)state;
    extent_t *e[5];
    pages_begin(&pa, -1, 0);
    for (unsigned i = 0; i < 5; i++) {
        e[i] = alloc_pages(&pa, 32);
    }
    uintptr_t first = e[3]->addr, second = e[1]->addr;
    pa_dalloc(&pa, e[3]);
    pa_dalloc(&pa, e[1]);
    atomic_set(&pa.dirty_max, (int64_t)(36 * sc.page));
    pa_dirtied(&pa);
    assert_int_equal(extent_state(extent_at(second)), extent_dirty);
    assert_int_equal(extent_at(second)->size, 32 * sc.page);
    assert_int_equal(extent_state(extent_at(first + 31 * sc.page)), extent_retained);
    pa_dalloc(&pa, e[0]);
    pa_dalloc(&pa, e[2]);
    pa_dalloc(&pa, e[4]);
    pages_end(&pa);
}

/* An extent that is purged in part stays the oldest: the next purge goes on with it. */
static void
test_rest_of_the_oldest_is_next(void **state) {
    (void)state;
    extent_t *e[5];
    pages_begin(&pa, -1, 0);
    for (unsigned i = 0; i < 5; i++) {
        e[i] = alloc_pages(&pa, 128);
    }
    uintptr_t first = e[3]->addr, second = e[1]->addr;
    pa_dalloc(&pa, e[3]);
    pa_dalloc(&pa, e[1]);
    for (unsigned cap = 224; cap >= 160; cap -= 32) {
        atomic_set(&pa.dirty_max, (int64_t)(cap * sc.page));
        pa_dirtied(&pa);
        assert_true(ndirty() > 128 && ndirty() <= cap);
        assert_int_equal(extent_state(extent_at(first)), extent_dirty);
        assert_int_equal(extent_at(first)->size, (ndirty() - 128) * sc.page);
        assert_int_equal(extent_state(extent_at(second)), extent_dirty);
        assert_int_equal(extent_at(second)->size, 128 * sc.page);
        check_pages(&pa, 3 * 128 * sc.page);
    }
    pa_dalloc(&pa, e[0]);
    pa_dalloc(&pa, e[2]);
    pa_dalloc(&pa, e[4]);
    pages_end(&pa);
}

/* Counters go with what is done: purged bytes, and system calls fewer than extents that were freed. */
static void
test_counters(void **state) {
    (void)state;
    pages_begin(&pa, -1, 0);
    extent_t *whole = alloc_pages(&pa, 64);
    pa_dalloc(&pa, whole);
    pa_purge_all(&pa);
    assert_int_equal(atomic_get(&pa.purged_bytes), 64 * sc.page);
    assert_int_equal(atomic_get(&pa.dirty.purges.npasses), 1);
    assert_int_equal(atomic_get(&pa.dirty.purges.ncalls), 1);
    pa_purge_all(&pa);
    assert_int_equal(atomic_get(&pa.dirty.purges.npasses), 1);
    pages_end(&pa);
}

/* Where nothing stays dirty, what is muzzy ages nevertheless. */
static void
test_muzzy_pages_are_timed(void **state) {
    (void)state;
    pages_begin(&pa, 0, 1000);
    assert_false(pa_is_timed(&pa));
    pa_dalloc(&pa, alloc_pages(&pa, 64));
    assert_true(pa_is_timed(&pa) || atomic_get(&pa.muzzy.extents.npages) == 0);
    pa_purge_all(&pa);
    pages_end(&pa);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never),
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_at_once_to_muzzy),
        cmocka_unit_test(test_decay_curve),
        cmocka_unit_test(test_curve_with_many_ticks),
        cmocka_unit_test(test_tick_waits_for_its_deadline),
        cmocka_unit_test(test_decay_dirty_muzzy_retained),
        cmocka_unit_test(test_decay_time_live),
        cmocka_unit_test(test_decay_time_changed_under_load_never_purges_more_than_the_new_curve),
        cmocka_unit_test(test_dirty_max_byte_cap),
        cmocka_unit_test(test_small_cap),
        cmocka_unit_test(test_lowered_cap),
        cmocka_unit_test(test_purge_all),
        cmocka_unit_test(test_oldest_first),
        cmocka_unit_test(test_rest_of_the_oldest_is_next),
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_muzzy_pages_are_timed),
    };
    return cmocka_run_group_tests_name("extent/purge", tests, boot_allocator, NULL);
}
