/*
 * live_stress_test.c -- what is live for all threads, switched on and off many times under the load of threads that
 * allocate, resize, free and hand over blocks all the time and check every one of them. Once no thread is behind
 * (arenas.nbehind), each thread finds the setting in force at every operation, and really gone after. In the end
 * nothing is left.
 */
#include "../api/support.h"
#include "extent/metadata.h"
#include "thread/modes.h"
#include "thread/tcache.h"
#include "thread/thread.h"

#define NTHREADS 4
#define NHELD    100
#define NMAIL    32
#define NROUNDS  (config_tsan || config_asan || config_torture ? 8 : 16)

static _Atomic bool stop;

/* ---- what is in force ---- */

/* Which setting; 0 while it changes. A check counts if it was the same one before and after. */
static _Atomic uint32_t period;
static uint32_t periods;

/* What a fresh block holds; ANY: it is not said. */
#define ANY 256
static _Atomic unsigned fresh_byte = ANY;

static void
begin_change(void) {
    atomic_store(&period, 0);
}

static unsigned
behind(void) {
    lunalloc_value_t value;
    assert_int_equal(lunalloc_ctl_get("arenas.nbehind", &value, NULL, 0), 0);
    return (unsigned)value.v.u;
}

/* All threads are at work, and so come to a slow path. */
static void
end_change(unsigned byte) {
    for (unsigned i = 0; i < 60000 && behind() > 0; i++) {
        nap(1);
    }
    assert_int_equal(behind(), 0);
    atomic_set(&fresh_byte, byte);
    atomic_store(&period, ++periods);
    nap(5);
}

/* ---- what each thread checks ---- */

/* Its cache is as the settings want it: that is this thread's own business, and so may be read. */
static bool
cache_fits(void) {
    const cache_t *cache = &thread_self->cache;
    uint32_t n = modes_on(MODES_ALL) != 0 ? 0 : tcache_nclasses();
    bool fits = cache->ncached == n;
    for (uint32_t i = 0; i + 1 < CACHE_BINS; i++) {
        const cache_cold_t *cold = &cache->cold[i + 1];
        fits &= cold->slots == NULL || (i < n && 1U << cold->lg_slots <= tcache_max_slots(i));
    }
    return fits;
}

static bool
is_fresh(const void *block, size_t size, unsigned byte) {
    return byte == ANY || all_bytes(block, size, byte);
}

typedef struct {
    size_t size;
    uint64_t tag;
    unsigned char *data;
} block_t;

static unsigned char *_Atomic mail[NMAIL]; /* blocks that another thread frees: their contents say no more */

typedef struct {
    uint64_t seed;
    int cache; /* flags of its explicit tcache */
    block_t held[NHELD];
    _Atomic uint64_t nchecked;
} worker_t;

static void
fill(worker_t *w, block_t *block) {
    block->tag = rnd(&w->seed);
    pattern_fill(block->data, block->size, block->tag);
}

/* A fresh block, each way that there is. */
static void
make(worker_t *w, block_t *block) {
    uint32_t before = atomic_load(&period);
    unsigned byte = atomic_get(&fresh_byte);
    size_t size = 1 + rnd_size(&w->seed, rnd_below(&w->seed, 16) == 0 ? 16 : 10);
    unsigned way = (unsigned)rnd_below(&w->seed, 8);
    block->size = size;
    block->data = way == 0   ? lunalloc_calloc(1, size)
                  : way == 1 ? lunalloc_aligned_alloc(64, size)
                  : way == 2 ? mallocx(size, w->cache)
                  : way == 3 ? mallocx(size, MALLOCX_ZERO)
                             : lunalloc_malloc(size);
    thread_assert(block->data != NULL);
    bool zero = way == 0 || way == 3;
    bool right = is_fresh(block->data, size, zero ? 0 : byte), fits = cache_fits();
    if (atomic_load(&period) == before && before != 0) {
        thread_assert(right && fits);
        atomic_add(&w->nchecked, 1);
    }
    thread_assert(!zero || right);
    fill(w, block);
}

static void
destroy(worker_t *w, block_t *block) {
    if (block->data == NULL) {
        return;
    }
    thread_assert(pattern_holds(block->data, block->size, block->tag));
    switch (rnd_below(&w->seed, 4)) {
    case 0:
        lunalloc_free_sized(block->data, block->size);
        break;
    case 1:
        dallocx(block->data, w->cache);
        break;
    case 2:
        lunalloc_free(atomic_exchange(&mail[rnd_below(&w->seed, NMAIL)], block->data));
        break;
    default:
        lunalloc_free(block->data);
        break;
    }
    block->data = NULL;
}

static void
resize(worker_t *w, block_t *block) {
    size_t size = 1 + rnd_size(&w->seed, 17);
    size_t both = size < block->size ? size : block->size;
    unsigned char *data = lunalloc_realloc(block->data, size);
    thread_assert(data != NULL && pattern_holds(data, both, block->tag));
    *block = (block_t){.size = size, .data = data};
    fill(w, block);
}

static void
step(worker_t *w) {
    block_t *block = &w->held[rnd_below(&w->seed, NHELD)];
    if (block->data != NULL && rnd_below(&w->seed, 8) == 0) {
        resize(w, block);
    } else {
        destroy(w, block);
        make(w, block);
    }
}

