/*
 * record_event.h -- one event of a recording, and its compact encoding.
 *
 * Use it to write or read what a recording or a trace consists of: each call of a program's threads for memory, in the
 * order of each thread. record_encode appends an event to a thread's bytes, record_decode reads the next one; each side
 * keeps a record_codec_t for each sequence of bytes. The allocator and, compiled into the module, its readers use it.
 *
 * The stream of a thread begins with a RECORD_THREAD event, which resets the codec, so streams of several threads may
 * follow each other. An event takes 4 to 8 bytes, because it has differences to the events before it:
 *
 *   | control: u16 | time | address | size | extra ... |
 *
 *   control    bits 0..3 kind, 4..6 predictor, 7..9 bytes of the time, 10..12 of the address, 13..15 of the size
 *   time       stamp since the event before it
 *   address    (address - the predictor's) / 8, zigzag; the predictor is then set to the address
 *   size       the request
 *   extra      if the kind is CODED_MORE: kind: u8, lengths: u8 (bits 0..2 of the old address, 3..5 of the touched
 *              pages, 6: an arena follows), log2 of the alignment: u8, [arena: u16], old address as a zigzag difference
 *              to the address, + 1 (0: none), touched pages + 1; or the 16 bytes of a thread's name
 *
 * All numbers are little-endian, without leading zero bytes. There are eight predictors, so that sizes that lie apart
 * in memory do not disturb each other's differences; the event's `hint` chooses one. A zero byte in the place of a
 * control is padding, which the decoder skips: rings use it where an event does not fit before their end.
 *
 * Times are stamps: a clock's ticks >> lg_unit. A thread's stamps never decrease. An allocation is stamped after it has
 * its address, a free before it takes effect. So the events of an address, of whatever threads, are in the order of
 * their stamps; at equal stamps the free is first. A realloc that moves its block is two events for that: MOVE, and
 * then REALLOC.
 *
 * The decoder never reads beyond the bytes that it is given, whatever they are. Pure functions over the caller's
 * structures.
 */
#ifndef LUNALLOC_OBSERVE_RECORD_EVENT_H
#define LUNALLOC_OBSERVE_RECORD_EVENT_H

#include "base/config.h"

#include <string.h>

typedef enum {
    RECORD_NONE,       /* no event */
    RECORD_MALLOC,     /* addr, size; also C++'s new, mallocx, realloc of NULL, each object of a batch */
    RECORD_CALLOC,     /* addr, size: zeroed, the product of both arguments; lg_align unless 0 */
    RECORD_FREE,       /* addr; touched if the block was large */
    RECORD_FREE_SIZED, /* addr, size as the program stated it; lg_align if stated; touched if the block was large */
    RECORD_ALIGNED,    /* addr, size, lg_align */
    RECORD_REALLOC,    /* addr, size, old_addr, lg_align if stated; touched: of the old block, if large */
    RECORD_LIVE,       /* addr, size (usable), touched: a large block that lives when the recording begins or ends; void
                          if the next event of its address is an allocation */
    RECORD_THREAD,     /* a thread's first event: size: the system's number of it; name */
    RECORD_THREAD_END, /* its last one */
    RECORD_LOST,       /* size: so many events of the thread were lost before this one */
    RECORD_IMAGE,      /* the process has executed another program; size: its pid */
    /* pages: */
    RECORD_PAGE_ALLOC, /* addr, size, lg_align, arena; touched: 0 for a slab's, else unknown. What was allocated before
                          the recording: LIVE, with arena */
    RECORD_PAGE_FREE,  /* addr, size, arena */
    RECORD_PAGE_GROW,  /* addr, size, arena: an extent that lived became this large (or small) in place */
    RECORD_PAGE_PURGE, /* arena: all that decays was purged because somebody asked for it */
    RECORD_DIRTY_MS,   /* arena; size: dirty_decay_ms + 1 (0: never) */
    RECORD_MUZZY_MS,   /* arena; size: muzzy_decay_ms + 1 (0: never) */
    /* calls, too: */
    RECORD_MOVE, /* addr: a realloc is about to move this block; the REALLOC is the thread's next event. From this one
                    on, the old address may be another block's. A realloc in place has no MOVE; one that fails has no
                    event, and realloc(ptr, 0) is a FREE if it frees */
    RECORD_KINDS
} record_kind_t;

/* `touched` where nobody counted. */
#define RECORD_UNKNOWN UINT64_MAX
/* Most bytes of an event, and the bytes that record_encode may write to: it stores whole words. */
#define RECORD_EVENT_MAX 48
#define RECORD_ROOM      64
/* Limits: larger values are cut off. */
#define RECORD_LG_SIZE 56
#define RECORD_LG_ADDR 57
#define RECORD_NAME    16

