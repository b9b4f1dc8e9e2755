/*
 * background_test.c -- background threads as a process sees them: in /proc/self/task, by the memory that comes back,
 * and through fork, exit and switching. Nothing here measures time: what must happen is waited for, up to a generous
 * limit; what must not happen is asserted where nothing could make it happen.
 */
#include "../base/testing.h"

#include "arena/arenas.h"
#include "control/background.h"
#include "os/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define BLOCKS   16
#define BLOCK    ((size_t)1 << 20)
#define PATIENCE 30000 /* ms; only against waiting for ever */
#define WORKERS  4

/* Threads of a child may get the numbers of those that the fork left behind, which ThreadSanitizer takes for dead. */
static void
need_threads_after_fork(void) {
    if (LUNALLOC_TSAN) {
        print_message("skip: ThreadSanitizer does not follow a child that starts threads\n");
        skip();
    }
}

/* ---- controls ---- */

static int
write_number(const char *name, const char *value) {
    char message[256];
    return lunalloc_ctl_set(name, value, message, sizeof message);
}

/* value: NULL for an action. */
static void
must_set(const char *name, const char *value) {
    char message[256] = "";
    if (lunalloc_ctl_set(name, value, message, sizeof message) != 0) {
        fail_msg("%s = %s: %s", name, value == NULL ? "" : value, message);
    }
}

static uint64_t
number(const char *name) {
    lunalloc_value_t value;
    char message[256];
    assert_int_equal(lunalloc_ctl_get(name, &value, message, sizeof message), 0);
    return value.type == LUNALLOC_BOOL ? value.v.b : value.v.u;
}

static void
nap(unsigned ms) {
    struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

/* ---- threads, as the system sees them ---- */

static bool
is_purger(const char *id, const char *file, char *text, size_t size) {
    char path[300];
    snprintf(path, sizeof path, "/proc/self/task/%s/%s", id, file);
    FILE *f = fopen(path, "r");
    size_t n = f == NULL ? 0 : fread(text, 1, size - 1, f);
    text[n] = '\0';
    if (f != NULL) {
        fclose(f);
    }
    return n > 0 && strstr(text, "lunalloc_purge") != NULL;
}

static unsigned
purgers(void) {
    char text[64];
    unsigned n = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (const struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;) {
        n += is_purger(task->d_name, "comm", text, sizeof text);
    }
    closedir(tasks);
    return n;
}

/* A thread has its name a moment after it has started, and its entry a moment after it has been joined. */
static bool
purgers_become(unsigned n) {
    for (unsigned ms = 0; ms < PATIENCE && purgers() != n; ms++) {
        nap(1);
    }
    return purgers() == n;
}

/* All threads of this process; reading it allocates nothing. */
static unsigned
all_threads(void) {
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n < 0 ? 0 : n] = '\0';
    const char *line = strstr(text, "Threads:");
    return line == NULL ? 0 : (unsigned)strtoul(line + strlen("Threads:"), NULL, 10);
}

/* ---- memory ---- */

static size_t
dirty(void) {
    return number("stats.dirty");
}

static bool
dirty_becomes_less(size_t bytes) {
    for (unsigned ms = 0; ms < PATIENCE && dirty() >= bytes; ms++) {
        nap(1);
    }
    return dirty() < bytes;
}

static bool
rounds_pass(uint64_t n) {
    for (unsigned ms = 0; ms < PATIENCE && number("stats.background_thread.num_runs") < n; ms++) {
        nap(1);
    }
    return number("stats.background_thread.num_runs") >= n;
}

/* Waits until the threads sleep: no round for a while. */
static void
settle(void) {
    uint64_t before;
    do {
        before = number("stats.background_thread.num_runs");
        nap(50);
    } while (number("stats.background_thread.num_runs") != before);
}

/* BLOCKS * BLOCK bytes are written to and become free at once. */
static void
make_dirty(void) {
    char *blocks[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++) {
        blocks[i] = lunalloc_malloc(BLOCK);
        memset(blocks[i], 1, BLOCK);
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        lunalloc_free(blocks[i]);
    }
}

