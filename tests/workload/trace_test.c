/*
 * trace_test.c -- traces: what a line may be, how blocks are matched, and that a replay makes the calls of the file.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runs.h"
#include "workload/textfile.h"

static trace_t trace;

/* ---- files ---- */

static int
load(const char *text) {
    char path[] = "/tmp/trace_test_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    int error = trace_load(&trace, path, &plan.region, message, sizeof(message));
    unlink(path);
    return error;
}

static void
load_good(const char *text) {
    if (load(text) != 0) {
        fail_msg("%s", message);
    }
}

static void
refuse(const char *text, const char *part) {
    assert_int_equal(load(text), TEXTFILE_WRONG);
    if (strstr(message, part) == NULL || strchr(message, '\n') != NULL) {
        fail_msg("the message \"%s\" does not say \"%s\" in one line", message, part);
    }
}

/* The steps of a thread, such as "m0:20 f0 ": kind, block, size or the old block. */
static void
assert_steps(uint32_t thread, const char *expected) {
    static const char kinds[] = "mcarf";
    char text[512] = "";
    for (size_t i = 0; i < trace.threads[thread].nsteps; i++) {
        const trace_step_t *step = &trace.threads[thread].steps[i];
        size_t used = strlen(text);
        char *end = text + used;
        size_t size = sizeof(text) - used;
        if (step->kind == TRACE_FREE) {
            snprintf(end, size, "f%u ", step->block);
        } else if (step->kind == TRACE_REALLOC && step->old != TRACE_NONE) {
            snprintf(end, size, "r%u>%u:%u ", step->old, step->block, (unsigned)step->size);
        } else {
            snprintf(end, size, "%c%u:%u ", kinds[step->kind], step->block, (unsigned)step->size);
        }
    }
    assert_string_equal(text, expected);
}

/* ---- reading ---- */

static void
test_each_kind_of_line(void **state) {
    (void)state;
    load_good("7: malloc 0xb6038060 20\n"
              "7: calloc 0xB609F080 32 4 100 120\n"
              "\n"
              "7: realloc 0x50 0xb6038060 12\r\n"
              "7: realloc 0x60 0x0 13\n"
              "  7: memalign 0x70 64 100 1 2\n"
              "7: free 0x50 5 6\n"
              "7:free 0x60 7 8 4096\n"
              "7: realloc 0x0 0x70 0\n"
              "7: thread_done 0x0 9");
    assert_int_equal(trace.nthreads, 1);
    assert_int_equal(trace.nblocks, 5);
    assert_true(trace.threads[0].ends);
    assert_int_equal(trace.threads[0].number, 7);
    assert_steps(0, "m0:20 c1:128 r0>2:12 r3:13 a4:128 f2 f3 f4 ");
    assert_int_equal(trace.threads[0].steps[4].old, 6);
    assert_int_equal(trace.peak, 128 + 12 + 13 + 128);
    assert_int_equal(trace.unmatched, 0);
}

/* An address that is given out again is another block; a thread number after thread_done is another thread. */
static void
test_matching(void **state) {
    (void)state;
    load_good("1: malloc 0x10 1\n2: free 0x10\n2: malloc 0x10 2\n1: free 0x10\n"
              "1: thread_done 0x0\n1: malloc 0x10 3\n2: free 0x10\n");
    assert_int_equal(trace.nthreads, 3);
    assert_steps(0, "m0:1 f1 ");
    assert_steps(1, "f0 m1:2 f2 ");
    assert_steps(2, "m2:3 ");
    assert_false(trace.threads[1].ends);
    assert_int_equal(trace.peak, 3);
}

/* Calls that had failed, and frees of what the trace does not allocate, are left out. */
static void
test_left_out(void **state) {
    (void)state;
    load_good("1: malloc 0x0 99\n1: free 0x0\n1: free 0x99\n1: realloc 0x0 0x10 5\n1: malloc 0x10 0\n"
              "1: realloc 0x20 0x30 8\n1: free 0x20\n1: free 0x20\n");
    assert_steps(0, "m0:0 r1:8 f1 ");
    assert_int_equal(trace.unmatched, 3);
}

