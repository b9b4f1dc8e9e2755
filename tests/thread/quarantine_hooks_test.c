/*
 * quarantine_hooks_test.c -- quarantine and arenas whose hooks are the application's. The automatic arena 0 has been
 * given hooks: what waits leaves by them, whichever they are by then, and hooks that allocate, free, flush or find no
 * memory meet a quarantine that is whole. Of manual arenas nothing waits, whatever their hooks do.
 */
#include "../api/support.h"
#include "../arena/check.h"
#include "os/pages.h"
#include "thread/modes.h"
#include "thread/refresh.h"
#include "thread/quarantine.h"
#include "thread/thread_life.h"

#define LARGE 100000
#define SMALL 1500
#define LIMIT ((uint64_t)64 << 20)

/* The system's, with counts and something to do inside. */
typedef struct {
    extent_hooks_t hooks; /* first: what a hook is given is this */
    unsigned nallocs, nfrees, npurges;
} wrapped_t;

static extent_hooks_t *original;
static wrapped_t wrapped[2];
static void (*act)(void); /* inside of each hook; NULL: nothing */
static unsigned depth, deepest;
static bool wrong; /* found inside of a hook, which must not be left by a jump */

static void
enter(void) {
    deepest = ++depth > deepest ? depth : deepest;
    if (act != NULL) {
        act();
    }
    depth--;
}

static void *
wrapped_alloc(extent_hooks_t *hooks, void *new_addr, size_t size, size_t alignment, bool *zero, bool *commit,
              unsigned arena) {
    ((wrapped_t *)hooks)->nallocs++;
    enter();
    return original->alloc(original, new_addr, size, alignment, zero, commit, arena);
}

static bool
wrapped_dalloc(extent_hooks_t *hooks, void *addr, size_t size, bool committed, unsigned arena) {
    ((wrapped_t *)hooks)->nfrees++;
    enter();
    return original->dalloc(original, addr, size, committed, arena);
}

static void
wrapped_destroy(extent_hooks_t *hooks, void *addr, size_t size, bool committed, unsigned arena) {
    ((wrapped_t *)hooks)->nfrees++;
    enter();
    original->destroy(original, addr, size, committed, arena);
}

static bool
wrapped_purge(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    ((wrapped_t *)hooks)->npurges++;
    enter();
    return original->purge_forced(original, addr, size, offset, length, arena);
}

static void
give_hooks(unsigned arena, extent_hooks_t *hooks) {
    char name[40];
    snprintf(name, sizeof name, "arena.%u.extent_hooks", arena);
    assert_int_equal(mallctl(name, NULL, NULL, &hooks, sizeof hooks), 0);
}

static void
limit(uint64_t bytes) {
    modes_set(MODES_QUARANTINE, bytes);
}

static uint32_t
waiting(size_t size) {
    return quarantine_count(thread_get(), sc_index(size));
}

