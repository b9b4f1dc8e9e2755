/*
 * stream.h -- where a stream of one thread's events is. Internal to this folder.
 */
#ifndef TRACE_STREAM_H
#define TRACE_STREAM_H

#include "reader.h"

struct trace_stream {
    const trace_file_t *file;
    record_codec_t codec;
    const uint8_t *at, *end; /* what is left of the chunk in `buffer` */
    uint64_t damaged;
    uint32_t thread;
    uint32_t next_chunk;    /* the chunk after it, or TRACE_NO_CHUNK */
    bool cut;               /* the chunk has an end that is missing */
    record_event_t pending; /* for merge.c */
    uint8_t buffer[];       /* as long as the thread's longest chunk */
};

#endif
