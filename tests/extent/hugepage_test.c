/* hugepage_test.c -- a hugepage-aware arena, with small huge pages that the tests set themselves: regions, what
 * decay and the cap take, what an explicit purge takes, and that nothing which is free stays in the end. */
#include "pages.h"

#include "os/pages.h"

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)
/* Pages of a huge page. */
#define HUGE_NPAGES 64U
#define LIVE        400U

static page_alloc_t pa;
static size_t hugepage;

static void
begin(int64_t dirty_ms, int64_t muzzy_ms) {
    pages_begin(&pa, dirty_ms, muzzy_ms);
    hugepage = HUGE_NPAGES * sc.page;
    pa_lock_layout(&pa);
    extents_set_hugepage(&pa.dirty.extents, hugepage);
    extents_set_hugepage(&pa.muzzy.extents, hugepage);
    pa_unlock_layout(&pa);
}

static void
end(void) {
    pa_purge_all(&pa);
    pages_end(&pa);
}

static size_t
ndirty(void) {
    return atomic_get(&pa.dirty.extents.npages);
}

static uint64_t
nmadvise(void) {
    return atomic_get(&pa.dirty.purges.ncalls) + atomic_get(&pa.muzzy.purges.ncalls);
}

/* Where memory is committed before it is used, what is retained cannot be gathered, and no arena is hugepage-aware. */
static bool
commits(void) {
    bool committed;
    void *page = pages_reserve(sc.page, sc.page, &committed);
    pages_unmap(page, sc.page);
    return !committed;
}

/* A run of n extents of a page each, one behind the other, that begins with a huge page; nothing else is there, and
 * nothing was counted. */
static void
alloc_run(extent_t **e, unsigned n) {
    pa_dalloc(&pa, alloc_aligned(&pa, n, hugepage));
    pa_purge_all(&pa);
    atomic_set(&pa.dirty.purges.ncalls, 0);
    atomic_set(&pa.muzzy.purges.ncalls, 0);
    atomic_set(&pa.dirty.purges.npasses, 0);
    atomic_set(&pa.purged_bytes, 0);
    e[0] = alloc_aligned(&pa, 1, hugepage);
    for (unsigned i = 1; i < n; i++) {
        e[i] = alloc_pages(&pa, 1);
        assert_non_null(e[i]);
        assert_int_equal(e[i]->addr, extent_end(e[i - 1]));
    }
}

static void
test_regions_are_of_whole_huge_pages(void **state) {
    (void)state;
    extent_t *e[20];
    begin(-1, 0);
    for (unsigned i = 0; i < 20; i++) {
        e[i] = alloc_aligned(&pa, 1 + i * 17, i % 5 == 0 ? 4 * hugepage : sc.page);
        assert_non_null(e[i]);
    }
    pa_lock_layout(&pa);
    for (const region_t *region = pa.regions; region != NULL; region = region->next) {
        assert_int_equal(region->addr % hugepage, 0);
        assert_int_equal(region->size % hugepage, 0);
    }
    pa_unlock_layout(&pa);
    for (unsigned i = 0; i < 20; i++) {
        pa_dalloc(&pa, e[i]);
    }
    end();
}

/* Eight huge pages; in every second one a page stays in use. Decay takes the others, whole. */
static void
test_decay_takes_whole_huge_pages(void **state) {
    (void)state;
    extent_t *e[8 * HUGE_NPAGES];
    begin(1000, 0);
    alloc_run(e, 8 * HUGE_NPAGES);
    uintptr_t start = e[0]->addr;
    for (unsigned i = 0; i < 8 * HUGE_NPAGES; i++) {
        if (i % (2 * HUGE_NPAGES) != 7) {
            pa_dalloc(&pa, e[i]);
        }
    }
    pa_decay(&pa, 0);
    assert_int_equal(ndirty(), 8 * HUGE_NPAGES - 4);
    assert_int_equal(extents_purgeable(&pa.dirty.extents), 4 * HUGE_NPAGES);
    check_pages(&pa, 4 * sc.page);
    pa_decay(&pa, 2 * SECOND);
    assert_int_equal(ndirty(), 4 * (HUGE_NPAGES - 1));
    assert_int_equal(atomic_get(&pa.purged_bytes), 4 * hugepage);
    check_pages(&pa, 4 * sc.page);
    for (unsigned i = 0; i < 4; i++) {
        const extent_t *purged = extent_at(start + (2 * i + 1) * hugepage);
        assert_int_equal(extent_state(purged), extent_retained);
        assert_true(purged->size >= hugepage);
        pa_dalloc(&pa, e[2 * i * HUGE_NPAGES + 7]);
    }
    assert_int_equal(extents_purgeable(&pa.dirty.extents), 4 * HUGE_NPAGES);
    pa_decay(&pa, 2 * SECOND);
    assert_int_equal(ndirty(), 4 * HUGE_NPAGES);
    pa_decay(&pa, 4 * SECOND);
    assert_int_equal(ndirty(), 0);
    end();
}

