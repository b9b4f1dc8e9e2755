/* agent_test.c -- the agent's life: start, end, fork, exec, exit; its descriptors, its directory and its socket. */
#include "agent.h"

#include "extent/hooks.h"
#include "os/system.h"
#include "os/thread.h"
#include "thread/thread_life.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static char *program; /* argv[0] */

/* ---- start and end ---- */

static void
by_request(void *arg) {
    (void)arg;
    lunalloc_free(lunalloc_malloc(1));
    child_assert(agent_state() == AGENT_OFF);
    child_assert(atomic_get(&lunalloc_target.booted) == 1);
    child_assert(atomic_get(&lunalloc_target.pid) == (uint32_t)getpid());
    start_agent();
    ask_for_agent();
    child_assert(agent_state() == AGENT_LISTENS);
    client_t *client = new_client();
    child_assert(client->reply.number[1] == (uint64_t)getpid());
    child_assert(client->reply.number[2] == 0);
    child_assert(strcmp(client->reply.text[0], LUNALLOC_VERSION) == 0);
    child_assert(get(client, "agent.state") == 0);
    child_assert(strcmp(client->reply.value.v.s, "listens") == 0);
    child_assert(get(client, "agent.nconnections") == 0);
    child_assert(client->reply.value.v.u == 1);
    end_client(client);
    end_agent();
    child_assert(access(lunalloc_target.socket, F_OK) != 0);
    start_agent();
    end_agent();
}

static void
test_start_by_request(void **state) {
    (void)state;
    need_threads_after_fork();
    assert_well(by_request, NULL);
}

/* Another process has written the number; nothing but a slow path of some thread is needed. */
static void
by_slow_path(void *arg) {
    (void)arg;
    lunalloc_free(lunalloc_malloc(1));
    atomic_add(&config_generation.part.requests, 1);
    void *blocks[2000];
    for (size_t i = 0; i < LENGTH_OF(blocks); i++) {
        blocks[i] = lunalloc_malloc(48);
    }
    child_assert(state_becomes(AGENT_LISTENS));
    for (size_t i = 0; i < LENGTH_OF(blocks); i++) {
        lunalloc_free(blocks[i]);
    }
    end_agent();
}

static void
test_start_on_a_slow_path(void **state) {
    (void)state;
    need_threads_after_fork();
    assert_well(by_slow_path, NULL);
}

static void
by_option(void *option) {
    lunalloc_free(lunalloc_malloc(1));
    options.agent = (agent_option_t)(uintptr_t)option;
    agent_begin();
    if (options.agent == agent_if_asked || options.agent == agent_never) {
        child_assert(agent_state() == AGENT_OFF);
        return;
    }
    child_assert(state_becomes(AGENT_LISTENS));
    client_t *client = new_client();
    child_assert(client->reply.number[2] == (options.agent == agent_read_only));
    end_client(client);
    end_agent();
}

static void
test_start_by_option(void **state) {
    (void)state;
    need_threads_after_fork();
    for (uintptr_t option = agent_if_asked; option <= agent_never; option++) {
        assert_well(by_option, (void *)option);
    }
}

static void
never(void *arg) {
    (void)arg;
    lunalloc_free(lunalloc_malloc(1));
    options.agent = agent_never;
    ask_for_agent();
    child_assert(agent_state() == AGENT_NEVER);
    child_assert(lunalloc_ctl_set("agent.active", "true", NULL, 0) == EAGAIN);
    child_assert(agent_state() == AGENT_NEVER);
}

static void
test_never(void **state) {
    (void)state;
    assert_well(never, NULL);
}

static void
by_control(void *arg) {
    char why[256];
    (void)arg;
    child_assert(lunalloc_ctl_set("agent.active", "true", why, sizeof why) == 0);
    child_assert(state_becomes(AGENT_LISTENS));
    client_t *client = new_client();
    child_assert(lunalloc_ctl_set("agent.active", "false", why, sizeof why) == 0);
    child_assert(state_becomes(AGENT_OFF));
    child_assert(is_closed(client->fd));
    child_assert(lunalloc_ctl_set("agent.active", "true", why, sizeof why) == 0);
    child_assert(state_becomes(AGENT_LISTENS));
    client->fd = connect_to(lunalloc_target.socket);
    child_assert(hello(client, WIRE_VERSION) == 0);
    child_assert(write_text(client, "agent.active", "false") == 0);
    child_assert(state_becomes(AGENT_OFF));
    end_client(client);
}

