/* record_life.c -- recordings begin and end. */
#include "observe/record_life.h"

#include "base/check.h"
#include "base/options.h"
#include "lunalloc.h"
#include "os/process.h"
#include "os/shared.h"
#include "os/system.h"
#include "os/thread.h"
#include "thread/front.h"
#include "thread/refresh.h"

#include <errno.h>

static record_counts_t last GUARDED_BY(role_record); /* of the latest recording that has ended */

/* ---- end ---- */

static void
count(const recording_t *recording, record_counts_t *out) {
    *out = (record_counts_t){.mode = recording->shape.mode, .number = recording->number};
    for (uint32_t i = 0; i < recording->shape.nrings; i++) {
        out->events += atomic_get(&recording->recorders[i].ring->events);
        out->lost += atomic_get(&recording->recorders[i].ring->lost);
    }
    out->lost += atomic_get(&recording->head->ringless);
    out->threads = atomic_get(&recording->head->threads);
}

static void
read_clock(const recorder_t *clock, uint64_t *ticks, uint64_t *ns) {
    *ns = *ticks = clock_ns();
    if (clock->tsc) {
        record_clock_read(clock_ns, ticks, ns);
    }
}

/* No thread joins from now on. */
static void
unpublish(const recording_t *recording) REQUIRES(role_record) {
    count(recording, &last);
    record_set_present(NULL);
    atomic_set(&realloc_fast_max, SC_LOOKUP_MAX);
    record_pages_watch(false);
}

/* Threads that are in the middle of an event write the rest of it to private memory. */
static void
hide(recording_t *recording) {
    record_head_t *head = recording->head;
    read_clock(&recording->ringless, &head->end_ticks, &head->end_ns);
    atomic_set_release(&head->state, record_ended);
    shared_hide(head, recording->area_size);
}

/* The recording of this number, held, if it is running and nobody else ends it; NULL. */
static recording_t *
hold_to_end(uint64_t number) {
    record_lock();
    recording_t *recording = record_running();
    bool mine = recording != NULL && !recording->ended && (number == 0 || number == recording->number);
    if (mine) {
        recording->ended = true;
        recording->njoined++;
    }
    record_unlock();
    return mine ? recording : NULL;
}

/* recording_t.give_up. The caller has a ring, so the recording stays. */
static void
give_up(recording_t *recording) {
    if (!record_lock_try()) {
        return;
    }
    bool mine = record_running() == recording && !recording->ended;
    if (mine) {
        recording->ended = true;
        unpublish(recording);
    }
    record_unlock();
    if (mine) {
        hide(recording);
        config_generation_bump();
    }
}

/* ---- begin ---- */

/* Where an area is from. */
typedef struct {
    const char *path; /* "": it was handed over */
    shared_id_t id;
} source_t;

/* A structure for a mapped area. NULL if there is no memory. */
static recording_t *
new_recording(void *area, size_t area_size, const record_shape_t *shape) {
    size_t size = sizeof(recording_t) + shape->nrings * sizeof(recorder_t);
    recording_t *recording = shared_private(size);
    if (recording == NULL) {
        return NULL;
    }
    recording->head = area;
    recording->area_size = area_size;
    recording->size = size;
    recording->shape = *shape;
    recording->try_again = record_thread_try_again;
    recording->give_up = give_up;
    recording->ringless.recording = recording;
    recording->ringless.tsc = shape->clock_allowed == record_clock_tsc && ticks_steady();
    recording->ringless.plain = sc_index(RECORD_MEDIUM);
    atomic_set(&recording->nfree, shape->nrings);
    for (uint32_t i = 0; i < shape->nrings; i++) {
        recording->recorders[i] = recording->ringless;
        recording->recorders[i].ring = record_area_ring(area, i);
    }
    return recording;
}

/* Makes the area this process's; *again: it was already, before the process executed this program. False: it is another
 * process's, or a recording into it has ended. */
static bool
claim(record_head_t *head, bool *again) {
    uint32_t owner = 0, self = os_process_id();
    bool first =
        atomic_compare_exchange_strong_explicit(&head->pid, &owner, self, memory_order_relaxed, memory_order_relaxed);
    *again = !first;
    return first || (owner == self && atomic_get(&head->state) == record_on);
}

static void
fill_head(recording_t *recording) {
    record_head_t *head = recording->head;
    head->clock = recording->ringless.tsc ? record_clock_tsc : record_clock_monotonic;
    head->lg_unit = recording->ringless.tsc ? RECORD_LG_TSC : RECORD_LG_NS;
    read_clock(&recording->ringless, &head->begin_ticks, &head->begin_ns);
    memcpy(head->allocator, "lunalloc " LUNALLOC_VERSION, sizeof "lunalloc " LUNALLOC_VERSION);
    atomic_set_release(&head->state, record_on);
}

