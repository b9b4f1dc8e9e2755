/* record_life.c -- recordings begin and end; threads join and leave them. */
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

static lock_t lock = LOCK_INITIALIZER(RANK_RECORD); /* Synchronization: its own. */
static recording_t *_Atomic present; /* Synchronization: written under the lock, read by any thread; NULL: none. */
static void *present_area; /* Synchronization: with present_size: under the lock; the parent's area, after a fork. */
static size_t present_size;

/* Recordings that threads can still reach, the present one too. */
static list_t recordings GUARDED_BY(role_record) = {&recordings, &recordings};
static uint64_t nrecordings GUARDED_BY(role_record); /* so far */
static record_counts_t last GUARDED_BY(role_record); /* of the latest recording that has ended */

static void
acquire(void) ACQUIRE(role_record) NO_THREAD_SAFETY {
    lock_acquire(&lock);
}

static bool
try_acquire(void) TRY_ACQUIRE(true, role_record) NO_THREAD_SAFETY {
    return lock_try(&lock);
}

static void
release(void) RELEASE(role_record) NO_THREAD_SAFETY {
    lock_release(&lock);
}

/* The recording that runs; not the parent's, of which the child of a fork has nothing but zeros. */
static recording_t *
running(void) {
    recording_t *recording = atomic_get_acquire(&present);
    return recording != NULL && recording->head != NULL ? recording : NULL;
}

/* ---- rings ---- */

/* Where its stream goes on: at 0, or behind what an image before this one has written, whose unread chunks are kept. */
static void
find_position(recorder_t *r, const recording_t *recording, uint32_t i) REQUIRES(role_record) {
    uint32_t lg = record_lg_segment(&recording->shape), mask = record_segments(&recording->shape) - 1;
    size_t size = (size_t)1 << lg;
    uint64_t position = atomic_get(&r->ring->written) & (UINT64_MAX >> 8), read = atomic_get(&r->ring->read);
    bool sound = read <= position && position - read <= (UINT64_C(1) << recording->shape.lg_ring);
    r->next_chunk = (position + size - 1) >> lg;
    r->first_chunk = (sound ? read : position) >> lg;
    r->free_segments = mask == 63 ? UINT64_MAX : (UINT64_C(2) << mask) - 1;
    for (uint64_t chunk = r->first_chunk; chunk < r->next_chunk; chunk++) {
        r->map[chunk & mask] = (uint8_t)(atomic_get(&r->ring->map[chunk & mask]) & mask);
        r->free_segments &= ~(UINT64_C(1) << r->map[chunk & mask]);
    }
    size_t at = position & (size - 1), segment = at == 0 ? 0 : r->map[position >> lg & mask];
    r->base = record_area_bytes(recording->head, &recording->shape, i);
    r->out = r->stop = r->base + (segment << lg) + at;
    r->end = at == 0 ? r->out : r->out + (size - at);
    r->lap = position - (uintptr_t)r->out;
}

/* The first ring that nobody has; NULL if there is none. A thread before left its recorder where it stopped. */
static recorder_t *
take_ring(recording_t *recording) REQUIRES(role_record) {
    for (uint32_t i = 0; i < recording->shape.nrings; i++) {
        recorder_t *r = &recording->recorders[i];
        if (r->taken) {
            continue;
        }
        r->taken = true;
        atomic_sub(&recording->nfree, 1);
        if (r->base == NULL) {
            find_position(r, recording, i);
        }
        return r;
    }
    return NULL;
}

static void
give_back(recorder_t *r) REQUIRES(role_record) {
    r->taken = false;
    atomic_add(&r->recording->nfree, 1);
}

/* The first event of a stream. */
static void
begin_stream(recorder_t *r, uint32_t system, const char name[RECORD_NAME]) {
    record_event_t event = {.time = record_stamp(r), .kind = RECORD_THREAD, .size = system};
    event.thread = (uint32_t)atomic_add(&r->recording->head->threads, 1) + 1;
    memcpy(event.name, name, RECORD_NAME);
    atomic_set(&r->ring->system, system);
    atomic_set(&r->ring->thread, event.thread);
    record_put_slow(r, &event);
}

