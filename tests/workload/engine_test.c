/*
 * engine_test.c -- whole runs: that they do what the plan says, can be changed and stopped, and give everything back.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runs.h"

/* ---- a heap that counts ---- */

static atomic_ulong ncalls[CALL_KINDS];
static atomic_long nlive;

static void *
count(call_t kind, void *ptr, int by) {
    atomic_fetch_add(&ncalls[kind], 1);
    atomic_fetch_add(&nlive, ptr == NULL ? 0 : by);
    return ptr;
}

static void *
counting_malloc(size_t size) {
    return count(CALL_MALLOC, malloc(size), 1);
}

static void *
counting_calloc(size_t n, size_t size) {
    return count(CALL_CALLOC, calloc(n, size), 1);
}

static atomic_ulong nbad; /* calls that C does not allow */

static void *
counting_aligned(size_t align, size_t size) {
    atomic_fetch_add(&nbad, size % align != 0);
    return count(CALL_ALIGNED, aligned_alloc(align, size), 1);
}

static void *
counting_realloc(void *ptr, size_t size) {
    return count(CALL_REALLOC, realloc(ptr, size), 0);
}

static void
counting_free(void *ptr) {
    count(CALL_FREE, ptr, -1);
    free(ptr);
}

static void
counting_free_sized(void *ptr, size_t align, size_t size) {
    (void)align;
    (void)size;
    count(CALL_FREE_SIZED, ptr, -1);
    free(ptr);
}

static const sized_free_t counting_sized = {"counting", counting_free_sized};

static heap_t
counting_heap(void) {
    for (size_t i = 0; i < CALL_KINDS; i++) {
        atomic_store(&ncalls[i], 0);
    }
    atomic_store(&nlive, 0);
    return (heap_t){.name = "counting",
                    .malloc = counting_malloc,
                    .calloc = counting_calloc,
                    .aligned_alloc = counting_aligned,
                    .realloc = counting_realloc,
                    .free = counting_free,
                    .sized = &counting_sized};
}

/* The books balance: what the engine says that it did is what the heap saw, and nothing is left. */
static void
assert_balanced(void) {
    for (size_t i = 0; i < CALL_KINDS; i++) {
        assert_int_equal(result.total.calls[i], atomic_load(&ncalls[i]));
    }
    assert_int_equal(atomic_load(&nlive), 0);
    assert_int_equal(atomic_load(&nbad), 0);
    assert_int_equal(result.total.live_bytes, 0);
    assert_int_equal(result.total.live_blocks, 0);
    assert_int_equal(result.total.errors, 0);
}

/* ---- runs ---- */

static void
test_ops_are_made(void **state) {
    (void)state;
    heap_t heap = counting_heap();
    describe(3, 10001, "lognormal(64,1.2,4096)", "exp(100)");
    run(&heap);
    assert_int_equal(result.total.ops, 10001);
    assert_int_equal(result.total.calls[CALL_MALLOC], 10001);
    assert_int_equal(result.total.calls[CALL_FREE], 10001);
    assert_int_equal(result.total.checked, 10001);
    assert_true(result.latency.single[CALL_MALLOC].count > 10001 / 8);
    assert_false(result.stopped);
    assert_balanced();
}

/* All kinds of calls and of lifetimes at once, with blocks freed by others. */
static void
test_everything_at_once(void **state) {
    (void)state;
    heap_t heap = counting_heap();
    describe(4, 40000, "1", "1");
    assert_true(plan_reserve(&plan, 4, 0));
    plan.rows[0] = row_of("exp(200)", "exp(100)");
    plan.rows[0].zeroed = plan_share(0.5);
    plan.rows[0].other = plan_share(0.5);
    plan.rows[1] = row_of("uniform(1,1000)", "fifo(100)");
    plan.rows[1].resized = plan_share(0.5);
    plan.rows[1].resizes = 3;
    plan.rows[1].grow = 1.5;
    plan.rows[1].touch = 0.5;
    plan.rows[2] = row_of("100", "forever");
    plan.rows[2].align = 256;
    plan.rows[3] = row_of("uniform(1,100K)", "uniform(0,20)");
    plan.rows[3].resized = plan_share(0.3);
    plan.rows[3].other = plan_share(1);
    plan.rows[3].freer = 2;
    plan.rows[0].sized = plan_share(0.5);
    plan.rows[2].sized = plan_share(1);
    run(&heap);
    assert_int_equal(result.total.ops, 40000);
    for (size_t i = 0; i < CALL_KINDS; i++) {
        assert_true(result.total.calls[i] > 1000);
    }
    /* Half of the first row's quarter and, of the last row's, all but thread 2's own. */
    assert_in_range(result.total.handed, 40000 * (0.125 + 0.1875) * 0.9, 40000 * (0.125 + 0.1875) * 1.1);
    assert_balanced();
}

