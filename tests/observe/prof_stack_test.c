/* prof_stack_test.c -- both ways along a stack give the same addresses, whatever the functions on it are like. */
#include "prof.h"

#include "api/entry.h"
#include "observe/prof_stack.h"

#include <alloca.h>
#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

typedef struct {
    uintptr_t ips[2][LUNALLOC_STACK_MAX];
    uint32_t n[2];
    unsigned asked; /* addresses of the second one that were new, or all if it was made by the unwinder, too */
} stacks_t;

typedef void call_t(stacks_t *out, prof_walk_t *walk, unsigned depth);

/* Functions that keep a frame pointer, and such that use its register for something else, where the compiler can be
 * told. */
#ifdef __clang__
#define OPTIMIZE(option)
#else
#define OPTIMIZE(option) optimize(option)
#endif

/* The unwinder's way asks for each frame whether it is an entry, the other one only for addresses that are new, or
 * share a slot of the cache's hash: their places in memory are random, so now and then two of a stack do. */
#define BY_CHANCE 2
static unsigned asked;

static bool
count_asked(uintptr_t start) {
    (void)start;
    asked++;
    return false;
}

/* Called from one place, so that all the addresses are the same. */
static __attribute__((noinline, OPTIMIZE("no-omit-frame-pointer"))) void
capture(stacks_t *out, prof_walk_t *walk) {
    for (volatile unsigned way = 0; way < 2; way++) {
        uint32_t (*get)(uintptr_t * ips, prof_walk_t * walk) = way == 0 ? prof_stack_unwind : prof_stack_capture;
        asked = 0;
        out->n[way] = get(out->ips[way], walk);
    }
    out->asked = asked;
}

static call_t with_frame __attribute__((noinline, OPTIMIZE("no-omit-frame-pointer")));
static call_t without_frame __attribute__((noinline, OPTIMIZE("omit-frame-pointer")));
static call_t with_variable_frame __attribute__((noinline, OPTIMIZE("omit-frame-pointer")));
static call_t with_aligned_frame __attribute__((noinline, OPTIMIZE("omit-frame-pointer")));
static call_t with_many_registers __attribute__((noinline, OPTIMIZE("omit-frame-pointer")));

static call_t *const calls[] = {with_frame, without_frame, with_variable_frame, with_many_registers};

static void
go_on(stacks_t *out, prof_walk_t *walk, unsigned depth, unsigned choice) {
    depth == 0 ? capture(out, walk) : calls[choice % 4](out, walk, depth - 1);
    __asm__ volatile("");
}

static void
with_frame(stacks_t *out, prof_walk_t *walk, unsigned depth) {
    go_on(out, walk, depth, depth * depth);
    __asm__ volatile("");
}

static void
without_frame(stacks_t *out, prof_walk_t *walk, unsigned depth) {
    volatile unsigned kept[8] = {depth};
    go_on(out, walk, depth, depth / 3);
    kept[1] = kept[0];
}

static void
with_variable_frame(stacks_t *out, prof_walk_t *walk, unsigned depth) {
    volatile char *room = alloca(depth * 24 + 8);
    room[0] = 1;
    go_on(out, walk, depth, depth / 2);
    room[1] = room[0];
}

/* Its frame begins where its stack pointer was not: only an expression can tell. */
static void
with_aligned_frame(stacks_t *out, prof_walk_t *walk, unsigned depth) {
    volatile char aligned[64] __attribute__((aligned(64))) = {0};
    volatile char *room = alloca(depth + 8);
    room[0] = aligned[0];
    go_on(out, walk, depth, depth);
    aligned[1] = room[0];
}

/* A value that lives across the call in each register that a call keeps. */
static void
with_many_registers(stacks_t *out, prof_walk_t *walk, unsigned depth) {
    volatile unsigned source = depth;
    unsigned a = source, b = source, c = source, d = source, e = source, f = source, g = source;
    go_on(out, walk, depth, depth + 1);
    source = a + b + c + d + e + f + g;
}

/* A frame that is too large for a rule. */
static call_t with_large_frame __attribute__((noinline, OPTIMIZE("omit-frame-pointer")));

static void
with_large_frame(stacks_t *out, prof_walk_t *walk, unsigned depth) {
    volatile char room[100000];
    room[0] = 1;
    go_on(out, walk, depth, depth);
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
    prof_walk_t walk = {0};
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned depth = 0; depth < DEPTHS; depth++) {
            for (unsigned i = 0; i < 4; i++) {
                calls[i](&stacks[4 * depth + i], &walk, depth);
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
        thread_assert(stacks[i].asked <= BY_CHANCE);
#endif
    }
}