/* Nothing to take: no system call and no pass, no reason for the purger to come back. */
static void
test_decay_does_not_try_in_vain(void **state) {
    (void)state;
    extent_t *e[8 * HUGE_NPAGES];
    begin(1000, 0);
    alloc_run(e, 8 * HUGE_NPAGES);
    for (unsigned i = 0; i < 8 * HUGE_NPAGES; i++) {
        if (i % HUGE_NPAGES != 0) {
            pa_dalloc(&pa, e[i]);
        }
    }
    for (uint64_t now = 0; now < 3 * SECOND; now += 5 * MS) {
        pa_tick(&pa, now);
    }
    assert_true(pa_background(&pa, 3 * SECOND) == UINT64_MAX);
    assert_int_equal(nmadvise(), 0);
    assert_int_equal(atomic_get(&pa.dirty.purges.npasses), 0);
    assert_int_equal(ndirty(), 8 * (HUGE_NPAGES - 1));
    for (unsigned i = 0; i < 8 * HUGE_NPAGES; i += HUGE_NPAGES) {
        pa_dalloc(&pa, e[i]);
    }
    assert_true(pa_background(&pa, 3 * SECOND) <= 4 * SECOND);
    end();
}

/* Whole huge pages along the curve, one system call for what lies together; each time that the purger is told to come,
 * there is something to do. */
static void
test_curve_in_huge_pages(void **state) {
    (void)state;
    begin(1000, 0);
    extent_t *e = alloc_aligned(&pa, 40 * HUGE_NPAGES, hugepage);
    pa_dalloc(&pa, e);
    pa_decay(&pa, 0);
    pa_decay(&pa, 500 * MS);
    assert_in_range(ndirty(), 18 * HUGE_NPAGES, 21 * HUGE_NPAGES);
    assert_int_equal(ndirty() % HUGE_NPAGES, 0);
    uint64_t now = 500 * MS;
    for (unsigned round = 0; ndirty() > 0; round++) {
        uint64_t calls = nmadvise();
        now = pa_background(&pa, now);
        assert_true(now < 2 * SECOND && round < 60);
        pa_decay(&pa, now);
        assert_true(nmadvise() > calls);
        assert_int_equal(ndirty() % HUGE_NPAGES, 0);
    }
    assert_true(nmadvise() <= 41);
    end();
}

static void
test_at_once(void **state) {
    (void)state;
    extent_t *e[2 * HUGE_NPAGES];
    begin(0, 0);
    alloc_run(e, 2 * HUGE_NPAGES);
    for (unsigned i = 0; i < 2 * HUGE_NPAGES; i++) {
        pa_dalloc(&pa, e[i]);
        assert_int_equal(ndirty(), (i + 1) % HUGE_NPAGES);
    }
    assert_int_equal(nmadvise(), 2);
    end();
}

