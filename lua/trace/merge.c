/*
 * merge.c -- the events of all threads in the order of time. See file.h.
 *
 * A binary heap holds each thread by the key of its next event. A thread is opened when the merge arrives at its first
 * event, and closed after its last, so threads that follow each other take the memory of one.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "stream.h"

#include <sys/mman.h>

#include "order.h"

typedef struct {
    uint64_t key; /* of the next event; of a thread that is not open, not above it */
    uint32_t thread;
    trace_stream_t *stream; /* NULL: not open yet */
} node_t;

struct trace_merge {
    const trace_file_t *file;
    uint64_t damaged;
    size_t size; /* of this mapping */
    size_t n;    /* of nodes */
    node_t nodes[];
};

static bool
is_before(const node_t *a, const node_t *b) {
    return a->key != b->key ? a->key < b->key : a->thread < b->thread;
}

/* Moves the node at `i` down to its place. */
static void
sift(trace_merge_t *merge, size_t i) {
    node_t node = merge->nodes[i];
    for (size_t child; (child = 2 * i + 1) < merge->n; i = child) {
        child += child + 1 < merge->n && is_before(&merge->nodes[child + 1], &merge->nodes[child]);
        if (!is_before(&merge->nodes[child], &node)) {
            break;
        }
        merge->nodes[i] = merge->nodes[child];
    }
    merge->nodes[i] = node;
}

trace_merge_t *
trace_merge_open(const trace_file_t *file) {
    size_t size = sizeof(trace_merge_t) + file->info.nthreads * sizeof(node_t);
    trace_merge_t *merge = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (merge == MAP_FAILED) {
        return NULL;
    }
    merge->file = file;
    merge->size = size;
    for (uint32_t i = 0; i < file->info.nthreads; i++) {
        uint32_t first = trace_list(file, i)->first_chunk;
        if (first != TRACE_NO_CHUNK) {
            record_event_t begin = {.time = record_clock_ns(&file->clock, trace_entry(file, first)->first),
                                    .kind = RECORD_FREE};
            merge->nodes[merge->n++] = (node_t){trace_event_key(&begin), i, NULL};
        }
    }
    for (size_t i = merge->n / 2; i-- > 0;) {
        sift(merge, i);
    }
    return merge;
}

/* The thread at the top has no more events. */
static void
drop_top(trace_merge_t *merge) {
    trace_stream_t *stream = merge->nodes[0].stream;
    if (stream == NULL) {
        merge->damaged++;
    } else {
        merge->damaged += trace_stream_damaged(stream);
        trace_stream_close(stream);
    }
    merge->nodes[0] = merge->nodes[--merge->n];
}

/* Reads the next event of the thread at the top, and moves it to its place. */
static void
advance(trace_merge_t *merge) {
    node_t *top = &merge->nodes[0];
    if (top->stream == NULL) {
        top->stream = trace_stream_open(merge->file, top->thread);
    }
    if (top->stream != NULL && trace_stream_next(top->stream, &top->stream->pending)) {
        top->key = trace_event_key(&top->stream->pending);
    } else {
        drop_top(merge);
    }
    if (merge->n > 0) {
        sift(merge, 0);
    }
}

bool
trace_merge_next(trace_merge_t *merge, record_event_t *event) {
    while (merge->n > 0) {
        trace_stream_t *stream = merge->nodes[0].stream;
        if (stream != NULL) {
            *event = stream->pending;
            advance(merge);
            return true;
        }
        advance(merge);
    }
    return false;
}

uint64_t
trace_merge_damaged(const trace_merge_t *merge) {
    uint64_t damaged = merge->damaged;
    for (size_t i = 0; i < merge->n; i++) {
        damaged += merge->nodes[i].stream == NULL ? 0 : trace_stream_damaged(merge->nodes[i].stream);
    }
    return damaged;
}

void
trace_merge_close(trace_merge_t *merge) {
    while (merge->n > 0) {
        if (merge->nodes[merge->n - 1].stream != NULL) {
            trace_stream_close(merge->nodes[merge->n - 1].stream);
        }
        merge->n--;
    }
    munmap(merge, merge->size);
}