/* fifo(n): n blocks of the row are live, at each moment after the first n. */
static void
test_steady_state(void **state) {
    (void)state;
    heap_t heap = counting_heap();
    describe(2, 50000, "100", "fifo(300)");
    engine_t *engine = start(&heap);
    assert_true(plan.expected == 2 * 300 * 100);
    assert_true(engine_wait(engine, forever));
    timeline_entry_t entries[2];
    size_t n = 0;
    while (engine_timeline(engine, n + 2, entries, 1) == 1) {
        n++;
    }
    assert_int_equal(engine_timeline(engine, n, entries, 2), 2);
    assert_string_equal(entries[0].mark, "end of operations");
    assert_int_equal(entries[0].live, 2 * 300 * 100);
    assert_int_equal(entries[0].ops, 50000);
    assert_string_equal(entries[1].mark, "everything freed");
    assert_int_equal(entries[1].live, 0);
    assert_true(engine_result(engine, &result));
    engine_destroy(engine);
    assert_balanced();
}

/* ---- traits ---- */

/* A heap that knows of each block which thread allocated it and whether it was resized. */
typedef struct {
    pthread_t allocated_by;
    bool resized;
} traits_t;

enum {
    TRAITS_SIZE = 64 /* what is before each block */
};

static atomic_ulong nresized, nhanded, nboth;

static void *
traits_malloc(size_t size) {
    traits_t *traits = malloc(TRAITS_SIZE + size);
    *traits = (traits_t){.allocated_by = pthread_self()};
    return (char *)traits + TRAITS_SIZE;
}

static void *
traits_realloc(void *ptr, size_t size) {
    traits_t *traits = realloc((char *)ptr - TRAITS_SIZE, TRAITS_SIZE + size);
    traits->resized = true;
    return (char *)traits + TRAITS_SIZE;
}

static void
traits_free(void *ptr) {
    traits_t *traits = (traits_t *)(void *)((char *)ptr - TRAITS_SIZE);
    bool handed = !pthread_equal(traits->allocated_by, pthread_self());
    atomic_fetch_add(&nresized, traits->resized);
    atomic_fetch_add(&nhanded, handed);
    atomic_fetch_add(&nboth, traits->resized && handed);
    free(traits);
}

/* Who frees a block and whether it is resized are drawn apart: half and half makes a quarter that is both. */
static void
test_traits_are_independent(void **state) {
    (void)state;
    heap_t heap = {.name = "traits", .malloc = traits_malloc, .realloc = traits_realloc, .free = traits_free};
    describe(3, 20000, "100", "10");
    plan.rows[0].other = plan_share(0.5);
    plan.rows[0].resized = plan_share(0.5);
    run(&heap);
    assert_in_range(nresized, 20000 * 0.47, 20000 * 0.53);
    assert_in_range(nhanded, 20000 * 0.47, 20000 * 0.53);
    assert_in_range(nboth, 20000 * 0.23, 20000 * 0.27);
    assert_int_equal(result.total.errors, 0);
}

/* scale = 2 doubles lifetimes from then on, and so what lives. */
static void
test_scale(void **state) {
    (void)state;
    heap_t heap = counting_heap();
    plan_phase_t change = {.scale = 2, .rate = -1};
    describe(1, 0, "100", "300");
    engine_t *engine = start(&heap);
    engine_status_t status;
    for (uint64_t ops = 0; ops < 10000; ops = status.ops) {
        if (ops == 0) {
            assert_int_equal(engine_change(engine, &change, message, sizeof(message)), 0);
        }
        engine_wait(engine, 1000000);
        engine_status(engine, &status);
    }
    engine_stop(engine);
    assert_true(engine_wait(engine, forever));
    timeline_entry_t entries[2];
    size_t n, nmarks;
    engine_timeline_size(engine, &n, &nmarks);
    assert_int_equal(engine_timeline(engine, n - 2, entries, 2), 2);
    assert_string_equal(entries[0].mark, "end of operations");
    assert_int_equal(entries[0].live, 2 * 300 * 100);
    assert_true(engine_result(engine, &result));
    engine_destroy(engine);
    assert_balanced();
}