typedef struct {
    uint64_t time;       /* a stamp; decoded with a clock: ns of CLOCK_MONOTONIC */
    uint32_t thread;     /* counted from 1 in a recording; decoding sets it from the stream's RECORD_THREAD */
    uint8_t kind;        /* record_kind_t */
    uint8_t lg_align;    /* log2 of the requested alignment; 0: none was asked for */
    uint16_t arena : 13; /* only for pages */
    uint16_t hint : 3;   /* the predictor of the address: any number will do, the size class is a good one */
    uint64_t addr;       /* a multiple of 8 */
    uint64_t size;       /* bytes */
    union {
        struct {
            uint64_t old_addr; /* a multiple of 8, or 0 */
            uint64_t touched;  /* bytes of the block's resident pages, in units of 4 KiB, or RECORD_UNKNOWN */
        };
        char name[RECORD_NAME]; /* of RECORD_THREAD: zero-terminated unless it has 16 bytes */
    };
} record_event_t;

/* Zeros at first. */
typedef struct {
    uint64_t time; /* stamp of the last event */
    uint64_t addr[8];
    uint32_t thread;
} record_codec_t;

/* Two readings of a clock: ticks, and CLOCK_MONOTONIC in ns. A stamp is ticks >> lg_unit. */
typedef struct {
    uint64_t ticks[2], ns[2];
    uint32_t lg_unit;
} record_clock_t;

/* Appends an event; returns its bytes. `out` has RECORD_ROOM bytes. A stamp that lies before the last event's counts as
 * equal. A RECORD_THREAD takes its number from event->thread. */
size_t record_encode(record_codec_t *codec, const record_event_t *event, uint8_t *out);

/* Reads the event that begins at `in`; skips padding. Returns the bytes read; 0 if the bytes end before the event does
 * (at their end: nothing but padding is left); -1 if they are no events. The codec changes only if an event is read.
 * clock: NULL leaves the time as a stamp. */
long record_decode(record_codec_t *codec, const record_clock_t *clock, const void *in, size_t len,
                   record_event_t *event);

/* Events that were passed over. */
typedef struct {
    uint64_t first; /* stamp of the first one; codec->time is that of the last */
    uint32_t n;
} record_skipped_t;

/* Passes over common events (RECORD_MALLOC to RECORD_FREE_SIZED) at the front, for those who copy their bytes: faster
 * than decoding them. The codec is as if they had been decoded. Returns their bytes. It ends before any other event and
 * before padding, and when fewer than RECORD_ROOM bytes are left: record_decode() takes the next event. */
size_t record_skip(record_codec_t *codec, const void *in, size_t len, record_skipped_t *skipped);

/* ns, 146 years: the latest time that is told. Only the clock of a damaged file says more; so differences of times, and
 * times as signed numbers, cannot overflow. */
#define RECORD_LATEST (UINT64_MAX >> 2)

/* ns of CLOCK_MONOTONIC of a stamp, along the line through the clock's readings; and the stamp of such a time. */
uint64_t record_clock_ns(const record_clock_t *clock, uint64_t stamp);
uint64_t record_clock_stamp(const record_clock_t *clock, uint64_t ns);

/* The processor's counter and a clock (ns, monotonic) at one moment. A thread may be interrupted for many ms between
 * the two, which would shift all times of a recording; so of several tries the quickest counts. */
#define RECORD_CLOCK_TRIES 8
void record_clock_read(uint64_t (*clock)(void), uint64_t *ticks, uint64_t *ns);

/* The name of a kind: "malloc"; "?" if it is unknown. */
const char *record_kind_name(uint32_t kind);

/* ---- the common events, inline for the threads that record ---- */

/* Bytes that a number < 2^56 takes. */
ALWAYS_INLINE uint32_t
record_bytes(uint64_t value) {
    return ((uint32_t)(__builtin_clzll(value << 1 | 1) ^ 63) + 7) >> 3;
}

ALWAYS_INLINE void
record_store(uint8_t *out, uint64_t value) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    memcpy(out, &value, sizeof value);
}

/* The zigzag difference of an address to the predictor, which is then set to the address. */
ALWAYS_INLINE uint64_t
record_predict(uint64_t *predictor, uint64_t addr) {
    int64_t delta = (int64_t)(addr - *predictor) >> 3;
    *predictor = addr;
    return (uint64_t)delta << 1 ^ (uint64_t) - (int64_t)(delta < 0);
}

/* From the last event to a stamp; 0 if that lies before it. */
ALWAYS_INLINE uint64_t
record_since(record_codec_t *codec, uint64_t stamp) {
    uint64_t last = codec->time, now = stamp > last ? stamp : last;
    codec->time = now;
    return now - last;
}

/* Control, time, address and size. Without branches: lengths vary from event to event. */
ALWAYS_INLINE size_t
record_encode_common(record_codec_t *codec, uint32_t kind, uint32_t hint, uint64_t since, uint64_t addr, uint64_t size,
                     uint8_t *out) {
    uint64_t zigzag = record_predict(&codec->addr[hint & 7], addr);
    uint32_t time_bytes = record_bytes(since), addr_bytes = record_bytes(zigzag), size_bytes = record_bytes(size);
    uint32_t control = kind | (hint & 7) << 4 | time_bytes << 7 | addr_bytes << 10 | size_bytes << 13;
    out[0] = (uint8_t)control;
    out[1] = (uint8_t)(control >> 8);
    record_store(out + 2, since);
    out += 2 + time_bytes;
    record_store(out, zigzag);
    out += addr_bytes;
    record_store(out, size);
    return 2 + time_bytes + addr_bytes + size_bytes;
}

#endif
