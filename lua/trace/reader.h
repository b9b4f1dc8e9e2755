/*
 * reader.h -- inside of an open trace file. Internal to this folder.
 *
 * Opening a file makes an index of its chunks of events: those of a thread are a list, in the order of the file.
 */
#ifndef TRACE_READER_H
#define TRACE_READER_H

#include <stdatomic.h>

#include "array.h"
#include "file.h"
#include "format.h"

#define TRACE_NO_CHUNK UINT32_MAX

typedef struct {
    uint64_t offset; /* of the payload, in the file */
    uint64_t first;  /* stamp of the first event */
    uint32_t length; /* bytes of the payload that are in the file */
    uint32_t crc;    /* of the payload */
    uint32_t events; /* as the header says */
    uint32_t next;   /* index of the thread's next chunk, or TRACE_NO_CHUNK; of a stack: number of its section */
    bool cut;        /* the file ends within the payload: its checksum cannot be compared */
} trace_entry_t;

/* A thread's chunks. */
typedef struct {
    uint32_t first_chunk, last_chunk; /* TRACE_NO_CHUNK: none */
    uint32_t longest;                 /* bytes of its longest payload */
    uint64_t last;                    /* stamp of its last event */
    uint64_t began;                   /* stamp of its beginning, by its thread chunk */
} trace_list_t;

struct trace_file {
    atomic_uint users; /* besides the one that has opened it */
    int fd;
    trace_info_t info;
    record_clock_t clock;
    trace_array_t entries; /* trace_entry_t */
    trace_array_t sums;    /* trace_entry_t: chunks of sums */
    trace_array_t stacks;  /* trace_entry_t: chunks of stacks */
    trace_array_t lists;   /* trace_list_t, of each thread */
    trace_array_t threads; /* trace_thread_info_t */
    trace_array_t samples; /* trace_sample_t */
    trace_array_t texts;   /* char: keys and values of the metadata */
    trace_array_t pairs;   /* trace_pair_t */
    bool ended;            /* it has an end record, */
    trace_end_chunk_t end; /* with these sums */
    bool no_memory;
};

/* Where a key and its value are in `texts`. */
typedef struct {
    size_t key, value;
} trace_pair_t;

static inline const trace_entry_t *
trace_entry(const trace_file_t *file, uint32_t index) {
    return (const trace_entry_t *)file->entries.data + index;
}

static inline trace_list_t *
trace_list(const trace_file_t *file, uint32_t thread) {
    return (trace_list_t *)file->lists.data + thread;
}

/* Reads exactly `size` bytes. False if the file ends before, or cannot be read. */
bool trace_read_at(int fd, void *to, size_t size, uint64_t offset);

/* file_take.c: all chunks are taken in: leaves the stacks of the last section that is whole. */
void trace_file_pick_stacks(trace_file_t *file);

/* file_take.c: takes in one chunk whose header is valid, with `room` bytes of payload in the file. */
void trace_file_take(trace_file_t *file, const trace_chunk_t *chunk, uint64_t offset, uint64_t room);

#endif
