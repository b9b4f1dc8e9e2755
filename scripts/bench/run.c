/*
 * run.c -- runs a command on a given allocator, measures it, and prints one line:
 *
 *     status wall_ns user_us sys_us peak_rss_kib faults
 *
 *     run [OPTION...] -- COMMAND [ARGUMENT...] [-- CLIENT [ARGUMENT...]]
 *
 *   -l LIBRARY      preloads it into the command and into the processes that the command starts
 *   -e NAME=VALUE   sets a variable in the command's environment; NAME alone removes one
 *   -p KIB          first touches this much memory and gives it back: on a virtual machine the first touch of memory
 *                   that the host has reclaimed costs many times a page fault, and would be charged to the first row
 *   -n TIMES        runs the command TIMES times in succession: times and faults are sums, the peak is the largest
 *   -i FILE         standard input (default: /dev/null)
 *   -o FILE         standard error (default: /dev/null); standard output always goes to /dev/null
 *   -t SECONDS      kills the command after that time (default 60); its status is then 137
 *   -s SOCKET       the command is a server: when it listens on this socket, CLIENT runs, on the system's malloc. The
 *                   wall time is the client's; all else is the server's. At the end the server's process group gets
 *                   SIGTERM (the group, since the command may be a tracer, which does not pass the signal on)
 *
 * Times, peak and faults are those of the command and of all children that it has waited for; the peak is that of the
 * largest of them. `status` is an exit status, or 128 + signal. A command must not leave processes behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_VARIABLES = 32,
    PAGE = 4096,
    POLL_NS = 1000000,
    START_TRIES = 10000 /* polls until a server must listen */
};

static struct {
    const char *library;
    char *variables[MAX_VARIABLES];
    int n_variables;
    size_t pretouch_kib;
    long times;
    const char *input, *errors;
    unsigned seconds;
    const char *socket;
    char **command, **client;
} options = {.times = 1, .input = "/dev/null", .errors = "/dev/null", .seconds = 60};

typedef struct {
    int status;
    uint64_t wall_ns, user_us, sys_us;
    long peak_kib, faults;
} usage_t;

/* The command and the client, each the leader of a process group. The alarm kills these groups. */
static volatile pid_t running[2];

static void
die(const char *what) {
    fprintf(stderr, "run: %s: %s\n", what, strerror(errno));
    exit(2);
}

static uint64_t
now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Called on the alarm, which then repeats every second, in case one of them was about to start; and at the end. */
static void
kill_running(int signal) {
    for (int i = 0; i < 2; i++) {
        if (running[i] > 0) {
            kill(-running[i], SIGKILL);
        }
    }
    if (signal != SIGALRM) {
        _exit(128 + signal);
    }
    alarm(1);
}

/* ---- the child ---- */

static void
redirect(int fd, const char *path, int flags) {
    int opened = open(path, flags, 0666);
    if (opened < 0 || dup2(opened, fd) < 0) {
        die(path);
    }
    close(opened);
}

static void
change_environment(void) {
    for (int i = 0; i < options.n_variables; i++) {
        if (strchr(options.variables[i], '=') == NULL) {
            unsetenv(options.variables[i]);
        } else {
            putenv(options.variables[i]);
        }
    }
    if (options.library != NULL) {
        setenv("LD_PRELOAD", options.library, 1);
    }
}

static _Noreturn void
become(char **command, bool tested) {
    setpgid(0, 0);
    redirect(0, tested ? options.input : "/dev/null", O_RDONLY);
    redirect(1, "/dev/null", O_WRONLY);
    redirect(2, options.errors, O_WRONLY | O_CREAT | O_APPEND);
    if (tested) {
        change_environment();
    }
    execvp(command[0], command);
    fprintf(stderr, "run: %s: %s\n", command[0], strerror(errno));
    _exit(127);
}

static const int ending[] = {SIGALRM, SIGINT, SIGTERM};

/* A signal that ends the runner waits until the new group is known, so that its handler leaves none alive. */
static pid_t
start(char **command, bool tested) {
    sigset_t blocked, before;
    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++) {
        sigaddset(&blocked, ending[i]);
    }
    sigprocmask(SIG_BLOCK, &blocked, &before);
    pid_t pid = fork();
    if (pid < 0) {
        die("fork");
    }
    if (pid == 0) {
        for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++) {
            signal(ending[i], SIG_DFL);
        }
        sigprocmask(SIG_SETMASK, &before, NULL);
        become(command, tested);
    }
    setpgid(pid, pid);
    running[!tested] = pid;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

