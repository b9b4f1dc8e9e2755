/* prof_stack_test.c -- both ways along a stack give the same addresses, whatever the functions on it are like. */
#include "prof.h"

#include "observe/prof_stack.h"

#include <alloca.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uintptr_t ips[2][LUNALLOC_STACK_MAX];
    uint32_t n[2];
    bool unwound; /* the second one by the unwinder, too */
} stacks_t;

typedef void call_t(stacks_t *out, uintptr_t *top, unsigned depth);

/* Functions that keep a frame pointer, and such that use its register for something else, where the compiler can be
 * told. */
#ifdef __clang__
#define OPTIMIZE(option)
#else
#define OPTIMIZE(option) optimize(option)
#endif

/* The unwinder's way asks for each frame whether it is an entry, the other one only for addresses that are new. */
static unsigned asked;

static bool
count_asked(uintptr_t start) {
    (void)start;
    asked++;
    return false;
}

/* Called from one place, so that all the addresses are the same. */
static __attribute__((noinline, OPTIMIZE("no-omit-frame-pointer"))) void
capture(stacks_t *out, uintptr_t *top) {
    for (volatile unsigned way = 0; way < 2; way++) {
        uint32_t (*get)(uintptr_t * ips, uintptr_t * top) = way == 0 ? prof_stack_unwind : prof_stack_capture;
        asked = 0;
        out->n[way] = get(out->ips[way], top);
    }
    out->unwound = asked > 0;
}

static call_t with_frame __attribute__((noinline, OPTIMIZE("no-omit-frame-pointer")));
static call_t without_frame __attribute__((noinline, OPTIMIZE("omit-frame-pointer")));
static call_t with_variable_frame __attribute__((noinline, OPTIMIZE("omit-frame-pointer")));
static call_t with_aligned_frame __attribute__((noinline, OPTIMIZE("omit-frame-pointer")));
static call_t with_many_registers __attribute__((noinline, OPTIMIZE("omit-frame-pointer")));

static call_t *const calls[] = {with_frame, without_frame, with_variable_frame, with_many_registers};

static void
go_on(stacks_t *out, uintptr_t *top, unsigned depth, unsigned choice) {
    depth == 0 ? capture(out, top) : calls[choice % 4](out, top, depth - 1);
    __asm__ volatile("");
}

static void
with_frame(stacks_t *out, uintptr_t *top, unsigned depth) {
    go_on(out, top, depth, depth * depth);
    __asm__ volatile("");
}

static void
without_frame(stacks_t *out, uintptr_t *top, unsigned depth) {
    volatile unsigned kept[8] = {depth};
    go_on(out, top, depth, depth / 3);
    kept[1] = kept[0];
}

static void
with_variable_frame(stacks_t *out, uintptr_t *top, unsigned depth) {
    volatile char *room = alloca(depth * 24 + 8);
    room[0] = 1;
    go_on(out, top, depth, depth / 2);
    room[1] = room[0];
}

/* Its frame begins where its stack pointer was not: only an expression can tell. */
static void
with_aligned_frame(stacks_t *out, uintptr_t *top, unsigned depth) {
    volatile char aligned[64] __attribute__((aligned(64))) = {0};
    volatile char *room = alloca(depth + 8);
    room[0] = aligned[0];
    go_on(out, top, depth, depth);
    aligned[1] = room[0];
}

/* A value that lives across the call in each register that a call keeps. */
static void
with_many_registers(stacks_t *out, uintptr_t *top, unsigned depth) {
    volatile unsigned source = depth;
    unsigned a = source, b = source, c = source, d = source, e = source, f = source, g = source;
    go_on(out, top, depth, depth + 1);
    source = a + b + c + d + e + f + g;
}

/* A frame that is too large for a rule. */
static call_t with_large_frame __attribute__((noinline, OPTIMIZE("omit-frame-pointer")));

static void
with_large_frame(stacks_t *out, uintptr_t *top, unsigned depth) {
    volatile char room[100000];
    room[0] = 1;
    go_on(out, top, depth, depth);
    room[1] = room[0];
}

/* The first address in `capture`: what is before it are the frames of either way. */
static uint32_t
start_of(const stacks_t *stacks, uint32_t way) {
    uint32_t i = 0;
    while (i < stacks->n[way] && stacks->ips[way][i] - (uintptr_t)capture > 512) {
        i++;
    }
    assert_true(i < 8);
    return i;
}

