/* agent_alone.c -- counts threads that are not the allocator's own. */
#include "control/agent_alone.h"

#include "os/process.h"
#include "os/thread.h"
#include "thread/thread.h"

static void
look_at(const thread_t *thread, void *found) {
    *(bool *)found = *(bool *)found || !os_thread_is_own(thread->id);
}

bool
agent_known_thread_left(void) {
    bool found = false;
    threads_lock();
    thread_each(look_at, &found);
    threads_unlock();
    return found;
}

/* Without an answer of the system's, no thread is left. */
static bool
any_thread_left(void) {
    uint32_t ids[OS_THREADS_OWN + 1];
    size_t n = process_threads(ids, OS_THREADS_OWN + 1);
    for (size_t i = 0; i < n; i++) {
        if (!os_thread_is_own(ids[i])) {
            return true;
        }
    }
    return false;
}

bool
agent_is_alone(void) {
    return !agent_known_thread_left() && !any_thread_left();
}
