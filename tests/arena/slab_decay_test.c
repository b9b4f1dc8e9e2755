/*
 * slab_decay_test.c -- free pages inside of slabs go back as they age: along the curve, once, and through the arena's
 * hooks; slabs without them are refilled last. And what can happen in the middle: a refusal, a free of the slab's last
 * object, a reset, a fork. Arenas are manual ones, so that no other thread's cache uses them; time is the test's own.
 */
#include "spread.h"

#include "extent/purger.h"
#include "observe/stats.h"

#include <errno.h>
#include <pthread.h>

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)
/* After every other time that a clock has told. */
#define START (UINT64_C(1) << 60)

const char *lunalloc_conf = "background_thread:false";

static int
make_arena(void **state) {
    boot_allocator(state);
    return !make_spread_arena(START);
}

static int
destroy_arena(void **state) {
    (void)state;
    return arenas_destroy(arena->index);
}

/* ---- by age ---- */

static void
test_pages_leave_along_the_curve(void **state) {
    (void)state;
    const uint32_t nslabs = 1000;
    const uint64_t all = (nslabs - 1) * free_bytes_of_slab();
    uint32_t n = thin(fill_slabs(nslabs));
    arena_decay_slabs(arena, START);
    assert_int_equal(discarded(), 0);
    arena_decay_slabs(arena, START + 100 * MS);
    assert_true(discarded() < all / 20);
    arena_decay_slabs(arena, START + 500 * MS);
    assert_true(discarded() > all * 4 / 10 && discarded() < all * 6 / 10);
    check_arenas();
    arena_decay_slabs(arena, START + SECOND);
    assert_int_equal(discarded(), all);
    unsigned before = npurges;
    arena_decay_slabs(arena, START + 3 * SECOND);
    assert_int_equal(npurges, before);
    check_arenas();
    assert_filled(ptrs, n);
    arena_flush(ptrs, n);
    assert_int_equal(discarded(), 0);
    check_arenas();
}

/* Pages that were used between two passes are young. */
static void
test_use_ends_ageing(void **state) {
    (void)state;
    uint32_t n = fill_slabs(50), kept = thin(n);
    arena_decay_slabs(arena, START);
    assert_int_equal(arena_fill(arena, SZIND, 0, n - kept, ptrs + kept), n - kept);
    arena_flush(ptrs + kept, n - kept);
    arena_decay_slabs(arena, START + 900 * MS);
    arena_decay_slabs(arena, START + 1000 * MS);
    assert_true(discarded() <= 2 * free_bytes_of_slab());
    arena_decay_slabs(arena, START + 1900 * MS);
    assert_true(discarded() >= 48 * free_bytes_of_slab());
    arena_flush(ptrs, kept);
}

static void
test_decay_times(void **state) {
    (void)state;
    uint32_t n = thin(fill_slabs(50));
    arena_set_slab_decay_ms(arena, -1, START);
    arena_decay_slabs(arena, START);
    arena_decay_slabs(arena, START + 1000 * SECOND);
    assert_int_equal(npurges, 0);
    arena_set_slab_decay_ms(arena, 0, START + 1000 * SECOND);
    assert_int_equal(discarded(), 49 * free_bytes_of_slab());
    arena_flush(ptrs, n);
}

/* Slabs without discarded pages first; then each slab that becomes current counts as resident. */
static void
test_discarded_slabs_are_refilled_last(void **state) {
    (void)state;
    uint32_t n = fill_slabs(20), nregs = n / 20, kept = thin(n / 2);
    memmove(ptrs + kept, ptrs + n / 2, n / 2 * sizeof *ptrs);
    assert_true(arena_purge_slabs(arena) > 0);
    uint64_t before = discarded();
    for (uint32_t i = 0; i < n / 2; i += 2) {
        arena_flush(&ptrs[kept + i], 1);
        ptrs[kept + i / 2] = ptrs[kept + i + 1];
    }
    kept += n / 4;
    /* The current slab and every other region of ten slabs. */
    uint32_t more = n / 4 - nregs;
    assert_int_equal(arena_fill(arena, SZIND, 0, more, ptrs + kept), more);
    assert_int_equal(discarded(), before);
    kept += more;
    more = 11 * nregs;
    assert_int_equal(arena_fill(arena, SZIND, 0, more, ptrs + kept), more);
    assert_int_equal(discarded(), 0);
    check_arenas();
    arena_flush(ptrs, kept + more);
}

