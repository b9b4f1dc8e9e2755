/*
 * purger_test.c -- when the background thread is started and woken, and how long it may sleep, with a purger that only
 * counts, and with times that are made up; and what the calls that give memory back look like from outside.
 */
#include "pages.h"

#include "base/witness.h"
#include "extent/purger.h"
#include "os/pages.h"

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)

static page_alloc_t pa;

/* ---- a purger that counts ---- */

static unsigned nwakes, ngrown;
static size_t grown_to;
static bool running, hooks_served, young;

static bool
fake_runs(void) {
    return running;
}

static bool
fake_hooks(void) {
    return hooks_served;
}

static bool
fake_young(void) {
    return young;
}

static void
fake_grow(size_t bytes) {
    witness_no_core_lock();
    ngrown++;
    grown_to = bytes;
}

static void
fake_wake(uint32_t arena) {
    witness_no_core_lock();
    nwakes += arena == TEST_ARENA;
}

static const pa_purger_t fake = {
    .runs = fake_runs, .hooks = fake_hooks, .young = fake_young, .wake = fake_wake, .grow = fake_grow};

static void
begin(int64_t dirty_ms, int64_t muzzy_ms) {
    pages_begin(&pa, dirty_ms, muzzy_ms);
    running = true;
    young = false;
    atomic_set_release(&pa_purger, &fake);
    pa_background(&pa, 0);
    nwakes = ngrown = 0;
}

static void
end(void) {
    atomic_set_release(&pa_purger, NULL);
    atomic_set(&pa_purger_grows, false);
    pages_end(&pa);
}

static size_t
ndirty(void) {
    return atomic_get(&pa.dirty.extents.npages);
}

static size_t
nfree(void) {
    return ndirty() + atomic_get(&pa.muzzy.extents.npages);
}

/* n extents of `each` pages, with a live page behind every one, so that they do not merge. */
static void
alloc_apart(extent_t **free_later, extent_t **live, unsigned n, size_t each) {
    for (unsigned i = 0; i < n; i++) {
        free_later[i] = alloc_pages(&pa, each);
        live[i] = alloc_pages(&pa, 1);
    }
}

static void
free_all(extent_t **e, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        pa_dalloc(&pa, e[i]);
    }
}

/* ---- starts and wakes ---- */

/* No thread runs, and the arena rests. */
static void
begin_at_rest(bool is_young) {
    begin(1000, 0);
    running = false;
    young = is_young;
    pa_purger_rest(&pa, 0);
}

/* When a mebibyte of pages is free and decays, and not before; once, until the purger has been there. */
static void
test_background_starts_lazily(void **state) {
    (void)state;
    size_t worth = PURGER_WORTH / pages_size();
    extent_t *e[3], *live[3];
    begin_at_rest(false);
    alloc_apart(e, live, 1, worth);
    alloc_apart(e + 1, live + 1, 2, 1);
    assert_int_equal(nwakes, 0);
    pa_dalloc(&pa, e[0]);
    assert_int_equal(nwakes, 0);
    pa_dalloc(&pa, e[1]);
    assert_int_equal(nwakes, 1);
    pa_dalloc(&pa, e[2]);
    assert_int_equal(nwakes, 1);
    free_all(live, 3);
    end();
}

/* A young process must have freed more. Grown old meanwhile, it gets its thread by a later tick. */
static void
test_background_starts_later_in_a_young_process(void **state) {
    (void)state;
    size_t worth = PURGER_WORTH_YOUNG / pages_size();
    extent_t *e[2], *live[2];
    begin_at_rest(true);
    alloc_apart(e, live, 2, worth - 1);
    pa_dalloc(&pa, e[0]);
    pa_purger_offer(&pa, 0);
    assert_int_equal(nwakes, 0);
    pa_dalloc(&pa, e[1]);
    assert_int_equal(nwakes, 1);
    free_all(live, 2);
    end();
    begin_at_rest(true);
    pa_dalloc(&pa, alloc_pages(&pa, worth / 2));
    assert_int_equal(nwakes, 0);
    young = false;
    pa_tick(&pa, 20 * MS);
    assert_int_equal(nwakes, 1);
    end();
}

