/*
 * walk_test.c -- the walk over extents. While four threads allocate, each batch that holds a whole arena must account
 * for every page of it once, agree with the totals of the same instant, and lie in mappings of the process.
 */
#include "../api/support.h"
#include "arena/arenas.h"
#include "arena/slab.h"
#include "extent/decay_pass.h"
#include "os/clock.h"

#include <sched.h>
#include <sys/mman.h>

#define MAX_EXTENTS 200000
#define NTHREADS    4

static lunalloc_extent_t *extents;

static int
allocate_room(void **state) {
    boot_allocator(state);
    extents = calloc(MAX_EXTENTS, sizeof *extents);
    return extents == NULL ? -1 : 0;
}

/* ---- mappings of the process ---- */

enum {
    PIECE = 4096 /* pages */
};

/* Asked piece by piece: a list of all mappings would be no picture of one instant, while memory moves. */
static bool
is_mapped(uintptr_t from, uintptr_t to) {
    unsigned char in_core[PIECE];
    size_t most = PIECE * sc.page;
    bool mapped = true;
    for (uintptr_t at = from; at < to && mapped; at += most) {
        mapped = mincore((void *)at, to - at < most ? to - at : most, in_core) == 0;
    }
    return mapped;
}

/* ---- one picture of an arena ---- */

static void
assert_extent(const lunalloc_extent_t *e, uint32_t arena) {
    assert_int_equal(e->arena, arena);
    assert_true(e->size > 0 && e->size % sc.page == 0 && e->addr % sc.page == 0);
    assert_int_equal(e->szind != LUNALLOC_NONE, e->state == LUNALLOC_ACTIVE);
    assert_true(!e->slab || e->state == LUNALLOC_ACTIVE);
    if (e->slab) {
        assert_int_equal(e->nregs, e->size / sc.size[e->szind]);
        assert_true(e->nfree <= e->nregs);
    } else {
        assert_int_equal(e->nregs + e->nfree, 0);
        assert_true(e->state != LUNALLOC_ACTIVE || e->size >= sc.size[e->szind]);
    }
}

/* Extents follow each other without a gap from a head to the end of its region. */
static void
assert_chain(const lunalloc_extent_t *e, const lunalloc_extent_t *previous) {
    if (e->is_head) {
        assert_true(previous == NULL || e->sn > previous->sn);
    } else {
        assert_non_null(previous);
        assert_int_equal(e->addr, previous->addr + previous->size);
        assert_int_equal(e->sn, previous->sn);
    }
}

static void
add_to(lunalloc_page_totals_t *sum, const lunalloc_extent_t *e) {
    switch (e->state) {
    case LUNALLOC_DIRTY:
        sum->dirty += e->size;
        break;
    case LUNALLOC_MUZZY:
        sum->muzzy += e->size;
        break;
    case LUNALLOC_RETAINED:
        sum->retained += e->size;
        break;
    case LUNALLOC_ACTIVE:
    case LUNALLOC_BUSY:
        sum->active += e->size;
        break;
    }
}

static void
assert_picture(size_t n, const lunalloc_page_totals_t *totals) {
    lunalloc_page_totals_t sum = {0};
    for (size_t i = 0; i < n; i++) {
        assert_extent(&extents[i], totals->arena);
        assert_chain(&extents[i], i == 0 ? NULL : &extents[i - 1]);
        add_to(&sum, &extents[i]);
    }
    assert_int_equal(sum.active, totals->active);
    assert_int_equal(sum.dirty, totals->dirty);
    assert_int_equal(sum.muzzy, totals->muzzy);
    assert_int_equal(sum.retained, totals->retained);
    assert_int_equal(totals->mapped, totals->active + totals->dirty + totals->muzzy);
}