static void
test_counters(void **state) {
    (void)state;
    lunalloc_stats_t before, after;
    uint32_t n = thin(fill_slabs(40));
    assert_int_equal(lunalloc_stats(arena->index, &before), 0);
    uint64_t bytes = arena_purge_slabs(arena);
    assert_int_equal(lunalloc_stats(arena->index, &after), 0);
    assert_int_equal(after.discarded, bytes);
    assert_int_equal(before.active - after.active, bytes);
    assert_int_equal(before.resident - after.resident, bytes);
    assert_int_equal(before.mapped, after.mapped);
    assert_int_equal(after.purged - before.purged, bytes);
    assert_int_equal(after.npurges - before.npurges, 1);
    assert_int_equal(after.nmadvise - before.nmadvise, npurges);
    assert_int_equal(before.allocated, after.allocated);
    lunalloc_extent_t extents[64];
    lunalloc_cursor_t cursor = {.arena = arena->index};
    uint64_t walked = 0;
    for (size_t got; (got = lunalloc_extents(&cursor, extents, 64, NULL)) > 0;) {
        for (size_t i = 0; i < got; i++) {
            walked += extents[i].discarded;
        }
    }
    assert_int_equal(walked, bytes);
    arena_flush(ptrs, n);
}

static void
test_ticks_make_passes(void **state) {
    (void)state;
    uint32_t n = thin(fill_slabs(50));
    for (uint64_t now = START; now <= START + 60 * SECOND; now += 10 * MS) {
        arena_tick(arena, now);
    }
    assert_int_equal(discarded(), 49 * free_bytes_of_slab());
    unsigned before = npurges;
    for (uint64_t now = START + 60 * SECOND; now <= START + 90 * SECOND; now += 10 * MS) {
        arena_tick(arena, now);
    }
    assert_int_equal(npurges, before);
    arena_flush(ptrs, n);
}

/* ---- the background thread ---- */

static unsigned nstarts;

static bool
never(void) {
    return false;
}

static bool
always(void) {
    return true;
}

static void
count_start(uint32_t index) {
    nstarts += index == arena->index;
}

static const pa_purger_t resting = {.runs = never, .hooks = always, .young = never, .wake = count_start};

/* Frees all but one region of each slab of some, and ticks once. How often was a background thread asked for? */
static unsigned
starts_for(uint32_t nslabs, uint64_t now) {
    uint32_t n = thin(fill_slabs(nslabs));
    nstarts = 0;
    atomic_set_release(&pa_purger, &resting);
    arena_tick(arena, now);
    atomic_set_release(&pa_purger, NULL);
    arena_flush(ptrs, n);
    return nstarts;
}

/* Where no slab becomes empty, no page is dirty. */
static void
test_ageing_pages_start_a_thread(void **state) {
    (void)state;
    uint32_t enough = (uint32_t)(PURGER_WORTH / free_bytes_of_slab()) + 3;
    assert_int_equal(starts_for(enough / 2, START + 2 * SECOND), 0);
    assert_int_equal(starts_for(enough, START + 20 * SECOND), 1);
}

/* The background thread is told when the next pass is due, and that there is none once nothing ages. */
static void
test_background_passes_end(void **state) {
    (void)state;
    uint32_t n = thin(fill_slabs(50)), rounds = 0;
    uint64_t now = START;
    for (uint64_t due; (due = arena_background(arena, now)) != UINT64_MAX; rounds++) {
        assert_true(due > now && rounds < 1000);
        now = due;
    }
    assert_true(now >= START + SECOND);
    assert_int_equal(discarded(), 49 * free_bytes_of_slab());
    arena_flush(ptrs, n);
}

/* ---- what can go wrong ---- */

/* Nothing has changed, and the arena is not asked again at once. */
static void
test_refused(void **state) {
    (void)state;
    uint32_t n = thin(fill_slabs(100));
    refuses = true;
    assert_int_equal(arena_purge_slabs(arena), 0);
    assert_int_equal(npurges, 1);
    arena_decay_slabs(arena, START);
    arena_decay_slabs(arena, START + SECOND);
    assert_int_equal(npurges, 2);
    assert_int_equal(discarded(), 0);
    check_arenas();
    refuses = false;
    arena_decay_slabs(arena, START + 3 * SECOND);
    assert_int_equal(discarded(), 99 * free_bytes_of_slab());
    assert_filled(ptrs, n);
    arena_flush(ptrs, n);
}

static uint32_t nkept;

static void
free_all(void) {
    arena_flush(ptrs, nkept);
}

/* The last object of each slab is freed while its pages are being given back. */
static void
test_slabs_freed_meanwhile(void **state) {
    (void)state;
    nkept = thin(fill_slabs(20));
    during = free_all;
    arena_purge_slabs(arena);
    assert_int_equal(discarded(), 0);
    check_arenas();
    assert_true(atomic_get(&arena->bins[SZIND].nslabs) <= 1);
}

static void
use_arena(void) {
    uint32_t nregs = sc_nregs(SZIND, atomic_get(&sc.slab_size[SZIND])), n = 30 * nregs;
    assert_int_equal(arena_fill(arena, SZIND, 0, n, ptrs + nkept), n);
    for (uint32_t i = 0; i < n; i++) {
        memset(ptrs[nkept + i], 7, sc.size[SZIND]);
    }
    nkept += n;
    check_arenas();
}

