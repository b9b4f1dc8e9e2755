/* system_test.c -- the contract of os/system.h: processors, threads, standard error, environment, configuration. */
#include "../base/testing.h"

#include "os/system.h"
#include "os/thread.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#define CONFIG "lunalloc_test.conf"

/* An application's own; wins over the library's. */
const char *lunalloc_conf = "dirty_decay_ms:1234";

static void
test_application_conf(void **state) {
    (void)state;
    assert_ptr_equal(system_application_conf(), lunalloc_conf);
    lunalloc_value_t value;
    char message[128];
    const char *source;
    assert_int_equal(lunalloc_ctl_get("opt.dirty_decay_ms", &value, message, sizeof message), 0);
    assert_int_equal(value.v.i, 1234);
    assert_int_equal(lunalloc_ctl_source("opt.dirty_decay_ms", &source), 0);
    assert_string_equal(source, "symbol");
}

/* A thread can be found by its number. */
static void
test_thread_id(void **state) {
    (void)state;
    HANDLE self = OpenThread(THREAD_QUERY_LIMITED_INFORMATION, FALSE, os_thread_id());
    assert_non_null(self);
    assert_int_equal(GetThreadId(self), GetCurrentThreadId());
    CloseHandle(self);
}

/* Held to one processor, the process has one. */
static void
test_ncpus(void **state) {
    (void)state;
    DWORD_PTR all, machine;
    assert_true(GetProcessAffinityMask(GetCurrentProcess(), &all, &machine) != 0);
    assert_int_equal(system_ncpus(), __builtin_popcountll(all));
    if (SetProcessAffinityMask(GetCurrentProcess(), all & -all) != 0) {
        unsigned one = system_ncpus();
        SetProcessAffinityMask(GetCurrentProcess(), all);
        assert_int_equal(one, 1);
    }
}

/* Through a pipe, all of it, and the last error code is kept. */
static void
test_write_error(void **state) {
    (void)state;
    static char text[20000], got[sizeof text];
    HANDLE in, out, saved = GetStdHandle(STD_ERROR_HANDLE);
    memset(text, 'x', sizeof text);
    assert_true(CreatePipe(&in, &out, NULL, 2 * sizeof text) && SetStdHandle(STD_ERROR_HANDLE, out));
    SetLastError(4242);
    system_write_error(text, sizeof text);
    DWORD error = GetLastError(), n = 0, more;
    SetStdHandle(STD_ERROR_HANDLE, saved);
    CloseHandle(out);
    while (n < sizeof got && ReadFile(in, got + n, sizeof got - n, &more, NULL) && more > 0) {
        n += more;
    }
    CloseHandle(in);
    assert_int_equal(error, 4242);
    assert_int_equal(n, sizeof text);
    assert_memory_equal(got, text, sizeof text);
}

/* Whole names only, of any case; a value may hold '='. */
static void
test_env(void **state) {
    (void)state;
    setenv("LUNALLOC_TEST_A", "value=1", 1);
    setenv("LUNALLOC_TEST_AB", "other", 1);
    assert_string_equal(system_env("LUNALLOC_TEST_A"), "value=1");
    assert_string_equal(system_env("lunalloc_test_ab"), "other");
    assert_null(system_env("LUNALLOC_TEST_"));
    assert_null(system_env("LUNALLOC_TEST_ABC"));
    unsetenv("LUNALLOC_TEST_A");
    assert_null(system_env("LUNALLOC_TEST_A"));
}

static size_t
read_config_of(const char *text, size_t size, char *buf, size_t room) {
    FILE *file = fopen(CONFIG, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    fclose(file);
    size_t n = system_read_config(CONFIG, buf, room);
    remove(CONFIG);
    return n;
}

/* A file's text, as much of it as there is room for; nothing from what is missing or no file. */
static void
test_read_config(void **state) {
    (void)state;
    char buf[8];
    assert_int_equal(read_config_of("a:1", 3, buf, sizeof buf), 3);
    assert_string_equal(buf, "a:1");
    assert_int_equal(read_config_of("0123456789", 10, buf, sizeof buf), 7);
    assert_string_equal(buf, "0123456");
    SetLastError(4242);
    assert_int_equal(system_read_config(CONFIG, buf, sizeof buf), 0);
    assert_string_equal(buf, "");
    assert_int_equal(system_read_config(".", buf, sizeof buf), 0);
    assert_int_equal(GetLastError(), 4242);
}

static void *
allocate_and_free(void *argument) {
    lunalloc_free(lunalloc_malloc(100));
    return argument;
}

/* The end of a thread gives back what it had: as many are left as before. */
static void
test_thread_exit(void **state) {
    (void)state;
    lunalloc_stats_t before, after;
    assert_int_equal(lunalloc_stats(LUNALLOC_ALL, &before), 0);
    for (unsigned i = 0; i < 50; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, allocate_and_free, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    assert_int_equal(lunalloc_stats(LUNALLOC_ALL, &after), 0);
    assert_int_equal(after.nthreads, before.nthreads);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_application_conf), cmocka_unit_test(test_thread_id), cmocka_unit_test(test_ncpus),
        cmocka_unit_test(test_write_error),      cmocka_unit_test(test_env),       cmocka_unit_test(test_read_config),
        cmocka_unit_test(test_thread_exit),
    };
    return cmocka_run_group_tests_name("windows/system", tests, boot_allocator, NULL);
}
