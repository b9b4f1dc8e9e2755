/*
 * record.h -- records what the process asks of the allocator, into memory that a recorder in another process reads
 * (record_area.h): each call, or the extents only.
 *
 * Use record_begin and record_end to start and stop it (record_life.c). Entry points tell each call of a thread whose
 * calls are seen (api/seen.c); extents are told by a slot (arena/page_watch.h).
 *
 * How a thread takes part. It learns of a recording as of any change of settings: at its next slow path after the
 * config generation has changed (thread/refresh.h). Then it gets a ring, and in mode record_full a front (thread.h), so
 * that each of its calls takes a slow path, which is served from the thread's cache as before and also writes an event.
 * While nothing is recorded, no path has an instruction for it. What is missed: the calls of a thread between the
 * beginning and its next slow path, at most TCACHE_PERIOD allocations of a class or a stack of frees; calls after the
 * thread's state has ended (destructors of other libraries); events that find the ring full, counted as lost. A free of
 * a block that was allocated before has an address that the recording does not know.
 *
 * An event costs no lock and no system call, except where a large block (RECORD_LARGE, RECORD_MEDIUM) is freed or
 * moved: the system is asked how much of it is resident. Only the owner of a ring writes to it. A signal handler that
 * allocates while its thread is in the middle of an event loses its own event, which is counted.
 *
 * What the other process may do to this one: nothing. The area is sealed, so no write to it fails; of its content only
 * a ring's `read` is used, as a number of bytes that is at most the ring's size, and `segments`, of which there are as
 * many as the area has room for.
 *
 * Fork: the child records nothing. The structures here read as zeros in it, also where no handler of fork runs, and a
 * recorder of zeros has no room for an event.
 */
#ifndef LUNALLOC_OBSERVE_RECORD_H
#define LUNALLOC_OBSERVE_RECORD_H

#include "observe/record_area.h"
#include "os/clock.h"
#include "os/ticks.h"
#include "thread/thread.h"

/* Stamps count 2^these ticks: some nanoseconds, which is less than a block takes from one thread to another. */
#define RECORD_LG_TSC 4
#define RECORD_LG_NS  2

/* From this size on, bytes: the resident pages of a block are counted when it is freed. */
#define RECORD_LARGE ((size_t)128 << 10)
/* From this size on: those of one block in RECORD_ONE_IN of a thread, its first one included, since the system call
 * costs more than the rest of an event. Of most programs such blocks are buffers, of which little is ever touched. */
#define RECORD_MEDIUM ((size_t)16 << 10)
#define RECORD_ONE_IN 8

/* A ring, as its thread has it. An event fits where out < stop. While an event is written, stop is NULL. */
typedef struct recorder {
    /* Synchronization: the thread that has the ring: these fields. */
    _Alignas(CACHELINE) uint8_t *out;
    uint8_t *stop;
    uint64_t now; /* the last stamp that was read */
    uint64_t lap; /* lap + (uintptr_t)out is the position */
    record_ring_t *ring;
    record_codec_t codec;
    struct recording *recording; /* NULL: this is the copy in a forked child */
    uint8_t *base;               /* the ring's first byte */
    uint8_t *end;                /* of the segment; == out: there is none */
    uint64_t lost;               /* events, since the last RECORD_LOST */
    uint32_t plain;              /* classes below this have blocks that are smaller than RECORD_MEDIUM */
    uint32_t nmedium;            /* blocks from there to RECORD_LARGE that were freed or moved */
    bool tsc;

    /* Chunks that are not read yet are first_chunk .. next_chunk - 1, the last of them is written to. Each has a
     * segment; the others are free:
     *   next_chunk - first_chunk + bits of free_segments == record_segments(shape) */
    uint64_t first_chunk, next_chunk, free_segments;
    uint8_t map[RECORD_SEGMENTS]; /* as in the ring's head, which this side does not trust */

    bool taken; /* Synchronization: record_lock. */
} recorder_t;

/* ---- life (record_life.c) ---- */

/* Begins to record into a shared area, a memfd; its descriptor stays the caller's. 0, or an errno value: EBUSY: a
 * recording is running; EINVAL: it is no area; EACCES: another process has it; EPERM: this process has more rights than
 * its user; else what the system refused. *number: of this recording, for record_end. */
int record_begin(int fd, uint64_t *number);
/* The same by the path of the area: at boot, or by a control. */
int record_begin_path(const char *path, uint64_t *number);
/* The same at boot, for opt.record. Prints a line if that is impossible; none if the area is another process's: a child
 * inherits the configuration of its parent. */
