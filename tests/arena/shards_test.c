/*
 * shards_test.c -- bin shards: which one regions are taken from and returned to, sums of their counters, and their
 * slabs when the number falls and rises, when memory is exhausted, and in the child of a fork. Arenas are manual ones,
 * so that no other thread's cache and no call of libc uses them.
 */
#include "../api/support.h"
#include "arena/arenas.h"
#include "arena/arenas_bind.h"
#include "extent/metadata.h"
#include "extent/purge.h"
#include "observe/arena_stats.h"
#include "observe/stats.h"
#include "os/pages.h"
#include "thread/thread_life.h"

#define SZIND    13
#define MAX_PTRS 4096

static arena_t *arena;
static bin_t *first;
static void *ptrs[2][MAX_PTRS];

static int
make_arena(void **state) {
    boot_allocator(state);
    arena = arenas_create();
    first = arena == NULL ? NULL : &arena->bins[SZIND];
    return arena == NULL;
}

static int
destroy_arena(void **state) {
    (void)state;
    arenas_set_nshards(SZIND, 1);
    return arenas_destroy(arena->index);
}

static uint32_t
regs_in_slab(void) {
    return sc_nregs(SZIND, atomic_get(&sc.slab_size[SZIND]));
}

static void
fill(uint32_t bin_shard, uint32_t n) {
    assert_int_equal(arena_fill(arena, SZIND, bin_shard, n, ptrs[bin_shard]), n);
}

static const bin_t *
bin_of(const void *ptr) {
    return atomic_get(&arena_extent_of(ptr, "test")->bin);
}

static uint64_t
slabs_in(uint32_t shard) {
    return atomic_get(&shards_get(first, shard)->nslabs);
}

static lunalloc_class_stats_t
class_stats(void) {
    lunalloc_class_stats_t class;
    assert_int_equal(stats_read_class(arena->index, SZIND, &class), 0);
    return class;
}

/* ---- taking and giving back ---- */

static void
assert_all_in(uint32_t shard, void *const *from, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        assert_ptr_equal(bin_of(from[i]), shards_get(first, shard));
    }
}

static void
test_slabs_belong_to_their_bin_shard(void **state) {
    (void)state;
    uint32_t n = 2 * regs_in_slab();
    assert_null(shards_get(first, 1));
    arenas_set_nshards(SZIND, 2);
    fill(0, n);
    fill(1, n);
    assert_non_null(shards_get(first, 1));
    assert_all_in(0, ptrs[0], n);
    assert_all_in(1, ptrs[1], n);
    assert_int_equal(slabs_in(0), 2);
    assert_int_equal(slabs_in(1), 2);
    arena_check(arena);
    void *third[1];
    assert_int_equal(arena_fill(arena, SZIND, 2, 1, third), 1);
    assert_all_in(0, third, 1);
    arena_flush(third, 1);
    arena_flush(ptrs[0], n);
    assert_int_equal(slabs_in(1), 2);
    arena_flush(ptrs[1], n);
    arena_check(arena);
}

/* Regions of two shards in any order, in one flush, as a cache holds what several threads have freed. */
static void
test_a_flush_finds_each_shard(void **state) {
    (void)state;
    static void *mixed[2 * MAX_PTRS];
    uint64_t seed = 5;
    uint32_t n = 3 * regs_in_slab() - 1;
    arenas_set_nshards(SZIND, 2);
    for (unsigned round = 0; round < 20; round++) {
        fill(0, n);
        fill(1, n);
        memcpy(mixed, ptrs[0], n * sizeof mixed[0]);
        memcpy(mixed + n, ptrs[1], n * sizeof mixed[0]);
        shuffle(&seed, mixed, 2 * n);
        arena_flush(mixed, n / 2);
        arena_check(arena);
        arena_flush(mixed + n / 2, 2 * n - n / 2);
        arena_check(arena);
        assert_int_equal(class_stats().curregs, 0);
    }
}

