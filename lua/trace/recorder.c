/* recorder.c -- the area, the thread, and the end of a recording. See recorder.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "drain.h"
#include "sums.h"
#include "watch.h"

enum {
    MS = 1000000,
    TEXTS = 128,
    PAUSE_MIN = MS / 8, /* ns between two looks at the rings */
    PAUSE_MAX = 4 * MS,
    BUSY = 25,      /* percent of a ring: from there on the thread does not sleep */
    PRIORITY = -10, /* as of nice(1): a thread that gets too little time loses events */
    AIM = 5         /* percent of the fullest ring that should wait at the next look */
};

/* ns: between two samples, flushes and looks at the memory; how long an end is waited for; the age at which events are
 * summed up, because hardly one that is older arrives any more. */
static const uint64_t SAMPLE_EVERY = 100 * MS, FLUSH_EVERY = 1000 * MS, RSS_EVERY = 5 * MS, ENDING = 1000 * MS,
                      SETTLED = 500 * MS;
/* The target is asked to stop when the recording is over. It gives up by itself so long after that. */
static const uint64_t GRACE = 300 * MS;

/* For the file's metadata. */
typedef struct {
    char key[64], value[960];
} text_t;

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
    trace_sample_t statistics; /* time 0: none */
    bool stops;                /* the thread is to end */
    text_t texts[TEXTS];       /* that are not written yet */
    size_t ntexts;

    /* Synchronization: the thread alone, and its caller before and after it: these fields. */
    trace_sums_t sums;
    uint64_t began, sampled, flushed, measured, over_at; /* ns */
    uint64_t rss, peak_rss, anonymous, peak_anonymous;
    uint64_t sample_every;   /* ns */
    uint64_t others;         /* bytes: the most of rss that was not anonymous */
    uint64_t highest_before; /* bytes: the highest RSS at the first look */
};

static uint64_t
now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

const char *
trace_recorder_state_name(trace_recorder_state_t state) {
    static const char *const names[RECORDER_STATES] = {"waiting",          "recording", "stopped", "the target stopped",
                                                       "the target ended", "time",      "size",    "failed"};
    return state < RECORDER_STATES ? names[state] : "?";
}

/* ---- the area ---- */

static int
say(char *message, size_t size, const char *what, int error) {
    snprintf(message, size, "%s: %s", what, strerror(error));
    return error;
}

/* trace_allocate_t */
static bool
allocate(void *opaque, size_t offset, size_t size) {
    const trace_recorder_t *recorder = opaque;
    int error = posix_fallocate(recorder->fd, (off_t)offset, (off_t)size);
    errno = error;
    return error == 0;
}

