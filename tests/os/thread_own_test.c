/* thread_own_test.c -- threads of the allocator's own are known while they run, and not in the child of a fork. */
#include "../base/testing.h"

#include "os/thread.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

static _Atomic uint32_t begun, may_end;

static void
wait_to_end(void *arg) {
    (void)arg;
    atomic_set_release(&begun, os_thread_id());
    while (atomic_get_acquire(&may_end) == 0) {
        sched_yield();
    }
}

static uint32_t
start(os_thread_t *thread) {
    atomic_set(&begun, 0);
    atomic_set(&may_end, 0);
    assert_true(os_thread_start(thread, "lunalloc_test", wait_to_end, NULL));
    while (atomic_get_acquire(&begun) == 0) {
        sched_yield();
    }
    return atomic_get(&begun);
}

static void
end(os_thread_t *thread) {
    atomic_set_release(&may_end, 1);
    os_thread_join(thread);
}

static void
test_known_while_it_runs(void **state) {
    (void)state;
    os_thread_t thread = {0};
    assert_false(os_thread_is_own(os_thread_id()));
    for (unsigned i = 0; i < 2 * OS_THREADS_OWN; i++) {
        uint32_t id = start(&thread);
        assert_true(os_thread_is_own(id));
        assert_false(os_thread_is_own(os_thread_id()));
        end(&thread);
        assert_false(os_thread_is_own(id));
    }
}

static void
test_none_in_the_child_of_a_fork(void **state) {
    (void)state;
    os_thread_t thread = {0};
    uint32_t id = start(&thread);
    pid_t child = fork();
    if (child == 0) {
        os_thread_forked();
        _exit(os_thread_is_own(id));
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(os_thread_is_own(id));
    end(&thread);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_while_it_runs),
        cmocka_unit_test(test_none_in_the_child_of_a_fork),
    };
    return cmocka_run_group_tests_name("os/thread_own", tests, NULL, NULL);
}
