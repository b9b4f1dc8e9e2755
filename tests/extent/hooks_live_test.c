/*
 * hooks_live_test.c -- an arena's hooks of which some are not there, or refuse at random; that are replaced live; that
 * wrap the system's, which they read before.
 */
#include "provider.h"

#include "arena/arenas.h"

#include <errno.h>
#include <stdio.h>

/* ---- members that are not there ---- */

static void
without(unsigned kind) {
    extent_hooks_t *hooks = &provider.hooks;
    bool (*const none)(extent_hooks_t *, void *, size_t, size_t, size_t, unsigned) = NULL;
    hooks->dalloc = kind == kind_dalloc ? NULL : do_dalloc;
    hooks->commit = kind == kind_commit ? none : do_commit;
    hooks->decommit = kind == kind_decommit ? none : do_decommit;
    hooks->purge_lazy = kind == kind_purge_lazy ? none : do_purge_lazy;
    hooks->purge_forced = kind == kind_purge_forced ? none : do_purge_forced;
    hooks->split = kind == kind_split ? NULL : do_split;
    hooks->merge = kind == kind_merge ? NULL : do_merge;
}

/* Some of everything, at random; how often there was no memory. */
static unsigned
work(uint64_t seed) {
    extent_t *e[40] = {NULL};
    unsigned none = 0;
    for (unsigned i = 0; i < 250; i++) {
        extent_t **slot = &e[random_below(&seed, 40)];
        size_t size = (size_t)(1 + random_below(&seed, 40)) * sc.page;
        if (*slot == NULL) {
            *slot = alloc_pages(&pa, size / sc.page);
            none += *slot == NULL;
        } else if (random_below(&seed, 2) == 0) {
            pa_dalloc(&pa, *slot);
            *slot = NULL;
        } else if (size != (*slot)->size) {
            (size > (*slot)->size ? pa_expand : pa_shrink)(&pa, *slot, size, sc_index(size));
        }
        if (random_below(&seed, 50) == 0) {
            pa_purge_all(&pa);
        }
    }
    for (unsigned i = 0; i < 40; i++) {
        if (e[i] != NULL) {
            pa_dalloc(&pa, e[i]);
        }
    }
    return none;
}

static void
test_members_missing(void **state) {
    (void)state;
    for (unsigned kind = kind_dalloc; kind < kind_count; kind++) {
        begin(1000);
        without(kind);
        assert_int_equal(work(kind), 0);
        if (kind == kind_merge) {
            assert_int_equal(check_pages(&pa, 0).mapped, provider.bytes_held); /* regions went in pieces */
        } else {
            settled(0);
        }
        assert_int_equal(provider.calls[kind], 0);
        end();
    }
}

/* A region that cannot be split is mapped in the size that is needed. */
static void
test_regions_without_split(void **state) {
    (void)state;
    begin(0);
    without(kind_split);
    extent_t *a = alloc_pages(&pa, 16), *b = alloc_pages(&pa, 3);
    assert_int_equal(settled(16 + 3).mapped, (16 + 3) * sc.page);
    pa_dalloc(&pa, a);
    pa_dalloc(&pa, b);
    end();
}

/* Nothing but alloc: destruction leaves the memory to its provider. */
static void *given[4096];
static size_t given_sizes[4096];
static unsigned ngiven;

static void *
give_once(extent_hooks_t *hooks, void *new_addr, size_t size, size_t alignment, bool *zero, bool *commit,
          unsigned arena) {
    assert_true(ngiven < LENGTH(given));
    given_sizes[ngiven] = size;
    return given[ngiven++] = do_alloc(hooks, new_addr, size, alignment, zero, commit, arena);
}

static void
test_alloc_alone(void **state) {
    (void)state;
    begin(0);
    ngiven = 0;
    provider.hooks = (extent_hooks_t){.alloc = give_once};
    assert_int_equal(work(7), 0);
    check_pages(&pa, 0);
    assert_false(pa_release_unused(&pa));
    check_pages(&pa, 0);
    pages_end(&pa);
    for (unsigned i = 0; i < ngiven; i++) {
        provider.bytes_held -= given_sizes[i];
        hooks_system.dalloc(&hooks_system, given[i], given_sizes[i], true, TEST_ARENA);
    }
    assert_int_equal(provider.bytes_held, 0);
}

/* Each kind refuses every second time: whatever remains of an operation that was refused half-way, it is sound. */
static void
test_extent_hooks_refuse_at_random(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        begin(1000);
        uint64_t random = seed;
        for (unsigned round = 0; round < 5; round++) {
            provider.refused = (unsigned)random_next(&random) & ~(1U << kind_alloc);
            provider.uncommitted = random_below(&random, 2) == 0;
            work(random_next(&random));
            assert_int_equal(check_pages(&pa, 0).mapped, provider.bytes_held);
        }
        end();
    }
}

