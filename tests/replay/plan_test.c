/*
 * plan_test.c -- the compiler of plans: what windows hold and where they end, what is left out, added and counted, and
 * hostile events.
 *
 * The last test compiles random sequences of events; REPLAY_FUZZ=SECONDS in the environment lets it go on for so long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "events.h"

static plan_file_t plan;

static void
open_plan(void) {
    char message[256];
    assert_int_equal(compile(), 0);
    assert_int_equal(plan_file_open(&plan, path, message, sizeof(message)), 0);
    unlink(path);
}

/* The i-th window, from 0; NULL: there are fewer. */
static const plan_window_t *
window_at(size_t i) {
    uint64_t offset = sizeof(plan_head_t);
    const plan_window_t *window = plan_next_window(&plan, &offset);
    while (window != NULL && i-- > 0) {
        window = plan_next_window(&plan, &offset);
    }
    return window;
}

/* The i-th operation of the window, whosever it is. */
static const plan_op_t *
op_at(size_t window, size_t i) {
    return &plan_ops(window_at(window))[i];
}

/* ---- operations ---- */

static void
test_calls_become_operations(void **state) {
    (void)state;
    begin();
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000, .size = 100});
    event(1, (record_event_t){.kind = RECORD_REALLOC, .addr = 0x2000, .old_addr = 0x1000, .size = 200});
    event(1, (record_event_t){.kind = RECORD_FREE, .addr = 0x2000});
    open_plan();
    assert_int_equal(head.nwindows, 1);
    assert_int_equal(plan_runs(window_at(0))[0].nops, 4);
    assert_int_equal(op_at(0, 0)->kind, CALL_MALLOC);
    assert_int_equal(op_at(0, 1)->kind, PLAN_FROM);
    assert_int_equal(op_at(0, 1)->slot, op_at(0, 0)->slot);
    assert_int_equal(op_at(0, 2)->kind, CALL_REALLOC);
    assert_int_not_equal(op_at(0, 2)->slot, op_at(0, 0)->slot); /* once in a window */
    assert_int_equal(op_at(0, 3)->kind, CALL_FREE);
    assert_int_equal(op_at(0, 3)->slot, op_at(0, 2)->slot);
    assert_int_equal(op_at(0, 3)->size, 200);
    assert_int_equal(op_at(0, 1)->delta, 100);
    plan_file_close(&plan);
}

static void
test_what_is_touched_is_learned_at_the_end(void **state) {
    (void)state;
    begin();
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x100000, .size = 1 << 20});
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x400000, .size = 3 << 20}); /* ends the window */
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x800000, .size = 1 << 20});
    event(1, (record_event_t){.kind = RECORD_FREE, .addr = 0x100000, .touched = 8192});
    event(1, (record_event_t){.kind = RECORD_FREE, .addr = 0x800000, .touched = 4096});
    event(1, (record_event_t){.kind = RECORD_LIVE, .addr = 0x400000, .size = 3 << 20, .touched = 12288});
    open_plan();
    assert_int_equal(op_at(0, 0)->kind, PLAN_TOUCH);
    assert_int_equal(op_at(0, 0)->size, 8192);
    assert_int_equal(op_at(1, 0)->size, 12288);
    assert_int_equal(op_at(2, 0)->size, 4096);
    plan_file_close(&plan);
}

/* Of blocks of medium size one in some is known; all of the class get the mean. */
static void
test_shares_of_medium_blocks(void **state) {
    static const uint64_t touched[] = {4096, RECORD_UNKNOWN, 12288, RECORD_UNKNOWN};
    (void)state;
    begin();
    for (uint64_t i = 0; i < 4; i++) {
        event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x100000 + (i << 16), .size = 20000});
        event(1, (record_event_t){.kind = RECORD_FREE, .addr = 0x100000 + (i << 16), .touched = touched[i]});
    }
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x100000, .size = 40000});
    event(1, (record_event_t){.kind = RECORD_FREE, .addr = 0x100000});
    open_plan();
    assert_in_range(head.touched[plan_class(20000)], 104, 105); /* 8192 of 20000 in 255ths */
    assert_int_equal(head.touched[plan_class(40000)], PLAN_WHOLE);
    plan_file_close(&plan);
}