static void
test_on_and_off_live(void **state) {
    (void)state;
    need_threads_after_fork();
    assert_well(by_control, NULL);
}

/* ---- fork, exec, exit ---- */

static void
child_has_none(void *arg) {
    (void)arg;
    child_assert(agent_state() == AGENT_OFF);
    child_assert(agent_connections() == 0);
    child_assert(atomic_get(&lunalloc_target.pid) == (uint32_t)getpid());
    lunalloc_free(lunalloc_malloc(100000));
    child_assert(agent_state() == AGENT_OFF);
    start_agent();
    client_t *client = new_client();
    child_assert(client->reply.number[1] == (uint64_t)getpid());
    end_client(client);
    end_agent();
}

static void
fork_with_agent(void *arg) {
    (void)arg;
    options.agent = agent_from_start;
    start_agent();
    client_t *client = new_client();
    outcome_t out = in_child(child_has_none, NULL);
    child_assert(out.status == 0);
    child_assert(get(client, "version") == 0);
    end_client(client);
    child_assert(access(lunalloc_target.socket, F_OK) == 0);
    end_agent();
}

static void
test_fork_leaves_the_child_without(void **state) {
    (void)state;
    need_threads_after_fork();
    assert_well(fork_with_agent, NULL);
}

static _Atomic bool forking;

/* Keeps the agent in the middle of requests that take locks. */
static void *
keep_busy(void *arg) {
    client_t *client = new_client();
    (void)arg;
    while (atomic_get(&forking)) {
        child_assert(request(client, (wire_message_t){.kind = WIRE_STATS, .number = {LUNALLOC_ALL}}) == 0);
        child_assert(write_text(client, "arena.4096.purge", NULL) == 0);
        child_assert(request(client, (wire_message_t){.kind = WIRE_REPORT, .text = {""}}) == 0);
    }
    end_client(client);
    return NULL;
}

static void
child_of_busy(void *arg) {
    (void)arg;
    void *block = lunalloc_malloc(1 << 20);
    lunalloc_stats_t stats;
    memset(block, 1, 1 << 20);
    lunalloc_free(block);
    child_assert(lunalloc_stats(LUNALLOC_ALL, &stats) == 0);
    child_assert(lunalloc_ctl_set("arena.4096.purge", NULL, NULL, 0) == 0);
    start_agent();
    end_client(new_client());
    agent_set(false);
    child_assert(state_becomes(AGENT_OFF));
}

static void
fork_while_busy(void *arg) {
    pthread_t thread;
    (void)arg;
    start_agent();
    atomic_set(&forking, true);
    pthread_create(&thread, NULL, keep_busy, NULL);
    for (int i = 0; i < 12; i++) {
        memset(lunalloc_malloc(300000), 1, 300000);
        outcome_t out = in_child(child_of_busy, NULL);
        child_assert(out.status == 0);
    }
    atomic_set(&forking, false);
    pthread_join(thread, NULL);
    end_agent();
}

static void
test_fork_while_a_request_is_served(void **state) {
    (void)state;
    need_threads_after_fork();
    assert_well(fork_while_busy, NULL);
}

/* The agent leaves nothing behind in the table that exec passes on; the new image removes the socket of the old one. */
static void
exec_with_agent(void *arg) {
    (void)arg;
    start_agent();
    char *argv[] = {program, "--after-exec", lunalloc_target.socket, NULL};
    execv("/proc/self/exe", argv);
    child_assert(false);
}

static size_t
open_descriptors(void) {
    size_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);
    return n;
}

