/*
 * record_rings_test.c -- the rings of a recording of this process: which segments a thread uses; the order of the
 * events of an address that threads hand to each other; what a thread does when nobody reads any more.
 */
#include "../base/testing.h"
#include "recording.h"

#include "observe/record_life.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

static recorder_side_t *side;
static uint64_t number;

static void
begin(record_shape_t shape) {
    side = new_recorder(shape);
    assert_int_equal(record_begin(side->fd, &number), 0);
}

static void
end(void) {
    record_end(number);
    delete_recorder(side);
}

static void
ignore(const record_event_t *event, void *context) {
    (void)event;
    (void)context;
}

static void
read_all(void) {
    drain_all(side, ignore, NULL);
}

static void
write_events(size_t n) {
    for (size_t i = 0; i < n; i++) {
        lunalloc_free(lunalloc_malloc(40));
    }
}

static record_ring_t *
own_ring(void) {
    return thread_here()->record->ring;
}

/* ---- segments ---- */

static const record_shape_t usual = {.nrings = 4, .lg_ring = 16, .clock_allowed = record_clock_tsc};

/* A ring that is read in time stays in its first segments, however much is written; one that is not uses all. */
static void
test_the_lowest_segments_are_used(void **state) {
    (void)state;
    begin(usual);
    assert_int_equal(record_segments(&usual), 64);
    for (int i = 0; i < 500; i++) {
        write_events(50);
        read_all();
    }
    assert_true(atomic_get(&own_ring()->written) > UINT64_C(2) << usual.lg_ring);
    assert_in_range(atomic_get(&own_ring()->touched), 1, 3);
    write_events(20000);
    assert_int_equal(atomic_get(&own_ring()->touched), 64);
    end();
}

static void
sum_lost(const record_event_t *event, void *context) {
    *(uint64_t *)context += event->kind == RECORD_LOST ? event->size : 0;
}

/* Segments that have no memory are not touched, and more are used as soon as they have. */
static void
test_segments_without_memory(void **state) {
    (void)state;
    side = new_recorder(usual);
    for (uint32_t i = 0; i < usual.nrings; i++) {
        record_ring_allow(side->area, i, 3);
    }
    assert_int_equal(record_begin(side->fd, &number), 0);
    write_events(20000);
    record_ring_t *ring = own_ring();
    uint64_t lost = 0;
    assert_in_range(atomic_get(&ring->written), 2 << 10, 3 << 10);
    assert_int_equal(atomic_get(&ring->touched), 3);
    for (uint32_t i = 0; i < usual.nrings; i++) {
        const uint8_t *bytes = record_area_bytes(side->area, &usual, i);
        for (size_t at = 3 << 10; at < (size_t)1 << usual.lg_ring; at++) {
            assert_int_equal(bytes[at], 0);
        }
        record_ring_allow(side->area, i, UINT32_MAX);
    }
    write_events(20000);
    assert_int_equal(atomic_get(&ring->touched), 64);
    drain_all(side, sum_lost, &lost);
    write_events(1); /* tells the last loss */
    drain_all(side, sum_lost, &lost);
    assert_int_equal(lost, atomic_get(&ring->lost));
    end();
}

/* The reader's word about chunks is not believed beyond what was written. */
static void
test_a_reader_that_reads_ahead(void **state) {
    (void)state;
    begin((record_shape_t){.nrings = 4, .lg_ring = RECORD_LG_MIN});
    record_ring_t *ring = own_ring();
    for (int i = 0; i < 1000; i++) {
        atomic_set(&ring->read, atomic_get(&ring->written) + (uint64_t)(i - 500) * 100);
        atomic_set(&ring->segments, (uint32_t)i * 77);
        write_events(100);
        const recorder_t *r = thread_here()->record;
        uint64_t in_use = r->next_chunk - r->first_chunk;
        assert_int_equal(in_use + (uint64_t)__builtin_popcountll(r->free_segments), 4);
        assert_true(r->out >= r->base && r->end <= r->base + (1 << RECORD_LG_MIN));
    }
    end();
}

