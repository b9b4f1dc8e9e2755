/* write.c -- threads and their chunks, and the file. See write.h and write_parts.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "crc.h"
#include "write_parts.h"

_Static_assert(sizeof(trace_sample_t) * WRITER_SAMPLES + 8 <= TRACE_WRITE_SUMS, "a small chunk holds the samples");

static void
fail(trace_writer_t *writer, int error) {
    writer->written.error = writer->written.error == 0 ? error : writer->written.error;
}

/* ---- chunks ---- */

static void
put(trace_writer_t *writer, const void *data, size_t size) {
    if (writer->written.error != 0) {
        return;
    } else if (!writer->nowhere && !output_write(&writer->out, data, size)) {
        fail(writer, writer->out.error);
        return;
    }
    writer->written.bytes += size;
}

/* Writes a chunk, whose payload follows its header in memory and has room for padding behind it. */
static void
put_chunk(trace_writer_t *writer, trace_chunk_t *header) {
    uint8_t *payload = (uint8_t *)(header + 1);
    header->magic = TRACE_CHUNK_MAGIC;
    header->payload_crc = trace_crc(payload, header->length);
    header->header_crc = trace_crc(header, offsetof(trace_chunk_t, header_crc));
    size_t size = trace_chunk_size(header->length);
    memset(payload + header->length, 0, size - sizeof(*header) - header->length);
    put(writer, header, size);
}

static void
put_small(trace_writer_t *writer, trace_chunk_kind_t kind, uint32_t thread, const void *data, size_t size) {
    struct {
        trace_chunk_t header;
        uint8_t payload[TRACE_WRITE_SUMS + 64];
    } chunk = {.header = {.kind = (uint16_t)kind, .length = (uint32_t)size, .thread = thread}};
    if (kind == TRACE_CHUNK_SUMS) {
        chunk.header.first = writer->written.events;
        chunk.header.lost = writer->written.lost;
    }
    memcpy(chunk.payload, data, size);
    put_chunk(writer, &chunk.header);
}

/* Writes the thread's chunk, and empties it. */
static void
flush_thread(trace_writer_t *writer, writer_thread_t *thread) {
    gather_t *gather = thread->gather;
    if (gather != NULL && gather->header.events > 0) {
        put_chunk(writer, &gather->header);
        gather->header.events = 0;
    }
}

static void
free_gather(writer_thread_t *thread) {
    if (thread->gather != NULL) {
        munmap(thread->gather, sizeof(*thread->gather) + WRITER_PADDING);
        thread->gather = NULL;
    }
}

/* ---- events ---- */

/* The thread's chunk with room for `size` bytes more; `codec` is that of before them. NULL without memory. */
gather_t *
writer_gather(trace_writer_t *writer, uint32_t number, const record_codec_t *codec, size_t size) {
    if (number >= writer->threads.n) {
        return NULL; /* there was no memory for the thread */
    }
    writer_thread_t *thread = writer_thread(writer, number);
    if (thread->gather == NULL) {
        void *memory =
            mmap(NULL, sizeof(gather_t) + WRITER_PADDING, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            fail(writer, ENOMEM);
            return NULL;
        }
        thread->gather = memory;
    }
    gather_t *gather = thread->gather;
    if (gather->header.length + size > TRACE_CHUNK_MAX) {
        flush_thread(writer, thread);
    }
    if (gather->header.events == 0) {
        trace_state_t state = {.time = codec->time, .thread = codec->thread};
        memcpy(state.addr, codec->addr, sizeof(state.addr));
        gather->header = (trace_chunk_t){.kind = TRACE_CHUNK_EVENTS, .length = sizeof(state), .thread = number};
        memcpy(gather->payload, &state, sizeof(state));
    }
    return gather;
}

/* Counts an event that has just been put into the chunk, or is not kept; its time is a stamp. */
void
writer_count(trace_writer_t *writer, trace_chunk_t *header, const record_event_t *event, uint64_t stamp) {
    uint64_t lost = event->kind == RECORD_LOST ? event->size : 0;
    header->first = header->events == 0 ? stamp : header->first;
    header->last = stamp;
    header->events++;
    header->lost += lost;
    writer->written.events++;
    writer->written.lost += lost;
}