/* ---- replaced live; the system wrapped ---- */

static void
test_extent_hooks_replaced_live(void **state) {
    (void)state;
    static provider_t second;
    begin(0);
    memset(&second, 0, sizeof second);
    second.hooks = all_hooks;
    extent_t *e = alloc_pages(&pa, 40);
    settled(40);
    atomic_set(&pa.hooks, &second.hooks);
    unsigned calls = provider.calls[kind_split] + provider.calls[kind_merge];
    assert_true(pa_shrink(&pa, e, 20 * sc.page, sc_index(20 * sc.page)));
    pa_dalloc(&pa, e);
    pa_purge_all(&pa); /* gives the region back */
    assert_false(pa_release_unused(&pa));
    check_pages(&pa, 0);
    assert_int_equal(provider.calls[kind_split] + provider.calls[kind_merge], calls);
    assert_int_equal(second.done[kind_split], 1);
    assert_int_equal(second.done[kind_dalloc], 1);
    assert_int_equal(provider.bytes_held + second.bytes_held, 0); /* what one gave, the other took back */
    atomic_set(&pa.hooks, NULL);
    pages_end(&pa);
}

static extent_hooks_t *
read_hooks(const char *name) {
    extent_hooks_t *hooks = NULL;
    size_t size = sizeof hooks;
    assert_int_equal(mallctl(name, &hooks, &size, NULL, 0), 0);
    return hooks;
}

static int
write_hooks(const char *name, extent_hooks_t *hooks) {
    return mallctl(name, NULL, NULL, &hooks, sizeof hooks);
}

/* An application's own hooks, which call those that were there. */
static extent_hooks_t *wrapped;
static unsigned wrapped_allocs;

static void *
count_and_alloc(extent_hooks_t *hooks, void *new_addr, size_t size, size_t alignment, bool *zero, bool *commit,
                unsigned arena) {
    assert_ptr_not_equal(hooks, wrapped);
    wrapped_allocs++;
    return wrapped->alloc(wrapped, new_addr, size, alignment, zero, commit, arena);
}

static void
test_system_wrapped(void **state) {
    (void)state;
    char name[64];
    unsigned index = 0;
    size_t size = sizeof index;
    assert_int_equal(mallctl("arenas.create", &index, &size, NULL, 0), 0);
    snprintf(name, sizeof name, "arena.%u.extent_hooks", index);
    wrapped = read_hooks(name);
    assert_ptr_equal(wrapped, &hooks_system);
    static extent_hooks_t wrapper;
    wrapper = *wrapped;
    wrapper.alloc = count_and_alloc;
    assert_int_equal(write_hooks(name, &wrapper), 0);
    assert_ptr_equal(read_hooks(name), &wrapper);
    bool zeroed = false;
    extent_t *e = alloc_extent(&arenas_get(index)->pages, 8 * sc.page, sc.page, sc_index(8 * sc.page), false, &zeroed);
    assert_non_null(e);
    assert_int_equal(wrapped_allocs, 1);
    assert_int_equal(write_hooks(name, wrapped), 0);
    assert_null(pa_hooks(&arenas_get(index)->pages)); /* the system, without a detour */
    pa_dalloc(&arenas_get(index)->pages, e);
    assert_int_equal(arenas_destroy(index), 0);
    assert_int_equal(write_hooks(name, &wrapper), EFAULT);
}

static void
test_bad_hooks(void **state) {
    (void)state;
    static extent_hooks_t no_alloc = {.dalloc = do_dalloc};
    extent_hooks_t *before = read_hooks("arena.0.extent_hooks");
    assert_int_equal(write_hooks("arena.0.extent_hooks", NULL), EINVAL);
    assert_int_equal(write_hooks("arena.0.extent_hooks", &no_alloc), EINVAL);
    assert_int_not_equal(write_hooks("arena.4096.extent_hooks", before), 0);
    assert_int_not_equal(write_hooks("arena.4095.extent_hooks", before), 0);
    assert_ptr_equal(read_hooks("arena.0.extent_hooks"), before);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_missing),
        cmocka_unit_test(test_regions_without_split),
        cmocka_unit_test(test_alloc_alone),
        cmocka_unit_test(test_extent_hooks_refuse_at_random),
        cmocka_unit_test(test_extent_hooks_replaced_live),
        cmocka_unit_test(test_system_wrapped),
        cmocka_unit_test(test_bad_hooks),
    };
    return cmocka_run_group_tests_name("extent/hooks_live", tests, boot_allocator, NULL);
}