/* A position before the start, and heads that another image is said to have left. */
static void
test_positions_that_wrap_around(void **state) {
    (void)state;
    record_shape_t small = {.nrings = 4, .lg_ring = RECORD_LG_MIN};
    begin(small);
    write_events(10);
    atomic_set(&own_ring()->read, UINT64_MAX - 10);
    write_events(2000);
    assert_int_equal(thread_here()->record->first_chunk, 0);
    end();
    for (uint64_t i = 0; i < 64; i++) {
        side = new_recorder(small);
        for (uint32_t ring = 0; ring < small.nrings; ring++) {
            record_ring_t *head = record_area_ring(side->area, ring);
            atomic_set(&head->written, UINT64_MAX - i * 100);
            atomic_set(&head->read, i % 2 == 0 ? UINT64_MAX - i * 200 : i * 200);
            memset(head->map, (int)i * 5, sizeof head->map);
        }
        assert_int_equal(record_begin(side->fd, &number), 0);
        write_events(2000);
        end();
    }
}

/* ---- nobody reads any more ---- */

/* The recorder says so: the thread ends the recording as it takes its next segment, and then records nothing. */
static void
test_the_recorder_has_finished(void **state) {
    (void)state;
    record_counts_t counts;
    begin(usual);
    write_events(2000);
    record_counts(&counts);
    assert_true(counts.active);
    record_area_beat(side->area, RECORD_NOBODY);
    write_events(2000);
    record_counts(&counts);
    assert_false(counts.active);
    assert_true(counts.events > 4000);
    assert_int_equal(atomic_get(&((record_head_t *)side->area)->state), record_ended);
    lunalloc_free(lunalloc_malloc(100000)); /* a slow path */
    assert_null(thread_here()->record);
    assert_null(thread_here()->front);
    assert_false(record_end(number));
    delete_recorder(side);
    begin(usual); /* and another one can begin */
    end();
}

static void
begin_by_path(void) {
    char path[64];
    side = new_recorder(usual);
    snprintf(path, sizeof path, "/proc/self/fd/%d", side->fd);
    assert_int_equal(record_begin_path(path, &number), 0);
}

static bool
is_active(void) {
    record_counts_t counts;
    record_counts(&counts);
    return counts.active;
}

static void
pretend_silence(void) {
    atomic_set(&thread_here()->record->recording->heard, 0);
}

/* The recorder was killed: it is silent, and its memory has no path any more. */
static void
test_the_recorder_is_gone(void **state) {
    (void)state;
    begin_by_path();
    pretend_silence();
    write_events(2000);
    assert_true(is_active()); /* silent, but there */
    record_area_beat(side->area, 1);
    int fd = dup(side->fd);
    close(side->fd);
    write_events(20000);
    assert_true(is_active()); /* nowhere, but it was heard just now; and then the ring is full */
    assert_true(atomic_get(&own_ring()->lost) > 0);
    pretend_silence();
    write_events(RECORD_SEGMENTS * 1000);
    assert_false(is_active());
    side->fd = fd;
    delete_recorder(side);
}

/* Another file has the path. */
static void
test_the_path_is_another_files(void **state) {
    (void)state;
    begin_by_path();
    recorder_side_t *other = new_recorder(usual);
    int fd = dup(side->fd);
    assert_int_equal(dup2(other->fd, side->fd), side->fd);
    pretend_silence();
    write_events(2000);
    assert_false(is_active());
    close(fd);
    delete_recorder(other);
    delete_recorder(side);
}

/* An area that was handed over has no path: its connection says when it is over. */
static void
test_a_silent_recorder_without_a_path(void **state) {
    (void)state;
    begin(usual);
    pretend_silence();
    write_events(2000);
    assert_true(is_active());
    end();
}

/* Threads that record meanwhile leave one by one. */
static _Atomic bool stop;

static void *
churn(void *arg) {
    (void)arg;
    while (!atomic_get(&stop)) {
        write_events(100);
    }
    return NULL;
}

static void
test_threads_give_up_together(void **state) {
    (void)state;
    pthread_t threads[3];
    atomic_set(&stop, false);
    for (size_t i = 0; i < LENGTH(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, NULL), 0);
    }
    for (int i = 0; i < 50; i++) {
        begin((record_shape_t){.nrings = 4, .lg_ring = RECORD_LG_MIN, .clock_allowed = record_clock_tsc});
        write_events(10);
        record_area_beat(side->area, RECORD_NOBODY);
        while (is_active()) {
            write_events(10);
        }
        delete_recorder(side);
    }
    atomic_set(&stop, true);
    for (size_t i = 0; i < LENGTH(threads); i++) {
        pthread_join(threads[i], NULL);
    }
}

/* ---- the order of an address ---- */

