/*
 * background_process_test.c -- background threads and their process: boot, fork, exit, an application's extent
 * hooks, a system that refuses.
 */
#include "background.h"

#include "os/clock.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* Threads of a child may get the numbers of those that the fork left behind, which ThreadSanitizer takes for dead. */
static void
need_threads_after_fork(void) {
    if (LUNALLOC_TSAN) {
        print_message("skip: ThreadSanitizer does not follow a child that starts threads\n");
        skip();
    }
}

/* In a child: says which condition is not true. */
static bool
untrue(bool condition, int line, const char *text) {
    if (!condition) {
        dprintf(STDERR_FILENO, "line %d: not true: %s\n", line, text);
    }
    return !condition;
}

#define child_check(condition)                                                                                         \
    do {                                                                                                               \
        if (untrue(condition, __LINE__, #condition))                                                                   \
            return 1;                                                                                                  \
    } while (0)

/* ---- fork ---- */

static int
child_gets_its_own(void *arg) {
    (void)arg;
    child_check(all_threads() == 1);
    child_check(number("background_thread") == 1);
    child_check(number("stats.background_thread.num_threads") == 0);
    make_blocks_dirty(4 * BLOCKS);
    child_check(purgers_become(1));
    child_check(dirty_becomes_less(1));
    check_arenas();
    return 0;
}

static int
child_asks(void *arg) {
    (void)arg;
    must_set("background_thread", "true");
    child_check(number("stats.background_thread.num_threads") == 1);
    child_check(purgers_become(1));
    must_set("background_thread", "false");
    child_check(purgers_become(0));
    return 0;
}

static void
test_background_threads_survive_fork(void **state) {
    (void)state;
    need_threads_after_fork();
    must_set("arena.4096.dirty_decay_ms", "200");
    must_set("background_thread", "true");
    make_dirty();
    assert_child_succeeds(child_gets_its_own, NULL);
    assert_child_succeeds(child_asks, NULL);
    assert_int_equal(number("stats.background_thread.num_threads"), 1);
    assert_true(dirty_becomes_less(1));
}

/* Whatever the threads are doing while their process forks, the child is whole: nothing is in transit for ever. */
static int
child_is_whole(void *active) {
    check_arenas();
    must_set("background_thread", "false");
    must_set("arena.4096.purge", NULL);
    child_check(dirty() == 0);
    child_check(number("stats.active") <= *(const size_t *)active + BLOCK / 2);
    return 0;
}

static void
test_fork_while_purging(void **state) {
    (void)state;
    must_set("arena.4096.dirty_decay_ms", "2");
    size_t active = number("stats.active");
    must_set("background_thread", "true");
    for (unsigned i = 0; i < 50; i++) {
        make_dirty();
        nap(i % 3);
        assert_child_succeeds(child_is_whole, &active);
    }
}

static void
test_background_threads_survive_fork_under_load(void **state) {
    (void)state;
    need_threads_after_fork();
    pthread_t threads[WORKERS];
    must_set("arena.4096.dirty_decay_ms", "5");
    must_set("max_background_threads", "1");
    must_set("background_thread", "true");
    begin_load(threads);
    assert_true(purgers_become(1));
    for (unsigned i = 0; i < 20; i++) {
        assert_child_succeeds(child_asks, NULL);
    }
    end_load(threads);
    check_arenas();
}

static bool allocate_after_fork;

static void
in_child_of_fork(void) {
    if (allocate_after_fork) {
        make_dirty();
    }
}

static int
child_has_one(void *arg) {
    (void)arg;
    child_check(number("stats.background_thread.num_threads") == 1);
    child_check(purgers_become(1));
    return 0;
}

/* The child's thread is started from within another library's fork handler. */
static void
test_start_in_fork_handler(void **state) {
    (void)state;
    need_threads_after_fork();
    must_set("background_thread", "true");
    allocate_after_fork = true;
    assert_child_succeeds(child_has_one, NULL);
    allocate_after_fork = false;
}

/* An alarm would reach no thread: those of the library take no signal. */
static void
kill_if_it_hangs(void) {
    pid_t process = getpid();
    if (fork() == 0) {
        for (int fd = 0; fd < 100; fd++) {
            close(fd);
        }
        for (unsigned ms = 0; ms < PATIENCE && getppid() == process; ms += 20) {
            nap(20);
        }
        if (getppid() == process) {
            kill(process, SIGKILL);
        }
        _exit(0);
    }
}

/* ---- extent hooks ---- */

static _Atomic int hook_result;

static pthread_t hook_owner;

/* In the background thread: it cannot end itself; it may allocate. */
static bool
meddling_purge(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)hooks, (void)addr, (void)size, (void)offset, (void)length, (void)arena;
    bool off = false;
    lunalloc_free(lunalloc_malloc(100));
    if (!pthread_equal(pthread_self(), hook_owner)) {
        atomic_set(&hook_result, mallctl("background_thread", NULL, NULL, &off, sizeof off));
    }
    return true;
}

typedef bool purge_hook_t(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena);

/* Lets one hook stand for purge_forced of an arena; returns what stood there. */
static extent_hooks_t *
hook_purging(unsigned index, extent_hooks_t *hooks, purge_hook_t *purge) {
    extent_hooks_t *old = NULL;
    size_t len = sizeof old;
    char name[60];
    snprintf(name, sizeof name, "arena.%u.extent_hooks", index);
    assert_int_equal(mallctl(name, &old, &len, NULL, 0), 0);
    *hooks = *old;
    hooks->purge_forced = purge;
    assert_int_equal(mallctl(name, NULL, NULL, &hooks, sizeof hooks), 0);
    hook_owner = pthread_self();
    return old;
}

static void
unhook(unsigned index, extent_hooks_t *old) {
    char name[60];
    snprintf(name, sizeof name, "arena.%u.extent_hooks", index);
    assert_int_equal(mallctl(name, NULL, NULL, &old, sizeof old), 0);
    destroy_arena(index);
}

static void
set_dirty_decay(unsigned index, const char *ms) {
    char name[60];
    snprintf(name, sizeof name, "arena.%u.dirty_decay_ms", index);
    must_set(name, ms);
}

static bool
becomes(_Atomic int *word, int value) {
    for (unsigned ms = 0; ms < PATIENCE && atomic_get(word) != value; ms++) {
        nap(1);
    }
    return atomic_get(word) == value;
}

static void
test_hook_cannot_switch_off(void **state) {
    (void)state;
    extent_hooks_t hooks;
    unsigned index = dirty_arena();
    atomic_set(&hook_result, -1);
    extent_hooks_t *old = hook_purging(index, &hooks, meddling_purge);
    must_set("background_thread", "true");
    set_dirty_decay(index, "300");
    assert_true(becomes(&hook_result, EAGAIN));
    assert_int_equal(number("background_thread"), 1);
    must_set("background_thread", "false");
    unhook(index, old);
}

static _Atomic int nforked;

/* In the background thread: a child that allocates and ends well. */
static bool
forking_purge(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)hooks, (void)addr, (void)size, (void)offset, (void)length, (void)arena;
    if (!pthread_equal(pthread_self(), hook_owner) && atomic_get(&nforked) == 0) {
        int status = 1;
        pid_t pid = fork();
        if (pid == 0) {
            lunalloc_free(lunalloc_malloc(100));
            _exit(0);
        }
        atomic_set(&nforked, pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 1 : 2);
    }
    return true;
}