/* Through functions that were not built for this. */
static void
test_both_ways_agree_in_the_first_thread(void **state) {
    (void)state;
    stacks_t stacks;
    prof_walk_t walk = {0};
    for (unsigned depth = 0; depth < 20; depth++) {
        with_frame(&stacks, &walk, depth);
        check_same(&stacks);
    }
}

/* The stack goes on beyond those: to the test that is being run. */
static bool
shows(const stacks_t *stacks, uintptr_t function) {
    bool shown = false;
    for (uint32_t i = 0; i < stacks->n[0]; i++) {
        shown |= stacks->ips[0][i] - function < 1024;
    }
    return shown;
}

static void
test_frames_without_a_rule(void **state) {
    (void)state;
    stacks_t stacks;
    prof_walk_t walk = {0};
    for (unsigned depth = 0; depth < 20; depth++) {
        with_aligned_frame(&stacks, &walk, depth);
        check_same(&stacks);
        assert_true(shows(&stacks, (uintptr_t)test_frames_without_a_rule));
        with_large_frame(&stacks, &walk, depth);
        check_same(&stacks);
        assert_true(stacks.asked > 0);
    }
}

/* ---- walks that are remembered ---- */

/* From two places, at the same depth: the innermost frames are alike, and the words of the outer ones differ. */
static __attribute__((noinline)) void
capture_from(stacks_t *out, prof_walk_t *walk, unsigned depth, bool here) {
    if (here) {
        calls[depth % 4](out, walk, depth);
        __asm__ volatile("");
    } else {
        calls[depth % 4](out, walk, depth);
        __asm__ volatile("nop");
    }
}

#define PLACES    2
#define TIMES     4
#define SHALLOW   8
#define PER_DEPTH (PLACES * TIMES * 3)

static bool
are_equal(const stacks_t *a, const stacks_t *b) {
    return a->n[1] == b->n[1] && memcmp(a->ips[1], b->ips[1], a->n[1] * sizeof(uintptr_t)) == 0;
}

static void *
capture_again_and_again(void *arg) {
    prof_walk_t walk = {0};
    for (unsigned depth = 0; depth < SHALLOW; depth++) {
        stacks_t *stacks = (stacks_t *)arg + depth * PER_DEPTH;
        for (unsigned i = 0; i < PER_DEPTH; i++) {
            capture_from(&stacks[i], &walk, depth, i / TIMES % PLACES == 0);
        }
        /* A thread of ThreadSanitizer's begins in code whose walks are not remembered. */
        thread_assert(LUNALLOC_TSAN || (walk.nreads > 0 && walk.n == stacks[PER_DEPTH - 1].n[1]));
    }
    return NULL;
}

static void
test_a_walk_is_remembered_as_long_as_its_words_are_the_same(void **state) {
    (void)state;
#ifdef __x86_64__
    static stacks_t stacks[SHALLOW * PER_DEPTH];
    run_thread(capture_again_and_again, stacks);
    for (unsigned i = 0; i < SHALLOW * PER_DEPTH; i++) {
        check_same(&stacks[i]);
        assert_true(i % TIMES == 0 || are_equal(&stacks[i], &stacks[i - 1]));
        assert_true(i % TIMES != 0 || i % PER_DEPTH == 0 || !are_equal(&stacks[i], &stacks[i - 1]));
    }
#endif
}

/* ---- signals ---- */

static stacks_t in_handler;
static prof_walk_t walk_in_handler;

static void
handle(int number) {
    (void)number;
    with_frame(&in_handler, &walk_in_handler, 5);
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
    prof_walk_t walk = {0};
    with_frame(&stacks, &walk, 1000);
    assert_int_equal(stacks.n[0], LUNALLOC_STACK_MAX);
    check_same(&stacks);
}

/* Of a stack that was never seen whole. */
static void
test_deep_stacks_need_no_unwinder(void **state) {
    (void)state;
    stacks_t stacks;
    prof_walk_t walk = {0};
    for (unsigned i = 0; i < 3; i++) {
        without_frame(&stacks, &walk, 1000);
        check_same(&stacks);
    }
#ifdef __x86_64__
    assert_in_range(stacks.asked, 0, BY_CHANCE);
#endif
}

#ifdef __x86_64__
/* ---- stacks that end in no code that any rule is known of ---- */

static ucontext_t outside, inside;
static stacks_t on_coroutine;
static prof_walk_t walk_on_coroutine;

static __attribute__((noinline)) void
coroutine(void) {
    with_variable_frame(&on_coroutine, &walk_on_coroutine, 4);
    swapcontext(&inside, &outside);
}

/* The same with a frame whose end only memory tells. */
static __attribute__((noinline, force_align_arg_pointer)) void
aligning_coroutine(void) {
    volatile char aligned[64] __attribute__((aligned(64))) = {0};
    volatile char *room = alloca(walk_on_coroutine.top % 64 + 8);
    room[0] = aligned[0];
    with_variable_frame(&on_coroutine, &walk_on_coroutine, 4);
    aligned[1] = room[0];
    swapcontext(&inside, &outside);
}

