/* init.c -- the order of boot, and early blocks. Nothing that boot calls allocates from the allocator before
 * thread_self is set. */
#include "api/init.h"

#include "api/print.h"
#include "arena/arenas.h"
#include "arena/arenas_bind.h"
#include "arena/arenas_special.h"
#include "base/check.h"
#include "base/options.h"
#include "control/agent.h"
#include "control/agent_loop.h"
#include "control/background.h"
#include "control/conf.h"
#include "control/target.h"
#include "observe/record.h"
#include "os/clock.h"
#include "os/pages.h"
#include "os/process.h"
#include "os/system.h"
#include "os/thread.h"
#include "thread/byte_counters.h"
#include "thread/refresh.h"
#include "thread/thread_life.h"

#include <errno.h>
#include <string.h>

static lock_t lock = LOCK_INITIALIZER(RANK_BOOT);
static void (*_Atomic when_booted)(void); /* Synchronization: written once; any thread reads. */
_Atomic bool init_done;

/* ---- early blocks ---- */

/* Bytes of the region; pages that are never touched cost nothing. */
#define REGION ((size_t)8 << 20)

/* Synchronization: the thread that boots; constant afterwards. */
static uintptr_t region; /* address; 0 until needed */
static uintptr_t used;   /* bytes */

typedef struct {
    _Alignas(16) size_t size;
} early_header_t;

static early_header_t *
header_of(const void *ptr) {
    return (early_header_t *)(uintptr_t)ptr - 1;
}

/* From then on, sized frees look each block up: an early one must not enter a cache. */
static bool
region_ready(void) {
    if (region == 0) {
        region = (uintptr_t)pages_map(REGION, pages_size());
        atomic_set(&arenas_uncached_made, true);
    }
    return region != 0;
}

void *
early_alloc(size_t size, size_t alignment) {
    if (size < REGION && alignment < REGION && region_ready()) {
        uintptr_t start = align_up(region + used + sizeof(early_header_t), alignment < 16 ? 16 : alignment);
        if (start + size <= region + REGION) {
            used = start + size - region;
            header_of((void *)start)->size = size;
            return memset((void *)start, 0, size);
        }
    }
    errno = ENOMEM;
    return NULL;
}

bool
early_has(const void *ptr) {
    return (uintptr_t)ptr - region < used;
}

size_t
early_size(const void *ptr) {
    return header_of(ptr)->size;
}

void *
early_copy(void *to, const void *ptr, size_t size) {
    size_t old_size = early_size(ptr);
    return to != NULL ? memcpy(to, ptr, old_size < size ? old_size : size) : NULL;
}

void
early_free(void *ptr) {
    if ((uintptr_t)ptr + early_size(ptr) == region + used) {
        used = (uintptr_t)header_of(ptr) - region;
    }
}

/* ---- boot ---- */

/* Thread caches leave an arena little to do, so several running threads hardly contend for one, while each further
 * arena costs partly used slabs and free pages of its own (measured by scripts/sweep, opt.narenas). */
#define PROCESSORS_PER_ARENA 2

/* The quota of a control group costs some system calls, so it is read only if it can change the number of arenas. */
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

/* Reads from the system all that a report at exit needs, except memory and write: by then the process may have
 * forbidden itself other system calls. */
static void
prepare_report(void) {
    system_keep_error();
    pages_huge_size();
}

/* Last of all: other processes may look, and ask for the agent. Here, not beside the structure, because the code of
 * boot lies together (scripts/check-boot). */
static void
tell_others(void) {
    atomic_set(&lunalloc_target.pid, os_process_id());
    atomic_set(&lunalloc_target.agent, options.agent == agent_never ? AGENT_NEVER : AGENT_OFF);
    atomic_set(&agent_work, agent_loop);
    atomic_set_release(&threads_requested, agent_requested);
    atomic_set_release(&lunalloc_target.booted, 1);
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
        byte_counters_report_each((uint64_t)options.stats_interval, print_at_interval);
    }
    arenas_bind_boot(options.narenas);
    arenas_oversize_boot();
    thread_boot();
    background_boot();
    if (options.record[0] != '\0') {
        record_from_start(options.record);
    }
    tell_others();
}

/* The thread that boots, by the address of its thread_self; 0: none. */
static _Atomic uintptr_t booter;

static AT_LOAD void
call_when_booted(void) {
    void (*then)(void) = atomic_get_acquire(&when_booted);
    if (then != NULL && atomic_get_acquire(&init_done)) {
        then();
    }
}

AT_LOAD void
init_when_booted(void (*then)(void)) {
    atomic_set_release(&when_booted, then);
    call_when_booted();
}

void
init_at_fork(void) {
    fork_boot(&lock);
}

/* The handlers of fork are registered first, so that no fork leaves the lock of boot taken in the child. */
bool
init_boot_once(void) {
    if (atomic_get(&booter) == (uintptr_t)&thread_self) {
        return false;
    }
    init_at_fork();
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
        call_when_booted();
    }
    return true;
}
