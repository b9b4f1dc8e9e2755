/*
 * fork.c -- every lock is held across fork, outermost first, so that the child's structures are whole.
 *
 * "Prepare" handlers run in the reverse order of their registration, the others in that order. Ours are registered as
 * early as possible, so that few other handlers run while the locks are held; these can allocate all the same
 * (lock_fork_begin).
 */
#include "api/init.h"
#include "arena/arenas.h"
#include "control/agent.h"
#include "control/background.h"
#include "control/reporter.h"
#include "extent/metadata.h"
#include "extent/pagemap.h"
#include "observe/history.h"
#include "observe/prof.h"
#include "observe/prof_dump.h"
#include "observe/record.h"
#include "os/pages.h"
#include "os/process.h"
#include "os/system.h"
#include "os/thread.h"
#include "os/unwind.h"
#include "thread/tcaches.h"
#include "thread/thread_life.h"

/* The lock of boot (init.c). Synchronization: constant once the handlers are registered. */
static lock_t *boot_lock;

static void
prefork(void) {
    lock_prefork(boot_lock);
    reporter_prefork();
    prof_dump_prefork();
    background_prefork();
    thread_prefork();
    tcaches_prefork();
    record_prefork();
    arenas_prefork();
    extent_prefork();
    pagemap_prefork();
    prof_prefork();
    history_prefork();
    metadata_prefork();
    pages_prefork();
    lock_fork_begin();
}

static void
postfork(bool child) {
    lock_fork_end();
    pages_postfork(child);
    metadata_postfork(child);
    history_postfork(child);
    prof_postfork(child);
    pagemap_postfork(child);
    extent_postfork(child);
    arenas_postfork(child);
    record_postfork(child);
    tcaches_postfork(child);
    thread_postfork(child);
    background_postfork(child);
    agent_postfork(child);
    prof_dump_postfork(child);
    reporter_postfork(child);
    lock_postfork(boot_lock, child);
}

static void
postfork_parent(void) {
    postfork(false);
}

static void
postfork_child(void) {
    unwind_forked();
    os_thread_forked();
    postfork(true);
    system_forked();
}

void
fork_boot(lock_t *lock) {
    static _Atomic bool registered;
    if (!atomic_exchange_explicit(&registered, true, memory_order_relaxed)) {
        boot_lock = lock;
        process_at_fork(prefork, postfork_parent, postfork_child);
    }
}