static int
begin(void **state) {
    (void)state;
    must_set("background_thread", "false");
    must_set("max_background_threads", "4");
    must_set("arena.4096.dirty_decay_ms", "10000");
    must_set("arena.4096.muzzy_decay_ms", "0");
    must_set("arena.4096.purge", NULL);
    assert_true(purgers_become(0));
    return 0;
}

/* ---- on and off ---- */

static void
test_none_when_off(void **state) {
    (void)state;
    assert_int_equal(number("background_thread"), 0);
    assert_int_equal(number("stats.background_thread.num_threads"), 0);
    make_dirty();
    assert_int_equal(purgers(), 0);
}

static void
test_on_and_off(void **state) {
    (void)state;
    must_set("background_thread", "true");
    assert_int_equal(number("background_thread"), 1);
    assert_int_equal(number("stats.background_thread.num_threads"), 1);
    assert_true(purgers_become(1));
    must_set("background_thread", "true");
    assert_int_equal(number("stats.background_thread.num_threads"), 1);
    must_set("background_thread", "false");
    assert_int_equal(number("stats.background_thread.num_threads"), 0);
    assert_true(purgers_become(0));
}

/* jemalloc's way of asking, with its types. */
static void
test_mallctl(void **state) {
    (void)state;
    bool on = true, old = true;
    size_t len = sizeof old, max = 0, max_len = sizeof max;
    assert_int_equal(mallctl("background_thread", &old, &len, &on, sizeof on), 0);
    assert_false(old);
    assert_int_equal(mallctl("background_thread", &old, &len, NULL, 0), 0);
    assert_true(old);
    assert_int_equal(mallctl("max_background_threads", &max, &max_len, NULL, 0), 0);
    assert_int_equal(max, 4);
}

static void
test_all_signals_are_blocked(void **state) {
    (void)state;
    char text[4096];
    const char *blocked = NULL;
    must_set("background_thread", "true");
    assert_true(purgers_become(1));
    DIR *tasks = opendir("/proc/self/task");
    for (const struct dirent *task; blocked == NULL && (task = readdir(tasks)) != NULL;) {
        blocked = is_purger(task->d_name, "status", text, sizeof text) ? strstr(text, "SigBlk:") : NULL;
    }
    closedir(tasks);
    assert_non_null(blocked);
    unsigned long long mask = strtoull(blocked + strlen("SigBlk:"), NULL, 16);
    for (int signal = 1; signal < 65; signal++) {
        bool free = signal == SIGKILL || signal == SIGSTOP || signal == 32 || signal == 33;
        assert_true(free || (mask >> (signal - 1) & 1) != 0);
    }
}

static void
test_bad_values(void **state) {
    (void)state;
    char message[256] = "";
    assert_int_equal(lunalloc_ctl_set("max_background_threads", "0", message, sizeof message), EINVAL);
    assert_non_null(strstr(message, "64"));
    assert_int_equal(write_number("max_background_threads", "65"), EINVAL);
    assert_int_equal(write_number("background_thread", "perhaps"), EINVAL);
    assert_int_equal(number("max_background_threads"), 4);
    assert_int_equal(number("background_thread"), 0);
}

/* ---- an idle process ---- */

static void
test_idle_process_gives_memory_back(void **state) {
    (void)state;
    must_set("arena.4096.dirty_decay_ms", "200");
    must_set("background_thread", "true");
    make_dirty();
    assert_true(dirty_becomes_less(1));
    assert_int_equal(number("background_thread"), 1);
}

static void
test_idle_process_keeps_memory_when_off(void **state) {
    (void)state;
    must_set("arena.4096.dirty_decay_ms", "200");
    make_dirty();
    size_t before = dirty();
    assert_true(before >= BLOCKS * BLOCK / 2);
    nap(600);
    assert_int_equal(dirty(), before);
    must_set("arena.4096.decay", NULL);
    assert_int_equal(dirty(), 0);
}

static void
test_idle_process_purges_what_was_there_before(void **state) {
    (void)state;
    must_set("arena.4096.dirty_decay_ms", "200");
    make_dirty();
    must_set("background_thread", "true");
    assert_true(dirty_becomes_less(1));
}

