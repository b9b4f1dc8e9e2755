/* thread_light_windows.c -- Windows has no light threads: each thread there is one of the C library's. */
#include "os/thread_light.h"

bool
os_thread_light_possible(void) {
    return false;
}

bool
os_thread_start_light(os_thread_t *thread, const char *name, void (*run)(void *), void *arg, const void *local) {
    (void)thread, (void)name, (void)run, (void)arg, (void)local;
    return false;
}

void
os_thread_join_light(os_thread_t *thread) {
    (void)thread;
}
