/*
 * manual_cache_test.c -- arenas are reset and destroyed beside live thread caches: only the caches of threads that are
 * bound to a manual arena hold memory of it, and these hold nothing else. So nothing of it turns up again when it is
 * gone, and its threads get no other memory.
 */
#include "../api/support.h"
#include "../arena/check.h"
#include "extent/pagemap.h"
#include "thread/front.h"
#include "thread/thread_life.h"

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

/* ---- the caches of threads that are bound ---- */

/* Binds to an arena, does the work, and goes home; then nothing that was freed is left out of the arena. */
static void
while_bound(arena_t *arena, void (*work)(arena_t *arena)) {
    lunalloc_value_t home;
    assert_int_equal(lunalloc_ctl_get("thread.arena", &home, NULL, 0), 0);
    assert_true(bind_to(arena->index));
    work(arena);
    assert_true(bind_to((uint32_t)home.v.u));
    assert_false(thread_here()->isolated);
    assert_int_equal(allocated_in(arena), 0);
}

static bool
is_from(const void *ptr, const arena_t *arena) {
    return extent_arena(arena_extent_of(ptr, "test")) == arena->index;
}

static void
reuse_blocks(arena_t *arena) {
    lunalloc_value_t enabled;
    assert_int_equal(lunalloc_ctl_get("thread.tcache.enabled", &enabled, NULL, 0), 0);
    assert_true(enabled.v.b);
    for (size_t size = 1; size <= 32768; size *= 2) {
        void *first = lunalloc_malloc(size), *second = lunalloc_malloc(size);
        assert_true(is_from(first, arena) && is_from(second, arena));
        lunalloc_free(first);
        lunalloc_free(second);
        assert_ptr_equal(lunalloc_malloc(size), second);
        assert_ptr_equal(lunalloc_malloc(size), first);
        lunalloc_free(first);
        lunalloc_free_sized(second, size);
    }
    assert_true(cached() > 0);
}

