/*
 * record_test.c -- recordings of this process: each entry point gives exactly its events, whatever serves the call;
 * threads come and go; a recording begins and ends under load; forks; what the system refuses.
 */
#include "../base/testing.h"
#include "recording.h"

#include "extent/metadata.h"
#include "os/pages.h"
#include "thread/front.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const record_shape_t usual = {.nrings = 8, .lg_ring = 16, .clock_allowed = record_clock_tsc};
static recorder_side_t *side;
static drained_t drained; /* static: nothing of the test is on the heap */
static uint64_t number;

static void
begin(record_shape_t shape) {
    side = new_recorder(shape);
    assert_int_equal(record_begin(side->fd, &number), 0);
}

static void
end(void) {
    record_end(number);
    delete_recorder(side);
}

/* ---- one call, its events ---- */

static void
forget(void) {
    static drained_t unused;
    unused.n = 0;
    drain_all(side, keep_event, &unused);
}

static const record_event_t *
take(size_t n) {
    drained.n = 0;
    drain_all(side, keep_event, &drained);
    assert_int_equal(drained.n, n);
    return drained.events;
}

static void
expect(const record_event_t *event, record_kind_t kind, const void *ptr, size_t size) {
    assert_string_equal(record_kind_name(event->kind), record_kind_name(kind));
    assert_int_equal(event->addr, (uintptr_t)ptr);
    assert_int_equal(event->size, size);
}

static const record_event_t *
expect_one(record_kind_t kind, const void *ptr, size_t size) {
    const record_event_t *event = take(1);
    expect(event, kind, ptr, size);
    return event;
}

static void
free_and_forget(void *ptr) {
    lunalloc_free(ptr);
    expect_one(RECORD_FREE, ptr, 0);
}

/* Hits and refills, small, cached large, and mapped sizes. */
static const size_t sizes[] = {0, 1, 8, 24, 100, 1024, 4096, 5000, 20000, 70000, 200000, 3 << 20};

static void
test_malloc_and_free(void **state) {
    size_t nmedium = 0, ntold = 0; /* blocks whose residency is looked at now and then */
    (void)state;
    forget();
    for (size_t i = 0; i < LENGTH(sizes) * 20; i++) {
        size_t size = sizes[i % LENGTH(sizes)];
        void *ptr = lunalloc_malloc(size);
        assert_int_equal(expect_one(RECORD_MALLOC, ptr, size)->lg_align, 0);
        lunalloc_free(ptr);
        uint64_t touched = expect_one(RECORD_FREE, ptr, 0)->touched;
        bool medium = size >= RECORD_MEDIUM && size < RECORD_LARGE;
        nmedium += medium;
        assert_true(medium || (touched == RECORD_UNKNOWN) == (size < RECORD_LARGE));
        ntold += medium && touched != RECORD_UNKNOWN;
    }
    assert_true(nmedium > 2 * RECORD_ONE_IN);
    assert_in_range(ntold, nmedium / RECORD_ONE_IN, nmedium / RECORD_ONE_IN + 1);
    lunalloc_free(NULL);
    take(0);
    assert_null(lunalloc_malloc(SIZE_MAX / 2));
    take(0);
}

static void
test_zeroed(void **state) {
    (void)state;
    for (size_t i = 0; i < LENGTH(sizes) * 2; i++) {
        size_t size = sizes[i % LENGTH(sizes)];
        char *ptr = lunalloc_calloc(3, size);
        expect_one(RECORD_CALLOC, ptr, 3 * size);
        assert_true(size == 0 || (ptr[0] == 0 && ptr[3 * size - 1] == 0));
        memset(ptr, 1, 3 * size);
        free_and_forget(ptr);
    }
    assert_null(lunalloc_calloc(SIZE_MAX / 2, 3));
    take(0);
}

