/*
 * manual_cache_test.c -- arenas are reset and destroyed beside live thread caches: caches never hold memory of a manual
 * arena, however it comes back, so that nothing of it turns up again when it is gone.
 */
#include "../api/support.h"
#include "../arena/check.h"
#include "extent/pagemap.h"

#define NBLOCKS  800
#define NTHREADS 4
#define NROUNDS  60

/* Every way to free: which one, by number. */
#define NWAYS 4

static void
free_somehow(void *ptr, size_t size, unsigned way) {
    switch (way % NWAYS) {
    case 0:
        lunalloc_free(ptr);
        break;
    case 1:
        lunalloc_free_sized(ptr, size);
        break;
    case 2:
        lunalloc_free(lunalloc_realloc(ptr, size * 2 + 1));
        break;
    default:
        thread_assert(lunalloc_realloc(ptr, 0) == NULL);
        break;
    }
}

static size_t
size_of_block(unsigned i) {
    return 1 + i * 37 % 40000;
}

static bool
bind_to(uint32_t index) {
    char text[16];
    snprintf(text, sizeof text, "%u", index);
    return lunalloc_ctl_set("thread.arena", text, NULL, 0) == 0;
}

/* The calling thread takes blocks from an arena and goes back to its own. */
static void
take_from(const arena_t *arena, void **blocks) {
    lunalloc_value_t home;
    thread_assert(lunalloc_ctl_get("thread.arena", &home, NULL, 0) == 0);
    thread_assert(bind_to(arena->index));
    for (unsigned i = 0; i < NBLOCKS; i++) {
        blocks[i] = lunalloc_malloc(size_of_block(i));
        thread_assert(blocks[i] != NULL && arena_extent_of(blocks[i], "test") != NULL);
        thread_assert(extent_arena(arena_extent_of(blocks[i], "test")) == arena->index);
        thread_assert(pagemap_class(blocks[i]) == 0);
    }
    thread_assert(bind_to((uint32_t)home.v.u));
}

static uint64_t
allocated_in(const arena_t *arena) {
    lunalloc_stats_t stats;
    return lunalloc_stats(arena->index, &stats) == 0 ? stats.allocated : UINT64_MAX;
}

static uint64_t
cached(void) {
    lunalloc_stats_t stats;
    lunalloc_stats(LUNALLOC_ALL, &stats);
    return stats.cached;
}

/* ---- what is freed is back in its arena at once ---- */