#define THREADS 4
#define ROUNDS  30000
#define CELLS   32
#define EVENTS  (THREADS * ROUNDS * 2 + CELLS) /* a ring may serve one thread after the other */

static _Atomic(void *) cells[CELLS];

/* Gives blocks away, and frees those of others. */
static void *
hand_over(void *arg) {
    uint64_t seed = (uintptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        void *ptr = lunalloc_malloc(16 + random_below(&seed, 20) * 16);
        lunalloc_free(atomic_exchange(&cells[random_below(&seed, CELLS)], ptr));
    }
    return NULL;
}

typedef struct {
    size_t n, at;
    record_event_t *events;
} stream_t;

static void
keep(const record_event_t *event, void *context) {
    stream_t *stream = context;
    if (event->kind == RECORD_MALLOC || event->kind == RECORD_FREE || event->kind == RECORD_CALLOC) {
        assert_true(stream->n < EVENTS);
        stream->events[stream->n++] = *event;
    }
}

static bool
is_free(const record_event_t *event) {
    return event->kind == RECORD_FREE;
}

/* The stream with the earliest event; a free is first. NULL at the end. */
static stream_t *
earliest(stream_t *streams, size_t n) {
    stream_t *found = NULL;
    for (size_t i = 0; i < n; i++) {
        stream_t *s = &streams[i];
        if (s->at == s->n) {
            continue;
        }
        const record_event_t *event = &s->events[s->at], *best = found == NULL ? NULL : &found->events[found->at];
        if (best == NULL || event->time < best->time ||
            (event->time == best->time && is_free(event) && !is_free(best))) {
            found = s;
        }
    }
    return found;
}

/* Addresses that live, in a hash table. */
#define LG_LIVE 16
static uint64_t live[1 << LG_LIVE];

static uint64_t *
slot_of(uint64_t addr) {
    size_t i = (size_t)(addr * UINT64_C(0x9e3779b97f4a7c15) >> (64 - LG_LIVE));
    while (live[i] != 0 && live[i] >> 1 != addr) {
        i = (i + 1) & ((1 << LG_LIVE) - 1);
    }
    return &live[i];
}

static void *
map_zeros(size_t size) {
    void *ptr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(ptr, MAP_FAILED);
    return ptr;
}

/* Threads merged by time: each address is allocated and freed in turn, so no free is before its malloc. */
static void
check_order(stream_t *streams, size_t n) {
    size_t handed = 0;
    for (stream_t *s; (s = earliest(streams, n)) != NULL; s->at++) {
        const record_event_t *event = &s->events[s->at];
        uint64_t *slot = slot_of(event->addr), was = *slot;
        assert_int_equal(was & 1, is_free(event));
        *slot = event->addr << 1 | !is_free(event);
        handed += is_free(event);
    }
    assert_true(handed >= (THREADS * ROUNDS) - CELLS);
}

static void
test_the_order_of_each_address(void **state) {
    (void)state;
    begin((record_shape_t){.nrings = THREADS + 2, .lg_ring = 22, .clock_allowed = record_clock_tsc});
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hand_over, (void *)(i + 1)), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (size_t i = 0; i < CELLS; i++) {
        lunalloc_free(atomic_exchange(&cells[i], NULL));
    }
    record_counts_t counts;
    record_counts(&counts);
    assert_int_equal(counts.lost, 0);
    static stream_t streams[THREADS + 2];
    for (uint32_t i = 0; i < LENGTH(streams); i++) {
        streams[i] = (stream_t){.events = map_zeros(EVENTS * sizeof(record_event_t))};
        drain_ring(side, i, keep, &streams[i]);
    }
    check_order(streams, LENGTH(streams));
    for (uint32_t i = 0; i < LENGTH(streams); i++) {
        munmap(streams[i].events, EVENTS * sizeof(record_event_t));
    }
    end();
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_lowest_segments_are_used), cmocka_unit_test(test_segments_without_memory),
        cmocka_unit_test(test_a_reader_that_reads_ahead),    cmocka_unit_test(test_positions_that_wrap_around),
        cmocka_unit_test(test_the_recorder_has_finished),    cmocka_unit_test(test_the_recorder_is_gone),
        cmocka_unit_test(test_the_path_is_another_files),    cmocka_unit_test(test_a_silent_recorder_without_a_path),
        cmocka_unit_test(test_threads_give_up_together),     cmocka_unit_test(test_the_order_of_each_address),
    };
    return cmocka_run_group_tests_name("record_rings", tests, boot_allocator, NULL);
}