static void
test_dirty_becomes_muzzy_becomes_retained(void **state) {
    (void)state;
    must_set("arena.4096.dirty_decay_ms", "100");
    must_set("arena.4096.muzzy_decay_ms", "100");
    must_set("background_thread", "true");
    make_dirty();
    for (unsigned ms = 0; ms < PATIENCE && number("stats.dirty") + number("stats.muzzy") > 0; ms++) {
        nap(1);
    }
    assert_int_equal(number("stats.dirty") + number("stats.muzzy"), 0);
}

static void
test_shorter_decay_wakes(void **state) {
    (void)state;
    must_set("arena.4096.dirty_decay_ms", "1000000000");
    must_set("background_thread", "true");
    make_dirty();
    settle();
    assert_true(dirty() >= BLOCKS * BLOCK / 2);
    must_set("arena.4096.dirty_decay_ms", "400");
    assert_true(dirty_becomes_less(1));
}

static void
test_decay_from_never_wakes(void **state) {
    (void)state;
    must_set("arena.4096.dirty_decay_ms", "-1");
    must_set("background_thread", "true");
    make_dirty();
    settle();
    uint64_t runs = number("stats.background_thread.num_runs");
    make_dirty();
    assert_int_equal(number("stats.background_thread.num_runs"), runs);
    must_set("arena.4096.dirty_decay_ms", "300");
    assert_true(dirty_becomes_less(1));
}

/* With nothing to wait for, a thread makes no round at all, however long it is there. */
static void
test_nothing_polls(void **state) {
    (void)state;
    must_set("background_thread", "true");
    must_set("arena.4096.purge", NULL);
    settle();
    uint64_t runs = number("stats.background_thread.num_runs");
    nap(300);
    assert_int_equal(number("stats.background_thread.num_runs"), runs);
}

static void
test_statistics(void **state) {
    (void)state;
    uint64_t runs = number("stats.background_thread.num_runs");
    must_set("arena.4096.dirty_decay_ms", "100");
    must_set("background_thread", "true");
    make_dirty();
    assert_true(rounds_pass(runs + 3));
    assert_true(dirty_becomes_less(1));
    assert_true(number("stats.background_thread.run_interval") > 0);
}

/* Threads of the application count pages, and leave the purging to the thread. */
static void
test_ticks_do_not_purge(void **state) {
    (void)state;
    must_set("arena.4096.dirty_decay_ms", "1000000000");
    must_set("background_thread", "true");
    make_dirty();
    settle();
    page_alloc_t *pa = &arenas_get(0)->pages;
    size_t npages = atomic_get(&pa->dirty.npages);
    uint64_t far = clock_ns() + UINT64_C(2000000000) * 1000000;
    assert_true(npages > 0);
    uint64_t deadline = atomic_get(&pa->deadline);
    pa_tick(pa, far);
    assert_int_equal(atomic_get(&pa->dirty.npages), npages);
    assert_true(atomic_get(&pa->deadline) > deadline);
    must_set("background_thread", "false");
    pa_tick(pa, 2 * far);
    assert_int_equal(atomic_get(&pa->dirty.npages), 0);
    must_set("arena.4096.dirty_decay_ms", "-1");
}

/* ---- several threads ---- */

/* Makes pages of a manual arena dirty; gives its index. */
static unsigned
dirty_arena(void) {
    unsigned index = 0, old = 0;
    size_t len = sizeof index, old_len = sizeof old;
    assert_int_equal(mallctl("arenas.create", &index, &len, NULL, 0), 0);
    assert_int_equal(mallctl("thread.arena", &old, &old_len, &index, sizeof index), 0);
    make_dirty();
    assert_int_equal(mallctl("thread.arena", NULL, NULL, &old, sizeof old), 0);
    return index;
}

static void
destroy_arena(unsigned index) {
    char name[40];
    snprintf(name, sizeof name, "arena.%u.destroy", index);
    must_set(name, NULL);
}