/* The process has executed another program: no ring has a thread of it, and all blocks are gone. */
static void
begin_image(recording_t *recording) {
    for (uint32_t i = 0; i < recording->shape.nrings; i++) {
        atomic_set(&recording->recorders[i].ring->thread, 0);
    }
    recorder_t *r = record_life_borrow(recording, "lunalloc");
    if (r != NULL) {
        record_put_slow(
            r, &(record_event_t){
                   .time = record_stamp(r), .kind = RECORD_IMAGE, .size = os_process_id(), .touched = RECORD_UNKNOWN});
        record_life_return(r);
    }
}

/* From then on threads join. False if a recording is running. */
static bool
publish(recording_t *recording) {
    record_lock();
    bool first = !record_is_present();
    if (first) {
        recording->njoined = 1; /* the caller, until it has written what lives */
        record_set_present(recording);
        atomic_set(&realloc_fast_max, recording->shape.mode == record_full ? 0 : SC_LOOKUP_MAX);
        record_pages_watch(recording->shape.mode == record_pages);
    }
    record_unlock();
    return first;
}

static void
write_live(recording_t *recording) {
    recorder_t *r = record_life_borrow(recording, "lunalloc");
    if (r != NULL) {
        recording->shape.mode == record_full ? record_live(r) : record_pages_live(r);
        record_life_return(r);
    }
}

/* 0: the mapped area is the recording's now. source: where it is from. */
static int
begin_in(void *area, size_t size, const source_t *source, uint64_t *number) {
    record_shape_t shape;
    bool again;
    if (!record_area_check(area, size, &shape)) {
        return EINVAL;
    }
    if (record_is_present()) {
        return EBUSY;
    }
    recording_t *recording = new_recording(area, size, &shape);
    if (recording == NULL) {
        return ENOMEM;
    }
    recording->id = source->id;
    if (source->path[0] == '/' && strlen(source->path) < RECORD_PATH) {
        strcpy(recording->path, source->path);
    }
    atomic_set(&recording->heard, clock_ns());
    int error = !claim(area, &again) ? EACCES : 0;
    if (error == 0) {
        again ? begin_image(recording) : fill_head(recording);
        error = publish(recording) ? 0 : EBUSY;
    }
    if (error == EBUSY) {
        atomic_set_release(&recording->head->state, record_ended);
    }
    if (error != 0) {
        shared_unmap(recording, recording->size);
        return error;
    }
    *number = recording->number;
    record_probe_residency();
    atomic_set_release(&threads_recorded, record_thread_follow);
    threads_request_refresh();
    write_live(recording);
    record_life_unhold(recording);
    return 0;
}

static int
begin_from(int fd, const char *path, uint64_t *number) {
    source_t source = {.path = path};
    if (system_is_privileged()) {
        return EPERM;
    }
    int error;
    size_t size;
    void *area = shared_map(fd, &size, &source.id, &error);
    if (area == NULL) {
        return error;
    }
    error = begin_in(area, size, &source, number);
    if (error != 0) {
        shared_unmap(area, size);
    }
    return error;
}

int
record_begin(int fd, uint64_t *number) {
    return begin_from(fd, "", number);
}

int
record_begin_path(const char *path, uint64_t *number) {
    int fd = shared_open(path);
    if (fd < 0) {
        return -fd;
    }
    int error = begin_from(fd, path, number);
    shared_close(fd);
    return error;
}

COLD void
record_from_start(const char *path) {
    uint64_t number;
    int error = record_begin_path(path, &number);
    if (error != 0 && error != EACCES) {
        warn(error == EPERM    ? "opt.record: not recorded: the memory is another user's, or the process runs set-uid"
             : error == EINVAL ? "opt.record: not recorded: this is no recorder's memory"
                               : "opt.record: not recorded: the recorder's memory cannot be opened or mapped");
    }
}

/* ---- counts ---- */

void
record_counts(record_counts_t *out) {
    record_lock();
    recording_t *recording = record_running();
    if (recording != NULL) {
        count(recording, out);
    } else {
        *out = last;
    }
    out->active = recording != NULL;
    record_unlock();
}

bool
record_end(uint64_t number) {
    recording_t *recording = hold_to_end(number);
    if (recording == NULL) {
        return false;
    }
    write_live(recording);
    record_lock();
    unpublish(recording);
    record_unlock();
    hide(recording);
    threads_request_refresh();
    record_life_unhold(recording);
    return true;
}

/* ---- fork ---- */

void
record_prefork(void) {
    record_lock_prefork();
}

/* In the child, recordings read as zeros, unless the system is too old for that. */
static void
forget_all(void) {
    thread_t *thread = thread_here();
    thread->record = thread->record_pages = NULL;
    thread_stop_seeing_calls(thread);
    record_pages_watch(false);
    record_forget();
    atomic_set(&realloc_fast_max, SC_LOOKUP_MAX);
}

void
record_postfork(bool child) {
    if (child) {
        forget_all();
    }
    record_lock_postfork(child);
}