/* A slab in which nothing lives any more is in no bin before it is given back. */
static void
push_twice(void *arg) {
    (void)arg;
    list_t emptied;
    void *twice = ptrs[1][0];
    list_init(&emptied);
    arena_push(ptrs[1], 2 * regs_in_slab(), &emptied);
    arena_push(&twice, 1, &emptied);
}

static void
test_a_double_free_into_an_emptied_slab(void **state) {
    (void)state;
    arenas_set_nshards(SZIND, 2);
    fill(1, 2 * regs_in_slab());
    outcome_t out = in_child(push_twice, NULL);
    assert_misuse(&out, "double free");
    arena_flush(ptrs[1], 2 * regs_in_slab());
}

static void
test_an_arena_of_shards_is_reset(void **state) {
    (void)state;
    arenas_set_nshards(SZIND, 2);
    fill(0, regs_in_slab() + 1);
    fill(1, regs_in_slab() + 1);
    assert_int_equal(arenas_reset(arena->index), 0);
    lunalloc_stats_t stats;
    assert_int_equal(stats_read(arena->index, &stats), 0);
    assert_int_equal(stats.nslabs + stats.active + stats.allocated, 0);
    arena_check(arena);
}

/* ---- sums ---- */

static uint64_t
lock_ops(void) {
    uint64_t n = 0;
    for (uint32_t k = 0; k < 3; k++) {
        n += atomic_get(&shards_get(first, k)->lock.nops);
    }
    return n;
}

static void
test_counters_are_sums_over_shards(void **state) {
    (void)state;
    arenas_set_nshards(SZIND, 3);
    uint32_t n = regs_in_slab();
    lunalloc_class_stats_t before = class_stats(), after;
    for (uint32_t bin_shard = 0; bin_shard < 3; bin_shard++) {
        void *more[2];
        assert_int_equal(arena_fill(arena, SZIND, bin_shard, n, ptrs[0]), n);
        assert_int_equal(arena_fill(arena, SZIND, bin_shard, 2, more), 2);
        arena_flush(more, 1);
    }
    after = class_stats();
    assert_int_equal(after.nmalloc - before.nmalloc, 3 * (n + 2));
    assert_int_equal(after.ndalloc - before.ndalloc, 3);
    assert_int_equal(after.curregs, 3 * (n + 1));
    assert_int_equal(after.nslabs, 6);
    assert_int_equal(after.nflushes - before.nflushes, 3);
    stats_bin_t bin;
    assert_int_equal(stats_get(record_bin, arena->index, SZIND, &bin), 0);
    assert_int_equal(bin.mutex.num_ops, lock_ops());
    assert_true(atomic_get(&first->lock.nops) < lock_ops());
    uint64_t ops;
    size_t offset = offsetof(stats_bin_t, mutex.num_ops);
    assert_int_equal(stats_get_counter(record_bin, arena->index, SZIND, offset, &ops), 0);
    assert_int_equal(ops, lock_ops());
    assert_int_equal(arenas_reset(arena->index), 0);
}

static void
test_reset_clears_the_counters_of_every_lock(void **state) {
    (void)state;
    arenas_set_nshards(SZIND, 3);
    assert_true(lock_ops() > 0);
    stats_reset_locks(arena);
    assert_int_equal(lock_ops(), 0);
}

/* ---- the number falls and rises ---- */

static void
test_lowering_gives_empty_slabs_back(void **state) {
    (void)state;
    uint32_t n = regs_in_slab();
    arenas_set_nshards(SZIND, 2);
    fill(1, n);
    void *one[1];
    assert_int_equal(arena_fill(arena, SZIND, 1, 1, one), 1);
    arena_flush(one, 1);
    assert_int_equal(slabs_in(1), 2);
    arenas_set_nshards(SZIND, 1);
    assert_int_equal(slabs_in(1), 1);
    arena_check(arena);
    arena_flush(ptrs[1], n);
    assert_int_equal(slabs_in(1), 0);
    arena_check(arena);
}