static void
test_threads_up_to_the_maximum(void **state) {
    (void)state;
    unsigned arenas[WORKERS];
    must_set("max_background_threads", "3");
    must_set("background_thread", "true");
    must_set("arenas.dirty_decay_ms", "1000000000");
    for (unsigned i = 0; i < WORKERS; i++) {
        arenas[i] = dirty_arena();
    }
    assert_true(purgers_become(3));
    must_set("max_background_threads", "1");
    assert_int_equal(number("stats.background_thread.num_threads"), 1);
    assert_true(purgers_become(1));
    must_set("arena.4096.dirty_decay_ms", "300");
    assert_true(dirty_becomes_less(1));
    must_set("arenas.dirty_decay_ms", "10000");
    for (unsigned i = 0; i < WORKERS; i++) {
        destroy_arena(arenas[i]);
    }
}

/* ---- under load ---- */

static _Atomic bool stop_load;

static void *
load(void *arg) {
    uint64_t seed = (uintptr_t)arg;
    void *slots[64] = {NULL};
    while (!atomic_get(&stop_load)) {
        unsigned i = random_below(&seed, 64);
        lunalloc_free(slots[i]);
        slots[i] = lunalloc_malloc((size_t)16 << random_below(&seed, 15));
    }
    for (unsigned i = 0; i < 64; i++) {
        lunalloc_free(slots[i]);
    }
    return NULL;
}

static void
begin_load(pthread_t *threads) {
    atomic_set(&stop_load, false);
    for (uintptr_t i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, load, (void *)(i + 1)), 0);
    }
}

static void
end_load(const pthread_t *threads) {
    atomic_set(&stop_load, true);
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void
check_arenas(void) {
    for (uint32_t i = 0; i < arenas_count(); i++) {
        if (config_debug && arenas_get(i) != NULL) {
            arena_check(arenas_get(i));
        }
    }
}

static void
test_on_and_off_under_load(void **state) {
    (void)state;
    pthread_t threads[WORKERS];
    must_set("arena.4096.dirty_decay_ms", "5");
    begin_load(threads);
    for (unsigned i = 0; i < 200; i++) {
        must_set("background_thread", "true");
        assert_int_equal(number("stats.background_thread.num_threads") > 0, true);
        must_set("max_background_threads", i % 2 == 0 ? "1" : "4");
        must_set("background_thread", "false");
        assert_int_equal(number("stats.background_thread.num_threads"), 0);
    }
    end_load(threads);
    check_arenas();
}

static void
test_change_of_decay_under_load(void **state) {
    (void)state;
    static const char *const times[] = {"1", "10000", "-1", "50", "0"};
    pthread_t threads[WORKERS];
    must_set("background_thread", "true");
    begin_load(threads);
    for (unsigned i = 0; i < 200; i++) {
        must_set("arena.4096.dirty_decay_ms", times[i % LENGTH(times)]);
        must_set("arena.4096.muzzy_decay_ms", times[i % 3]);
        nap(1);
    }
    end_load(threads);
    check_arenas();
    must_set("arena.4096.dirty_decay_ms", "100");
    must_set("arena.4096.muzzy_decay_ms", "0");
    assert_true(dirty_becomes_less(1));
}

/* Destroying an arena must wait for who is just purging it. */
static void
test_destroy_while_purging(void **state) {
    (void)state;
    must_set("background_thread", "true");
    must_set("arenas.dirty_decay_ms", "1");
    for (unsigned i = 0; i < 100; i++) {
        unsigned index = dirty_arena();
        nap(i % 3);
        destroy_arena(index);
        assert_int_equal(atomic_get(&arenas_get(index)->pages.mapped), 0);
    }
    must_set("arenas.dirty_decay_ms", "10000");
    check_arenas();
}

/* ---- fork ---- */

#define child_check(condition)                                                                                         \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            dprintf(STDERR_FILENO, "line %d: not true: %s\n", __LINE__, #condition);                                   \
            return 1;                                                                                                  \
        }                                                                                                              \
    } while (0)

