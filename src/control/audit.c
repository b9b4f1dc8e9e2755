/* audit.c -- the ring. It takes no memory until the first write: pages that nobody touches. */
#include "control/audit.h"

static audit_t ring[AUDIT_KEPT];
static _Atomic uint64_t count; /* Synchronization: the agent writes (release), any thread reads (acquire). */

audit_t *
audit_next(void) {
    return &ring[atomic_get(&count) % AUDIT_KEPT];
}

void
audit_add(void) {
    atomic_set_release(&count, atomic_get(&count) + 1);
}

uint64_t
audit_count(void) {
    return atomic_get_acquire(&count);
}

size_t
audit_kept(void) {
    uint64_t n = audit_count();
    return n < AUDIT_KEPT ? (size_t)n : AUDIT_KEPT;
}

const audit_t *
audit_at(size_t i) {
    return &ring[i];
}
