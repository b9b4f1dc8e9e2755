/*
 * recorder_test.c -- recordings without an allocator: rings are drained while threads write, when the target is killed,
 * when it is slower or faster; what is lost is told; a hostile area; files that are full; ends.
 */
#include "fake_target.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "trace/drain.h"
#include "trace/recorder.h"
#include "trace/sums.h"

static const char *path;

static int
set_up(void **state) {
    (void)state;
    path = synthetic_path();
    return 0;
}

static int
tear_down(void **state) {
    (void)state;
    unlink(path);
    return 0;
}

/* ---- a recorder, and its area as the target maps it ---- */

static trace_recorder_t *
open_recorder(uint32_t nrings, uint32_t lg_ring, uint64_t duration, uint64_t max_size) {
    trace_recorder_t *recorder;
    trace_recording_t recording = {
        .path = path, .shape = {.nrings = nrings, .lg_ring = lg_ring}, .duration = duration, .max_size = max_size};
    if (trace_recorder_open(&recorder, &recording, message, sizeof(message)) != 0) {
        fail_msg("%s", message);
    }
    return recorder;
}

static void *
map_area(const trace_recorder_t *recorder, record_shape_t *shape) {
    off_t size = lseek(trace_recorder_fd(recorder), 0, SEEK_END);
    void *area = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, trace_recorder_fd(recorder), 0);
    assert_true(area != MAP_FAILED);
    assert_true(record_area_check(area, (size_t)size, shape));
    return area;
}

static trace_recorder_status_t
close_recorder(trace_recorder_t *recorder) {
    trace_recorder_status_t status;
    if (trace_recorder_close(recorder, &status, message, sizeof(message)) != 0) {
        fail_msg("%s", message);
    }
    return status;
}

/* Waits until it is over. */
static void
wait_over(trace_recorder_t *recorder) {
    while (!trace_recorder_wait(recorder, 10000000)) {
    }
}

/* How many events of each thread, and of all, the file has besides those of threads. */
static uint64_t
count_calls(uint64_t *lost) {
    trace_file_t *file = synthetic_open(path);
    trace_merge_t *merge = trace_merge_open(file);
    record_event_t event;
    uint64_t n = 0;
    *lost = 0;
    while (trace_merge_next(merge, &event)) {
        n += event.kind < RECORD_THREAD;
        *lost += event.kind == RECORD_LOST ? event.size : 0;
    }
    assert_int_equal(*lost, trace_file_info(file)->lost);
    assert_int_equal(trace_merge_damaged(merge), 0);
    assert_true(trace_file_info(file)->complete);
    trace_merge_close(merge);
    trace_file_close(file);
    return n;
}

/* ---- threads that write ---- */

typedef struct {
    fake_ring_t ring;
    uint64_t seed, events, written;
    bool patient; /* tries again what was lost */
} load_t;

static void *
write_events(void *argument) {
    load_t *load = argument;
    synthetic_t program = {.seed = load->seed};
    fake_begin_thread(&load->ring, load->ring.index + 1, 1000 + load->ring.index, 1);
    for (uint64_t i = 0; i < load->events; i++) {
        record_event_t event = synthetic_next(&program);
        bool done = fake_event(&load->ring, &event);
        while (!done && load->patient) {
            nanosleep(&(struct timespec){0, 10000}, NULL);
            done = fake_event(&load->ring, &event);
        }
        load->written += done;
    }
    return NULL;
}

/* Runs n threads, each on a ring of its own; returns the events that fitted. */
static uint64_t
run_load(void *area, const record_shape_t *shape, uint32_t n, uint64_t events, bool patient) {
    pthread_t threads[16];
    static load_t loads[16];
    uint64_t written = 0;
    for (uint32_t i = 0; i < n; i++) {
        loads[i] = (load_t){
            .ring = {.area = area, .shape = *shape, .index = i}, .seed = i + 1, .events = events, .patient = patient};
        assert_int_equal(pthread_create(&threads[i], NULL, write_events, &loads[i]), 0);
    }
    for (uint32_t i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        written += loads[i].written;
    }
    return written;
}

static void
test_all_events_arrive(void **state) {
    (void)state;
    trace_recorder_t *recorder = open_recorder(16, 16, 0, 0);
    record_shape_t shape;
    void *area = map_area(recorder, &shape);
    fake_take(area);
    assert_int_equal(trace_recorder_start(recorder, 0), 0);
    assert_int_equal(run_load(area, &shape, 16, 30000, true), 16 * 30000);
    fake_end(area);
    wait_over(recorder);
    trace_recorder_status_t status = close_recorder(recorder);
    assert_int_equal(status.state, RECORDER_ENDED);
    assert_int_equal(status.pid, getpid());
    uint64_t lost;
    assert_int_equal(count_calls(&lost), 16 * 30000);
    trace_file_t *file = synthetic_open(path);
    assert_int_equal(trace_file_info(file)->nthreads, 16);
    assert_true(trace_file_info(file)->threads[0].events >= 30001); /* and RECORD_LOST, where it tried again */
    assert_true(trace_file_info(file)->nsamples >= 2);
    assert_string_equal(trace_file_meta(file, "reason"), "the target stopped");
    trace_file_close(file);
}