/* In the child of a fork, what was free before is no reason. */
static void
test_inherited_pages_start_nothing(void **state) {
    (void)state;
    size_t worth = PURGER_WORTH_YOUNG / pages_size();
    begin_at_rest(true);
    extent_t *more = alloc_pages(&pa, worth), *live = alloc_pages(&pa, 1), *one = alloc_pages(&pa, 1);
    extent_t *inherited = alloc_pages(&pa, 3 * worth);
    running = true;
    pa_dalloc(&pa, inherited);
    running = false;
    nwakes = 0;
    assert_false(pa_purger_rest(&pa, PURGER_WORTH_YOUNG));
    pa_dalloc(&pa, more);
    assert_int_equal(nwakes, 0);
    pa_dalloc(&pa, one);
    assert_int_equal(nwakes, 1);
    pa_dalloc(&pa, live);
    end();
}

/* What ages inside of slabs counts, too. A thread that could not be started is asked for again. */
static void
test_offer(void **state) {
    (void)state;
    begin_at_rest(false);
    pa_purger_offer(&pa, PURGER_WORTH);
    assert_int_equal(nwakes, 0);
    running = true;
    pa_purger_offer(&pa, 2 * PURGER_WORTH);
    assert_int_equal(nwakes, 0);
    running = false;
    pa_purger_offer(&pa, 2 * PURGER_WORTH);
    assert_int_equal(nwakes, 1);
    pa_dalloc(&pa, alloc_pages(&pa, 2 * PURGER_WORTH / pages_size()));
    assert_int_equal(nwakes, 2);
    pa_purger_offer(&pa, 0);
    assert_int_equal(nwakes, 3);
    pa_purger_rest(&pa, PURGER_WORTH_YOUNG);
    pa_purger_offer(&pa, 0);
    assert_int_equal(nwakes, 3);
    end();
}

static void
test_rest_tells_of_pages(void **state) {
    (void)state;
    begin_at_rest(false);
    running = true;
    pa_dalloc(&pa, alloc_pages(&pa, 2 * PURGER_WORTH / pages_size()));
    assert_true(pa_purger_rest(&pa, 0));
    assert_false(pa_purger_rest(&pa, PURGER_WORTH));
    end();
}

/* A purger that asks for it hears of the pages that an arena takes, from wherever they come. */
static void
test_growth_is_told_if_asked_for(void **state) {
    (void)state;
    begin(1000, 0);
    extent_t *first = alloc_pages(&pa, 10);
    atomic_set(&pa_purger_grows, true);
    extent_t *second = alloc_pages(&pa, PURGER_WORTH / sc.page - 11);
    assert_int_equal(ngrown, 0);
    pa_dalloc(&pa, alloc_pages(&pa, 5));
    assert_int_equal(ngrown, 1);
    assert_int_equal(grown_to, PURGER_WORTH + 4 * sc.page);
    pa_dalloc(&pa, first);
    pa_dalloc(&pa, second);
    assert_int_equal(ngrown, 1);
    end();
}

/* Once, when the first page comes; then not before there are many more than when the purger looked. */
static void
test_wake_by_first_and_by_many_pages(void **state) {
    (void)state;
    extent_t *e[100], *live[100];
    begin(1000, 0);
    alloc_apart(e, live, 100, 64);
    pa_dalloc(&pa, e[0]);
    assert_int_equal(nwakes, 1);
    pa_dalloc(&pa, e[1]);
    assert_int_equal(nwakes, 1);
    assert_true(pa_background(&pa, 0) != UINT64_MAX);
    free_all(e + 2, 18);
    assert_int_equal(nwakes, 1);
    free_all(e + 20, 80);
    assert_int_equal(nwakes, 2);
    pa_background(&pa, 0);
    free_all(live, 100);
    assert_int_equal(nwakes, 2);
    end();
}