/* A window begins where the recorder first looked at the process's memory. */
static void
test_first_look(void **state) {
    (void)state;
    begin();
    look_at = now + 250;
    for (uint64_t i = 0; i < 4; i++) {
        event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000 + (i << 4), .size = 16});
    }
    open_plan();
    look_at = 0;
    assert_int_equal(head.nwindows, 2);
    assert_false(window_at(0)->look);
    assert_true(window_at(1)->look);
    assert_int_equal(plan_runs(window_at(0))[0].nops, 2);
    plan_file_close(&plan);
}

/* A thread that waits for seconds has an operation that says so. */
static void
test_long_pauses(void **state) {
    (void)state;
    begin();
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000, .size = 1});
    now += 10000000000u;
    event(1, (record_event_t){.kind = RECORD_FREE, .addr = 0x1000});
    open_plan();
    assert_int_equal(op_at(0, 1)->kind, PLAN_PAUSE);
    assert_int_equal(op_at(0, 1)->size, 10000000100u);
    assert_int_equal(op_at(0, 2)->delta, 0);
    assert_int_equal(head.facts.duration, 10000000100u);
    plan_file_close(&plan);
}

static void
test_only_other_threads_of_the_same_window_wait(void **state) {
    (void)state;
    begin();
    event(2, (record_event_t){.kind = RECORD_THREAD});
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000, .size = 1});
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x2000, .size = 4 << 20}); /* ends the window */
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x3000, .size = 1});
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x4000, .size = 1});
    event(2, (record_event_t){.kind = RECORD_FREE, .addr = 0x1000});
    event(2, (record_event_t){.kind = RECORD_FREE, .addr = 0x3000});
    event(1, (record_event_t){.kind = RECORD_FREE, .addr = 0x4000});
    open_plan();
    const plan_window_t *last = window_at(head.nwindows - 1);
    const plan_op_t *first = plan_ops(last), *second = first + plan_runs(last)[0].nops;
    assert_int_equal(plan_runs(last)[0].nops, 3);
    assert_int_equal(first[2].waits + first[2].remote, 0);
    assert_int_equal(second[0].waits, 0);
    assert_int_equal(second[0].remote, 1);
    assert_int_equal(second[1].waits, 1);
    assert_int_equal(head.facts.waits, 1);
    assert_int_equal(head.facts.remote, 2);
    plan_file_close(&plan);
}

/* ---- windows ---- */

static void
test_windows_end(void **state) {
    (void)state;
    make_chain(1, 100000);
    open_plan();
    uint64_t offset = sizeof(plan_head_t), nops = 0;
    for (const plan_window_t *w = plan_next_window(&plan, &offset); w; w = plan_next_window(&plan, &offset)) {
        assert_true(w->size <= sizeof(*w) + sizeof(plan_run_t) + (PLAN_WINDOW_OPS + 8) * sizeof(plan_op_t));
        nops += plan_runs(w)[0].nops;
    }
    assert_int_equal(nops, nevents);
    assert_true(head.nwindows > nevents / PLAN_WINDOW_OPS);
    assert_true(head.nslots < 1000 + PLAN_WINDOW_OPS);
    assert_true(head.facts.peak_live - head.facts.peak_ends <= head.facts.peak_live / 1000 + (64 << 10));
    plan_file_close(&plan);
}

/* Threads that free what they have allocated have about the same bytes in any order: they need no end of a window. */
static void
test_threads_by_themselves_have_long_windows(void **state) {
    (void)state;
    begin();
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t thread = i / 32 % 4;
        event(thread, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000 + 16 * thread, .size = 10000});
        event(thread, (record_event_t){.kind = RECORD_FREE, .addr = 0x1000 + 16 * thread});
    }
    open_plan();
    assert_in_range(head.nwindows, nevents / PLAN_WINDOW_OPS, nevents / PLAN_WINDOW_OPS + 8);
    plan_file_close(&plan);
}