/* Held pages are not handed out. */
static void
test_allocations_meanwhile(void **state) {
    (void)state;
    nkept = thin(fill_slabs(20));
    during = use_arena;
    arena_purge_slabs(arena);
    assert_filled(ptrs, nkept);
    check_arenas();
    arena_flush(ptrs, nkept);
}

static void
reset_and_purge(void) {
    assert_int_equal(arenas_reset(arena->index), EAGAIN);
    assert_int_equal(arena_purge_slabs(arena), 0);
}

static void
test_reset_inside_of_the_hook(void **state) {
    (void)state;
    uint32_t n = thin(fill_slabs(20));
    during = reset_and_purge;
    assert_int_equal(arena_purge_slabs(arena), 19 * free_bytes_of_slab());
    assert_filled(ptrs, n);
    assert_int_equal(arenas_reset(arena->index), 0);
    assert_int_equal(discarded(), 0);
}

/* ---- beside another thread ---- */

static _Atomic int stage; /* 1: the hook waits; 2: it goes on */

static void
wait_for(int at_least) {
    while (atomic_get_acquire(&stage) < at_least) {
        nap(1);
    }
}

static void
stop_in_hook(void) {
    atomic_set_release(&stage, 1);
    wait_for(2);
}

static void *
purge_slabs(void *arg) {
    (void)arg;
    arena_purge_slabs(arena);
    return NULL;
}

static pthread_t
begin_purge(void) {
    pthread_t thread;
    atomic_set(&stage, 0);
    during = stop_in_hook;
    assert_int_equal(pthread_create(&thread, NULL, purge_slabs, NULL), 0);
    wait_for(1);
    return thread;
}

/* In the child the thread that held pages does not exist: they are free again, and no pass is under way. Returns the
 * exit status. */
static int
use_and_purge(void) {
    uint32_t nregs = sc_nregs(SZIND, atomic_get(&sc.slab_size[SZIND]));
    static void *more[MAX_PTRS];
    check_arenas();
    bool good = discarded() == 0 && arena_fill(arena, SZIND, 0, 30 * nregs, more) == 30 * nregs;
    for (uint32_t i = 0; i < nkept; i++) {
        good = good && *(unsigned char *)ptrs[i] == 7;
    }
    arena_flush(more, 30 * nregs);
    good = good && arena_purge_slabs(arena) > 0;
    check_arenas();
    return !good;
}

static void
test_fork_meanwhile(void **state) {
    (void)state;
    nkept = thin(fill_slabs(20));
    pthread_t thread = begin_purge();
    pid_t pid = fork();
    if (pid == 0) {
        alarm(CHILD_LIMIT);
        _exit(use_and_purge());
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    atomic_set_release(&stage, 2);
    pthread_join(thread, NULL);
    assert_int_equal(discarded(), 19 * free_bytes_of_slab());
    assert_filled(ptrs, nkept);
    check_arenas();
    arena_flush(ptrs, nkept);
}

static void
fork_in_hook(void) {
    pid_t pid = fork();
    if (pid == 0) {
        return;
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* The thread that forks makes the pass: it goes on in the child, too. */
static void
test_fork_inside_of_the_hook(void **state) {
    (void)state;
    nkept = thin(fill_slabs(20));
    pid_t parent = getpid();
    during = fork_in_hook;
    uint64_t bytes = arena_purge_slabs(arena);
    if (getpid() != parent) {
        _exit(bytes != 19 * free_bytes_of_slab() || discarded() != bytes);
    }
    assert_int_equal(bytes, 19 * free_bytes_of_slab());
    check_arenas();
    arena_flush(ptrs, nkept);
}

static void *
reset(void *error) {
    *(int *)error = arenas_reset(arena->index);
    atomic_set_release(&stage, 3);
    return NULL;
}

static void
test_reset_waits(void **state) {
    (void)state;
    int error = -1;
    pthread_t resetting;
    thin(fill_slabs(20));
    pthread_t thread = begin_purge();
    assert_int_equal(pthread_create(&resetting, NULL, reset, &error), 0);
    while (atomic_get(&arena->life) != arena_clearing) {
        nap(1);
    }
    assert_int_equal(atomic_get(&stage), 1);
    atomic_set_release(&stage, 2);
    pthread_join(thread, NULL);
    pthread_join(resetting, NULL);
    assert_int_equal(error, 0);
    assert_int_equal(discarded(), 0);
    assert_int_equal(atomic_get(&arena->bins[SZIND].nslabs), 0);
    check_arenas();
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pages_leave_along_the_curve, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_use_ends_ageing, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_decay_times, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_discarded_slabs_are_refilled_last, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_counters, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_ticks_make_passes, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_ageing_pages_start_a_thread, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_background_passes_end, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_refused, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_slabs_freed_meanwhile, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_allocations_meanwhile, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_reset_inside_of_the_hook, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_fork_meanwhile, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_fork_inside_of_the_hook, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_reset_waits, make_arena, destroy_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
