/* recorder_thread.c -- the thread of a recording: it drains the area, samples memory and notices ends. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "recorder_parts.h"

#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
    PAUSE_MIN = RECORDER_MS / 8, /* ns between two looks at the rings */
    PAUSE_MAX = 4 * RECORDER_MS,
    BUSY = 25,      /* percent of a ring: from there on the thread does not sleep */
    PRIORITY = -10, /* as of nice(1): a thread that gets too little time loses events */
    AIM = 5         /* percent of the fullest ring that should wait at the next look */
};

/* ns: between flushes, and looks at the memory; the age at which events are summed up, because hardly one that is older
 * arrives any more. */
static const uint64_t FLUSH_EVERY = 1000 * RECORDER_MS, RSS_EVERY = 5 * RECORDER_MS, SETTLED = 500 * RECORDER_MS;
/* The target is asked to stop when the recording is over. It gives up by itself so long after that. */
static const uint64_t GRACE = 300 * RECORDER_MS;

uint64_t
trace_recorder_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

void
recorder_write_texts(trace_recorder_t *recorder) {
    pthread_mutex_lock(&recorder->lock);
    for (size_t i = 0; i < recorder->ntexts; i++) {
        trace_writer_meta(recorder->drain.writer, recorder->texts[i].key, recorder->texts[i].value);
    }
    recorder->ntexts = 0;
    pthread_mutex_unlock(&recorder->lock);
}

/* ---- samples ---- */

static void
raise_to(uint64_t *peak, uint64_t value) {
    *peak = value > *peak ? value : *peak;
}

/* The highest RSS has files and rings in it, which for the most part only grow. */
static void
raise_anonymous(trace_recorder_t *recorder, uint64_t highest, uint64_t rings) {
    uint64_t others = recorder->files + rings;
    raise_to(&recorder->peak_anonymous, highest > others ? highest - others : 0);
}

/* A peak between two looks is seen in the highest RSS, if that has risen while the recorder looks. */
static void
note_peak(trace_recorder_t *recorder, const trace_memory_t *memory, uint64_t rings) {
    uint64_t others = memory->rss - memory->anonymous;
    raise_to(&recorder->files, others > rings ? others - rings : 0);
    recorder->highest_before = recorder->highest_before == 0 ? memory->highest : recorder->highest_before;
    raise_to(&recorder->peak_anonymous, memory->anonymous);
    if (memory->highest > recorder->highest_before) {
        raise_anonymous(recorder, memory->highest, rings);
    }
}

/* The last look at a target is often too early: it takes memory until it ends. Its parent knows the highest RSS then;
 * it says nothing if the recording was over before. */
void
recorder_note_highest(trace_recorder_t *recorder) {
    trace_recorder_state_t state = recorder->status.state;
    bool whole = state != RECORDER_TIME && state != RECORDER_SIZE && state != RECORDER_FAILED;
    uint64_t rings = trace_drain_touched(&recorder->drain);
    if (whole && recorder->files != 0 && recorder->highest > rings) {
        raise_to(&recorder->peak_rss, recorder->highest - rings);
        raise_anonymous(recorder, recorder->highest, rings);
    }
}

/* It is time for a look at the memory, or the target, which ends, has its memory for the last time. */
static bool
looks(trace_recorder_t *recorder, uint64_t now) {
    bool last = !recorder->looked_last && recorder_area_state(recorder) == record_ended;
    recorder->looked_last = recorder->looked_last || last;
    return last || now - recorder->measured >= RSS_EVERY;
}

static void
measure(trace_recorder_t *recorder, uint64_t now) {
    if (!looks(recorder, now)) {
        return;
    }
    trace_memory_t memory = trace_watch_memory(&recorder->watch);
    uint64_t rings = trace_drain_touched(&recorder->drain);
    recorder->measured = now;
    recorder->rss = memory.rss > rings ? memory.rss - rings : 0;
    recorder->anonymous = memory.anonymous;
    raise_to(&recorder->peak_rss, recorder->rss);
    note_peak(recorder, &memory, rings);
}

static uint64_t
known(uint64_t value) {
    return value == 0 ? TRACE_UNKNOWN : value;
}

void
recorder_add_sample(trace_recorder_t *recorder, uint64_t now) {
    trace_sample_t sample;
    memset(&sample, 0xff, sizeof(sample));
    sample.time = now;
    pthread_mutex_lock(&recorder->lock);
    if (recorder->statistics.time != 0) {
        sample = recorder->statistics;
        recorder->statistics.time = 0;
    }
    pthread_mutex_unlock(&recorder->lock);
    trace_written_t written = trace_writer_written(recorder->drain.writer);
    sample.time = sample.time > recorder->sample_time ? sample.time : recorder->sample_time;
    recorder->sample_time = sample.time;
    sample.rss = known(recorder->rss);
    sample.peak_rss = known(recorder->peak_rss);
    sample.anonymous = known(recorder->anonymous);
    sample.peak_anonymous = known(recorder->peak_anonymous);
    sample.events = written.events;
    sample.lost = written.lost;
    if (!recorder->recording.sums) {
        trace_writer_sample(recorder->drain.writer, &sample);
    } else if (trace_sums_sample(&recorder->sums, &sample)) {
        recorder->sample_every *= 2;
    }
    recorder->sampled = now;
}

