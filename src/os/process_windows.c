/* process_windows.c -- nothing is known there. */
#include "os/process.h"

void
process_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) {
    (void)prepare;
    (void)parent;
    (void)child;
}

void
process_thread_name(uint32_t tid, char name[PROCESS_THREAD_NAME]) {
    (void)tid;
    name[0] = '\0';
}

void
process_own_thread_name(char name[PROCESS_THREAD_NAME]) {
    name[0] = '\0';
}

size_t
process_threads(uint32_t *ids, size_t n) {
    (void)ids;
    (void)n;
    return 0;
}

bool
process_memory(process_memory_t *out) {
    *out = (process_memory_t){0};
    return false;
}

bool
process_rss(uint64_t *rss) {
    (void)rss;
    return false;
}

bool
process_faults(uint64_t *faults) {
    (void)faults;
    return false;
}

size_t
process_resident(const void *addr, size_t size) {
    (void)addr;
    (void)size;
    return 0;
}

void
process_mappings(char *buf, size_t size, process_visit_line_t *visit, void *context) {
    (void)buf;
    (void)size;
    (void)visit;
    (void)context;
}

unsigned
cgroup_ncpus(const char *membership, const char *mount) {
    (void)membership;
    (void)mount;
    return CGROUP_UNLIMITED;
}

unsigned
cgroup_own_ncpus(void) {
    return CGROUP_UNLIMITED;
}