static void
test_wake_again_after_all_is_gone(void **state) {
    (void)state;
    begin(1000, 0);
    pa_dalloc(&pa, alloc_pages(&pa, 5));
    assert_int_equal(nwakes, 1);
    pa_background(&pa, 0);
    assert_true(pa_background(&pa, 2 * SECOND) == UINT64_MAX);
    assert_int_equal(nfree(), 0);
    pa_dalloc(&pa, alloc_pages(&pa, 5));
    assert_int_equal(nwakes, 2);
    end();
}

static void
test_wake_by_change_of_time(void **state) {
    (void)state;
    begin(1000000, 1000000);
    pa_set_decay_ms(&pa, extent_dirty, 500, 0);
    assert_int_equal(nwakes, 1);
    pa_set_decay_ms(&pa, extent_muzzy, 500, 0);
    assert_int_equal(nwakes, 2);
    end();
}

/* Pages that do not decay by time, or are purged at once, are nothing that a purger waits for. */
static void
test_no_wake_without_decay(void **state) {
    (void)state;
    static const int64_t times[] = {-1, 0};
    for (unsigned i = 0; i < LENGTH(times); i++) {
        begin(times[i], 0);
        for (unsigned n = 0; n < 20; n++) {
            pa_dalloc(&pa, alloc_pages(&pa, 500));
            assert_true(pa_background(&pa, n * SECOND) == UINT64_MAX);
        }
        assert_int_equal(nwakes, 0);
        end();
    }
}

static void
test_wake_by_muzzy_pages(void **state) {
    (void)state;
    begin(0, 1000);
    pa_dalloc(&pa, alloc_pages(&pa, 50));
    assert_int_equal(nwakes, nfree() > 0 ? 1 : 0);
    end();
}

/* No purger: nobody is called, and the threshold is out of reach from the first page on. */
static void
test_background_costs_nothing_when_off(void **state) {
    (void)state;
    begin(1000, 0);
    atomic_set_release(&pa_purger, NULL);
    size_t wake_threshold = atomic_get(&pa.wake_threshold);
    pa_dalloc(&pa, alloc_pages(&pa, 50));
    pa_set_decay_ms(&pa, extent_dirty, 500, 0);
    assert_int_equal(ngrown + nwakes, 0);
    assert_true(atomic_get(&pa.wake_threshold) != wake_threshold);
    wake_threshold = atomic_get(&pa.wake_threshold);
    pa_dalloc(&pa, alloc_pages(&pa, 500));
    assert_int_equal(atomic_get(&pa.wake_threshold), wake_threshold);
    end();
}

/* ---- ticks ---- */

/* With a purger, the application's threads only account: the ages are right when it comes. */
static void
test_ticks_account_only(void **state) {
    (void)state;
    begin(1000, 0);
    pa_dalloc(&pa, alloc_pages(&pa, 1000));
    for (uint64_t now = 0; now <= 500 * MS; now += 5 * MS) {
        pa_tick(&pa, now);
    }
    assert_int_equal(ndirty(), 1000);
    assert_true(atomic_get(&pa.deadline) > 500 * MS);
    pa_background(&pa, 500 * MS);
    assert_in_range(ndirty(), 490, 520);
    end();
}

/* It is to be there, but is not yet: they go on purging. */
static void
test_ticks_purge_until_it_runs(void **state) {
    (void)state;
    begin(1000, 0);
    running = false;
    pa_dalloc(&pa, alloc_pages(&pa, 1000));
    pa_tick(&pa, 5 * MS);
    pa_tick(&pa, 505 * MS);
    assert_in_range(ndirty(), 490, 520);
    end();
}

/* ---- what the purger waits for ---- */

/* Sleeps and rounds until nothing is left: how many, and not before their time. */
static unsigned
run_purger(uint64_t *end_time) {
    unsigned rounds = 0;
    uint64_t now = 0;
    for (uint64_t due; (due = pa_background(&pa, now)) != UINT64_MAX; rounds++) {
        assert_true(due > now);
        now = due;
    }
    *end_time = now;
    return rounds;
}