/* A stack as programs make them: what is above its first frame is not a return address, or one of another kind. */
static void
run_coroutine(void (*body)(void), void *stack, size_t size, uintptr_t above) {
    getcontext(&inside);
    inside.uc_stack = (stack_t){.ss_sp = stack, .ss_size = size};
    makecontext(&inside, body, 0);
    uintptr_t *slot = (uintptr_t *)(uintptr_t)inside.uc_mcontext.gregs[REG_RSP]; /* NOLINT: the context's own */
    *slot = above;
    swapcontext(&outside, &inside);
}

static bool
is_within(uintptr_t ip, uintptr_t function) {
    return ip - function < 512;
}

static unsigned char *
map(int protection) {
    void *page = mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(page != MAP_FAILED);
    return page;
}

static void
check_coroutine(void (*body)(void), uintptr_t above, bool ruled) {
    static unsigned char stack[64 << 10];
    for (unsigned round = 0; round < 3; round++) {
        walk_on_coroutine = round == 0 ? (prof_walk_t){0} : walk_on_coroutine;
        run_coroutine(body, stack, sizeof stack, above);
        check_same(&on_coroutine);
        for (unsigned way = 0; way < 2; way++) {
            uint32_t n = on_coroutine.n[way];
            assert_true(n > 4 && is_within(on_coroutine.ips[way][n - 1], (uintptr_t)body));
        }
        assert_false(ruled && round > 0 && on_coroutine.asked > BY_CHANCE);
    }
}

static void
test_hand_made_stacks_end_at_their_first_frame(void **state) {
    (void)state;
    unsigned char *closed = map(PROT_NONE), *code = map(PROT_READ | PROT_WRITE | PROT_EXEC);
    const uintptr_t above[] = {0,
                               1,
                               0xdead,
                               UINTPTR_MAX,
                               UINT64_C(0xdeadbeefdeadbeef),
                               (uintptr_t)closed + 8,
                               (uintptr_t)code + 8,
                               (uintptr_t)&code,
                               UINT64_C(1) << 63 | (uintptr_t)coroutine};
    for (unsigned i = 0; i < sizeof above / sizeof *above; i++) {
        check_coroutine(coroutine, above[i], above[i] != 0);
        check_coroutine(aligning_coroutine, above[i], false);
    }
    munmap(closed, 4096);
    munmap(code, 4096);
}

/* A first frame whose return address would lie beyond its stack: it was jumped to. It calls what is in a register. */
void first_frame(void);
__asm__(".text\n"
        ".type first_frame, @function\n"
        "first_frame:\n"
        ".cfi_startproc\n"
        "call *%rbx\n"
        "ud2\n"
        ".cfi_endproc\n"
        ".size first_frame, . - first_frame\n");

static void
test_hand_made_stacks_at_the_end_of_memory(void **state) {
    (void)state;
    enum {
        SIZE = 16 << 12
    };
    unsigned char *stack = mmap(NULL, SIZE + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(stack != MAP_FAILED && mprotect(stack + SIZE, 4096, PROT_NONE) == 0);
    for (unsigned i = 0; i < 3; i++) {
        walk_on_coroutine = i == 0 ? (prof_walk_t){0} : walk_on_coroutine;
        getcontext(&inside);
        inside.uc_mcontext.gregs[REG_RSP] = (greg_t)(uintptr_t)(stack + SIZE);
        inside.uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)first_frame;
        inside.uc_mcontext.gregs[REG_RBX] = (greg_t)(uintptr_t)coroutine;
        swapcontext(&outside, &inside);
        check_same(&on_coroutine);
        assert_true(is_within(on_coroutine.ips[0][on_coroutine.n[0] - 1], (uintptr_t)first_frame));
    }
    munmap(stack, SIZE + 4096);
}

/* Code that was made at run time, and says nothing of its frames: f(argument). */
typedef void *made_t(size_t argument, void *(*f)(size_t));

static unsigned char *
make_code(const void *bytes, size_t n) {
    return memcpy(map(PROT_READ | PROT_WRITE | PROT_EXEC), bytes, n);
}

static made_t *
make_caller(void) {
    static const unsigned char bytes[] = {0x48, 0x83, 0xec, 0x08, 0x48, 0x89, 0xf0,
                                          0xff, 0xd0, 0x48, 0x83, 0xc4, 0x08, 0xc3};
    made_t *made;
    unsigned char *code = make_code(bytes, sizeof bytes);
    memcpy(&made, &code, sizeof made);
    return made;
}

static stacks_t below_made;

static void *
capture_below_made(size_t depth) {
    static prof_walk_t walk;
    with_many_registers(&below_made, &walk, (unsigned)depth);
    return NULL;
}

