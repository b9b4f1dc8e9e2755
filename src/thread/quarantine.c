/* quarantine.c -- a ring of pointers for each thread: created when the first object enters, doubled when it is full. */
#include "thread/quarantine.h"

#include "base/check.h"
#include "base/fmt.h"
#include "base/witness.h"
#include "extent/metadata.h"
#include "thread/modes.h"

#include <string.h>

#define LG_SLOT       3
#define LG_RING_MIN   6
#define LG_RING_MAX   METADATA_LG_MAX - LG_SLOT
#define LG_QUARANTINE 11

_Static_assert(QUARANTINE_MAX_OBJECTS == 1U << (LG_RING_MAX), "metadata has blocks for the largest ring");

_Static_assert(sizeof(quarantine_t) <= 1U << LG_QUARANTINE, "a quarantine fits its block");

static void **
slot(const quarantine_t *q, uint32_t i) {
    return &q->ring[(q->first + i) & ((1U << q->lg) - 1)];
}

/* ---- contents ---- */

/* Offset of the first of `size` bytes that is not JUNK_FREED; `size` if all are. */
static size_t
first_written(const unsigned char *at, size_t size) {
    const uint64_t *words = (const void *)at;
    size_t i = 0;
    while (i < size / sizeof *words && words[i] == UINT64_C(0x0101010101010101) * JUNK_FREED) {
        i++;
    }
    for (i *= sizeof *words; i < size && at[i] == JUNK_FREED; i++) {
    }
    return i;
}

static COLD void
report_write_after_free(const void *ptr, size_t offset, size_t size) {
    char buf[64];
    fmt_t detail = fmt_begin(buf, sizeof buf);
    fmt_str(&detail, "at byte ");
    fmt_u64(&detail, offset);
    fmt_str(&detail, " of ");
    fmt_u64(&detail, size);
    misuse("write after free", ptr, buf);
}

static void
check_unwritten(const void *ptr, size_t size) {
    size_t offset = first_written(ptr, size);
    if (UNLIKELY(offset != size)) {
        report_write_after_free(ptr, offset, size);
    }
}

/* An object that waits is all junk, so the queue is searched only for one that is. */
static void
check_not_waiting(const quarantine_t *q, const void *ptr, size_t size) {
    if (first_written(ptr, size) != size) {
        return;
    }
    for (uint32_t i = 0; i < q->n; i++) {
        if (*slot(q, i) == ptr) {
            misuse("double free", ptr, "waits in quarantine");
        }
    }
}

/* ---- the ring ---- */

/* The thread's quarantine, created on first use. NULL if there is no memory. */
static quarantine_t *
quarantine_of(thread_t *thread) {
    quarantine_t *q = atomic_get(&thread->quarantine);
    if (q == NULL && (q = metadata_block_alloc(LG_QUARANTINE)) != NULL) {
        memset(q, 0, sizeof *q);
        atomic_set_release(&thread->quarantine, q);
    }
    return q;
}

/* Doubles the ring, or creates it. False if it has its largest size, or if there is no memory. */
static bool
grow_ring(quarantine_t *q) {
    uint32_t lg = q->ring == NULL ? LG_RING_MIN : q->lg + 1;
    void **ring = lg > LG_RING_MAX ? NULL : metadata_block_alloc(lg + LG_SLOT);
    if (ring == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < q->n; i++) {
        ring[i] = *slot(q, i);
    }
    if (q->ring != NULL) {
        metadata_block_free(q->ring, q->lg + LG_SLOT);
    }
    q->ring = ring;
    q->lg = lg;
    q->first = 0;
    return true;
}

static void
delete_ring(quarantine_t *q) {
    if (q->ring != NULL) {
        metadata_block_free(q->ring, q->lg + LG_SLOT);
        q->ring = NULL;
    }
}

static void
ring_push(quarantine_t *q, void *ptr, uint32_t szind) {
    *slot(q, q->n++) = ptr;
    q->bytes += sc.size[szind];
    counter_add(&q->held[szind], 1);
}

/* Checks the oldest object and returns it to its arena. That may run hooks, so it is the last step. The object is made
 * to differ from junk: when it is allocated again and freed unwritten, it does not look like a waiting one. */
static void
release_oldest(quarantine_t *q) {
    void *ptr = *slot(q, 0);
    const extent_t *e = arena_extent_of(ptr, "free");
    q->first++;
    q->n--;
    q->bytes -= sc.size[e->szind];
    counter_add(&q->held[e->szind], -1U);
    check_unwritten(ptr, sc.size[e->szind]);
    *(unsigned char *)ptr = JUNK_ALLOCATED;
    arena_free(ptr);
}

/* Releases the oldest objects until at most `bytes` wait. */
static void
release_to(quarantine_t *q, uint64_t bytes) {
    while (q->n > 0 && q->bytes > bytes) {
        release_oldest(q);
    }
}

/* Makes room for one more object, of `size` bytes. False if there is no memory. */
static bool
make_room(quarantine_t *q, size_t size, uint64_t limit) {
    release_to(q, limit - size);
    bool full = q->ring == NULL || q->n == 1U << q->lg;
    if (full && !grow_ring(q) && q->n > 0) {
        release_oldest(q);
    }
    return q->ring != NULL;
}

/* ---- the thread's queue ---- */

static bool
may_enter(const thread_t *thread, const extent_t *e, uint64_t limit) {
    return thread != &thread_exited && !hooks_running() && sc.size[e->szind] <= limit &&
           !atomic_get(&arenas_get(extent_arena(e))->manual) && (e->slab || e->sample == NULL);
}

bool
quarantine_add(thread_t *thread, const extent_t *e, void *ptr) {
    witness_no_core_lock();
    uint64_t limit = modes_on(MODES_QUARANTINE);
    size_t size = sc.size[e->szind];
    quarantine_t *q = may_enter(thread, e, limit) ? quarantine_of(thread) : NULL;
    if (q == NULL) {
        return false;
    }
    check_not_waiting(q, ptr, size);
    if (!make_room(q, size, limit)) {
        return false;
    }
    memset(ptr, JUNK_FREED, size);
    ring_push(q, ptr, e->szind);
    return true;
}

void
quarantine_fit(thread_t *thread) {
    witness_no_core_lock();
    quarantine_t *q = atomic_get(&thread->quarantine);
    if (q != NULL) {
        release_to(q, modes_on(MODES_QUARANTINE));
    }
}

void
quarantine_flush(thread_t *thread) {
    witness_no_core_lock();
    quarantine_t *q = atomic_get(&thread->quarantine);
    if (q != NULL) {
        release_to(q, 0);
        delete_ring(q);
    }
}

void
quarantine_delete(thread_t *thread) {
    quarantine_t *q = atomic_get(&thread->quarantine);
    if (q != NULL) {
        metadata_block_free(q, LG_QUARANTINE);
    }
}

uint32_t
quarantine_count(const thread_t *thread, uint32_t szind) {
    const quarantine_t *q = atomic_get_acquire(&thread->quarantine);
    return q == NULL ? 0 : atomic_get(&q->held[szind]);
}