static int
by_address(const void *a, const void *b) {
    const lunalloc_extent_t *x = a, *y = b;
    return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* No page twice, and all of them memory of the process. Sorts the picture. */
static void
assert_places(size_t n) {
    qsort(extents, n, sizeof *extents, by_address);
    for (size_t i = 0; i < n; i++) {
        assert_true(i == 0 || extents[i].addr >= extents[i - 1].addr + extents[i - 1].size);
        assert_true(is_mapped(extents[i].addr, extents[i].addr + extents[i].size));
    }
}

static size_t
picture(uint32_t arena, lunalloc_page_totals_t *totals) {
    lunalloc_cursor_t cursor = {.arena = arena};
    size_t n = lunalloc_extents(&cursor, extents, MAX_EXTENTS, totals);
    assert_true(n < MAX_EXTENTS);
    return n;
}

/* ---- load ---- */

static _Atomic bool stop;
static _Atomic unsigned started;

static void *
load(void *arg) {
    uint64_t seed = (uintptr_t)arg + 11;
    void *held[300] = {NULL};
    atomic_add(&started, 1);
    while (!atomic_get(&stop)) {
        size_t k = rnd_below(&seed, 300);
        lunalloc_free(held[k]);
        size_t size = rnd_size(&seed, 18);
        held[k] = lunalloc_malloc(size);
        if (held[k] != NULL && size > 0) {
            *(char *)held[k] = 1;
        }
        if (rnd_below(&seed, 500) == 0) {
            lunalloc_ctl_set("arena.4096.purge", NULL, NULL, 0);
        }
    }
    for (unsigned k = 0; k < 300; k++) {
        lunalloc_free(held[k]);
    }
    return NULL;
}

static void
start_load(pthread_t *threads) {
    atomic_set(&stop, false);
    atomic_set(&started, 0);
    for (uintptr_t i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, load, (void *)i), 0);
    }
    while (atomic_get(&started) < NTHREADS) {
        sched_yield();
    }
}

