/*
 * recorder_parts.h -- the state of a recorder, for its files. Users include recorder.h.
 *
 * recorder.c opens and ends recordings, recorder_area.c makes the memory that is shared with the target, and
 * recorder_thread.c is the thread that drains it.
 */
#ifndef TRACE_RECORDER_PARTS_H
#define TRACE_RECORDER_PARTS_H

#include "recorder.h"

#include <pthread.h>
#include <stdatomic.h>

#include "drain.h"
#include "sums.h"
#include "watch.h"

#define RECORDER_MS 1000000 /* ns */

enum {
    RECORDER_TEXTS = 128
};

/* For the file's metadata. */
typedef struct {
    char key[64], value[960];
} recorder_text_t;

struct trace_recorder {
    trace_drain_t drain;
    size_t size; /* of the area */
    int fd;
    trace_recording_t recording;
    trace_watch_t watch;
    uint32_t pid; /* of the target; 0: as the area says */

    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t over; /* `state` is another than waiting and running */
    /* Synchronization: `lock`: these fields. */
    trace_recorder_status_t status;
    trace_sample_t statistics;             /* time 0: none */
    bool stops;                            /* the thread is to end */
    uint64_t highest;                      /* bytes: trace_recorder_highest(); 0: unknown */
    recorder_text_t texts[RECORDER_TEXTS]; /* that are not written yet */
    size_t ntexts;

    /* Synchronization: the thread alone, and its caller before and after it: these fields. */
    trace_sums_t sums;
    uint64_t began, sampled, flushed, measured, over_at; /* ns */
    uint64_t rss, peak_rss, anonymous, peak_anonymous;
    uint64_t sample_time;          /* ns: of the last sample */
    uint64_t sample_every;         /* ns */
    uint64_t written, write_every; /* ns: when sums were written last, and how long after that they are again */
    uint64_t files;                /* bytes: the most of rss that was neither anonymous nor of rings */
    bool looked_last;              /* at the memory, when the target had ended its recording */
    uint64_t highest_before;       /* bytes: the highest RSS at the first look */
};

/* Writes "WHAT: why" to the message; returns the errno value. */
int recorder_say(char *message, size_t size, const char *what, int error);

/* Makes the area of recording.shape. 0, or an errno value and a message; free_recorder gives back what there is. */
int recorder_make_area(trace_recorder_t *recorder, char *message, size_t size);
/* What the target says of itself: record_state_t. */
uint32_t recorder_area_state(const trace_recorder_t *recorder);

/* The thread's function; the argument is the recorder. */
void *recorder_thread(void *argument);
/* For the thread, or its caller once it has ended: write a sample, and what trace_recorder_meta() was given since. */
void recorder_add_sample(trace_recorder_t *recorder, uint64_t now);
void recorder_note_highest(trace_recorder_t *recorder);
void recorder_write_texts(trace_recorder_t *recorder);

#endif