static void *
work(void *arg) {
    worker_t *w = arg;
    unsigned id;
    size_t len = sizeof id;
    thread_assert(mallctl("tcache.create", &id, &len, NULL, 0) == 0);
    w->cache = MALLOCX_TCACHE((int)id);
    while (!atomic_get(&stop)) {
        step(w);
    }
    for (unsigned i = 0; i < NHELD; i++) {
        destroy(w, &w->held[i]);
    }
    thread_assert(mallctl("tcache.destroy", NULL, NULL, &id, sizeof id) == 0);
    return NULL;
}

/* ---- a run ---- */

static void
empty_mail(void) {
    for (unsigned i = 0; i < NMAIL; i++) {
        lunalloc_free(atomic_exchange(&mail[i], NULL));
    }
    must_set("thread.tcache.flush", NULL);
}

/* Calls turn(round) under load, once a round; by then the setting is in force. */
static void
run(void (*turn)(unsigned round)) {
    static worker_t workers[NTHREADS];
    pthread_t threads[NTHREADS];
    lunalloc_stats_t before, after;
    must_set("thread.tcache.flush", NULL);
    lunalloc_stats(LUNALLOC_ALL, &before);
    atomic_set(&stop, false);
    for (unsigned i = 0; i < NTHREADS; i++) {
        memset(&workers[i], 0, sizeof workers[i]);
        workers[i].seed = i + 1;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned round = 0; round < (unsigned)NROUNDS; round++) {
        turn(round);
    }
    for (unsigned i = 0; i < NTHREADS; i++) {
        while (atomic_get(&workers[i].nchecked) == 0) {
            nap(1);
        }
    }
    begin_change();
    atomic_set(&stop, true);
    for (unsigned i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_threads_well();
    empty_mail();
    lunalloc_stats(LUNALLOC_ALL, &after);
    assert_true(after.allocated <= before.allocated + 4096);
    assert_int_equal(after.nthreads, before.nthreads);
}

/* ---- the settings ---- */

static void
turn_junk(unsigned round) {
    static const struct {
        char word[8];
        unsigned byte;
    } turns[] = {{"true", JUNK_ALLOCATED}, {"false", ANY}, {"alloc", JUNK_ALLOCATED}, {"free", ANY}};
    begin_change();
    must_set("arenas.junk", turns[round % 4].word);
    end_change(turns[round % 4].byte);
}

static void
test_junk_live_under_load(void **state) {
    (void)state;
    run(turn_junk);
    must_set("arenas.junk", "false");
}

static void
turn_zero(unsigned round) {
    begin_change();
    must_set("arenas.junk", round % 3 == 0 ? "true" : "false");
    must_set("arenas.zero", round % 2 == 0 ? "true" : "false");
    end_change(round % 2 == 0 ? 0 : round % 3 == 0 ? JUNK_ALLOCATED : ANY);
}

static void
test_zero_live_under_load(void **state) {
    (void)state;
    run(turn_zero);
    must_set("arenas.zero", "false");
    must_set("arenas.junk", "false");
}

static uint64_t
cached(void) {
    lunalloc_stats_t stats;
    assert_int_equal(lunalloc_stats(LUNALLOC_ALL, &stats), 0);
    return stats.cached;
}

/* On, it fills; off, it is empty, though no thread has been flushed. */
static void
turn_quarantine(unsigned round) {
    static const char *const limits[] = {"0", "64K", "1M", "16K", "0", "1M"};
    begin_change();
    must_set("arenas.quarantine", limits[round % 6]);
    must_set("arenas.junk", round % 4 == 1 ? "alloc" : "false");
    end_change(round % 4 == 1 ? JUNK_ALLOCATED : ANY);
    for (unsigned i = 0; round % 6 == 2 && i < 20000 && cached() < 256 << 10; i++) {
        nap(1);
    }
    assert_true(round % 6 != 2 || cached() >= 256 << 10);
}

static void
test_quarantine_live_under_load(void **state) {
    (void)state;
    run(turn_quarantine);
    must_set("arenas.quarantine", "0");
    must_set("arenas.junk", "false");
}

static void
turn_limits(unsigned round) {
    static const char *const nslots[] = {"1024", "4", "64", "4096"};
    static const char *const bytes[] = {"64K", "0", "1M"};
    static const char *const most[] = {"32K", "0", "64K"};
    begin_change();
    must_set("arenas.tcache_nslots", nslots[round % 4]);
    must_set("arenas.tcache_bytes", bytes[round % 3]);
    must_set("arenas.tcache_largest", most[round / 2 % 3]);
    end_change(ANY);
}

static void
test_cache_limits_live_under_load(void **state) {
    (void)state;
    run(turn_limits);
    must_set("arenas.tcache_nslots", "4096");
    must_set("arenas.tcache_bytes", "256K");
    must_set("arenas.tcache_largest", "32K");
}

/* Caches fill again at once: that each thread did flush is thread/follow_test.c's. */
static void
turn_flush(unsigned round) {
    begin_change();
    must_set("arenas.tcache_flush", NULL);
    must_set("arenas.nauto", round % 4 == 0 ? "4" : "1");
    end_change(ANY);
}

static void
test_flushes_under_load(void **state) {
    (void)state;
    run(turn_flush);
    must_set("arenas.nauto", "1");
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_junk_live_under_load),         cmocka_unit_test(test_zero_live_under_load),
        cmocka_unit_test(test_quarantine_live_under_load),   cmocka_unit_test(test_flushes_under_load),
        cmocka_unit_test(test_cache_limits_live_under_load),
    };
    return cmocka_run_group_tests_name("live_stress", tests, boot_allocator, NULL);
}
