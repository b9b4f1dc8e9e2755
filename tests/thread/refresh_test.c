/* refresh_test.c -- a thread refreshes within the bound after a request, and not before; what it holds then. */
#include "../api/support.h"
#include "base/options.h"
#include "thread/tcaches.h"
#include "thread/refresh.h"
#include "thread/modes.h"
#include "thread/tcache.h"
#include "thread/thread_life.h"

#define SIZE 1536

static int
to_defaults(void **state) {
    (void)state;
    modes_set(MODES_ALL, 0);
    must_set("arenas.tcache_nslots", "4096");
    must_set("arenas.tcache_bytes", "256K");
    must_set("arenas.tcache_largest", "32K");
    return 0;
}

/* ---- the bound: a request of another thread ---- */

typedef struct {
    _Atomic unsigned stage; /* the threads take turns: each moves it on and waits for the other */
    void (*act)(void);
    unsigned nops;
} turns_t;

static void
await(turns_t *turns, unsigned stage) {
    while (atomic_get_acquire(&turns->stage) != stage) {
        sched_yield();
    }
}

static void
hit(void) {
    lunalloc_free(lunalloc_malloc(SIZE));
}

/* Acts until its config generation changes, and counts. */
static void *
wait_for_request(void *arg) {
    turns_t *turns = arg;
    for (unsigned i = 0; i < 10; i++) {
        hit();
    }
    uint64_t seen = atomic_get(&thread_get()->config_generation);
    atomic_set_release(&turns->stage, 1);
    await(turns, 2);
    while (atomic_get(&thread_self->config_generation) == seen && turns->nops < 10000) {
        turns->act();
        turns->nops++;
    }
    atomic_set_release(&turns->stage, 3);
    await(turns, 4);
    return NULL;
}

static void
assert_refreshes(void (*act)(void), unsigned most) {
    turns_t turns = {.act = act};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_request, &turns), 0);
    await(&turns, 1);
    uint32_t before = threads_stale();
    must_set("arenas.junk", "alloc");
    assert_int_equal(threads_stale(), before + 1);
    atomic_set_release(&turns.stage, 2);
    await(&turns, 3);
    assert_int_equal(threads_stale(), 0);
    assert_in_range(turns.nops, 1, most);
    must_set("arenas.junk", "false");
    assert_int_equal(threads_stale(), 1);
    atomic_set_release(&turns.stage, 4);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(threads_stale(), 0);
}

static void
allocate(void) {
    lunalloc_malloc(16);
}

static void
allocate_uncached(void) {
    lunalloc_malloc(100000);
}

static void *pool[2048];
static _Atomic unsigned npool;

static void
give_pool(void) {
    lunalloc_free(pool[atomic_add(&npool, -1U) - 1]);
}

static void
test_refreshes_within_a_countdown(void **state) {
    (void)state;
    assert_refreshes(hit, TCACHE_PERIOD);
}

static void
test_refreshes_when_it_only_allocates(void **state) {
    (void)state;
    assert_refreshes(allocate, TCACHE_PERIOD);
}

static void
test_refreshes_without_a_cache(void **state) {
    (void)state;
    assert_refreshes(allocate_uncached, 1);
}

static void
test_refreshes_when_it_only_frees(void **state) {
    (void)state;
    for (unsigned i = 0; i < 2048; i++) {
        pool[i] = lunalloc_malloc(SIZE);
    }
    atomic_set(&npool, 2048);
    assert_refreshes(give_pool, tcache_max_slots(sc_index(SIZE)) + 1);
    while (atomic_get(&npool) > 0) {
        give_pool();
    }
}

/* ---- limits ---- */

static uint32_t
slots_of(size_t size) {
    const cache_cold_t *cold = &thread_get()->cache.cold[sc_index(size) + 1];
    return cold->slots == NULL ? 0 : 1U << cold->lg_slots;
}

/* Enough traffic for the largest stack. */
static void
grow(size_t size) {
    static void *ptrs[8192];
    for (unsigned round = 0; round < 40; round++) {
        for (unsigned i = 0; i < 8192; i++) {
            ptrs[i] = lunalloc_malloc(size);
        }
        for (unsigned i = 0; i < 8192; i++) {
            lunalloc_free(ptrs[i]);
        }
    }
}

static void
test_limits_of_stacks(void **state) {
    (void)state;
    uint32_t most = config_torture ? 1 : 4096;
    grow(16);
    assert_int_equal(slots_of(16), most);
    must_set("arenas.tcache_nslots", "100");
    assert_int_equal(slots_of(16), config_torture ? 1 : 0);
    grow(16);
    assert_int_equal(slots_of(16), config_torture ? 1 : 64);
    must_set("arenas.tcache_bytes", "100");
    grow(16);
    assert_int_equal(slots_of(16), config_torture ? 1 : 4);
    must_set("arenas.tcache_bytes", "1M");
    must_set("arenas.tcache_nslots", "4096");
    grow(16);
    assert_int_equal(slots_of(16), most);
}

/* What fits stays where it is. */
static void
test_limits_leave_the_rest(void **state) {
    (void)state;
    void *ptr = lunalloc_malloc(SIZE);
    lunalloc_free(ptr);
    must_set("arenas.tcache_nslots", "64");
    assert_ptr_equal(lunalloc_malloc(SIZE), ptr);
    lunalloc_free(ptr);
}