/* The area, which can be mapped then; errno is set after a failure. */
static bool
map_area(trace_recorder_t *recorder) {
    recorder->fd = memfd_create("lunalloc-record", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (recorder->fd < 0 || ftruncate(recorder->fd, (off_t)recorder->size) != 0 ||
        !allocate(recorder, 0, record_area_heads(&recorder->drain.shape))) {
        return false;
    }
    void *area = mmap(NULL, recorder->size, PROT_READ | PROT_WRITE, MAP_SHARED, recorder->fd, 0);
    if (area == MAP_FAILED) {
        return false;
    }
    recorder->drain.area = area;
    record_area_init(area, &recorder->drain.shape);
    return trace_drain_give_memory(&recorder->drain);
}

/* The same. A limit of files (SIGXFSZ) is a failure. */
static bool
allocate_area(trace_recorder_t *recorder) {
    sigset_t limit, old;
    sigemptyset(&limit);
    sigaddset(&limit, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &limit, &old);
    int error = map_area(recorder) ? 0 : errno;
    if (error == EFBIG) {
        sigtimedwait(&limit, NULL, &(struct timespec){0});
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = error;
    return error == 0;
}

static int
make_area(trace_recorder_t *recorder, char *message, size_t size) {
    recorder->drain.allocate = allocate;
    recorder->drain.opaque = recorder;
    recorder->size = record_area_size(&recorder->drain.shape);
    if (recorder->size == 0) {
        return say(message, size, "the shape of the rings", EINVAL);
    }
    if (!allocate_area(recorder)) {
        return say(message, size, "no memory to share with the process", errno);
    }
    if (fcntl(recorder->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return say(message, size, "cannot seal the memory to share with the process", errno);
    }
    return 0;
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
    if (!trace_sums_open(&recorder->sums, now_ns())) {
        trace_writer_abandon(recorder->drain.writer);
        return say(message, size, "no memory for sums", ENOMEM);
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
        return say(message, message_size, "no memory for a recording", ENOMEM);
    }
    recorder->fd = -1;
    recorder->watch = (trace_watch_t){-1, -1};
    recorder->recording = *recording;
    recorder->sample_every = SAMPLE_EVERY;
    recorder->drain.shape = recording->shape;
    init_locks(recorder);
    int error = make_area(recorder, message, message_size);
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
    text_t *text = recorder->ntexts < TEXTS ? &recorder->texts[recorder->ntexts++] : NULL;
    if (text != NULL) {
        snprintf(text->key, sizeof(text->key), "%s", key);
        snprintf(text->value, sizeof(text->value), "%s", value);
    }
    pthread_mutex_unlock(&recorder->lock);
}

/* Writes what trace_recorder_meta() was given since. */
static void
write_texts(trace_recorder_t *recorder) {
    pthread_mutex_lock(&recorder->lock);
    for (size_t i = 0; i < recorder->ntexts; i++) {
        trace_writer_meta(recorder->drain.writer, recorder->texts[i].key, recorder->texts[i].value);
    }
    recorder->ntexts = 0;
    pthread_mutex_unlock(&recorder->lock);
}

/* ---- samples ---- */

/* A peak between two looks is seen in the highest RSS, if that has risen while the recorder looks; files and shared
 * memory (rings) are in it, which for the most part only grow. */
static void
note_peak(trace_recorder_t *recorder, const trace_memory_t *memory) {
    uint64_t others = memory->rss - memory->anonymous, peak = memory->anonymous;
    recorder->others = others > recorder->others ? others : recorder->others;
    recorder->highest_before = recorder->highest_before == 0 ? memory->highest : recorder->highest_before;
    if (memory->highest > recorder->highest_before && memory->highest > recorder->others + peak) {
        peak = memory->highest - recorder->others;
    }
    recorder->peak_anonymous = peak > recorder->peak_anonymous ? peak : recorder->peak_anonymous;
}

static void
measure(trace_recorder_t *recorder, uint64_t now) {
    if (now - recorder->measured < RSS_EVERY) {
        return;
    }
    trace_memory_t memory = trace_watch_memory(&recorder->watch);
    uint64_t rings = trace_drain_touched(&recorder->drain);
    recorder->measured = now;
    recorder->rss = memory.rss > rings ? memory.rss - rings : 0;
    recorder->anonymous = memory.anonymous;
    recorder->peak_rss = recorder->rss > recorder->peak_rss ? recorder->rss : recorder->peak_rss;
    note_peak(recorder, &memory);
}

static uint64_t
known(uint64_t value) {
    return value == 0 ? TRACE_UNKNOWN : value;
}

static void
add_sample(trace_recorder_t *recorder, uint64_t now) {
    trace_sample_t sample;
    memset(&sample, 0xff, sizeof(sample));
    pthread_mutex_lock(&recorder->lock);
    if (recorder->statistics.time != 0) {
        sample = recorder->statistics;
        recorder->statistics.time = 0;
    }
    pthread_mutex_unlock(&recorder->lock);
    trace_written_t written = trace_writer_written(recorder->drain.writer);
    sample.time = now;
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

static void
look_after(trace_recorder_t *recorder, uint64_t now) {
    measure(recorder, now);
    if (now - recorder->sampled >= recorder->sample_every || has_statistics(recorder)) {
        add_sample(recorder, now);
    }
    if (now - recorder->flushed >= FLUSH_EVERY) {
        if (!recorder->recording.sums) {
            trace_drain_clock(&recorder->drain);
        }
        write_texts(recorder);
        trace_writer_flush(recorder->drain.writer);
        recorder->flushed = now;
    }
}

/* ---- the thread ---- */

static uint32_t
area_state(const trace_recorder_t *recorder) {
    return atomic_load_explicit(&((const record_head_t *)recorder->drain.area)->state, memory_order_acquire);
}

static uint32_t
target_pid(const trace_recorder_t *recorder) {
    return recorder->pid != 0
               ? recorder->pid
               : atomic_load_explicit(&((const record_head_t *)recorder->drain.area)->pid, memory_order_relaxed);
}

/* The first look at the target. */
static void
begin(trace_recorder_t *recorder, uint64_t now) {
    recorder->began = now;
    trace_watch_open(&recorder->watch, target_pid(recorder));
    trace_writer_meta(recorder->drain.writer, "began", recorder->pid == 0 ? "start" : "attached");
    measure(recorder, now);
    add_sample(recorder, now);
}

static trace_recorder_state_t
judge(const trace_recorder_t *recorder, uint64_t now) {
    const trace_recording_t *recording = &recorder->recording;
    trace_written_t written = trace_writer_written(recorder->drain.writer);
    if (recorder->began == 0) {
        return RECORDER_WAITING;
    } else if (written.error != 0) {
        return RECORDER_FAILED;
    } else if (area_state(recorder) == record_ended) {
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

static void *
drain_thread(void *argument) {
    trace_recorder_t *recorder = argument;
    uint32_t fullest;
    long pause = MS / 2;
    setpriority(PRIO_PROCESS, 0, PRIORITY); /* of this thread; refused to those who may not */
    for (bool stops = false; !stops;) {
        trace_drain_slice(&recorder->drain, &fullest);
        uint64_t now = now_ns();
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

int
trace_recorder_start(trace_recorder_t *recorder, uint32_t pid) {
    recorder->pid = pid;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&recorder->thread, NULL, drain_thread, recorder);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    recorder->started = error == 0;
    return error;
}

/* ---- for the caller ---- */

bool
trace_recorder_wait(trace_recorder_t *recorder, uint64_t ns) {
    uint64_t until = now_ns() + ns;
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
    recorder->statistics.time = 1;
    pthread_mutex_unlock(&recorder->lock);
}

void
trace_recorder_stop(trace_recorder_t *recorder) {
    pthread_mutex_lock(&recorder->lock);
    if (recorder->status.state <= RECORDER_RUNS) {
        recorder->status.state = RECORDER_STOPPED;
        recorder->status.elapsed = recorder->began == 0 ? 0 : now_ns() - recorder->began;
    }
    pthread_mutex_unlock(&recorder->lock);
}

/* The thread goes on draining until the target has ended its recording; then it ends. */
static void
end_thread(trace_recorder_t *recorder) {
    if (!recorder->started) {
        return;
    }
    for (uint64_t until = now_ns() + ENDING;
         now_ns() < until && area_state(recorder) == record_on && !trace_watch_ended(&recorder->watch);) {
        nanosleep(&(struct timespec){0, MS}, NULL);
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
        trace_drain_end(&recorder->drain);
        add_sample(recorder, now_ns());
    }
    if (recorder->recording.sums) {
        trace_sums_end(&recorder->sums, &recorder->drain.clock, recorder->drain.writer);
    }
    trace_recorder_meta(recorder, "reason", trace_recorder_state_name(recorder->status.state));
    write_texts(recorder);
    trace_writer_flush(recorder->drain.writer);
    *status = recorder->status;
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
