/*
 * hooks_nested_test.c -- what happens to an allocation inside of a hook: it comes from an arena without hooks,
 * whichever arena the thread is bound to, and so leads to no further hook; not even if there is no memory for it.
 */
#include "arena/arenas_special.h"
#include "support.h"

#include "arena/arenas.h"
#include "extent/decay_pass.h"
#include "extent/purge.h"
#include "os/clock.h"
#include "os/pages.h"

#define NBLOCKS 200

static extent_hooks_t *original;
static unsigned depth, deepest, ncalls;
static size_t nested_size;
static unsigned nested_times = 1;
static uint32_t nested_arena; /* of the last allocation inside of a hook; LUNALLOC_NONE if there was no memory */

static void
allocate_inside(void) {
    lunalloc_location_t location;
    ncalls++;
    depth++;
    deepest = depth > deepest ? depth : deepest;
    for (unsigned i = 1; i < nested_times; i++) {
        lunalloc_free(lunalloc_malloc(nested_size));
        usleep(100); /* time passes: a curve may be due */
    }
    void *block = lunalloc_malloc(nested_size);
    nested_arena = block != NULL && lunalloc_find(block, &location) == 0 ? location.extent.arena : LUNALLOC_NONE;
    lunalloc_free(block);
    depth--;
}

static void *
nesting_alloc(extent_hooks_t *hooks, void *new_addr, size_t size, size_t alignment, bool *zero, bool *commit,
              unsigned arena) {
    (void)hooks;
    allocate_inside();
    return original->alloc(original, new_addr, size, alignment, zero, commit, arena);
}

static bool
nesting_split(extent_hooks_t *hooks, void *addr, size_t size, size_t size_a, size_t size_b, bool committed,
              unsigned arena) {
    (void)hooks;
    allocate_inside();
    return original->split(original, addr, size, size_a, size_b, committed, arena);
}

static bool
nesting_purge(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)hooks;
    allocate_inside();
    return original->purge_forced(original, addr, size, offset, length, arena);
}

static extent_hooks_t nesting;

static void
write_hooks(uint32_t arena, extent_hooks_t *hooks) {
    char name[64];
    snprintf(name, sizeof name, "arena.%u.extent_hooks", arena);
    assert_int_equal(mallctl(name, NULL, NULL, &hooks, sizeof hooks), 0);
}

static void
bind_to(uint32_t arena) {
    assert_int_equal(mallctl("thread.arena", NULL, NULL, &arena, sizeof arena), 0);
}

static uint32_t
begin(size_t size) {
    unsigned arena;
    size_t len = sizeof arena;
    assert_int_equal(mallctl("arenas.create", &arena, &len, NULL, 0), 0);
    depth = deepest = ncalls = 0;
    nested_size = size;
    write_hooks(arena, &nesting);
    bind_to(arena);
    return arena;
}

static void
end(uint32_t arena) {
    bind_to(0);
    assert_int_equal(arenas_destroy(arena), 0);
    assert_int_equal(deepest, 1);
}

static void
assert_is_from(uint32_t arena, const void *block) {
    lunalloc_location_t location;
    assert_int_equal(lunalloc_find(block, &location), 0);
    assert_int_equal(location.extent.arena, arena);
}

/* What the hooks allocated has left nothing of another arena in the thread's cache. */
static void
assert_cache_is_of(uint32_t arena, size_t size) {
    void *blocks[20];
    for (unsigned i = 0; i < 20; i++) {
        blocks[i] = lunalloc_malloc(size);
        assert_is_from(arena, blocks[i]);
    }
    for (unsigned i = 0; i < 20; i++) {
        lunalloc_free(blocks[i]);
    }
}

/* Each slab of a class leads to hooks that allocate in the same class, of which the arena has nothing yet. */
static void
test_extent_hooks_allocate_in_every_class(void **state) {
    (void)state;
    uint32_t arena = begin(0);
    for (uint32_t i = 0; i < sc.nsmall + 20; i++) {
        nested_size = sc.size[i];
        nested_arena = arena;
        unsigned before = ncalls;
        void *block = lunalloc_malloc(sc.size[i]);
        assert_non_null(block);
        assert_true(ncalls == before || nested_arena != arena);
        assert_true(ncalls == before || !arenas_get(nested_arena)->manual);
        assert_is_from(arena, block);
        lunalloc_free(block);
        assert_cache_is_of(arena, sc.size[i]);
    }
    assert_true(ncalls > 0);
    end(arena);
}

