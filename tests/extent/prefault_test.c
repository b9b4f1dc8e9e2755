/*
 * prefault_test.c -- an arena that grows takes its fresh pages in batches: when, how large, which pages are resident
 * afterwards, and what stops it.
 */
#include "pages.h"

#include "base/options.h"
#include "extent/mappings.h"
#include "extent/prefault.h"
#include "os/populate.h"

#include <stdio.h>
#include <sys/mman.h>

#define MEGABYTE ((size_t)1 << 20)
#define PREFAULT (2 * MEGABYTE)
#define SLAB     2 /* pages */
#define HUGE     (sc.page / 8)

static page_alloc_t pa;
static extent_t *extents[4096];
static unsigned nextents;
static unsigned commits; /* how often the system was asked to commit, or to populate */

static size_t
ndirty(void) {
    return atomic_get(&pa.dirty.extents.npages);
}

static size_t
resident(void) {
    return pa_resident_pages(&pa);
}

static extent_t *
keep(extent_t *e) {
    assert_non_null(e);
    assert_in_range(nextents, 0, LENGTH(extents) - 1);
    extents[nextents++] = e;
    return e;
}

static extent_t *
new_slab(void) {
    bool zeroed = false;
    return keep(alloc_extent(&pa, SLAB * sc.page, sc.page, sc_index(64), true, &zeroed));
}

/* A system that populates, regions that are larger than what is taken from them, and an arena without pages. */
static int
begin(void **state) {
    (void)state;
    nextents = 0;
    atomic_set(&options.prefault, PREFAULT);
    pages_begin(&pa, 10000, 0);
    return 0;
}

static int
end(void **state) {
    (void)state;
    atomic_set(&fault_slot, NULL);
    atomic_set(&options.prefault, DEFAULT_PREFAULT);
    while (nextents > 0) {
        pa_dalloc(&pa, extents[--nextents]);
    }
    pages_end(&pa);
    return 0;
}

/* Under VirtualAlloc's rules pages cannot be purged; so what is retained is not committed, and is no batch. */
static void
need_batches(void) {
    void *page = pages_map(sc.page, sc.page);
    bool can = !config_torture && page != NULL && pages_populate(page, sc.page, false);
    can = can && pages_purge_forced(page, sc.page);
    pages_unmap(page, sc.page);
    if (!can) {
        print_message("skip: regions are minimal, or the system does not populate or purge\n");
        skip();
    }
}

/* Allocates without writing to it, in pieces, so that regions grow beyond what is taken. Leaves no dirty page. */
static void
grow(size_t npages) {
    for (size_t left = npages, piece; left > 0; left -= piece) {
        piece = left < MEGABYTE / sc.page ? left : MEGABYTE / sc.page;
        keep(alloc_unmoved(&pa, piece));
    }
    assert_int_equal(ndirty(), 0);
}

static bool
is_resident(uintptr_t page) {
    unsigned char in;
    assert_int_equal(mincore((void *)page, sc.page, &in), 0);
    return (in & 1) != 0;
}

/* Takes slabs until there is no dirty page; the next one makes a batch, whose pages this returns. */
static size_t
next_batch(void) {
    while (ndirty() > 0) {
        new_slab();
    }
    new_slab();
    return ndirty() + SLAB;
}

static void
test_small_arenas_make_no_batch(void **state) {
    (void)state;
    need_batches();
    grow(PREFAULT_FROM - 4 * SLAB);
    for (unsigned i = 0; i < 4; i++) {
        new_slab();
        assert_int_equal(ndirty(), 0);
    }
    new_slab();
    assert_int_equal(ndirty(), PREFAULT_LEAST - SLAB);
}

static void
assert_resident(uintptr_t addr, size_t npages) {
    for (size_t i = 0; i < npages; i++) {
        assert_true(is_resident(addr + i * sc.page));
    }
}

/* The slab is the batch's lowest part, and the next slabs follow it. */
static void
test_batch_is_resident_and_next_slabs_take_it(void **state) {
    (void)state;
    need_batches();
    grow(PREFAULT_FROM);
    const extent_t *first = new_slab();
    assert_resident(first->addr, PREFAULT_LEAST);
    assert_false(is_resident(first->addr + PREFAULT_LEAST * sc.page));
    for (unsigned i = 1; i < PREFAULT_LEAST / SLAB; i++) {
        assert_int_equal(new_slab()->addr, first->addr + i * SLAB * sc.page);
    }
    assert_int_equal(ndirty(), 0);
    for (size_t i = 0; i < PREFAULT_LEAST * sc.page; i++) {
        assert_int_equal(((const char *)first->addr)[i], 0);
    }
    check_pages(&pa, (PREFAULT_FROM + PREFAULT_LEAST) * sc.page);
}

