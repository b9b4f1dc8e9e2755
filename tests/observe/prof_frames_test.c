/* prof_frames_test.c -- names of an interpreter's frames, and the function that adds them to stacks. */
#include "prof.h"

#include "observe/prof_frames.h"

#include <pthread.h>

enum {
    THREADS = 4,
    NAMES = 2000
};

static void
test_a_name_is_one_word(void **state) {
    (void)state;
    uintptr_t build = lunalloc_prof_frame("build (a.lua:1)");
    assert_int_equal(build >> 63, 1);
    assert_int_equal(lunalloc_prof_frame("build (a.lua:1)"), build);
    assert_int_not_equal(lunalloc_prof_frame("build (a.lua:12)"), build);
    assert_int_not_equal(lunalloc_prof_frame(""), build);
    assert_string_equal(lunalloc_prof_frame_name(build), "build (a.lua:1)");
    assert_string_equal(prof_frame_numbered((uint32_t)build - 1), "build (a.lua:1)");
}

static void
test_other_words_have_none(void **state) {
    (void)state;
    const uintptr_t words[] = {0,
                               1,
                               (uintptr_t)1 << 63,
                               UINTPTR_MAX,
                               ((uintptr_t)1 << 63) + 60000,
                               ((uintptr_t)1 << 63) + PROF_FRAMES_MAX + 1,
                               (uintptr_t)test_other_words_have_none};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_null(lunalloc_prof_frame_name(words[i]));
    }
    assert_null(prof_frame_numbered(PROF_FRAMES_MAX));
}

static void
test_long_names_are_cut(void **state) {
    (void)state;
    char name[1000];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    uintptr_t word = lunalloc_prof_frame(name);
    assert_int_equal(strlen(lunalloc_prof_frame_name(word)), PROF_FRAME_NAME_MAX - 1);
    name[500] = 'y';
    assert_int_equal(lunalloc_prof_frame(name), word);
}

static void *
intern_all(void *words) {
    for (unsigned i = 0; i < NAMES; i++) {
        char name[32];
        snprintf(name, sizeof name, "function %u", i);
        ((uintptr_t *)words)[i] = lunalloc_prof_frame(name);
    }
    return NULL;
}

static void
test_threads_agree(void **state) {
    (void)state;
    static uintptr_t words[THREADS][NAMES];
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, intern_all, words[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (size_t n = 0; n < NAMES; n++) {
        char name[32];
        snprintf(name, sizeof name, "function %zu", n);
        assert_string_equal(lunalloc_prof_frame_name(words[0][n]), name);
        for (size_t i = 1; i < THREADS; i++) {
            assert_int_equal(words[i][n], words[0][n]);
        }
    }
}

/* ---- the function that adds frames ---- */

static uint32_t
add_one(uintptr_t *ips, uint32_t n) {
    n = n < LUNALLOC_STACK_MAX ? n : LUNALLOC_STACK_MAX - 1;
    memmove(ips + 1, ips, n * sizeof *ips);
    ips[0] = lunalloc_prof_frame("added (b.lua:7)");
    free(malloc(100)); /* is allowed, and not sampled */
    return n + 1;
}

static bool
is_added(const lunalloc_sample_t *sample, const void *addr) {
    return has_address(sample, addr) && sample->depth > 1 &&
           sample->stack[0] == lunalloc_prof_frame("added (b.lua:7)") && sample->stack[1] >> 63 == 0;
}

static void
test_stacks_get_frames_while_it_is_set(void **state) {
    (void)state;
    prof_reset(0);
    assert_int_equal(prof_set_active(true), 0);
    lunalloc_prof_frames(add_one);
    void *with = lunalloc_malloc(1000);
    lunalloc_prof_frames(NULL);
    void *without = lunalloc_malloc(1000);
    assert_int_equal(prof_set_active(false), 0);
    assert_int_equal(sum_samples(is_added, with).count, 1);
    assert_int_equal(sum_samples(has_address, without).count, 1);
    assert_int_equal(sum_samples(is_added, without).count, 0);
    lunalloc_free(with);
    lunalloc_free(without);
}

/* Last: it uses up all numbers. */
static void
test_there_is_an_end(void **state) {
    (void)state;
    uintptr_t word = 1;
    for (unsigned i = 0; i < PROF_FRAMES_MAX + 10 && word != 0; i++) {
        char name[32];
        snprintf(name, sizeof name, "one of many %u", i);
        word = lunalloc_prof_frame(name);
    }
    assert_int_equal(word, 0);
    assert_string_equal(lunalloc_prof_frame_name(lunalloc_prof_frame("function 7")), "function 7");
    assert_int_equal(lunalloc_prof_frame("too late"), 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_is_one_word),
        cmocka_unit_test(test_other_words_have_none),
        cmocka_unit_test(test_long_names_are_cut),
        cmocka_unit_test(test_threads_agree),
        cmocka_unit_test(test_stacks_get_frames_while_it_is_set),
        cmocka_unit_test(test_there_is_an_end),
    };
    return cmocka_run_group_tests_name("observe/prof_frames", tests, NULL, NULL);
}