static int
child_gets_its_own(void *arg) {
    (void)arg;
    child_check(all_threads() == 1);
    child_check(number("background_thread") == 1);
    child_check(number("stats.background_thread.num_threads") == 0);
    make_dirty();
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
test_fork(void **state) {
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
test_fork_under_load(void **state) {
    (void)state;
    need_threads_after_fork();
    pthread_t threads[WORKERS];
    must_set("arena.4096.dirty_decay_ms", "5");
    must_set("max_background_threads", "1");
    must_set("background_thread", "true");
    begin_load(threads);
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

static void
test_hook_cannot_switch_off(void **state) {
    (void)state;
    unsigned index = dirty_arena();
    extent_hooks_t *old = NULL, *new, hooks;
    size_t len = sizeof old;
    char name[60];
    snprintf(name, sizeof name, "arena.%u.extent_hooks", index);
    assert_int_equal(mallctl(name, &old, &len, NULL, 0), 0);
    hooks = *old;
    hooks.purge_forced = meddling_purge;
    new = &hooks;
    assert_int_equal(mallctl(name, NULL, NULL, &new, sizeof new), 0);
    atomic_set(&hook_result, -1);
    hook_owner = pthread_self();
    must_set("background_thread", "true");
    snprintf(name, sizeof name, "arena.%u.dirty_decay_ms", index);
    must_set(name, "300");
    for (unsigned ms = 0; ms < PATIENCE && atomic_get(&hook_result) != EAGAIN; ms++) {
        nap(1);
    }
    assert_int_equal(atomic_get(&hook_result), EAGAIN);
    assert_int_equal(number("background_thread"), 1);
    must_set("background_thread", "false");
    snprintf(name, sizeof name, "arena.%u.extent_hooks", index);
    assert_int_equal(mallctl(name, NULL, NULL, &old, sizeof old), 0);
    destroy_arena(index);
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
early(void) {
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

/* Not before the process has loaded its libraries; then when memory is taken. It ends by exit, with the thread on. */
static void
test_boot_and_exit(void **state) {
    (void)state;
    char on[] = "background_thread:true,max_background_threads:7,dirty_decay_ms:20";
    char off[] = "max_background_threads:7";
    for (unsigned i = 0; i < 10; i++) {
        child_t child = run_child(in_new_process, on);
        if (child.status != 0 || child.text[0] != '\0') {
            fail_msg("status 0x%x, output: %s", (unsigned)child.status, child.text);
        }
    }
    assert_child_succeeds(in_new_process, off);
}

/* ---- arithmetic ---- */

static void
test_wake_time(void **state) {
    (void)state;
    const uint64_t ms = 1000000, now = 77 * ms;
    assert_int_equal(background_wake_time(now, now + 5 * ms), now + 5 * ms);
    assert_int_equal(background_wake_time(now, now + ms), now + ms);
    assert_int_equal(background_wake_time(now, now + 1), now + ms);
    assert_int_equal(background_wake_time(now, now), now + ms);
    assert_int_equal(background_wake_time(now, 0), now + ms);
    assert_true(background_wake_time(now, UINT64_MAX) == UINT64_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, begin)

int
main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--new-process") == 0) {
        return new_process();
    }
    const struct CMUnitTest tests[] = {
        TEST(test_refused_thread),
        cmocka_unit_test(test_wake_time),
        TEST(test_none_when_off),
        TEST(test_on_and_off),
        TEST(test_mallctl),
        TEST(test_all_signals_are_blocked),
        TEST(test_bad_values),
        TEST(test_idle_process_gives_memory_back),
        TEST(test_idle_process_keeps_memory_when_off),
        TEST(test_idle_process_purges_what_was_there_before),
        TEST(test_dirty_becomes_muzzy_becomes_retained),
        TEST(test_shorter_decay_wakes),
        TEST(test_decay_from_never_wakes),
        TEST(test_nothing_polls),
        TEST(test_statistics),
        TEST(test_ticks_do_not_purge),
        TEST(test_threads_up_to_the_maximum),
        TEST(test_on_and_off_under_load),
        TEST(test_change_of_decay_under_load),
        TEST(test_destroy_while_purging),
        TEST(test_fork),
        TEST(test_fork_while_purging),
        TEST(test_fork_under_load),
        TEST(test_start_in_fork_handler),
        TEST(test_hook_cannot_switch_off),
        TEST(test_boot_and_exit),
    };
    pthread_atfork(NULL, NULL, in_child_of_fork);
    return cmocka_run_group_tests_name("control/background", tests, boot_allocator, NULL);
}
