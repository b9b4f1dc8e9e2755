/* quarantine.c -- a ring of pointers for each thread, made when the first object enters, and larger when it is full. */
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

_Static_assert(QUARANTINE_MOST == 1U << (LG_RING_MAX), "a ring of this size can be had");

typedef struct quarantine {
    /* Synchronization: the owner alone: these fields. */
    void **ring;    /* 2^lg pointers; NULL while it is empty */
    uint32_t lg;    /* of the ring */
    uint32_t first; /* the oldest one's place */
    uint32_t n;     /* objects */
    uint64_t bytes; /* of them */

    _Atomic uint32_t held[SC_MAX_SIZES]; /* Synchronization: the owner writes, any thread reads; objects by szind. */
} quarantine_t;
_Static_assert(sizeof(quarantine_t) <= 1U << LG_QUARANTINE, "a quarantine fits its block");

static void **
slot(const quarantine_t *q, uint32_t i) {
    return &q->ring[(q->first + i) & ((1U << q->lg) - 1)];
}

/* ---- contents ---- */

/* The first of `size` bytes, a multiple of 8, that is no junk any more; `size` if there is none. */
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
report_write(const void *ptr, size_t offset, size_t size) {
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
        report_write(ptr, offset, size);
    }
}

/* Only what is all junk may be here already. */
static void
check_is_new(const quarantine_t *q, const void *ptr, size_t size) {
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

/* NULL without memory. */
static quarantine_t *
quarantine_of(thread_t *thread) {
    quarantine_t *q = atomic_get(&thread->quarantine);
    if (q == NULL && (q = metadata_block_alloc(LG_QUARANTINE)) != NULL) {
        memset(q, 0, sizeof *q);
        atomic_set_release(&thread->quarantine, q);
    }
    return q;
}

/* Twice as large, or a first one. False if it may not be, or without memory. */
static bool
grow(quarantine_t *q) {
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
drop_ring(quarantine_t *q) {
    if (q->ring != NULL) {
        metadata_block_free(q->ring, q->lg + LG_SLOT);
        q->ring = NULL;
    }
}

static void
push(quarantine_t *q, void *ptr, uint32_t szind) {
    *slot(q, q->n++) = ptr;
    q->bytes += sc.size[szind];
    counter_add(&q->held[szind], 1);
}

/* The oldest one goes back to its arena, which may run hooks, and so comes last. It is no longer all junk: when it is
 * allocated again, not written to and freed, nothing suggests that it is here already. */
static void
leave(quarantine_t *q) {
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

/* Lets those leave that are more than so many bytes. */
static void
leave_to(quarantine_t *q, uint64_t bytes) {
    while (q->n > 0 && q->bytes > bytes) {
        leave(q);
    }
}

/* Room for one more, of `size` bytes. False without memory. */
static bool
make_room(quarantine_t *q, size_t size, uint64_t limit) {
    leave_to(q, limit - size);
    bool full = q->ring == NULL || q->n == 1U << q->lg;
    if (full && !grow(q) && q->n > 0) {
        leave(q);
    }
    return q->ring != NULL;
}

/* ---- from outside ---- */

static bool
takes(const thread_t *thread, const extent_t *e, uint64_t limit) {
    return thread != &thread_exited && !hooks_running() && sc.size[e->szind] <= limit &&
           !atomic_get(&arenas_get(extent_arena(e))->manual) && (e->slab || e->sample == NULL);
}

bool
quarantine_enter(thread_t *thread, const extent_t *e, void *ptr) {
    witness_no_core_lock();
    uint64_t limit = modes_on(MODES_QUARANTINE);
    size_t size = sc.size[e->szind];
    quarantine_t *q = takes(thread, e, limit) ? quarantine_of(thread) : NULL;
    if (q == NULL) {
        return false;
    }
    check_is_new(q, ptr, size);
    if (!make_room(q, size, limit)) {
        return false;
    }
    memset(ptr, JUNK_FREED, size);
    push(q, ptr, e->szind);
    return true;
}

void
quarantine_fit(thread_t *thread) {
    witness_no_core_lock();
    quarantine_t *q = atomic_get(&thread->quarantine);
    if (q != NULL) {
        leave_to(q, modes_on(MODES_QUARANTINE));
    }
}

void
quarantine_flush(thread_t *thread) {
    witness_no_core_lock();
    quarantine_t *q = atomic_get(&thread->quarantine);
    if (q != NULL) {
        leave_to(q, 0);
        drop_ring(q);
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