/* One thread allocates, another one frees: the first must not be far ahead. */
static void
test_threads_that_depend_on_order_have_short_windows(void **state) {
    (void)state;
    begin();
    for (uint32_t i = 0; i < 1000; i++) {
        event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000 + 16 * i, .size = 100000});
        if (i >= 50) {
            event(2, (record_event_t){.kind = RECORD_FREE, .addr = 0x1000 + 16 * (i - 50)});
        }
    }
    open_plan();
    uint64_t offset = sizeof(plan_head_t), longest = 0;
    for (const plan_window_t *w = plan_next_window(&plan, &offset); w; w = plan_next_window(&plan, &offset)) {
        longest = w->size / sizeof(plan_op_t) > longest ? w->size / sizeof(plan_op_t) : longest;
    }
    assert_in_range(longest, 2 * (1 << 20) / 100000, 3 * (1 << 20) / 100000 + 10);
    plan_file_close(&plan);
}

/* The slots of a cache line are those of one thread, whoever frees the blocks. */
static void
test_lines_of_slots_have_owners(void **state) {
    static uint32_t owner[1 << 12];
    (void)state;
    begin();
    for (uint32_t i = 0; i < 100000; i++) {
        if (i >= 100) {
            event(i % 3, (record_event_t){.kind = RECORD_FREE, .addr = 0x1000 + 16 * (i - 100)});
        }
        event(i % 2, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000 + 16 * i, .size = 16});
    }
    open_plan();
    assert_true(head.nslots <= PLAN_WINDOW_OPS);
    uint64_t offset = sizeof(plan_head_t);
    for (const plan_window_t *w = plan_next_window(&plan, &offset); w; w = plan_next_window(&plan, &offset)) {
        const plan_op_t *op = plan_ops(w);
        for (uint32_t i = 0; i < w->nruns; op += plan_runs(w)[i++].nops) {
            for (uint32_t k = 0; k < plan_runs(w)[i].nops; k++) {
                uint32_t *of = &owner[op[k].slot / 8], thread = plan_runs(w)[i].thread + 1;
                assert_true(op[k].kind != CALL_MALLOC || *of == 0 || *of == thread);
                *of = op[k].kind == CALL_MALLOC ? thread : *of;
            }
        }
    }
    plan_file_close(&plan);
}

/* The slots of threads that have ended are used again. */
static void
test_slots_of_ended_threads(void **state) {
    (void)state;
    begin();
    for (uint32_t i = 0; i < 1000; i++) {
        event(i, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000 + 16 * i, .size = 16});
        event(i, (record_event_t){.kind = RECORD_THREAD_END});
    }
    open_plan();
    assert_true(head.nslots <= 1000 + 16);
    plan_file_close(&plan);
}

/* Slots of a window are not given to another block in it; later they are. */
static void
test_slots_are_used_again_in_later_windows(void **state) {
    (void)state;
    begin();
    for (int i = 0; i < 200000; i++) {
        event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000, .size = 16});
        event(1, (record_event_t){.kind = RECORD_FREE, .addr = 0x1000});
    }
    open_plan();
    assert_true(head.nslots <= PLAN_WINDOW_OPS);
    assert_int_equal(head.facts.live_at_end, 0);
    plan_file_close(&plan);
}

static void
test_blocks_from_before(void **state) {
    (void)state;
    begin();
    event(1, (record_event_t){.kind = RECORD_LIVE, .addr = 0x100000, .size = 1 << 20, .touched = 4096});
    event(1, (record_event_t){.kind = RECORD_LIVE, .addr = 0x300000, .size = 1 << 20, .touched = 4096});
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000, .size = 16});
    event(1, (record_event_t){.kind = RECORD_FREE, .addr = 0x100000});
    open_plan();
    assert_int_equal(head.facts.before, 2);
    assert_true(window_at(0)->before);
    assert_false(window_at(head.nwindows - 1)->before);
    assert_int_equal(op_at(0, 0)->size, 4096);
    assert_int_equal(head.facts.unmatched, 0);
    plan_file_close(&plan);
}

/* ---- what does not fit together ---- */

