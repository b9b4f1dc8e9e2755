/*
 * hooks_test.c -- an arena's hooks refuse, one kind at a time, or return nonsense. After each step the whole structure
 * is checked, and the number of extents is what the splits and merges that were allowed make it.
 */
#include "provider.h"

#include "os/pages.h"

/* ---- alloc ---- */

static void
test_alloc_refused(void **state) {
    (void)state;
    begin(0);
    refuse(kind_alloc, true);
    assert_null(alloc_pages(&pa, 5));
    assert_true(provider.calls[kind_alloc] > 0);
    settled(0);
    refuse(kind_alloc, false);
    extent_t *e = alloc_pages(&pa, 5);
    assert_non_null(e);
    assert_null((refuse(kind_alloc, true), alloc_pages(&pa, (size_t)1 << 16)));
    settled(5);
    pa_dalloc(&pa, e);
    end();
}

/* In a child: an alloc hook that returns this address. The arena works on as if there were no memory. */
static int
return_nonsense(void *address) {
    provider.nonsense = address;
    size_t mapped = atomic_get(&pa.mapped);
    if (alloc_pages(&pa, 1 << 12) != NULL || atomic_get(&pa.mapped) != mapped) {
        return 1;
    }
    if (config_debug) {
        pa_check(&pa);
    }
    provider.nonsense = NULL;
    extent_t *e = alloc_pages(&pa, 1 << 12);
    if (e == NULL || walk(&pa).broken != NULL) {
        return 2;
    }
    pa_dalloc(&pa, e);
    return 0;
}

static void
assert_refused_with_warning(uintptr_t address) {
    static const char warning[] = "lunalloc: the alloc hook of an arena returned memory that is misaligned, out of "
                                  "range or in use; it is not used\n";
    child_t child = run_child(return_nonsense, (void *)address);
    if (child.status != 0 || strncmp(child.text, warning, strlen(warning)) != 0) {
        fail_msg("0x%zx: wait status 0x%x, output: %s", address, (unsigned)child.status, child.text);
    }
}

static void
test_hook_alloc_nonsense(void **state) {
    (void)state;
    begin(0);
    extent_t *e = alloc_pages(&pa, 64);
    assert_refused_with_warning(e->addr + 1);                    /* misaligned */
    assert_refused_with_warning(sc.page / 2);                    /* misaligned */
    assert_refused_with_warning((uintptr_t)1 << 63);             /* the kernel's half */
    assert_refused_with_warning(((uintptr_t)1 << 47) - sc.page); /* ends there */
    assert_refused_with_warning(UINTPTR_MAX & ~(sc.page - 1));   /* wraps */
    assert_refused_with_warning(e->addr);                        /* starts where ours starts */
    assert_refused_with_warning(e->addr + 7 * sc.page);          /* starts inside of ours */
    assert_refused_with_warning(e->addr - 7 * sc.page);          /* ours starts inside of it */
    settled(64);
    pa_dalloc(&pa, e);
    end();
}

/* ---- dalloc, destroy ---- */

/* A region that is wholly retained is offered at once. */
static void
test_dalloc_refused(void **state) {
    (void)state;
    begin(0);
    extent_t *e = alloc_pages(&pa, 40);
    uint64_t sn = e->sn;
    refuse(kind_dalloc, true);
    pa_dalloc(&pa, e);
    assert_int_equal(provider.calls[kind_dalloc], 0);
    pa_purge_all(&pa);
    assert_int_equal(provider.calls[kind_dalloc], 1);
    assert_false(pa_release_unused(&pa));
    assert_int_equal(provider.calls[kind_dalloc], 2);
    layout_t layout = settled(0);
    assert_int_equal(layout.bytes[extent_retained], layout.mapped);
    e = alloc_pages(&pa, 40);
    assert_true(e->sn > sn);
    assert_int_equal(provider.calls[kind_alloc], 1);
    pa_dalloc(&pa, e);
    refuse(kind_dalloc, false);
    pa_purge_all(&pa);
    assert_int_equal(provider.done[kind_dalloc], 1);
    assert_int_equal(atomic_get(&pa.mapped), 0);
    assert_int_equal(provider.bytes_held, 0);
    end();
}

