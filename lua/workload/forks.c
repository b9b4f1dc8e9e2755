/*
 * forks.c -- see forks.h.
 */
#include "forks.h"

#include <pthread.h>
#include <stdatomic.h>

static _Atomic uint32_t generation;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int error; /* of registering the handler; written under `once` */

static void
in_child(void) {
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
}

static void
watch(void) {
    error = pthread_atfork(NULL, NULL, in_child);
}

int
forks_watch(void) {
    pthread_once(&once, watch);
    return error;
}

uint32_t
forks_generation(void) {
    return atomic_load_explicit(&generation, memory_order_relaxed);
}
