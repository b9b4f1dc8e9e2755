/*
 * slab_beside_test.c -- slabs give back their free pages beside what is not theirs: guard pages at their ends, and
 * sampled blocks of their class, which are extents of their own.
 */
#include "spread.h"

#include "../observe/prof.h"
#include "observe/stats.h"

#include <signal.h>

enum {
    NSLABS = 20,
    NSAMPLES = 30
};

const char *lunalloc_conf = "background_thread:false";

static void *samples[NSAMPLES];

/* ---- guard pages ---- */

static int
make_guarded_arena(void **state) {
    boot_allocator(state);
    arena = arenas_create();
    if (arena == NULL) {
        return 1;
    }
    atomic_set(&arena->pages.guard, true);
    return 0;
}

static int
destroy_arena(void **state) {
    profile_off(state);
    return arenas_destroy(arena->index);
}

static size_t
count_guards(void) {
    return atomic_get(&arena->pages.guard_pages);
}

/* Under VirtualAlloc's rules nothing of a slab can be given back without hooks. */
static size_t
purge_or_skip(void) {
    size_t bytes = arena_purge_slabs(arena);
    if (bytes == 0 && atomic_get(&arena->slab_decay.discarded.npages) == 0) {
        print_message("skip: the system does not purge\n");
        skip();
    }
    return bytes;
}

static bool
ends_a_child(void *addr) {
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        *(volatile char *)addr = 1;
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status);
}

/* As much as of slabs without a guard, and the guard is none of it. */
static void
test_guards_are_no_free_pages(void **state) {
    (void)state;
    uint32_t n = thin(fill_slabs(NSLABS));
    extent_t *slab = pagemap_extent((uintptr_t)ptrs[0]);
    assert_int_equal(count_guards(), NSLABS);
    assert_true(slab->guarded);
    assert_int_equal(purge_or_skip(), (NSLABS - 1) * free_bytes_of_slab());
    assert_int_equal(discarded(), (NSLABS - 1) * free_bytes_of_slab());
    assert_int_equal(count_guards(), NSLABS);
    assert_true(ends_a_child((void *)(slab->addr + extent_usable(slab))));
    check_arenas();
    assert_filled(ptrs, n);
    arena_flush(ptrs, n);
    check_arenas();
}

/* What was given back is usable again up to the guard. */
static void
test_guarded_slabs_are_refilled(void **state) {
    (void)state;
    uint32_t n = thin(fill_slabs(NSLABS)), nregs = sc_nregs(SZIND, atomic_get(&sc.slab_size[SZIND]));
    purge_or_skip();
    uint32_t more = NSLABS * nregs - n;
    assert_int_equal(arena_fill(arena, SZIND, 0, more, ptrs + n), more);
    for (uint32_t i = n; i < n + more; i++) {
        memset(ptrs[i], 7, sc.size[SZIND]);
    }
    assert_int_equal(discarded(), 0);
    assert_int_equal(count_guards(), NSLABS);
    assert_filled(ptrs, n + more);
    arena_flush(ptrs, n + more);
    check_arenas();
}

/* ---- sampled blocks ---- */

static int
make_arena(void **state) {
    boot_allocator(state);
    return !make_spread_arena(0);
}

/* Blocks of the slabs' class, each of which is sampled. */
static void
make_samples(void) {
    profile(0);
    for (uint32_t i = 0; i < NSAMPLES; i++) {
        bool zeroed = false;
        samples[i] = arena_malloc_sampled(arena, SZIND, 16, &zeroed);
        assert_non_null(samples[i]);
        memset(samples[i], 7, sc.size[SZIND]);
    }
}

static void
free_samples(void) {
    for (uint32_t i = 0; i < NSAMPLES; i++) {
        lunalloc_free(samples[i]);
    }
}

/* Regions of the class that left the arena, and bytes of it that were given back. */
static void
assert_class(uint64_t regions, uint64_t bytes) {
    lunalloc_class_stats_t class;
    assert_int_equal(lunalloc_class_stats(arena->index, SZIND, &class), 0);
    assert_int_equal(class.curregs, regions);
    assert_int_equal(class.discarded, bytes);
}

/* They keep their pages and their samples, and are not counted as anything of a slab. */
static void
test_samples_stay(void **state) {
    (void)state;
    make_samples();
    uint32_t n = thin(fill_slabs(NSLABS));
    assert_int_equal(arena_purge_slabs(arena), (NSLABS - 1) * free_bytes_of_slab());
    assert_filled(samples, NSAMPLES);
    assert_filled(ptrs, n);
    for (uint32_t i = 0; i < NSAMPLES; i++) {
        assert_true(is_sampled(samples[i]));
    }
    assert_class(n + NSAMPLES, (NSLABS - 1) * free_bytes_of_slab());
    check_arenas();
    free_samples();
    assert_class(n, (NSLABS - 1) * free_bytes_of_slab());
    arena_flush(ptrs, n);
    check_arenas();
}

static void
replace_samples(void) {
    free_samples();
    make_samples();
}

/* Samples are freed and made while pages of slabs are held, in the middle of a purge. */
static void
test_samples_made_meanwhile(void **state) {
    (void)state;
    make_samples();
    uint32_t n = thin(fill_slabs(NSLABS));
    during = replace_samples;
    assert_int_equal(arena_purge_slabs(arena), (NSLABS - 1) * free_bytes_of_slab());
    assert_filled(samples, NSAMPLES);
    assert_filled(ptrs, n);
    assert_class(n + NSAMPLES, (NSLABS - 1) * free_bytes_of_slab());
    check_arenas();
    free_samples();
    arena_flush(ptrs, n);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_guards_are_no_free_pages, make_guarded_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_guarded_slabs_are_refilled, make_guarded_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_samples_stay, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_samples_made_meanwhile, make_arena, destroy_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
