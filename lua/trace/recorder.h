/*
 * recorder.h -- a recording as the console has it: the area that the target writes to, a thread that drains it into a
 * trace file, and the target's memory over time.
 *
 *   trace_recorder_t *recorder;
 *   int error = trace_recorder_open(&recorder, &options, message, sizeof message);
 *   ... hand trace_recorder_fd(recorder) to the target ...
 *   trace_recorder_start(recorder);
 *   while (!trace_recorder_wait(recorder, 100 ms)) { ... trace_recorder_status() ... }
 *   ... end the target's recording ...
 *   error = trace_recorder_close(recorder, &status, message, sizeof message);
 *
 * It is over when the target has ended or stopped recording, when time or size are used up, when the file cannot be
 * written, or when trace_recorder_stop() says so. The thread blocks all signals and uses no heap, so a process may
 * record itself. All functions are for the thread that has opened it.
 */
#ifndef TRACE_RECORDER_H
#define TRACE_RECORDER_H

#include "observe/record_area.h"
#include "write.h"

typedef struct trace_recorder trace_recorder_t;

typedef struct {
    const char *path; /* NULL: no file, events are only counted */
    record_shape_t shape;
    uint64_t duration; /* ns from the first event; 0: no end */
    uint64_t max_size; /* bytes of the file; 0: no limit */
    bool sums;         /* the file gets sums by class and thread, and no events */
} trace_recording_t;

typedef enum {
    RECORDER_WAITING, /* the target has not begun yet */
    RECORDER_RUNS,
    RECORDER_STOPPED, /* by trace_recorder_stop() */
    RECORDER_ENDED,   /* the target has stopped recording */
    RECORDER_EXITED,  /* the target has ended */
    RECORDER_TIME,    /* the duration is over */
    RECORDER_SIZE,    /* the file has its size */
    RECORDER_FAILED,  /* the file cannot be written */
    RECORDER_STATES
} trace_recorder_state_t;

typedef struct {
    trace_recorder_state_t state;
    trace_written_t written;
    uint64_t elapsed;       /* ns since the beginning */
    uint64_t rss, peak_rss; /* bytes of the target, as far as they were seen; 0: unknown */
    uint32_t pid;           /* of the target; 0: unknown */
    uint32_t broken;        /* rings that had to be left alone */
    uint32_t fullest;       /* percent of a ring's memory that were in use, at most */
    bool refused;           /* there was no memory to let rings grow */
} trace_recorder_status_t;

/* 0, or an errno value with one line in `message`. */
int trace_recorder_open(trace_recorder_t **recorder, const trace_recording_t *recording, char *message,
                        size_t message_size);
/* The descriptor of the area, sealed; it stays the recorder's, and is closed on exec. */
int trace_recorder_fd(const trace_recorder_t *recorder);
/* The file has the text; of a key, the last value counts. Any time before the end. */
void trace_recorder_meta(trace_recorder_t *recorder, const char *key, const char *value);
/* Begins to drain. pid: of the target, as this process sees it; 0: as the target says. 0 or an errno value. */
int trace_recorder_start(trace_recorder_t *recorder, uint32_t pid);

/* Waits at most that long, in ns. True once it is over: then the target should stop. */
bool trace_recorder_wait(trace_recorder_t *recorder, uint64_t ns);
trace_recorder_status_t trace_recorder_status(trace_recorder_t *recorder);
/* The allocator's statistics, which only the caller can ask for, at the time in the sample: they become one, which has
 * the time of the sample before it if that is later. */
void trace_recorder_statistics(trace_recorder_t *recorder, const trace_sample_t *sample);
/* The most RSS that the target ever had, from a caller who has waited for its end: bytes. */
void trace_recorder_highest(trace_recorder_t *recorder, uint64_t highest);
/* It is over from now on. */
void trace_recorder_stop(trace_recorder_t *recorder);

/* Waits until the target has ended its recording, at most for a second, takes the rest, and ends the file. *status: of
 * the end. 0, or the first error with one line in `message`. */
int trace_recorder_close(trace_recorder_t *recorder, trace_recorder_status_t *status, char *message,
                         size_t message_size);
/* Ends it without a file. */
void trace_recorder_abandon(trace_recorder_t *recorder);

/* CLOCK_MONOTONIC, ns. */
uint64_t trace_recorder_now(void);

/* One word: "waiting", "recording", "stopped", ... */
const char *trace_recorder_state_name(trace_recorder_state_t state);

#endif