static void
check_sleeps(size_t npages, unsigned least, unsigned most) {
    uint64_t end_time;
    begin(1000, 0);
    pa_dalloc(&pa, alloc_pages(&pa, npages));
    unsigned rounds = run_purger(&end_time);
    assert_in_range(rounds, least, most);
    assert_int_equal(ndirty(), 0);
    assert_true(end_time >= 500 * MS && end_time <= SECOND);
    assert_int_equal(atomic_get(&pa.purged_bytes), npages * sc.page);
    end();
}

/* A few pages: one sleep, until the last of them is due. Many: never more rounds than the curve has steps. */
static void
test_background_sleeps_until_the_next_deadline(void **state) {
    (void)state;
    check_sleeps(1, 1, 1);
    check_sleeps(15, 1, 1);
    check_sleeps(100, 4, 8);
    check_sleeps(10000, 100, DECAY_STEPS);
}

static void
test_due_with_muzzy(void **state) {
    (void)state;
    uint64_t end_time;
    begin(1000, 1000);
    pa_dalloc(&pa, alloc_pages(&pa, 1000));
    run_purger(&end_time);
    assert_int_equal(nfree(), 0);
    assert_true(end_time <= 2 * SECOND + 10 * MS);
    end();
}

/* ---- calls to the system ---- */

static unsigned ncalls;
static size_t nbytes;

/* Every hook allocates, and asserts that it may. */
static void
allocate(void) {
    witness_no_core_lock();
    lunalloc_free(lunalloc_malloc(100));
}

static bool
counting_purge(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)hooks, (void)addr, (void)offset, (void)arena;
    allocate();
    assert_int_equal(size, length);
    ncalls++;
    nbytes += length;
    return false;
}

static void *
plain_alloc(extent_hooks_t *hooks, void *addr, size_t size, size_t alignment, bool *zero, bool *commit,
            unsigned arena) {
    (void)hooks, (void)addr, (void)arena;
    allocate();
    *zero = *commit = true;
    return pages_map(size, alignment);
}

static bool
plain_dalloc(extent_hooks_t *hooks, void *addr, size_t size, bool committed, unsigned arena) {
    (void)hooks, (void)committed, (void)arena;
    allocate();
    pages_unmap(addr, size);
    return false;
}

static void
plain_destroy(extent_hooks_t *hooks, void *addr, size_t size, bool committed, unsigned arena) {
    plain_dalloc(hooks, addr, size, committed, arena);
}

static bool
allow_split(extent_hooks_t *hooks, void *addr, size_t size, size_t a, size_t b, bool committed, unsigned arena) {
    (void)hooks, (void)addr, (void)size, (void)a, (void)b, (void)committed, (void)arena;
    allocate();
    return false;
}

static bool
allow_merge(extent_hooks_t *hooks, void *a, size_t size_a, void *b, size_t size_b, bool committed, unsigned arena) {
    (void)hooks, (void)a, (void)size_a, (void)b, (void)size_b, (void)committed, (void)arena;
    allocate();
    return false;
}

static extent_hooks_t counting = {
    .alloc = plain_alloc,
    .dalloc = plain_dalloc,
    .destroy = plain_destroy,
    .purge_forced = counting_purge,
    .split = allow_split,
    .merge = allow_merge,
};

static void
begin_counting(int64_t dirty_ms) {
    begin(dirty_ms, 0);
    atomic_set_release(&pa.hooks, &counting);
    ncalls = 0;
    nbytes = 0;
}

/* Pages that became free one by one are given back in one call, because they lie side by side. */
static void
test_batched_purging_of_neighbours(void **state) {
    (void)state;
    extent_t *e[200];
    begin_counting(-1);
    extent_t *whole = alloc_pages(&pa, 200);
    pa_dalloc(&pa, whole);
    for (unsigned i = 0; i < 200; i++) {
        e[i] = alloc_pages(&pa, 1);
    }
    for (unsigned i = 0; i < 200; i++) {
        pa_dalloc(&pa, e[i * 7 % 200]);
    }
    pa_purge_all(&pa);
    assert_int_equal(ncalls, 1);
    assert_int_equal(nbytes, 200 * sc.page);
    assert_int_equal(atomic_get(&pa.dirty.purges.ncalls), 1);
    end();
}