/* A hook that refuses is called for one region at a purge, and for another one at the next. */
static void
test_dalloc_refused_is_asked_once_a_purge(void **state) {
    (void)state;
    extent_t *e[20];
    begin(0);
    provider.hooks.split = NULL; /* a region each */
    refuse(kind_dalloc, true);
    for (unsigned i = 0; i < 20; i++) {
        e[i] = alloc_pages(&pa, 8 + i);
    }
    for (unsigned i = 0; i < 20; i++) {
        pa_dalloc(&pa, e[i]);
        pa_purge_all(&pa);
    }
    assert_int_equal(provider.calls[kind_dalloc], 20);
    assert_int_equal(atomic_get(&pa.nregions), 20);
    refuse(kind_dalloc, false);
    pa_dalloc(&pa, alloc_pages(&pa, 8));
    pa_purge_all(&pa);
    assert_int_equal(atomic_get(&pa.nregions), 0);
    end();
}

/* What is in use in part stays whole. */
static void
test_dalloc_of_whole_regions_only(void **state) {
    (void)state;
    begin(0);
    extent_t *e = with_dirty_behind(16);
    pa_purge_all(&pa);
    assert_int_equal(provider.calls[kind_dalloc], 0);
    pa_dalloc(&pa, e);
    pa_purge_all(&pa);
    assert_int_equal(provider.done[kind_dalloc], 1);
    end();
}

/* Destruction calls another hook, which cannot refuse. */
static void
test_destroy(void **state) {
    (void)state;
    begin(0);
    refuse(kind_dalloc, true);
    pa_dalloc(&pa, alloc_pages(&pa, 40));
    end();
    assert_int_equal(provider.done[kind_dalloc], 0);
    assert_int_equal(provider.done[kind_destroy], provider.done[kind_alloc]);
}

/* Without that one, it is dalloc that takes all back. */
static void
test_destroy_without_a_hook_for_it(void **state) {
    (void)state;
    begin(0);
    provider.hooks = (extent_hooks_t){.alloc = do_alloc, .dalloc = do_dalloc};
    refuse(kind_dalloc, true);
    extent_t *e = alloc_pages(&pa, 40);
    pa_dalloc(&pa, alloc_pages(&pa, 8));
    pa_dalloc(&pa, e);
    pa_purge_all(&pa);
    assert_int_equal(atomic_get(&pa.nregions), 2);
    refuse(kind_dalloc, false);
    end();
    assert_int_equal(provider.done[kind_dalloc], 2);
}

/* ---- commit, decommit ---- */

static void
test_commit_refused(void **state) {
    (void)state;
    begin(0);
    provider.uncommitted = true;
    refuse(kind_commit, true);
    assert_null(alloc_pages(&pa, 10));
    assert_true(provider.calls[kind_commit] > 0);
    settled(0);
    refuse(kind_commit, false);
    extent_t *e = alloc_pages(&pa, 10);
    assert_non_null(e);
    assert_true(e->committed);
    memset((void *)e->addr, 1, e->size);
    settled(10);
    pa_dalloc(&pa, e);
    end();
}

/* Pages behind an allocation that could not be committed stay what they were. */
static void
test_commit_refused_in_expand(void **state) {
    (void)state;
    begin(0);
    extent_t *e = with_dirty_behind(8);
    refuse(kind_purge_forced, true);
    pa_purge_all(&pa);
    assert_int_equal(provider.done[kind_decommit], 1);
    refuse(kind_commit, true);
    assert_false(pa_expand(&pa, e, 16 * sc.page, sc_index(16 * sc.page)));
    assert_int_equal(e->size, 8 * sc.page);
    settled(8);
    refuse(kind_commit, false);
    assert_true(pa_expand(&pa, e, 16 * sc.page, sc_index(16 * sc.page)));
    assert_true(e->committed);
    settled(16);
    pa_dalloc(&pa, e);
    end();
}

/* ---- split ---- */

