/*
 * byte_counters_test.c -- bytes that a thread has allocated and freed: exact at every reading, whatever path each call
 * took; the totals read through pointers; and the peak. Each test works in a thread of its own, which begins with
 * nothing.
 */
#include "../api/support.h"
#include "extent/metadata.h"
#include "observe/prof.h"
#include "os/pages.h"
#include "thread/tcaches.h"
#include "thread/modes.h"
#include "thread/refresh.h"
#include "thread/tcache.h"
#include "thread/thread_life.h"

#define BLOCKS 400
#define STEPS  60000

typedef struct {
    void *ptr[BLOCKS];
    uint64_t allocated, freed;
    uint64_t seed;
    int cache; /* an explicit one */
} model_t;

static void
note_allocation(model_t *model, unsigned i) {
    thread_assert(model->ptr[i] != NULL);
    model->allocated += sallocx(model->ptr[i], 0);
}

/* By every entry point that allocates. */
static void
allocate(model_t *model, unsigned i) {
    size_t size = rnd_size(&model->seed, 17);
    switch (rnd_below(&model->seed, 8)) {
    case 0:
        model->ptr[i] = lunalloc_calloc(1, size);
        break;
    case 1:
        model->ptr[i] = lunalloc_aligned_alloc((size_t)8 << rnd_below(&model->seed, 14), size);
        break;
    case 2:
        model->ptr[i] = mallocx(size, MALLOCX_TCACHE_NONE | MALLOCX_ZERO);
        break;
    case 3:
        model->ptr[i] = mallocx(size, MALLOCX_TCACHE(model->cache));
        break;
    case 4:
        thread_assert(lunalloc_batch_alloc(&model->ptr[i], 1, size, 0) == 1);
        break;
    default:
        model->ptr[i] = lunalloc_malloc(size);
        break;
    }
    note_allocation(model, i);
}

static void
release(model_t *model, unsigned i) {
    const int flags[] = {0, 0, 0, MALLOCX_TCACHE_NONE, MALLOCX_TCACHE(model->cache)};
    model->freed += sallocx(model->ptr[i], 0);
    dallocx(model->ptr[i], flags[rnd_below(&model->seed, 5)]);
    model->ptr[i] = NULL;
}

/* One that changes the size has freed the old and allocated the new. */
static void
resize(model_t *model, unsigned i) {
    size_t before = sallocx(model->ptr[i], 0), size = 1 + rnd_size(&model->seed, 18);
    void *old = model->ptr[i];
    bool in_place = rnd_below(&model->seed, 3) == 0;
    if (in_place) {
        xallocx(old, size, 0, 0);
    } else {
        model->ptr[i] = rnd_below(&model->seed, 2) == 0 ? lunalloc_realloc(old, size) : rallocx(old, size, 64);
    }
    if (model->ptr[i] != old || sallocx(model->ptr[i], 0) != before) {
        model->freed += before;
        note_allocation(model, i);
    }
}

static void
step(model_t *model) {
    unsigned i = (unsigned)rnd_below(&model->seed, BLOCKS);
    size_t what = rnd_below(&model->seed, 1000);
    if (what == 0) {
        tcache_flush(&thread_get()->cache);
    } else if (what == 1) {
        thread_set_cached(thread_get(), rnd_below(&model->seed, 2) == 0);
    } else if (model->ptr[i] == NULL) {
        allocate(model, i);
    } else if (what < 200) {
        resize(model, i);
    } else {
        release(model, i);
    }
}

/* What is seen through a pointer that was asked for once. */
static const uint64_t *
total(const char *name) {
    const uint64_t *at = NULL;
    size_t len = sizeof at;
    thread_assert(mallctl(name, &at, &len, NULL, 0) == 0 && at != NULL);
    return at;
}

static void
assert_counters(const model_t *model) {
    byte_counters_update(thread_get());
    thread_assert(thread_get()->bytes.allocated == model->allocated);
    thread_assert(thread_get()->bytes.freed == model->freed);
}

static void *
every_path(void *arg) {
    model_t *model = arg;
    model->seed = 11;
    model->cache = (int)tcaches_create();
    for (unsigned n = 0; n < STEPS / (config_debug ? 4 : 1); n++) {
        step(model);
        if (n % 16 == 0) {
            assert_counters(model);
        }
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (model->ptr[i] != NULL) {
            release(model, i);
        }
    }
    assert_counters(model);
    thread_assert(model->allocated == model->freed);
    thread_assert(tcaches_destroy((uint32_t)model->cache));
    return NULL;
}