static int
after_exec(const char *path) {
    for (int fd = 3; fd < 256; fd++) {
        char name[32], to[256] = "";
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(name, to, sizeof to - 1);
        child_assert(n <= 0 || strncmp(to, "socket:", 7) != 0);
    }
    child_assert(access(path, F_OK) == 0);
    start_agent();
    child_assert(strcmp(lunalloc_target.socket, path) == 0);
    end_client(new_client());
    end_agent();
    return 0;
}

static void
test_exec_ends_it(void **state) {
    (void)state;
    need_threads_after_fork();
    assert_well(exec_with_agent, NULL);
}

/* Exits while a client is connected: the client sees the end, and the socket is gone. */
static void
test_exit_with_an_open_connection(void **state) {
    (void)state;
    need_threads_after_fork();
    int ends[2];
    char path[TARGET_SOCKET] = "", byte;
    assert_int_equal(pipe(ends), 0);
    int go[2];
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork();
    if (pid == 0) {
        start_agent();
        child_assert(write(ends[1], lunalloc_target.socket, TARGET_SOCKET) == TARGET_SOCKET);
        child_assert(read(go[0], &byte, 1) == 1);
        exit(0);
    }
    assert_int_equal(read(ends[0], path, sizeof path), sizeof path);
    client_t *client = calloc(1, sizeof *client);
    client->fd = connect_to(path);
    assert_int_equal(hello(client, WIRE_VERSION), 0);
    assert_int_equal(client->reply.number[1], pid);
    assert_int_equal(write(go[1], "x", 1), 1);
    assert_true(is_closed(client->fd));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_not_equal(access(path, F_OK), 0);
    end_client(client);
    close(ends[0]);
    close(ends[1]);
    close(go[0]);
    close(go[1]);
}

/* As the last thread of the application's the main thread ends, or another one. */
static void *
end_later(void *arg) {
    lunalloc_free(lunalloc_malloc(10));
    usleep(100000);
    return arg;
}

/* The leak sanitizer looks for leaks at exit, and this child has its parent's. */
static void
end_at_once(void) {
    _exit(0);
}

static void
end_of_last_thread(void *other) {
    pthread_t thread;
    atexit(end_at_once);
    start_agent();
    new_client();
    if (other != NULL) {
        pthread_create(&thread, NULL, end_later, NULL);
    }
    pthread_exit(NULL);
}

static void
test_last_thread_ends(void **state) {
    (void)state;
    need_threads_after_fork();
    for (uintptr_t other = 0; other < 2; other++) {
        assert_well(end_of_last_thread, (void *)other);
    }
}

/* Exit handlers run on the last thread, and what they write reaches the process's descriptors. */
static void
say_at_exit(void) {
    static const char text[] = "said at exit\n";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(agent_state() == AGENT_OFF ? 0 : 1);
}

static void
exit_handlers_of_last_thread(void *other) {
    pthread_t thread;
    atexit(say_at_exit);
    start_agent();
    if (other != NULL) {
        pthread_create(&thread, NULL, end_later, NULL);
    }
    pthread_exit(NULL);
}

static void
test_exit_handlers_of_the_last_thread(void **state) {
    (void)state;
    need_threads_after_fork();
    for (uintptr_t other = 0; other < 2; other++) {
        outcome_t out = in_child(exit_handlers_of_last_thread, (void *)other);
        assert_child_well(&out);
        assert_non_null(strstr(out.text, "said at exit"));
    }
}