/* What is free in a surplus shard goes before there is a new slab; nothing stays as its current one. */
static void
test_surplus_shards_are_used_up_first(void **state) {
    (void)state;
    uint32_t n = regs_in_slab(), half = n / 2;
    arenas_set_nshards(SZIND, 2);
    fill(1, 2 * n);
    arena_flush(ptrs[1] + n, half);
    assert_int_equal(slabs_in(1), 2);
    arenas_set_nshards(SZIND, 1);
    uint64_t before = slabs_in(0);
    assert_int_equal(arena_fill(arena, SZIND, 1, half, ptrs[1] + n), half);
    assert_all_in(1, ptrs[1], 2 * n);
    assert_int_equal(slabs_in(0), before);
    void *next[1];
    assert_int_equal(arena_fill(arena, SZIND, 1, 1, next), 1);
    assert_all_in(0, next, 1);
    arena_flush(next, 1);
    arena_check(arena);
    arena_flush(ptrs[1], 1);
    arena_flush(ptrs[1] + 1, 2 * n - 1);
    assert_int_equal(slabs_in(1), 0);
    arena_check(arena);
}

static void
test_shards_serve_again_when_the_number_rises(void **state) {
    (void)state;
    uint32_t n = regs_in_slab();
    arenas_set_nshards(SZIND, 2);
    fill(1, n - 1);
    const bin_t *shard = shards_get(first, 1);
    size_t bytes = metadata_bytes(), shard_bytes = shards_bytes(first);
    assert_int_equal((shard_bytes - sizeof(struct shards)) % sizeof(bin_t), 0);
    for (unsigned round = 0; round < 20; round++) {
        arenas_set_nshards(SZIND, 1 + round % 2);
        void *p = arena_malloc_small(arena, SZIND, 1);
        assert_ptr_equal(bin_of(p), shard);
        arena_flush(&p, 1);
        arena_check(arena);
    }
    assert_ptr_equal(shards_get(first, 1), shard);
    assert_int_equal(metadata_bytes(), bytes);
    assert_int_equal(shards_bytes(first), shard_bytes);
    arena_flush(ptrs[1], n - 1);
}

static void
test_drain_covers_every_shard(void **state) {
    (void)state;
    arenas_set_nshards(SZIND, SHARDS_MAX);
    for (uint32_t bin_shard = 0; bin_shard < SHARDS_MAX; bin_shard++) {
        void *p = arena_malloc_small(arena, SZIND, bin_shard);
        assert_ptr_equal(bin_of(p), shards_get(first, bin_shard));
        arena_flush(&p, 1);
    }
    arena_check(arena);
    assert_int_equal(class_stats().nslabs, SHARDS_MAX);
    arena_drain(arena);
    assert_int_equal(class_stats().nslabs, 0);
    arena_check(arena);
}

static void *
allocate_in_bin_shard_1(void *arg) {
    for (_Atomic bool *may = arg; !atomic_get_acquire(may);) {
        nap(1);
    }
    ptrs[1][1] = arena_malloc_small(arena, SZIND, 1);
    return NULL;
}

/* A thread has chosen its shard and waits for the lock; when it gets it, the shard is surplus, and keeps no current
 * slab. */
static void
test_lowered_while_a_thread_waits_for_the_shard(void **state) NO_THREAD_SAFETY {
    (void)state;
    arenas_set_nshards(SZIND, 2);
    fill(1, 1);
    bin_t *shard = shards_get(first, 1);
    pthread_t thread;
    _Atomic bool may = false;
    assert_int_equal(pthread_create(&thread, NULL, allocate_in_bin_shard_1, &may), 0);
    bin_lock(shard);
    atomic_set_release(&may, true);
    while (atomic_get(&shard->lock.state) != LOCK_CONTENDED) {
        nap(1);
    }
    atomic_set(&shards_beyond_first[SZIND], 0);
    bin_retire(shard);
    bin_unlock(shard);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_all_in(1, ptrs[1], 2);
    assert_ptr_equal(shard->current, NULL);
    arena_flush(ptrs[1], 2);
    assert_int_equal(slabs_in(1), 0);
    arena_check(arena);
}

