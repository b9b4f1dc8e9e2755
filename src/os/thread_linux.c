/* thread_linux.c -- pthreads and futexes. */
#include "os/thread.h"

#include "os/call.h"
#include "os/clock.h"
#include "os/thread_light.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

uint32_t
os_thread_id(void) {
    return (uint32_t)CALL(SYS_gettid);
}

uint32_t
os_process_id(void) {
    return (uint32_t)CALL(SYS_getpid);
}

void
os_thread_yield(void) {
    CALL(SYS_sched_yield);
}

/* ---- threads of the allocator's own ---- */

/* For purging and an application's extent hooks; added to the system's minimum, which includes thread-local data. */
#define STACK_BYTES ((size_t)256 << 10)

/* What a new thread runs first: it publishes its number and names itself. */
static void *
begin(void *arg) {
    os_thread_t *thread = arg;
    uint32_t id = os_thread_id();
    os_thread_enter(id);
    atomic_set(&thread->self, id);
    CALL(SYS_prctl, PR_SET_NAME, thread->name);
    thread->run(thread->arg);
    atomic_set(&thread->self, 0);
    os_thread_leave(id);
    return NULL;
}

static bool
create(os_thread_t *thread) {
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0) {
        return false;
    }
    long least = sysconf(_SC_THREAD_STACK_MIN);
    pthread_attr_setstacksize(&attr, STACK_BYTES + (least > 0 ? (size_t)least : 0));
    bool created = pthread_create(&thread->id, &attr, begin, thread) == 0;
    pthread_attr_destroy(&attr);
    return created;
}

/* Blocks all signals around the creation, because a thread starts with its creator's signal mask. */
bool
os_thread_start(os_thread_t *thread, const char *name, void (*run)(void *), void *arg) {
    sigset_t all, before;
    int saved = errno;
    thread->name = name;
    thread->run = run;
    thread->arg = arg;
    thread->light = false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool created = create(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return created;
}

/* pthread_join is a cancellation point, and the caller may hold a lock. */
void
os_thread_join(os_thread_t *thread) {
    int before;
    if (thread->light) {
        os_thread_join_light(thread);
        return;
    }
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    pthread_join(thread->id, NULL);
    pthread_setcancelstate(before, NULL);
}

/* ---- sleeping ---- */

void
os_sleep_on(_Atomic uint32_t *word, uint32_t value) {
    CALL(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL);
}

void
os_wake_one(_Atomic uint32_t *word) {
    CALL(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1);
}

/* False if the time is over. The kernel is told the time that is left, because its clock and ours may differ, as where
 * ours cannot be read. */
static bool
sleep_while_not_pending(event_count_t *event_count, uint64_t until) {
    uint64_t now = clock_ns();
    uint64_t left = until > now ? until - now : 0;
    struct timespec time = {.tv_sec = (time_t)(left / 1000000000U), .tv_nsec = (long)(left % 1000000000U)};
    struct timespec *limit = until == UINT64_MAX ? NULL : &time;
    long result = CALL(SYS_futex, &event_count->pending, FUTEX_WAIT_PRIVATE, 0, limit);
    return result == 0 || result == -EAGAIN || result == -EINTR;
}

bool
event_count_wait(event_count_t *event_count, uint64_t until) {
    while (atomic_exchange_explicit(&event_count->pending, 0, memory_order_acquire) == 0) {
        if (!sleep_while_not_pending(event_count, until)) {
            return false;
        }
    }
    return true;
}
