/* check_test.c -- the messages of broken invariants, misuse and warnings; and that a failure without a sink still
 * aborts. */
#include "testing.h"

#include "base/check.h"

static int
break_invariant(void *condition) {
    bool sky_is_up = *(bool *)condition;
    check(sky_is_up);
    return 0;
}

static void
test_check(void **state) {
    (void)state;
    bool holds = true, broken = false;
    assert_child_succeeds(break_invariant, &holds);
    if (!config_debug) {
        assert_child_succeeds(break_invariant, &broken);
        skip();
    }
    assert_aborts(break_invariant, &broken, "lunalloc: broken invariant: sky_is_up (tests/base/check_test.c:");
}

static int
misuse_with_detail(void *argument) {
    (void)argument;
    misuse("double free", (void *)0x7f00dead, "(twice)");
}

static int
misuse_without_detail(void *argument) {
    (void)argument;
    misuse("no memory", NULL, "");
}

static void
test_misuse(void **state) {
    (void)state;
    assert_aborts(misuse_with_detail, NULL, "lunalloc: double free: 0x7f00dead (twice)\n");
    assert_aborts(misuse_without_detail, NULL, "lunalloc: no memory: 0x0\n");
}

static int
warn_twice(void *argument) {
    (void)argument;
    char text[2000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    warn("first");
    warn(text);
    return 0;
}

/* A text that is too long is cut, and still ends its line. */
static void
test_warn(void **state) {
    (void)state;
    child_t child = run_child(warn_twice, NULL);
    assert_int_equal(child.status, 0);
    assert_ptr_equal(strstr(child.text, "lunalloc: first\nlunalloc: xxx"), child.text);
    assert_int_equal(child.text[strlen(child.text) - 1], '\n');
    assert_in_range(strlen(child.text), 700, 800);
}

static int
misuse_without_sink(void *argument) {
    check_sink = NULL;
    return misuse_with_detail(argument);
}

static void
test_no_sink(void **state) {
    (void)state;
    assert_aborts(misuse_without_sink, NULL, "");
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_warn),
        cmocka_unit_test(test_no_sink),
    };
    return cmocka_run_group_tests_name("base/check", tests, boot_allocator, NULL);
}