static bool
no_memory_inside(fault_kind_t kind) {
    return kind == fault_metadata && depth > 0;
}

/* Without memory inside of a hook, nothing is given back to make room: that would call hooks again. */
static void
test_no_memory(void **state) {
    (void)state;
    uint32_t arena = begin((size_t)1 << 30);
    atomic_set_release(&fault_slot, no_memory_inside);
    void *blocks[NBLOCKS];
    for (unsigned i = 0; i < NBLOCKS; i++) {
        blocks[i] = lunalloc_malloc(100000);
    }
    for (unsigned i = 0; i < NBLOCKS; i += 2) {
        lunalloc_free(blocks[i]);
    }
    assert_int_equal(arenas_alive(arena), true);
    ncalls = 0;
    pa_purge_all(&arenas_get(arena)->pages);
    assert_true(ncalls > 50);
    atomic_set_release(&fault_slot, NULL);
    assert_int_equal(nested_arena, LUNALLOC_NONE);
    for (unsigned i = 1; i < NBLOCKS; i += 2) {
        lunalloc_free(blocks[i]);
    }
    end(arena);
}

/* Allocations inside of a hook do not make the arenas' curves move on, as others do from time to time. */
static void
test_no_decay_inside(void **state) {
    (void)state;
    uint32_t arena = begin(1000000);
    page_alloc_t *pa = &arenas_get(arena)->pages;
    void *blocks[NBLOCKS];
    pa_set_decay_ms(pa, extent_dirty, -1, clock_coarse_ns());
    for (unsigned i = 0; i < NBLOCKS; i++) {
        blocks[i] = lunalloc_malloc(100000);
    }
    for (unsigned i = 0; i < NBLOCKS; i += 2) {
        lunalloc_free(blocks[i]); /* none beside another: more than one pass takes together */
    }
    uint64_t npurges = atomic_get(&pa->dirty.purges.npasses);
    nested_times = 50;
    pa_set_decay_ms(pa, extent_dirty, 1, clock_coarse_ns());
    for (unsigned i = 0; i < 1000 && atomic_get(&pa->dirty.purges.npasses) == npurges; i++) {
        usleep(2000);
        lunalloc_free(lunalloc_malloc(100000));
    }
    nested_times = 1;
    assert_true(atomic_get(&pa->dirty.purges.npasses) > npurges);
    for (unsigned i = 1; i < NBLOCKS; i += 2) {
        lunalloc_free(blocks[i]);
    }
    end(arena);
}

/* An automatic arena is made for it if all have hooks; it stays without threads, and serves again. */
static void
test_all_arenas_have_hooks(void **state) {
    (void)state;
    uint32_t n = arenas_count();
    for (uint32_t i = 0; i < n; i++) {
        if (arenas_want(i) != NULL && !arenas_get(i)->manual) {
            write_hooks(i, &nesting);
        }
    }
    uint32_t arena = begin(5000000);
    arena_t *plain = arenas_fallback();
    assert_non_null(plain);
    assert_true(plain->index >= n && plain->index != arena);
    assert_false(plain->manual);
    lunalloc_free(lunalloc_malloc(3000000));
    assert_true(ncalls > 0);
    assert_int_equal(nested_arena, plain->index);
    assert_int_equal(atomic_get(&plain->nthreads), 0);
    assert_ptr_equal(arenas_fallback(), plain);
    for (uint32_t i = 0; i < n; i++) {
        if (arenas_want(i) != NULL && !arenas_get(i)->manual) {
            write_hooks(i, original);
        }
    }
    end(arena);
}

static int
prepare(void **state) {
    int error = boot_allocator(state);
    size_t size = sizeof original;
    error |= mallctl("arena.0.extent_hooks", &original, &size, NULL, 0);
    nesting = *original;
    nesting.alloc = nesting_alloc;
    nesting.split = nesting_split;
    nesting.purge_forced = nesting_purge;
    return error;
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extent_hooks_allocate_in_every_class),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_decay_inside),
        cmocka_unit_test(test_all_arenas_have_hooks),
    };
    return cmocka_run_group_tests_name("api/hooks_nested", tests, prepare, NULL);
}
