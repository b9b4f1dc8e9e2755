/*
 * cmocka.h -- the part of cmocka's interface that this tree's tests use, for Windows, where cmocka is not packaged.
 * Names, arguments and the lines of the summary are cmocka's, so the same test sources compile and the same script
 * counts their results. It has no mocks, no expectations, no checks of allocations, and does not turn signals into
 * failures.
 */
#ifndef TESTS_WINDOWS_CMOCKA_H
#define TESTS_WINDOWS_CMOCKA_H

#include <stddef.h>
#include <stdint.h>

typedef void (*CMUnitTestFunction)(void **state);
typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
    const char *name;
    CMUnitTestFunction test_func;
    CMFixtureFunction setup_func;
    CMFixtureFunction teardown_func;
    void *initial_state;
};

#define cmocka_unit_test(f)                             CM_TEST(f, NULL, NULL, NULL)
#define cmocka_unit_test_setup(f, setup)                CM_TEST(f, setup, NULL, NULL)
#define cmocka_unit_test_teardown(f, teardown)          CM_TEST(f, NULL, teardown, NULL)
#define cmocka_unit_test_setup_teardown(f, setup, down) CM_TEST(f, setup, down, NULL)
#define cmocka_unit_test_prestate(f, state)             CM_TEST(f, NULL, NULL, state)
#define CM_TEST(f, setup, down, state)                                                                                 \
    { #f, f, setup, down, state }

/* The place of an assertion, and its text. */
typedef struct {
    const char *file;
    int line;
    const char *text;
} cm_place_t;
#define CM_PLACE(text) ((cm_place_t){__FILE__, __LINE__, text})

#define assert_true(c)                   cm_assert((c) ? 1 : 0, CM_PLACE(#c))
#define assert_false(c)                  cm_assert((c) ? 0 : 1, CM_PLACE("!(" #c ")"))
#define assert_non_null(p)               cm_assert((p) != NULL, CM_PLACE(#p " != NULL"))
#define assert_null(p)                   cm_assert((p) == NULL, CM_PLACE(#p " == NULL"))
#define assert_ptr_equal(a, b)           cm_equal((uintptr_t)(a), (uintptr_t)(b), 1, CM_PLACE(#a " == " #b))
#define assert_ptr_not_equal(a, b)       cm_equal((uintptr_t)(a), (uintptr_t)(b), 0, CM_PLACE(#a " != " #b))
#define assert_int_equal(a, b)           cm_equal((uintmax_t)(a), (uintmax_t)(b), 1, CM_PLACE(#a " == " #b))
#define assert_int_not_equal(a, b)       cm_equal((uintmax_t)(a), (uintmax_t)(b), 0, CM_PLACE(#a " != " #b))
#define assert_in_range(x, min, max)     cm_in_range((uintmax_t)(x), (uintmax_t)(min), (uintmax_t)(max), CM_PLACE(#x))
#define assert_string_equal(a, b)        cm_string((a), (b), 1, CM_PLACE(#a " == " #b))
#define assert_string_not_equal(a, b)    cm_string((a), (b), 0, CM_PLACE(#a " != " #b))
#define assert_memory_equal(a, b, n)     cm_memory((a), (b), (n), 1, CM_PLACE(#a " == " #b))
#define assert_memory_not_equal(a, b, n) cm_memory((a), (b), (n), 0, CM_PLACE(#a " != " #b))
#define fail()                           fail_msg("%s", "fail()")
#define fail_msg(...)                    cm_fail(CM_PLACE(NULL), __VA_ARGS__)
#define skip()                           cm_skip()

#define print_message(...) cm_print(__VA_ARGS__)
#define print_error(...)   cm_print(__VA_ARGS__)

#define cmocka_run_group_tests(tests, setup, teardown) cmocka_run_group_tests_name(#tests, tests, setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                                      \
    cm_run_group((name), (tests), sizeof(tests) / sizeof((tests)[0]), (setup), (teardown))

void cm_assert(int condition, cm_place_t place);
void cm_equal(uintmax_t a, uintmax_t b, int wanted, cm_place_t place);
void cm_in_range(uintmax_t x, uintmax_t min, uintmax_t max, cm_place_t place);
void cm_string(const char *a, const char *b, int wanted, cm_place_t place);
void cm_memory(const void *a, const void *b, size_t n, int wanted, cm_place_t place);
_Noreturn void cm_fail(cm_place_t place, const char *format, ...) __attribute__((format(gnu_printf, 2, 3)));
_Noreturn void cm_skip(void);
void cm_print(const char *format, ...) __attribute__((format(gnu_printf, 1, 2)));

/* The number of tests that failed; more than 0 too if the group's own setup or teardown did. */
int cm_run_group(const char *name, const struct CMUnitTest *tests, size_t n, CMFixtureFunction setup,
                 CMFixtureFunction teardown);

#endif