/* Settings: name = value. */
#define NUMBER(setting, number)                                                                                        \
    {                                                                                                                  \
        .name = (setting), .given = true, .value = {.type = LUNALLOC_SSIZE, .v.i = (number) }                          \
    }
#define TEXT(setting, text)                                                                                            \
    {                                                                                                                  \
        .name = (setting), .given = true, .value = {.type = LUNALLOC_STRING, .v.s = (text) }                           \
    }
#define TRUTH(setting, truth)                                                                                          \
    {                                                                                                                  \
        .name = (setting), .given = true, .value = {.type = LUNALLOC_BOOL, .v.b = (truth) }                            \
    }
#define ACTION(setting)                                                                                                \
    { .name = (setting) }

/* ---- the plan's hash ---- */

/* Changes one thing of the plan that determines the run; false if there are no more. */
static bool
alter(int what) {
    static const plan_setting_t set[] = {NUMBER("a", 1)}, other_name[] = {NUMBER("b", 1)};
    static const plan_setting_t other_value[] = {NUMBER("a", 2)};
    plan_row_t *row = &plan.rows[0];
    plan_phase_t *phase = &plan.phases[0];
    plan.nphases = 1;
    *phase = (plan_phase_t){.at = 5, .scale = 1, .rate = 2, .settings = set, .nsettings = 1, .mark = "m"};
    switch (what) {
    case 0:
        return true;
    case 1:
        plan.threads = 4;
        return true;
    case 2:
        plan.seed = 2;
        return true;
    case 3:
        plan.duration = 1000;
        return true;
    case 4:
        plan.ops = 101;
        return true;
    case 5:
        plan.rate = 1;
        return true;
    case 6:
        plan.verify = false;
        return true;
    case 7:
        row->weight = 2;
        return true;
    case 8:
        *row = row_of("101", "50");
        return true;
    case 9:
        *row = row_of("100", "51");
        return true;
    case 10:
        *row = row_of("100", "fifo(50)");
        return true;
    case 11:
        row->other = plan_share(0.5);
        return true;
    case 12:
        row->other = plan_share(0.5);
        row->freer = 1;
        return true;
    case 13:
        row->other = plan_share(0.5);
        row->freer = 2;
        return true;
    case 14:
        row->touch = 0.5;
        return true;
    case 15:
        row->writes = 2;
        return true;
    case 16:
        row->resized = plan_share(0.5);
        return true;
    case 17:
        row->resized = plan_share(0.5);
        row->resizes = 2;
        return true;
    case 18:
        row->resized = plan_share(0.5);
        row->grow = 2;
        return true;
    case 19:
        row->zeroed = plan_share(0.5);
        return true;
    case 20:
        row->align = 64;
        return true;
    case 21:
        row->on[0] = 1;
        return true;
    case 22:
        phase->at = 6;
        return true;
    case 23:
        phase->scale = 2;
        return true;
    case 24:
        phase->rate = 3;
        return true;
    case 25:
        phase->settings = other_name;
        return true;
    case 26:
        phase->settings = other_value;
        return true;
    case 27:
        phase->nsettings = 0;
        return true;
    case 28:
        phase->mark = "n";
        return true;
    case 29:
        phase->mark = NULL;
        return true;
    case 30:
        plan.nphases = 0;
        return true;
    case 31:
        *row = row_of("uniform(100,200)", "50");
        return true;
    case 32:
        *row = row_of("exp(100)", "50");
        return true;
    case 33:
        *row = row_of("normal(100,10)", "50");
        return true;
    case 34:
        *row = row_of("normal(100,20)", "50");
        return true;
    case 35:
        row->sized = plan_share(0.5);
        return true;
    case 36:
        row->batch = 10;
        return true;
    case 37:
        row->batch = 10;
        row->order = PLAN_REVERSED;
        return true;
    default:
        return false;
    }
}