static void
test_made_code_is_where_a_stack_ends(void **state) {
    (void)state;
    made_t *made = make_caller();
    for (unsigned i = 0; i < 4; i++) {
        made(i, capture_below_made);
        check_same(&below_made);
        for (unsigned way = 0; way < 2; way++) {
            assert_true(is_within(below_made.ips[way][below_made.n[way] - 1], (uintptr_t)capture_below_made));
        }
    }
}

/* The same of code with a table entry that does not say where frames end, as LuaJIT's compiled code has it. */
static void
test_made_code_with_an_empty_rule(void **state) {
    (void)state;
    /* A common part of 20 bytes, then the entry, whose code begins at byte 28 and has the length at 36; an end. */
    static uint8_t table[52] = {[0] = 16, 0, 0, 0,    0,  0, 0,         0,         1,        'z',
                                'R',      0, 1, 0x78, 16, 1, [20] = 24, [24] = 24, [36] = 64};
    made_t *made = make_caller();
    void (*change[2])(const void *) = {NULL, NULL};
    void *library = dlopen("libgcc_s.so.1", RTLD_NOW);
    *(void **)&change[0] = dlsym(library, "__register_frame");
    *(void **)&change[1] = dlsym(library, "__deregister_frame");
    assert_true(change[0] != NULL && change[1] != NULL);
    memcpy(table + 28, &made, sizeof made);
    change[0](table);
    for (unsigned i = 0; i < 4; i++) {
        made(i, capture_below_made);
        check_same(&below_made);
        assert_true(is_within(below_made.ips[0][below_made.n[0] - 1], (uintptr_t)made));
    }
    change[1](table);
    dlclose(library);
}

/* Its own calls of the allocator are samples like others, of a stack of one address. */
static void
test_made_code_that_allocates(void **state) {
    (void)state;
    made_t *made = make_caller();
    prof_is_entry = entry_is;
    profile(0);
    for (unsigned i = 0; i < 4; i++) {
        void *block = made(100 + i, lunalloc_malloc);
        lunalloc_sample_cursor_t cursor = {0};
        lunalloc_sample_t *samples = samples_buffer();
        assert_int_equal(lunalloc_prof_samples(&cursor, samples, 64), 1);
        assert_ptr_equal((void *)samples[0].addr, block);
        assert_int_equal(samples[0].depth, 1);
        lunalloc_free(block);
    }
    profile_off(NULL);
    prof_is_entry = count_asked;
}

/* Interrupted in such code, or where there is none. */
static sigjmp_buf before_jump;

static void
handle_and_leave(int number) {
    handle(number);
    siglongjmp(before_jump, 1);
}

static void
check_handler(int signal, void (*handler)(int), const void *at) {
    stack_t own = {.ss_size = 256 << 10, .ss_sp = malloc(256 << 10)}, old;
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK}, before;
    void (*made)(void);
    memcpy(&made, &at, sizeof made);
    assert_int_equal(sigaltstack(&own, &old), 0);
    sigaction(signal, &action, &before);
    for (volatile unsigned i = 0; i < 3; i++) {
        if (sigsetjmp(before_jump, 1) == 0) {
            made();
        }
        check_same(&in_handler);
        assert_true(in_handler.n[0] > 5);
    }
    sigaction(signal, &before, NULL);
    assert_int_equal(sigaltstack(&old, NULL), 0);
    free(own.ss_sp);
}

static void
test_signals_in_made_code_and_nowhere(void **state) {
    (void)state;
    static const unsigned char trap[] = {0xcc, 0xc3};
    check_handler(SIGTRAP, handle, make_code(trap, sizeof trap));
    check_handler(SIGSEGV, handle_and_leave, (void *)0xdead000);
    check_handler(SIGSEGV, handle_and_leave, map(PROT_NONE));
}
#endif

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
        cmocka_unit_test(test_a_walk_is_remembered_as_long_as_its_words_are_the_same),
        cmocka_unit_test(test_signal_handlers),
        cmocka_unit_test(test_signal_handlers_on_a_stack_of_their_own),
        cmocka_unit_test(test_deep_stacks_are_cut),
        cmocka_unit_test(test_deep_stacks_need_no_unwinder),
#ifdef __x86_64__
        cmocka_unit_test(test_hand_made_stacks_end_at_their_first_frame),
        cmocka_unit_test(test_hand_made_stacks_at_the_end_of_memory),
        cmocka_unit_test(test_made_code_is_where_a_stack_ends),
        cmocka_unit_test(test_made_code_with_an_empty_rule),
        cmocka_unit_test(test_made_code_that_allocates),
        cmocka_unit_test(test_signals_in_made_code_and_nowhere),
#endif
    };
    return cmocka_run_group_tests_name("observe/prof_stack", tests, begin, NULL);
}
