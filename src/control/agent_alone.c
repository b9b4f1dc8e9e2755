/* agent_alone.c -- counts threads that are not the allocator's own. */
#include "control/agent_alone.h"

#include "control/agent.h"
#include "control/background.h"
#include "control/reporter.h"
#include "os/process.h"
#include "os/thread.h"
#include "thread/thread.h"

/* The allocator's own threads, and one more. */
#define OWN_MAX (BACKGROUND_MAX + 3)

static bool
is_own(uint32_t id, uint32_t self) {
    return id == self || background_has(id) || reporter_has(id) || agent_has(id);
}

typedef struct {
    uint32_t self;
    bool found; /* a thread of the application's */
} search_t;

static void
look_at(const thread_t *thread, void *context) {
    search_t *search = context;
    search->found = search->found || !is_own(thread->id, search->self);
}

static bool
known_thread_left(uint32_t self) {
    search_t search = {.self = self};
    threads_lock();
    thread_each(look_at, &search);
    threads_unlock();
    return search.found;
}

/* Without an answer of the system's, no thread is left. */
static bool
any_thread_left(uint32_t self) {
    uint32_t ids[OWN_MAX];
    size_t n = process_threads(ids, OWN_MAX);
    for (size_t i = 0; i < n; i++) {
        if (!is_own(ids[i], self)) {
            return true;
        }
    }
    return false;
}

bool
agent_is_alone(void) {
    uint32_t self = os_thread_id();
    return !known_thread_left(self) && !any_thread_left(self);
}