/* Whatever determines the run is in the hash: no two of these are equal. */
static void
test_hash_of_each_part(void **state) {
    (void)state;
    uint64_t hashes[64];
    int n = 0;
    for (;; n++) {
        describe(3, 100, "100", "50");
        if (!alter(n)) {
            break;
        }
        assert_true(plan_finish(&plan, message, sizeof(message)));
        hashes[n] = plan.hash;
        for (int i = 0; i < n; i++) {
            if (hashes[i] == hashes[n]) {
                fail_msg("changes %d and %d have the same hash", i, n);
            }
        }
    }
    assert_true(n > 30);
}

/* Threads that have no row only free. */
static void
test_producer_and_consumer(void **state) {
    (void)state;
    heap_t heap = counting_heap();
    describe(2, 20000, "64", "10");
    memset(plan.rows[0].on, 0, sizeof(plan.rows[0].on));
    plan.rows[0].on[0] = 1;
    plan.rows[0].other = plan_share(1);
    plan.rows[0].freer = 1;
    run(&heap);
    assert_int_equal(result.total.ops, 20000);
    assert_int_equal(result.total.handed, 20000 - 10); /* the last 10 are freed at the end by their own thread */
    assert_balanced();
}

static void
test_same_seed_same_sequence(void **state) {
    (void)state;
    heap_t heap = counting_heap();
    uint64_t hash[3], plan_hash[3];
    for (uint64_t i = 0; i < 3; i++) {
        describe(2, 5000, "lognormal(64,1.2,4096)", "exp(100)");
        plan.seed = i == 2 ? 2 : 1;
        plan.sample = (uint32_t)(1 + i); /* timing more or fewer calls does not matter */
        run(&heap);
        hash[i] = result.hash;
        plan_hash[i] = plan.hash;
    }
    assert_int_equal(hash[0], hash[1]);
    assert_int_equal(plan_hash[0], plan_hash[1]);
    assert_int_not_equal(hash[0], hash[2]);
    assert_int_not_equal(plan_hash[0], plan_hash[2]);
}

static void
test_duration(void **state) {
    (void)state;
    heap_t heap = counting_heap();
    describe(2, 0, "64", "100");
    plan.duration = 100000000;
    run(&heap);
    assert_true(result.total.seconds >= 0.1);
    assert_false(result.stopped);
    assert_balanced();
}

static void
test_stop(void **state) {
    (void)state;
    heap_t heap = counting_heap();
    describe(2, 0, "64", "100");
    engine_t *engine = start(&heap);
    assert_false(engine_wait(engine, 20000000));
    assert_false(engine_result(engine, &result));
    engine_stop(engine);
    assert_true(engine_wait(engine, forever));
    assert_true(engine_result(engine, &result));
    assert_true(result.stopped);
    engine_destroy(engine);
    assert_balanced();
}

/* Destruction of a running engine is a stop. */
static void
test_destroy_while_running(void **state) {
    (void)state;
    heap_t heap = counting_heap();
    describe(4, 0, "1000", "forever");
    plan.live_max = 1 << 20;
    engine_t *engine = start(&heap);
    assert_false(engine_wait(engine, 50000000));
    engine_destroy(engine);
    assert_int_equal(atomic_load(&nlive), 0);
}

static void
test_live_max(void **state) {
    (void)state;
    heap_t heap = counting_heap();
    describe(1, 0, "1000", "forever");
    plan.rate = 1000;
    plan.live_max = 20000; /* bytes, not blocks */
    engine_t *engine = start(&heap);
    engine_status_t status = {0};
    while (status.capped == 0 && status.live_blocks < 10000) {
        engine_wait(engine, 1000000);
        engine_status(engine, &status);
    }
    assert_true(status.capped != 0);
    engine_stop(engine);
    assert_true(engine_wait(engine, forever));
    timeline_entry_t entries[2];
    size_t n, nmarks;
    engine_timeline_size(engine, &n, &nmarks);
    assert_int_equal(engine_timeline(engine, n - 2, entries, 2), 2);
    engine_status(engine, &status);
    assert_int_equal(entries[0].live, (status.ops - status.capped) * 1000); /* those were freed at once */
    assert_true(engine_result(engine, &result));
    engine_destroy(engine);
    assert_balanced();
}

