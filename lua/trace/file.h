/*
 * file.h -- trace files: what a process asked of malloc, as events of threads. Use it to read one; write.h writes one.
 *
 *   trace_file_t *file;
 *   int error = trace_file_open(&file, path, message, sizeof message);
 *   trace_merge_t *merge = trace_merge_open(file);             all threads, in the order of time
 *   while (trace_merge_next(merge, &event)) { ... event.thread is an index of trace_file_info(file)->threads ... }
 *   trace_merge_close(merge); trace_file_close(file);
 *
 * trace_stream_...() reads one thread alone. A file may be larger than memory: opening it reads the headers of its
 * chunks (48 bytes for each 64 KiB), and each thread that is being read has one chunk in memory. An open file does not
 * change, so any number of threads may read it, each with a merge or streams of its own.
 *
 * A file may be damaged, foreign or hostile. Whatever it holds, reading ends, stays within bounds, and takes memory in
 * proportion to the file's size at most. What is damaged is left out and counted (trace_info_t.damaged). Sequences of
 * events are checked by nobody: a free may have no malloc, and times of one thread may fall.
 *
 * Memory comes from the system (mmap), so a trace can be read beside an allocator under test.
 */
#ifndef TRACE_FILE_H
#define TRACE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "observe/record_event.h"

typedef struct trace_file trace_file_t;
typedef struct trace_stream trace_stream_t;
typedef struct trace_merge trace_merge_t;

/* A value of a sample that is not known. */
#define TRACE_UNKNOWN UINT64_MAX

/* The process at one moment. Bytes; TRACE_UNKNOWN where nobody could tell. */
typedef struct {
    uint64_t time;          /* ns, CLOCK_MONOTONIC */
    uint64_t rss, peak_rss; /* of the kernel; the peak is since the process started */
    uint64_t allocated, active, dirty, muzzy, retained, metadata, mapped; /* as in lunalloc_stats_t */
    uint64_t events, lost;                                                /* counts, of all threads until then */
    uint64_t anonymous, peak_anonymous; /* the part of rss, and of peak_rss, that is in no file and not shared */
} trace_sample_t;

enum {
    TRACE_SAMPLE_WORDS = sizeof(trace_sample_t) / sizeof(uint64_t)
};

typedef struct {
    uint32_t tid;          /* of the system; 0 if it is unknown. Numbers are reused, so two threads may have the same */
    bool ended;            /* it ended while it was recorded */
    char name[17];         /* a C string; may be "" */
    uint64_t begin, end;   /* ns, CLOCK_MONOTONIC, of its first and last event */
    uint64_t events, lost; /* counts */
    uint64_t bytes;        /* of encoded events in the file */
} trace_thread_info_t;

typedef struct {
    const trace_thread_info_t *threads;
    uint32_t nthreads;
    const trace_sample_t *samples; /* in the order of the file, which is that of time if the recorder is honest */
    size_t nsamples;
    uint64_t events, lost; /* counts, of all threads */
    uint64_t begin, end;   /* ns, CLOCK_MONOTONIC, of the first and the last event or sample; 0 without any */
    uint64_t size;         /* bytes of the file */
    uint64_t bytes;        /* of encoded events */
    uint64_t damaged;      /* chunks and pieces that had to be left out, as far as opening the file tells */
    bool complete;         /* it has its end record, and that agrees with the rest */
} trace_info_t;

/* Opens a regular file. 0, or an errno value with one line in `message`: EINVAL (it is no trace, or one of a version
 * that is not understood, or no regular file), ENOMEM, or the error of opening or reading it. */
int trace_file_open(trace_file_t **file, const char *path, char *message, size_t message_size);
/* Whoever shares a file closes it, too; the last one to close it frees it. Thread-safe. */
void trace_file_share(trace_file_t *file);
void trace_file_close(trace_file_t *file);

/* Valid until the file is closed. */
const trace_info_t *trace_file_info(const trace_file_t *file);

/* The text of a key of the metadata, NULL if there is none: "pid", "name", "version" (of the allocator), "conf",
 * "mode", "began" ("start": with the program, or
 * "attached"), "started" (seconds since 1970), "reason" (why the recording ended), "page" (bytes), and whatever else is
 * there. */
const char *trace_file_meta(const trace_file_t *file, const char *key);
/* The n-th key, from 0, with its value; NULL after the last one. */
const char *trace_file_meta_at(const trace_file_t *file, size_t n, const char **value);

/* Has the recording nothing but sums (sums.h)? Then it has no events to read; its threads and samples are known. */
bool trace_file_summed(const trace_file_t *file);

/* How many stacks it has, and the i-th one: count and bytes that it has allocated in all, count and bytes of what
 * lives; names of functions, innermost first, between line feeds. `names` has room for TRACE_FILE_NAMES bytes; *size:
 * how many there are. False if it is damaged. */
#define TRACE_FILE_NAMES (64 << 10)
size_t trace_file_stacks(const trace_file_t *file);
bool trace_file_stack(const trace_file_t *file, size_t i, uint64_t sums[4], char *names, size_t *size);

/* One thread's events, in its order. NULL without memory. event.thread is the index. */
trace_stream_t *trace_stream_open(const trace_file_t *file, uint32_t thread);
bool trace_stream_next(trace_stream_t *stream, record_event_t *event);
/* Chunks that were left out so far: damaged, or unreadable. */
uint64_t trace_stream_damaged(const trace_stream_t *stream);
void trace_stream_close(trace_stream_t *stream);

/* All threads' events by their time; of equal times a free is first, so a block is freed before its address is handed
 * out again. Each thread's own order is kept whatever its times say. NULL without memory. */
trace_merge_t *trace_merge_open(const trace_file_t *file);
bool trace_merge_next(trace_merge_t *merge, record_event_t *event);
/* Chunks and threads that were left out so far: damaged, unreadable, or without memory. */
uint64_t trace_merge_damaged(const trace_merge_t *merge);
void trace_merge_close(trace_merge_t *merge);

#endif