static void
test_sized_frees(void **state) {
    (void)state;
    for (size_t i = 0; i < LENGTH(sizes) * 2; i++) {
        size_t size = sizes[i % LENGTH(sizes)];
        void *ptr = lunalloc_malloc(size);
        forget();
        lunalloc_free_sized(ptr, size);
        expect_one(RECORD_FREE_SIZED, ptr, size);
    }
    void *ptr = lunalloc_aligned_alloc(64, 100);
    assert_int_equal(expect_one(RECORD_ALIGNED, ptr, 100)->lg_align, 6);
    lunalloc_free_aligned_sized(ptr, 64, 100);
    assert_int_equal(expect_one(RECORD_FREE_SIZED, ptr, 100)->lg_align, 6);
    lunalloc_free_sized(NULL, 10);
    take(0);
}

static void
test_aligned(void **state) {
    (void)state;
    for (unsigned lg = 3; lg <= 22; lg++) {
        for (size_t i = 0; i < LENGTH(sizes); i++) {
            void *ptr = lunalloc_aligned_alloc((size_t)1 << lg, sizes[i]);
            assert_int_equal(expect_one(RECORD_ALIGNED, ptr, sizes[i])->lg_align, lg);
            assert_int_equal((uintptr_t)ptr & (((size_t)1 << lg) - 1), 0);
            free_and_forget(ptr);
        }
    }
    void *ptr = NULL;
    assert_int_equal(lunalloc_posix_memalign(&ptr, 256, 10), 0);
    assert_int_equal(expect_one(RECORD_ALIGNED, ptr, 10)->lg_align, 8);
    free_and_forget(ptr);
    assert_null(lunalloc_aligned_alloc(3, 10));
    take(0);
}

/* The events of a realloc: one in place, two if the block has moved. */
static const record_event_t *
expect_realloc(const void *old, const void *to, size_t size) {
    const record_event_t *event = take(old == to ? 1 : 2);
    if (old != to) {
        expect(event, RECORD_MOVE, old, 0);
        assert_true(event[0].time <= event[1].time);
        event++;
    }
    expect(event, RECORD_REALLOC, to, size);
    assert_int_equal(event->old_addr, (uintptr_t)old);
    return event;
}

static void
test_resizing(void **state) {
    (void)state;
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        for (size_t j = 1; j < LENGTH(sizes); j++) {
            void *old = lunalloc_malloc(sizes[i]);
            forget();
            void *to = lunalloc_realloc(old, sizes[j]);
            uint64_t touched = expect_realloc(old, to, sizes[j])->touched;
            assert_true(sizes[i] < RECORD_LARGE || touched != RECORD_UNKNOWN);
            assert_true(sizes[i] >= RECORD_MEDIUM || touched == RECORD_UNKNOWN);
            free_and_forget(to);
        }
    }
    void *ptr = lunalloc_realloc(NULL, 50);
    expect_one(RECORD_MALLOC, ptr, 50);
    assert_ptr_equal(lunalloc_realloc(ptr, 51), ptr); /* the same class: a fast path without a recording */
    expect_realloc(ptr, ptr, 51);
    assert_null(lunalloc_realloc(ptr, SIZE_MAX / 2));
    take(0);
    assert_null(lunalloc_realloc(ptr, 0));
    expect_one(RECORD_FREE, ptr, 0);
}

static void
test_extended(void **state) {
    (void)state;
    for (size_t i = 1; i < LENGTH(sizes); i++) {
        size_t size = sizes[i];
        void *ptr = lunalloc_mallocx(size, 0);
        expect_one(RECORD_MALLOC, ptr, size);
        lunalloc_dallocx(ptr, 0);
        expect_one(RECORD_FREE, ptr, 0);
        ptr = lunalloc_mallocx(size, MALLOCX_ALIGN(128) | MALLOCX_ZERO);
        assert_int_equal(expect_one(RECORD_CALLOC, ptr, size)->lg_align, 7);
        lunalloc_sdallocx(ptr, size, MALLOCX_ALIGN(128));
        assert_int_equal(expect_one(RECORD_FREE_SIZED, ptr, size)->lg_align, 7);
        ptr = lunalloc_mallocx(size, MALLOCX_TCACHE_NONE | MALLOCX_LG_ALIGN(5));
        assert_int_equal(expect_one(RECORD_ALIGNED, ptr, size)->lg_align, 5);
        void *to = lunalloc_rallocx(ptr, 2 * size, MALLOCX_TCACHE_NONE);
        expect_realloc(ptr, to, 2 * size);
        lunalloc_dallocx(to, MALLOCX_TCACHE_NONE);
        expect_one(RECORD_FREE, to, 0);
        ptr = lunalloc_rallocx(NULL, size, 0);
        expect_one(RECORD_MALLOC, ptr, size);
        lunalloc_sdallocx(ptr, size, MALLOCX_TCACHE_NONE);
        expect_one(RECORD_FREE_SIZED, ptr, size);
    }
}