static void
test_what_is_left_out_and_added(void **state) {
    (void)state;
    begin();
    event(1, (record_event_t){.kind = RECORD_FREE, .addr = 0x1000});
    event(1, (record_event_t){.kind = RECORD_FREE, .addr = 0});
    event(1, (record_event_t){.kind = RECORD_REALLOC, .addr = 0x2000, .old_addr = 0x3000, .size = 5});
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x2000, .size = 6});
    event(1, (record_event_t){.kind = RECORD_REALLOC, .addr = 0, .old_addr = 0x2000, .size = 1u << 31});
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0, .size = UINT64_MAX});
    event(1, (record_event_t){.kind = RECORD_REALLOC, .addr = 0, .old_addr = 0x2000, .size = 0}); /* frees */
    event(1, (record_event_t){.kind = RECORD_FREE, .addr = 0x2000});
    event(1, (record_event_t){.kind = RECORD_LOST, .size = 7});
    events[3].time = 0;
    open_plan();
    assert_int_equal(head.facts.unmatched, 3);
    assert_int_equal(head.facts.reused, 1);
    assert_int_equal(head.facts.failed, 2);
    assert_int_equal(head.facts.lost, 7);
    assert_int_equal(head.facts.backwards, 1);
    assert_int_equal(head.facts.live_at_end, 0);
    assert_int_equal(head.facts.calls, 6); /* with the free that was added */
    plan_file_close(&plan);
}

static void
test_too_many_threads(void **state) {
    (void)state;
    begin();
    for (uint32_t i = 0; i < PLAN_MOST_THREADS + 1; i++) {
        event(i, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000 + 16 * i, .size = 16});
    }
    assert_int_equal(compile(), EMFILE);
    unlink(path);
    begin();
    event(UINT32_MAX, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000, .size = 16});
    assert_int_equal(compile(), EMFILE);
    unlink(path);
    begin();
    for (uint32_t i = 0; i < 100000; i++) {
        event(i, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000 + 16 * i, .size = 16});
        event(i, (record_event_t){.kind = RECORD_THREAD_END});
    }
    open_plan();
    assert_int_equal(head.nthreads, 100000);
    assert_int_equal(head.most_threads, 1);
    plan_file_close(&plan);
}

static void
test_file_that_cannot_be_written(void **state) {
    (void)state;
    plan_compiler_t *compiler;
    assert_int_equal(plan_compiler_open(&compiler, "/nonexistent/plan"), ENOENT);
    assert_int_equal(plan_compiler_open(&compiler, "/dev/null"), EEXIST);
}

/* A plan that was cut, or is another file, is refused or ends early; never is anything read beyond it. */
static void
test_damaged_plans(void **state) {
    (void)state;
    char message[256];
    make_chain(3, 2000);
    assert_int_equal(compile(), 0);
    for (uint64_t size = head.size - 1; size > 100; size -= size > 5000 ? size / 7 : 61) {
        assert_int_equal(truncate(path, (off_t)size), 0);
        assert_int_equal(plan_file_open(&plan, path, message, sizeof(message)), EINVAL);
    }
    unlink(path);
}

/* The first window says that it is longer than its operations: reading ends there. */
static void
test_window_of_another_size(void **state) {
    (void)state;
    make_chain(1, 10);
    open_plan();
    plan_window_t window = *window_at(0);
    plan_file_close(&plan);
    char message[256];
    assert_int_equal(compile(), 0);
    FILE *file = fopen(path, "r+b");
    window.size -= sizeof(plan_op_t);
    assert_int_equal(fseek(file, sizeof(plan_head_t), SEEK_SET), 0);
    assert_int_equal(fwrite(&window, sizeof(window), 1, file), 1);
    fclose(file);
    assert_int_equal(plan_file_open(&plan, path, message, sizeof(message)), 0);
    assert_null(window_at(0));
    plan_file_close(&plan);
    unlink(path);
}

/* ---- any sequence of events ---- */

static uint64_t seed = 1;

static uint64_t
draw(uint64_t below) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % below;
}

/* The table of addresses stays whole, whatever the order in which blocks end. */
static void
test_blocks_are_found_after_removals(void **state) {
    static uint64_t order[4000];
    (void)state;
    begin();
    for (size_t i = 0; i < 4000; i++) {
        order[i] = 0x10000 + 16 * i;
        event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = order[i], .size = 16});
    }
    for (size_t i = 4000; i > 0; i--) {
        size_t at = draw(i);
        event(1, (record_event_t){.kind = RECORD_FREE, .addr = order[at]});
        order[at] = order[i - 1];
    }
    open_plan();
    assert_int_equal(head.facts.unmatched, 0);
    assert_int_equal(head.facts.live_at_end, 0);
    plan_file_close(&plan);
}

