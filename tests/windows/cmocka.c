/* cmocka.c -- a failed assertion jumps out of the test; the runner counts results. Tests run one after the other, on
 * one thread; assertions on other threads are not caught, as with cmocka. */
#include <cmocka.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef enum {
    passed,
    failed,
    skipped,
    noutcomes
} outcome_t;

static jmp_buf leave; /* set while a test or a fixture runs */
static outcome_t outcome;

_Noreturn static void
end_test(outcome_t how) {
    outcome = how;
    longjmp(leave, 1);
}

_Noreturn void
cm_skip(void) {
    end_test(skipped);
}

_Noreturn void
cm_fail(cm_place_t place, const char *format, ...) {
    va_list args;
    va_start(args, format);
    printf("%s:%d: ", place.file, place.line);
    vprintf(format, args);
    printf("\n");
    va_end(args);
    end_test(failed);
}

void
cm_print(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}

void
cm_assert(int condition, cm_place_t place) {
    if (!condition) {
        cm_fail(place, "not true: %s", place.text);
    }
}

void
cm_equal(uintmax_t a, uintmax_t b, int wanted, cm_place_t place) {
    if ((a == b) != wanted) {
        cm_fail(place, "not true: %s (%#jx, %#jx)", place.text, a, b);
    }
}

void
cm_in_range(uintmax_t x, uintmax_t min, uintmax_t max, cm_place_t place) {
    if (x < min || x > max) {
        cm_fail(place, "%s is %ju, not in %ju .. %ju", place.text, x, min, max);
    }
}

void
cm_string(const char *a, const char *b, int wanted, cm_place_t place) {
    if ((strcmp(a, b) == 0) != wanted) {
        cm_fail(place, "not true: %s (\"%s\", \"%s\")", place.text, a, b);
    }
}

void
cm_memory(const void *a, const void *b, size_t n, int wanted, cm_place_t place) {
    if ((memcmp(a, b, n) == 0) != wanted) {
        cm_fail(place, "not true of %zu bytes: %s", n, place.text);
    }
}

static outcome_t
run_fixture(CMFixtureFunction fixture, void **state) {
    outcome = passed;
    if (fixture != NULL && setjmp(leave) == 0 && fixture(state) != 0) {
        outcome = failed;
    }
    return outcome;
}

static outcome_t
run_body(CMUnitTestFunction body, void **state) {
    outcome = passed;
    if (setjmp(leave) == 0) {
        body(state);
    }
    return outcome;
}

static outcome_t
run_test(const struct CMUnitTest *test) {
    void *state = test->initial_state;
    outcome_t result = run_fixture(test->setup_func, &state);
    if (result == passed) {
        result = run_body(test->test_func, &state);
    }
    outcome_t after = run_fixture(test->teardown_func, &state);
    return after == failed ? failed : result;
}

static outcome_t
report_test(const struct CMUnitTest *test) {
    static const char *const marks[noutcomes] = {"[       OK ]", "[  FAILED  ]", "[  SKIPPED ]"};
    printf("[ RUN      ] %s\n", test->name);
    fflush(stdout);
    outcome_t result = run_test(test);
    printf("%s %s\n", marks[result], test->name);
    fflush(stdout);
    return result;
}

static int
report_group(const size_t count[noutcomes]) {
    printf("[  PASSED  ] %zu test(s).\n", count[passed]);
    if (count[skipped] > 0) {
        printf("[  SKIPPED ] %zu test(s).\n", count[skipped]);
    }
    if (count[failed] > 0) {
        printf("[  FAILED  ] %zu test(s).\n", count[failed]);
    }
    fflush(stdout);
    return (int)count[failed];
}

int
cm_run_group(const char *name, const struct CMUnitTest *tests, size_t n, CMFixtureFunction setup,
             CMFixtureFunction teardown) {
    size_t count[noutcomes] = {0};
    void *state = NULL;
    printf("[==========] %s: Running %zu test(s).\n", name, n);
    bool ready = run_fixture(setup, &state) == passed;
    for (size_t i = 0; i < n && ready; i++) {
        count[report_test(&tests[i])]++;
    }
    if (!ready || run_fixture(teardown, &state) != passed) {
        printf("the group's %s failed\n", ready ? "teardown" : "setup");
        count[failed]++;
    }
    return report_group(count);
}
