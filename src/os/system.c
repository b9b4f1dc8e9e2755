/* system.c -- what every system does alike, given POSIX threads. */
#include "os/system.h"

#include <pthread.h>

static pthread_key_t exit_key;

bool
system_thread_exit_boot(void (*destroy)(void *)) {
    return pthread_key_create(&exit_key, destroy) == 0;
}

bool
system_at_thread_exit(void *value) {
    return pthread_setspecific(exit_key, value) == 0;
}