static void
test_xallocx(void **state) {
    (void)state;
    void *small = lunalloc_malloc(100), *large = lunalloc_malloc(1 << 20);
    forget();
    assert_int_equal(lunalloc_xallocx(small, 5000, 0, 0), 112);
    take(0);
    size_t size = lunalloc_xallocx(large, 512 << 10, 0, 0);
    assert_int_equal(size, 512 << 10);
    expect_realloc(large, large, size);
    lunalloc_free(small);
    lunalloc_free(large);
}

static void
test_batch(void **state) {
    (void)state;
    static void *ptrs[40];
    forget();
    assert_int_equal(lunalloc_batch_alloc(ptrs, LENGTH(ptrs), 72, 0), LENGTH(ptrs));
    const record_event_t *event = take(LENGTH(ptrs));
    for (size_t i = 0; i < LENGTH(ptrs); i++) {
        expect(&event[i], RECORD_MALLOC, ptrs[i], 72);
        lunalloc_free(ptrs[i]);
    }
    take(LENGTH(ptrs));
}

/* Calls that ask, or change nothing. */
static void
test_questions_are_no_events(void **state) {
    (void)state;
    void *ptr = lunalloc_malloc(10);
    forget();
    lunalloc_usable_size(ptr);
    lunalloc_sallocx(ptr, 0);
    lunalloc_nallocx(100, 0);
    take(0);
    lunalloc_free(ptr);
}

/* ---- times ---- */

static void
test_times(void **state) {
    (void)state;
    const record_head_t *head = side->area;
    forget();
    uint64_t before = clock_ns();
    void *ptr = lunalloc_malloc(10);
    uint64_t between = clock_ns();
    lunalloc_free(ptr);
    record_clock_t clock = {.ticks = {head->begin_ticks}, .ns = {head->begin_ns}, .lg_unit = head->lg_unit};
    const record_event_t *event = take(2);
    assert_true(event[0].time <= event[1].time);
    assert_true(head->begin_ns <= before && before <= between);
    if (head->clock == record_clock_monotonic) {
        assert_true(record_clock_ns(&clock, event[1].time + 1) >= between);
    }
}

/* ---- threads ---- */

#define HANDED 2000

typedef struct {
    _Atomic(void *) cell;
    _Atomic bool done;
} mailbox_t;

static void *
free_what_arrives(void *arg) {
    mailbox_t *box = arg;
    void *ptr;
    do {
        bool done = atomic_get_acquire(&box->done);
        ptr = atomic_exchange(&box->cell, NULL);
        lunalloc_free(ptr);
        if (ptr == NULL && done) {
            break;
        }
    } while (true);
    return NULL;
}

typedef struct {
    uint32_t self; /* the number of this thread */
    size_t nallocs, nfrees, nbegins, nends;
} seen_t;

static void
look(const record_event_t *event, void *context) {
    seen_t *seen = context;
    seen->nbegins += event->kind == RECORD_THREAD;
    seen->nends += event->kind == RECORD_THREAD_END;
    seen->nallocs += event->kind == RECORD_MALLOC && event->size == 333 && event->thread == seen->self;
    seen->nfrees += event->kind == RECORD_FREE && event->thread != seen->self;
}