/* 4000 operations at 20000 a second take at least 0.2 s, whatever the machine. */
static void
test_open_loop(void **state) {
    (void)state;
    heap_t heap = counting_heap();
    describe(2, 4000, "64", "10");
    plan.rate = 20000;
    run(&heap);
    assert_int_equal(result.total.ops, 4000);
    assert_true(result.total.seconds >= 0.19);
    assert_balanced();
}

static void *
slow_aligned(size_t align, size_t size) {
    if (atomic_load(&ncalls[CALL_ALIGNED]) == 0) {
        usleep(60000);
    }
    return counting_aligned(align, size);
}

/* How far behind: the furthest of all threads, here the first, which is held up. */
static void
test_lag(void **state) {
    (void)state;
    heap_t heap = counting_heap();
    heap.aligned_alloc = slow_aligned;
    describe(2, 200, "64", "10");
    assert_true(plan_reserve(&plan, 2, 0));
    for (uint64_t i = 0; i < 2; i++) {
        plan.rows[i] = row_of("64", "10");
        memset(plan.rows[i].on, 0, sizeof(plan.rows[i].on));
        plan.rows[i].on[0] = (uint64_t)1 << i;
    }
    plan.rows[0].align = 64;
    plan.rate = 20000;
    run(&heap);
    assert_true(result.max_lag >= 50000000);
    assert_balanced();
}

/* A phase at the very end is applied, however late the conductor wakes. */
static void
test_phase_at_the_end(void **state) {
    (void)state;
    heap_t heap = counting_heap();
    describe(1, 0, "64", "10");
    plan.duration = 30000000;
    plan.nphases = 1;
    plan.phases[0] = (plan_phase_t){.at = 30000000, .scale = 2, .rate = -1};
    run(&heap);
    assert_true(result.total.scale == 2);
}

/* ---- settings ---- */

static char written[256];

static int
fake_set(const char *name, const lunalloc_value_t *value, char *why, size_t size) {
    char text[32];
    size_t used = strlen(written);
    plan_setting_t setting = {.given = value != NULL};
    setting.value = value != NULL ? *value : setting.value;
    plan_setting_text(&setting, text, sizeof(text));
    snprintf(written + used, sizeof(written) - used, "%s=%s;", name, text);
    if (strcmp(name, "bad") == 0) {
        snprintf(why, size, "no control 'bad'");
        return ENOENT;
    }
    return 0;
}

static size_t
count_marks(engine_t *engine, const char *mark) {
    timeline_entry_t entry;
    size_t n = 0;
    for (size_t i = 0; engine_timeline(engine, i, &entry, 1) == 1; i++) {
        n += entry.mark != NULL && strcmp(entry.mark, mark) == 0;
    }
    return n;
}

static void
test_phases(void **state) {
    (void)state;
    static const plan_setting_t first[] = {NUMBER("a.b", 1), ACTION("a.purge")};
    static const plan_setting_t second[] = {TEXT("bad", "2"), TRUTH("c", true)};
    heap_t heap = counting_heap();
    heap.set = fake_set;
    written[0] = '\0';
    describe(1, 0, "64", "10");
    plan.duration = 100000000;
    plan.nphases = 2; /* not in order of time */
    plan.phases[0] = (plan_phase_t){.at = 40000000, .scale = 2, .rate = -1, .settings = second, .nsettings = 2};
    plan.phases[1] = (plan_phase_t){
        .at = 20000000, .scale = -1, .rate = 5000, .settings = first, .nsettings = 2, .mark = "half time"};
    engine_t *engine = start(&heap);
    assert_true(engine_wait(engine, forever));
    assert_string_equal(written, "a.b=1;a.purge=();bad=2;c=true;");
    assert_int_equal(count_marks(engine, "a.b = 1"), 1);
    assert_int_equal(count_marks(engine, "a.purge = ()"), 1);
    assert_int_equal(count_marks(engine, "half time"), 1);
    assert_int_equal(count_marks(engine, "rate = 5000"), 1);
    assert_int_equal(count_marks(engine, "scale = 2"), 1);
    assert_int_equal(count_marks(engine, "failed: no control 'bad'"), 1);
    assert_true(engine_result(engine, &result));
    assert_int_equal(result.failed_sets, 1);
    assert_true(result.total.scale == 2);
    engine_destroy(engine);
    assert_balanced();
}

