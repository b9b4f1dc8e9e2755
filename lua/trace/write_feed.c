/* write_feed.c -- takes events as rings have them: their bytes go into the threads' chunks as they are. See write.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <string.h>

#include "write_parts.h"

/* A thread begins in the feed. Events before any thread has begun belong to one without a name. */
static void
begin_in_feed(trace_writer_t *writer, trace_feed_t *feed, const record_event_t *event) {
    trace_begin_t begin = {.begin = event->time};
    char name[RECORD_NAME + 1] = "";
    if (event->kind == RECORD_THREAD) {
        memcpy(name, event->name, RECORD_NAME);
        begin.tid = (uint32_t)event->size;
        begin.name = name;
    }
    feed->thread = trace_writer_thread(writer, &begin) + 1;
}

/* Puts the bytes of an event into its thread's chunk. False without memory. */
static bool
keep_bytes(trace_writer_t *writer, const trace_feed_t *feed, const record_event_t *event, const uint8_t *bytes,
           size_t size) {
    gather_t *gather = writer_gather(writer, event->thread, &feed->codec, size);
    if (gather != NULL) {
        memcpy(gather->payload + gather->header.length, bytes, size);
        gather->header.length += (uint32_t)size;
        writer_count(writer, &gather->header, event, event->time);
        writer_show(writer, event);
    }
    return gather != NULL;
}

/* One event that was decoded from `bytes`; the codec is that of before it. */
static void
take_fed(trace_writer_t *writer, trace_feed_t *feed, record_event_t *event, const uint8_t *bytes, size_t size) {
    if (event->kind == RECORD_THREAD || feed->thread == 0) {
        begin_in_feed(writer, feed, event);
    }
    event->thread = feed->thread - 1;
    if (writer->drops) {
        writer_drop(writer, event);
    } else if (!keep_bytes(writer, feed, event, bytes, size)) {
        return;
    }
    if (event->kind == RECORD_THREAD_END) {
        trace_writer_thread_end(writer, event->thread);
    }
}

/* Puts the common events at the front into their thread's chunk, as far as it has room, without a look at each: a
 * recorder must be as fast as all threads of its target. Returns their bytes; 0: take_fed() takes the next event. */
static size_t
copy_common(trace_writer_t *writer, trace_feed_t *feed, const uint8_t *bytes, size_t size) {
    record_skipped_t skipped;
    bool apart = writer->drops || writer->tap != NULL || feed->thread == 0 || size < RECORD_ROOM;
    gather_t *gather = apart ? NULL : writer_gather(writer, feed->thread - 1, &feed->codec, RECORD_ROOM);
    if (gather == NULL) {
        return 0;
    }
    trace_chunk_t *header = &gather->header;
    size_t room = TRACE_CHUNK_MAX - header->length;
    size_t used = record_skip(&feed->codec, bytes, size < room ? size : room, &skipped);
    memcpy(gather->payload + header->length, bytes, used);
    header->length += (uint32_t)used;
    header->first = header->events == 0 ? skipped.first : header->first;
    header->last = skipped.n == 0 ? header->last : feed->codec.time;
    header->events += skipped.n;
    writer->written.events += skipped.n;
    return used;
}

/* Padding in front of an event is left out. */
static const uint8_t *
skip_padding(const uint8_t *at, const uint8_t *end) {
    while (at < end && *at == 0) {
        at++;
    }
    return at;
}

long
trace_writer_feed(trace_writer_t *writer, trace_feed_t *feed, const uint8_t *bytes, size_t size) {
    const uint8_t *at = bytes, *end = bytes + size;
    while ((at = skip_padding(at, end)) < end) {
        size_t common = copy_common(writer, feed, at, (size_t)(end - at));
        if (common > 0) {
            at += common;
            continue;
        }
        record_codec_t codec = feed->codec;
        record_event_t event;
        long used = record_decode(&codec, NULL, at, (size_t)(end - at), &event);
        if (used < 0) {
            return -1;
        } else if (used == 0) {
            break;
        }
        take_fed(writer, feed, &event, at, (size_t)used);
        feed->codec = codec;
        at += used;
    }
    return at - bytes;
}

void
trace_writer_tell(trace_writer_t *writer, trace_feed_t *feed, const record_event_t *event) {
    uint8_t bytes[RECORD_ROOM] = {0};
    record_codec_t codec = feed->codec;
    record_event_t told = *event;
    if (told.kind != RECORD_THREAD) {
        told.old_addr = 0;
        told.touched = RECORD_UNKNOWN;
    }
    trace_writer_feed(writer, feed, bytes, record_encode(&codec, &told, bytes));
}
