/* threads.c -- copies of threads: counts of their caches, idle time, names. */
#include "observe/threads.h"

#include "observe/requests.h"
#include "os/clock.h"
#include "os/process.h"
#include "thread/refresh.h"

_Static_assert(LUNALLOC_CACHED_CLASSES == CACHE_BINS - 1, "an entry for each class that a cache covers");
_Static_assert(sizeof((lunalloc_thread_t *)NULL)->name == PROCESS_THREAD_NAME, "a name fits");

/* ---- idle time ---- */

/* A number that changes when the thread allocates or frees: requests count in the high bits, and the objects in its
 * cache, which a thread that only frees changes, in the low ones. Never 0. */
static uint64_t
sum_of_work(const requests_t *counts) {
    uint64_t requests = 0, cached = 0;
    for (uint32_t i = 0; i < sc.nsizes; i++) {
        requests += counts->n[i];
        cached += counts->cached[i];
    }
    return requests << 20 | (cached & 0x7ffff) | 0x80000;
}

/* The first list has nothing to compare with. */
static void
note_work(thread_t *thread, uint64_t work, uint64_t now) REQUIRES(role_threads) {
    if (thread->seen_work != work) {
        thread->seen_at = thread->seen_work == 0 ? 0 : now;
        thread->seen_work = work;
    }
}

/* A tick may have read the clock after the list did. */
static uint64_t
idle_time(const thread_t *thread, uint64_t now) REQUIRES(role_threads) {
    uint64_t ticked = atomic_get(&thread->ticked_at);
    uint64_t last = ticked > thread->seen_at ? ticked : thread->seen_at;
    return now > last ? now - last : 0;
}

/* ---- copies ---- */

static void
copy_objects(const requests_t *counts, lunalloc_thread_t *out) {
    for (uint32_t i = 0; i < LUNALLOC_CACHED_CLASSES && i < sc.nsizes; i++) {
        out->objects[i] = (uint32_t)counts->cached[i];
        out->nclasses = out->objects[i] != 0 ? i + 1 : out->nclasses;
    }
}

static void
copy_thread(thread_t *thread, uint64_t now, lunalloc_thread_t *out) REQUIRES(role_threads) {
    requests_t counts;
    requests_of_thread(thread, &counts);
    note_work(thread, sum_of_work(&counts), now);
    *out = (lunalloc_thread_t){
        .tid = thread->id,
        .arena = counts.arena->index,
        .idle = idle_time(thread, now),
        .cached = counts.cached_bytes,
        .behind = thread_is_behind(thread),
    };
    for (uint32_t i = 0; i < sc.nsizes; i++) {
        out->requests += counts.n[i];
    }
    copy_objects(&counts, out);
}

/* Threads that are copied while the lock is held once: a thread that begins or ends waits that long. */
#define BATCH 32

static size_t
copy_batch(lunalloc_thread_cursor_t *cursor, lunalloc_thread_t *out, size_t n) {
    size_t got = 0;
    uint64_t now = clock_coarse_ns();
    threads_lock();
    for (thread_t *thread = threads_after(cursor->next); thread != NULL && got < n; thread = threads_next(thread)) {
        copy_thread(thread, now, &out[got++]);
        cursor->next = thread->serial;
    }
    threads_unlock();
    return got;
}

size_t
threads_copy(lunalloc_thread_cursor_t *cursor, lunalloc_thread_t *out, size_t n) {
    size_t got = 0;
    for (size_t more = BATCH; more == BATCH && got < n; got += more) {
        more = copy_batch(cursor, &out[got], n - got < BATCH ? n - got : BATCH);
    }
    for (size_t i = 0; i < got; i++) {
        process_thread_name(out[i].tid, out[i].name);
    }
    return got;
}