static void
free_blocks(size_t size, unsigned n) {
    void *blocks[64];
    for (unsigned i = 0; i < n; i++) {
        blocks[i] = lunalloc_malloc(size);
        assert_non_null(blocks[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        lunalloc_free(blocks[i]);
    }
}

/* Pages that leave are purged at once: by hooks. */
static int
begin(void **state) {
    (void)state;
    act = NULL;
    deepest = 0;
    for (unsigned i = 0; i < 2; i++) {
        wrapped[i] = (wrapped_t){.hooks = *original};
        wrapped[i].hooks.alloc = wrapped_alloc;
        wrapped[i].hooks.dalloc = wrapped_dalloc;
        wrapped[i].hooks.destroy = wrapped_destroy;
        wrapped[i].hooks.purge_forced = wrapped_purge;
    }
    give_hooks(0, &wrapped[0].hooks);
    limit(LIMIT);
    return 0;
}

static int
end(void **state) {
    (void)state;
    act = NULL;
    limit(0);
    give_hooks(0, original);
    check_arenas();
    return wrong ? -1 : 0;
}

/* ---- an automatic arena with hooks ---- */

/* Waiting objects are in use: no hook is called before they leave. */
static void
test_what_waits_leaves_by_hooks(void **state) {
    (void)state;
    free_blocks(SMALL, 64);
    free_blocks(LARGE, 64);
    assert_int_equal(waiting(SMALL), 64);
    assert_int_equal(waiting(LARGE), 64);
    must_set("arena.0.purge", NULL);
    assert_int_equal(wrapped[0].nfrees, 0);
    unsigned before = wrapped[0].npurges;
    must_set("arena.0.purge", NULL);
    assert_int_equal(wrapped[0].npurges, before);
    limit(0);
    assert_int_equal(waiting(SMALL) + waiting(LARGE), 0);
    assert_true(wrapped[0].npurges > before);
}

/* The hooks that are called are the present ones. */
static void
test_hooks_replaced_meanwhile(void **state) {
    (void)state;
    free_blocks(LARGE, 32);
    give_hooks(0, &wrapped[1].hooks);
    unsigned before = wrapped[0].npurges;
    limit(16 * LARGE);
    assert_int_equal(wrapped[0].npurges, before);
    assert_true(wrapped[1].npurges > 0);
    assert_true(waiting(LARGE) > 0);
    give_hooks(0, original);
    before = wrapped[1].npurges;
    limit(0);
    assert_int_equal(waiting(LARGE), 0);
    assert_int_equal(wrapped[0].npurges + wrapped[1].npurges, before);
}

/* ---- hooks that come back ---- */

static void
allocate_and_free(void) {
    uint32_t before = waiting(SMALL) + waiting(LARGE);
    lunalloc_free(lunalloc_malloc(SMALL));
    lunalloc_free(lunalloc_malloc(LARGE));
    wrong |= waiting(SMALL) + waiting(LARGE) != before;
}

/* What a hook frees does not wait, and so lets nothing else leave. */
static void
test_hooks_that_allocate(void **state) {
    (void)state;
    act = allocate_and_free;
    limit(20 * LARGE);
    for (unsigned round = 0; round < 20; round++) {
        free_blocks(LARGE, 64);
        free_blocks(SMALL, 64);
        assert_true(waiting(LARGE) > 0);
    }
    limit(0);
    assert_true(wrapped[0].npurges > 0);
    assert_int_equal(deepest, 1);
}

static void
flush(void) {
    wrong |= lunalloc_ctl_set("thread.tcache.flush", NULL, NULL, 0) != 0;
}

static void
change_limit(void) {
    static unsigned n;
    limit(++n % 3 == 0 ? 0 : n % 3 * 10 * LARGE);
}

/* A hook may empty the quarantine that something is just leaving, or entering, and change its limit. */
static void
test_hooks_that_flush(void **state) {
    (void)state;
    static void (*const acts[])(void) = {flush, change_limit};
    for (unsigned i = 0; i < 2; i++) {
        limit(20 * LARGE);
        act = acts[i];
        for (unsigned round = 0; round < 20; round++) {
            free_blocks(LARGE, 64);
            free_blocks(SMALL, 64);
        }
        act = NULL;
        limit(0);
        assert_int_equal(waiting(LARGE) + waiting(SMALL), 0);
    }
}

static bool
no_memory_inside(fault_kind_t kind) {
    return kind == fault_metadata && depth > 0;
}

static void
ask_for_too_much(void) {
    wrong |= lunalloc_malloc((size_t)1 << 30) != NULL;
}

/* Without memory inside of a hook, nothing leaves to make room: that would call hooks again. */
static void
test_no_memory_inside(void **state) {
    (void)state;
    free_blocks(LARGE, 64);
    act = ask_for_too_much;
    atomic_set_release(&fault_slot, no_memory_inside);
    limit(32 * LARGE);
    atomic_set_release(&fault_slot, NULL);
    assert_true(waiting(LARGE) > 0);
    assert_int_equal(deepest, 1);
}

/* ---- manual arenas ---- */

static unsigned
create_hooked(void) {
    unsigned index;
    size_t len = sizeof index;
    extent_hooks_t *hooks = &wrapped[1].hooks;
    assert_int_equal(mallctl("arenas.create", &index, &len, &hooks, sizeof hooks), 0);
    return index;
}

static void
fill_arena(unsigned index, void **blocks, unsigned n) {
    int flags = MALLOCX_ARENA((int)index) | MALLOCX_TCACHE_NONE;
    for (unsigned i = 0; i < n; i++) {
        blocks[i] = mallocx(i % 2 == 0 ? LARGE : SMALL, flags);
        assert_non_null(blocks[i]);
    }
}

static void
clear_arena(unsigned index, const char *how) {
    char name[40];
    snprintf(name, sizeof name, "arena.%u.%s", index, how);
    must_set(name, NULL);
}

/* Regions that were asked for and have not been given back. */
static unsigned
regions_held(void) {
    return wrapped[0].nallocs + wrapped[1].nallocs - wrapped[0].nfrees - wrapped[1].nfrees;
}

/* Reset and destroyed while blocks of arena 0 wait; hooks change in between, and allocate and free in arena 0. */
static void
test_manual_arena_reset_and_destroyed(void **state) {
    (void)state;
    void *blocks[64];
    free_blocks(LARGE, 8);
    unsigned held = regions_held();
    act = allocate_and_free;
    for (unsigned round = 0; round < 8; round++) {
        unsigned index = create_hooked();
        fill_arena(index, blocks, 64);
        for (unsigned i = 0; i < 32; i++) {
            i % 3 == 0 ? dallocx(blocks[i], MALLOCX_TCACHE_NONE) : lunalloc_free(blocks[i]);
        }
        assert_int_equal(waiting(SMALL), 0);
        assert_int_equal(waiting(LARGE), 8);
        clear_arena(index, "reset");
        give_hooks(index, &wrapped[round % 2].hooks);
        fill_arena(index, blocks, 64);
        clear_arena(index, "destroy");
    }
    act = NULL;
    assert_int_equal(waiting(LARGE), 8);
    assert_int_equal(regions_held(), held);
}

/* It has threads, and is not to be reset; what waits stays. */
static void
test_automatic_arena_is_not_reset(void **state) {
    (void)state;
    free_blocks(LARGE, 8);
    assert_int_not_equal(lunalloc_ctl_set("arena.0.reset", NULL, NULL, 0), 0);
    assert_int_not_equal(lunalloc_ctl_set("arena.0.destroy", NULL, NULL, 0), 0);
    assert_int_equal(waiting(LARGE), 8);
}

/* ---- threads ---- */

static void *
leave_some(void *arg) {
    for (unsigned i = 0; i < 8; i++) {
        lunalloc_free(lunalloc_malloc(LARGE));
        lunalloc_free(lunalloc_malloc(SMALL));
    }
    thread_assert(waiting(LARGE) == 8 && waiting(SMALL) == 8);
    return arg;
}

/* What waits when a thread ends leaves by hooks, which may allocate. */
static void
test_thread_exit(void **state) {
    (void)state;
    lunalloc_class_stats_t before, after;
    act = allocate_and_free;
    run_thread(leave_some, NULL);
    flush();
    lunalloc_class_stats(0, sc_index(LARGE), &before);
    for (unsigned i = 0; i < 20; i++) {
        run_thread(leave_some, NULL);
    }
    flush();
    lunalloc_class_stats(0, sc_index(LARGE), &after);
    assert_int_equal(after.curregs, before.curregs);
    assert_true(wrapped[0].npurges > 0);
    assert_int_equal(deepest, 1);
}

static int
prepare(void **state) {
    int error = boot_allocator(state);
    size_t size = sizeof original;
    error |= mallctl("arena.0.extent_hooks", &original, &size, NULL, 0);
    must_set("arenas.nauto", "1");
    must_set("arena.0.dirty_decay_ms", "0");
    must_set("arena.0.muzzy_decay_ms", "0");
    return error;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int
main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_what_waits_leaves_by_hooks),
        TEST(test_hooks_replaced_meanwhile),
        TEST(test_hooks_that_allocate),
        TEST(test_hooks_that_flush),
        TEST(test_no_memory_inside),
        TEST(test_manual_arena_reset_and_destroyed),
        TEST(test_automatic_arena_is_not_reset),
        TEST(test_thread_exit),
    };
    return cmocka_run_group_tests_name("thread/quarantine_hooks", tests, prepare, NULL);
}
