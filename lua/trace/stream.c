/* stream.c -- one thread's events: its chunks one after the other. See file.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "stream.h"

#include <string.h>
#include <sys/mman.h>

#include "crc.h"

static size_t
mapping_size(const trace_file_t *file, uint32_t thread) {
    return sizeof(trace_stream_t) + trace_list(file, thread)->longest;
}

trace_stream_t *
trace_stream_open(const trace_file_t *file, uint32_t thread) {
    if (thread >= file->info.nthreads) {
        return NULL;
    }
    size_t size = mapping_size(file, thread);
    trace_stream_t *stream = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stream == MAP_FAILED) {
        return NULL;
    }
    stream->file = file;
    stream->thread = thread;
    stream->next_chunk = trace_list(file, thread)->first_chunk;
    return stream;
}

void
trace_stream_close(trace_stream_t *stream) {
    munmap(stream, mapping_size(stream->file, stream->thread));
}

uint64_t
trace_stream_damaged(const trace_stream_t *stream) {
    return stream->damaged;
}

static void
take_state(record_codec_t *codec, const uint8_t *bytes) {
    trace_state_t state;
    memcpy(&state, bytes, sizeof(state));
    codec->time = state.time;
    codec->thread = (uint32_t)state.thread;
    memcpy(codec->addr, state.addr, sizeof(codec->addr));
}

/* Reads the chunk into memory. False if it is damaged; then it has no events. */
static bool
load(trace_stream_t *stream, const trace_entry_t *entry) {
    stream->at = stream->end = stream->buffer;
    if (!trace_read_at(stream->file->fd, stream->buffer, entry->length, entry->offset) ||
        (!entry->cut && trace_crc(stream->buffer, entry->length) != entry->crc)) {
        return false;
    }
    take_state(&stream->codec, stream->buffer);
    stream->at = stream->buffer + sizeof(trace_state_t);
    stream->end = stream->buffer + entry->length;
    stream->cut = entry->cut;
    return true;
}

static bool
load_next(trace_stream_t *stream) {
    while (stream->next_chunk != TRACE_NO_CHUNK) {
        const trace_entry_t *entry = trace_entry(stream->file, stream->next_chunk);
        stream->next_chunk = entry->next;
        if (load(stream, entry)) {
            return true;
        }
        stream->damaged++;
    }
    return false;
}

bool
trace_stream_next(trace_stream_t *stream, record_event_t *event) {
    for (;;) {
        size_t left = (size_t)(stream->end - stream->at);
        long used = left == 0 ? 0 : record_decode(&stream->codec, &stream->file->clock, stream->at, left, event);
        if (used > 0) {
            stream->at += used;
            event->thread = stream->thread;
            return true;
        }
        stream->damaged += used < 0 && !stream->cut; /* the rest of this chunk is no events */
        if (!load_next(stream)) {
            return false;
        }
    }
}
