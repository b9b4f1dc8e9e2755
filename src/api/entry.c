/* entry.c -- entry functions by their addresses; and the start of profiler and agent, once the libraries are loaded. */
#include "api/entry.h"

#include "api/init.h"
#include "api/seen.h"
#include "api/slow.h"
#include "base/options.h"
#include "control/agent.h"
#include "control/background.h"
#include "control/reporter.h"
#include "lunalloc.h"
#include "observe/prof.h"
#include "observe/prof_stack.h"

#define IS(function) (start == (uintptr_t)(function))

static bool
is_standard(uintptr_t start) {
    return IS(slow_malloc) || IS(slow_calloc) || IS(slow_aligned) || IS(slow_realloc) || IS(lunalloc_malloc) ||
           IS(lunalloc_calloc) || IS(lunalloc_realloc) || IS(lunalloc_posix_memalign) || IS(lunalloc_aligned_alloc);
}

static bool
is_seen(uintptr_t start) {
    return IS(slow_malloc_first) || IS(seen_slow_malloc) || IS(slow_malloc_unseen) || IS(seen_malloc) ||
           IS(seen_calloc) || IS(seen_aligned) || IS(seen_resize) || IS(seen_malloc_missed) || IS(seen_calloc_missed) ||
           IS(seen_unrecorded_malloc) || IS(seen_unrecorded_calloc);
}

static bool
is_extended(uintptr_t start) {
    return IS(mallocx_slow) || IS(rallocx_slow) || IS(lunalloc_mallocx) || IS(lunalloc_rallocx) ||
           IS(lunalloc_xallocx) || IS(lunalloc_batch_alloc);
}

/* C++'s operators exist where the standard names do. */
static bool
is_operator(uintptr_t start) {
#if LUNALLOC_REPLACE
    return IS(new_slow) || IS(new_nothrow_slow);
#else
    (void)start;
    return false;
#endif
}

bool
entry_is(uintptr_t start) {
    return is_standard(start) || is_seen(start) || is_extended(start) || is_operator(start);
}

static AT_LOAD void
begin_services(void) {
    if (options.prof || options.prof_leak) {
        prof_begin();
    }
    if (options.dump_signal[0] != '\0' || options.report_prefix[0] != '\0') {
        reporter_begin();
    }
    if (options.agent != agent_if_asked) {
        agent_begin();
    }
}

/* Runs after the constructors of the libraries that this one needs, the C library among them. */
__attribute__((constructor)) static AT_LOAD void
loaded(void) {
    background_allow();
    prof_is_entry = entry_is;
    init_when_booted(begin_services);
}
