/* init.c -- the order of boot. Nothing called here allocates before thread_self is set. */
#include "api/init.h"

#include "api/entry.h"
#include "api/message.h"

#include "arena/arenas.h"
#include "arena/arenas_bind.h"
#include "arena/arenas_special.h"
#include "base/check.h"
#include "base/options.h"
#include "control/background.h"
#include "control/conf.h"
#include "observe/prof.h"
#include "observe/prof_stack.h"
#include "os/clock.h"
#include "os/pages.h"
#include "os/process.h"
#include "os/system.h"
#include "thread/thread_life.h"

static lock_t lock = LOCK_INITIALIZER(RANK_BOOT);
static _Atomic bool libraries_loaded; /* Synchronization: any thread; never becomes false. */
_Atomic bool init_done;

/* Caches leave an arena so little to do that several threads at once hardly meet there, while each further arena holds
 * partly used slabs and free pages of its own: scripts/sweep, opt.narenas. */
#define PROCESSORS_PER_ARENA 2

/* A quota is looked up only where it could make a difference: it costs some calls of the system. */
static uint32_t
usable_processors(void) {
    uint32_t n = system_ncpus();
    uint32_t quota = n > PROCESSORS_PER_ARENA ? cgroup_own_ncpus() : n;
    return quota < n ? quota : n;
}

static uint32_t
auto_arenas(void) {
    uint32_t n = options.narenas;
    if (n == 0) {
        n = (usable_processors() + PROCESSORS_PER_ARENA - 1) / PROCESSORS_PER_ARENA;
    }
    return n < ARENAS_MAX_AUTO ? n : ARENAS_MAX_AUTO;
}

/* What a report at exit needs of the system beyond memory and write: a process may have forbidden itself the rest by
 * then. */
static void
prepare_report(void) {
    system_keep_error();
    pages_huge_size();
}

static void
boot(void) {
    check_sink = message_write;
    clock_boot();
    conf_read();
    sc_boot((sc_config_t){.lg_page = lg_floor(pages_size()), .lg_quantum = options.lg_quantum, .lg_ngroup = 2});
    conf_apply();
    if (options.stats_print || options.prof_leak) {
        prepare_report();
    }
    options.narenas = auto_arenas();
    if (!arenas_boot(options.narenas)) {
        misuse("no memory to start with", NULL, "");
    }
    if (options.stats_interval >= 0) {
        byte_counters_report_each((uint64_t)options.stats_interval, print_in_passing);
    }
    arenas_bind_boot(options.narenas);
    arenas_oversize_boot();
    thread_boot();
    background_boot();
    prof_is_entry = entry_is;
}

static void
begin_profile(void) {
    if (options.prof || options.prof_leak) {
        prof_begin();
    }
}

/* Runs after the constructors of the libraries that this one needs, the C library among them. */
__attribute__((constructor)) static AT_LOAD void
loaded(void) {
    background_allow();
    atomic_set(&libraries_loaded, true);
    if (atomic_get_acquire(&init_done)) {
        begin_profile();
    }
}

/* Whoever boots: the address of its thread_self. */
static _Atomic uintptr_t booter;

bool
init_boot_once(void) {
    if (atomic_get(&booter) == (uintptr_t)&thread_self) {
        return false;
    }
    lock_acquire(&lock);
    bool first = !atomic_get(&init_done);
    if (first) {
        atomic_set(&booter, (uintptr_t)&thread_self);
        boot();
        atomic_set(&booter, 0);
        atomic_set_release(&init_done, true);
    }
    lock_release(&lock);
    if (first) {
        fork_boot();
        if (atomic_get(&libraries_loaded)) {
            begin_profile();
        }
    }
    return true;
}

void
init_prefork(void) {
    lock_prefork(&lock);
}

void
init_postfork(bool child) {
    lock_postfork(&lock, child);
}