/* A child that shares the memory (vfork) starts none. */
static void
request_in_vfork(void *arg) {
    (void)arg;
    lunalloc_free(lunalloc_malloc(1));
    pid_t pid = vfork();
    if (pid == 0) {
        agent_requested();
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    child_assert(agent_state() == AGENT_OFF);
    start_agent();
    end_agent();
}

static void
test_vfork_starts_none(void **state) {
    (void)state;
    need_threads_after_fork();
    assert_well(request_in_vfork, NULL);
}

/* The agent is no thread of the allocator's list, whatever it is asked. */
static void
no_thread_of_its_own(void *arg) {
    uint64_t before = 0, after = 0;
    size_t len = sizeof before;
    (void)arg;
    start_agent();
    client_t *client = new_client();
    mallctl("epoch", NULL, NULL, &before, sizeof before);
    lunalloc_stats_t stats;
    lunalloc_stats(LUNALLOC_ALL, &stats);
    before = stats.nthreads;
    child_assert(get(client, "stats.allocated") == 0);
    child_assert(write_text(client, "arena.4096.purge", NULL) == 0);
    child_assert(write_text(client, "arena.0.dirty_decay_ms", "100") == 0);
    child_assert(request(client, (wire_message_t){.kind = WIRE_REPORT, .text = {""}}) == 0);
    child_assert(request(client, (wire_message_t){.kind = WIRE_RECONCILE}) == 0);
    lunalloc_stats(LUNALLOC_ALL, &stats);
    after = stats.nthreads;
    child_assert(before == after && len == sizeof before);
    end_client(client);
    end_agent();
}

static void
test_agent_is_no_thread_of_the_allocator(void **state) {
    (void)state;
    need_threads_after_fork();
    assert_well(no_thread_of_its_own, NULL);
}

/* ---- descriptors ---- */

static void
own_table(void *arg) {
    int ends[2];
    char byte;
    (void)arg;
    lunalloc_free(lunalloc_malloc(1));
    child_assert(pipe(ends) == 0);
    size_t before = open_descriptors();
    start_agent();
    child_assert(open_descriptors() == before);
    close(ends[1]);
    child_assert(read(ends[0], &byte, 1) == 0); /* nobody else holds the other end */
    client_t *client = new_client();
    for (int i = 0; i < 200; i++) {
        child_assert(open("/dev/null", O_RDONLY) >= 0);
    }
    child_assert(get(client, "version") == 0);
    int keep = dup2(client->fd, 900);
    child_assert(syscall(SYS_close_range, 3, 899, 0) == 0);
    client->fd = keep;
    child_assert(get(client, "version") == 0);
    end_client(client);
    end_client(new_client());
    end_agent();
}

static void
test_descriptors_are_not_shared(void **state) {
    (void)state;
    need_threads_after_fork();
    assert_well(own_table, NULL);
}

/* What the agent's thread has to say, as about a damaged heap, reaches the process's standard error, and no client. */
static bool
complain(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    static const char text[] = "a hook complains\n";
    (void)hooks, (void)addr, (void)size, (void)offset, (void)length, (void)arena;
    system_write_error(text, sizeof text - 1);
    return true;
}

/* An arena with a free extent, whose purge calls the hook. */
static unsigned
arena_that_complains(void) {
    static extent_hooks_t hooks;
    extent_hooks_t *address = &hooks;
    unsigned arena;
    size_t len = sizeof arena;
    hooks = hooks_system;
    hooks.purge_forced = hooks.purge_lazy = complain;
    child_assert(mallctl("arenas.create", &arena, &len, &address, sizeof address) == 0);
    void *block = lunalloc_mallocx(4 << 20, MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE);
    memset(block, 1, 4 << 20);
    lunalloc_dallocx(block, MALLOCX_TCACHE_NONE);
    return arena;
}

static void
message_of_agent(void *arg) {
    char name[48];
    (void)arg;
    start_agent();
    snprintf(name, sizeof name, "arena.%u.purge", arena_that_complains());
    client_t *client = new_client();
    for (int i = 1; i < AGENT_CONNECTIONS; i++) {
        new_client();
    }
    child_assert(write_text(client, name, NULL) == 0);
    child_assert(get(client, "version") == 0);
    end_agent();
}

static void
test_messages_of_the_agent_reach_standard_error(void **state) {
    (void)state;
    need_threads_after_fork();
    outcome_t out = in_child(message_of_agent, NULL);
    assert_child_well(&out);
    assert_non_null(strstr(out.text, "a hook complains"));
}

/* ---- what the system refuses ---- */

/* Refuses one system call with an error; 0: none, but the process filters all the same. */
static void
refuse_call(int number, int error) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog code = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    child_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &code) != 0) {
        _exit(77);
    }
}

