/*
 * format.h -- the bytes of a trace file. For the writer and the reader of this folder; everybody else uses file.h.
 *
 * A file is a head and a sequence of chunks, in the order in which the recorder wrote them. Nothing is ever patched, so
 * a trace can be written to a pipe, and a file that is cut anywhere is readable up to the cut.
 *
 *   | head: magic, version, sizes | chunk | chunk | ...
 *   chunk: | header | payload | zeros up to a multiple of 8 |
 *
 * Numbers are little-endian. The header and the payload have a checksum each. A reader that meets a damaged header
 * looks for the next valid one; a damaged payload costs one chunk. An event chunk starts with the state of the codec
 * (observe/record_event.h), so each chunk is decoded alone, and holds whole events of one thread. Times are stamps of
 * the recording's clock; a reader converts them by the last clock chunk, whose second reading is the latest.
 */
#ifndef TRACE_FORMAT_H
#define TRACE_FORMAT_H

#include <stdint.h>

#define TRACE_FILE_MAGIC   "\x89lnatrc\n" /* 8 bytes */
#define TRACE_FILE_VERSION 1
#define TRACE_EVENT_CODE   1       /* version of the encoding in observe/record_event.h */
#define TRACE_CHUNK_MAGIC  0x4b43u /* "CK" */

enum {
    TRACE_CHUNK_MAX = 64 << 10, /* most bytes of a payload */
    TRACE_ALIGN = 8
};

typedef struct {
    char magic[8];
    uint32_t version;
    uint32_t head_size;  /* of this structure */
    uint32_t event_code; /* TRACE_EVENT_CODE */
    uint32_t crc;        /* of the fields above */
} trace_head_t;

typedef enum {
    TRACE_CHUNK_META = 1, /* pairs of texts: key, zero, value, zero; the last value of a key counts */
    TRACE_CHUNK_CLOCK,    /* trace_clock_chunk_t; the last one counts */
    TRACE_CHUNK_THREAD,   /* trace_thread_chunk_t; the last one of a thread counts */
    TRACE_CHUNK_EVENTS,   /* trace_state_t, then encoded events */
    TRACE_CHUNK_SAMPLES,  /* u32 words, u32 zero; then samples of `words` numbers each (trace_sample_t) */
    TRACE_CHUNK_END,      /* trace_end_chunk_t */
    TRACE_CHUNK_SUMS,     /* trace_sums_record_t, one after the other: a recording of sums has these, and no EVENTS.
                             Those from a WHOLE to an END are a section; the last section counts that has its END */
    TRACE_CHUNK_STACK /* trace_stack_t, then the names of functions, innermost first, each with a line feed between */
} trace_chunk_kind_t;

typedef struct {
    uint16_t magic;
    uint16_t kind;
    uint32_t length; /* bytes of the payload */
    uint32_t thread; /* number of the thread in this file: of EVENTS and THREAD; STACK: number of its section */
    uint32_t events; /* EVENTS: how many; lost ones are not among them. STACK: how many stacks its section has; 0: any.
                        The last section counts that has them all */
    uint64_t first;  /* EVENTS: stamps of the first and the last event; SUMS: how many events were summed up so far */
    uint64_t last;
    uint64_t lost; /* EVENTS: how many were dropped, as `lost` events in the chunk say; SUMS: so far */
    uint32_t payload_crc;
    uint32_t header_crc; /* of the fields above */
} trace_chunk_t;

_Static_assert(sizeof(trace_head_t) == 24 && sizeof(trace_chunk_t) == 48, "the structures of a file have no gaps");

/* record_codec_t before the chunk's first event. */
typedef struct {
    uint64_t time;
    uint64_t addr[8];
    uint64_t thread;
} trace_state_t;

/* record_clock_t */
typedef struct {
    uint64_t ticks[2], ns[2];
    uint64_t lg_unit;
} trace_clock_chunk_t;

typedef struct {
    uint32_t tid;
    uint32_t ended; /* 0 or 1 */
    uint64_t begin; /* stamp of when the thread began to be recorded */
    char name[16];  /* with a zero, unless it has 16 bytes */
} trace_thread_chunk_t;

typedef struct {
    uint64_t events, lost; /* of the whole file */
} trace_end_chunk_t;

/* What a stack has allocated, as the profiler estimates it. */
typedef struct trace_stack {
    uint64_t count, bytes;           /* in all */
    uint64_t live_count, live_bytes; /* at the end of the recording */
} trace_stack_t;

/* What a record of a chunk of sums is. Words are of 8 bytes. */
typedef enum {
    TRACE_SUMS_WHOLE,   /* tally_whole_t */
    TRACE_SUMS_CLASS,   /* tally_class_t, of class `index` */
    TRACE_SUMS_THREAD,  /* tally_thread_t, of thread `index` */
    TRACE_SUMS_KIND,    /* count, bytes; of the kind `index` */
    TRACE_SUMS_ALIGNED, /* count; of the log2 `index` of an alignment */
    TRACE_SUMS_SIZE,    /* size, count; `index` is a place */
    TRACE_SUMS_COLUMN,  /* tally_column_t, of column `index` */
    TRACE_SUMS_BLOCKS,  /* cells_whole_t */
    TRACE_SUMS_CELL,    /* trace_cell_t; `index` is class * CELLS_LIVES + life */
    TRACE_SUMS_END,     /* nothing: the sums are whole */
    TRACE_SUMS_PARTS
} trace_sums_part_t;

/* Followed by `size` bytes, a multiple of 8; the next record follows them. */
typedef struct {
    uint32_t part; /* trace_sums_part_t */
    uint32_t index;
    uint32_t size;
    uint32_t zero;
} trace_sums_record_t;

enum {
    TRACE_SUMS_THREADS = 4096 /* that sums count apart; all further ones count as the last of these */
};

/* Bytes that the chunk occupies in the file. */
static inline uint64_t
trace_chunk_size(uint32_t length) {
    return sizeof(trace_chunk_t) + (((uint64_t)length + TRACE_ALIGN - 1) & ~(uint64_t)(TRACE_ALIGN - 1));
}

#endif
