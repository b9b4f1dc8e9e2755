/*
 * record_threads.c -- the rings of a recording, and the threads that take part in it: they join as they refresh, and
 * leave when they notice its end, or end themselves.
 */
#include "observe/record_life.h"
#include "os/process.h"
#include "os/thread.h"
#include "thread/front.h"

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
    record_lock();
    recorder_t *r = take_ring(recording);
    record_unlock();
    if (r != NULL) {
        memcpy(padded, name, strnlen(name, RECORD_NAME));
        begin_stream(r, os_thread_id(), padded);
    }
    return r;
}

void
record_life_return(recorder_t *r) {
    end_stream(r);
    record_lock();
    give_back(r);
    record_unlock();
}

recorder_t *
record_life_borrow_for_pages(void) {
    record_lock();
    recording_t *recording = record_running();
    bool wanted = recording != NULL && recording->shape.mode == record_pages;
    if (wanted) {
        recording->njoined++;
    }
    record_unlock();
    recorder_t *r = wanted ? record_life_borrow(recording, "lunalloc") : NULL;
    if (wanted && r == NULL) {
        record_life_unhold(recording);
    }
    return r;
}

void
record_life_return_for_pages(recorder_t *r) {
    recording_t *recording = r->recording;
    record_life_return(r);
    record_life_unhold(recording);
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
    record_lock();
    recording_t *recording = record_running();
    recorder_t *r = recording == NULL ? NULL : take_ring(recording);
    if (recording != NULL) {
        recording->njoined++;
    }
    record_unlock();
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
        record_life_return(r);
    }
    record_life_unhold(recording);
}

void
record_thread_follow(thread_t *thread, bool ends) {
    recording_t *recording = ends ? NULL : record_running();
    const recorder_t *r = recorder_of(thread);
    if (r != NULL && r->recording != recording) {
        leave(thread);
    }
    if (recorder_of(thread) == NULL && recording != NULL) {
        join(thread);
    }
}

void
record_thread_try_again(recording_t *recording) {
    thread_t *thread = thread_here();
    if (atomic_get(&recording->nfree) == 0 || recorder_of(thread) != &recording->ringless || !record_lock_try()) {
        return;
    }
    recorder_t *r = take_ring(recording);
    record_unlock();
    if (r != NULL) {
        set_recorder(thread, recording, r);
        begin_thread(r);
    }
}