static void
end_stream(recorder_t *r) {
    record_put_slow(r,
                    &(record_event_t){.time = record_stamp(r), .kind = RECORD_THREAD_END, .touched = RECORD_UNKNOWN});
    atomic_set(&r->ring->thread, 0);
}

recorder_t *
record_life_borrow(recording_t *recording, const char *name) {
    char padded[RECORD_NAME] = {0};
    acquire();
    recorder_t *r = take_ring(recording);
    release();
    if (r != NULL) {
        memcpy(padded, name, strnlen(name, RECORD_NAME));
        begin_stream(r, os_thread_id(), padded);
    }
    return r;
}

void
record_life_return(recorder_t *r) {
    end_stream(r);
    acquire();
    give_back(r);
    release();
}

/* ---- the memory of a recording ---- */

static void
destroy(recording_t *recording) {
    shared_unmap(recording->head, recording->area_size);
    shared_unmap(recording, recording->size);
}

/* Removes a recording that has ended if no thread is left in it. The caller deletes it without the lock. */
static bool
unlink_if_left(recording_t *recording) REQUIRES(role_record) {
    bool left = recording->ended && recording->njoined == 0;
    if (left) {
        list_remove(&recording->link);
    }
    return left;
}

/* ---- threads ---- */

static void
begin_thread(recorder_t *r) {
    char name[PROCESS_THREAD_NAME] = {0};
    _Static_assert(PROCESS_THREAD_NAME == RECORD_NAME, "a name fits");
    process_own_thread_name(name);
    begin_stream(r, os_thread_id(), name);
}

static recorder_t *
recorder_of(const thread_t *thread) {
    return thread->record != NULL ? thread->record : thread->record_pages;
}

static void
set_recorder(thread_t *thread, const recording_t *recording, recorder_t *r) {
    if (recording->shape.mode == record_full) {
        thread->record = r;
    } else {
        thread->record_pages = r;
    }
}

static void
join(thread_t *thread) {
    acquire();
    recording_t *recording = running();
    recorder_t *r = recording == NULL ? NULL : take_ring(recording);
    if (recording != NULL) {
        recording->njoined++;
    }
    release();
    if (recording == NULL) {
        return;
    }
    set_recorder(thread, recording, r != NULL ? r : &recording->ringless);
    if (r != NULL) {
        begin_thread(r);
    }
    if (recording->shape.mode == record_full && !thread_see_calls(thread)) {
        atomic_add(&recording->head->blind, 1);
    }
}

static void
leave(thread_t *thread) {
    recorder_t *r = recorder_of(thread);
    recording_t *recording = r->recording;
    thread->record = thread->record_pages = NULL;
    thread_stop_seeing_calls(thread);
    if (recording == NULL) {
        return;
    }
    if (r->ring != NULL) {
        end_stream(r);
    }
    acquire();
    if (r->ring != NULL) {
        give_back(r);
    }
    recording->njoined--;
    bool left = unlink_if_left(recording);
    release();
    if (left) {
        destroy(recording);
    }
}

/* threads_recorded: a thread refreshes, or ends. */
static void
follow(thread_t *thread, bool ends) {
    recording_t *recording = ends ? NULL : running();
    const recorder_t *r = recorder_of(thread);
    if (r != NULL && r->recording != recording) {
        leave(thread);
    }
    if (recorder_of(thread) == NULL && recording != NULL) {
        join(thread);
    }
}

/* recording_t.try_again */
static void
try_again(recording_t *recording) {
    thread_t *thread = thread_here();
    if (atomic_get(&recording->nfree) == 0 || recorder_of(thread) != &recording->ringless || !try_acquire()) {
        return;
    }
    recorder_t *r = take_ring(recording);
    release();
    if (r != NULL) {
        set_recorder(thread, recording, r);
        begin_thread(r);
    }
}

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
    *ns = clock_ns();
    *ticks = clock->tsc ? ticks_after() : *ns;
}

