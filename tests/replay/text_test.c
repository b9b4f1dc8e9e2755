/*
 * text_test.c -- texts of traces as workloads: what a line may be, how blocks are matched, and that a run makes the
 * calls of the file, whatever the allocator does.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../workload/runs.h"
#include "replay/text.h"
#include "workload/textfile.h"

static plan_file_t trace;
static bool timed;

/* ---- files ---- */

/* The text as a file, whose path is in `path`. */
static char path[64];

static void
write_text(const char *text) {
    strcpy(path, "/tmp/text_test_XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static int
load(const char *text) {
    plan_file_close(&trace);
    write_text(text);
    int error = text_load(&trace, &timed, path, message, sizeof(message));
    unlink(path);
    return error;
}

static const plan_facts_t *
load_good(const char *text) {
    if (load(text) != 0) {
        fail_msg("%s", message);
    }
    return &trace.head->facts;
}

static void
refuse(const char *text, const char *part) {
    assert_int_equal(load(text), TEXTFILE_WRONG);
    if (strstr(message, part) == NULL || strchr(message, '\n') != NULL) {
        fail_msg("the message \"%s\" does not say \"%s\" in one line", message, part);
    }
}

/* Appends a call, such as "m0:20 ": kind, slot, size; "r" has the slot of the block that it resizes before it. */
static void
append_op(char *text, size_t size, const plan_op_t *op) {
    static const char *const kinds[] = {[CALL_MALLOC] = "m",  [CALL_CALLOC] = "c", [CALL_ALIGNED] = "a",
                                        [CALL_REALLOC] = "r", [CALL_FREE] = "f",   [PLAN_FROM] = "from"};
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%u:%u ", kinds[op->kind], op->slot, (unsigned)op->size);
}

static bool
thread_ends(uint32_t thread) {
    uint64_t offset = sizeof(plan_head_t);
    const plan_window_t *window;
    bool ends = false;
    while ((window = plan_next_window(&trace, &offset)) != NULL) {
        for (uint32_t i = 0; i < window->nruns; i++) {
            ends = ends || (plan_runs(window)[i].thread == thread && plan_runs(window)[i].ends);
        }
    }
    return ends;
}

static void
assert_steps(uint32_t thread, const char *expected) {
    char text[512] = "";
    uint64_t offset = sizeof(plan_head_t);
    const plan_window_t *window;
    while ((window = plan_next_window(&trace, &offset)) != NULL) {
        const plan_op_t *op = plan_ops(window);
        for (uint32_t i = 0; i < window->nruns; i++) {
            const plan_run_t *run = &plan_runs(window)[i];
            for (const plan_op_t *end = op + run->nops; op < end; op++) {
                if (run->thread == thread) {
                    append_op(text, sizeof(text), op);
                }
            }
        }
    }
    assert_string_equal(text, expected);
}

/* ---- reading ---- */

static void
test_each_kind_of_line(void **state) {
    (void)state;
    const plan_facts_t *facts = load_good("7: malloc 0xb6038060 20\n"
                                          "7: calloc 0xB609F080 32 4 100 120\n"
                                          "\n"
                                          "7: realloc 0x50 0xb6038060 12\r\n"
                                          "7: realloc 0x60 0x0 13\n"
                                          "  7: memalign 0x70 64 100 1 2\n"
                                          "7: free 0x50 5 6\n"
                                          "7:free 0x60 7 8 4096\n"
                                          "7: realloc 0x0 0x70 0\n"
                                          "7: thread_done 0x0 9");
    assert_int_equal(trace.head->nthreads, 1);
    assert_int_equal(facts->calls, 8);
    assert_true(thread_ends(0));
    assert_steps(0, "m0:20 c1:128 from0:20 r2:12 r3:13 a4:100 f2:12 f3:13 f4:100 ");
    assert_int_equal(facts->peak_live, 128 + 12 + 13 + 100);
    assert_int_equal(facts->live_at_end, 1);
    assert_int_equal(facts->unmatched, 0);
}

/* An address that is given out again is another block; a thread number after thread_done is another thread. */
static void
test_matching(void **state) {
    (void)state;
    const plan_facts_t *facts = load_good("1: malloc 0x10 1\n2: free 0x10\n2: malloc 0x10 2\n1: free 0x10\n"
                                          "1: thread_done 0x0\n1: malloc 0x10 3\n2: free 0x10\n");
    assert_int_equal(trace.head->nthreads, 3);
    assert_steps(0, "m0:1 f8:2 "); /* each thread has slots of its own */
    assert_steps(1, "f0:1 m8:2 f0:3 ");
    assert_steps(2, "m0:3 "); /* the first one's, which has ended */
    assert_true(thread_ends(0));
    assert_false(thread_ends(1));
    assert_int_equal(facts->peak_live, 3);
    assert_int_equal(facts->remote, 3);
}

/* Calls that had failed, and frees of what the trace does not allocate, are left out. */
static void
test_left_out(void **state) {
    (void)state;
    const plan_facts_t *facts =
        load_good("1: thread_done 0x0\n1: malloc 0x0 99\n1: free 0x0\n1: free 0x99\n1: realloc 0x0 0x10 5\n"
                  "1: malloc 0x10 0\n1: realloc 0x20 0x30 8\n1: free 0x20\n1: free 0x20\n");
    assert_steps(0, "m0:1 r1:8 f1:8 "); /* of 0 bytes the result might be NULL */
    assert_int_equal(facts->unmatched, 3);
    assert_int_equal(trace.head->nthreads, 1);
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
    assert_int_equal(text_load(&trace, &timed, "/dev/zero", message, sizeof(message)), TEXTFILE_WRONG);
    assert_int_equal(text_load(&trace, &timed, "/no/such", message, sizeof(message)), ENOENT);
}

static void
test_too_many_threads(void **state) {
    (void)state;
    static char text[64 * 600];
    size_t used = 0;
    for (int i = 1; i <= 513; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%d: malloc 0x%x 1\n", i, i);
    }
    refuse(text, ":513: a thread more; allowed: 512 at once");
    used = 0;
    for (int i = 1; i <= 513; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%d: malloc 0x%x 1\n%d: thread_done 0x0\n", i, i, i);
    }
    load_good(text);
    assert_int_equal(trace.head->nthreads, 513);
}

/* ---- replay ---- */

/* A heap that writes down its calls, thread by thread, and makes a malloc of 20 bytes slow. */
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
    if (size == 20 && atomic_exchange(&slow, false)) {
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

/* A plan that replays the text, at the times of the file times `speed`. */
static void
describe_trace(const char *text, double speed) {
    describe(1, 0, "1", "0");
    write_text(text);
    int error = replayer_load(&plan.replayer, path, message, sizeof(message));
    unlink(path);
    if (error != 0) {
        fail_msg("%s", message);
    }
    plan.trace_speed = speed;
    calls_made[0] = '\0';
    atomic_store(&slow, false);
}

static void
test_replay_of_one_thread(void **state) {
    (void)state;
    describe_trace("1: malloc 0x10 20\n1: calloc 0x20 3 5\n1: realloc 0x30 0x10 400\n1: memalign 0x40 64 65\n"
                   "1: free 0x20\n1: realloc 0x50 0x0 7\n1: free 0x30\n1: free 0x40\n1: thread_done 0x0\n",
                   0);
    run(&noting);
    assert_string_equal(calls_made, "m20 c15 r400 a64 f r7 f f f "); /* the last one is left over */
    assert_int_equal(result.total.ops, 8);
    assert_int_equal(result.total.calls[CALL_FREE], 4);
    assert_int_equal(result.total.errors, 0);
    assert_int_equal(result.total.checked, 6); /* five blocks at their ends, and one after realloc */
    assert_int_equal(result.total.live_bytes, 0);
    assert_int_equal(result.total.live_blocks, 0);
    assert_int_equal(atomic_load(&nlive), 0);
    assert_true(plan.expected == 400 + 65 + 15);
    assert_null(result.problem);
    assert_false(result.stopped);
}

/* The second thread has nothing to wait for but the first one's block, which comes late. */
static void
test_a_free_waits_for_its_block(void **state) {
    (void)state;
    describe_trace("1: malloc 0x50 1\n2: malloc 0x60 1\n1: malloc 0x10 20\n2: realloc 0x20 0x10 30\n"
                   "1: free 0x20\n1: calloc 0x30 1 9\n2: free 0x30\n1: free 0x50\n2: free 0x60\n",
                   0);
    atomic_store(&slow, true);
    run(&noting);
    assert_true(strstr(calls_made, "m20 ") < strstr(calls_made, "r30 "));
    assert_int_equal(result.total.errors, 0);
    assert_int_equal(result.total.failures, 0);
    assert_int_equal(atomic_load(&nlive), 0);
}

/* A thread that waits for a time or a block wakes at a stop, and what is left is freed. */
static void
test_replay_can_be_stopped(void **state) {
    (void)state;
    describe_trace("1: malloc 0x10 20 1 2\n2: free 0x10 3000000000000 3000000000001\n"
                   "2: malloc 0x20 1 3000000000002 3000000000003\n1: free 0x20 3000000000004 3000000000005\n",
                   1);
    engine_t *engine = start(&noting);
    engine_status_t status = {0};
    for (int i = 0; i < 1000 && status.ops == 0; i++) {
        usleep(1000);
        engine_status(engine, &status);
    }
    assert_int_equal(status.ops, 1); /* counters are told while it runs */
    assert_int_equal(status.live_bytes, 20);
    assert_int_equal(status.live_blocks, 1);
    engine_stop(engine);
    assert_true(engine_wait(engine, forever));
    assert_true(engine_result(engine, &result));
    assert_true(result.stopped);
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
                   "1: realloc 0x40 0x30 6\n1: free 0x40\n",
                   0);
    run(&heap);
    assert_int_equal(result.total.failures, 2);
    assert_int_equal(atomic_load(&nlive), 0);
}

/* ---- verification ---- */

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
    describe_trace("1: memalign 0x10 64 100\n1: free 0x10\n", 0);
    run(&heap);
    assert_int_equal(result.total.errors, 1);
    assert_int_equal(result.fault.kind, FAULT_ALIGNMENT);
    assert_int_equal(result.fault.offset, 64);
}

/* Writes a byte into the block before, if it is asked for 77 bytes. */
static char *block_before;

static void *
scribbling_malloc(size_t size) {
    if (size == 77) {
        block_before[5] ^= 1;
    }
    return block_before = noting_malloc(size);
}

/* Also that of a block that is never freed: at the end of the run. */
static void
test_contents_are_verified(void **state) {
    (void)state;
    heap_t heap = noting;
    heap.malloc = scribbling_malloc;
    for (int left = 0; left < 2; left++) {
        describe_trace(left ? "1: malloc 0x10 100\n1: malloc 0x20 77\n"
                            : "1: malloc 0x10 100\n1: malloc 0x20 77\n1: free 0x10\n",
                       0);
        run(&heap);
        assert_int_equal(result.total.errors, 1);
        assert_int_equal(result.fault.kind, FAULT_CONTENTS);
        assert_int_equal(result.fault.size, 100);
        assert_int_equal(result.fault.offset, 5);
        assert_int_equal(result.fault.expected ^ result.fault.found, 1);
    }
}

static char written[100];

static void *
static_malloc(size_t size) {
    return memset(written, 0, size);
}

static void
static_free(void *ptr) {
    (void)ptr;
}

/* Without verification the share of a block is written that the description says, so many times. */
static void
test_share_is_written(void **state) {
    (void)state;
    heap_t heap = noting;
    heap.malloc = static_malloc;
    heap.free = static_free;
    describe_trace("1: malloc 0x10 100\n1: free 0x10\n", 0);
    plan.verify = false;
    plan.rows[0].touch = 0.3;
    plan.rows[0].writes = 2;
    run(&heap);
    assert_int_equal(written[29], 2);
    assert_int_equal(written[30], 0);
}

/* ---- times, phases, hashes ---- */

/* Without a speed times do not matter; with one, calls wait for theirs. */
static void
test_times(void **state) {
    (void)state;
    static const char text[] =
        "1: malloc 0x10 1 5000000 5000001\n2: malloc 0x20 2 45000000 46000000\n1: free 0x20 1 2\n";
    load_good(text);
    assert_true(timed);
    assert_int_equal(trace.head->facts.duration, 40000000);
    describe_trace(text, 2);
    run(&noting);
    assert_true(result.total.seconds >= 0.0199);
    assert_int_equal(result.total.errors, 0);
    assert_int_equal(atomic_load(&nlive), 0);
    load_good("1: malloc 0x10 1 5 6\n1: free 0x10\n");
    assert_false(timed);
}

/* A phase in the middle cuts the run; each part has its own operations and durations. */
static void
test_phases(void **state) {
    (void)state;
    describe_trace("1: malloc 0x10 1 1 2\n1: calloc 0x20 1 2 60000001 60000002\n1: free 0x20 60000003 60000004\n", 1);
    plan.sample = 1;
    plan.nphases = 1;
    plan.phases[0] = (plan_phase_t){.at = 30000000, .scale = -1, .rate = -1, .mark = "middle"};
    engine_t *engine = start(&noting);
    assert_true(engine_wait(engine, forever));
    engine_segment_t first, second;
    assert_true(engine_segment(engine, 0, &first) && engine_segment(engine, 1, &second));
    assert_true(second.reached);
    assert_int_equal(first.end.ops, 1);
    assert_int_equal(second.end.ops, 3);
    assert_int_equal(first.latency.single[CALL_MALLOC].count, 1);
    assert_int_equal(first.latency.single[CALL_CALLOC].count, 0);
    assert_int_equal(second.latency.single[CALL_CALLOC].count, 1);
    engine_destroy(engine);
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
        describe_trace(texts[i], 0);
        assert_true(plan_finish(&plan, message, sizeof(message)));
        hashes[i] = plan.hash;
        for (size_t k = 0; k < i; k++) {
            assert_true(hashes[k] != hashes[i]);
        }
    }
    describe_trace("9: malloc 0xff 20 5 6\n", 0); /* numbers of threads, addresses and times do not matter */
    assert_true(plan_finish(&plan, message, sizeof(message)));
    assert_true(plan.hash == hashes[0]);
}

static int
free_all(void **state) {
    plan_file_close(&trace);
    return free_plan(state);
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
        cmocka_unit_test(test_contents_are_verified),
        cmocka_unit_test(test_share_is_written),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_phases),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests_name("replay/text", tests, NULL, free_all);
}