static void
test_split_refused(void **state) {
    (void)state;
    begin(0);
    extent_t *whole = alloc_pages(&pa, 32);
    refuse(kind_split, true);
    assert_false(pa_shrink(&pa, whole, 16 * sc.page, sc_index(16 * sc.page)));
    assert_int_equal(whole->size, 32 * sc.page);
    assert_int_equal(whole->szind, sc_index(32 * sc.page));
    settled(32);
    pa_dalloc(&pa, whole);
    extent_t *e = alloc_pages(&pa, 16);
    assert_non_null(e); /* a region of just this size: nothing may be cut */
    assert_int_equal(e->size, 16 * sc.page);
    assert_true(e->is_head);
    settled(16);
    pa_dalloc(&pa, e);
    end();
}

/* A purge of half of an extent, which may not be cut, takes all of it. */
static void
test_split_refused_in_purge(void **state) {
    (void)state;
    begin(0);
    pa_dalloc(&pa, alloc_pages(&pa, 64));
    size_t dirty = atomic_get(&pa.dirty.extents.npages);
    refuse(kind_split, true);
    atomic_set(&pa.dirty_max, (int64_t)(dirty / 2 * sc.page));
    pa_dirtied(&pa);
    assert_int_equal(atomic_get(&pa.dirty.extents.npages), 0);
    settled(0);
    end();
}

/* A split that the hook agreed to always happens: the descriptor is allocated before. */
static bool
no_metadata(fault_kind_t kind) {
    return kind == fault_metadata;
}

static void
test_split_without_memory(void **state) {
    (void)state;
    begin(0);
    extent_t *e = alloc_pages(&pa, 32);
    unsigned splits = provider.calls[kind_split];
    atomic_set_release(&fault_slot, no_metadata);
    bool shrunk = pa_shrink(&pa, e, 16 * sc.page, sc_index(16 * sc.page));
    atomic_set_release(&fault_slot, NULL);
    assert_false(shrunk);
    assert_int_equal(provider.calls[kind_split], splits);
    settled(32);
    pa_dalloc(&pa, e);
    end();
}

/* ---- merge ---- */

/* Three neighbours are freed, the middle one last; which of its sides is merged first does not matter. */
static void
free_three(bool left, bool right) {
    extent_t *e[3];
    e[0] = with_dirty_behind(16);
    e[1] = alloc_pages(&pa, 8);
    e[2] = alloc_pages(&pa, 8);
    assert_true(extent_end(e[0]) == e[1]->addr && extent_end(e[1]) == e[2]->addr);
    refuse(kind_merge, true);
    if (left) {
        pa_dalloc(&pa, e[0]);
    }
    if (right) {
        pa_dalloc(&pa, e[2]);
    }
    pa_dalloc(&pa, e[1]);
    settled((left ? 0U : 16U) + (right ? 0U : 8U));
    refuse(kind_merge, false);
    if (!left) {
        pa_dalloc(&pa, e[0]);
    }
    if (!right) {
        pa_dalloc(&pa, e[2]);
    }
}

static void
test_merge_refused(void **state) {
    (void)state;
    for (unsigned sides = 1; sides < 4; sides++) {
        begin(0);
        free_three(sides & 1, sides & 2);
        assert_true(provider.calls[kind_merge] > provider.done[kind_merge]);
        settled(0);
        pa_purge_all(&pa);
        settled(0);
        end();
    }
}

static void
test_merge_refused_in_expand(void **state) {
    (void)state;
    begin(0);
    extent_t *e = with_dirty_behind(8);
    refuse(kind_merge, true);
    assert_false(pa_expand(&pa, e, 16 * sc.page, sc_index(16 * sc.page)));
    assert_int_equal(e->size, 8 * sc.page);
    assert_int_equal(e->szind, sc_index(8 * sc.page));
    settled(8);
    refuse(kind_merge, false);
    assert_true(pa_expand(&pa, e, 16 * sc.page, sc_index(16 * sc.page)));
    settled(16);
    pa_dalloc(&pa, e);
    end();
}

/* A region in pieces that never merge goes back as the whole that alloc gave. */
static void
test_never_merged_region_goes_back(void **state) {
    (void)state;
    begin(0);
    extent_t *e = with_dirty_behind(8);
    refuse(kind_merge, true);
    pa_dalloc(&pa, e);
    assert_true(settled(0).count[extent_dirty] >= 2);
    end();
}

