/*
 * fork_handlers.c -- a program that registers handlers of fork before it allocates anything, as the first thing that it
 * does. They take a lock that another thread holds while it allocates, so the allocator must be prepared after them.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FORKS = 200,
    SECONDS = 60 /* a deadlock ends the program */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool stop;
static atomic_uint rounds;

static void
take(void) {
    pthread_mutex_lock(&lock);
}

static void
give(void) {
    pthread_mutex_unlock(&lock);
}

static void *
allocate_under_lock(void *arg) {
    while (!atomic_load(&stop)) {
        take();
        free(malloc((size_t)1 << 20));
        give();
        atomic_fetch_add(&rounds, 1);
    }
    return arg;
}

static int
child_works(void) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        free(malloc(1000));
        _exit(0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int
main(void) {
    pthread_t thread;
    int good = 0;
    pthread_atfork(take, give, give);
    alarm(SECONDS);
    if (pthread_create(&thread, NULL, allocate_under_lock, NULL) != 0) {
        return 1;
    }
    while (atomic_load(&rounds) == 0) {
    }
    for (int i = 0; i < FORKS; i++) {
        good += child_works();
    }
    atomic_store(&stop, 1);
    pthread_join(thread, NULL);
    printf("%d of %d children worked\n", good, FORKS);
    return good == FORKS ? 0 : 1;
}
