/*
 * thread_light_test.c -- light threads: they start, end and start again; what they share with their process and what
 * not; what the C library knows of them.
 */
#include "../base/testing.h"

#include "os/call.h"
#include "os/thread_light.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/single_threaded.h>
#include <sys/wait.h>
#include <unistd.h>

static __thread unsigned local __attribute__((tls_model("initial-exec"))) = 7;

static os_thread_t thread;

/* Of the process, before any thread. */
static char directory[4096];

static void
need_light_threads(void) {
    if (!os_thread_light_possible()) {
        print_message("skip: no light threads here\n");
        skip();
    }
}

static void
run(void (*work)(void *), void *arg) {
    assert_true(os_thread_start_light(&thread, "lunalloc_light", work, arg, &local));
    os_thread_join(&thread);
}

static void
look_at_locals(void *arg) {
    *(unsigned *)arg = local;
    local = 9;
}

/* It has variables of its own, zeros at each start. */
static void
test_its_own_variables(void **state) {
    (void)state;
    need_light_threads();
    for (unsigned i = 0; i < 100; i++) {
        unsigned seen = 1;
        run(look_at_locals, &seen);
        assert_int_equal(seen, 0);
        assert_int_equal(local, 7);
    }
}

static void
look_at_the_single_thread(void *arg) {
    *(int *)arg = __libc_single_threaded;
}

/* The program is of one thread for the C library, during and after. */
static void
test_the_c_library_does_not_know(void **state) {
    (void)state;
    need_light_threads();
    int single = 0;
    assert_true(__libc_single_threaded);
    run(look_at_the_single_thread, &single);
    assert_true(single);
    assert_true(__libc_single_threaded);
}

static void
look_at_itself(void *arg) {
    uint32_t *seen = arg;
    seen[0] = os_thread_id();
    seen[1] = os_thread_is_own(seen[0]) && os_thread_is_self(&thread);
}

static void
test_it_is_one_of_the_process(void **state) {
    (void)state;
    need_light_threads();
    uint32_t seen[2] = {0};
    run(look_at_itself, seen);
    assert_true(seen[0] != 0 && seen[0] != os_thread_id());
    assert_true(seen[1]);
    assert_false(os_thread_is_own(seen[0]));
    assert_false(os_thread_is_self(&thread));
}

/* ---- what it does not have ---- */

static void
look_at_descriptors(void *arg) {
    *(long *)arg = CALL(SYS_fcntl, STDERR_FILENO, F_GETFD);
}

static void
look_at_files(void *arg) {
    *(long *)arg = CALL(SYS_openat, AT_FDCWD, "/proc/self/status", O_RDONLY);
}

static void
change_directory(void *arg) {
    *(long *)arg = CALL(SYS_chdir, "/");
}

static void
look_at_directory(void *arg) {
    CALL(SYS_getcwd, arg, 4096);
}

static void
look_at_signals(void *arg) {
    CALL(SYS_rt_sigprocmask, SIG_BLOCK, NULL, arg, sizeof(uint64_t));
}

static bool
has_landlock(void) {
    return CALL(444, NULL, 0, 1) > 0;
}

static void
test_what_it_does_not_have(void **state) {
    (void)state;
    need_light_threads();
    char after[4096];
    long result = 0;
    uint64_t blocked = 0;
    run(look_at_descriptors, &result);
    assert_true(result == -EBADF);
    run(look_at_files, &result);
    assert_true(result == -EACCES || !has_landlock());
    run(look_at_directory, after);
    assert_string_equal(after, "/");
    run(change_directory, &result);
    assert_true(getcwd(after, sizeof after) != NULL);
    assert_string_equal(after, directory);
    run(look_at_signals, &blocked);
    uint64_t unblockable = (UINT64_C(1) << (SIGKILL - 1)) | (UINT64_C(1) << (SIGSTOP - 1));
    assert_true((blocked | unblockable) == UINT64_MAX);
    assert_true(fcntl(STDERR_FILENO, F_GETFD) >= 0);
}

static void
look_at_capabilities(void *arg) {
    uint32_t header[2] = {0x20080522, 0};
    CALL(SYS_capget, header, arg);
}

static void
test_no_capabilities(void **state) {
    (void)state;
    need_light_threads();
    uint32_t sets[6] = {1, 1, 1, 1, 1, 1};
    run(look_at_capabilities, sets);
    assert_int_equal(sets[0] | sets[1] | sets[3] | sets[4], 0);
}

static _Atomic uint32_t hold;

static void
wait_to_end(void *arg) {
    (void)arg;
    while (atomic_get_acquire(&hold) != 0) {
        os_sleep_on(&hold, 1);
    }
}

/* A pipe ends when the process closes its end, whatever the thread does; and it enters a mount namespace. */
static void
test_it_holds_nothing_of_its_process(void **state) {
    (void)state;
    need_light_threads();
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    atomic_set(&hold, 1);
    assert_true(os_thread_start_light(&thread, "lunalloc_light", wait_to_end, NULL, &local));
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
    int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    for (unsigned i = 0; own >= 0 && setns(own, CLONE_NEWNS) != 0 && errno == EINVAL; i++) {
        assert_true(i < 10000);
        usleep(1000);
    }
    close(own);
    atomic_set_release(&hold, 0);
    os_wake_one(&hold);
    os_thread_join(&thread);
}

/* ---- refusals, and fork ---- */

static void
do_nothing(void *arg) {
    (void)arg;
}

/* The area is there already, so it is the thread that is refused. */
static void
test_refused(void **state) {
    (void)state;
    need_light_threads();
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {0, 0};
        os_thread_forget(&thread);
        if (setuid(65534) != 0 || setrlimit(RLIMIT_NPROC, &limit) != 0) {
            _exit(0);
        }
        bool started = os_thread_start_light(&thread, "lunalloc_light", do_nothing, NULL, &local);
        sigset_t mask;
        pthread_sigmask(SIG_BLOCK, NULL, &mask);
        _exit(started || sigismember(&mask, SIGINT) ? 1 : 0);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void
test_in_the_child_of_a_fork(void **state) {
    (void)state;
    need_light_threads();
    atomic_set(&hold, 1);
    assert_true(os_thread_start_light(&thread, "lunalloc_light", wait_to_end, NULL, &local));
    pid_t child = fork();
    if (child == 0) {
        unsigned seen = 1;
        os_thread_forked();
        os_thread_forget(&thread);
        bool started = os_thread_start_light(&thread, "lunalloc_light", look_at_locals, &seen, &local);
        os_thread_join(&thread);
        _exit(started && seen == 0 ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    atomic_set_release(&hold, 0);
    os_wake_one(&hold);
    os_thread_join(&thread);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_c_library_does_not_know),
        cmocka_unit_test(test_its_own_variables),
        cmocka_unit_test(test_it_is_one_of_the_process),
        cmocka_unit_test(test_what_it_does_not_have),
        cmocka_unit_test(test_no_capabilities),
        cmocka_unit_test(test_it_holds_nothing_of_its_process),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_in_the_child_of_a_fork),
    };
    if (getcwd(directory, sizeof directory) == NULL) {
        return 1;
    }
    return cmocka_run_group_tests_name("os/thread_light", tests, NULL, NULL);
}