static void
test_bound_thread_reuses_blocks(void **state) {
    (void)state;
    arena_t *arena = arenas_create();
    while_bound(arena, reuse_blocks);
    while_bound(arena, reuse_blocks);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* Blocks of other arenas, automatic or not, go back there, and are not given out. */
static arena_t *other_arena;
static void *others[NBLOCKS];

static void
free_others(arena_t *arena) {
    static void *blocks[NBLOCKS];
    for (unsigned i = 0; i < NBLOCKS; i++) {
        blocks[i] = lunalloc_malloc(size_of_block(i));
        lunalloc_free(lunalloc_malloc(size_of_block(i)));
    }
    uint64_t cached_before = cached();
    for (unsigned i = 0; i < NBLOCKS; i++) {
        free_somehow(others[i], size_of_block(i), i % 2);
    }
    assert_int_equal(allocated_in(other_arena), 0);
    assert_true(cached() <= cached_before); /* less, if bins were idle (tcache_collect) */
    for (unsigned i = 0; i < NBLOCKS; i++) {
        void *ptr = lunalloc_malloc(size_of_block(i));
        assert_true(is_from(ptr, arena));
        lunalloc_free(ptr);
        lunalloc_free(blocks[i]);
    }
}

static void
test_bound_thread_keeps_to_its_arena(void **state) {
    (void)state;
    arena_t *arena = arenas_create();
    other_arena = arenas_create();
    take_from(other_arena, others);
    while_bound(arena, free_others);
    for (unsigned i = 0; i < NBLOCKS; i++) {
        others[i] = lunalloc_malloc(size_of_block(i));
    }
    while_bound(arena, free_others);
    assert_int_equal(arenas_destroy(arena->index), 0);
    assert_int_equal(arenas_destroy(other_arena->index), 0);
}

/* Each allocation is counted once, whichever way it is served. */
static void
count_blocks(arena_t *arena) {
    enum {
        N = 3000
    };
    static void *blocks[N];
    lunalloc_value_t before[2], after[2];
    lunalloc_class_stats_t class;
    lunalloc_ctl_set("thread.tcache.flush", NULL, NULL, 0);
    for (unsigned round = 0; round < 3; round++) {
        lunalloc_class_stats(arena->index, sc_index(100), &class);
        uint64_t requests = class.nrequests;
        lunalloc_ctl_get("thread.allocated", &before[0], NULL, 0);
        lunalloc_ctl_get("thread.deallocated", &before[1], NULL, 0);
        for (unsigned i = 0; i < N; i++) {
            blocks[i] = lunalloc_malloc(100);
        }
        for (unsigned i = 0; i < N; i++) {
            lunalloc_free(blocks[i]);
        }
        lunalloc_ctl_get("thread.allocated", &after[0], NULL, 0);
        lunalloc_ctl_get("thread.deallocated", &after[1], NULL, 0);
        assert_int_equal(after[0].v.u - before[0].v.u, N * sc_round(100));
        assert_int_equal(after[1].v.u - before[1].v.u, N * sc_round(100));
        lunalloc_class_stats(arena->index, sc_index(100), &class);
        assert_int_equal(class.nrequests, requests + N);
    }
}

static void
test_bound_thread_is_counted(void **state) {
    (void)state;
    arena_t *arena = arenas_create();
    while_bound(arena, count_blocks);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* The thread's cache is turned off and on, and its counters become exact, while it is bound. */
static void
change_settings(arena_t *arena) {
    thread_t *self = thread_get();
    thread_set_cached(self, false);
    assert_true(!self->isolated && self->front == NULL);
    lunalloc_free(lunalloc_malloc(100));
    assert_int_equal(allocated_in(arena), 0);
    thread_set_cached(self, true);
    assert_true(self->isolated && self->front != NULL);
    thread_stop_seeing_calls(self);
    assert_true(self->front != NULL);
    reuse_blocks(arena);
}

static void *
become_exact(void *arg) {
    arena_t *arena = arg;
    thread_t *self = thread_get();
    thread_bind(self, arena);
    thread_assert(self->isolated && byte_counters_make_exact(self));
    void *ptr = lunalloc_malloc(100);
    uint64_t allocated = self->bytes.allocated, freed = self->bytes.freed;
    lunalloc_free(ptr);
    thread_assert(self->bytes.freed == freed + sc_round(100));
    thread_assert(lunalloc_malloc(100) == ptr && self->bytes.allocated == allocated + sc_round(100));
    lunalloc_free(ptr);
    thread_bind(self, arenas_get(0));
    thread_assert(!self->isolated && self->front != NULL);
    return NULL;
}

static void
test_settings_of_a_bound_thread(void **state) {
    (void)state;
    arena_t *arena = arenas_create();
    while_bound(arena, change_settings);
    run_thread(become_exact, arena);
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

/* False if there is no room. */
static bool
put_in(void *ptr, size_t size) {
    pthread_mutex_lock(&basket.mutex);
    bool room = basket.n < NBLOCKS;
    if (room) {
        basket.ptrs[basket.n] = ptr;
        basket.sizes[basket.n++] = size;
    }
    pthread_mutex_unlock(&basket.mutex);
    return room;
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

/* ---- threads that change their arena ---- */

#define NARENAS 3

static arena_t *arenas[NARENAS];

/* Binds to one arena after another, uses its cache there, and frees what others have left. */
static void *
wander(void *arg) {
    uint64_t seed = (uint64_t)(uintptr_t)arg + 1;
    for (unsigned round = 0; round < 200; round++) {
        arena_t *arena = arenas[rnd_below(&seed, NARENAS)];
        thread_bind(thread_get(), arena);
        for (unsigned i = 0; i < 60; i++) {
            size_t size = 1 + rnd_below(&seed, 3000), old_size;
            void *old, *ptr = lunalloc_malloc(size);
            thread_assert(ptr != NULL && is_from(ptr, arena));
            if (take_out(&old, &old_size)) {
                free_somehow(old, old_size, (unsigned)rnd_below(&seed, 2));
            }
            if (rnd_below(&seed, 2) == 0 || !put_in(ptr, size)) {
                lunalloc_free(ptr);
            }
        }
    }
    return NULL;
}

static void
test_threads_change_their_arenas(void **state) {
    (void)state;
    pthread_t threads[NTHREADS];
    for (unsigned i = 0; i < NARENAS; i++) {
        arenas[i] = arenas_create();
    }
    for (uintptr_t i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, wander, (void *)i), 0);
    }
    for (unsigned i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_threads_well();
    check_arenas();
    void *ptr;
    for (size_t size; take_out(&ptr, &size);) {
        lunalloc_free(ptr);
    }
    for (unsigned i = 0; i < NARENAS; i++) {
        assert_int_equal(allocated_in(arenas[i]), 0);
        assert_int_equal(arenas_destroy(arenas[i]->index), 0);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_cached),
        cmocka_unit_test(test_bound_thread_reuses_blocks),
        cmocka_unit_test(test_bound_thread_keeps_to_its_arena),
        cmocka_unit_test(test_bound_thread_is_counted),
        cmocka_unit_test(test_settings_of_a_bound_thread),
        cmocka_unit_test(test_threads_change_their_arenas),
        cmocka_unit_test(test_arenas_reset_and_destroy_beside_thread_caches),
    };
    return cmocka_run_group_tests_name("manual_cache", tests, boot_allocator, NULL);
}
