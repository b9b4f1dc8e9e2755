/*
 * fork_threads.c -- fork while other threads allocate: each child must find the allocator usable, start a thread of its
 * own, and free what its parent had allocated.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    THREADS = 4,
    CHILDREN = 60,
    SLOTS = 256,
    INHERITED = 500
};

static atomic_bool stop;

static size_t
next_size(unsigned *seed) {
    size_t n = (size_t)rand_r(seed);
    return n % 64 == 0 ? n % 300000 : n % 3000;
}

static void
churn(unsigned seed, size_t turns, const atomic_bool *until) {
    char *slots[SLOTS] = {NULL};
    for (size_t i = 0; i < turns && !atomic_load(until); i++) {
        size_t slot = (size_t)rand_r(&seed) % SLOTS;
        free(slots[slot]);
        slots[slot] = malloc(next_size(&seed) + 1);
        slots[slot][0] = 1;
    }
    for (size_t slot = 0; slot < SLOTS; slot++) {
        free(slots[slot]);
    }
}

static void *
busy_thread(void *arg) {
    churn(*(unsigned *)arg, SIZE_MAX, &stop);
    return NULL;
}

static void *
child_thread(void *arg) {
    atomic_bool never = false;
    churn(*(unsigned *)arg, 2000, &never);
    return NULL;
}

static int
child(unsigned seed, char **inherited) {
    pthread_t thread;
    atomic_bool never = false;
    churn(seed, 2000, &never);
    if (pthread_create(&thread, NULL, child_thread, &seed) != 0) {
        return 1;
    }
    for (size_t i = 0; i < INHERITED; i++) {
        if (strcmp(inherited[i], "inherited") != 0) {
            return 2;
        }
        free(inherited[i]);
    }
    return pthread_join(thread, NULL) == 0 ? 0 : 3;
}

/* Returns the child's exit status. */
static int
fork_once(unsigned seed) {
    char *inherited[INHERITED];
    for (size_t i = 0; i < INHERITED; i++) {
        inherited[i] = strcpy(malloc(10 + i), "inherited");
    }
    pid_t pid = fork();
    if (pid == 0) {
        _exit(child(seed, inherited));
    }
    int status = -1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return -1;
    }
    for (size_t i = 0; i < INHERITED; i++) {
        free(inherited[i]);
    }
    return status;
}

int
main(void) {
    pthread_t threads[THREADS];
    unsigned seeds[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        seeds[i] = i + 1;
        if (pthread_create(&threads[i], NULL, busy_thread, &seeds[i]) != 0) {
            return 1;
        }
    }
    for (unsigned i = 0; i < CHILDREN; i++) {
        int status = fork_once(i);
        if (status != 0) {
            printf("child %u: wait status %d\n", i, status);
            return 1;
        }
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    printf("%d children\n", CHILDREN);
    return 0;
}
