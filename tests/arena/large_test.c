/*
 * large_test.c -- large allocations and resident pages of other arenas: which allocations use them, and which do not.
 * arena_test.c tests resizing in place.
 */
#include "../api/support.h"
#include "arena/arenas.h"
#include "extent/decay_pass.h"
#include "extent/pagemap.h"
#include "extent/purge.h"
#include "os/pages.h"
#include "lunalloc.h"

#define SIZE ((size_t)4 << 20)

const char *lunalloc_conf = "narenas:2";

static arena_t *first, *second;

static int
make_arenas(void **state) {
    boot_allocator(state);
    first = arenas_want(0);
    second = arenas_want(1);
    return first == NULL || second == NULL;
}

static uint32_t
arena_of(const void *ptr) {
    return extent_arena(arena_extent_of(ptr, "test"));
}

static void *
take(arena_t *arena, size_t size) {
    bool zeroed = false;
    void *ptr = arena_malloc_large(arena, sc_index(size), sc.page, &zeroed);
    assert_non_null(ptr);
    return ptr;
}

/* Only the first arena has dirty pages: SIZE and more, in one run. */
static int
make_dirty(void **state) {
    (void)state;
    pa_set_decay_ms(&first->pages, extent_dirty, -1, 0);
    pa_set_decay_ms(&second->pages, extent_dirty, -1, 0);
    pa_purge_all(&first->pages);
    pa_purge_all(&second->pages);
    void *ptr = take(first, SIZE);
    assert_int_equal(arena_of(ptr), first->index);
    arena_free(ptr);
    return 0;
}

static void
assert_comes_from(arena_t *arena, size_t size, const arena_t *expected) {
    void *ptr = take(arena, size);
    assert_int_equal(arena_of(ptr), expected->index);
    arena_free(ptr);
}

static void
test_resident_pages_of_another_arena_serve_first(void **state) {
    (void)state;
    size_t dirty = atomic_get(&first->pages.dirty.extents.npages);
    void *ptr = take(second, SIZE);
    assert_int_equal(arena_of(ptr), first->index);
    assert_int_equal(atomic_get(&first->pages.dirty.extents.npages), dirty - SIZE / sc.page);
    arena_free(ptr);
    assert_int_equal(atomic_get(&first->pages.dirty.extents.npages), dirty);
}

static void
test_own_pages_come_before_those_of_others(void **state) {
    (void)state;
    void *theirs = take(first, SIZE);
    void *own = take(second, SIZE);
    arena_free(theirs);
    arena_free(own);
    assert_comes_from(second, SIZE, second);
}

static void
test_what_caches_take_stays_in_its_arena(void **state) {
    (void)state;
    assert_comes_from(second, sc.small_max + 1, second);
}

static void
test_a_manual_arena_keeps_to_itself(void **state) {
    (void)state;
    arena_t *manual = arenas_create();
    assert_non_null(manual);
    assert_comes_from(manual, SIZE, manual);
    pa_purge_all(&first->pages);
    pa_set_decay_ms(&manual->pages, extent_dirty, -1, 0);
    assert_comes_from(manual, SIZE, manual);
    assert_comes_from(second, SIZE, second);
    assert_int_equal(arenas_destroy(manual->index), 0);
}

static void
test_a_guard_needs_an_extent_of_its_own(void **state) {
    (void)state;
    atomic_set(&second->pages.guard, true);
    assert_comes_from(second, SIZE, second);
    atomic_set(&second->pages.guard, false);
    pa_purge_all(&second->pages);
    atomic_set(&first->pages.guard, true);
    assert_comes_from(second, SIZE, second);
    atomic_set(&first->pages.guard, false);
}

static void
test_hooks_set_an_arena_apart(void **state) {
    (void)state;
    extent_hooks_t hooks = hooks_system;
    atomic_set_release(&first->pages.hooks, &hooks);
    assert_comes_from(second, SIZE, second);
    atomic_set_release(&first->pages.hooks, NULL);
}

/* Its pages would be backed differently. */
static void
test_another_thp_mode_sets_an_arena_apart(void **state) {
    (void)state;
    atomic_set(&first->pages.thp, pages_thp_never);
    assert_comes_from(second, SIZE, second);
    atomic_set(&first->pages.thp, pages_thp_default);
    pa_purge_all(&second->pages);
    atomic_set(&second->pages.thp, pages_thp_never);
    assert_comes_from(second, SIZE, second);
    atomic_set(&second->pages.thp, pages_thp_default);
}

/* In flags, or by the thread. */
static void
test_an_arena_that_is_named_takes_its_own_memory(void **state) {
    (void)state;
    int flags = MALLOCX_ARENA(second->index) | MALLOCX_TCACHE_NONE;
    char *ptr = mallocx(SIZE, flags);
    assert_int_equal(arena_of(ptr), second->index);
    memset(ptr, 5, SIZE);
    ptr = rallocx(ptr, SIZE * 3, flags);
    assert_int_equal(arena_of(ptr), second->index);
    assert_true(all_bytes(ptr, SIZE, 5));
    dallocx(ptr, flags);
    pa_purge_all(&second->pages);
    lunalloc_ctl_set("thread.arena", second->index == 1 ? "1" : "0", NULL, 0);
    ptr = lunalloc_malloc(SIZE);
    assert_int_equal(arena_of(ptr), second->index);
    lunalloc_free(ptr);
    lunalloc_ctl_set("thread.arena", "0", NULL, 0);
}

/* A block that grows lies in the arena that is named then, wherever it was before. */
static void
test_growth_into_another_arena(void **state) {
    (void)state;
    void *walls[64];
    unsigned nwalls = 0;
    char *ptr = mallocx(SIZE, MALLOCX_ARENA(first->index));
    memset(ptr, 6, SIZE);
    while (xallocx(ptr, SIZE + SIZE / 4, 0, 0) > SIZE && nwalls < 64) { /* until there is no room */
        xallocx(ptr, SIZE, 0, 0);
        walls[nwalls++] = mallocx(SIZE / 4, MALLOCX_ARENA(first->index));
    }
    assert_int_equal(sallocx(ptr, 0), SIZE);
    ptr = rallocx(ptr, SIZE * 4, MALLOCX_ARENA(second->index));
    assert_int_equal(arena_of(ptr), second->index);
    assert_true(all_bytes(ptr, SIZE, 6));
    dallocx(ptr, 0);
    while (nwalls > 0) {
        dallocx(walls[--nwalls], 0);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_resident_pages_of_another_arena_serve_first, make_dirty),
        cmocka_unit_test_setup(test_own_pages_come_before_those_of_others, make_dirty),
        cmocka_unit_test_setup(test_what_caches_take_stays_in_its_arena, make_dirty),
        cmocka_unit_test_setup(test_a_manual_arena_keeps_to_itself, make_dirty),
        cmocka_unit_test_setup(test_a_guard_needs_an_extent_of_its_own, make_dirty),
        cmocka_unit_test_setup(test_hooks_set_an_arena_apart, make_dirty),
        cmocka_unit_test_setup(test_another_thp_mode_sets_an_arena_apart, make_dirty),
        cmocka_unit_test_setup(test_an_arena_that_is_named_takes_its_own_memory, make_dirty),
        cmocka_unit_test_setup(test_growth_into_another_arena, make_dirty),
    };
    return cmocka_run_group_tests_name("arena/large", tests, make_arenas, NULL);
}