static void
test_wrong_lines(void **state) {
    (void)state;
    refuse("1: malloc 0x10 1\n1: mallok 0x10 2\n", ":2: allowed: THREAD: and malloc, calloc, memalign, realloc, free");
    refuse("malloc 0x10 1\n", ":1: allowed: THREAD:");
    refuse("-1: malloc 0x10 1\n", ":1: allowed: THREAD:");
    refuse("1 malloc 0x10 1\n", ":1: allowed: THREAD:");
    refuse("1: malloc 0x10\n", "allowed: malloc 0xADDRESS SIZE [BEGIN END]");
    refuse("1: malloc 0x10 1 2\n", "allowed: malloc 0xADDRESS SIZE");
    refuse("1: malloc 10 1\n", "allowed: malloc 0xADDRESS SIZE");
    refuse("1: malloc 0x10 -1\n", "allowed: malloc 0xADDRESS SIZE");
    refuse("1: malloc 0x10 1x\n", "allowed: malloc 0xADDRESS SIZE");
    refuse("1: malloc 0x10 18446744073709551616\n", "allowed: malloc 0xADDRESS SIZE");
    refuse("1: malloc 0xffffffffffffffff 1\n", "allowed: malloc 0xADDRESS SIZE");
    refuse("1: malloc 0x10 2000000000000\n", "allowed: a SIZE of at most 1T");
    refuse("1: calloc 0x10 4294967296 4294967296\n", "allowed: a SIZE of at most 1T");
    refuse("1: calloc 0x10 4\n", "allowed: calloc 0xADDRESS COUNT SIZE");
    refuse("1: realloc 0x10 20 30\n", "allowed: realloc 0xNEW 0xOLD SIZE");
    refuse("1: memalign 0x10 24 100\n", "allowed: an ALIGNMENT that is a power of two");
    refuse("1: memalign 0x10 0 100\n", "allowed: an ALIGNMENT that is a power of two");
    refuse("1: free\n", "allowed: free 0xADDRESS");
    refuse("1: free 0x10 1 2 3 4 5 6 7\n", "allowed: free 0xADDRESS");
    refuse("1: thread_done\n", "allowed: thread_done 0x0 [END]");
    refuse("1: thread_done 0x0\n", "has no allocation");
    refuse("", "is empty or not a regular file");
    assert_int_equal(trace_load(&trace, "/dev/zero", &plan.region, message, sizeof(message)), TEXTFILE_WRONG);
    assert_int_equal(trace_load(&trace, "/no/such", &plan.region, message, sizeof(message)), ENOENT);
}

static void
test_too_many_threads(void **state) {
    (void)state;
    static char text[64 * 600];
    size_t used = 0;
    for (int i = 1; i <= 513; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%d: malloc 0x%x 1\n", i, i);
    }
    refuse(text, ":513: a thread more; allowed: 512");
}

/* ---- replay ---- */

/* A heap that writes down its calls, thread by thread, and makes the first malloc slow. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char calls_made[1024];
static atomic_int nlive;
static atomic_bool slow;

static void
note(const char *format, size_t size) {
    pthread_mutex_lock(&lock);
    size_t used = strlen(calls_made);
    snprintf(calls_made + used, sizeof(calls_made) - used, format, size);
    pthread_mutex_unlock(&lock);
}

static void *
noting_malloc(size_t size) {
    if (atomic_exchange(&slow, false)) {
        usleep(30000);
    }
    note("m%zu ", size);
    atomic_fetch_add(&nlive, 1);
    return malloc(size);
}

static void *
noting_calloc(size_t n, size_t size) {
    note("c%zu ", n * size);
    atomic_fetch_add(&nlive, 1);
    return calloc(n, size);
}

static void *
noting_aligned(size_t align, size_t size) {
    note("a%zu ", align);
    atomic_fetch_add(&nlive, 1);
    return aligned_alloc(align, size);
}

static void *
noting_realloc(void *ptr, size_t size) {
    note("r%zu ", size);
    atomic_fetch_add(&nlive, ptr == NULL);
    return realloc(ptr, size);
}

static void
noting_free(void *ptr) {
    note("f ", 0);
    atomic_fetch_sub(&nlive, 1);
    free(ptr);
}

static const heap_t noting = {.name = "noting",
                              .malloc = noting_malloc,
                              .calloc = noting_calloc,
                              .aligned_alloc = noting_aligned,
                              .realloc = noting_realloc,
                              .free = noting_free};

/* A plan that replays the text. */
static void
describe_trace(const char *text) {
    describe(1, 0, "1", "0");
    load_good(text);
    plan.trace = &trace;
    plan.threads = trace.nthreads;
    calls_made[0] = '\0';
    atomic_store(&slow, false);
}

static void
test_replay_of_one_thread(void **state) {
    (void)state;
    describe_trace("1: malloc 0x10 20\n1: calloc 0x20 3 5\n1: realloc 0x30 0x10 400\n1: memalign 0x40 64 65\n"
                   "1: free 0x20\n1: realloc 0x50 0x0 7\n1: free 0x30\n1: free 0x40\n1: thread_done 0x0\n");
    run(&noting);
    assert_string_equal(calls_made, "m20 c15 r400 a64 f r7 f f f "); /* the last one is left over */
    assert_int_equal(result.total.ops, 8);
    assert_int_equal(result.total.calls[CALL_FREE], 4);
    assert_int_equal(result.total.errors, 0);
    assert_int_equal(result.total.live_bytes, 0);
    assert_int_equal(result.total.live_blocks, 0);
    assert_int_equal(atomic_load(&nlive), 0);
    assert_true(plan.expected == 400 + 128 + 15);
}

