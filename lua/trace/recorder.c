/* recorder.c -- recordings begin and end, and tell how far they are. See recorder.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "recorder_parts.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* ns: between two samples at first; before sums are written first; how long an end is waited for. */
static const uint64_t SAMPLE_EVERY = 100 * RECORDER_MS, WRITE_EVERY = 1000 * RECORDER_MS, ENDING = 1000 * RECORDER_MS;

const char *
trace_recorder_state_name(trace_recorder_state_t state) {
    static const char *const names[RECORDER_STATES] = {"waiting",          "recording", "stopped", "the target stopped",
                                                       "the target ended", "time",      "size",    "failed"};
    return state < RECORDER_STATES ? names[state] : "?";
}

static void
free_recorder(trace_recorder_t *recorder) {
    trace_watch_close(&recorder->watch);
    trace_sums_close(&recorder->sums);
    if (recorder->drain.area != NULL) {
        munmap(recorder->drain.area, recorder->size);
    }
    if (recorder->fd >= 0) {
        close(recorder->fd);
    }
    pthread_cond_destroy(&recorder->over);
    pthread_mutex_destroy(&recorder->lock);
    munmap(recorder, sizeof(*recorder));
}

static void
init_locks(trace_recorder_t *recorder) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&recorder->over, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&recorder->lock, NULL);
}

static int
open_sums(trace_recorder_t *recorder, char *message, size_t size) {
    if (!trace_sums_open(&recorder->sums, trace_recorder_now())) {
        trace_writer_abandon(recorder->drain.writer);
        return recorder_say(message, size, "no memory for sums", ENOMEM);
    }
    trace_writer_drop(recorder->drain.writer);
    trace_writer_tap(recorder->drain.writer, trace_sums_tap, &recorder->sums);
    return 0;
}

int
trace_recorder_open(trace_recorder_t **opened, const trace_recording_t *recording, char *message, size_t message_size) {
    trace_recorder_t *recorder =
        mmap(NULL, sizeof(*recorder), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *opened = NULL;
    if (recorder == MAP_FAILED) {
        return recorder_say(message, message_size, "no memory for a recording", ENOMEM);
    }
    recorder->fd = -1;
    recorder->watch = (trace_watch_t){-1, -1};
    recorder->recording = *recording;
    recorder->sample_every = SAMPLE_EVERY;
    recorder->write_every = WRITE_EVERY;
    recorder->drain.shape = recording->shape;
    init_locks(recorder);
    int error = recorder_make_area(recorder, message, message_size);
    if (error == 0) {
        error = recording->path == NULL
                    ? trace_writer_open_nowhere(&recorder->drain.writer)
                    : trace_writer_open(&recorder->drain.writer, recording->path, message, message_size);
    }
    recorder->recording.path = NULL; /* the caller's */
    if (error == 0 && recording->sums) {
        error = open_sums(recorder, message, message_size);
    }
    if (error != 0) {
        free_recorder(recorder);
        return error;
    }
    *opened = recorder;
    return 0;
}

int
trace_recorder_fd(const trace_recorder_t *recorder) {
    return recorder->fd;
}

void
trace_recorder_meta(trace_recorder_t *recorder, const char *key, const char *value) {
    pthread_mutex_lock(&recorder->lock);
    recorder_text_t *text = recorder->ntexts < RECORDER_TEXTS ? &recorder->texts[recorder->ntexts++] : NULL;
    if (text != NULL) {
        snprintf(text->key, sizeof(text->key), "%s", key);
        snprintf(text->value, sizeof(text->value), "%s", value);
    }
    pthread_mutex_unlock(&recorder->lock);
}

int
trace_recorder_start(trace_recorder_t *recorder, uint32_t pid) {
    recorder->pid = pid;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&recorder->thread, NULL, recorder_thread, recorder);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    recorder->started = error == 0;
    return error;
}

/* ---- for the caller ---- */

bool
trace_recorder_wait(trace_recorder_t *recorder, uint64_t ns) {
    uint64_t until = trace_recorder_now() + ns;
    struct timespec deadline = {(time_t)(until / 1000000000U), (long)(until % 1000000000U)};
    pthread_mutex_lock(&recorder->lock);
    int error = 0;
    while (recorder->status.state <= RECORDER_RUNS && error == 0) {
        error = pthread_cond_timedwait(&recorder->over, &recorder->lock, &deadline);
    }
    bool over = recorder->status.state > RECORDER_RUNS;
    pthread_mutex_unlock(&recorder->lock);
    return over;
}

trace_recorder_status_t
trace_recorder_status(trace_recorder_t *recorder) {
    pthread_mutex_lock(&recorder->lock);
    trace_recorder_status_t status = recorder->status;
    pthread_mutex_unlock(&recorder->lock);
    return status;
}

void
trace_recorder_statistics(trace_recorder_t *recorder, const trace_sample_t *sample) {
    pthread_mutex_lock(&recorder->lock);
    recorder->statistics = *sample;
    pthread_mutex_unlock(&recorder->lock);
}

void
trace_recorder_highest(trace_recorder_t *recorder, uint64_t highest) {
    pthread_mutex_lock(&recorder->lock);
    recorder->highest = highest;
    pthread_mutex_unlock(&recorder->lock);
}

void
trace_recorder_stop(trace_recorder_t *recorder) {
    pthread_mutex_lock(&recorder->lock);
    if (recorder->status.state <= RECORDER_RUNS) {
        recorder->status.state = RECORDER_STOPPED;
        recorder->status.elapsed = recorder->began == 0 ? 0 : trace_recorder_now() - recorder->began;
    }
    pthread_mutex_unlock(&recorder->lock);
}

/* The thread goes on draining until the target has ended its recording; then it ends. */
static void
end_thread(trace_recorder_t *recorder) {
    if (!recorder->started) {
        return;
    }
    for (uint64_t until = trace_recorder_now() + ENDING; trace_recorder_now() < until &&
                                                         recorder_area_state(recorder) == record_on &&
                                                         !trace_watch_ended(&recorder->watch);) {
        nanosleep(&(struct timespec){0, RECORDER_MS}, NULL);
    }
    pthread_mutex_lock(&recorder->lock);
    recorder->stops = true;
    pthread_mutex_unlock(&recorder->lock);
    pthread_join(recorder->thread, NULL);
    recorder->started = false;
    record_area_beat(recorder->drain.area, RECORD_NOBODY);
}

int
trace_recorder_close(trace_recorder_t *recorder, trace_recorder_status_t *status, char *message, size_t message_size) {
    end_thread(recorder);
    if (recorder->began != 0) {
        recorder_note_highest(recorder);
        trace_drain_end(&recorder->drain);
        recorder_add_sample(recorder, trace_recorder_now());
    }
    if (recorder->recording.sums) {
        trace_sums_end(&recorder->sums, &recorder->drain.clock, recorder->drain.writer);
    }
    trace_recorder_meta(recorder, "reason", trace_recorder_state_name(recorder->status.state));
    recorder_write_texts(recorder);
    trace_writer_flush(recorder->drain.writer);
    *status = recorder->status;
    status->peak_rss = recorder->peak_rss;
    status->written = trace_writer_written(recorder->drain.writer);
    status->broken = recorder->drain.broken;
    int error = trace_writer_close(recorder->drain.writer, message, message_size);
    free_recorder(recorder);
    return error;
}

void
trace_recorder_abandon(trace_recorder_t *recorder) {
    end_thread(recorder);
    trace_writer_abandon(recorder->drain.writer);
    free_recorder(recorder);
}