/* Large allocations may stay untouched. */
static void
test_large_allocations_make_no_batch(void **state) {
    (void)state;
    need_batches();
    grow(PREFAULT_FROM);
    extent_t *large = keep(alloc_pages(&pa, 8));
    assert_int_equal(ndirty(), 0);
    assert_false(is_resident(large->addr));
}

/* Twice as many each time, and never more than the share. */
static void
test_batches_double_up_to_the_share(void **state) {
    (void)state;
    need_batches();
    grow(5 * PREFAULT_FROM / 2);
    assert_int_equal(next_batch(), PREFAULT_LEAST);
    assert_int_equal(next_batch(), 2 * PREFAULT_LEAST);
    size_t share = resident() / PREFAULT_SHARE;
    assert_int_equal(next_batch(), share);
    assert_in_range(share, 2 * PREFAULT_LEAST, 3 * PREFAULT_LEAST);
}

static void
test_small_pages_up_to_a_limit(void **state) {
    (void)state;
    need_batches();
    grow(16 * PREFAULT_FROM);
    for (size_t n = PREFAULT_LEAST; n < 16 * PREFAULT_LEAST; n *= 2) {
        assert_int_equal(next_batch(), n < PREFAULT_SMALL ? n : PREFAULT_SMALL);
    }
}

/* What was prefaulted in vain begins anew. */
static void
test_purged_pages_end_a_streak(void **state) {
    (void)state;
    need_batches();
    grow(4 * PREFAULT_FROM);
    assert_int_equal(next_batch(), PREFAULT_LEAST);
    assert_int_equal(next_batch(), 2 * PREFAULT_LEAST);
    pa_purge_all(&pa);
    assert_int_equal(next_batch(), PREFAULT_LEAST);
    assert_int_equal(next_batch(), 2 * PREFAULT_LEAST);
}

/* ---- huge pages ---- */

/* Grows until the share is a huge page, and makes batches up to that. */
static void
grow_to_huge(void) {
    grow(PREFAULT_SHARE * HUGE / 2);
    for (size_t n = PREFAULT_LEAST; n < HUGE / 2; n *= 2) {
        assert_in_range(next_batch(), PREFAULT_LEAST, PREFAULT_SMALL);
    }
}

static void
test_huge_batches(void **state) {
    (void)state;
    need_batches();
    if (HUGE * sc.page > PREFAULT) {
        skip();
    }
    grow_to_huge();
    size_t borders = mappings_borders();
    assert_int_equal(next_batch(), HUGE);
    uintptr_t at = extents[nextents - 1]->addr;
    assert_int_equal(at % (HUGE * sc.page), 0);
    assert_resident(at, HUGE);
    assert_int_equal(mappings_borders(), borders + 2);
    assert_int_equal(next_batch(), HUGE);
    assert_int_equal(extents[nextents - 1]->addr, at + HUGE * sc.page);
    assert_int_equal(mappings_borders(), borders + 2);
}

static void
test_no_huge_batch_where_thp_is_never(void **state) {
    (void)state;
    need_batches();
    pa_set_thp(&pa, pages_thp_never);
    grow_to_huge();
    assert_int_equal(next_batch(), PREFAULT_SMALL);
    assert_int_equal(next_batch(), PREFAULT_SMALL);
}

/* Bytes in huge pages of the mapping that an address is in. */
static size_t
huge_bytes_at(uintptr_t addr) {
    char line[256];
    unsigned long from, to, kib, found = 0;
    bool here = false;
    FILE *file = fopen("/proc/self/smaps", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
            here = addr >= from && addr < to;
        } else if (here && sscanf(line, "AnonHugePages: %lu kB", &kib) == 1) {
            found = kib;
        }
    }
    fclose(file);
    return found << 10;
}

/* Makes batches until they cover a huge page's range; returns its address, and what it was before in *was_huge. */
static uintptr_t
fill_huge_range(size_t *was_huge) {
    next_batch();
    uintptr_t at = (extents[nextents - 1]->addr | (HUGE * sc.page - 1)) + 1;
    uintptr_t end = at + HUGE * sc.page;
    *was_huge = huge_bytes_at(at);
    while (pa.prefault.run_end < end) {
        next_batch();
    }
    return at;
}

