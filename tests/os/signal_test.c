/* signal_test.c -- spellings of signals, and which can be taken. */
#include "../base/testing.h"

#include "os/signal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void
test_spellings(void **state) {
    (void)state;
    assert_int_equal(signal_number("SIGUSR2"), SIGUSR2);
    assert_int_equal(signal_number("USR1"), SIGUSR1);
    assert_int_equal(signal_number("SIGHUP"), SIGHUP);
    assert_int_equal(signal_number("12"), SIGUSR2);
    assert_int_equal(signal_number("1"), SIGHUP);
    assert_int_equal(signal_number("SIGRTMIN+0"), SIGRTMIN);
    assert_int_equal(signal_number("RTMIN+3"), SIGRTMIN + 3);
    char text[SIGNAL_TEXT_MAX];
    snprintf(text, sizeof text, "%d", SIGRTMAX);
    assert_int_equal(signal_number(text), SIGRTMAX);
}

/* Signals of faults, those that cannot be handled, the C library's own, and what is no signal. */
static void
test_what_is_none(void **state) {
    (void)state;
    static const char *const texts[] = {"",          "SIG",         "SIGSEGV",  "SIGKILL", "SIGSTOP", "SIGABRT",
                                        "SIGCHLD",   "9",           "11",       "19",      "32",      "33",
                                        "65",        "0",           "012",      "-1",      "usr2",    "USR3",
                                        "SIGRTMIN+", "SIGRTMIN+99", "SIGUSR2 ", "1x",      "100",     "sigusr2"};
    for (unsigned i = 0; i < LENGTH(texts); i++) {
        assert_int_equal(signal_number(texts[i]), 0);
    }
}

static volatile sig_atomic_t calls;

static void
count_call(int number) {
    calls += number == SIGUSR2;
}

static void
test_only_a_free_signal_is_taken(void **state) {
    (void)state;
    assert_int_equal(signal_handle(SIGUSR2, count_call), 0);
    assert_int_equal(raise(SIGUSR2), 0);
    assert_int_equal(calls, 1);
    assert_int_equal(signal_handle(SIGUSR2, count_call), EBUSY);
    signal(SIGUSR1, SIG_IGN);
    assert_int_equal(signal_handle(SIGUSR1, count_call), EBUSY);
    assert_int_equal(raise(SIGUSR1), 0);
    assert_int_equal(signal_handle(SIGKILL, count_call), EINVAL);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_only_a_free_signal_is_taken),
    };
    return cmocka_run_group_tests_name("os/signal", tests, NULL, NULL);
}
