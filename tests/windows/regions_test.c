/*
 * regions_test.c -- the rule that no call spans two regions: that the system really refuses, and that the page layer
 * never asks. Regions are made small and lie side by side, everything free is decommitted at once, and the guard
 * (guard.h) looks at each call. scripts/test-windows also runs this against a page layer that merges regions: then the
 * guard must end it.
 */
#include "../extent/pages.h"

#include "base/options.h"
#include "extent/resize.h"
#include "guard.h"

#include <pthread.h>
#include <windows.h>

#define REGION   ((size_t)64 << 10) /* the granularity of addresses: regions of this size can lie side by side */
#define EXTENTS  400
#define ROUNDS   20000
#define THREADS  4
#define BLOCKS   64
#define LG_BLOCK 19

static page_alloc_t pa;
static size_t saved_limit;

static int
small_regions(void **state) {
    (void)state;
    saved_limit = atomic_get(&options.retain_grow_limit);
    atomic_set(&options.retain_grow_limit, REGION);
    return 0;
}

static int
restore_limit(void **state) {
    (void)state;
    atomic_set(&options.retain_grow_limit, saved_limit);
    return 0;
}

/* ---- the rule ---- */

static bool
is_committed(const char *addr) {
    MEMORY_BASIC_INFORMATION info;
    return VirtualQuery(addr, &info, sizeof info) != 0 && info.State == MEM_COMMIT;
}

/* Two regions, the second where the first ends. */
static char *
reserve_neighbours(void) {
    char *room = VirtualAlloc(NULL, 2 * REGION, MEM_RESERVE, PAGE_READWRITE);
    assert_non_null(room);
    assert_true(VirtualFree(room, 0, MEM_RELEASE));
    for (unsigned i = 0; i < 2; i++) {
        char *want = room + i * REGION;
        assert_ptr_equal(VirtualAlloc(want, REGION, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE), want);
    }
    return room;
}

static void
test_system_refuses_to_span_regions(void **state) {
    (void)state;
    char *a = reserve_neighbours();
    char *middle = a + REGION / 2;
    assert_true(guard_within_region(a, REGION) && guard_within_region(a + REGION, REGION));
    assert_false(guard_within_region(middle, REGION));
    assert_false(pages_commit(a, REGION) && VirtualFree(middle, REGION, MEM_DECOMMIT));
    assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
    assert_true(is_committed(middle) && is_committed(a + REGION));
    assert_null(VirtualAlloc(middle, REGION, MEM_COMMIT, PAGE_READWRITE));
    assert_false(VirtualFree(middle, 0, MEM_RELEASE));
    assert_true(pages_decommit(middle, REGION / 2));
    assert_false(is_committed(middle));
    assert_true(is_committed(a) && is_committed(a + REGION));
    pages_unmap(a, REGION);
    pages_unmap(a + REGION, REGION);
}

/* ---- one arena's pages ---- */

/* Regions that end where another begins. */
static unsigned
count_neighbours(void) {
    unsigned n = 0;
    pa_lock_layout(&pa);
    for (const region_t *a = pa.regions; a != NULL; a = a->next) {
        const extent_t *next = pagemap_extent(a->addr + a->size);
        n += next != NULL && next->is_head && extent_arena(next) == TEST_ARENA;
    }
    pa_unlock_layout(&pa);
    return n;
}

/* Puts an extent of 1 .. 3 regions' size, or of few pages, into a slot; or frees, grows or shrinks the one there. */
static void
step(extent_t **slot, uint64_t *seed) {
    size_t region_pages = REGION / sc.page;
    size_t npages = random_below(seed, 2) == 0 ? region_pages * (1 + random_below(seed, 3)) : 1 + random_below(seed, 9);
    if (*slot == NULL) {
        *slot = alloc_pages(&pa, npages);
        assert_non_null(*slot);
        memset((void *)(*slot)->addr, 0xa5, (*slot)->size);
    } else if (random_below(seed, 2) == 0) {
        pa_dalloc(&pa, *slot);
        *slot = NULL;
    } else if (npages < extent_npages(*slot)) {
        pa_shrink(&pa, *slot, npages * sc.page, sc_index(npages * sc.page));
    } else if (npages > extent_npages(*slot) && pa_expand(&pa, *slot, npages * sc.page, sc_index(npages * sc.page))) {
        memset((void *)(*slot)->addr, 0xa5, (*slot)->size);
    }
}

/* Decays at once, so that all that becomes free is decommitted there and then. */
static void
test_page_layer_never_spans_regions(void **state) {
    (void)state;
    static extent_t *slots[EXTENTS];
    uint64_t seed = 1, decommits = atomic_get(&guard_counts.decommits), commits = atomic_get(&guard_counts.commits);
    pages_begin(&pa, 0, 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        step(&slots[random_below(&seed, EXTENTS)], &seed);
        if (i % 1000 == 0) {
            assert_null(walk(&pa).broken);
        }
    }
    assert_in_range(atomic_get(&pa.nregions), 20, EXTENTS * 3);
    assert_in_range(count_neighbours(), 10, EXTENTS * 3);
    for (unsigned i = 0; i < EXTENTS; i++) {
        if (slots[i] != NULL) {
            pa_dalloc(&pa, slots[i]);
        }
    }
    layout_t layout = check_pages(&pa, 0);
    assert_int_equal(layout.bytes[extent_retained], layout.mapped);
    assert_in_range(layout.count[extent_retained], layout.nregions, layout.nregions);
    assert_true(atomic_get(&guard_counts.decommits) - decommits > ROUNDS / 10);
    assert_true(atomic_get(&guard_counts.commits) - commits > ROUNDS / 10);
    pages_end(&pa);
}

/* ---- the whole allocator ---- */

static void *
churn(void *argument) {
    uint64_t seed = (uintptr_t)argument;
    static __thread char *blocks[BLOCKS];
    for (unsigned i = 0; i < ROUNDS; i++) {
        char **block = &blocks[random_below(&seed, BLOCKS)];
        size_t size = random_below(&seed, 2U << random_below(&seed, LG_BLOCK));
        lunalloc_free(*block);
        *block = lunalloc_malloc(size);
        if (*block != NULL && size > 0) {
            (*block)[0] = (*block)[size - 1] = 1;
        }
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        lunalloc_free(blocks[i]);
    }
    return NULL;
}

static void
test_allocator_never_spans_regions_under_load(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    uint64_t decommits = atomic_get(&guard_counts.decommits);
    char message[128];
    assert_int_equal(lunalloc_ctl_set("arena.4096.dirty_decay_ms", "0", message, sizeof message), 0);
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    lunalloc_stats_t stats;
    assert_int_equal(lunalloc_stats(LUNALLOC_ALL, &stats), 0);
    assert_true(stats.nregions > 20);
    assert_true(atomic_get(&guard_counts.decommits) - decommits > ROUNDS / 10);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_system_refuses_to_span_regions),
        cmocka_unit_test_setup_teardown(test_page_layer_never_spans_regions, small_regions, restore_limit),
        cmocka_unit_test_setup_teardown(test_allocator_never_spans_regions_under_load, small_regions, restore_limit),
    };
    return cmocka_run_group_tests_name("windows/regions", tests, boot_allocator, NULL);
}