static record_event_t
random_event(void) {
    static const uint64_t sizes[] = {0, 1, 16, 4096, 200000, 1u << 31, 1000000000000, UINT64_MAX};
    record_event_t e = {.thread = (uint32_t)(draw(20) == 0 ? draw(5000) : draw(6)),
                        .kind = (uint8_t)draw(RECORD_KINDS + 2),
                        .lg_align = (uint8_t)(draw(4) == 0 ? draw(256) : 0),
                        .addr = draw(4) == 0 ? draw(3) << 60 : draw(64) << 3,
                        .size = sizes[draw(8)]};
    e.time = draw(10) == 0 ? seed : now++;
    e.old_addr = draw(2) * (draw(64) << 3);
    e.touched = draw(3) == 0 ? RECORD_UNKNOWN : sizes[draw(8)];
    return e;
}

/* Every block is allocated before it is freed, in a slot of its own, and the live bytes are those of the windows. */
static void
check_plan(void) {
    static uint64_t sizes[1 << 16];
    memset(sizes, 0xff, sizeof(sizes));
    uint64_t offset = sizeof(plan_head_t), live = 0, blocks = 0, nwindows = 0;
    assert_true(head.nslots < 1 << 16);
    for (const plan_window_t *w = plan_next_window(&plan, &offset); w; w = plan_next_window(&plan, &offset)) {
        const plan_op_t *op = plan_ops(w);
        int64_t change = 0, blocks_change = 0;
        for (uint32_t run = 0; run < w->nruns; run++) {
            for (uint32_t i = 0; i < plan_runs(w)[run].nops; i++, op++) {
                assert_true(op->slot < head.nslots || op->slot == PLAN_NONE);
                bool frees = op->kind == CALL_FREE || op->kind == CALL_FREE_SIZED || op->kind == PLAN_FROM;
                bool allocates = op->kind < CALL_FREE && op->slot != PLAN_NONE;
                change += allocates ? (int64_t)op->size : frees ? -(int64_t)op->size : 0;
                blocks_change += allocates - frees;
            }
        }
        live += (uint64_t)change;
        blocks += (uint64_t)blocks_change;
        assert_int_equal(live, w->live_bytes);
        assert_int_equal(blocks, w->live_blocks);
        nwindows++;
    }
    assert_int_equal(nwindows, head.nwindows);
    assert_int_equal(blocks, head.facts.live_at_end);
}

static void
test_any_events(void **state) {
    (void)state;
    const char *seconds = getenv("REPLAY_FUZZ");
    time_t end = time(NULL) + (seconds == NULL ? 0 : atoi(seconds));
    for (int round = 0; round < 60 || time(NULL) < end; round++) {
        begin();
        for (size_t n = 1 + draw(4000); n > 0; n--) {
            events[nevents++] = random_event();
        }
        int error = compile();
        assert_true(error == 0 || error == EMFILE);
        if (error == 0) {
            char message[256];
            assert_int_equal(plan_file_open(&plan, path, message, sizeof(message)), 0);
            check_plan();
            plan_file_close(&plan);
        }
        unlink(path);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_become_operations),
        cmocka_unit_test(test_what_is_touched_is_learned_at_the_end),
        cmocka_unit_test(test_shares_of_medium_blocks),
        cmocka_unit_test(test_first_look),
        cmocka_unit_test(test_long_pauses),
        cmocka_unit_test(test_only_other_threads_of_the_same_window_wait),
        cmocka_unit_test(test_windows_end),
        cmocka_unit_test(test_threads_by_themselves_have_long_windows),
        cmocka_unit_test(test_threads_that_depend_on_order_have_short_windows),
        cmocka_unit_test(test_lines_of_slots_have_owners),
        cmocka_unit_test(test_slots_of_ended_threads),
        cmocka_unit_test(test_slots_are_used_again_in_later_windows),
        cmocka_unit_test(test_blocks_from_before),
        cmocka_unit_test(test_what_is_left_out_and_added),
        cmocka_unit_test(test_too_many_threads),
        cmocka_unit_test(test_file_that_cannot_be_written),
        cmocka_unit_test(test_damaged_plans),
        cmocka_unit_test(test_window_of_another_size),
        cmocka_unit_test(test_blocks_are_found_after_removals),
        cmocka_unit_test(test_any_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