static void
test_change(void **state) {
    (void)state;
    static const plan_setting_t settings[] = {NUMBER("bad", -1), TEXT("good", "2s")};
    plan_phase_t change = {.scale = 0, .rate = -1, .settings = settings, .nsettings = 2, .mark = "now"};
    heap_t heap = counting_heap();
    describe(1, 0, "64", "1000");
    engine_t *engine = start(&heap);
    assert_int_equal(engine_change(engine, &change, message, sizeof(message)), ENOENT);
    assert_string_equal(message, "another allocator is measured");
    engine_destroy(engine);
    heap.set = fake_set;
    written[0] = '\0';
    engine = start(&heap);
    assert_int_equal(engine_change(engine, &change, message, sizeof(message)), ENOENT);
    assert_string_equal(message, "no control 'bad'");
    assert_string_equal(written, "bad=-1;good=2s;");
    assert_int_equal(count_marks(engine, "now"), 1);
    engine_destroy(engine);
    assert_int_equal(atomic_load(&nlive), 0);
}

/* More entries than the timeline holds: it thins out, and keeps marks and both ends. */
static void
test_timeline_is_bounded(void **state) {
    (void)state;
    timeline_t timeline = {.statm = -1};
    heap_t heap = counting_heap();
    assert_int_equal(timeline_open(&timeline, &heap, 1), 0);
    for (uint64_t i = 0; i < 5 * TIMELINE_MAX_ENTRIES; i++) {
        timeline_add(&timeline, (timeline_entry_t){.time = i, .mark = i == 1001 ? "here" : NULL});
    }
    size_t marks = 0;
    assert_true(timeline.n <= TIMELINE_MAX_ENTRIES);
    assert_int_equal(timeline.entries[0].time, 0);
    assert_int_equal(timeline.entries[timeline.n - 1].time, 5 * TIMELINE_MAX_ENTRIES - 1);
    for (size_t i = 0; i < timeline.n; i++) {
        assert_true(i == 0 || timeline.entries[i].time > timeline.entries[i - 1].time);
        marks += timeline.entries[i].mark != NULL;
    }
    assert_int_equal(marks, 1);
    assert_true(timeline.interval > 1);
    assert_true(timeline.peak_rss > 0);
    timeline_close(&timeline);
}

/* The peak is that of all entries, also of those before the last. */
static void
test_timeline_peak(void **state) {
    (void)state;
    enum {
        SIZE = 32 << 20
    };
    timeline_t timeline = {.statm = -1};
    heap_t heap = counting_heap();
    uint64_t most = 0;
    assert_int_equal(timeline_open(&timeline, &heap, 1), 0);
    for (uint64_t i = 0; i < 6; i++) {
        void *block = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(block != MAP_FAILED);
        memset(block, 1, i == 2 ? SIZE : 1);
        timeline_add(&timeline, (timeline_entry_t){.time = i});
        munmap(block, SIZE);
    }
    for (size_t i = 0; i < timeline.n; i++) {
        most = timeline.entries[i].rss > most ? timeline.entries[i].rss : most;
    }
    assert_int_equal(timeline.peak_rss, most);
    assert_true(most > timeline.entries[0].rss + SIZE / 2 && most > timeline.entries[5].rss + SIZE / 2);
    timeline_close(&timeline);
}

/* ---- forks ---- */

/*
 * Ends a child of fork. Not by _exit(), where ThreadSanitizer looks for threads that nobody joined: it finds the
 * parent's, if they had ended when the parent forked and it had not joined them yet. A child cannot join them.
 */
static void
end_child(int status) {
    syscall(SYS_exit_group, status);
}