static void *
reset_arena(void *arg) {
    for (_Atomic bool *may = arg; !atomic_get_acquire(may);) {
        nap(1);
    }
    thread_assert(arenas_reset(arena->index) == 0);
    return NULL;
}

/* A reset waits for the bin of an empty slab; when it gets the lock, a drain has taken the slab away. */
static void
test_drained_while_a_reset_waits_for_the_bin(void **state) NO_THREAD_SAFETY {
    (void)state;
    pthread_t thread;
    _Atomic bool may = false;
    list_t emptied;
    list_init(&emptied);
    fill(0, 1);
    arena_flush(ptrs[0], 1);
    assert_int_equal(pthread_create(&thread, NULL, reset_arena, &may), 0);
    bin_lock(first);
    atomic_set_release(&may, true);
    while (atomic_get(&first->lock.state) != LOCK_CONTENDED) {
        nap(1);
    }
    list_push_back(&emptied, &bin_take_empty(first)->link);
    bin_unlock(first);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_threads_well();
    arena_delete_slabs(&emptied);
    arena_check(arena);
    assert_int_equal(slabs_in(0), 0);
}

/* ---- memory is exhausted ---- */

static bool
refuse_all(fault_kind_t kind) {
    (void)kind;
    return true;
}

/* Of a class that no test has made shards of. */
static void
test_without_memory_for_a_shard_the_first_one_serves(void **state) {
    (void)state;
    uint32_t szind = SZIND + 1;
    bin_t *only = &arena->bins[szind];
    void *two[2];
    two[0] = arena_malloc_small(arena, szind, 0);
    arenas_set_nshards(szind, 2);
    assert_null(shards_get(only, 1));
    atomic_set_release(&fault_slot, refuse_all);
    two[1] = arena_malloc_small(arena, szind, 1);
    atomic_set_release(&fault_slot, NULL);
    assert_non_null(two[1]);
    assert_ptr_equal(bin_of(two[1]), only);
    arena_flush(two, 2);
    arena_check(arena);
    arenas_set_nshards(szind, 1);
}

static void
test_without_memory_for_a_slab_any_shard_serves(void **state) {
    (void)state;
    uint32_t n = regs_in_slab();
    arenas_set_nshards(SZIND, 3);
    fill(1, n);
    arena_flush(ptrs[1], n - 1);
    arena_drain(arena);
    pa_purge_all(&arena->pages);
    atomic_set_release(&fault_slot, refuse_all);
    uint32_t got = arena_fill(arena, SZIND, 0, n, ptrs[0]);
    atomic_set_release(&fault_slot, NULL);
    assert_int_equal(got, n - 1);
    assert_all_in(1, ptrs[0], n - 1);
    arena_check(arena);
    assert_int_equal(arenas_reset(arena->index), 0);
}

/* ---- fork ---- */

/* A fork takes the lock of every shard, and gives each back. */
static void
test_a_fork_holds_every_shard(void **state) {
    (void)state;
    arenas_set_nshards(SZIND, 4);
    fill(0, 1);
    for (uint32_t k = 1; k < 4; k++) {
        void *p = arena_malloc_small(arena, SZIND, k);
        arena_flush(&p, 1);
    }
    shards_prefork(first);
    lock_fork_begin();
    bool held[4];
    for (uint32_t k = 0; k < 4; k++) {
        held[k] = atomic_get(&shards_get(first, k)->lock.state) != LOCK_FREE;
    }
    lock_fork_end();
    shards_postfork(first, false);
    for (uint32_t k = 0; k < 4; k++) {
        assert_true(held[k]);
        assert_int_equal(atomic_get(&shards_get(first, k)->lock.state), LOCK_FREE);
    }
    arena_flush(ptrs[0], 1);
}