static void
test_nothing_is_cached(void **state) {
    (void)state;
    void *blocks[NBLOCKS];
    arena_t *arena = arenas_create();
    for (unsigned way = 0; way < NWAYS; way++) {
        if (way == 2) {
            continue; /* its copy is in the thread's own arena */
        }
        take_from(arena, blocks);
        lunalloc_ctl_set("thread.tcache.flush", NULL, NULL, 0);
        uint64_t cached_before = cached();
        for (unsigned i = 0; i < NBLOCKS; i++) {
            uint64_t before = allocated_in(arena);
            size_t size = lunalloc_usable_size(blocks[i]);
            free_somehow(blocks[i], size_of_block(i), way);
            assert_int_equal(allocated_in(arena), before - size);
        }
        assert_int_equal(allocated_in(arena), 0);
        assert_int_equal(cached(), cached_before);
    }
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* A thread that is bound to a manual arena has no cache, also when it asks for one; what it frees of others goes
 * home. */
static void
test_bound_thread_has_no_cache(void **state) {
    (void)state;
    arena_t *arena = arenas_create();
    lunalloc_value_t home, enabled;
    void *own = lunalloc_malloc(100);
    assert_int_equal(lunalloc_ctl_get("thread.arena", &home, NULL, 0), 0);
    assert_true(bind_to(arena->index));
    assert_int_equal(lunalloc_ctl_set("thread.tcache.enabled", "true", NULL, 0), 0);
    assert_int_equal(lunalloc_ctl_get("thread.tcache.enabled", &enabled, NULL, 0), 0);
    assert_false(enabled.v.b);
    lunalloc_free(own);
    lunalloc_free(lunalloc_malloc(100));
    assert_int_equal(allocated_in(arena), 0);
    assert_true(bind_to((uint32_t)home.v.u));
    assert_int_equal(lunalloc_ctl_get("thread.tcache.enabled", &enabled, NULL, 0), 0);
    assert_true(enabled.v.b);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* ---- while other threads' caches are busy ---- */

typedef struct {
    pthread_mutex_t mutex;
    void *ptrs[NBLOCKS];
    size_t sizes[NBLOCKS];
    unsigned n;
} basket_t;

/* Blocks of manual arenas that other threads are to free. */
static basket_t basket = {.mutex = PTHREAD_MUTEX_INITIALIZER};
static _Atomic unsigned nleft; /* of the round's blocks */
static _Atomic bool stop;
/* The arena that is being emptied; no block that a thread gets may lie in it. */
static _Atomic uint32_t forbidden;

static bool
take_out(void **ptr, size_t *size) {
    pthread_mutex_lock(&basket.mutex);
    bool any = basket.n > 0;
    if (any) {
        basket.n--;
        *ptr = basket.ptrs[basket.n];
        *size = basket.sizes[basket.n];
    }
    pthread_mutex_unlock(&basket.mutex);
    return any;
}

/* Uses its cache all the time, and frees what it finds in the basket. */
static void *
live_with_cache(void *arg) {
    uint64_t seed = (uint64_t)(uintptr_t)arg + 1;
    void *held[100] = {NULL};
    unsigned way = 0;
    while (!atomic_get(&stop)) {
        size_t k = rnd_below(&seed, 100), size;
        void *ptr;
        lunalloc_free(held[k]);
        held[k] = lunalloc_malloc(1 + rnd_below(&seed, 40000));
        thread_assert(held[k] != NULL);
        thread_assert(extent_arena(arena_extent_of(held[k], "test")) != atomic_get(&forbidden));
        if (take_out(&ptr, &size)) {
            free_somehow(ptr, size, way++);
            atomic_fetch_sub(&nleft, 1);
        }
    }
    for (unsigned k = 0; k < 100; k++) {
        lunalloc_free(held[k]);
    }
    return NULL;
}

static void
hand_out(void **blocks, unsigned n) {
    atomic_store(&nleft, n);
    pthread_mutex_lock(&basket.mutex);
    for (unsigned i = 0; i < n; i++) {
        basket.ptrs[i] = blocks[i];
        basket.sizes[i] = size_of_block(i);
    }
    basket.n = n;
    pthread_mutex_unlock(&basket.mutex);
    while (atomic_load(&nleft) > 0 && thread_failure[0] == '\0') {
        usleep(100);
    }
}

static void
run_rounds(void) {
    void *blocks[NBLOCKS];
    for (unsigned round = 0; round < NROUNDS; round++) {
        arena_t *arena = arenas_create();
        assert_non_null(arena);
        atomic_set(&forbidden, arena->index);
        take_from(arena, blocks);
        hand_out(blocks, round % 3 == 0 ? NBLOCKS : NBLOCKS / 2);
        assert_int_equal(round % 2 == 0 ? arenas_reset(arena->index) : 0, 0);
        if (config_debug) {
            arena_check(arena);
        }
        assert_int_equal(arenas_destroy(arena->index), 0);
        lunalloc_stats_t stats;
        assert_int_equal(lunalloc_stats(arena->index, &stats), 0);
        assert_int_equal(stats.allocated + stats.mapped + stats.retained, 0);
    }
}

static void
test_arenas_reset_and_destroy_beside_thread_caches(void **state) {
    (void)state;
    pthread_t threads[NTHREADS];
    atomic_set(&forbidden, UINT32_MAX);
    for (uintptr_t i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, live_with_cache, (void *)i), 0);
    }
    run_rounds();
    atomic_set(&stop, true);
    for (unsigned i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_threads_well();
    check_arenas();
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_cached),
        cmocka_unit_test(test_bound_thread_has_no_cache),
        cmocka_unit_test(test_arenas_reset_and_destroy_beside_thread_caches),
    };
    return cmocka_run_group_tests_name("manual_cache", tests, boot_allocator, NULL);
}