static void
test_threads(void **state) {
    (void)state;
    static mailbox_t box;
    pthread_t other;
    void *first = lunalloc_malloc(1);
    seen_t seen = {.self = expect_one(RECORD_MALLOC, first, 1)->thread};
    lunalloc_free(first);
    box = (mailbox_t){NULL, false};
    assert_int_equal(pthread_create(&other, NULL, free_what_arrives, &box), 0);
    for (int i = 0; i < HANDED; i++) {
        void *ptr = lunalloc_malloc(333);
        while (atomic_get(&box.cell) != NULL) {
            sched_yield();
        }
        atomic_exchange(&box.cell, ptr);
    }
    atomic_set_release(&box.done, true);
    pthread_join(other, NULL);
    drain_all(side, look, &seen);
    assert_int_equal(seen.nallocs, HANDED);
    assert_true(seen.nfrees >= HANDED);
    assert_int_equal(seen.nbegins, 1);
    assert_int_equal(seen.nends, 1);
}

static void *
allocate_one(void *arg) {
    (void)arg;
    lunalloc_free(lunalloc_malloc(1));
    return NULL;
}

/* More threads than rings, one after the other: each finds a ring. */
static void
test_rings_are_given_back(void **state) {
    (void)state;
    seen_t seen = {0};
    for (int i = 0; i < 30; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, allocate_one, NULL), 0);
        pthread_join(thread, NULL);
        drain_all(side, look, &seen);
    }
    assert_int_equal(seen.nbegins, 30);
    assert_int_equal(seen.nends, 30);
}

/* ---- rings that are full ---- */

static void
sum_lost(const record_event_t *event, void *context) {
    uint64_t *counts = context;
    counts[0] += event->kind == RECORD_LOST ? event->size : 0;
    counts[1] += event->kind == RECORD_MALLOC && event->size == 40;
}

/* Nobody reads for a while: what does not fit is counted exactly, and told before the next event. */
static void
test_losses_are_exact(void **state) {
    (void)state;
    record_shape_t small = {.nrings = 2, .lg_ring = RECORD_LG_MIN};
    uint64_t counts[2] = {0}, made = 0, lost;
    begin(small);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 700; i++, made++) {
            lunalloc_free(lunalloc_malloc(40));
        }
        drain_all(side, sum_lost, counts);
    }
    lunalloc_free(lunalloc_malloc(1)); /* tells the last loss */
    drain_all(side, sum_lost, counts);
    record_counts_t now;
    record_counts(&now);
    lost = now.lost;
    assert_true(lost > 0 && counts[1] > 0);
    assert_int_equal(counts[0], lost);
    assert_true(counts[1] + lost >= made && counts[1] <= made);
    end();
}

/* Whatever the recorder says about its position, the thread stays within its ring. */
static void
test_hostile_reader(void **state) {
    (void)state;
    record_shape_t small = {.nrings = 2, .lg_ring = RECORD_LG_MIN};
    uint64_t seed = 7;
    begin(small);
    for (int i = 0; i < 5000; i++) {
        record_ring_t *ring = record_area_ring(side->area, random_below(&seed, 2));
        atomic_set(&ring->read, random_below(&seed, 2) == 0 ? random_next(&seed)
                                                            : atomic_get(&ring->written) - random_below(&seed, 5000));
        lunalloc_free(lunalloc_malloc(random_below(&seed, 3000)));
    }
    memset((char *)side->area + RECORD_HEAD, 0xff, side->size - RECORD_HEAD);
    memset(side->area, 0xee, sizeof(record_head_t));
    for (int i = 0; i < 5000; i++) {
        lunalloc_free(lunalloc_malloc(random_below(&seed, 3000)));
    }
    end();
}

/* ---- begin and end ---- */

static void
test_one_at_a_time(void **state) {
    (void)state;
    recorder_side_t *other = new_recorder(usual);
    uint64_t unused;
    assert_int_equal(record_begin(other->fd, &unused), EBUSY);
    delete_recorder(other);
    assert_false(record_end(number + 1));
}