static void
check_same(const stacks_t *stacks) {
    uint32_t starts[2] = {start_of(stacks, 0), start_of(stacks, 1)};
    uint32_t n = stacks->n[0] - starts[0], m = stacks->n[1] - starts[1];
    bool cut = stacks->n[0] == LUNALLOC_STACK_MAX || stacks->n[1] == LUNALLOC_STACK_MAX;
    assert_true(n == m || cut);
    assert_memory_equal(stacks->ips[0] + starts[0], stacks->ips[1] + starts[1], (n < m ? n : m) * sizeof(uintptr_t));
}

#define DEPTHS 60

/* Each function at each depth; the last round finds nothing new. */
static void *
capture_at_all_depths(void *arg) {
    stacks_t *stacks = arg;
    uintptr_t top = 0;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned depth = 0; depth < DEPTHS; depth++) {
            for (unsigned i = 0; i < 4; i++) {
                calls[i](&stacks[4 * depth + i], &top, depth);
            }
        }
    }
    return NULL;
}

static void
test_both_ways_agree(void **state) {
    (void)state;
    static stacks_t stacks[4 * DEPTHS];
    run_thread(capture_at_all_depths, stacks);
    for (unsigned i = 0; i < 4 * DEPTHS; i++) {
        check_same(&stacks[i]);
#ifdef __x86_64__
        thread_assert(!stacks[i].unwound);
#endif
    }
}

/* Through functions that were not built for this. */
static void
test_both_ways_agree_in_the_first_thread(void **state) {
    (void)state;
    stacks_t stacks;
    uintptr_t top = 0;
    for (unsigned depth = 0; depth < 20; depth++) {
        with_frame(&stacks, &top, depth);
        check_same(&stacks);
    }
}

static void
test_frames_without_a_rule(void **state) {
    (void)state;
    stacks_t stacks;
    uintptr_t top = 0;
    for (unsigned depth = 0; depth < 20; depth++) {
        with_aligned_frame(&stacks, &top, depth);
        check_same(&stacks);
        with_large_frame(&stacks, &top, depth);
        check_same(&stacks);
        assert_true(stacks.unwound);
    }
}

/* ---- signals ---- */

static stacks_t in_handler;
static uintptr_t top_in_handler;

static void
handle(int number) {
    (void)number;
    with_frame(&in_handler, &top_in_handler, 5);
}

/* At one place of the same function, each time by way of the handler. */
static void
raise_and_check(int flags) {
    struct sigaction action = {.sa_handler = handle, .sa_flags = flags}, before;
    sigaction(SIGUSR1, &action, &before);
    for (unsigned i = 0; i < 5; i++) {
        raise(SIGUSR1);
        check_same(&in_handler);
    }
    sigaction(SIGUSR1, &before, NULL);
}

static void
test_signal_handlers(void **state) {
    (void)state;
    raise_and_check(0);
}

static void
test_signal_handlers_on_a_stack_of_their_own(void **state) {
    (void)state;
    stack_t own = {.ss_size = 256 << 10, .ss_sp = malloc(256 << 10)}, before;
    assert_int_equal(sigaltstack(&own, &before), 0);
    raise_and_check(SA_ONSTACK);
    assert_int_equal(sigaltstack(&before, NULL), 0);
    free(own.ss_sp);
}

/* ---- deep stacks ---- */

/* Deeper than what is kept: the innermost part. */
static void
test_deep_stacks_are_cut(void **state) {
    (void)state;
    stacks_t stacks;
    uintptr_t top = 0;
    with_frame(&stacks, &top, 1000);
    assert_int_equal(stacks.n[0], LUNALLOC_STACK_MAX);
    check_same(&stacks);
}

/* Of a stack that was never seen whole. */
static void
test_deep_stacks_need_no_unwinder(void **state) {
    (void)state;
    stacks_t stacks;
    uintptr_t top = 0;
    for (unsigned i = 0; i < 3; i++) {
        without_frame(&stacks, &top, 1000);
        check_same(&stacks);
    }
#ifdef __x86_64__
    assert_false(stacks.unwound);
#endif
}

static int
begin(void **state) {
    boot_allocator(state);
    prof_is_entry = count_asked;
    return !prof_stack_prepare();
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways_agree),
        cmocka_unit_test(test_both_ways_agree_in_the_first_thread),
        cmocka_unit_test(test_frames_without_a_rule),
        cmocka_unit_test(test_signal_handlers),
        cmocka_unit_test(test_signal_handlers_on_a_stack_of_their_own),
        cmocka_unit_test(test_deep_stacks_are_cut),
        cmocka_unit_test(test_deep_stacks_need_no_unwinder),
    };
    return cmocka_run_group_tests_name("observe/prof_stack", tests, begin, NULL);
}