/* One call for each separate extent, however many of them one pass takes at a time; and one pass. */
static void
test_one_call_for_each_extent(void **state) {
    (void)state;
    extent_t *e[100], *live[100];
    begin_counting(-1);
    alloc_apart(e, live, 100, 3);
    free_all(e, 100);
    pa_purge_all(&pa);
    assert_int_equal(ncalls, 100);
    assert_int_equal(nbytes, 300 * sc.page);
    assert_int_equal(atomic_get(&pa.dirty.purges.ncalls), 100);
    assert_int_equal(atomic_get(&pa.dirty.purges.npasses), 1);
    free_all(live, 100);
    end();
}

/* Along the whole curve, no call is for less than is worth one, but the last. */
static void
test_no_small_calls(void **state) {
    (void)state;
    uint64_t end_time;
    begin_counting(1000);
    pa_dalloc(&pa, alloc_pages(&pa, 1000));
    run_purger(&end_time);
    assert_int_equal(nbytes, 1000 * sc.page);
    assert_in_range(ncalls, 10, 1000 / 16 + 1);
    assert_int_equal(atomic_get(&pa.dirty.purges.ncalls), ncalls);
    end();
}

/* Above the cap, a whole share is given back at once: the next deallocations are free of calls. */
static void
test_batched_purging_over_dirty_max(void **state) {
    (void)state;
    extent_t *e[800];
    begin_counting(-1);
    extent_t *whole = alloc_pages(&pa, 800);
    pa_dalloc(&pa, whole);
    for (unsigned i = 0; i < 800; i++) {
        e[i] = alloc_pages(&pa, 1);
    }
    atomic_set(&pa.dirty_max, (int64_t)(400 * sc.page));
    for (unsigned i = 0; i < 800; i++) {
        pa_dalloc(&pa, e[i]);
        assert_true(ndirty() <= 400);
    }
    assert_in_range(ncalls, 1, 400 / (400 / 8) + 1);
    assert_true(ndirty() >= 350);
    end();
}

/* ---- an idle process ---- */

/* Nobody looked since the pages came; one call of decay later than their time gives all of them back. */
static void
test_one_decay_after_idling(void **state) {
    (void)state;
    uint64_t now = UINT64_C(1) << 60;
    pages_begin(&pa, 1000, 0);
    pa_decay(&pa, 0);
    pa_dalloc(&pa, alloc_pages(&pa, 1000));
    assert_int_equal(ndirty(), 1000);
    pa_decay(&pa, now);
    assert_int_equal(ndirty(), 0);
    pages_end(&pa);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_background_starts_lazily),
        cmocka_unit_test(test_background_starts_later_in_a_young_process),
        cmocka_unit_test(test_inherited_pages_start_nothing),
        cmocka_unit_test(test_offer),
        cmocka_unit_test(test_rest_tells_of_pages),
        cmocka_unit_test(test_growth_is_told_if_asked_for),
        cmocka_unit_test(test_wake_by_first_and_by_many_pages),
        cmocka_unit_test(test_wake_again_after_all_is_gone),
        cmocka_unit_test(test_wake_by_change_of_time),
        cmocka_unit_test(test_no_wake_without_decay),
        cmocka_unit_test(test_wake_by_muzzy_pages),
        cmocka_unit_test(test_background_costs_nothing_when_off),
        cmocka_unit_test(test_ticks_account_only),
        cmocka_unit_test(test_ticks_purge_until_it_runs),
        cmocka_unit_test(test_background_sleeps_until_the_next_deadline),
        cmocka_unit_test(test_due_with_muzzy),
        cmocka_unit_test(test_batched_purging_of_neighbours),
        cmocka_unit_test(test_one_call_for_each_extent),
        cmocka_unit_test(test_no_small_calls),
        cmocka_unit_test(test_batched_purging_over_dirty_max),
        cmocka_unit_test(test_one_decay_after_idling),
    };
    return cmocka_run_group_tests_name("extent/purger", tests, boot_allocator, NULL);
}