static void
test_areas_that_are_none(void **state) {
    (void)state;
    uint64_t unused;
    int fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING), pipes[2];
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    assert_int_equal(record_begin(fd, &unused), EINVAL);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_int_equal(record_begin(fd, &unused), EINVAL);
    close(fd);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(record_begin(pipes[0], &unused), EINVAL);
    assert_int_equal(record_begin(-1, &unused), EINVAL);
    assert_int_equal(record_begin_path("/dev/null", &unused), EINVAL);
    assert_int_equal(record_begin_path("/nowhere/at/all", &unused), ENOENT);
    recorder_side_t *other = new_recorder(usual);
    ((record_head_t *)other->area)->pid = (uint32_t)getpid() + 1;
    assert_int_equal(record_begin(other->fd, &unused), EACCES);
    delete_recorder(other);
}

/* An area whose size may change: a write to it might fail. */
static void
test_areas_that_are_not_sealed(void **state) {
    (void)state;
    static const int seals[] = {0, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SHRINK | F_SEAL_GROW};
    for (size_t i = 0; i < LENGTH(seals); i++) {
        int fd = memfd_create("area", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        size_t size = record_area_size(&usual);
        assert_int_equal(ftruncate(fd, (off_t)size), 0);
        void *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        record_area_init(area, &usual);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, seals[i]), 0);
        assert_int_equal(record_begin(fd, &number), i == LENGTH(seals) - 1 ? 0 : EINVAL);
        record_end(0);
        munmap(area, size);
        close(fd);
    }
}

/* An area can be used once. */
static void
test_an_area_that_was_used(void **state) {
    (void)state;
    uint64_t unused;
    begin(usual);
    assert_true(record_end(number));
    assert_false(record_end(number));
    assert_int_equal(record_begin(side->fd, &unused), EACCES);
    delete_recorder(side);
}

static _Atomic bool stop;

static void *
churn(void *arg) {
    uint64_t seed = (uintptr_t)arg;
    static __thread void *slots[64];
    while (!atomic_get(&stop)) {
        void **slot = &slots[random_below(&seed, LENGTH(slots))];
        lunalloc_free(*slot);
        *slot = lunalloc_malloc(random_below(&seed, 600));
    }
    for (size_t i = 0; i < LENGTH(slots); i++) {
        lunalloc_free(slots[i]);
    }
    return NULL;
}

static void
count_only(const record_event_t *event, void *context) {
    (void)event;
    ++*(uint64_t *)context;
}

