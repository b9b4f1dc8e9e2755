/* record.c -- writes events to a thread's ring, where more is to be done than the common case needs. */
#include "observe/record.h"

#include "observe/record_life.h"

/* ---- room ---- */

static size_t
ring_size(const recorder_t *r) {
    return (size_t)1 << r->recording->shape.lg_ring;
}

/* Bytes that the reader has taken or never had, and the thread may write. Whatever the reader says, at most a ring. */
static size_t
free_bytes(const recorder_t *r) {
    size_t size = ring_size(r);
    uint64_t used = r->lap + (uintptr_t)r->out - atomic_get_acquire(&r->ring->read);
    return used > size ? 0 : size - (size_t)used;
}

/* Where the next event no longer fits; `free`: bytes from `out` on, which may go on at the ring's beginning. */
static uint8_t *
stop_for(const recorder_t *r, size_t free) {
    size_t ahead = (size_t)(r->base + ring_size(r) - r->out);
    size_t room = free < ahead ? free : ahead;
    return room < RECORD_ROOM ? r->out : r->out + (room - RECORD_ROOM) + 1;
}

/* Fills the rest of the ring with padding and goes on at its beginning. False if the reader has not got that far. */
static bool
wrap(recorder_t *r, size_t *free) {
    size_t ahead = (size_t)(r->base + ring_size(r) - r->out);
    if (ahead >= 2 * RECORD_ROOM) {
        return true;
    }
    if (*free < ahead) {
        return false;
    }
    memset(r->out, 0, ahead);
    *free -= ahead;
    r->lap += ring_size(r);
    r->out = r->base;
    return true;
}

/* Room for an event and a RECORD_LOST before it. After a loss there must be more, so that few of these are needed. */
static bool
make_room(recorder_t *r, uint8_t **stop) {
    size_t free = free_bytes(r), least = r->lost == 0 ? 2 * RECORD_ROOM : ring_size(r) / 8;
    bool roomy = free >= least && wrap(r, &free) && free >= 2 * RECORD_ROOM;
    *stop = stop_for(r, roomy ? free : 0);
    return roomy;
}

/* ---- events ---- */

static void
put(recorder_t *r, const record_event_t *event) {
    record_publish(r, r->out + record_encode(&r->codec, event, r->out));
}

static void
lose(recorder_t *r) {
    r->lost++;
    counter_add(&r->ring->lost, 1);
}

static void
tell_lost(recorder_t *r, uint64_t stamp) {
    uint64_t lost = r->lost;
    if (lost > 0) {
        put(r, &(record_event_t){.time = stamp, .kind = RECORD_LOST, .size = lost, .touched = RECORD_UNKNOWN});
        r->lost -= lost;
    }
}

/* A thread that has no ring may get one that has been given back; this event is lost in any case. */
static void
put_nowhere(recorder_t *r) {
    atomic_add(&r->recording->head->ringless, 1);
    r->recording->try_again(r->recording);
}

/* While `stop` is NULL, a signal handler's events are lost. */
void
record_put_slow(recorder_t *r, const record_event_t *event) {
    if (r->recording == NULL) {
        return;
    }
    if (r->ring == NULL) {
        put_nowhere(r);
        return;
    }
    if (r->stop == NULL) {
        lose(r);
        return;
    }
    uint8_t *stop;
    r->stop = NULL;
    atomic_signal_fence(memory_order_seq_cst);
    if (make_room(r, &stop)) {
        tell_lost(r, event->time);
        put(r, event);
    } else {
        lose(r);
    }
    atomic_signal_fence(memory_order_seq_cst);
    r->stop = stop;
}

void
record_put_full(recorder_t *r, uint32_t kind, uint32_t hint, uint64_t stamp, const void *ptr, uint64_t size) {
    record_put_slow(r, &(record_event_t){.time = stamp,
                                         .kind = (uint8_t)kind,
                                         .hint = hint & 7,
                                         .addr = (uintptr_t)ptr,
                                         .size = size,
                                         .touched = RECORD_UNKNOWN});
}
