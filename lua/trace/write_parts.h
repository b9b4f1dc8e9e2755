/*
 * write_parts.h -- the state of a writer, for its files. Users include write.h.
 *
 * write.c gathers threads' events in chunks and writes the file, write_feed.c takes events as rings have them.
 */
#ifndef TRACE_WRITE_PARTS_H
#define TRACE_WRITE_PARTS_H

#include "write.h"

#include "array.h"
#include "format.h"
#include "output.h"

/* A chunk that is being gathered. */
typedef struct {
    trace_chunk_t header;
    uint8_t payload[TRACE_CHUNK_MAX]; /* trace_state_t, then events */
} gather_t;

typedef struct {
    gather_t *gather;     /* NULL: nothing is gathered */
    record_codec_t codec; /* of trace_writer_event() */
    trace_thread_chunk_t description;
} writer_thread_t;

enum {
    WRITER_SAMPLES = 27, /* that are gathered */
    WRITER_PADDING = TRACE_ALIGN
};

struct trace_writer {
    output_t out;
    bool nowhere;
    trace_array_t threads; /* writer_thread_t */
    trace_written_t written;
    bool drops; /* events are not kept */
    trace_tap_t *tap;
    void *tap_opaque;
    trace_sample_t samples[WRITER_SAMPLES];
    size_t nsamples;
    uint32_t section, section_size; /* of stacks: number, and how many it has */
};

static inline writer_thread_t *
writer_thread(const trace_writer_t *writer, uint32_t thread) {
    return (writer_thread_t *)writer->threads.data + thread;
}

/* The thread's chunk with room for `size` bytes more; `codec` is that of before them. NULL without memory. */
gather_t *writer_gather(trace_writer_t *writer, uint32_t number, const record_codec_t *codec, size_t size);

/* Counts an event that has just been put into the chunk, or is not kept; its time is a stamp. */
void writer_count(trace_writer_t *writer, trace_chunk_t *header, const record_event_t *event, uint64_t stamp);
void writer_show(const trace_writer_t *writer, const record_event_t *event);
/* An event that is not kept. */
void writer_drop(trace_writer_t *writer, const record_event_t *event);

#endif