/* Sums up what is old enough. True if there is more of it. */
static bool
sum_up(trace_recorder_t *recorder, uint64_t now) {
    if (!recorder->recording.sums || recorder->began == 0) {
        return false;
    }
    trace_drain_read_clock(&recorder->drain);
    return trace_sums_turn(&recorder->sums, &recorder->drain.clock, now - SETTLED);
}

/* The target's own counters have arrived: they are of now, so they wait for no sample. */
static bool
has_statistics(trace_recorder_t *recorder) {
    pthread_mutex_lock(&recorder->lock);
    bool has = recorder->statistics.time != 0;
    pthread_mutex_unlock(&recorder->lock);
    return has;
}

/* Sums are written after 1, 3, 7, 15 ... seconds: if the recorder is killed, those of half of its time are left, and
 * the file does not grow much with time. */
static void
write_sums(trace_recorder_t *recorder, uint64_t now) {
    if (recorder->recording.sums && now - recorder->written >= recorder->write_every) {
        trace_drain_clock(&recorder->drain);
        trace_sums_write(&recorder->sums, recorder->drain.writer);
        recorder->written = now;
        recorder->write_every *= 2;
    }
}

static void
look_after(trace_recorder_t *recorder, uint64_t now) {
    measure(recorder, now);
    write_sums(recorder, now);
    if (now - recorder->sampled >= recorder->sample_every || has_statistics(recorder)) {
        recorder_add_sample(recorder, now);
    }
    if (now - recorder->flushed >= FLUSH_EVERY) {
        if (!recorder->recording.sums) {
            trace_drain_clock(&recorder->drain);
        }
        recorder_write_texts(recorder);
        trace_writer_flush(recorder->drain.writer);
        recorder->flushed = now;
    }
}

/* ---- the thread ---- */

static uint32_t
target_pid(const trace_recorder_t *recorder) {
    return recorder->pid != 0
               ? recorder->pid
               : atomic_load_explicit(&((const record_head_t *)recorder->drain.area)->pid, memory_order_relaxed);
}

/* The first look at the target. */
static void
begin(trace_recorder_t *recorder, uint64_t now) {
    recorder->began = recorder->written = now;
    trace_watch_open(&recorder->watch, target_pid(recorder));
    trace_writer_meta(recorder->drain.writer, "began", recorder->pid == 0 ? "start" : "attached");
    measure(recorder, now);
    recorder_add_sample(recorder, now);
}

static trace_recorder_state_t
judge(const trace_recorder_t *recorder, uint64_t now) {
    const trace_recording_t *recording = &recorder->recording;
    trace_written_t written = trace_writer_written(recorder->drain.writer);
    if (recorder->began == 0) {
        return RECORDER_WAITING;
    } else if (written.error != 0) {
        return RECORDER_FAILED;
    } else if (recorder_area_state(recorder) == record_ended) {
        return RECORDER_ENDED;
    } else if (trace_watch_ended(&recorder->watch)) {
        return RECORDER_EXITED;
    } else if (recording->duration != 0 && now - recorder->began >= recording->duration) {
        return RECORDER_TIME;
    }
    return recording->max_size != 0 && written.bytes >= recording->max_size ? RECORDER_SIZE : RECORDER_RUNS;
}

/* Publishes what is known. Returns whether the thread is to end. */
static bool
publish(trace_recorder_t *recorder, uint64_t now, uint32_t fullest) {
    trace_recorder_state_t state = judge(recorder, now);
    pthread_mutex_lock(&recorder->lock);
    trace_recorder_status_t *status = &recorder->status;
    if (status->state <= RECORDER_RUNS) {
        status->state = state;
        status->elapsed = recorder->began == 0 ? 0 : now - recorder->began;
    }
    status->written = trace_writer_written(recorder->drain.writer);
    status->rss = recorder->rss;
    status->peak_rss = recorder->peak_rss;
    status->pid = target_pid(recorder);
    status->broken = recorder->drain.broken;
    status->refused = recorder->drain.refused;
    status->fullest = fullest > status->fullest ? fullest : status->fullest;
    if (status->state > RECORDER_RUNS) {
        pthread_cond_signal(&recorder->over);
        recorder->over_at = recorder->over_at == 0 ? now : recorder->over_at;
        recorder->drain.nobody = now - recorder->over_at > GRACE;
    }
    bool stops = recorder->stops;
    pthread_mutex_unlock(&recorder->lock);
    return stops;
}

/* How long to sleep if the rings filled to `fullest` percent during the last pause. */
static long
next_pause(long pause, uint32_t fullest) {
    long next = fullest >= AIM ? pause * AIM / (long)fullest : pause + pause / 4;
    return next < PAUSE_MIN ? PAUSE_MIN : next > PAUSE_MAX ? PAUSE_MAX : next;
}

void *
recorder_thread(void *argument) {
    trace_recorder_t *recorder = argument;
    uint32_t fullest;
    long pause = RECORDER_MS / 2;
    setpriority(PRIO_PROCESS, 0, PRIORITY); /* of this thread; refused to those who may not */
    for (bool stops = false; !stops;) {
        trace_drain_slice(&recorder->drain, &fullest);
        uint64_t now = trace_recorder_now();
        if (recorder->began == 0 && recorder->drain.began) {
            begin(recorder, now);
        }
        if (recorder->began != 0) {
            look_after(recorder, now);
        }
        stops = publish(recorder, now, fullest);
        pause = next_pause(pause, fullest);
        if (!sum_up(recorder, now) && fullest < BUSY) {
            nanosleep(&(struct timespec){0, pause}, NULL);
        }
    }
    return NULL;
}