/* A cap is one of whole huge pages, and is kept, even if it is less than one. */
static void
test_cap(void **state) {
    (void)state;
    extent_t *e[8 * HUGE_NPAGES];
    begin(-1, 0);
    alloc_run(e, 8 * HUGE_NPAGES);
    atomic_set(&pa.dirty_max, (int64_t)(hugepage - sc.page));
    for (unsigned i = 0; i < 8 * HUGE_NPAGES; i++) {
        if (i % HUGE_NPAGES != 0) {
            pa_dalloc(&pa, e[i]);
        }
    }
    assert_int_equal(nmadvise(), 0);
    assert_int_equal(ndirty(), 8 * (HUGE_NPAGES - 1));
    for (unsigned i = 0; i < 8 * HUGE_NPAGES; i += HUGE_NPAGES) {
        pa_dalloc(&pa, e[i]);
        assert_true(extents_purgeable(&pa.dirty.extents) < HUGE_NPAGES);
    }
    assert_int_equal(ndirty(), 0);
    end();
}

/* An explicit purge is done: all pages are purged, and pages that become free beside them later are still gathered. */
static void
test_purge_takes_everything(void **state) {
    (void)state;
    extent_t *e[4 * HUGE_NPAGES];
    begin(1000, 0);
    alloc_run(e, 4 * HUGE_NPAGES);
    for (unsigned i = 0; i < 4 * HUGE_NPAGES; i += 2) {
        pa_dalloc(&pa, e[i]);
    }
    pa_purge_all(&pa);
    assert_int_equal(ndirty(), 0);
    assert_int_equal(atomic_get(&pa.purged_bytes), 2 * HUGE_NPAGES * sc.page);
    check_pages(&pa, 2 * HUGE_NPAGES * sc.page);
    for (unsigned i = 1; i < 4 * HUGE_NPAGES; i += 2) {
        pa_dalloc(&pa, e[i]);
    }
    check_pages(&pa, 0);
    if (!commits()) {
        assert_int_equal(ndirty(), 4 * HUGE_NPAGES);
        pa_decay(&pa, 0);
        pa_decay(&pa, SECOND);
        assert_int_equal(ndirty(), 0);
    }
    end();
}

/* A little of a fresh huge page was used: all of it goes when that is free. */
static void
test_rest_of_a_fresh_unit_comes_along(void **state) {
    (void)state;
    if (commits()) {
        skip();
    }
    begin(1000, 0);
    extent_t *e = alloc_aligned(&pa, 3, hugepage);
    extent_t *next = alloc_aligned(&pa, 3, 4 * hugepage);
    pa_dalloc(&pa, e);
    assert_int_equal(extents_purgeable(&pa.dirty.extents), HUGE_NPAGES);
    assert_int_equal(ndirty(), HUGE_NPAGES);
    assert_true(pa_shrink(&pa, next, sc.page, sc_index(sc.page)));
    assert_int_equal(extents_purgeable(&pa.dirty.extents), HUGE_NPAGES);
    assert_int_equal(ndirty(), 2 * HUGE_NPAGES - 1);
    pa_dalloc(&pa, next);
    assert_int_equal(extents_purgeable(&pa.dirty.extents), 2 * HUGE_NPAGES);
    end();
}

/* Members that were not whole count again when the arena stops being hugepage-aware, in their order, and the other way
 * round. */
static void
test_unit_changes(void **state) {
    (void)state;
    extent_t *e[4 * HUGE_NPAGES];
    begin(-1, 0);
    alloc_run(e, 4 * HUGE_NPAGES);
    for (unsigned i = 0; i < 3 * HUGE_NPAGES; i++) {
        if (i % HUGE_NPAGES != 5) {
            pa_dalloc(&pa, e[i]);
        }
    }
    static const size_t shares[] = {0, 1, 4, 2, 64, 0};
    for (unsigned i = 0; i < 6; i++) {
        pa_lock_layout(&pa);
        extents_set_hugepage(&pa.dirty.extents, shares[i] * hugepage / 4);
        pa_unlock_layout(&pa);
        check_pages(&pa, (HUGE_NPAGES + 3) * sc.page);
        assert_true(shares[i] > 1 || extents_purgeable(&pa.dirty.extents) > 0);
    }
    assert_int_equal(extents_purgeable(&pa.dirty.extents), ndirty());
    for (unsigned i = 0; i < 4 * HUGE_NPAGES; i++) {
        if (i >= 3 * HUGE_NPAGES || i % HUGE_NPAGES == 5) {
            pa_dalloc(&pa, e[i]);
        }
    }
    end();
}