static void
refused_call(void *number) {
    lunalloc_free(lunalloc_malloc(1));
    options.agent = agent_from_start;
    refuse_call((int)(intptr_t)number, ENFILE);
    agent_begin();
    child_assert(state_becomes(AGENT_FAILED));
    child_assert(atomic_get(&lunalloc_target.error) == ENFILE);
    lunalloc_value_t value;
    child_assert(lunalloc_ctl_get("agent.state", &value, NULL, 0) == 0 && strcmp(value.v.s, "failed") == 0);
    child_assert(lunalloc_ctl_get("agent.error", &value, NULL, 0) == 0 && value.v.u == ENFILE);
    lunalloc_free(lunalloc_malloc(1000));
}

static void
test_refused_system_calls(void **state) {
    (void)state;
    need_threads_after_fork();
    const int calls[] = {SYS_close_range, SYS_socket, SYS_bind, SYS_listen, SYS_ppoll};
    for (size_t i = 0; i < LENGTH_OF(calls); i++) {
        outcome_t out = in_child(refused_call, (void *)(intptr_t)calls[i]);
        if (WIFEXITED(out.status) && WEXITSTATUS(out.status) == 77) {
            print_message("skip: no seccomp filters here\n");
            skip();
        }
        assert_child_well(&out);
    }
}

/* accept4 fails: the agent waits, and takes no processor meanwhile. */
static void
refused_accept(void *arg) {
    struct timespec used;
    (void)arg;
    lunalloc_free(lunalloc_malloc(1));
    options.agent = agent_from_start;
    refuse_call(SYS_accept4, EMFILE);
    agent_begin();
    child_assert(state_becomes(AGENT_LISTENS));
    int fd = connect_to(lunalloc_target.socket);
    child_assert(fd >= 0);
    usleep(500000);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    child_assert(used.tv_sec == 0 && used.tv_nsec < 300000000);
    end_agent();
}

static void
test_no_descriptors_left(void **state) {
    (void)state;
    need_threads_after_fork();
    outcome_t out = in_child(refused_accept, NULL);
    assert_true(WIFEXITED(out.status) && (WEXITSTATUS(out.status) == 0 || WEXITSTATUS(out.status) == 77));
}

/* A request does not start the agent where system calls are filtered, unless it is forced; the option does. */
static void
filtered(void *arg) {
    (void)arg;
    lunalloc_free(lunalloc_malloc(1));
    refuse_call(SYS_swapoff, EPERM);
    ask_for_agent();
    child_assert(agent_state() == AGENT_FAILED);
    child_assert(atomic_get(&lunalloc_target.error) == EACCES);
    atomic_set(&lunalloc_target.forced, 1);
    ask_for_agent();
    child_assert(state_becomes(AGENT_LISTENS));
    end_client(new_client());
    end_agent();
    atomic_set(&lunalloc_target.forced, 0);
    options.agent = agent_from_start;
    agent_begin();
    child_assert(state_becomes(AGENT_LISTENS));
    end_client(new_client());
    end_agent();
}

static void
test_filtered_process_is_not_asked(void **state) {
    (void)state;
    need_threads_after_fork();
    outcome_t out = in_child(filtered, NULL);
    assert_true(WIFEXITED(out.status) && (WEXITSTATUS(out.status) == 0 || WEXITSTATUS(out.status) == 77));
}

/* ---- the directory and the socket ---- */

static bool
is_in_test_directory(void) {
    return strncmp(lunalloc_target.socket, socket_directory(), strlen(socket_directory())) == 0;
}

