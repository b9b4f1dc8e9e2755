/*
 * replay_test.c -- the engine: a plan is replayed with its threads, sizes, order and peaks, on any malloc.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "events.h"
#include "replay/player.h"

static const heap_t process = {.name = "process",
                               .malloc = malloc,
                               .calloc = calloc,
                               .aligned_alloc = aligned_alloc,
                               .realloc = realloc,
                               .free = free};

static replay_result_t result;
static replay_touch_t touched = REPLAY_TOUCH_PAGES;

static void
replay_with(const heap_t *heap, double speed) {
    char message[256];
    plan_file_t plan;
    replay_options_t options = {.speed = speed, .touch = touched, .sample = 16, .interval = 1000000};
    assert_int_equal(plan_file_open(&plan, path, message, sizeof(message)), 0);
    replay_t *replay = replay_start(&plan, heap, &options, message, sizeof(message));
    assert_non_null(replay);
    assert_true(replay_wait(replay, UINT64_MAX));
    replay_result(replay, &result);
    replay_destroy(replay);
    plan_file_close(&plan);
    unlink(path);
}

static void
check_counts(void) {
    assert_memory_equal(result.count, head.facts.count, sizeof(result.count));
    assert_int_equal(result.remote, head.facts.remote);
    assert_int_equal(result.violations, 0);
    assert_int_equal(result.deviations, 0);
    assert_int_equal(result.peak_live, head.facts.peak_ends);
    assert_int_equal(result.windows, head.nwindows);
    assert_int_equal(result.threads, head.nthreads);
    assert_int_equal(result.live_at_end, head.facts.live_at_end);
}

/* ---- tests ---- */

static void
test_each_kind_of_call(void **state) {
    (void)state;
    begin();
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000, .size = 100});
    event(1, (record_event_t){.kind = RECORD_CALLOC, .addr = 0x2000, .size = 200});
    event(1, (record_event_t){.kind = RECORD_ALIGNED, .addr = 0x3000, .size = 300, .lg_align = 12});
    event(1, (record_event_t){.kind = RECORD_REALLOC, .addr = 0x4000, .old_addr = 0x1000, .size = 400});
    event(2, (record_event_t){.kind = RECORD_REALLOC, .addr = 0x4000, .old_addr = 0x4000, .size = 500000});
    event(2, (record_event_t){.kind = RECORD_FREE, .addr = 0x2000});
    event(1, (record_event_t){.kind = RECORD_FREE_SIZED, .addr = 0x3000, .size = 300, .lg_align = 12});
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x2000, .size = 0});
    assert_int_equal(compile(), 0);
    assert_int_equal(head.facts.calls, 8);
    assert_int_equal(head.facts.remote, 2);
    assert_int_equal(head.facts.live_at_end, 2);
    assert_int_equal(head.facts.peak_live, 500000 + 200 + 300);
    replay_with(&process, 0);
    check_counts();
}

static void
test_threads_free_each_others_blocks(void **state) {
    (void)state;
    make_chain(16, 100000);
    assert_int_equal(compile(), 0);
    assert_int_equal(head.nthreads, 16);
    assert_true(head.facts.remote > 60000);
    replay_with(&process, 0);
    check_counts();
}

/* The first thread is held in its malloc of 100 bytes until another one asks for 200, for some time at most. */
static _Atomic int asked;
static bool held_too_long;

static void *
hold(size_t size) {
    if (size == 100) {
        for (int i = 0; i < 300 && !asked; i++) {
            usleep(1000);
        }
        held_too_long = !asked;
    }
    asked |= size == 200;
    return malloc(size);
}

/* The second thread frees n blocks of the held one, and then asks for 200 bytes. True if it asked before they lived. */
static bool
goes_on(uint32_t n, size_t size, double speed) {
    heap_t heap = process;
    heap.malloc = hold;
    asked = 0;
    begin();
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000, .size = 1 << 20}); /* no higher peak follows */
    event(2, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x2000, .size = 1});
    event(1, (record_event_t){.kind = RECORD_FREE, .addr = 0x1000});
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x3000, .size = 100});
    for (uint64_t i = 0; i < n; i++) {
        event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x4000 + 16 * i, .size = size});
    }
    for (uint64_t i = 0; i < n; i++) {
        event(2, (record_event_t){.kind = i % 2 ? RECORD_FREE : RECORD_FREE_SIZED, .addr = 0x4000 + 16 * i});
    }
    event(2, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x5000, .size = 200});
    assert_int_equal(compile(), 0);
    assert_int_equal(head.facts.waits, n);
    replay_with(&heap, speed);
    check_counts();
    return !held_too_long;
}