/* What the system is told follows mode and hooks. */
static void
test_mode_and_hooks(void **state) {
    (void)state;
    size_t huge = pages_huge_size();
    pages_begin(&pa, -1, 0);
    pa_dalloc(&pa, alloc_pages(&pa, 5));
    pa_set_thp(&pa, pages_thp_always);
    assert_int_equal(pa_hugepage_size(&pa), huge);
    assert_int_equal(ndirty(), huge == 0 ? 5 : 0);
    pa_set_hooks(&pa, &hooks_system);
    assert_int_equal(pa_hugepage_size(&pa), 0);
    pa_set_hooks(&pa, NULL);
    assert_int_equal(pa_hugepage_size(&pa), huge);
    pa_set_thp(&pa, pages_thp_never);
    assert_int_equal(pa_hugepage_size(&pa), 0);
    end();
}

/* A random life: unless a purge of all is explicit, whole huge pages are purged; once nothing is in use, decay leaves
 * nothing. */
typedef struct {
    extent_t *e[LIVE];
    uint64_t rnd;
    uint64_t now;
    size_t explicit; /* bytes that explicit purges gave back */
} life_t;

static uint32_t
below(life_t *life, uint32_t n) {
    life->rnd = life->rnd * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((life->rnd >> 33) % n);
}

static size_t
npages_of(life_t *life) {
    return below(life, 8) == 0 ? 1 + below(life, 5 * HUGE_NPAGES) : 1 + below(life, 6);
}

static void
step(life_t *life) {
    unsigned i = below(life, LIVE);
    uint32_t what = below(life, 100);
    extent_t *e = life->e[i];
    if (what == 0) {
        uint64_t purged = atomic_get(&pa.purged_bytes);
        pa_purge_all(&pa);
        life->explicit += atomic_get(&pa.purged_bytes) - purged;
    } else if (what < 6) {
        life->now += below(life, 200) * MS;
        pa_decay(&pa, life->now);
    } else if (e != NULL && what < 12 && e->size > sc.page) {
        pa_shrink(&pa, e, sc.page, sc_index(sc.page));
    } else if (e != NULL && what < 18) {
        pa_expand(&pa, e, e->size + sc.page, sc_index(e->size + sc.page));
    } else if (e != NULL) {
        pa_dalloc(&pa, e);
        life->e[i] = NULL;
    } else {
        life->e[i] = alloc_aligned(&pa, npages_of(life), what < 22 ? 2 * hugepage : sc.page);
        assert_non_null(life->e[i]);
    }
}

static void
live(uint64_t seed, int64_t muzzy_ms) {
    life_t life = {.rnd = seed};
    begin(1000, muzzy_ms);
    for (unsigned n = 0; n < 20000; n++) {
        step(&life);
        assert_int_equal((atomic_get(&pa.purged_bytes) - life.explicit) % hugepage, 0);
        if (n % 500 == 0) {
            check_pages(&pa, walk(&pa).bytes[extent_active]);
        }
    }
    for (unsigned i = 0; i < LIVE; i++) {
        if (life.e[i] != NULL) {
            pa_dalloc(&pa, life.e[i]);
        }
    }
    for (unsigned i = 0; i < 4; i++, life.now += 2 * SECOND) {
        pa_decay(&pa, life.now);
    }
    if (!commits()) {
        assert_int_equal(ndirty() + atomic_get(&pa.muzzy.extents.npages), 0);
    }
    end();
}

static void
test_random_life(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        live(seed, 0);
        live(seed, 1000);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regions_are_of_whole_huge_pages),
        cmocka_unit_test(test_decay_takes_whole_huge_pages),
        cmocka_unit_test(test_decay_does_not_try_in_vain),
        cmocka_unit_test(test_curve_in_huge_pages),
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_purge_takes_everything),
        cmocka_unit_test(test_rest_of_a_fresh_unit_comes_along),
        cmocka_unit_test(test_unit_changes),
        cmocka_unit_test(test_mode_and_hooks),
        cmocka_unit_test(test_random_life),
    };
    return cmocka_run_group_tests_name("extent/hugepage", tests, boot_allocator, NULL);
}