static void
test_exact_on_every_path(void **state) {
    (void)state;
    static model_t model;
    run_thread(every_path, &model);
}

/* ---- seen through pointers ---- */

static void
note_peak(const model_t *model, uint64_t *peak) {
    uint64_t held = model->allocated - model->freed;
    *peak = held > *peak ? held : *peak;
}

/* After each call, with nobody asking: whatever path it took, and when caches, modes and sampling are switched. */
static void *
every_moment(void *arg) {
    model_t *model = arg;
    void *before[8];
    for (unsigned i = 0; i < 8; i++) {
        before[i] = lunalloc_malloc((size_t)100 << i);
        model->allocated += sallocx(before[i], 0);
    }
    model->seed = 12;
    model->cache = (int)tcaches_create();
    const uint64_t *allocated = total("thread.allocatedp"), *freed = total("thread.deallocatedp");
    thread_assert(*allocated == model->allocated && *freed == 0);
    uint64_t peak = 0;
    note_peak(model, &peak);
    for (unsigned n = 0; n < STEPS / (config_debug ? 4 : 1); n++) {
        step(model);
        thread_assert(*allocated == model->allocated && *freed == model->freed);
        note_peak(model, &peak);
        if (n % 1024 == 0) {
            modes_set(MODES_ALL, n % 4096 == 0 ? MODE_JUNK_FREE : n % 2048 == 0 ? 1 << 20 : 0);
            assert_counters(model);
        }
        if (n % 500 == 0) {
            thread_assert(prof_set_active(n % 1000 == 0) == 0);
            prof_reset(8 + n % 3);
        }
    }
    modes_set(MODES_ALL, 0);
    prof_set_active(false);
    for (unsigned i = 0; i < 8; i++) {
        model->freed += sallocx(before[i], 0);
        lunalloc_free(before[i]);
        thread_assert(*allocated == model->allocated && *freed == model->freed);
    }
    assert_counters(model);
    thread_assert(total("thread.allocatedp") == allocated);
    thread_assert(tcaches_destroy((uint32_t)model->cache));
    return NULL;
}

static void
test_pointers_show_every_call(void **state) {
    (void)state;
    static model_t model;
    assert_int_equal(prof_set_active(true), 0); /* what it loads is not this test's */
    prof_set_active(false);
    run_thread(every_moment, &model);
}

/* Without success it counts on both sides. */
static bool
refuse(fault_kind_t kind) {
    (void)kind;
    return true;
}

static void *
without_memory(void *arg) {
    const uint64_t *allocated = total("thread.allocatedp"), *freed = total("thread.deallocatedp");
    static const size_t sizes[] = {48, 2000, 30000, (size_t)1 << 33};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *list = NULL, *ptr;
        uint64_t held = *allocated - *freed;
        atomic_set(&fault_slot, refuse);
        for (; (ptr = lunalloc_malloc(sizes[i])) != NULL; list = ptr) {
            *(void **)ptr = list;
            held += sc_round(sizes[i]);
            thread_assert(*allocated - *freed == held);
        }
        for (unsigned k = 0; k < 3; k++) {
            thread_assert(lunalloc_malloc(sizes[i]) == NULL && *allocated - *freed == held);
            uint64_t seen[2] = {*allocated, *freed};
            thread_assert(seen[0] == byte_counters_allocated(thread_get()) &&
                          seen[1] == byte_counters_freed(thread_get()));
        }
        atomic_set(&fault_slot, NULL);
        for (; list != NULL; list = ptr) {
            ptr = *(void **)list;
            lunalloc_free(list);
        }
        thread_assert(*allocated == *freed);
    }
    return arg;
}

static void
test_failures_count_on_both_sides(void **state) {
    (void)state;
    run_thread(without_memory, NULL);
}

/* The peak of such a thread is the highest that it was, not that at a slow path. */
static void *
exact_peak(void *arg) {
    void *ptrs[50];
    uint64_t size = sc_round(64);
    total("thread.allocatedp");
    byte_counters_reset_peak(thread_get());
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 50; i++) {
            ptrs[i] = lunalloc_malloc(64);
        }
        for (unsigned i = 0; i < 50; i++) {
            lunalloc_free(ptrs[i]);
        }
        thread_assert(thread_get()->bytes.peak == 50 * size);
    }
    return arg;
}

