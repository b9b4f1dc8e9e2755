/* record.c -- writes events to a thread's ring, where more is to be done than the common case needs. */
#include "observe/record.h"

#include "observe/record_life.h"

/* ---- the recorder's side, as far as it is believed ---- */

/* How long nobody may read before the thread looks whether there is still a recorder. */
#define SILENCE_NS UINT64_C(1000000000)
/* A thread that loses events looks at the recorder once in so many. */
#define LOSSES_A_LOOK 4096

/* A recorder whose connection does not tell the agent that it is gone: one that was killed, or reads no more. */
static void
look_at_recorder(recorder_t *r) {
    recording_t *recording = r->recording;
    uint64_t beat = atomic_get(&recording->head->beat), now = clock_ns();
    if (beat != atomic_get(&recording->beat)) {
        atomic_set(&recording->beat, beat);
        atomic_set(&recording->heard, now);
    }
    bool silent = now - atomic_get(&recording->heard) > SILENCE_NS && !shared_is_at(recording->path, &recording->id);
    if (beat == RECORD_NOBODY || silent) {
        recording->give_up(recording);
    }
}

/* Frees the segments of chunks that have been read. The position is the reader's word: at most a ring is freed. */
static void
reclaim(recorder_t *r) {
    const record_shape_t *shape = &r->recording->shape;
    uint32_t mask = record_segments(shape) - 1;
    uint64_t read = atomic_get_acquire(&r->ring->read), position = r->lap + (uintptr_t)r->out;
    if (read > position || position - read > (UINT64_C(1) << shape->lg_ring)) {
        return;
    }
    for (uint64_t chunk = read >> record_lg_segment(shape); r->first_chunk < chunk; r->first_chunk++) {
        r->free_segments |= UINT64_C(1) << r->map[r->first_chunk & mask];
    }
}

/* ---- room ---- */

/* The free segments that have memory. */
static uint64_t
usable_segments(const recorder_t *r) {
    uint32_t n = atomic_get_acquire(&r->ring->segments);
    return n < RECORD_SEGMENTS ? r->free_segments & ((UINT64_C(1) << n) - 1) : r->free_segments;
}

/* Begins the next chunk in a segment. */
static void
use_segment(recorder_t *r, uint32_t segment) {
    const record_shape_t *shape = &r->recording->shape;
    uint32_t lg = record_lg_segment(shape), slot = (uint32_t)r->next_chunk & (record_segments(shape) - 1);
    r->free_segments &= ~(UINT64_C(1) << segment);
    r->map[slot] = (uint8_t)segment;
    atomic_set(&r->ring->map[slot], (uint8_t)segment);
    if (segment >= atomic_get(&r->ring->touched)) {
        atomic_set(&r->ring->touched, segment + 1);
    }
    r->out = r->base + ((size_t)segment << lg);
    r->end = r->out + ((size_t)1 << lg);
    r->lap = (r->next_chunk++ << lg) - (uintptr_t)r->out;
}

/* Fills the rest of the segment with padding and goes on in another one. After a loss there must be some, so that few
 * RECORD_LOST are needed. */
static bool
next_segment(recorder_t *r) {
    if (r->lost % LOSSES_A_LOOK == 0) {
        look_at_recorder(r);
    }
    reclaim(r);
    uint64_t segments = usable_segments(r);
    uint32_t least = r->lost == 0 ? 1 : 1 + record_segments(&r->recording->shape) / 8;
    if ((uint32_t)__builtin_popcountll(segments) < least) {
        return false;
    }
    memset(r->out, 0, (size_t)(r->end - r->out));
    use_segment(r, (uint32_t)__builtin_ctzll(segments));
    return true;
}

/* Room for an event and a RECORD_LOST before it. */
static bool
make_room(recorder_t *r, uint8_t **stop) {
    bool roomy = (size_t)(r->end - r->out) >= 2 * RECORD_ROOM || next_segment(r);
    *stop = roomy ? r->end - RECORD_ROOM + 1 : r->out;
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