/* The second thread has nothing to wait for but the first one's block, which comes late. */
static void
test_a_free_waits_for_its_block(void **state) {
    (void)state;
    describe_trace("1: malloc 0x10 20\n2: realloc 0x20 0x10 30\n1: free 0x20\n1: calloc 0x30 1 9\n2: free 0x30\n");
    atomic_store(&slow, true);
    run(&noting);
    assert_string_equal(calls_made, "m20 r30 f c9 f ");
    assert_int_equal(result.total.errors, 0);
    assert_int_equal(result.total.failures, 0);
    assert_int_equal(atomic_load(&nlive), 0);
}

static void
test_replay_can_be_stopped(void **state) {
    (void)state;
    describe_trace("1: malloc 0x10 20\n2: free 0x10\n2: malloc 0x20 1\n1: free 0x20\n");
    atomic_store(&slow, true);
    engine_t *engine = start(&noting);
    engine_stop(engine);
    assert_true(engine_wait(engine, forever));
    engine_destroy(engine);
    assert_int_equal(atomic_load(&nlive), 0);
    assert_null(strstr(calls_made, "m1 ")); /* what had not begun is not made */
}

static void *
refusing_malloc(size_t size) {
    return size == 13 ? NULL : noting_malloc(size);
}

/* Steps on a block that was refused are left out; nothing waits for it. */
static void
test_refused_block(void **state) {
    (void)state;
    heap_t heap = noting;
    heap.malloc = refusing_malloc;
    describe_trace("1: malloc 0x10 13\n2: free 0x10\n2: malloc 0x10 5\n2: free 0x10\n1: malloc 0x30 13\n"
                   "1: realloc 0x40 0x30 6\n1: free 0x40\n");
    run(&heap);
    assert_int_equal(result.total.failures, 2);
    assert_int_equal(atomic_load(&nlive), 0);
}

static void *
crooked_aligned(size_t align, size_t size) {
    return (char *)noting_aligned(align, size + align) + 16;
}

static void
crooked_free(void *ptr) {
    noting_free((char *)ptr - 16);
}

/* The alignment is that of the step, not of a row. */
static void
test_alignment_is_verified(void **state) {
    (void)state;
    heap_t heap = noting;
    heap.aligned_alloc = crooked_aligned;
    heap.free = crooked_free;
    describe_trace("1: memalign 0x10 64 100\n1: free 0x10\n");
    run(&heap);
    assert_int_equal(result.total.errors, 1);
    assert_int_equal(result.fault.kind, FAULT_ALIGNMENT);
    assert_int_equal(result.fault.offset, 64);
}

/* Without a speed times do not matter; with one, calls wait for theirs. */
static void
test_times(void **state) {
    (void)state;
    describe_trace("1: malloc 0x10 1 5000000 5000001\n2: malloc 0x20 2 45000000 46000000\n1: free 0x20 1 2\n");
    assert_true(trace.timed);
    assert_int_equal(trace.threads[0].steps[0].at, 4999999);
    assert_int_equal(trace.threads[0].steps[1].at, 0);
    assert_int_equal(trace.threads[1].steps[0].at, 44999999);
    plan.trace_speed = 2;
    run(&noting);
    assert_true(result.total.seconds >= 0.0224);
    assert_int_equal(result.total.errors, 0);
    assert_int_equal(atomic_load(&nlive), 0);
    describe_trace("1: malloc 0x10 1 5 6\n1: free 0x10\n");
    assert_false(trace.timed);
}

/* Every part of a step is in the hash, and the same file has the same one. */
static void
test_hash(void **state) {
    (void)state;
    static const char *const texts[] = {"1: malloc 0x10 20\n", "1: malloc 0x10 21\n", "1: calloc 0x10 1 20\n",
                                        "1: malloc 0x10 20\n1: free 0x10\n", "1: malloc 0x10 20\n1: thread_done 0x0\n"};
    enum {
        N = sizeof(texts) / sizeof(texts[0])
    };
    uint64_t hashes[N];
    for (size_t i = 0; i < N; i++) {
        describe_trace(texts[i]);
        assert_true(plan_finish(&plan, message, sizeof(message)));
        hashes[i] = plan.hash;
        for (size_t k = 0; k < i; k++) {
            assert_true(hashes[k] != hashes[i]);
        }
    }
    describe_trace("9: malloc 0xff 20 5 6\n"); /* numbers of threads, addresses and times do not matter */
    assert_true(plan_finish(&plan, message, sizeof(message)));
    assert_true(plan.hash == hashes[0]);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_of_line),
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_wrong_lines),
        cmocka_unit_test(test_too_many_threads),
        cmocka_unit_test(test_replay_of_one_thread),
        cmocka_unit_test(test_a_free_waits_for_its_block),
        cmocka_unit_test(test_replay_can_be_stopped),
        cmocka_unit_test(test_refused_block),
        cmocka_unit_test(test_alignment_is_verified),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests_name("workload/trace", tests, NULL, free_plan);
}
