/*
 * record_area.h -- the memory through which threads hand their events to a recorder in another process.
 *
 * Use it on both sides. The recorder makes a memfd of record_area_size bytes, allocates its memory (fallocate: else the
 * target would be killed where the system has none left), maps it, calls record_area_init, seals it (F_SEAL_SHRINK |
 * F_SEAL_GROW | F_SEAL_SEAL), and hands the descriptor to the target: as SCM_RIGHTS with the agent's request RECORD
 * (control/wire.def), or through the option `record` of a program that it starts. The target's threads then write
 * (observe/record.h), and the recorder reads, without the target's help:
 *
 *   while (record_ring_peek(area, &shape, i, read[i], &bytes, &len)) {    for each ring, every few milliseconds
 *       ... copy bytes[0 .. len) ...
 *       record_ring_done(area, i, read[i] += len);
 *   }
 *   record_area_beat(area, now);                                          as long as somebody reads
 *
 *   | head: 4096 bytes | ring heads: 192 bytes each, up to a multiple of 4096 | the rings' bytes: 2^lg_ring each |
 *
 * A ring belongs to one thread at a time, from its RECORD_THREAD to its RECORD_THREAD_END; then another thread may get
 * it. So the bytes of a ring are one stream (record_event.h), and its stamps never decrease. Positions count bytes from
 * the start of the recording.
 *
 * A ring is up to 64 segments of equal size. The stream is cut into chunks of a segment's size, and `map` says which
 * segment has a chunk. The thread takes the lowest segment that the reader has emptied, so a ring that is read in time
 * uses few segments, which stay in caches and cost no more page faults. It uses only the first `segments`: the recorder
 * allocates memory for more, and then raises that number, when a ring fills. No event crosses a segment's end: padding
 * precedes it. A thread that finds no segment loses events, and tells how many in a RECORD_LOST before its next event.
 *
 * The memory outlives the target. A target that is killed leaves whole events behind `written`. The recording has ended
 * when `state` says so, or when the process `pid` is gone; what is in the rings then is all. If the recorder is gone,
 * the target stops: the agent's connection closes; and where there is none, threads that take a new segment notice that
 * `beat` stands still and the area's path is gone, or that it says RECORD_NOBODY.
 *
 * Nobody trusts the other side: each has its own copy of the shape and of its own positions, and bounds the other's.
 */
#ifndef LUNALLOC_OBSERVE_RECORD_AREA_H
#define LUNALLOC_OBSERVE_RECORD_AREA_H

#include "base/atomic.h"
#include "observe/record_event.h"

#define RECORD_MAGIC     "LUNAREC"
#define RECORD_VERSION   2
#define RECORD_HEAD      4096
#define RECORD_RINGS_MAX 1024
#define RECORD_LG_MIN    12
#define RECORD_LG_MAX    26
#define RECORD_SEGMENTS  64 /* of a ring, at most */
/* What a recorder takes unless it knows better: 64 rings of 4 MiB, a quarter of which has memory at first. */
#define RECORD_RINGS   64
#define RECORD_LG_RING 22

typedef enum {
    record_full,  /* every call */
    record_pages, /* extents only */
    record_modes
} record_mode_t;

typedef enum {
    record_offered, /* no process has taken the area yet */
    record_on,
    record_ended /* the target has stopped recording; threads that were in the middle of a call still finish it */
} record_state_t;

typedef enum {
    record_clock_monotonic, /* ticks are ns */
    record_clock_tsc        /* ticks are the processor's counter */
} record_clock_kind_t;

typedef struct {
    /* Synchronization: the recorder writes, before it hands the area over: these fields. */
    char magic[8];
    uint32_t version, nrings, lg_ring;
    uint32_t mode;          /* record_mode_t */
    uint32_t clock_allowed; /* record_clock_kind_t: a processor's counter only if the system trusts it, too */
    uint32_t unused;
    uint64_t reserved[11];

    _Atomic uint64_t beat; /* Synchronization: the recorder writes, relaxed; another value each time it reads. */

    /* Synchronization: the target writes, any process reads, relaxed: these fields. */
    _Atomic uint32_t pid;      /* set once, by compare-and-swap from 0: the process that records */
    _Atomic uint64_t threads;  /* how many threads have had a ring */
    _Atomic uint64_t ringless; /* events lost because no ring was free for their thread */
    _Atomic uint64_t blind;    /* threads whose calls are not seen, because there was no memory for that */

    _Atomic uint32_t state; /* Synchronization: the target writes, with release; record_state_t. */
    /* Synchronization: the target writes, before it sets the state to record_on: these fields. */
    uint32_t clock;                 /* record_clock_kind_t */
    uint32_t lg_unit;               /* a stamp is ticks >> lg_unit */
    uint64_t begin_ticks, begin_ns; /* the clock's first reading, and CLOCK_MONOTONIC's at that moment */
    char allocator[40];             /* "lunalloc 0.1.0" */

    /* Synchronization: the target writes, before it sets the state to record_ended: these fields. */
    uint64_t end_ticks, end_ns; /* the clock's last reading, and CLOCK_MONOTONIC's */
} record_head_t;
_Static_assert(sizeof(record_head_t) <= RECORD_HEAD, "the head fits its page");