static void
test_peak_between_slow_paths(void **state) {
    (void)state;
    run_thread(exact_peak, NULL);
}

/* A thread gives its front back when it ends; its cache is used as before. */
static void *
ask_and_end(void *arg) {
    total("thread.allocatedp");
    uint32_t szind = sc_index(100);
    void *first = lunalloc_malloc(100);
    lunalloc_free(first);
    void *second = lunalloc_malloc(100);
    thread_assert(config_torture || second == first);
    lunalloc_free(second);
    thread_assert(!options.tcache || tcache_requests(&thread_get()->cache, szind) == 2);
    return arg;
}

static void
test_threads_leave_nothing_behind(void **state) {
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        run_thread(ask_and_end, NULL);
    }
    size_t metadata = metadata_bytes();
    for (unsigned i = 0; i < 100; i++) {
        run_thread(ask_and_end, NULL);
    }
    assert_int_equal(metadata_bytes(), metadata);
}

/* ---- other threads' objects ---- */

static void *gifts[1000];

static void *
free_gifts(void *arg) {
    for (unsigned i = 0; i < 1000; i++) {
        lunalloc_free(gifts[i]);
    }
    byte_counters_update(thread_get());
    thread_assert(thread_get()->bytes.allocated == 0);
    thread_assert(thread_get()->bytes.freed == 1000 * sc.size[sc_index(100)]);
    return arg;
}

static void
test_frees_count_for_who_frees(void **state) {
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        gifts[i] = lunalloc_malloc(100);
    }
    run_thread(free_gifts, NULL);
}

/* ---- tracked ---- */

/* Totals of a tracked thread never fall, are never ahead, and are updated within a countdown. */
static void *
read_tracked(void *arg) {
    byte_counters_track(thread_get());
    const byte_counters_t *bytes = &thread_get()->bytes;
    uint64_t made = 0, allocated = 0, freed = 0, size = sc.size[sc_index(48)];
    uint64_t begun = bytes->allocated;
    for (unsigned n = 0; n < 20 * TCACHE_PERIOD; n++) {
        lunalloc_free(lunalloc_malloc(48));
        made++;
        thread_assert(bytes->allocated >= allocated && bytes->freed >= freed);
        allocated = bytes->allocated;
        freed = bytes->freed;
        thread_assert(allocated - begun <= made * size && freed <= allocated);
        thread_assert(allocated - begun + TCACHE_PERIOD * size >= made * size);
    }
    return arg;
}

static void
test_tracked_totals(void **state) {
    (void)state;
    run_thread(read_tracked, NULL);
}

static void *
climb(void *arg) {
    void *ptrs[100];
    thread_t *self = thread_get();
    byte_counters_reset_peak(self);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 100; i++) {
            ptrs[i] = lunalloc_malloc(100000);
        }
        for (unsigned i = 0; i < 100; i++) {
            lunalloc_free(ptrs[i]);
        }
    }
    uint64_t top = 100 * sc.size[sc_index(100000)];
    byte_counters_update(self);
    thread_assert(self->bytes.peak == top);
    void *held = lunalloc_malloc(300000); /* what is held at a reset is not of the next peak */
    byte_counters_reset_peak(self);
    thread_assert(self->bytes.peak == 0);
    lunalloc_free(lunalloc_malloc(100000));
    lunalloc_free(held);
    byte_counters_update(self);
    thread_assert(self->bytes.peak == sc.size[sc_index(100000)]);
    return arg;
}

static void
test_peak(void **state) {
    (void)state;
    run_thread(climb, NULL);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_on_every_path),
        cmocka_unit_test(test_pointers_show_every_call),
        cmocka_unit_test(test_failures_count_on_both_sides),
        cmocka_unit_test(test_peak_between_slow_paths),
        cmocka_unit_test(test_threads_leave_nothing_behind),
        cmocka_unit_test(test_frees_count_for_who_frees),
        cmocka_unit_test(test_tracked_totals),
        cmocka_unit_test(test_peak),
    };
    return cmocka_run_group_tests_name("byte_counters", tests, boot_allocator, NULL);
}
