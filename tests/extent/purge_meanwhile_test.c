/*
 * purge_meanwhile_test.c -- what happens to an arena's pages while some of them are being purged: a purge takes what
 * was due when it looked, neither pages that came since nor pages that a change of the time has spared.
 */
#include "provider.h"

#define MS      UINT64_C(1000000)
#define SECOND  (1000 * MS)
#define EXTENTS 200
#define EACH    10
#define LATE    20
#define LEFT    15 /* so few pages are not worth a purge */

static extent_t *extents[EXTENTS];
static void (*meanwhile)(void); /* what the next purge's hook does first */

static size_t
ndirty(void) {
    return atomic_get(&pa.dirty.extents.npages);
}

static bool
purge_with_events(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    void (*event)(void) = meanwhile;
    meanwhile = NULL;
    if (event != NULL) {
        event();
    }
    return do_purge_forced(hooks, addr, size, offset, length, arena);
}

/* Each second extent is freed, so that none can merge with another, and 1 s is the time to decay. */
static void
begin_with_dirty(void) {
    begin(0);
    provider.hooks.purge_forced = purge_with_events;
    meanwhile = NULL;
    for (unsigned i = 0; i < EXTENTS; i++) {
        extents[i] = alloc_pages(&pa, EACH);
        assert_non_null(extents[i]);
    }
    for (unsigned i = 0; i < EXTENTS; i += 2) {
        pa_dalloc(&pa, extents[i]);
    }
    pa_set_decay_ms(&pa, extent_dirty, 1000, 0);
    assert_int_equal(ndirty(), EXTENTS / 2 * EACH);
}

static void
end_with_live(unsigned from) {
    for (unsigned i = from; i < EXTENTS; i += 2) {
        pa_dalloc(&pa, extents[i]);
    }
    end();
}

static void
free_late_ones(void) {
    for (unsigned i = 1; i < 2 * LATE; i += 2) {
        pa_dalloc(&pa, extents[i]);
    }
}

static void
spare_all(void) {
    pa_set_decay_ms(&pa, extent_dirty, -1, SECOND);
}

static void
test_decay_leaves_newcomers(void **state) {
    (void)state;
    begin_with_dirty();
    meanwhile = free_late_ones;
    pa_decay(&pa, SECOND);
    assert_in_range(ndirty(), LATE * EACH, LATE * EACH + LEFT);
    end_with_live(2 * LATE + 1);
}

static void
test_change_of_time_during_purge(void **state) {
    (void)state;
    begin_with_dirty();
    meanwhile = spare_all;
    pa_decay(&pa, SECOND);
    assert_in_range(ndirty(), EXTENTS / 4 * EACH, EXTENTS / 2 * EACH - 1);
    end_with_live(1);
}

static void
test_purge_leaves_newcomers(void **state) {
    (void)state;
    begin_with_dirty();
    meanwhile = free_late_ones;
    pa_purge_all(&pa);
    assert_int_equal(ndirty(), LATE * EACH);
    end_with_live(2 * LATE + 1);
}

static void
test_cap_holds_with_newcomers(void **state) {
    (void)state;
    size_t cap = EXTENTS / 4 * EACH;
    begin_with_dirty();
    meanwhile = free_late_ones;
    atomic_set(&pa.dirty_max, (int64_t)(cap * sc.page));
    pa_dirtied(&pa);
    assert_in_range(ndirty(), 1, cap);
    end_with_live(2 * LATE + 1);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decay_leaves_newcomers),
        cmocka_unit_test(test_change_of_time_during_purge),
        cmocka_unit_test(test_purge_leaves_newcomers),
        cmocka_unit_test(test_cap_holds_with_newcomers),
    };
    return cmocka_run_group_tests_name("extent/purge_meanwhile", tests, boot_allocator, NULL);
}