/* Nobody drains at first: what does not fit is counted to the last event, also that after which nothing is written. */
static void
test_what_is_lost_is_counted(void **state) {
    (void)state;
    trace_recorder_t *recorder = open_recorder(4, 12, 0, 0);
    record_shape_t shape;
    void *area = map_area(recorder, &shape);
    fake_take(area);
    atomic_store(&((record_head_t *)area)->ringless, 5);
    uint64_t written = run_load(area, &shape, 3, 20000, false);
    assert_true(written < 3 * 20000);
    assert_int_equal(trace_recorder_start(recorder, 0), 0);
    trace_recorder_wait(recorder, 20000000);
    fake_end(area);
    close_recorder(recorder);
    uint64_t lost, n = count_calls(&lost);
    assert_int_equal(n, written);
    assert_int_equal(n + lost, 3 * 20000 + 5);
}

/* The segments of ring 0 that have memory. */
static uint32_t
segments_of(void *area) {
    return atomic_load(&record_area_ring(area, 0)->segments);
}

/* Bytes of memory that the file has. */
static uint64_t
memory_of(const trace_recorder_t *recorder) {
    struct stat st;
    assert_int_equal(fstat(trace_recorder_fd(recorder), &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

/* A ring has memory for a quarter of it at first. It gets more when it fills, and the others stay as they are. */
static void
test_a_ring_that_fills_grows(void **state) {
    (void)state;
    trace_recorder_t *recorder = open_recorder(4, 18, 0, 0);
    record_shape_t shape;
    void *area = map_area(recorder, &shape);
    uint64_t quarter = UINT64_C(1) << 16, heads = record_area_heads(&shape);
    assert_int_equal(segments_of(area), 16);
    assert_int_equal(memory_of(recorder), heads + 4 * quarter);
    fake_take(area);
    run_load(area, &shape, 1, 8000, false); /* more than half of that */
    assert_int_equal(trace_recorder_start(recorder, 0), 0);
    while (segments_of(area) == 16) {
        trace_recorder_wait(recorder, 1000000);
    }
    assert_int_equal(segments_of(area), 32);
    assert_int_equal(memory_of(recorder), heads + 5 * quarter);
    fake_end(area);
    assert_false(close_recorder(recorder).refused);
}

static int until_refused;

/* trace_allocate_t */
static bool
allocate_some(void *opaque, size_t offset, size_t size) {
    (void)opaque;
    assert_int_equal(offset % 4096, 0);
    assert_int_equal(size % 4096, 0);
    return until_refused-- > 0;
}

/* There is no memory for that: the ring stays as it is, the system is not asked again, and all events arrive. */
static void
test_a_ring_cannot_grow(void **state) {
    (void)state;
    static trace_drain_t drain;
    drain.shape = (record_shape_t){.nrings = 2, .lg_ring = 18};
    drain.allocate = allocate_some;
    size_t size = record_area_size(&drain.shape);
    drain.area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(drain.area != MAP_FAILED);
    record_area_init(drain.area, &drain.shape);
    until_refused = 1;
    assert_false(trace_drain_give_memory(&drain));
    memset(drain.sources, 0, sizeof(drain.sources));
    until_refused = 2;
    assert_true(trace_drain_give_memory(&drain));
    assert_int_equal(trace_writer_open_nowhere(&drain.writer), 0);
    fake_take(drain.area);
    uint64_t written = run_load(drain.area, &drain.shape, 2, 8000, false); /* both rings should grow */
    for (uint32_t fullest = 100; fullest > 0;) {
        trace_drain_slice(&drain, &fullest);
    }
    assert_true(drain.refused);
    assert_int_equal(until_refused, -1);
    assert_int_equal(segments_of(drain.area), 16);
    assert_int_equal(trace_writer_written(drain.writer).events, written + 2); /* and the beginnings of the threads */
    trace_writer_abandon(drain.writer);
    munmap(drain.area, size);
}

static uint64_t
beat_of(void *area) {
    return atomic_load(&((record_head_t *)area)->beat);
}

/* The target sees that somebody reads, and that nobody does any more, soon after the end. */
static void
test_the_target_hears_the_recorder(void **state) {
    (void)state;
    trace_recorder_t *recorder = open_recorder(1, 16, 1, 0);
    record_shape_t shape;
    void *area = map_area(recorder, &shape);
    fake_take(area);
    assert_int_equal(beat_of(area), 0);
    assert_int_equal(trace_recorder_start(recorder, 0), 0);
    wait_over(recorder);
    uint64_t beat = beat_of(area);
    assert_true(beat != 0);
    while (beat_of(area) != RECORD_NOBODY) {
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    fake_end(area);
    close_recorder(recorder);
    assert_true(beat_of(area) == RECORD_NOBODY);
}

/* A target that is killed leaves what it has written. */
static void
test_the_target_is_killed(void **state) {
    (void)state;
    trace_recorder_t *recorder = open_recorder(2, 20, 0, 0);
    record_shape_t shape;
    void *area = map_area(recorder, &shape);
    pid_t pid = fork();
    if (pid == 0) {
        fake_take(area);
        run_load(area, &shape, 1, 40000, true);
        nanosleep(&(struct timespec){0, 50000000}, NULL); /* so that its memory is seen */
        raise(SIGKILL);
    }
    assert_int_equal(trace_recorder_start(recorder, (uint32_t)pid), 0);
    wait_over(recorder);
    trace_recorder_status_t status = close_recorder(recorder);
    assert_int_equal(status.state, RECORDER_EXITED);
    assert_true(status.peak_rss > 0);
    uint64_t lost;
    assert_int_equal(count_calls(&lost), 40000);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* The peak that the file has, of this process, if it is told that 1 GiB was the most. */
static uint64_t
peak_if_told(uint64_t duration) {
    trace_recorder_t *recorder = open_recorder(2, 16, duration, 0);
    record_shape_t shape;
    void *area = map_area(recorder, &shape);
    fake_take(area);
    assert_int_equal(trace_recorder_start(recorder, 0), 0);
    run_load(area, &shape, 1, 10000, true);
    while (trace_recorder_status(recorder).rss == 0) { /* until it has looked */
        trace_recorder_wait(recorder, 1000000);
    }
    if (duration == 0) {
        fake_end(area);
    }
    wait_over(recorder);
    fake_end(area);
    trace_recorder_highest(recorder, UINT64_C(1) << 30);
    close_recorder(recorder);
    trace_file_t *file = synthetic_open(path);
    const trace_info_t *info = trace_file_info(file);
    uint64_t peak = info->samples[info->nsamples - 1].peak_anonymous;
    trace_file_close(file);
    return peak;
}

/* The parent of the target knows its peak, but not when it was: of a recording that ended earlier it says nothing. */
static void
test_the_peak_that_the_parent_tells(void **state) {
    (void)state;
    uint64_t told = peak_if_told(0);
    assert_true(told > UINT64_C(900) << 20);
    assert_true(told < UINT64_C(1) << 30); /* less the pages of files */
    unlink(path);
    assert_true(peak_if_told(50000000) < UINT64_C(900) << 20);
}

/* ---- ends ---- */

static void
test_time_and_size(void **state) {
    (void)state;
    for (int by_size = 0; by_size < 2; by_size++) {
        trace_recorder_t *recorder = open_recorder(2, 16, by_size ? 0 : 50000000, by_size ? 200000 : 0);
        record_shape_t shape;
        void *area = map_area(recorder, &shape);
        fake_take(area);
        assert_int_equal(trace_recorder_start(recorder, 0), 0);
        run_load(area, &shape, 2, 30000, true);
        wait_over(recorder);
        fake_end(area);
        trace_recorder_status_t status = close_recorder(recorder);
        assert_int_equal(status.state, by_size ? RECORDER_SIZE : RECORDER_TIME);
        uint64_t lost;
        assert_int_equal(count_calls(&lost), 60000); /* what is in the rings at the end is kept */
    }
}

static void
test_stopped_before_the_target_began(void **state) {
    (void)state;
    trace_recorder_t *recorder = open_recorder(2, 16, 0, 0);
    assert_int_equal(trace_recorder_start(recorder, 0), 0);
    assert_false(trace_recorder_wait(recorder, 5000000));
    trace_recorder_stop(recorder);
    assert_true(trace_recorder_wait(recorder, 5000000));
    trace_recorder_status_t status = close_recorder(recorder);
    assert_int_equal(status.state, RECORDER_STOPPED);
    uint64_t lost;
    assert_int_equal(count_calls(&lost), 0);
}

/* A full disk ends the recording; the target goes on unharmed, and what was written is readable. */
static void
test_the_disk_is_full(void **state) {
    (void)state;
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    trace_recorder_t *recorder = open_recorder(2, 16, 0, 0);
    record_shape_t shape;
    void *area = map_area(recorder, &shape);
    small = (struct rlimit){100000, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    fake_take(area);
    assert_int_equal(trace_recorder_start(recorder, 0), 0);
    run_load(area, &shape, 2, 30000, true);
    wait_over(recorder);
    fake_end(area);
    trace_recorder_status_t status;
    assert_int_equal(trace_recorder_close(recorder, &status, message, sizeof(message)), EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(status.state, RECORDER_FAILED);
    assert_non_null(strstr(message, "kept"));
    trace_file_t *file = synthetic_open(path);
    assert_true(trace_file_info(file)->events > 1000);
    assert_int_equal(trace_file_info(file)->damaged, 0);
    trace_file_close(file);
}

/* ---- an area that lies ---- */

/* Impossible positions, and bytes that are no events: the ring is left alone, the others go on. */
static void
test_broken_rings_are_left_alone(void **state) {
    (void)state;
    trace_recorder_t *recorder = open_recorder(3, 14, 0, 0);
    record_shape_t shape;
    void *area = map_area(recorder, &shape);
    fake_take(area);
    atomic_store(&record_area_ring(area, 1)->written, UINT64_MAX / 2);
    memset(record_area_bytes(area, &shape, 2), 0xff, 500);
    atomic_store(&record_area_ring(area, 2)->written, 500);
    assert_int_equal(trace_recorder_start(recorder, 0), 0);
    run_load(area, &shape, 1, 20000, true);
    fake_end(area);
    wait_over(recorder);
    trace_recorder_status_t status = close_recorder(recorder);
    assert_int_equal(status.broken, 2);
    uint64_t lost;
    assert_int_equal(count_calls(&lost), 20000);
}

/* Random bytes in all of the area, again and again: nothing but a file that can be read. */
static void
test_a_hostile_area(void **state) {
    (void)state;
    synthetic_t random = {.seed = 77};
    for (int round = 0; round < 200; round++) {
        trace_recorder_t *recorder = open_recorder(2, 12, 0, 0);
        record_shape_t shape;
        uint8_t *area = map_area(recorder, &shape);
        fake_take(area);
        size_t size = record_area_size(&shape);
        for (size_t i = sizeof(record_head_t); i < size; i++) {
            area[i] = (uint8_t)(synthetic_random(&random) >> (round % 3 == 0 ? 0 : 5));
        }
        for (uint32_t i = 0; i < 2; i++) {
            atomic_store(&record_area_ring(area, i)->written, synthetic_random(&random) % 5000);
        }
        assert_int_equal(trace_recorder_start(recorder, 0), 0);
        fake_end(area);
        wait_over(recorder);
        close_recorder(recorder);
        trace_file_close(synthetic_open(path));
        munmap(area, size);
    }
}

static void
test_shapes_that_are_not_allowed(void **state) {
    (void)state;
    trace_recorder_t *recorder;
    trace_recording_t recording = {.path = path, .shape = {.nrings = 0, .lg_ring = 16}};
    assert_int_equal(trace_recorder_open(&recorder, &recording, message, sizeof(message)), EINVAL);
    assert_null(recorder);
    assert_int_equal(access(path, F_OK), -1);
}

/* All is summed up, and no event is kept. */
static void
test_sums_are_recorded(void **state) {
    (void)state;
    trace_recorder_t *recorder;
    trace_recording_t recording = {.path = path, .shape = {.nrings = 4, .lg_ring = 16}, .sums = true};
    assert_int_equal(trace_recorder_open(&recorder, &recording, message, sizeof(message)), 0);
    record_shape_t shape;
    void *area = map_area(recorder, &shape);
    fake_take(area);
    assert_int_equal(trace_recorder_start(recorder, 0), 0);
    assert_int_equal(run_load(area, &shape, 4, 30000, true), 4 * 30000);
    fake_end(area);
    wait_over(recorder);
    trace_recorder_status_t status = close_recorder(recorder);
    trace_file_t *file = synthetic_open(path);
    assert_true(trace_file_summed(file) && trace_file_info(file)->complete);
    assert_int_equal(trace_file_info(file)->events, status.written.events);
    assert_int_equal(trace_file_info(file)->nthreads, 4);
    assert_true(trace_file_info(file)->nsamples >= 2 && trace_file_info(file)->size < 1 << 20);
    trace_tally_t *tally;
    trace_cells_t *cells;
    uint64_t damaged;
    assert_true(trace_sums_load(file, &tally, &cells, &damaged));
    uint64_t calls = 0;
    for (uint32_t kind = 1; kind < RECORD_THREAD; kind++) {
        calls += tally->kinds[kind];
    }
    assert_int_equal(calls, 4 * 30000);
    assert_int_equal(tally->whole.events, status.written.events);
    trace_tally_close(tally);
    trace_cells_close(cells);
    trace_file_close(file);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_events_arrive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sums_are_recorded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_lost_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_ring_that_fills_grows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_ring_cannot_grow, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_target_hears_the_recorder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_target_is_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time_and_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stopped_before_the_target_began, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_disk_is_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_broken_rings_are_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_hostile_area, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_peak_that_the_parent_tells, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shapes_that_are_not_allowed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