static void
test_frees_are_put_off(void **state) {
    (void)state;
    assert_true(goes_on(PLAYER_PUT_OFF, 10, 0));
    assert_false(goes_on(PLAYER_PUT_OFF + 1, 10, 0));
    assert_true(goes_on(1, 40000, 0));
    assert_false(goes_on(2, 40000, 0)); /* too many bytes */
    assert_false(goes_on(1, 10, 1));    /* at the recorded times */
}

static void
test_threads_start_and_end(void **state) {
    (void)state;
    begin();
    for (uint32_t i = 0; i < 300; i++) {
        event(7, (record_event_t){.kind = RECORD_THREAD});
        event(7, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000, .size = 64});
        event(1, (record_event_t){.kind = RECORD_FREE, .addr = 0x1000});
        event(7, (record_event_t){.kind = RECORD_THREAD_END});
    }
    assert_int_equal(compile(), 0);
    assert_int_equal(head.nthreads, 301);
    assert_int_equal(head.most_threads, 2);
    assert_int_equal(head.facts.remote, 300);
    replay_with(&process, 0);
    check_counts();
}

static void
test_real_time(void **state) {
    (void)state;
    begin();
    for (uint32_t i = 0; i < 20; i++) {
        event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000 + 64 * i, .size = 64});
        now += 10000000;
    }
    assert_int_equal(compile(), 0);
    replay_with(&process, 1);
    check_counts();
    assert_true(result.run.total.seconds > 0.189);
}

static void *
refuse_large(size_t size) {
    return size > 1000 ? NULL : malloc(size);
}

static void
test_allocator_that_refuses(void **state) {
    (void)state;
    heap_t heap = process;
    heap.malloc = refuse_large;
    make_chain(4, 20000);
    assert_int_equal(compile(), 0);
    replay_with(&heap, 0);
    assert_memory_equal(result.count, head.facts.count, sizeof(result.count));
    assert_true(result.run.total.failures > 1000);
    assert_int_equal(result.violations, 0);
}

/* ---- any sequence of events ---- */

static void *
small_malloc(size_t size) {
    return size > 1 << 20 ? NULL : malloc(size);
}

static void *
small_calloc(size_t count, size_t size) {
    return size > 1 << 20 ? NULL : calloc(count, size);
}

static void *
small_aligned(size_t align, size_t size) {
    return size > 1 << 20 || align > 1 << 20 ? NULL : aligned_alloc(align, size);
}

static void *
small_realloc(void *ptr, size_t size) {
    return size > 1 << 20 ? NULL : realloc(ptr, size);
}

static uint64_t seed = 1;

static uint64_t
draw(uint64_t below) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % below;
}

static void
make_any(void) {
    static const uint64_t sizes[] = {0, 1, 16, 5000, 200000, 1u << 31, 1000000000000, UINT64_MAX};
    begin();
    for (size_t n = 1 + draw(3000); n > 0; n--) {
        event((uint32_t)draw(20), (record_event_t){.kind = (uint8_t)draw(RECORD_KINDS),
                                                   .lg_align = (uint8_t)(draw(8) == 0 ? draw(256) : 0),
                                                   .addr = draw(40) << 3,
                                                   .old_addr = draw(2) * (draw(40) << 3),
                                                   .size = sizes[draw(8)],
                                                   .touched = sizes[draw(8)]});
    }
}

static void
test_any_events_on_an_allocator_that_refuses_much(void **state) {
    (void)state;
    heap_t heap = {.name = "small",
                   .malloc = small_malloc,
                   .calloc = small_calloc,
                   .aligned_alloc = small_aligned,
                   .realloc = small_realloc,
                   .free = free};
    for (int round = 0; round < 30; round++) {
        make_any();
        assert_int_equal(compile(), 0);
        replay_with(&heap, 0);
        assert_memory_equal(result.count, head.facts.count, sizeof(result.count));
        assert_int_equal(result.violations, 0);
        assert_int_equal(result.windows, head.nwindows);
    }
}

/* ---- contents ---- */

static char *last_block;

/* Writes into the block that was allocated before, if it is asked for 77 bytes. */
static void *
scribble(size_t size) {
    if (size == 77) {
        last_block[0] ^= 1;
    }
    return last_block = malloc(size);
}

static void *
calloc_dirty(size_t count, size_t size) {
    return memset(malloc(count * size), 1, count * size);
}

static void *
realloc_empty(void *ptr, size_t size) {
    (void)ptr; /* it is lost */
    return malloc(size);
}

