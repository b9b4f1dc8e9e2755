/* system_test.c -- processors, threads, standard error, the environment, and where configuration is read from. */
#include "../base/testing.h"

#include "os/system.h"
#include "os/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char folder[] = "/tmp/lunalloc-system-XXXXXX";

/* The path of a name in the test's folder; one at a time. */
static const char *
path_of(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int
make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int
remove_folder(void **state) {
    (void)state;
    static const char *const names[] = {"file", "empty", "link", "dangling", "fifo", "long"};
    for (unsigned i = 0; i < LENGTH(names); i++) {
        unlink(path_of(names[i]));
    }
    return rmdir(folder);
}

static int
use_one_processor(void *argument) {
    (void)argument;
    cpu_set_t all, one;
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof all, &all) != 0) {
        return 1;
    }
    for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++) {
        if (CPU_ISSET(cpu, &all)) {
            CPU_SET(cpu, &one);
        }
    }
    return sched_setaffinity(0, sizeof one, &one) != 0 || system_ncpus() != 1;
}

static void
test_ncpus(void **state) {
    (void)state;
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    assert_int_equal(system_ncpus(), CPU_COUNT(&set));
    assert_child_succeeds(use_one_processor, NULL);
}

static void *
store_thread_id(void *id) {
    *(uint32_t *)id = os_thread_id();
    return NULL;
}

static void
test_thread_id(void **state) {
    (void)state;
    pthread_t thread;
    uint32_t other = 0;
    assert_int_equal(os_thread_id(), getpid());
    assert_int_equal(pthread_create(&thread, NULL, store_thread_id, &other), 0);
    pthread_join(thread, NULL);
    assert_int_not_equal(other, 0);
    assert_int_not_equal(other, getpid());
}

static int
write_two_lines(void *argument) {
    (void)argument;
    errno = EXDEV;
    system_write_error("one\ntwo\nnot this", 8);
    system_write_error("", 0);
    return errno != EXDEV;
}

static int
write_to_closed(void *argument) {
    (void)argument;
    close(STDERR_FILENO);
    errno = EXDEV;
    system_write_error("lost", 4);
    return errno != EXDEV;
}

static void
test_write_error(void **state) {
    (void)state;
    child_t child = run_child(write_two_lines, NULL);
    assert_int_equal(child.status, 0);
    assert_string_equal(child.text, "one\ntwo\n");
    assert_child_succeeds(write_to_closed, NULL);
}

static void
test_env(void **state) {
    (void)state;
    setenv("LUNALLOC_TEST_A", "value=1", 1);
    setenv("LUNALLOC_TEST_AB", "other", 1);
    setenv("LUNALLOC_TEST_EMPTY", "", 1);
    unsetenv("LUNALLOC_TEST_");
    assert_string_equal(system_env("LUNALLOC_TEST_A"), "value=1");
    assert_string_equal(system_env("LUNALLOC_TEST_AB"), "other");
    assert_string_equal(system_env("LUNALLOC_TEST_EMPTY"), "");
    assert_null(system_env("LUNALLOC_TEST_"));
    assert_null(system_env("LUNALLOC_TEST_ABC"));
    unsetenv("LUNALLOC_TEST_A");
    assert_null(system_env("LUNALLOC_TEST_A"));
}

static void
test_no_environment(void **state) {
    (void)state;
    char **saved = environ;
    char *none[] = {NULL};
    environ = NULL;
    const char *without = system_env("PATH");
    environ = none;
    const char *empty = system_env("PATH");
    environ = saved;
    assert_null(without);
    assert_null(empty);
}

static void
write_file(const char *name, const char *text) {
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Reads a configuration with a buffer of `size` bytes; beyond it nothing may change, and errno may not either. */
static void
assert_config(const char *name, size_t size, const char *expected) {
    char buf[256];
    memset(buf, '#', sizeof buf);
    errno = EXDEV;
    size_t len = system_read_config(path_of(name), buf, size);
    assert_int_equal(errno, EXDEV);
    assert_string_equal(buf, expected);
    assert_int_equal(len, strlen(expected));
    for (size_t i = size; i < sizeof buf; i++) {
        assert_int_equal(buf[i], '#');
    }
}

static void
test_config_from_link(void **state) {
    (void)state;
    assert_int_equal(symlink("narenas:3,dirty_decay_ms:0", path_of("dangling")), 0);
    assert_config("dangling", 256, "narenas:3,dirty_decay_ms:0");
    assert_config("dangling", 10, "narenas:3");
    assert_config("dangling", 1, "");
    write_file("file", "not this");
    assert_int_equal(symlink("file", path_of("link")), 0);
    assert_config("link", 256, "file");
    unlink(path_of("file"));
}

static void
test_config_from_file(void **state) {
    (void)state;
    write_file("file", "narenas:2\n");
    write_file("empty", "");
    assert_config("file", 256, "narenas:2\n");
    assert_config("file", 8, "narenas");
    assert_config("file", 1, "");
    assert_config("empty", 256, "");
}

/* What is neither a link nor a regular file has no configuration, and a fifo without a writer does not block. */
static void
test_config_from_nothing(void **state) {
    (void)state;
    assert_config("missing", 256, "");
    assert_config("missing/below", 256, "");
    assert_config("", 256, "");
    assert_config(".", 256, "");
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    assert_config("fifo", 256, "");
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ncpus),
        cmocka_unit_test(test_thread_id),
        cmocka_unit_test(test_write_error),
        cmocka_unit_test(test_env),
        cmocka_unit_test(test_no_environment),
        cmocka_unit_test(test_config_from_link),
        cmocka_unit_test(test_config_from_file),
        cmocka_unit_test(test_config_from_nothing),
    };
    return cmocka_run_group_tests_name("os/system", tests, make_folder, remove_folder);
}