/* What a child of fork does with a run of its parent's; it must not hang, which the alarm ends. */
static void
assert_child(engine_t *engine, bool over) {
    pid_t pid = fork();
    if (pid == 0) {
        engine_status_t status;
        timeline_entry_t entry;
        plan_phase_t change = {.scale = 2, .rate = -1, .mark = "in the child"};
        size_t n, nmarks;
        alarm(30);
        bool ok = engine_lost(engine) == !over && engine_wait(engine, UINT64_MAX);
        engine_stop(engine);
        engine_status(engine, &status);
        engine_timeline_size(engine, &n, &nmarks);
        ok = ok && status.state == ENGINE_DONE && engine_result(engine, &result) == over;
        ok = ok && (n != 0) == over && engine_timeline(engine, 0, &entry, 1) == over;
        ok = ok && engine_change(engine, &change, message, sizeof(message)) == ESRCH;
        engine_destroy(engine);
        end_child(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void
test_fork(void **state) {
    (void)state;
    heap_t heap = counting_heap();
    describe(3, 0, "64", "10");
    plan.rate = 50000;
    engine_t *engine = start(&heap);
    for (int i = 0; i < 10; i++) {
        engine_wait(engine, 1000000);
        assert_child(engine, false);
    }
    assert_false(engine_lost(engine));
    engine_stop(engine);
    assert_true(engine_wait(engine, forever));
    assert_child(engine, true);
    assert_true(engine_result(engine, &result));
    engine_destroy(engine);
    assert_balanced();
}

/* ---- signals ---- */

static volatile sig_atomic_t handled_elsewhere;
static pthread_t main_thread;

static void
on_signal(int signal) {
    (void)signal;
    handled_elsewhere |= !pthread_equal(pthread_self(), main_thread);
}

/* Signals to the process never land on a thread of the engine, though the main thread is busy waiting. */
static void
test_signals_are_blocked(void **state) {
    (void)state;
    heap_t heap = counting_heap();
    main_thread = pthread_self();
    struct sigaction action = {.sa_handler = on_signal}, before;
    sigaction(SIGUSR1, &action, &before);
    describe(3, 0, "64", "10");
    engine_t *engine = start(&heap);
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, &old); /* the kernel has to look for another thread */
    for (int i = 0; i < 100; i++) {
        kill(getpid(), SIGUSR1);
        engine_wait(engine, 200000);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    engine_destroy(engine);
    sigaction(SIGUSR1, &before, NULL);
    assert_false(handled_elsewhere);
}

/* ---- plans that cannot be ---- */

static void
refuse_plan(const char *part) {
    assert_false(plan_finish(&plan, message, sizeof(message)));
    if (strstr(message, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", message, part);
    }
}

static void
test_refused_plans(void **state) {
    (void)state;
    describe(1, 1, "64", "10");
    plan.rows[0].other = plan_share(0.5);
    refuse_plan("mix[1]: free_by needs another thread");
    describe(2, 1, "64", "10");
    plan.rows[0].other = plan_share(0.5);
    plan.rows[0].freer = 2;
    refuse_plan("mix[1]: free_by.thread is above the number of threads");
    describe(1, 1, "64", "forever");
    plan.rows[0].resized = plan_share(1);
    refuse_plan("mix[1]: realloc needs a lifetime that ends");
    describe(1, 1, "64", "10");
    plan.rows[0].resized = plan_share(1);
    plan.rows[0].align = 64;
    refuse_plan("realloc or align");
    describe(1, 1, "64", "10");
    memset(plan.rows[0].on, 0, sizeof(plan.rows[0].on));
    plan.rows[0].on[0] = 2;
    refuse_plan("no thread allocates");
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ops_are_made),
        cmocka_unit_test(test_everything_at_once),
        cmocka_unit_test(test_steady_state),
        cmocka_unit_test(test_traits_are_independent),
        cmocka_unit_test(test_scale),
        cmocka_unit_test(test_hash_of_each_part),
        cmocka_unit_test(test_producer_and_consumer),
        cmocka_unit_test(test_same_seed_same_sequence),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_destroy_while_running),
        cmocka_unit_test(test_live_max),
        cmocka_unit_test(test_open_loop),
        cmocka_unit_test(test_lag),
        cmocka_unit_test(test_phase_at_the_end),
        cmocka_unit_test(test_phases),
        cmocka_unit_test(test_change),
        cmocka_unit_test(test_timeline_is_bounded),
        cmocka_unit_test(test_timeline_peak),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_signals_are_blocked),
        cmocka_unit_test(test_refused_plans),
    };
    return cmocka_run_group_tests_name("workload/engine", tests, NULL, free_plan);
}