void
writer_show(const trace_writer_t *writer, const record_event_t *event) {
    if (writer->tap != NULL) {
        writer->tap(writer->tap_opaque, event);
    }
}

/* An event that is not kept. */
void
writer_drop(trace_writer_t *writer, const record_event_t *event) {
    trace_chunk_t nothing = {0};
    writer_count(writer, &nothing, event, event->time);
    writer_show(writer, event);
}

static void
keep_event(trace_writer_t *writer, uint32_t number, const record_event_t *event) {
    writer_thread_t *thread = writer_thread(writer, number);
    gather_t *gather = writer_gather(writer, number, &thread->codec, RECORD_ROOM);
    if (gather != NULL) {
        gather->header.length +=
            (uint32_t)record_encode(&thread->codec, event, gather->payload + gather->header.length);
        writer_count(writer, &gather->header, event, thread->codec.time);
        writer_show(writer, event);
    }
}

void
trace_writer_event(trace_writer_t *writer, uint32_t number, const record_event_t *event) {
    record_event_t numbered = *event;
    numbered.thread = number;
    if (number >= writer->threads.n) {
        return; /* there was no memory for the thread */
    } else if (writer->drops) {
        writer_drop(writer, &numbered);
    } else {
        keep_event(writer, number, &numbered);
    }
}

/* ---- threads, and the rest ---- */

static void
put_thread(trace_writer_t *writer, uint32_t number) {
    const writer_thread_t *thread = writer_thread(writer, number);
    if (!writer->drops || number < TRACE_SUMS_THREADS) {
        put_small(writer, TRACE_CHUNK_THREAD, number, &thread->description, sizeof(thread->description));
    }
}

uint32_t
trace_writer_thread(trace_writer_t *writer, const trace_begin_t *begin) {
    size_t number = writer->threads.n;
    if (!trace_array_grow(&writer->threads, number + 1, sizeof(writer_thread_t))) {
        fail(writer, ENOMEM);
        return 0;
    }
    trace_thread_chunk_t *description = &writer_thread(writer, (uint32_t)number)->description;
    description->tid = begin->tid;
    description->begin = begin->begin;
    if (begin->name != NULL) {
        memcpy(description->name, begin->name, strnlen(begin->name, sizeof(description->name)));
    }
    writer->written.threads++;
    put_thread(writer, (uint32_t)number);
    return (uint32_t)number;
}

void
trace_writer_thread_end(trace_writer_t *writer, uint32_t number) {
    writer_thread_t *thread = writer_thread(writer, number);
    flush_thread(writer, thread);
    free_gather(thread);
    thread->description.ended = 1;
    put_thread(writer, number);
}

void
trace_writer_tap(trace_writer_t *writer, trace_tap_t *tap, void *opaque) {
    writer->tap = tap;
    writer->tap_opaque = opaque;
}

void
trace_writer_meta(trace_writer_t *writer, const char *key, const char *value) {
    char text[1024];
    size_t key_size = strnlen(key, 63), value_size = strnlen(value, sizeof(text) - 64 - 2);
    memcpy(text, key, key_size);
    text[key_size] = 0;
    memcpy(text + key_size + 1, value, value_size);
    text[key_size + 1 + value_size] = 0;
    put_small(writer, TRACE_CHUNK_META, 0, text, key_size + value_size + 2);
}

void
trace_writer_drop(trace_writer_t *writer) {
    writer->drops = true;
}

void
trace_writer_sums(trace_writer_t *writer, const void *records, size_t size) {
    put_small(writer, TRACE_CHUNK_SUMS, 0, records, size);
}

void
trace_writer_stacks(trace_writer_t *writer, uint32_t n) {
    writer->section++;
    writer->section_size = n;
}

void
trace_writer_stack(trace_writer_t *writer, const trace_stack_t *stack, const char *names, size_t size) {
    struct {
        trace_chunk_t header;
        trace_stack_t stack;
        char names[TRACE_WRITE_NAMES + WRITER_PADDING];
    } chunk;
    size = size < TRACE_WRITE_NAMES ? size : TRACE_WRITE_NAMES;
    chunk.header = (trace_chunk_t){.kind = TRACE_CHUNK_STACK,
                                   .length = (uint32_t)(sizeof(*stack) + size),
                                   .thread = writer->section,
                                   .events = writer->section_size};
    chunk.stack = *stack;
    memcpy(chunk.names, names, size);
    put_chunk(writer, &chunk.header);
}