/* ---- purging ---- */

/* A dirty run with contents is purged; then the same pages are allocated again: what is known of their contents? */
static void
purge_and_look(bool lazily, bool *zeroed) {
    extent_t *e = alloc_pages(&pa, 32);
    memset((void *)e->addr, 0xa5, e->size);
    pa_dalloc(&pa, e);
    refuse(kind_dalloc, true);
    if (lazily) {
        pa_set_decay_ms(&pa, extent_dirty, 0, 0);
    } else {
        pa_purge_all(&pa);
    }
    settled(0);
    e = alloc_extent(&pa, 32 * sc.page, sc.page, sc_index(32 * sc.page), false, zeroed);
    assert_non_null(e);
    settled(32);
    pa_dalloc(&pa, e);
}

static void
test_purge_refused_altogether(void **state) {
    (void)state;
    bool zeroed = false;
    begin(0);
    provider.refused |= 1U << kind_purge_lazy | 1U << kind_purge_forced | 1U << kind_decommit;
    purge_and_look(false, &zeroed);
    assert_false(zeroed);
    assert_int_equal(provider.calls[kind_purge_lazy], 0);
    assert_int_equal(provider.calls[kind_purge_forced], 1);
    assert_int_equal(provider.calls[kind_decommit], 1);
    assert_int_equal(provider.calls[kind_commit], 0);
    assert_int_equal(atomic_get(&pa.purged_bytes), 0); /* nothing was given back */
    assert_int_equal(atomic_get(&pa.dirty.purges.npages), 0);
    assert_int_equal(atomic_get(&pa.dirty.purges.ncalls), 1);
    end();
}

static void
test_purge_forced_refused(void **state) {
    (void)state;
    bool zeroed = false;
    begin(0);
    refuse(kind_purge_forced, true);
    purge_and_look(false, &zeroed);
    assert_true(zeroed);
    assert_int_equal(provider.done[kind_decommit], 1);
    assert_int_equal(provider.done[kind_commit], 1);
    assert_int_equal(atomic_get(&pa.purged_bytes), 32 * sc.page);
    end();
}

static void
test_purge_lazy_refused(void **state) {
    (void)state;
    bool zeroed = false;
    begin(1000);
    refuse(kind_purge_lazy, true);
    purge_and_look(true, &zeroed);
    assert_true(zeroed);
    assert_int_equal(atomic_get(&pa.muzzy.extents.npages), 0);
    assert_true(provider.calls[kind_purge_lazy] > 0);
    assert_true(provider.done[kind_purge_forced] > 0);
    end();
}

static void
test_purge_lazy(void **state) {
    (void)state;
    bool zeroed = false;
    begin(1000);
    purge_and_look(true, &zeroed);
    assert_false(zeroed);
    assert_int_equal(atomic_get(&pa.purged_bytes), 0);
    end();
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_refused),
        cmocka_unit_test(test_hook_alloc_nonsense),
        cmocka_unit_test(test_dalloc_refused),
        cmocka_unit_test(test_dalloc_refused_is_asked_once_a_purge),
        cmocka_unit_test(test_dalloc_of_whole_regions_only),
        cmocka_unit_test(test_destroy),
        cmocka_unit_test(test_destroy_without_a_hook_for_it),
        cmocka_unit_test(test_commit_refused),
        cmocka_unit_test(test_commit_refused_in_expand),
        cmocka_unit_test(test_split_refused),
        cmocka_unit_test(test_split_refused_in_purge),
        cmocka_unit_test(test_split_without_memory),
        cmocka_unit_test(test_merge_refused),
        cmocka_unit_test(test_merge_refused_in_expand),
        cmocka_unit_test(test_never_merged_region_goes_back),
        cmocka_unit_test(test_purge_refused_altogether),
        cmocka_unit_test(test_purge_forced_refused),
        cmocka_unit_test(test_purge_lazy_refused),
        cmocka_unit_test(test_purge_lazy),
    };
    return cmocka_run_group_tests_name("extent/hooks", tests, boot_allocator, NULL);
}