static void
modes(void *arg) {
    struct stat st;
    char directory[TARGET_SOCKET];
    (void)arg;
    mode_t before = umask(0);
    start_agent();
    child_assert(is_in_test_directory());
    child_assert(stat(lunalloc_target.socket, &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 07777) == 0600);
    snprintf(directory, sizeof directory, "%s/lunalloc", socket_directory());
    child_assert(stat(directory, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 0700);
    child_assert(umask(before) == 0);
    end_agent();
}

static void
test_modes_whatever_the_umask(void **state) {
    (void)state;
    need_threads_after_fork();
    assert_well(modes, NULL);
}

/* Prepares what stands in the way, before the agent starts. */
typedef enum {
    open_directory, /* others can enter it */
    linked_directory,
    no_directory,
    ALL_OBSTACLES
} obstacle_t;

/* Then the directory in /tmp serves. */
static void
obstructed(void *obstacle) {
    char directory[64];
    snprintf(directory, sizeof directory, "%s/lunalloc", socket_directory());
    rmdir(directory);
    switch ((obstacle_t)(uintptr_t)obstacle) {
    case open_directory:
        child_assert(mkdir(directory, 0700) == 0 && chmod(directory, 0711) == 0);
        break;
    case linked_directory:
        child_assert(symlink("/tmp", directory) == 0);
        break;
    default:
        child_assert(close(open(directory, O_CREAT | O_WRONLY, 0600)) == 0);
        break;
    }
    start_agent();
    char expected[TARGET_SOCKET];
    snprintf(expected, sizeof expected, "/tmp/lunalloc-%u/%d.sock", (unsigned)geteuid(), (int)getpid());
    child_assert(strcmp(lunalloc_target.socket, expected) == 0);
    end_client(new_client());
    end_agent();
    child_assert(remove(directory) == 0);
}

static void
test_directory_that_is_not_private(void **state) {
    (void)state;
    need_threads_after_fork();
    for (uintptr_t obstacle = 0; obstacle < ALL_OBSTACLES; obstacle++) {
        assert_well(obstructed, (void *)obstacle);
    }
}

/* ---- names that are taken, and sockets that others have left ---- */

static void
path_of(char *path, const char *name) {
    char directory[64];
    snprintf(directory, sizeof directory, "%s/lunalloc", socket_directory());
    mkdir(directory, 0700);
    snprintf(path, TARGET_SOCKET, "%s/%s", directory, name);
}

static void
own_path(char *path, const char *suffix) {
    char name[32];
    snprintf(name, sizeof name, "%d%s.sock", (int)getpid(), suffix);
    path_of(path, name);
}

static int
bound_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    child_assert(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

static void
expect_listening_at(const char *suffix) {
    char path[TARGET_SOCKET];
    own_path(path, suffix);
    start_agent();
    child_assert(strcmp(lunalloc_target.socket, path) == 0);
    end_client(new_client());
    end_agent();
    child_assert(access(path, F_OK) != 0);
}

/* By a link, a file, or a process of another namespace: they keep it, and the agent takes the next name. */
static void
name_is_taken(void *by) {
    char path[TARGET_SOCKET];
    struct stat st;
    int fd = -1;
    own_path(path, "");
    if ((uintptr_t)by == 0) {
        child_assert(symlink("/tmp/elsewhere", path) == 0);
    } else if ((uintptr_t)by == 1) {
        child_assert(close(open(path, O_CREAT | O_WRONLY, 0600)) == 0);
    } else {
        fd = bound_socket(path);
        child_assert(listen(fd, 1) == 0);
    }
    expect_listening_at("-2");
    child_assert(lstat(path, &st) == 0 && unlink(path) == 0);
    close(fd);
    expect_listening_at("");
}

static void
test_name_that_is_taken(void **state) {
    (void)state;
    need_threads_after_fork();
    for (uintptr_t by = 0; by < 3; by++) {
        assert_well(name_is_taken, (void *)by);
    }
}

/* An earlier process of the same number was killed. */
static void
name_is_left(void *unused) {
    char path[TARGET_SOCKET];
    (void)unused;
    own_path(path, "");
    close(bound_socket(path));
    expect_listening_at("");
}

static void
make_old(const char *path) {
    struct timespec before[2] = {{.tv_sec = time(NULL) - 3600}, {.tv_sec = time(NULL) - 3600}};
    child_assert(utimensat(AT_FDCWD, path, before, AT_SYMLINK_NOFOLLOW) == 0);
}

/* Old sockets without a listener are removed; new ones, those with a listener and other files are not. */
static void
others_are_left(void *unused) {
    char left[TARGET_SOCKET], fresh[TARGET_SOCKET], live[TARGET_SOCKET], file[TARGET_SOCKET];
    (void)unused;
    path_of(left, "1-left.sock");
    path_of(fresh, "2-fresh.sock");
    path_of(live, "3-live.sock");
    path_of(file, "4-file.sock");
    close(bound_socket(left));
    close(bound_socket(fresh));
    int fd = bound_socket(live);
    child_assert(listen(fd, 1) == 0);
    child_assert(close(open(file, O_CREAT | O_WRONLY, 0600)) == 0);
    make_old(left);
    make_old(live);
    make_old(file);
    expect_listening_at("");
    child_assert(access(left, F_OK) != 0);
    child_assert(unlink(fresh) == 0 && unlink(live) == 0 && unlink(file) == 0);
}

static void
test_sockets_that_others_left(void **state) {
    (void)state;
    need_threads_after_fork();
    assert_well(name_is_left, NULL);
    assert_well(others_are_left, NULL);
}

/* ---- other users; as root only ---- */

/* A user whom no other run of this test has at the same time. */
static int stranger;
#define STRANGER ((unsigned)stranger)

static void
need_root(void) {
    if (geteuid() != 0) {
        print_message("skip: only root can be several users\n");
        skip();
    }
}

/* A directory in /tmp that somebody has prepared: a link, another owner's, open to others. The process's own user is a
 * stranger here, so that nobody else's directory is touched. */
static void
prepared_by_others(void *how) {
    char directory[64], target[80];
    snprintf(directory, sizeof directory, "/tmp/lunalloc-%u", STRANGER);
    snprintf(target, sizeof target, "%s-target", directory);
    if ((uintptr_t)how == 0) {
        child_assert(mkdir(target, 0700) == 0 && chown(target, STRANGER, STRANGER) == 0);
        child_assert(symlink(target, directory) == 0);
    } else {
        child_assert(mkdir(directory, 0700) == 0);
        child_assert((uintptr_t)how == 1 || (chown(directory, STRANGER, STRANGER) == 0 && chmod(directory, 0750) == 0));
    }
    child_assert(setresgid(STRANGER, STRANGER, STRANGER) == 0 && setresuid(STRANGER, STRANGER, STRANGER) == 0);
    lunalloc_free(lunalloc_malloc(1));
    ask_for_agent();
    child_assert(state_becomes(AGENT_FAILED));
}

static void
test_directory_of_others_in_tmp(void **state) {
    (void)state;
    need_threads_after_fork();
    need_root();
    for (uintptr_t how = 0; how < 3; how++) {
        char directory[64], target[80];
        outcome_t out = in_child(prepared_by_others, (void *)how);
        snprintf(directory, sizeof directory, "/tmp/lunalloc-%u", STRANGER);
        snprintf(target, sizeof target, "%s-target", directory);
        remove(directory);
        remove(target);
        assert_child_well(&out);
    }
}

/* A process that gave its rights up (a worker of a server) cannot be dumped, and /proc belongs to root there. */
static void
gave_rights_up(void *arg) {
    (void)arg;
    child_assert(setresgid(STRANGER, STRANGER, STRANGER) == 0 && setresuid(STRANGER, STRANGER, STRANGER) == 0);
    start_agent();
    end_client(new_client());
    end_agent();
}

static void
test_process_that_gave_its_rights_up(void **state) {
    char directory[64];
    (void)state;
    need_threads_after_fork();
    need_root();
    outcome_t out = in_child(gave_rights_up, NULL);
    snprintf(directory, sizeof directory, "/tmp/lunalloc-%u", STRANGER);
    rmdir(directory);
    assert_child_well(&out);
}

/* The rights change while the agent runs: it follows, and each client's user is compared with the present one. */
static void
gives_rights_up_later(void *arg) {
    (void)arg;
    start_agent();
    client_t *client = new_client();
    child_assert(setresgid(STRANGER, STRANGER, STRANGER) == 0 && setresuid(STRANGER, STRANGER, STRANGER) == 0);
    child_assert(get(client, "version") == 0);
    end_client(client);
    agent_set(false);
    child_assert(state_becomes(AGENT_OFF));
}

static void
test_rights_given_up_while_it_runs(void **state) {
    (void)state;
    need_threads_after_fork();
    need_root();
    outcome_t out = in_child(gives_rights_up_later, NULL);
    assert_child_well(&out);
    char path[96]; /* the agent may no longer remove it */
    snprintf(path, sizeof path, "rm -f %s/lunalloc/*.sock", socket_directory());
    assert_int_equal(system(path), 0);
}

/* Half of the rights: as between a set-uid program's seteuid calls. */
static void
more_rights_than_user(void *arg) {
    (void)arg;
    lunalloc_free(lunalloc_malloc(1));
    child_assert(setresuid(STRANGER, 0, 0) == 0);
    ask_for_agent();
    child_assert(agent_state() == AGENT_NEVER);
}

static void
test_more_rights_than_its_user(void **state) {
    (void)state;
    need_root();
    assert_well(more_rights_than_user, NULL);
}

static void
connect_as_stranger(void *path) {
    child_assert(setresgid(STRANGER, STRANGER, STRANGER) == 0 && setresuid(STRANGER, STRANGER, STRANGER) == 0);
    client_t *client = calloc(1, sizeof *client);
    client->fd = connect_to(path);
    child_assert(client->fd >= 0);
    child_assert(receive_reply(client) == EACCES);
    child_assert(strstr(client->reply.text[0], "another user") != NULL);
    child_assert(is_closed(client->fd));
}

static void
stranger_connects(void *arg) {
    char directory[64], path[TARGET_SOCKET];
    (void)arg;
    start_agent();
    strcpy(path, lunalloc_target.socket);
    snprintf(directory, sizeof directory, "%s/lunalloc", socket_directory());
    child_assert(chmod(socket_directory(), 0711) == 0 && chmod(directory, 0711) == 0 && chmod(path, 0666) == 0);
    outcome_t out = in_child(connect_as_stranger, path);
    child_assert(chmod(socket_directory(), 0700) == 0 && chmod(directory, 0700) == 0);
    child_assert(out.status == 0);
    end_client(new_client());
    end_agent();
}

static void
test_another_user_is_refused(void **state) {
    (void)state;
    need_threads_after_fork();
    need_root();
    assert_well(stranger_connects, NULL);
}

int
main(int argc, char **argv) {
    program = argv[0];
    stranger = 100000 + (int)getpid();
    if (argc > 2 && strcmp(argv[1], "--after-exec") == 0) {
        return after_exec(argv[2]);
    }
    restart_with_directory(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_by_request),
        cmocka_unit_test(test_start_on_a_slow_path),
        cmocka_unit_test(test_start_by_option),
        cmocka_unit_test(test_never),
        cmocka_unit_test(test_on_and_off_live),
        cmocka_unit_test(test_fork_leaves_the_child_without),
        cmocka_unit_test(test_fork_while_a_request_is_served),
        cmocka_unit_test(test_exec_ends_it),
        cmocka_unit_test(test_exit_with_an_open_connection),
        cmocka_unit_test(test_last_thread_ends),
        cmocka_unit_test(test_exit_handlers_of_the_last_thread),
        cmocka_unit_test(test_vfork_starts_none),
        cmocka_unit_test(test_agent_is_no_thread_of_the_allocator),
        cmocka_unit_test(test_descriptors_are_not_shared),
        cmocka_unit_test(test_messages_of_the_agent_reach_standard_error),
        cmocka_unit_test(test_refused_system_calls),
        cmocka_unit_test(test_no_descriptors_left),
        cmocka_unit_test(test_filtered_process_is_not_asked),
        cmocka_unit_test(test_modes_whatever_the_umask),
        cmocka_unit_test(test_directory_that_is_not_private),
        cmocka_unit_test(test_name_that_is_taken),
        cmocka_unit_test(test_sockets_that_others_left),
        cmocka_unit_test(test_directory_of_others_in_tmp),
        cmocka_unit_test(test_process_that_gave_its_rights_up),
        cmocka_unit_test(test_rights_given_up_while_it_runs),
        cmocka_unit_test(test_more_rights_than_its_user),
        cmocka_unit_test(test_another_user_is_refused),
    };
    return remove_directory(cmocka_run_group_tests_name("agent", tests, NULL, NULL));
}
