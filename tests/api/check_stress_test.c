/*
 * check_stress_test.c -- extent state under load: eight threads use every way to take, resize, align and free memory,
 * in automatic and manual arenas, while settings change and memory is purged; two other threads run the
 * whole-structure checker on every arena at random points. In release builds the load runs all the same.
 */
#include "../api/support.h"
#include "arena/arenas.h"

#define NTHREADS  8
#define NCHECKERS 2
#define NMANUAL   2
#define NHELD     200

typedef struct {
    unsigned char *ptr;
    size_t size;
    size_t alignment; /* 0: none was asked for */
} block_t;

static _Atomic unsigned running;
static _Atomic uint64_t nchecks;
static arena_t *manual[NMANUAL];

static unsigned
operations(void) {
    return config_tsan || config_asan ? 15000 : config_torture ? 20000 : 60000;
}

/* ---- the load ---- */

static void
mark(block_t *block) {
    if (block->ptr != NULL) {
        block->ptr[0] = block->ptr[block->size - 1] = (unsigned char)block->size;
    }
}

static bool
is_marked(const block_t *block) {
    return block->ptr[0] == (unsigned char)block->size && block->ptr[block->size - 1] == (unsigned char)block->size;
}

static void
drop(block_t *block, uint64_t *seed) {
    if (block->ptr == NULL) {
        return;
    }
    thread_assert(is_marked(block));
    if (rnd_below(seed, 3) > 0) {
        lunalloc_free(block->ptr);
    } else if (block->alignment != 0) {
        lunalloc_free_aligned_sized(block->ptr, block->alignment, block->size);
    } else {
        lunalloc_free_sized(block->ptr, block->size);
    }
    block->ptr = NULL;
}

static size_t
any_size(uint64_t *seed) {
    return 1 + rnd_size(seed, rnd_below(seed, 12) == 0 ? 20 : 14);
}

static void
take(block_t *block, uint64_t *seed) {
    block->size = any_size(seed);
    block->alignment = 0;
    block->ptr = rnd_below(seed, 6) == 0 ? lunalloc_calloc(1, block->size) : lunalloc_malloc(block->size);
    mark(block);
}

static void
take_aligned(block_t *block, uint64_t *seed) {
    size_t alignment = (size_t)1 << (4 + rnd_below(seed, 14));
    block->size = align_up(any_size(seed), alignment);
    block->alignment = alignment;
    block->ptr = lunalloc_aligned_alloc(alignment, block->size);
    thread_assert(((uintptr_t)block->ptr & (alignment - 1)) == 0);
    mark(block);
}

/* Large blocks shrink and grow in place. */
static void
resize(block_t *block, uint64_t *seed) {
    if (block->ptr == NULL) {
        take(block, seed);
        return;
    }
    thread_assert(is_marked(block));
    size_t size = rnd_below(seed, 2) == 0 ? any_size(seed) : 16384 + rnd_below(seed, 1 << 19);
    unsigned char *ptr = lunalloc_realloc(block->ptr, size);
    if (ptr != NULL) {
        *block = (block_t){.ptr = ptr, .size = size};
        mark(block);
    }
}

/* ---- what changes meanwhile ---- */

static void
set(const char *name, const char *value) {
    thread_assert(lunalloc_ctl_set(name, value, NULL, 0) == 0);
}

static void
bind_somewhere(uint64_t *seed) {
    char text[16];
    uint32_t which = (uint32_t)rnd_below(seed, NMANUAL + 2);
    snprintf(text, sizeof text, "%u", which < NMANUAL ? manual[which]->index : 0);
    set("thread.arena", text);
}

static void
change_something(uint64_t *seed) {
    static const char *const times[] = {"0", "1", "50", "10s", "-1"};
    static const char *const numbers[] = {"1", "2", "5", "8"};
    static const char *const caps[] = {"-1", "0", "64K", "1M"};
    switch (rnd_below(seed, 8)) {
    case 0:
        set("arena.4096.dirty_decay_ms", times[rnd_below(seed, 5)]);
        break;
    case 1:
        set("arena.4096.muzzy_decay_ms", times[rnd_below(seed, 5)]);
        break;
    case 2:
        set("arena.4096.dirty_max", caps[rnd_below(seed, 4)]);
        break;
    case 3:
        set("arenas.nauto", numbers[rnd_below(seed, 4)]);
        break;
    case 4:
        set("arena.4096.purge", NULL);
        break;
    case 5:
        set("arena.4096.decay", NULL);
        break;
    case 6:
        set("thread.tcache.flush", NULL);
        break;
    default:
        bind_somewhere(seed);
        break;
    }
}

static void
step(block_t *held, uint64_t *seed) {
    block_t *block = &held[rnd_below(seed, NHELD)];
    switch (rnd_below(seed, 8)) {
    case 0:
        resize(block, seed);
        break;
    case 1:
        drop(block, seed);
        take_aligned(block, seed);
        break;
    case 2:
        drop(block, seed);
        break;
    default:
        drop(block, seed);
        take(block, seed);
        break;
    }
}

static void
work_until_done(uint64_t seed) {
    block_t held[NHELD] = {{0}};
    for (unsigned i = 0; i < operations(); i++) {
        step(held, &seed);
        if (rnd_below(&seed, 200) == 0) {
            change_something(&seed);
        }
    }
    for (unsigned i = 0; i < NHELD; i++) {
        drop(&held[i], &seed);
    }
}

static void *
work(void *arg) {
    work_until_done((uint64_t)(uintptr_t)arg * 65537 + 1);
    atomic_sub(&running, 1);
    return NULL;
}

/* ---- the checkers ---- */

static void
check_all(void) {
    for (uint32_t i = 0; config_debug && i < arenas_count(); i++) {
        if (arenas_get(i) != NULL) {
            arena_check(arenas_get(i));
            atomic_add(&nchecks, 1);
        }
    }
}

static void *
check_at_random(void *arg) {
    while (atomic_get(&running) > 0) {
        uint64_t began = clock_ns();
        check_all();
        breathe(began);
    }
    return arg;
}

static void
test_extent_state_checker_at_random_points_under_load(void **state) {
    (void)state;
    pthread_t threads[NTHREADS + NCHECKERS];
    lunalloc_stats_t before, after;
    for (unsigned i = 0; i < NMANUAL; i++) {
        manual[i] = arenas_create();
        assert_non_null(manual[i]);
    }
    lunalloc_stats(LUNALLOC_ALL, &before);
    atomic_set(&running, NTHREADS);
    for (uintptr_t i = 0; i < NTHREADS + NCHECKERS; i++) {
        void *(*body)(void *) = i < NTHREADS ? work : check_at_random;
        assert_int_equal(pthread_create(&threads[i], NULL, body, (void *)i), 0);
    }
    for (unsigned i = 0; i < NTHREADS + NCHECKERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        if (thread_failure[0] != '\0') {
            atomic_set(&running, 0);
        }
    }
    assert_threads_well();
    check_all();
    lunalloc_stats(LUNALLOC_ALL, &after);
    assert_true(after.allocated <= before.allocated + 4096);
    assert_true(!config_debug || atomic_get(&nchecks) > 20);
    for (unsigned i = 0; i < NMANUAL; i++) {
        assert_int_equal(arenas_destroy(manual[i]->index), 0);
    }
    check_all();
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extent_state_checker_at_random_points_under_load),
    };
    return cmocka_run_group_tests_name("check_stress", tests, boot_allocator, NULL);
}