static void
stop_load(pthread_t *threads) {
    atomic_set(&stop, true);
    for (unsigned i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

static void
test_pictures_under_load(void **state) {
    (void)state;
    pthread_t threads[NTHREADS];
    size_t walked = 0;
    start_load(threads);
    for (unsigned round = 0; round < 60; round++) {
        for (uint32_t i = 0; i < arenas_count(); i++) {
            lunalloc_page_totals_t totals;
            size_t n = picture(i, &totals);
            if (n > 0) {
                assert_picture(n, &totals);
            }
            walked += n;
        }
        sched_yield();
    }
    stop_load(threads);
    assert_true(walked > 0);
}

/* Regions are not given back here, so what a picture shows is mapped still. */
static void
test_mappings_under_load(void **state) {
    (void)state;
    pthread_t threads[NTHREADS];
    assert_false(is_mapped(0, sc.page));
    start_load(threads);
    for (unsigned round = 0; round < 15; round++) {
        for (uint32_t i = 0; i < arenas_count(); i++) {
            lunalloc_page_totals_t totals;
            assert_places(picture(i, &totals));
        }
    }
    stop_load(threads);
}

/* ---- batches ---- */

/* Small batches of a still arena give the same extents as one large one, and end with 0, again and again. */
static void
test_small_batches(void **state) {
    (void)state;
    lunalloc_ctl_set("thread.tcache.flush", NULL, NULL, 0);
    arena_t *arena = arenas_create();
    assert_non_null(arena);
    for (uint32_t i = 0; i < 300; i++) {
        bool zeroed = false;
        assert_non_null(i % 2 == 0 ? arena_malloc_small(arena, i % sc.nsmall, 0)
                                   : arena_malloc_large(arena, sc.nsmall + i % 8, 1, &zeroed));
    }
    lunalloc_page_totals_t totals;
    size_t n = picture(arena->index, &totals);
    assert_picture(n, &totals);
    for (size_t batch = 1; batch < 40; batch += 6) {
        lunalloc_cursor_t cursor = {.arena = arena->index};
        lunalloc_extent_t some[40];
        size_t at = 0, got;
        while ((got = lunalloc_extents(&cursor, some, batch, &totals)) > 0) {
            assert_true(got <= batch && at + got <= n);
            for (size_t i = 0; i < got; i++, at++) {
                assert_int_equal(some[i].addr, extents[at].addr);
                assert_int_equal(some[i].size, extents[at].size);
                assert_int_equal(some[i].state, extents[at].state);
            }
        }
        assert_int_equal(at, n);
        assert_int_equal(lunalloc_extents(&cursor, some, batch, NULL), 0);
    }
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* All arenas: each of them that has pages, in order of their indices; a batch never mixes two. */
static void
test_all_arenas(void **state) {
    (void)state;
    arena_t *made[3];
    for (unsigned i = 0; i < 3; i++) {
        made[i] = arenas_create();
        assert_non_null(made[i]);
        assert_non_null(arena_malloc_small(made[i], 0, 0));
    }
    lunalloc_cursor_t cursor = {.arena = LUNALLOC_ALL};
    bool seen[ARENAS_MAX] = {false};
    uint32_t last = 0;
    size_t n;
    while ((n = lunalloc_extents(&cursor, extents, 7, NULL)) > 0) {
        assert_true(n <= 7);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(extents[i].arena, extents[0].arena);
        }
        assert_true(extents[0].arena >= last);
        last = extents[0].arena;
        seen[last] = true;
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_true(seen[made[i]->index]);
        assert_int_equal(arenas_destroy(made[i]->index), 0);
    }
    assert_true(seen[0]);
}

static void
test_nothing_to_walk(void **state) {
    (void)state;
    const uint32_t none[] = {arenas_count(), ARENAS_MAX - 1, ARENAS_MAX, ARENAS_MAX + 1, LUNALLOC_ALL - 1};
    for (unsigned i = 0; i < sizeof none / sizeof none[0]; i++) {
        lunalloc_cursor_t cursor = {.arena = none[i]};
        assert_int_equal(lunalloc_extents(&cursor, extents, 10, NULL), 0);
    }
    lunalloc_cursor_t cursor = {.arena = 0};
    assert_int_equal(lunalloc_extents(&cursor, extents, 0, NULL), 0);
}

/* A slab is shown from the moment that it has pages: before it has been made out, and after it has left its bin. */
static void
test_slab_that_no_bin_counts(void **state) {
    (void)state;
    lunalloc_page_totals_t totals;
    lunalloc_location_t location;
    pa_request_t request = {.size = sc.slab_size[3], .alignment = sc.page, .szind = 3, .slab = true};
    arena_t *arena = arenas_create();
    assert_non_null(arena);
    extent_t *slab = pa_alloc(&arena->pages, &request);
    assert_non_null(slab);
    atomic_set(&slab->nfree, 123456); /* as its descriptor's last use left it */
    assert_picture(picture(arena->index, &totals), &totals);
    assert_int_equal(lunalloc_find((const void *)slab->addr, &location), 0);
    assert_int_equal(location.extent.nfree, location.extent.nregs);
    assert_false(location.allocated);
    slab_init(slab);
    pa_dalloc(&arena->pages, slab);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* Free extents carry the order in which they will be purged. */
static void
test_purge_order(void **state) {
    (void)state;
    arena_t *arena = arenas_create();
    assert_non_null(arena);
    pa_set_decay_ms(&arena->pages, extent_dirty, -1, clock_coarse_ns());
    void *large[20];
    bool zeroed = false;
    for (unsigned i = 0; i < 20; i++) {
        large[i] = arena_malloc_large(arena, sc.nsmall + 2, 1, &zeroed);
        assert_non_null(large[i]);
    }
    for (unsigned i = 0; i < 20; i += 2) {
        arena_free_large(arena_extent_of(large[i], "test"));
    }
    lunalloc_page_totals_t totals;
    size_t n = picture(arena->index, &totals);
    uint64_t last = 0;
    unsigned ndirty = 0;
    for (unsigned i = 0; i < 20; i += 2) {
        for (size_t k = 0; k < n; k++) {
            if (extents[k].addr == (uintptr_t)large[i] && extents[k].state == LUNALLOC_DIRTY) {
                assert_true(ndirty == 0 || extents[k].lru > last);
                last = extents[k].lru;
                ndirty++;
            }
            assert_true(extents[k].state != LUNALLOC_ACTIVE || extents[k].lru == 0);
        }
    }
    assert_int_equal(ndirty, 10);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_batches),           cmocka_unit_test(test_all_arenas),
        cmocka_unit_test(test_nothing_to_walk),         cmocka_unit_test(test_purge_order),
        cmocka_unit_test(test_pictures_under_load),     cmocka_unit_test(test_mappings_under_load),
        cmocka_unit_test(test_slab_that_no_bin_counts),
    };
    return cmocka_run_group_tests_name("walk", tests, allocate_room, NULL);
}