/* `beat`: nobody reads any more. */
#define RECORD_NOBODY UINT64_MAX

/* The two sides write to cache lines of their own. */
typedef struct {
    /* Synchronization: the ring's thread writes, with release behind the bytes and their place: these fields. */
    _Atomic uint64_t written; /* in bytes */
    /* Synchronization: the ring's thread writes, any process reads, relaxed: these fields. */
    _Atomic uint64_t events, lost; /* of all threads that had the ring, every kind of event */
    _Atomic uint32_t thread;       /* who has the ring, by its number in the recording; 0: nobody */
    _Atomic uint32_t system;       /* the system's number of that thread */
    _Atomic uint32_t touched;      /* segments that were in use so far: the first ones */
    uint8_t unused[CACHELINE - 36];

    /* Synchronization: the recorder writes, with release: these fields. */
    _Atomic uint64_t read;     /* in bytes: those before it may be overwritten */
    _Atomic uint32_t segments; /* that have memory: the first ones */
    uint8_t unused_too[CACHELINE - 12];

    /* Synchronization: the ring's thread writes, relaxed: these fields. */
    _Atomic uint8_t map[RECORD_SEGMENTS]; /* the segment of chunk i is map[i % segments of a ring] */
} record_ring_t;
_Static_assert(sizeof(record_ring_t) == 3 * CACHELINE, "three cache lines");

/* A checked copy of what the head says. */
typedef struct {
    uint32_t nrings, lg_ring;
    uint32_t mode;
    uint32_t clock_allowed;
} record_shape_t;

/* Bytes of an area; 0 if the shape is not allowed. */
size_t record_area_size(const record_shape_t *shape);

/* Those before the rings' bytes. */
size_t record_area_heads(const record_shape_t *shape);

/* Writes the heads of a new area, which reads as zeros and has record_area_size(shape) > 0 bytes. All segments have
 * memory, unless the recorder then says otherwise (record_ring_allow). */
void record_area_init(void *area, const record_shape_t *shape);

/* log2 of a segment's bytes, and how many a ring has: a power of two. */
static inline uint32_t
record_lg_segment(const record_shape_t *shape) {
    return shape->lg_ring < 16 ? 10 : shape->lg_ring - 6;
}

static inline uint32_t
record_segments(const record_shape_t *shape) {
    return 1U << (shape->lg_ring - record_lg_segment(shape));
}

/* Copies the shape of a mapped area of `size` bytes. False if it is none: another magic or version, a shape that is
 * not allowed, or one that does not have exactly `size` bytes. */
bool record_area_check(const void *area, size_t size, record_shape_t *shape);

/* The ring i < nrings, and its bytes. */
static inline record_ring_t *
record_area_ring(void *area, uint32_t i) {
    return (record_ring_t *)(void *)((char *)area + RECORD_HEAD) + i;
}

uint8_t *record_area_bytes(void *area, const record_shape_t *shape, uint32_t i);

/*
 * The recorder's side. *read is the recorder's own position in ring i. Sets *bytes and *len to what is there to read
 * without a gap: of one segment; false if there is nothing. If the target's position is impossible, *len is 0 and the
 * result is true: the ring is of no use from then on.
 */
bool record_ring_peek(void *area, const record_shape_t *shape, uint32_t i, uint64_t read, const uint8_t **bytes,
                      size_t *len);
/* Gives the bytes before `read` back to the thread. */
void record_ring_done(void *area, uint32_t i, uint64_t read);
/* The first n segments of the ring have memory. */
void record_ring_allow(void *area, uint32_t i, uint32_t n);
/* Somebody reads: `now` is another number each time. Or RECORD_NOBODY. */
void record_area_beat(void *area, uint64_t now);

#endif
