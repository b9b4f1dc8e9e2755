/*
 * stress_test.c -- eight threads, random sizes and lifetimes, blocks handed to other threads through queues and freed
 * there, contents verified at every change of hands; another thread checks all arenas meanwhile.
 */
#include "../api/support.h"
#include "../arena/check.h"

#define NTHREADS 8
#define NHELD    400
#define QUEUE    256

typedef struct {
    unsigned char *ptr;
    size_t size;
    uint64_t tag;
} block_t;

/* A bounded queue to each thread. */
typedef struct {
    pthread_mutex_t mutex;
    block_t blocks[QUEUE];
    unsigned n;
} queue_t;

static queue_t queues[NTHREADS];
static _Atomic unsigned running;
static _Atomic uint64_t nblocks;

static unsigned
operations(void) {
    return config_tsan || config_asan ? 8000 : config_torture ? 6000 : 30000;
}

static bool
send_to(queue_t *queue, const block_t *block) {
    pthread_mutex_lock(&queue->mutex);
    bool room = queue->n < QUEUE;
    if (room) {
        queue->blocks[queue->n++] = *block;
    }
    pthread_mutex_unlock(&queue->mutex);
    return room;
}

static bool
receive(queue_t *queue, block_t *block) {
    pthread_mutex_lock(&queue->mutex);
    bool any = queue->n > 0;
    if (any) {
        *block = queue->blocks[--queue->n];
    }
    pthread_mutex_unlock(&queue->mutex);
    return any;
}

/* Both ends and the middle: enough to see an overlap, cheap enough to do at every step. */
static void
write_block(block_t *block, uint64_t tag) {
    block->tag = tag;
    size_t n = block->size < 64 ? block->size : 64;
    pattern_fill(block->ptr, n, tag);
    pattern_fill(block->ptr + block->size / 2, n / 2, tag);
    pattern_fill(block->ptr + block->size - n / 2, n / 2, tag);
}

static bool
block_whole(const block_t *block) {
    size_t n = block->size < 64 ? block->size : 64;
    return pattern_holds(block->ptr + block->size - n / 2, n / 2, block->tag) &&
           (block->size < 256 || (pattern_holds(block->ptr, n, block->tag) &&
                                  pattern_holds(block->ptr + block->size / 2, n / 2, block->tag)));
}

static void
drop(block_t *block, uint64_t *seed) {
    if (block->ptr != NULL) {
        thread_assert(block_whole(block));
        rnd_below(seed, 3) == 0 ? lunalloc_free_sized(block->ptr, block->size) : lunalloc_free(block->ptr);
        block->ptr = NULL;
        atomic_sub(&nblocks, 1);
    }
}

static void
make(block_t *block, uint64_t *seed) {
    block->size = 1 + rnd_size(seed, rnd_below(seed, 50) == 0 ? 21 : 13);
    switch (rnd_below(seed, 8)) {
    case 0:
        block->ptr = lunalloc_calloc(1, block->size);
        thread_assert(block->ptr == NULL || all_zero(block->ptr, block->size));
        break;
    default:
        block->ptr = lunalloc_malloc(block->size);
        break;
    }
    thread_assert(block->ptr != NULL);
    thread_assert(lunalloc_usable_size(block->ptr) >= block->size);
    write_block(block, rnd(seed));
    atomic_add(&nblocks, 1);
}

static void
resize(block_t *block, uint64_t *seed) {
    size_t size = 1 + rnd_size(seed, 16);
    size_t kept = block->size < size ? block->size : size;
    thread_assert(block_whole(block));
    pattern_fill(block->ptr, block->size, block->tag);
    block->ptr = lunalloc_realloc(block->ptr, size);
    thread_assert(block->ptr != NULL && pattern_holds(block->ptr, kept, block->tag));
    block->size = size;
    write_block(block, rnd(seed));
}

static void
step(block_t *held, unsigned self, uint64_t *seed) {
    block_t *block = &held[rnd_below(seed, NHELD)];
    size_t choice = rnd_below(seed, 16);
    if (choice < 3 && block->ptr != NULL && send_to(&queues[rnd_below(seed, NTHREADS)], block)) {
        block->ptr = NULL;
    } else if (choice < 6) {
        block_t received;
        if (receive(&queues[self], &received)) {
            drop(&received, seed);
        }
    } else if (choice < 7 && block->ptr != NULL) {
        resize(block, seed);
    } else {
        drop(block, seed);
        make(block, seed);
    }
}

static void *
work(void *arg) {
    unsigned self = (unsigned)(uintptr_t)arg;
    uint64_t seed = self * 1000003 + 1;
    block_t held[NHELD] = {{0}};
    for (unsigned i = 0; i < operations(); i++) {
        step(held, self, &seed);
        if (i % 5000 == 4999) {
            lunalloc_ctl_set(i % 3 == 0 ? "thread.tcache.flush" : "arena.4096.purge", NULL, NULL, 0);
        }
    }
    for (unsigned i = 0; i < NHELD; i++) {
        drop(&held[i], &seed);
    }
    atomic_sub(&running, 1);
    return NULL;
}

static void *
check_meanwhile(void *arg) {
    while (atomic_get(&running) > 0 && config_debug) {
        uint64_t began = clock_ns();
        check_arenas();
        breathe(began);
    }
    return arg;
}

static void
drain_queues(void) {
    uint64_t seed = 9;
    for (unsigned i = 0; i < NTHREADS; i++) {
        block_t block;
        while (receive(&queues[i], &block)) {
            assert_true(block_whole(&block));
            drop(&block, &seed);
        }
    }
}

static void
run_all(void) {
    pthread_t threads[NTHREADS], checker;
    atomic_set(&running, NTHREADS);
    for (uintptr_t i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    }
    assert_int_equal(pthread_create(&checker, NULL, check_meanwhile, NULL), 0);
    for (unsigned i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    atomic_set(&running, 0);
    assert_int_equal(pthread_join(checker, NULL), 0);
    assert_threads_well();
}

/* Afterwards not a byte more is allocated than before. */
static void
stress_with(const char *decay_ms, const char *dirty_max) {
    assert_int_equal(lunalloc_ctl_set("arena.4096.dirty_decay_ms", decay_ms, NULL, 0), 0);
    assert_int_equal(lunalloc_ctl_set("arena.4096.dirty_max", dirty_max, NULL, 0), 0);
    lunalloc_stats_t before, after;
    lunalloc_stats(LUNALLOC_ALL, &before);
    run_all();
    drain_queues();
    assert_int_equal(atomic_get(&nblocks), 0);
    check_arenas();
    lunalloc_stats(LUNALLOC_ALL, &after);
    assert_true(after.allocated <= before.allocated + 4096);
    assert_int_equal(after.nthreads, before.nthreads);
}

static void
test_stress(void **state) {
    (void)state;
    stress_with("10s", "-1");
}

static void
test_stress_purging_at_once(void **state) {
    (void)state;
    stress_with("0", "-1");
}

static void
test_stress_with_cap(void **state) {
    (void)state;
    stress_with("10s", "64K");
}

static int
prepare(void **state) {
    for (unsigned i = 0; i < NTHREADS; i++) {
        pthread_mutex_init(&queues[i].mutex, NULL);
    }
    return boot_allocator(state);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stress),
        cmocka_unit_test(test_stress_purging_at_once),
        cmocka_unit_test(test_stress_with_cap),
    };
    return cmocka_run_group_tests_name("stress", tests, prepare, NULL);
}