static void
use_in_child(void *arg) {
    (void)arg;
    for (uint32_t bin_shard = 0; bin_shard < 4; bin_shard++) {
        void *p = arena_malloc_small(arena, SZIND, bin_shard);
        child_assert(p != NULL);
        arena_flush(&p, 1);
    }
    arenas_set_nshards(SZIND, 1);
    arena_check(arena);
}

static void
test_shards_are_whole_in_the_child_of_a_fork(void **state) {
    (void)state;
    arenas_set_nshards(SZIND, 3);
    fill(0, 5);
    fill(1, 5);
    outcome_t out = in_child(use_in_child, NULL);
    assert_child_well(&out);
    use_in_child(NULL);
    assert_int_equal(arenas_reset(arena->index), 0);
}

/* ---- bin shard indices ---- */

static void *
note_bin_shard(void *arg) {
    lunalloc_free(lunalloc_malloc(1));
    *(uint32_t *)arg = thread_get()->bin_shard;
    return NULL;
}

/* Threads that one arena gets one after the other get successive bin shard indices; each of two shards gets half of
 * them. */
static void
test_threads_of_an_arena_are_spread(void **state) {
    (void)state;
    uint32_t before = arenas_nauto(), bin_shards[6];
    arenas_set_nauto(1);
    for (unsigned i = 0; i < 6; i++) {
        run_thread(note_bin_shard, &bin_shards[i]);
    }
    for (unsigned i = 1; i < 6; i++) {
        assert_int_equal(bin_shards[i], bin_shards[i - 1] + 1);
    }
    arenas_set_nauto(before);
}

/* With and without a cache, regions come from the shard of the thread's bin shard index. */
static void *
allocate_both_ways(void *arg) {
    (void)arg;
    for (unsigned on = 0; on < 2; on++) {
        lunalloc_ctl_set("thread.tcache.enabled", on ? "true" : "false", NULL, 0);
        void *p = lunalloc_malloc(sc.size[SZIND]);
        thread_t *self = thread_get();
        bin_t *own_shard = shards_get(&atomic_get(&self->arena)->bins[SZIND], self->bin_shard % 8);
        thread_assert(p != NULL && own_shard != NULL && bin_of(p) == own_shard);
        lunalloc_free(p);
    }
    return NULL;
}

static void
test_threads_take_from_their_bin_shard(void **state) {
    (void)state;
    arenas_set_nshards(SZIND, 8);
    for (unsigned i = 0; i < 9; i++) {
        run_thread(allocate_both_ways, NULL);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, destroy_arena)

int
main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_slabs_belong_to_their_bin_shard),
        TEST(test_a_flush_finds_each_shard),
        TEST(test_a_double_free_into_an_emptied_slab),
        TEST(test_an_arena_of_shards_is_reset),
        TEST(test_counters_are_sums_over_shards),
        TEST(test_reset_clears_the_counters_of_every_lock),
        TEST(test_lowering_gives_empty_slabs_back),
        TEST(test_surplus_shards_are_used_up_first),
        TEST(test_shards_serve_again_when_the_number_rises),
        TEST(test_drain_covers_every_shard),
        TEST(test_lowered_while_a_thread_waits_for_the_shard),
        TEST(test_drained_while_a_reset_waits_for_the_bin),
        TEST(test_without_memory_for_a_shard_the_first_one_serves),
        TEST(test_without_memory_for_a_slab_any_shard_serves),
        TEST(test_a_fork_holds_every_shard),
        TEST(test_shards_are_whole_in_the_child_of_a_fork),
        TEST(test_threads_of_an_arena_are_spread),
        TEST(test_threads_take_from_their_bin_shard),
    };
    return cmocka_run_group_tests_name("shards", tests, NULL, NULL);
}