/* Runs in a child of its own: the peak of a process includes what it inherits from the process that starts it. */
static void
pretouch(size_t kib) {
    pid_t pid = fork();
    if (pid == 0) {
        size_t size = kib * 1024;
        volatile char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (size_t at = 0; p != MAP_FAILED && at < size; at += PAGE) {
            p[at] = 1;
        }
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

/* ---- measuring ---- */

static uint64_t
microseconds(struct timeval t) {
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_usec;
}

static int
finish(pid_t pid, struct rusage *rusage) {
    int status;
    while (wait4(pid, &status, 0, rusage) < 0) {
        if (errno != EINTR) {
            die("wait4");
        }
    }
    for (int i = 0; i < 2; i++) {
        running[i] = running[i] == pid ? 0 : running[i];
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void
add(usage_t *sum, int status, uint64_t wall_ns, const struct rusage *rusage) {
    sum->status = sum->status != 0 ? sum->status : status;
    sum->wall_ns += wall_ns;
    sum->user_us += microseconds(rusage->ru_utime);
    sum->sys_us += microseconds(rusage->ru_stime);
    sum->peak_kib = rusage->ru_maxrss > sum->peak_kib ? rusage->ru_maxrss : sum->peak_kib;
    sum->faults += rusage->ru_minflt + rusage->ru_majflt;
}

static void
run_command(usage_t *sum) {
    struct rusage rusage;
    uint64_t began = now();
    int status = finish(start(options.command, true), &rusage);
    add(sum, status, now() - began, &rusage);
}

static bool
listens(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    bool connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return connected;
}

static bool
has_ended(pid_t pid) {
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid;
}

static bool
wait_until_listening(pid_t server) {
    for (int i = 0; i < START_TRIES && !has_ended(server); i++) {
        if (listens(options.socket)) {
            return true;
        }
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
    }
    return false;
}

static void
run_server(usage_t *sum) {
    struct rusage rusage, unused;
    uint64_t wall_ns = 0;
    int client_status = 127;
    unlink(options.socket);
    pid_t server = start(options.command, true);
    if (wait_until_listening(server)) {
        uint64_t began = now();
        client_status = finish(start(options.client, false), &unused);
        wall_ns = now() - began;
    }
    kill(-server, SIGTERM);
    int status = finish(server, &rusage);
    add(sum, status != 0 ? status : client_status, wall_ns, &rusage);
}

/* ---- options ---- */

static void
usage(void) {
    fprintf(stderr, "run: usage: run [-l LIBRARY] [-e NAME[=VALUE]]... [-p KIB] [-n TIMES] [-i FILE] [-o FILE] "
                    "[-t SECONDS] [-s SOCKET] -- COMMAND... [-- CLIENT...]\n");
    exit(2);
}

static void
add_variable(char *variable) {
    if (options.n_variables == MAX_VARIABLES) {
        usage();
    }
    options.variables[options.n_variables++] = variable;
}

static void
parse_option(int option) {
    switch (option) {
    case 'l':
        options.library = optarg;
        break;
    case 'e':
        add_variable(optarg);
        break;
    case 'p':
        options.pretouch_kib = strtoul(optarg, NULL, 10);
        break;
    case 'n':
        options.times = strtol(optarg, NULL, 10);
        break;
    case 'i':
        options.input = optarg;
        break;
    case 'o':
        options.errors = optarg;
        break;
    case 't':
        options.seconds = (unsigned)strtoul(optarg, NULL, 10);
        break;
    case 's':
        options.socket = optarg;
        break;
    default:
        usage();
    }
}

static void
parse(int argc, char **argv) {
    int option;
    while ((option = getopt(argc, argv, "+l:e:p:n:i:o:t:s:")) != -1) {
        parse_option(option);
    }
    options.command = argv + optind;
    for (char **word = options.command; options.socket != NULL && *word != NULL; word++) {
        if (strcmp(*word, "--") == 0) {
            *word = NULL;
            options.client = word + 1;
            break;
        }
    }
    if (options.command[0] == NULL || (options.socket != NULL && options.client == NULL)) {
        usage();
    }
}

int
main(int argc, char **argv) {
    usage_t sum = {0};
    parse(argc, argv);
    if (options.pretouch_kib > 0) {
        pretouch(options.pretouch_kib);
    }
    for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++) {
        signal(ending[i], kill_running);
    }
    alarm(options.seconds);
    for (long i = 0; i < options.times && sum.status == 0; i++) {
        (options.socket != NULL ? run_server : run_command)(&sum);
    }
    printf("%d %llu %llu %llu %ld %ld\n", sum.status, (unsigned long long)sum.wall_ns, (unsigned long long)sum.user_us,
           (unsigned long long)sum.sys_us, sum.peak_kib, sum.faults);
    return 0;
}