static void
test_small_pages_are_collapsed(void **state) {
    (void)state;
    need_batches();
    if (HUGE * sc.page > PREFAULT) {
        skip();
    }
    grow(PREFAULT_HUGE * HUGE);
    size_t before;
    uintptr_t at = fill_huge_range(&before);
    if (pa.prefault.no_collapse) {
        print_message("skip: the system does not collapse pages\n");
        skip();
    }
    assert_int_equal(huge_bytes_at(at), before + HUGE * sc.page);
    assert_true(pa.prefault.run_start == at + HUGE * sc.page);
}

/* Pages that were given back must not become resident again. */
static void
test_purge_ends_a_run(void **state) {
    (void)state;
    need_batches();
    grow(PREFAULT_HUGE * HUGE);
    next_batch();
    while (ndirty() > 0) {
        new_slab();
    }
    extent_t *inside = extents[nextents - 3];
    extents[nextents - 3] = extents[nextents - 1];
    nextents--;
    pa_dalloc(&pa, inside);
    pa_purge_all(&pa);
    uintptr_t run_end = pa.prefault.run_end;
    next_batch();
    assert_int_equal(extents[nextents - 1]->addr, run_end);
    assert_int_equal(pa.prefault.run_start, run_end);
}

/* ---- no batch ---- */

static bool
count_commits(fault_kind_t kind) {
    commits += kind == fault_commit;
    return kind == fault_commit;
}

/* The slab is served, nothing is dirty, and the system is not asked again. */
static void
test_refusal_ends_batches(void **state) {
    (void)state;
    need_batches();
    grow(PREFAULT_FROM);
    commits = 0;
    atomic_set(&fault_slot, count_commits);
    const extent_t *slab = new_slab();
    new_slab();
    atomic_set(&fault_slot, NULL);
    assert_int_equal(commits, 1);
    assert_false(is_resident(slab->addr));
    new_slab();
    assert_int_equal(ndirty(), 0);
    check_pages(&pa, (PREFAULT_FROM + 3 * SLAB) * sc.page);
}

static void
assert_no_batch(void) {
    new_slab();
    assert_int_equal(ndirty(), 0);
}

static void
test_settings_that_make_no_batch(void **state) {
    (void)state;
    need_batches();
    grow(PREFAULT_FROM);
    atomic_set(&options.prefault, 0);
    assert_no_batch();
    atomic_set(&options.prefault, PREFAULT);
    pa_set_decay_ms(&pa, extent_dirty, 0, 0);
    assert_no_batch();
    pa_set_decay_ms(&pa, extent_dirty, 10000, 0);
    atomic_set(&pa.dirty_max, (int64_t)(4 * PREFAULT_LEAST * sc.page));
    assert_no_batch();
    atomic_set(&pa.dirty_max, -1);
    atomic_set(&pa.prefault.busy, true);
    assert_no_batch();
    atomic_set(&pa.prefault.busy, false);
    new_slab();
    assert_int_equal(ndirty(), PREFAULT_LEAST - SLAB);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_small_arenas_make_no_batch, begin, end),
        cmocka_unit_test_setup_teardown(test_batch_is_resident_and_next_slabs_take_it, begin, end),
        cmocka_unit_test_setup_teardown(test_large_allocations_make_no_batch, begin, end),
        cmocka_unit_test_setup_teardown(test_batches_double_up_to_the_share, begin, end),
        cmocka_unit_test_setup_teardown(test_small_pages_up_to_a_limit, begin, end),
        cmocka_unit_test_setup_teardown(test_purged_pages_end_a_streak, begin, end),
        cmocka_unit_test_setup_teardown(test_huge_batches, begin, end),
        cmocka_unit_test_setup_teardown(test_no_huge_batch_where_thp_is_never, begin, end),
        cmocka_unit_test_setup_teardown(test_small_pages_are_collapsed, begin, end),
        cmocka_unit_test_setup_teardown(test_purge_ends_a_run, begin, end),
        cmocka_unit_test_setup_teardown(test_refusal_ends_batches, begin, end),
        cmocka_unit_test_setup_teardown(test_settings_that_make_no_batch, begin, end),
    };
    return cmocka_run_group_tests_name("extent/prefault", tests, boot_allocator, NULL);
}