static int
hook_forks(void *arg) {
    (void)arg;
    extent_hooks_t hooks;
    unsigned index = dirty_arena();
    hook_purging(index, &hooks, forking_purge);
    must_set("background_thread", "true");
    set_dirty_decay(index, "300");
    kill_if_it_hangs();
    child_check(becomes(&nforked, 1));
    return 0;
}

/* No lock that a fork takes is held while a hook runs. */
static void
test_hook_forks(void **state) {
    (void)state;
    need_threads_after_fork();
    assert_child_succeeds(hook_forks, NULL);
}

static _Atomic int entered, left;

static bool
slow_purge(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)hooks, (void)addr, (void)size, (void)offset, (void)length, (void)arena;
    if (!pthread_equal(pthread_self(), hook_owner)) {
        atomic_add(&entered, 1);
        nap(100);
        atomic_add(&left, 1);
    }
    return true;
}

/* A thread in the middle of its work is waited for. */
static void
test_off_waits_for_the_end(void **state) {
    (void)state;
    extent_hooks_t hooks;
    unsigned index = dirty_arena();
    atomic_set(&entered, 0);
    atomic_set(&left, 0);
    extent_hooks_t *old = hook_purging(index, &hooks, slow_purge);
    must_set("background_thread", "true");
    set_dirty_decay(index, "300");
    assert_true(becomes(&entered, 1));
    must_set("background_thread", "false");
    assert_int_equal(atomic_get(&left), atomic_get(&entered));
    unhook(index, old);
}