/* No thread joins from now on. */
static void
unpublish(const recording_t *recording) REQUIRES(role_record) {
    count(recording, &last);
    atomic_set(&present, NULL);
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
    acquire();
    recording_t *recording = running();
    bool mine = recording != NULL && !recording->ended && (number == 0 || number == recording->number);
    if (mine) {
        recording->ended = true;
        recording->njoined++;
    }
    release();
    return mine ? recording : NULL;
}

/* recording_t.give_up. The caller has a ring, so the recording stays. */
static void
give_up(recording_t *recording) {
    if (!try_acquire()) {
        return;
    }
    bool mine = running() == recording && !recording->ended;
    if (mine) {
        recording->ended = true;
        unpublish(recording);
    }
    release();
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
    recording->try_again = try_again;
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
    acquire();
    bool first = atomic_get(&present) == NULL;
    if (first) {
        recording->number = ++nrecordings;
        list_push_back(&recordings, &recording->link);
        recording->njoined = 1; /* the caller, until it has written what lives */
        present_area = recording->head;
        present_size = recording->area_size;
        atomic_set_release(&present, recording);
        atomic_set(&realloc_fast_max, recording->shape.mode == record_full ? 0 : SC_LOOKUP_MAX);
        record_pages_watch(recording->shape.mode == record_pages);
    }
    release();
    return first;
}

/* The caller leaves that has no ring and no thread. */
static void
unhold(recording_t *recording) {
    acquire();
    recording->njoined--;
    bool left = unlink_if_left(recording);
    release();
    if (left) {
        destroy(recording);
    }
}

static void
write_live(recording_t *recording) {
    recorder_t *r = record_life_borrow(recording, "lunalloc");
    if (r != NULL) {
        recording->shape.mode == record_full ? record_live(r) : record_pages_live(r);
        record_life_return(r);
    }
}

recorder_t *
record_life_borrow_for_pages(void) {
    acquire();
    recording_t *recording = running();
    bool wanted = recording != NULL && recording->shape.mode == record_pages;
    if (wanted) {
        recording->njoined++;
    }
    release();
    recorder_t *r = wanted ? record_life_borrow(recording, "lunalloc") : NULL;
    if (wanted && r == NULL) {
        unhold(recording);
    }
    return r;
}

void
record_life_return_for_pages(recorder_t *r) {
    recording_t *recording = r->recording;
    record_life_return(r);
    unhold(recording);
}

/* 0: the mapped area is the recording's now. source: where it is from. */
static int
begin_in(void *area, size_t size, const source_t *source, uint64_t *number) {
    record_shape_t shape;
    bool again;
    if (!record_area_check(area, size, &shape)) {
        return EINVAL;
    }
    if (atomic_get(&present) != NULL) {
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
    atomic_set_release(&threads_recorded, follow);
    threads_request_refresh();
    write_live(recording);
    unhold(recording);
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
    acquire();
    recording_t *recording = running();
    if (recording != NULL) {
        count(recording, out);
    } else {
        *out = last;
    }
    out->active = recording != NULL;
    release();
}

bool
record_end(uint64_t number) {
    recording_t *recording = hold_to_end(number);
    if (recording == NULL) {
        return false;
    }
    write_live(recording);
    acquire();
    unpublish(recording);
    release();
    hide(recording);
    threads_request_refresh();
    unhold(recording);
    return true;
}

/* ---- fork ---- */

void
record_prefork(void) {
    lock_prefork(&lock);
}

/* In the child, recordings read as zeros, unless the system is too old for that; the areas are the parent's. */
static void
forget_all(void) NO_THREAD_SAFETY {
    thread_t *thread = thread_here();
    thread->record = thread->record_pages = NULL;
    thread_stop_seeing_calls(thread);
    record_pages_watch(false);
    list_init(&recordings);
    if (atomic_get(&present) != NULL) {
        shared_unmap(present_area, present_size);
    }
    atomic_set(&present, NULL);
    atomic_set(&realloc_fast_max, SC_LOOKUP_MAX);
}

void
record_postfork(bool child) {
    if (child) {
        forget_all();
    }
    lock_postfork(&lock, child);
}