void record_from_start(const char *path);
/* Ends the recording of this number; 0: the present one. False if it is not running. */
bool record_end(uint64_t number);

/* Somebody purges all that decays in an arena, or has changed one of its decay times: recordings of pages tell it. */
void record_purge(uint32_t arena);
void record_decay_ms(uint32_t arena, bool muzzy, int64_t ms);

/* What the present recording, or the last one, has written. */
typedef struct {
    /* Synchronization: a copy, the reader's: these fields. */
    bool active;
    uint32_t mode; /* record_mode_t */
    uint64_t number, events, lost, threads;
} record_counts_t;

void record_counts(record_counts_t *out);

void record_prefork(void);
void record_postfork(bool child);

/* ---- events ---- */

/* Writes an event that does not fit, or has more than the common fields; it may be lost. */
NOINLINE void record_put_slow(recorder_t *r, const record_event_t *event);

/* The same, of common fields. */
NOINLINE void record_put_full(recorder_t *r, uint32_t kind, uint32_t hint, uint64_t stamp, const void *ptr,
                              uint64_t size);

/*
 * Reading the time is half of an event's cost, so an allocation from the thread's own cache takes the last stamp,
 * r->now: the objects of a cache have been handed over before that, by a free of this thread or by a refill, and both
 * read the time. So the order of an address's events holds, and the time of a hit is too early by at most what the
 * thread did since its last free, refill or large block.
 */
ALWAYS_INLINE uint64_t
record_stamp(recorder_t *r) {
    return r->now = LIKELY(r->tsc) ? ticks_now() >> RECORD_LG_TSC : clock_ns() >> RECORD_LG_NS;
}

/* A stamp that is not earlier than the hand-over of an address that has just been taken from an arena. */
ALWAYS_INLINE uint64_t
record_stamp_after(recorder_t *r) {
    return r->now = LIKELY(r->tsc) ? ticks_after() >> RECORD_LG_TSC : clock_ns() >> RECORD_LG_NS;
}

/* Makes the bytes before `end` the reader's. */
ALWAYS_INLINE void
record_publish(recorder_t *r, uint8_t *end) {
    record_ring_t *ring = r->ring;
    r->out = end;
    counter_add(&ring->events, 1);
    atomic_set_release(&ring->written, r->lap + (uintptr_t)end);
}

/* The bytes of an event are written between these two. */
ALWAYS_INLINE void
record_open(recorder_t *r) {
    r->stop = NULL;
    atomic_signal_fence(memory_order_seq_cst);
}

ALWAYS_INLINE void
record_shut(recorder_t *r, uint8_t *end, uint8_t *stop) {
    record_publish(r, end);
    atomic_signal_fence(memory_order_seq_cst);
    r->stop = stop;
}

/* An event of a kind up to RECORD_FREE_SIZED. hint: the class. */
ALWAYS_INLINE void
record_put(recorder_t *r, uint32_t kind, uint32_t hint, uint64_t stamp, const void *ptr, uint64_t size) {
    uint8_t *out = r->out, *stop = r->stop;
    if (UNLIKELY(out >= stop)) {
        record_put_full(r, kind, hint, stamp, ptr, size);
        return;
    }
    record_open(r);
    uint64_t since = record_since(&r->codec, stamp);
    record_shut(r, out + record_encode_common(&r->codec, kind, hint, since, (uintptr_t)ptr, size, out), stop);
}

/* The same of a hit, which takes the last stamp: that of the last event, unless this one was lost. */
ALWAYS_INLINE void
record_put_hit(recorder_t *r, uint32_t kind, uint32_t hint, const void *ptr, uint64_t size) {
    uint8_t *out = r->out, *stop = r->stop;
    if (UNLIKELY(out >= stop) || UNLIKELY(r->now > r->codec.time)) {
        record_put_full(r, kind, hint, r->now, ptr, size);
        return;
    }
    record_open(r);
    record_shut(r, out + record_encode_common(&r->codec, kind, hint, 0, (uintptr_t)ptr, size, out), stop);
}

/* Bytes of a block that are resident, an estimate where it is very large; RECORD_UNKNOWN below RECORD_MEDIUM, and where
 * the system does not tell. */
uint64_t record_touched(const void *ptr, size_t size);

/* The same for one in RECORD_ONE_IN of the blocks below RECORD_LARGE; of the others it is unknown. */
uint64_t record_touched_some(recorder_t *r, const void *ptr, size_t size);

#endif