/* ---- a system that refuses ---- */

static size_t
address_space(void) {
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_int_equal(fscanf(f, "%lu", &pages), 1);
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int
refused_thread(void *arg) {
    (void)arg;
    struct rlimit limit = {address_space(), RLIM_INFINITY};
    char message[256] = "";
    setrlimit(RLIMIT_AS, &limit);
    int error = lunalloc_ctl_set("background_thread", "true", message, sizeof message);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_AS, &limit);
    child_check(error == EAGAIN && strstr(message, "refuses another thread") != NULL);
    child_check(number("background_thread") == 0 && purgers() == 0);
    must_set("background_thread", "true");
    child_check(purgers_become(1));
    return 0;
}

/* In a process that has ended no thread yet, whose stack would be there for the next one. */
static void
test_refused_thread(void **state) {
    (void)state;
    if (LUNALLOC_TSAN || LUNALLOC_ASAN) {
        print_message("skip: the sanitizer needs the address space that this test takes away\n");
        skip();
    }
    assert_child_succeeds(refused_thread, NULL);
}

/* ---- boot and exit: in a new process ---- */

static unsigned during_constructors;

/* Before the library's own constructor, whatever is allocated. */
__attribute__((constructor(101))) static void
early(int argc) {
    if (argc > 2) {
        return;
    }
    lunalloc_free(lunalloc_malloc(BLOCK));
    during_constructors = (unsigned)number("stats.background_thread.num_threads");
}

static int
in_new_process(void *conf) {
    setenv("LUNALLOC_CONF", conf, 1);
    execl("/proc/self/exe", "background_test", "--new-process", (char *)NULL);
    return 127;
}

static int
new_process(void) {
    child_check(during_constructors == 0);
    child_check(number("background_thread") == number("opt.background_thread"));
    child_check(number("max_background_threads") == 7);
    make_dirty();
    child_check(number("stats.background_thread.num_threads") == number("opt.background_thread"));
    child_check(purgers_become(number("opt.background_thread") ? 1 : 0));
    make_dirty();
    return 0;
}

static int
main_thread_leaves(void *arg) {
    (void)arg;
    must_set("arena.4096.dirty_decay_ms", "1000000");
    must_set("background_thread", "true");
    make_dirty();
    child_check(purgers_become(1));
    kill_if_it_hangs();
    pthread_exit(NULL);
}

static void *
works_on(void *arg) {
    nap(30);
    make_dirty();
    if (number("background_thread") != 1 || !purgers_become(1)) {
        _exit(3);
    }
    return arg;
}

/* Those that live on are served until they end, too. */
static int
main_thread_leaves_another(void *arg) {
    pthread_t thread;
    child_check(pthread_create(&thread, NULL, works_on, arg) == 0);
    return main_thread_leaves(arg);
}

/* The process ends with its last thread of its own, as POSIX has it. */
static void
test_background_threads_keep_no_process_alive(void **state) {
    (void)state;
    need_threads_after_fork();
    if (LUNALLOC_ASAN) {
        print_message("skip: the sanitizer reports what the main thread left behind when it ended\n");
        skip();
    }
    assert_child_succeeds(main_thread_leaves, NULL);
    assert_child_succeeds(main_thread_leaves_another, NULL);
}

