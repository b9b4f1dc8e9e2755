/* prof_stack_test.c -- both ways along a stack give the same addresses, whatever the functions on it are like. */
#include "prof.h"

#include "observe/prof_stack.h"

typedef struct {
    uintptr_t ips[2][LUNALLOC_STACK_MAX];
    uint32_t n[2];
} stacks_t;

typedef void call_t(stacks_t *out, uintptr_t *top, unsigned depth);

/* Functions that keep a frame pointer, and such that use its register for something else, where the compiler can be
 * told. */
#ifdef __clang__
#define OPTIMIZE(option)
#else
#define OPTIMIZE(option) optimize(option)
#endif

/* Called from one place, so that all the addresses are the same. */
static __attribute__((noinline, OPTIMIZE("no-omit-frame-pointer"))) void
capture(stacks_t *out, uintptr_t *top) {
    for (volatile unsigned way = 0; way < 2; way++) {
        uint32_t (*get)(uintptr_t * ips, uintptr_t * top) = way == 0 ? prof_stack_unwind : prof_stack_capture;
        out->n[way] = get(out->ips[way], top);
    }
}

static call_t with_frame __attribute__((noinline, OPTIMIZE("no-omit-frame-pointer")));
static call_t without_frame __attribute__((noinline, OPTIMIZE("omit-frame-pointer")));

static call_t *const calls[] = {with_frame, without_frame};

static void
with_frame(stacks_t *out, uintptr_t *top, unsigned depth) {
    depth == 0 ? capture(out, top) : calls[depth % 3 == 1](out, top, depth - 1);
    __asm__ volatile("");
}

static void
without_frame(stacks_t *out, uintptr_t *top, unsigned depth) {
    volatile unsigned kept[8] = {depth};
    depth == 0 ? capture(out, top) : calls[depth % 5 == 1](out, top, depth - 1);
    kept[1] = kept[0];
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

/* Above it is the start of the thread alone, so that frame pointers lead to the end. */
static __attribute__((noinline, OPTIMIZE("no-omit-frame-pointer"))) void *
capture_at_all_depths(void *arg) {
    stacks_t *stacks = arg;
    uintptr_t top = 0;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned depth = 0; depth < 60; depth++) {
            with_frame(&stacks[2 * depth], &top, depth);
            without_frame(&stacks[2 * depth + 1], &top, depth);
        }
    }
    return NULL;
}

static void
test_both_ways_agree(void **state) {
    (void)state;
    static stacks_t stacks[120];
    assert_true(prof_stack_prepare());
    run_thread(capture_at_all_depths, stacks);
    for (unsigned i = 0; i < 120; i++) {
        check_same(&stacks[i]);
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

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways_agree),
        cmocka_unit_test(test_both_ways_agree_in_the_first_thread),
        cmocka_unit_test(test_deep_stacks_are_cut),
    };
    return cmocka_run_group_tests_name("observe/prof_stack", tests, boot_allocator, NULL);
}
