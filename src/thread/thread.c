/* thread.c -- states of threads, and the list of them all. */
#include "thread/thread.h"

#include "thread/tcache.h"

/* Seldom written, and so behind the variables that every process writes: common symbols are placed last. */
__attribute__((common)) thread_t thread_uninitialised, thread_exited;
__thread thread_t *thread_self __attribute__((tls_model("initial-exec"), visibility("hidden"))) = &thread_uninitialised;

_Atomic size_t realloc_fast_max = SC_LOOKUP_MAX;

/* Not static: another process finds it (control/layout.def). */
lock_t lock_of_threads = LOCK_INITIALIZER(RANK_THREADS);
/* Not static: another process finds it (control/layout.def). */
list_t threads_list GUARDED_BY(role_threads) = {&threads_list, &threads_list};
static uint32_t nthreads GUARDED_BY(role_threads);
static uint64_t nbirths GUARDED_BY(role_threads);

/* ---- all threads ---- */

void
threads_lock(void) NO_THREAD_SAFETY {
    lock_acquire(&lock_of_threads);
}

void
threads_unlock(void) NO_THREAD_SAFETY {
    lock_release(&lock_of_threads);
}

lock_t *
threads_mutex(void) {
    return &lock_of_threads;
}

/* Adds the requests that the thread's cache has counted to one arena, and subtracts them from the other unless NULL. */
static void
hand_over_requests(const thread_t *thread, arena_t *to, arena_t *from) REQUIRES(role_threads) {
    for (uint32_t i = 0; i + 1 < CACHE_BINS; i++) {
        uint64_t n = tcache_requests(&thread->cache, i);
        atomic_add(&to->requests[i], n);
        if (from != NULL) {
            atomic_sub(&from->requests[i], n);
        }
    }
}

void
threads_add(thread_t *thread) {
    threads_lock();
    thread->serial = ++nbirths;
    list_push_back(&threads_list, &thread->link);
    nthreads++;
    threads_unlock();
}

uint32_t
threads_remove(thread_t *thread) {
    threads_lock();
    list_remove(&thread->link);
    uint32_t left = --nthreads;
    hand_over_requests(thread, atomic_get(&thread->arena), NULL);
    threads_unlock();
    return left;
}

/* Under the threads' lock, so that sums of requests over threads and arenas stay exact (threads_lock). */
void
threads_set_arena(thread_t *thread, arena_t *arena) {
    threads_lock();
    hand_over_requests(thread, atomic_get(&thread->arena), arena);
    atomic_set(&thread->arena, arena);
    thread->bin_shard = arena_assign_bin_shard(arena);
    threads_unlock();
}

void
thread_each(void (*visit)(const thread_t *thread, void *context), void *context) {
    for (list_t *at = threads_list.next; at != &threads_list; at = at->next) {
        visit(container_of(at, thread_t, link), context);
    }
}

static thread_t *
thread_at(list_t *at) REQUIRES(role_threads) {
    return at == &threads_list ? NULL : container_of(at, thread_t, link);
}

thread_t *
threads_next(const thread_t *thread) {
    return thread_at(thread->link.next);
}

thread_t *
threads_after(uint64_t serial) {
    thread_t *thread = thread_at(threads_list.next);
    while (thread != NULL && thread->serial <= serial) {
        thread = threads_next(thread);
    }
    return thread;
}

void
threads_prefork(void) {
    lock_prefork(&lock_of_threads);
}

/* Only one thread exists and it holds the lock, through the fork. */
static void
keep_only(thread_t *only) NO_THREAD_SAFETY {
    list_init(&threads_list);
    nthreads = 0;
    if (only != NULL) {
        list_push_back(&threads_list, &only->link);
        nthreads = 1;
    }
}

void
threads_postfork(bool child, thread_t *only) {
    if (child) {
        keep_only(only);
    }
    lock_postfork(&lock_of_threads, child);
}
