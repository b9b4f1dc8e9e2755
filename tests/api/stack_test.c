/*
 * stack_test.c -- how much stack allocation takes: coroutines have little. Measured on a stack of its own, which is
 * filled with a pattern first.
 */
#include "../api/support.h"

#include <ucontext.h>

#define STACK ((size_t)256 << 10)
/* What a call may take, of a process that has booted. Sanitized and unoptimised code takes more. */
#define MOST 4096

static unsigned char stack[STACK] __attribute__((aligned(64)));
static ucontext_t here, there;

/* Bytes that body took; what it takes by itself, and the switch, are some hundred. */
static size_t
stack_of(void (*body)(void)) {
    memset(stack, 0x5c, sizeof stack);
    assert_int_equal(getcontext(&there), 0);
    there.uc_stack = (stack_t){.ss_sp = stack, .ss_size = sizeof stack};
    there.uc_link = &here;
    makecontext(&there, body, 0);
    assert_int_equal(swapcontext(&here, &there), 0);
    size_t untouched = 0;
    while (untouched < STACK && stack[untouched] == 0x5c) {
        untouched++;
    }
    return STACK - untouched;
}

static void *blocks[3000];

/* Fills and flushes, slabs, large blocks, regions, moves, decay. */
static void
allocate(void) {
    uint64_t seed = 3;
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < 3000; i++) {
            lunalloc_free(blocks[i]);
            blocks[i] = lunalloc_malloc(rnd_size(&seed, 17));
        }
    }
    for (unsigned i = 0; i < 3000; i++) {
        lunalloc_free(blocks[i]);
        blocks[i] = NULL;
    }
    for (size_t size = 1 << 20; size <= (size_t)32 << 20; size *= 2) {
        blocks[0] = lunalloc_realloc(blocks[0], size);
    }
    lunalloc_free(blocks[0]);
    blocks[0] = NULL;
    lunalloc_free(lunalloc_aligned_alloc(1 << 16, 1 << 20));
    lunalloc_free(lunalloc_calloc(1 << 10, 1 << 10));
}

static void
allocate_once(void) {
    lunalloc_free(lunalloc_malloc(100));
}

static void *
first_of_thread(void *arg) {
    thread_assert(stack_of(allocate_once) <= MOST);
    return arg;
}

/* Others have larger frames, and sanitizers stacks of their own. */
static void
require_release(void) {
    if (config_debug) {
        print_message("skip: stacks are measured in the release build only\n");
        skip();
    }
}

/* In an arena that is made for it, too. */
static void
test_first_malloc_of_a_thread(void **state) {
    (void)state;
    require_release();
    assert_int_equal(lunalloc_ctl_set("arenas.nauto", "8", NULL, 0), 0);
    for (unsigned i = 0; i < 9; i++) {
        run_thread(first_of_thread, NULL);
    }
}

static void
test_steady_use(void **state) {
    (void)state;
    require_release();
    size_t bytes = stack_of(allocate);
    print_message("steady use: %zu bytes of stack\n", bytes);
    assert_true(bytes <= MOST);
}

static int
first_of_process(void) {
    size_t bytes = stack_of(allocate_once);
    return bytes <= 2 * MOST ? 0 : (int)(bytes >> 10);
}

/* Boot reads configurations, too: on a second stack, since the main one is large. */
static void
test_first_malloc_of_a_process(void **state) {
    (void)state;
    require_release();
    outcome_t out = in_new_process("boot", "LUNALLOC_CONF", "narenas:3,nosuch:1");
    assert_child_well(&out);
}

int
main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) {
        return first_of_process();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_malloc_of_a_process),
        cmocka_unit_test(test_first_malloc_of_a_thread),
        cmocka_unit_test(test_steady_use),
    };
    return cmocka_run_group_tests_name("stack", tests, boot_allocator, NULL);
}
