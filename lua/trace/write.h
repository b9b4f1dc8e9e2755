/*
 * write.h -- writes a trace file (file.h reads it): for recordings, for what is imported, and for tests.
 *
 *   trace_writer_t *writer;
 *   int error = trace_writer_open(&writer, path, message, sizeof message);
 *   trace_writer_meta(writer, "name", "redis-server");
 *   uint32_t thread = trace_writer_thread(writer, &(trace_begin_t){.tid = 17, .name = "main"});
 *   trace_writer_event(writer, thread, &event);             one by one; or as a recording has them encoded:
 *   trace_writer_feed(writer, &feed, bytes, size);
 *   error = trace_writer_close(writer, message, sizeof message);
 *
 * A thread's events are gathered in a chunk, which is written when it is full, when the thread ends, and by
 * trace_writer_flush(). Nothing is written twice, so the path may be "-", the standard output. After an error, such as
 * a full disk, the calls do nothing; the file keeps the chunks that were written whole, and closing returns the error.
 *
 * Memory comes from the system. The caller synchronises.
 */
#ifndef TRACE_WRITE_H
#define TRACE_WRITE_H

#include "file.h"

typedef struct trace_writer trace_writer_t;

typedef struct {
    uint32_t tid;     /* 0: unknown */
    const char *name; /* at most 16 bytes of it are kept */
    uint64_t begin;   /* a stamp */
} trace_begin_t;

/* One sequence of encoded events, such as a ring of a recording. Streams of several threads may follow each other in
 * it. All zero at first. */
typedef struct {
    record_codec_t codec;
    uint32_t thread; /* the writer's number + 1 of the thread that writes now; 0: none yet */
} trace_feed_t;

/* Is called with each event that is fed, whose time is a stamp and whose thread is the writer's number. */
typedef void trace_tap_t(void *opaque, const record_event_t *event);

/* 0, or an errno value with one line in `message`. */
int trace_writer_open(trace_writer_t **writer, const char *path, char *message, size_t message_size);
/* The same without a file: everything is counted and nothing is kept. */
int trace_writer_open_nowhere(trace_writer_t **writer);

void trace_writer_meta(trace_writer_t *writer, const char *key, const char *value);
/* The clock of the stamps; the last one counts. Without one, stamps are ns. */
void trace_writer_clock(trace_writer_t *writer, const record_clock_t *clock);
void trace_writer_sample(trace_writer_t *writer, const trace_sample_t *sample);

/* A new thread's number; they count from 0. */
uint32_t trace_writer_thread(trace_writer_t *writer, const trace_begin_t *begin);
/* The thread has ended: its events are written, and its memory is freed. */
void trace_writer_thread_end(trace_writer_t *writer, uint32_t thread);

/* Encodes one event, whose time is a stamp. A RECORD_LOST counts event->size events as lost. */
void trace_writer_event(trace_writer_t *writer, uint32_t thread, const record_event_t *event);

/* Called with each event that is fed from then on. */
void trace_writer_tap(trace_writer_t *writer, trace_tap_t *tap, void *opaque);

/* From then on events are counted and shown to the tap, and not kept, and only the first TRACE_SUMS_THREADS threads get
 * a description: the file does not grow with time. */
void trace_writer_drop(trace_writer_t *writer);
/* Writes records of sums (format.h), of at most TRACE_WRITE_SUMS bytes. Those of a later section replace them. */
enum {
    TRACE_WRITE_SUMS = 3 << 10
};
void trace_writer_sums(trace_writer_t *writer, const void *records, size_t size);

/* So many stacks follow, which replace all those before. */
void trace_writer_stacks(trace_writer_t *writer, uint32_t n);
/* Writes a stack and what it has allocated (format.h); names beyond TRACE_WRITE_NAMES bytes are cut off. */
enum {
    TRACE_WRITE_NAMES = 32 << 10
};
struct trace_stack;
void trace_writer_stack(trace_writer_t *writer, const struct trace_stack *stack, const char *names, size_t size);

/* Takes the whole events at the beginning of the bytes, also those of threads that begin there. Returns the bytes that
 * were taken: fewer than `size` if the last event is incomplete; -1 if they are no events: this feed is over. */
long trace_writer_feed(trace_writer_t *writer, trace_feed_t *feed, const uint8_t *bytes, size_t size);

/* Adds an event behind those of the feed, whose time is a stamp. */
void trace_writer_tell(trace_writer_t *writer, trace_feed_t *feed, const record_event_t *event);

/* Writes what was gathered. False after an error. */
bool trace_writer_flush(trace_writer_t *writer);

/* Counts of all threads so far. */
typedef struct {
    uint64_t events, lost;
    uint64_t bytes; /* of the file */
    uint32_t threads;
    int error; /* the first one of writing; 0 */
} trace_written_t;
trace_written_t trace_writer_written(const trace_writer_t *writer);

/* Flushes, writes the end record, and gives the file its name. 0, or the first error with one line in `message` that
 * says how much is kept. */
int trace_writer_close(trace_writer_t *writer, char *message, size_t message_size);
/* The file is not to appear. */
void trace_writer_abandon(trace_writer_t *writer);

#endif