void
trace_writer_clock(trace_writer_t *writer, const record_clock_t *clock) {
    trace_clock_chunk_t chunk = {{clock->ticks[0], clock->ticks[1]}, {clock->ns[0], clock->ns[1]}, clock->lg_unit};
    put_small(writer, TRACE_CHUNK_CLOCK, 0, &chunk, sizeof(chunk));
}

static void
flush_samples(trace_writer_t *writer) {
    struct {
        uint32_t words, zero;
        trace_sample_t samples[WRITER_SAMPLES];
    } chunk = {.words = TRACE_SAMPLE_WORDS};
    if (writer->nsamples > 0) {
        size_t size = writer->nsamples * sizeof(trace_sample_t);
        memcpy(chunk.samples, writer->samples, size);
        put_small(writer, TRACE_CHUNK_SAMPLES, 0, &chunk, offsetof(__typeof__(chunk), samples) + size);
        writer->nsamples = 0;
    }
}

void
trace_writer_sample(trace_writer_t *writer, const trace_sample_t *sample) {
    writer->samples[writer->nsamples++] = *sample;
    if (writer->nsamples == WRITER_SAMPLES) {
        flush_samples(writer);
    }
}

bool
trace_writer_flush(trace_writer_t *writer) {
    for (size_t i = 0; i < writer->threads.n; i++) {
        flush_thread(writer, writer_thread(writer, (uint32_t)i));
    }
    flush_samples(writer);
    return writer->written.error == 0;
}

trace_written_t
trace_writer_written(const trace_writer_t *writer) {
    return writer->written;
}

/* ---- the file ---- */

int
trace_writer_open_nowhere(trace_writer_t **opened) {
    trace_writer_t *writer = mmap(NULL, sizeof(*writer), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *opened = writer == MAP_FAILED ? NULL : writer;
    if (*opened == NULL) {
        return ENOMEM;
    }
    writer->nowhere = true;
    return 0;
}

int
trace_writer_open(trace_writer_t **opened, const char *path, char *message, size_t message_size) {
    int error = trace_writer_open_nowhere(opened);
    if (error != 0) {
        snprintf(message, message_size, "no memory to write %s", path);
        return error;
    }
    trace_writer_t *writer = *opened;
    error = output_begin(&writer->out, path, message, message_size);
    if (error != 0) {
        trace_writer_abandon(writer);
        *opened = NULL;
        return error;
    }
    writer->nowhere = false;
    trace_head_t head = {.version = TRACE_FILE_VERSION, .head_size = sizeof(head), .event_code = TRACE_EVENT_CODE};
    memcpy(head.magic, TRACE_FILE_MAGIC, sizeof(head.magic));
    head.crc = trace_crc(&head, offsetof(trace_head_t, crc));
    put(writer, &head, sizeof(head));
    return 0;
}

static void
free_writer(trace_writer_t *writer) {
    for (size_t i = 0; i < writer->threads.n; i++) {
        free_gather(writer_thread(writer, (uint32_t)i));
    }
    trace_array_free(&writer->threads);
    munmap(writer, sizeof(*writer));
}

int
trace_writer_close(trace_writer_t *writer, char *message, size_t message_size) {
    trace_writer_flush(writer);
    trace_end_chunk_t end = {writer->written.events, writer->written.lost};
    put_small(writer, TRACE_CHUNK_END, 0, &end, sizeof(end));
    int error = writer->nowhere ? 0 : output_end(&writer->out);
    error = writer->written.error != 0 ? writer->written.error : error;
    if (error != 0) {
        snprintf(message, message_size, "cannot write %s: %s; the first %llu bytes are kept, and can be read",
                 writer->out.standard ? "to the standard output" : writer->out.path, strerror(error),
                 (unsigned long long)writer->written.bytes);
    }
    free_writer(writer);
    return error;
}

void
trace_writer_abandon(trace_writer_t *writer) {
    if (!writer->nowhere) {
        output_abandon(&writer->out);
    }
    free_writer(writer);
}
