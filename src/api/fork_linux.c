/*
 * fork_linux.c -- every lock is held across fork, outermost first, so that the child's structures are whole.
 *
 * "Prepare" handlers run in the reverse order of their registration, the others in that order. Ours are registered as
 * early as can be, so that few run while the locks are held; these can allocate all the same (lock_fork_begin).
 */
#include "api/init.h"
#include "arena/arenas.h"
#include "control/background.h"
#include "extent/metadata.h"
#include "extent/pagemap.h"
#include "observe/prof.h"
#include "observe/prof_dump.h"
#include "os/pages.h"
#include "os/system.h"
#include "os/unwind.h"
#include "thread/tcaches.h"
#include "thread/thread_life.h"

#include <pthread.h>

static void
prefork(void) {
    init_prefork();
    prof_dump_prefork();
    background_prefork();
    thread_prefork();
    tcaches_prefork();
    arenas_prefork();
    extent_prefork();
    pagemap_prefork();
    prof_prefork();
    metadata_prefork();
    pages_prefork();
    lock_fork_begin();
}

static void
postfork(bool child) {
    lock_fork_end();
    pages_postfork(child);
    metadata_postfork(child);
    prof_postfork(child);
    pagemap_postfork(child);
    extent_postfork(child);
    arenas_postfork(child);
    tcaches_postfork(child);
    thread_postfork(child);
    background_postfork(child);
    prof_dump_postfork(child);
    init_postfork(child);
}

static void
postfork_parent(void) {
    postfork(false);
}

static void
postfork_child(void) {
    unwind_forked();
    postfork(true);
    system_forked();
}

/* What pthread_atfork calls, where the C library is glibc: its own code is linked behind all of ours, into pages that a
 * small program touches for nothing else. */
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *library)
    __attribute__((weak));
/* Whose handlers these are; NULL: they stay for good, as the library does. The start files define it where they are
 * linked. */
__attribute__((weak, visibility("hidden"))) void *__dso_handle;

/* In the order of constructors before all others' of the program or library that this one is part of. */
__attribute__((constructor(101))) static AT_LOAD void
register_early(void) {
    fork_boot();
}

AT_LOAD void
fork_boot(void) {
    static _Atomic bool registered;
    if (atomic_exchange_explicit(&registered, true, memory_order_relaxed)) {
        return;
    }
    if (__register_atfork != NULL) {
        __register_atfork(prefork, postfork_parent, postfork_child, __dso_handle);
    } else {
        pthread_atfork(prefork, postfork_parent, postfork_child);
    }
}