/* 1,000 times on and off, while threads allocate, and one sleeps. */
static void
test_on_and_off_under_load(void **state) {
    (void)state;
    pthread_t threads[3];
    uint64_t events = 0;
    atomic_set(&stop, false);
    for (uintptr_t i = 0; i < LENGTH(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)), 0);
    }
    for (int i = 0; i < 1000; i++) {
        begin((record_shape_t){.nrings = 4, .lg_ring = RECORD_LG_MIN, .clock_allowed = record_clock_tsc});
        lunalloc_free(lunalloc_malloc(1));
        drain_all(side, count_only, &events);
        end();
    }
    atomic_set(&stop, true);
    for (size_t i = 0; i < LENGTH(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(events >= 1000);
    assert_null(thread_here()->record);
    assert_null(thread_here()->front);
    assert_int_equal(atomic_get(&realloc_fast_max), SC_LOOKUP_MAX);
}

/* What is recorded when nothing is: the thread's hits are fast again. */
static void
test_off(void **state) {
    (void)state;
    begin(usual);
    assert_non_null(thread_here()->front);
    assert_ptr_equal(thread_self, thread_here()->front);
    record_end(number);
    assert_ptr_equal(thread_self, thread_here());
    delete_recorder(side);
}

/* ---- pages ---- */

/* The events of one address since the last look, oldest first, as letters: A, F, G. */
typedef struct {
    uintptr_t addr;
    char letters[16];
    size_t n, size, calls, live, settings;
} pages_t;

static void
look_at_pages(const record_event_t *event, void *context) {
    static const char letters[RECORD_KINDS] = {
        [RECORD_PAGE_ALLOC] = 'A', [RECORD_PAGE_FREE] = 'F', [RECORD_PAGE_GROW] = 'G'};
    pages_t *pages = context;
    pages->calls += event->kind >= RECORD_MALLOC && event->kind <= RECORD_REALLOC;
    pages->live += event->kind == RECORD_LIVE && event->addr == pages->addr;
    pages->settings +=
        event->kind == RECORD_PAGE_PURGE || event->kind == RECORD_DIRTY_MS || event->kind == RECORD_MUZZY_MS;
    if (event->addr == pages->addr && letters[event->kind] != 0 && pages->n < sizeof pages->letters - 1) {
        pages->letters[pages->n++] = letters[event->kind];
        pages->size = event->size;
    }
}

static void
expect_pages(const void *ptr, const char *letters, size_t size) {
    pages_t pages = {.addr = (uintptr_t)ptr};
    drain_all(side, look_at_pages, &pages);
    assert_string_equal(pages.letters, letters);
    assert_true(size == 0 || pages.size == size);
    assert_int_equal(pages.calls, 0);
}

static void
test_pages(void **state) {
    (void)state;
    char *before = lunalloc_malloc(2 << 20), *freed = lunalloc_malloc(3 << 20);
    begin((record_shape_t){.nrings = 8, .lg_ring = 20, .mode = record_pages});
    assert_null(thread_here()->front);
    pages_t pages = {.addr = (uintptr_t)before};
    drain_all(side, look_at_pages, &pages);
    assert_true(pages.live == 1 && pages.settings >= 2 && pages.calls == 0);
    lunalloc_free(freed);
    expect_pages(freed, "F", 3 << 20);
    void *ptr = lunalloc_malloc(1 << 20);
    expect_pages(ptr, "A", 1 << 20);
    if (lunalloc_xallocx(ptr, 512 << 10, 0, 0) == 512 << 10) {
        expect_pages(ptr, "G", 512 << 10);
    }
    lunalloc_free(ptr);
    expect_pages(ptr, "F", 0);
    lunalloc_free(before);
    expect_pages(before, "F", 2 << 20);
    assert_int_equal(lunalloc_ctl_set("arena.0.purge", NULL, NULL, 0), 0);
    assert_int_equal(lunalloc_ctl_set("arena.0.dirty_decay_ms", "10000", NULL, 0), 0);
    pages = (pages_t){0};
    drain_all(side, look_at_pages, &pages);
    assert_int_equal(pages.settings, 2);
    end();
    lunalloc_free(lunalloc_malloc(1 << 20));
}

/* An exact thread has a front of its own, and its calls are no events. */
static int
be_exact(void *unused) {
    (void)unused;
    byte_counters_make_exact(thread_here());
    begin((record_shape_t){.nrings = 8, .lg_ring = 20, .mode = record_pages});
    for (int i = 0; i < 100; i++) {
        lunalloc_free(lunalloc_malloc(10));
    }
    pages_t pages = {0};
    drain_all(side, look_at_pages, &pages);
    record_end(number);
    return pages.calls != 0 || thread_here()->front == NULL;
}

static void
test_pages_of_an_exact_thread(void **state) {
    (void)state;
    assert_int_equal(run_child(be_exact, NULL).status, 0);
}

/* ---- forks ---- */

static int
work_in_child(void *arg) {
    (void)arg;
    for (int i = 0; i < 1000; i++) {
        lunalloc_free(lunalloc_malloc(77));
    }
    record_counts_t counts;
    record_counts(&counts);
    return counts.active || thread_here()->record != NULL || thread_here()->front != NULL;
}

static void
count_77(const record_event_t *event, void *context) {
    *(uint64_t *)context += event->kind == RECORD_MALLOC && event->size == 77;
}

/* The child records nothing, and the parent goes on. */
static void
test_fork(void **state) {
    (void)state;
    uint64_t events = 0;
    begin(usual);
    child_t child = run_child(work_in_child, NULL);
    assert_int_equal(child.status, 0);
    drain_all(side, count_77, &events);
    assert_int_equal(events, 0);
    lunalloc_free(lunalloc_malloc(77));
    drain_all(side, count_77, &events);
    assert_int_equal(events, 1);
    end();
}

/* A fork that no handler sees: the child must neither write to the parent's ring nor crash. */
static void
test_fork_without_handlers(void **state) {
    (void)state;
    uint64_t events = 0;
    begin(usual);
    pid_t pid = _Fork();
    assert_int_not_equal(pid, -1);
    if (pid == 0) {
        for (int i = 0; i < 1000; i++) {
            lunalloc_free(lunalloc_malloc(77));
        }
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    drain_all(side, count_77, &events);
    assert_int_equal(events, 0);
    end();
}

/* ---- from the start, and across an exec ---- */

#define CHILD "record-child"

/* What the child does: the second time, as another program of the same process. */
static int
be_child(int argc, char **argv) {
    for (int i = 0; i < 1000; i++) { /* more than a segment */
        lunalloc_free(lunalloc_malloc(77));
    }
    if (argc < 3) {
        char *again[] = {argv[0], argv[1], "again", NULL};
        execv("/proc/self/exe", again);
        return 1;
    }
    child_t child = run_child(work_in_child, NULL); /* inherits the configuration, and is not recorded */
    return child.status != 0 || child.text[0] != '\0';
}

static int
start_child(void *unused) {
    (void)unused;
    char conf[64];
    snprintf(conf, sizeof conf, "record:/proc/%d/fd/%d", (int)getppid(), side->fd);
    setenv("LUNALLOC_CONF", conf, 1);
    fcntl(side->fd, F_SETFD, FD_CLOEXEC);
    execl("/proc/self/exe", "record_test", CHILD, (char *)NULL);
    return 1;
}

static void
count_images(const record_event_t *event, void *context) {
    uint64_t *counts = context;
    counts[0] += event->kind == RECORD_MALLOC && event->size == 77;
    counts[1] += event->kind == RECORD_IMAGE;
}

static void
test_from_the_start(void **state) {
    (void)state;
    uint64_t counts[2] = {0};
    side = new_recorder(usual);
    child_t child = run_child(start_child, NULL);
    assert_string_equal(child.text, "");
    assert_int_equal(child.status, 0);
    drain_all(side, count_images, counts);
    assert_int_equal(counts[0], 2000);
    assert_int_equal(counts[1], 1);
    const record_head_t *head = side->area;
    assert_int_equal(atomic_get(&head->state), record_on); /* the process has ended, which the recorder sees */
    delete_recorder(side);
}

/* Another program's memory, or none: a line says so, and the program runs. */
static int
start_without_recorder(void *path) {
    char conf[64];
    snprintf(conf, sizeof conf, "record:%s", (const char *)path);
    setenv("LUNALLOC_CONF", conf, 1);
    execl("/proc/self/exe", "record_test", CHILD, "again", (char *)NULL);
    return 1;
}

static void
test_no_recorder_at_the_start(void **state) {
    (void)state;
    child_t child = run_child(start_without_recorder, "/nowhere/at/all");
    assert_non_null(strstr(child.text, "lunalloc: opt.record: not recorded: "));
    child = run_child(start_without_recorder, "/dev/null");
    assert_non_null(strstr(child.text, "this is no recorder's memory"));
}

/* ---- refusals ---- */

static _Atomic int until_refused;

static bool
refuse_one(fault_kind_t kind) {
    bool counts = kind == fault_map || kind == fault_metadata || kind == fault_share;
    return counts && atomic_fetch_sub(&until_refused, 1) == 0;
}

/* All of these calls but the first ones. */
static bool
refuse_later_ones(fault_kind_t kind) {
    return kind == fault_share && atomic_fetch_sub(&until_refused, 1) <= 0;
}

/* Begins by the area's path, and makes a call; while the slot refuses what it refuses. */
static int
begin_refused(fault_fn_t refuse) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", side->fd);
    atomic_set(&fault_slot, refuse);
    int error = record_begin_path(path, &number);
    lunalloc_free(lunalloc_malloc(1));
    atomic_set(&fault_slot, NULL);
    return error;
}

/* Each call that a begin makes is refused once (maps, metadata, open, fstat, fcntl, madvise, prctl): it fails without a
 * trace, or goes on without what was refused. */
static void
test_refusals(void **state) {
    (void)state;
    record_counts_t counts;
    int failed = 0, went_on = 0;
    for (int i = 0; failed + went_on == i; i++) {
        side = new_recorder(usual);
        atomic_set(&until_refused, i);
        int error = begin_refused(refuse_one);
        record_counts(&counts);
        assert_int_equal(counts.active, error == 0);
        assert_true(error == 0 || error == ENOMEM || error == EPERM || error == EINVAL);
        if (atomic_get(&until_refused) < 0) {
            failed += error != 0;
            went_on += error == 0;
        }
        end();
    }
    assert_int_equal(failed, 6); /* open, its fstat, fcntl, the other fstat, two maps */
    assert_true(went_on >= 4);   /* madvise of either map, the thread's name, its front */
}

/* Memory that the system does not wipe at a fork: the child records nothing, all the same. */
static void
test_fork_of_memory_that_is_not_wiped(void **state) {
    (void)state;
    uint64_t events = 0;
    side = new_recorder(usual);
    atomic_set(&until_refused, 5); /* open, fstat, fcntl, fstat, and the advice on the area are not refused */
    assert_int_equal(begin_refused(refuse_later_ones), 0);
    assert_true(atomic_get(&until_refused) < 0);
    child_t child = run_child(work_in_child, NULL);
    assert_int_equal(child.status, 0);
    drain_all(side, count_77, &events);
    assert_int_equal(events, 0);
    end();
}

/* ---- what lives ---- */

static void
find_live(const record_event_t *event, void *context) {
    record_event_t *wanted = context;
    if (event->kind == RECORD_LIVE && event->addr == wanted->addr) {
        wanted->size = event->size;
        wanted->touched = event->touched;
    }
}

static void
test_live_blocks(void **state) {
    (void)state;
    size_t size = 4 << 20, half = size / 2;
    char *ptr = lunalloc_malloc(size);
    madvise(ptr, size, MADV_DONTNEED);
    memset(ptr, 1, half);
    begin(usual);
    record_event_t wanted = {.addr = (uintptr_t)ptr};
    drain_all(side, find_live, &wanted);
    assert_int_equal(wanted.size, size);
    assert_int_equal(wanted.touched, half);
    memset(ptr, 1, size);
    record_end(number);
    drain_all(side, find_live, &wanted);
    assert_int_equal(wanted.touched, size);
    delete_recorder(side);
    lunalloc_free(ptr);
}

static int
begin_usual(void **state) {
    (void)state;
    begin(usual);
    forget();
    return 0;
}

static int
end_usual(void **state) {
    (void)state;
    end();
    return 0;
}

#define RECORDED(test) cmocka_unit_test_setup_teardown(test, begin_usual, end_usual)

int
main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], CHILD) == 0) {
        return be_child(argc, argv);
    }
    const struct CMUnitTest tests[] = {
        RECORDED(test_malloc_and_free),
        RECORDED(test_zeroed),
        RECORDED(test_sized_frees),
        RECORDED(test_aligned),
        RECORDED(test_resizing),
        RECORDED(test_extended),
        RECORDED(test_xallocx),
        RECORDED(test_batch),
        RECORDED(test_questions_are_no_events),
        RECORDED(test_times),
        RECORDED(test_threads),
        RECORDED(test_rings_are_given_back),
        RECORDED(test_one_at_a_time),
        cmocka_unit_test(test_losses_are_exact),
        cmocka_unit_test(test_hostile_reader),
        cmocka_unit_test(test_areas_that_are_none),
        cmocka_unit_test(test_areas_that_are_not_sealed),
        cmocka_unit_test(test_an_area_that_was_used),
        cmocka_unit_test(test_on_and_off_under_load),
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_pages_of_an_exact_thread),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_fork_without_handlers),
        cmocka_unit_test(test_from_the_start),
        cmocka_unit_test(test_no_recorder_at_the_start),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_fork_of_memory_that_is_not_wiped),
        cmocka_unit_test(test_live_blocks),
    };
    return cmocka_run_group_tests_name("record", tests, boot_allocator, NULL);
}