static int
small_process(void *arg) {
    (void)arg;
    void *blocks[20];
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < 20; i++) {
            blocks[i] = lunalloc_malloc((i + 1) * 1000);
        }
        for (unsigned i = 0; i < 20; i++) {
            lunalloc_free(blocks[i]);
        }
    }
    child_check(number("background_thread") == 1 && all_threads() == 1);
    make_dirty();
    child_check(purgers_become(1));
    return 0;
}

/* Children that need no thread of their own have none, though they have inherited free pages. */
static int
child_needs_none(void *arg) {
    (void)arg;
    make_blocks_dirty(2);
    child_check(all_threads() == 1);
    return 0;
}

static void
test_children_have_none_of_their_own(void **state) {
    (void)state;
    must_set("background_thread", "true");
    make_blocks_dirty(2 * BLOCKS);
    for (unsigned i = 0; i < 20; i++) {
        assert_child_succeeds(child_needs_none, NULL);
    }
}

/* A program that has no settings, and frees 6 MiB in its first second. If that took longer, nothing can be said. */
static int
young_process(void) {
    uint64_t began = clock_ns();
    make_blocks_dirty(6);
    make_blocks_dirty(6);
    bool none = all_threads() == 1;
    child_check(number("opt.background_thread") == 1 && number("background_thread") == 1);
    child_check(none || clock_ns() - began > 500000000);
    return 0;
}

static int
young_new_process(void *arg) {
    (void)arg;
    unsetenv("LUNALLOC_CONF");
    execl("/proc/self/exe", "background_test", "--new-process", "young", (char *)NULL);
    return 127;
}

static void
test_no_thread_in_a_short_life(void **state) {
    (void)state;
    assert_child_succeeds(young_new_process, NULL);
}

static int
small_new_process(void *arg) {
    (void)arg;
    setenv("LUNALLOC_CONF", "background_thread:true", 1);
    execl("/proc/self/exe", "background_test", "--new-process", "small", (char *)NULL);
    return 127;
}

/* A process with hardly any memory has one thread, which some system calls insist on (unshare of a user namespace). */
static void
test_no_thread_for_little_memory(void **state) {
    (void)state;
    assert_child_succeeds(small_new_process, NULL);
}

/* Not before the process has loaded its libraries; then when memory is taken. It ends by exit, with the thread on. */
static void
test_background_threads_start_lazily_after_boot(void **state) {
    (void)state;
    char on[] = "background_thread:true,max_background_threads:7,dirty_decay_ms:20";
    char off[] = "background_thread:false,max_background_threads:7";
    for (unsigned i = 0; i < 10; i++) {
        child_t child = run_child(in_new_process, on);
        if (child.status != 0 || child.text[0] != '\0') {
            fail_msg("status 0x%x, output: %s", (unsigned)child.status, child.text);
        }
    }
    assert_child_succeeds(in_new_process, off);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, begin)

int
main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--new-process") == 0) {
        return argc <= 2 ? new_process() : strcmp(argv[2], "young") == 0 ? young_process() : small_process(NULL);
    }
    const struct CMUnitTest tests[] = {
        TEST(test_refused_thread),
        TEST(test_background_threads_survive_fork),
        TEST(test_fork_while_purging),
        TEST(test_background_threads_survive_fork_under_load),
        TEST(test_start_in_fork_handler),
        TEST(test_hook_cannot_switch_off),
        TEST(test_off_waits_for_the_end),
        TEST(test_background_threads_start_lazily_after_boot),
        TEST(test_hook_forks),
        TEST(test_no_thread_for_little_memory),
        TEST(test_no_thread_in_a_short_life),
        TEST(test_children_have_none_of_their_own),
        TEST(test_background_threads_keep_no_process_alive),
    };
    pthread_atfork(NULL, NULL, in_child_of_fork);
    return cmocka_run_group_tests_name("control/background_process", tests, boot_allocator, NULL);
}