static uint64_t
get(const char *name) {
    lunalloc_value_t value;
    assert_int_equal(lunalloc_ctl_get(name, &value, NULL, 0), 0);
    return value.v.u;
}

/* Large blocks that were allocated before the limit rose are cached after. */
static void
test_largest_size(void **state) {
    (void)state;
    assert_int_equal(get("arenas.tcache_max"), 32768);
    void *ptr = lunalloc_malloc(50000);
    lunalloc_free(lunalloc_malloc(30000));
    assert_true(slots_of(30000) > 0);
    must_set("arenas.tcache_largest", "16K");
    assert_int_equal(get("arenas.tcache_max"), get("thread.tcache.max"));
    assert_int_equal(slots_of(30000), 0);
    must_set("arenas.tcache_largest", "64K");
    assert_int_equal(get("arenas.tcache_max"), 65536);
    assert_int_equal(slots_of(50000), 0);
    lunalloc_free(ptr);
    assert_true(slots_of(50000) > 0);
    assert_ptr_equal(lunalloc_malloc(50000), ptr);
    must_set("arenas.tcache_largest", "0");
    assert_int_equal(get("arenas.tcache_max"), sc.size[0]);
    lunalloc_free(ptr);
    assert_int_equal(slots_of(50000), 0);
    must_set("thread.tcache.max", "4096");
    must_set("arenas.tcache_largest", "32K");
    assert_int_equal(thread_get()->cache.ncached, sc_index(4096) + 1);
    must_set("thread.tcache.max", "1M");
    assert_int_equal(thread_get()->cache.ncached, tcache_nclasses());
}

/* An explicit tcache is fitted to the limits when it is flushed. */
static void
test_explicit_caches(void **state) {
    (void)state;
    uint32_t id = tcaches_create();
    must_set("arenas.tcache_largest", "16K");
    assert_true(tcaches_get(id)->ncached > tcache_nclasses());
    assert_true(tcaches_flush(id));
    assert_int_equal(tcaches_get(id)->ncached, tcache_nclasses());
    assert_true(tcaches_destroy(id));
}

/* ---- flushes ---- */

static uint64_t
cached(void) {
    lunalloc_stats_t stats;
    assert_int_equal(lunalloc_stats(LUNALLOC_ALL, &stats), 0);
    return stats.cached;
}

static void *
fill_and_refresh(void *arg) {
    turns_t *turns = arg;
    for (size_t size = 8; size < 20000; size *= 2) {
        lunalloc_free(lunalloc_malloc(size));
    }
    atomic_set_release(&turns->stage, 1);
    await(turns, 2);
    lunalloc_free(lunalloc_malloc(100000));
    atomic_set_release(&turns->stage, 3);
    await(turns, 4);
    return NULL;
}

/* A sleeping thread keeps what it has, and gives it back at its next slow path. */
static void
test_flush(void **state) {
    (void)state;
    turns_t turns = {0};
    pthread_t thread;
    must_set("thread.tcache.flush", NULL);
    assert_int_equal(pthread_create(&thread, NULL, fill_and_refresh, &turns), 0);
    await(&turns, 1);
    must_set("arenas.tcache_flush", NULL);
    assert_int_equal(threads_stale(), 1);
    assert_true(cached() > 10000);
    atomic_set_release(&turns.stage, 2);
    await(&turns, 3);
    assert_int_equal(threads_stale(), 0);
    assert_int_equal(cached(), 0);
    atomic_set_release(&turns.stage, 4);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* A new thread is not stale. */
static void *
begin(void *arg) {
    thread_assert(threads_stale() == 0);
    hit();
    thread_assert(threads_stale() == 0);
    return arg;
}

static void
test_new_threads(void **state) {
    (void)state;
    must_set("arenas.tcache_flush", NULL);
    run_thread(begin, NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, to_defaults, to_defaults)

static _Atomic unsigned nserved;

static void
serve(void) {
    atomic_add(&nserved, 1);
}

/* Another process adds 1 to the number of requests. */
static void
test_a_thread_notices_a_request(void **state) {
    (void)state;
    unsigned nops = 0;
    atomic_set_release(&threads_requested, serve);
    hit();
    atomic_add(&config_generation.part.requests, 1);
    while (atomic_get(&nserved) == 0 && nops < TCACHE_PERIOD + 1) {
        hit();
        nops++;
    }
    assert_int_equal(atomic_get(&nserved), 1);
    for (unsigned i = 0; i < 2 * TCACHE_PERIOD; i++) {
        hit();
    }
    assert_int_equal(atomic_get(&nserved), 1);
    must_set("arenas.junk", "alloc");
    must_set("arenas.junk", "false");
    assert_int_equal(atomic_get(&nserved), 1);
    atomic_set_release(&threads_requested, NULL);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_thread_notices_a_request),
        TEST(test_refreshes_within_a_countdown),
        TEST(test_refreshes_when_it_only_allocates),
        TEST(test_refreshes_when_it_only_frees),
        TEST(test_refreshes_without_a_cache),
        TEST(test_limits_of_stacks),
        TEST(test_limits_leave_the_rest),
        TEST(test_largest_size),
        TEST(test_explicit_caches),
        TEST(test_flush),
        TEST(test_new_threads),
    };
    return cmocka_run_group_tests_name("refresh", tests, boot_allocator, NULL);
}