static void *
aligned_badly(size_t align, size_t size) {
    return (char *)malloc(size + align) + 16;
}

static void
forget(void *ptr) {
    (void)ptr;
}

/* Blocks of a small trace of all kinds that a verifying replay finds to be wrong. */
static uint64_t
corrupt_on(heap_t heap) {
    begin();
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000, .size = 100});
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x2000, .size = 77});
    event(1, (record_event_t){.kind = RECORD_CALLOC, .addr = 0x3000, .size = 33});
    event(1, (record_event_t){.kind = RECORD_ALIGNED, .addr = 0x4000, .size = 300, .lg_align = 12});
    event(1, (record_event_t){.kind = RECORD_REALLOC, .addr = 0x5000, .old_addr = 0x2000, .size = 200000});
    event(1, (record_event_t){.kind = RECORD_REALLOC, .addr = 0x6000, .old_addr = 0x5000, .size = 3});
    event(1, (record_event_t){.kind = RECORD_FREE, .addr = 0x1000});
    event(1, (record_event_t){.kind = RECORD_FREE, .addr = 0x6000});
    assert_int_equal(compile(), 0);
    touched = REPLAY_TOUCH_VERIFY;
    replay_with(&heap, 0);
    touched = REPLAY_TOUCH_PAGES;
    check_counts();
    return result.corrupt;
}

static void
test_contents_are_verified(void **state) {
    (void)state;
    heap_t heap = process;
    assert_int_equal(corrupt_on(heap), 0);
    heap.malloc = scribble;
    assert_int_equal(corrupt_on(heap), 1);
    heap = process;
    heap.calloc = calloc_dirty;
    assert_int_equal(corrupt_on(heap), 1);
    heap = process;
    heap.realloc = realloc_empty;
    assert_int_equal(corrupt_on(heap), 2);
    heap = process;
    heap.aligned_alloc = aligned_badly;
    heap.free = forget;
    assert_int_equal(corrupt_on(heap), 1);
    make_chain(4, 20000);
    assert_int_equal(compile(), 0);
    touched = REPLAY_TOUCH_VERIFY;
    replay_with(&process, 0);
    touched = REPLAY_TOUCH_PAGES;
    check_counts();
    assert_int_equal(result.corrupt, 0);
}

/* ---- the end ---- */

static void
test_stop_and_limit(void **state) {
    (void)state;
    char message[256];
    plan_file_t plan;
    begin();
    event(1, (record_event_t){.kind = RECORD_MALLOC, .addr = 0x1000, .size = (uint64_t)256 << 20});
    now += 3600000000000u;
    event(1, (record_event_t){.kind = RECORD_FREE, .addr = 0x1000});
    assert_int_equal(compile(), 0);
    assert_int_equal(plan_file_open(&plan, path, message, sizeof(message)), 0);
    replay_options_t options = {.speed = 1, .sample = 16, .interval = 1000000, .rss_limit = (uint64_t)64 << 20};
    replay_t *replay = replay_start(&plan, &process, &options, message, sizeof(message));
    assert_true(replay_wait(replay, UINT64_MAX)); /* long before the hour is over */
    replay_result(replay, &result);
    assert_int_equal(result.error, ENOMEM);
    assert_non_null(strstr(result.problem, "more memory than the limit"));
    replay_destroy(replay);
    options.rss_limit = 0;
    replay = replay_start(&plan, &process, &options, message, sizeof(message));
    assert_false(replay_wait(replay, 1000000));
    replay_destroy(replay);
    plan_file_close(&plan);
    unlink(path);
}

static void
test_no_plan(void **state) {
    (void)state;
    char message[256];
    plan_file_t plan;
    assert_int_not_equal(plan_file_open(&plan, "/nonexistent", message, sizeof(message)), 0);
    assert_int_not_equal(plan_file_open(&plan, "/proc/self/exe", message, sizeof(message)), 0);
    assert_int_not_equal(plan_file_open(&plan, "/", message, sizeof(message)), 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_of_call),
        cmocka_unit_test(test_threads_free_each_others_blocks),
        cmocka_unit_test(test_frees_are_put_off),
        cmocka_unit_test(test_threads_start_and_end),
        cmocka_unit_test(test_real_time),
        cmocka_unit_test(test_allocator_that_refuses),
        cmocka_unit_test(test_no_plan),
        cmocka_unit_test(test_any_events_on_an_allocator_that_refuses_much),
        cmocka_unit_test(test_contents_are_verified),
        cmocka_unit_test(test_stop_and_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
