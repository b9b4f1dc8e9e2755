/* history.c -- two rings of records. Record k of a ring lies at k modulo its length. */
#include "observe/history.h"

#include "base/atomic.h"
#include "base/fmt.h"
#include "extent/metadata.h"
#include "observe/requests.h"
#include "observe/stats.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/process.h"

#include <string.h>

/* Records that are copied while the lock is held once. */
#define BATCH 64

typedef struct {
    /* Synchronization: role_history: these fields. */
    lunalloc_moment_t moments[HISTORY_MOMENTS];
    lunalloc_mark_t marks[HISTORY_MARKS];
} rings_t;
_Static_assert(sizeof(rings_t) <= HISTORY_BYTES, "the memory is bounded");

static lock_t lock = LOCK_INITIALIZER(RANK_HISTORY);
/* Not static: another process finds it (control/layout.def); likewise below. */
rings_t *_Atomic history_rings; /* Synchronization: the thread that ticks writes, once; any thread reads. */
static _Atomic bool kept;       /* Synchronization: the thread that ticks, and fork, write; any thread reads. */
uint64_t history_nmoments GUARDED_BY(role_history); /* so far; likewise below */
uint64_t history_nmarks GUARDED_BY(role_history);

static void
history_lock(void) ACQUIRE(role_history) NO_THREAD_SAFETY {
    lock_acquire(&lock);
}

static void
history_unlock(void) RELEASE(role_history) NO_THREAD_SAFETY {
    lock_release(&lock);
}

/* ---- adding ---- */

static rings_t *
rings_or_new(void) {
    rings_t *here = atomic_get(&history_rings);
    if (here == NULL) {
        here = metadata_alloc(sizeof *here, _Alignof(rings_t));
        atomic_set_release(&history_rings, here);
    }
    return here;
}

static lunalloc_moment_t
measure(void) {
    lunalloc_stats_t stats;
    stats_read(LUNALLOC_ALL, &stats);
    lunalloc_moment_t moment = {
        .time = stats.time,
        .rss = LUNALLOC_ABSENT,
        .allocated = stats.allocated,
        .active = stats.active,
        .dirty = stats.dirty,
        .muzzy = stats.muzzy,
        .retained = stats.retained,
        .discarded = stats.discarded,
        .requests = requests_total(&stats),
        .faults = LUNALLOC_ABSENT,
    };
    process_rss(&moment.rss);
    process_faults(&moment.faults);
    return moment;
}

void
history_tick(void) {
    rings_t *here = rings_or_new();
    if (here == NULL) {
        return;
    }
    lunalloc_moment_t moment = measure();
    history_lock();
    here->moments[history_nmoments++ % HISTORY_MOMENTS] = moment;
    history_unlock();
    atomic_set_release(&kept, true);
}

bool
history_is_kept(void) {
    return atomic_get_acquire(&kept);
}

static void
copy_text(char *to, size_t size, const char *text) {
    size_t len = strnlen(text, size - 1);
    memcpy(to, text, len);
    to[len] = '\0';
}

void
history_mark(const char *name, const char *value) {
    if (!history_is_kept()) {
        return;
    }
    rings_t *here = atomic_get_acquire(&history_rings);
    history_lock();
    lunalloc_mark_t *mark = &here->marks[history_nmarks++ % HISTORY_MARKS];
    mark->time = clock_ns();
    copy_text(mark->name, sizeof mark->name, name);
    copy_text(mark->value, sizeof mark->value, value);
    history_unlock();
}

/* ---- reading ---- */

/* Where the next record lies that the reader has not got, if `most` are kept of `count`. A cursor beyond the count is
 * one of before the fork. Moves the cursor behind the record. */
static bool
take_next(lunalloc_history_cursor_t *cursor, uint64_t count, uint64_t most, size_t *at) {
    uint64_t oldest = count > most ? count - most : 0;
    if (cursor->next < oldest || cursor->next > count) {
        cursor->next = oldest;
    }
    *at = (size_t)(cursor->next % most);
    return cursor->next < count && ++cursor->next != 0;
}

static size_t
copy_moments(lunalloc_history_cursor_t *cursor, lunalloc_moment_t *out, size_t n) {
    size_t got = 0, at;
    history_lock();
    while (got < n && got < BATCH && take_next(cursor, history_nmoments, HISTORY_MOMENTS, &at)) {
        out[got++] = atomic_get(&history_rings)->moments[at];
    }
    history_unlock();
    return got;
}

static size_t
copy_marks(lunalloc_history_cursor_t *cursor, lunalloc_mark_t *out, size_t n) {
    size_t got = 0, at;
    history_lock();
    while (got < n && got < BATCH && take_next(cursor, history_nmarks, HISTORY_MARKS, &at)) {
        out[got++] = atomic_get(&history_rings)->marks[at];
    }
    history_unlock();
    return got;
}

size_t
history_moments(lunalloc_history_cursor_t *cursor, lunalloc_moment_t *out, size_t n) {
    size_t all = 0, got;
    while (all < n && (got = copy_moments(cursor, &out[all], n - all)) > 0) {
        all += got;
    }
    return all;
}

size_t
history_marks(lunalloc_history_cursor_t *cursor, lunalloc_mark_t *out, size_t n) {
    size_t all = 0, got;
    while (all < n && (got = copy_marks(cursor, &out[all], n - all)) > 0) {
        all += got;
    }
    return all;
}

/* ---- fork ---- */

void
history_prefork(void) {
    lock_prefork(&lock);
}

static void
forget_all(void) NO_THREAD_SAFETY {
    history_nmoments = history_nmarks = 0;
    atomic_set(&kept, false);
}

void
history_postfork(bool child) {
    if (child) {
        forget_all();
    }
    lock_postfork(&lock, child);
}
