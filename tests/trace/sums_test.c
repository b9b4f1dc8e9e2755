/*
 * sums_test.c -- what is summed up of a trace: passes against a naive model of the same program; sums that are made
 * while a trace is recorded against those of the whole trace; files of sums, and what is saved of a trace.
 */
#include "synthetic.h"

#include <math.h>
#include <sys/stat.h>

#include "trace/format.h"
#include "trace/save.h"
#include "trace/sums.h"

enum {
    EVENTS = 30000
};

static const char *path;
static char other_path[4200];

static int
set_up(void **state) {
    (void)state;
    path = synthetic_path();
    snprintf(other_path, sizeof(other_path), "%s.other", path);
    return 0;
}

static int
tear_down(void **state) {
    (void)state;
    unlink(path);
    unlink(other_path);
    return 0;
}

/* ---- the naive model: an array of blocks, and sums by loops ---- */

typedef struct {
    uint64_t size, time, bytes, born;
    uint32_t thread, caller;
    bool live;
} naive_block_t;

typedef struct {
    naive_block_t blocks[SYNTHETIC_SLOTS];
    uint64_t allocated, begun[SYNTHETIC_THREADS];
    tally_sums_t total, classes[TRACE_CLASSES], threads[SYNTHETIC_THREADS];
    uint64_t life_time[TRACE_CLASSES][64], life_bytes[TRACE_CLASSES][64];
    uint64_t blocks_begun, ended, cross, sized, zeroed, resizes;
    double live_at_begins;
} naive_t;

static uint32_t
lg_of(uint64_t value) {
    uint32_t lg = 0;
    while (value > 1) {
        value /= 2;
        lg++;
    }
    return lg;
}

static void
naive_begin_in(tally_sums_t *sums, uint64_t size, bool realloc) {
    sums->allocations++;
    sums->bytes += size;
    sums->reallocs += realloc;
    sums->live++;
    sums->live_bytes += size;
    sums->peak = sums->live > sums->peak ? sums->live : sums->peak;
    sums->peak_bytes = sums->live_bytes > sums->peak_bytes ? sums->live_bytes : sums->peak_bytes;
}

static void
naive_end_in(tally_sums_t *sums, uint64_t size) {
    sums->live--;
    sums->live_bytes -= size;
}

static void
naive_count_free(tally_sums_t *sums, bool cross) {
    sums->frees++;
    sums->cross += cross;
}

static void
naive_end(naive_t *model, naive_block_t *block, const record_event_t *event) {
    uint32_t class = trace_class(block->size);
    bool cross = block->caller != event->thread;
    naive_end_in(&model->total, block->size);
    naive_end_in(&model->classes[class], block->size);
    naive_end_in(&model->threads[block->caller], block->size);
    naive_count_free(&model->total, cross);
    naive_count_free(&model->classes[class], cross);
    naive_count_free(&model->threads[event->thread], cross);
    if (event->kind != RECORD_REALLOC) {
        model->life_time[class][lg_of(event->time - block->time)]++;
        model->life_bytes[class][lg_of(model->allocated - block->bytes)]++;
        model->ended++;
        model->cross += block->thread != event->thread;
        model->sized += event->kind == RECORD_FREE_SIZED;
    }
    block->live = false;
}

static void
naive_begin(naive_t *model, naive_block_t *block, const record_event_t *event, const naive_block_t *old) {
    uint32_t thread = event->thread;
    naive_begin_in(&model->total, event->size, old != NULL);
    naive_begin_in(&model->classes[trace_class(event->size)], event->size, old != NULL);
    naive_begin_in(&model->threads[thread], event->size, old != NULL);
    *block = (naive_block_t){event->size, event->time, model->allocated, model->begun[thread], thread, thread, true};
    if (old != NULL) {
        block->thread = old->thread;
        block->born = old->born;
        model->resizes++;
    } else {
        model->begun[thread]++;
        model->blocks_begun++;
        model->zeroed += event->kind == RECORD_CALLOC;
        model->live_at_begins += (double)(model->total.live_bytes - event->size);
    }
    model->allocated += event->size;
}

static naive_block_t *
naive_block(naive_t *model, uint64_t addr) {
    return &model->blocks[(addr - synthetic_address(0)) / 4096];
}

static void
naive_add(naive_t *model, const record_event_t *event) {
    if (event->kind == RECORD_FREE || event->kind == RECORD_FREE_SIZED) {
        naive_end(model, naive_block(model, event->addr), event);
    } else if (event->kind == RECORD_REALLOC) {
        naive_block_t old = *naive_block(model, event->old_addr);
        naive_end(model, naive_block(model, event->old_addr), event);
        naive_begin(model, naive_block(model, event->addr), event, &old);
    } else {
        naive_begin(model, naive_block(model, event->addr), event, NULL);
    }
}

static naive_t *
model_of(uint64_t seed, size_t n) {
    naive_t *model = calloc(1, sizeof(*model));
    synthetic_t program = {.seed = seed};
    for (size_t i = 0; i < n; i++) {
        record_event_t event = synthetic_next(&program);
        naive_add(model, &event);
    }
    return model;
}

/* ---- passes ---- */

static void
sum_up(const trace_file_t *file, const trace_filter_t *filter, trace_tally_t **tally, trace_cells_t **cells) {
    trace_pass_t *pass = trace_pass_open(file, filter);
    trace_step_t step;
    *tally = trace_tally_open(trace_file_info(file)->begin, trace_file_info(file)->end);
    *cells = trace_cells_open();
    while (trace_pass_next(pass, &step)) {
        trace_tally_add(*tally, &step, trace_pass_bytes(pass));
        trace_cells_add(*cells, &step, pass);
    }
    trace_cells_end(*cells, pass);
    trace_pass_close(pass);
}

static void
close_sums(trace_tally_t *tally, trace_cells_t *cells) {
    trace_tally_close(tally);
    trace_cells_close(cells);
}

static void
test_a_pass_is_as_the_model(void **state) {
    (void)state;
    synthetic_write(path, 5, EVENTS);
    naive_t *model = model_of(5, EVENTS);
    trace_file_t *file = synthetic_open(path);
    trace_tally_t *tally;
    trace_cells_t *cells;
    sum_up(file, &TRACE_ALL, &tally, &cells);
    assert_memory_equal(&tally->whole.total, &model->total, sizeof(model->total));
    for (uint32_t i = 0; i < TRACE_CLASSES; i++) {
        assert_memory_equal(&tally->classes[i].sums, &model->classes[i], sizeof(model->classes[i]));
        assert_memory_equal(tally->classes[i].life_time, model->life_time[i], sizeof(model->life_time[i]));
        assert_memory_equal(tally->classes[i].life_bytes, model->life_bytes[i], sizeof(model->life_bytes[i]));
    }
    for (uint32_t i = 0; i < SYNTHETIC_THREADS; i++) {
        const tally_thread_t *thread = (const tally_thread_t *)tally->threads.data + i;
        assert_memory_equal(&thread->sums, &model->threads[i], sizeof(model->threads[i]));
    }
    assert_int_equal(tally->whole.events, EVENTS);
    assert_int_equal(tally->whole.unknown + tally->whole.missing + tally->whole.lost, 0);
    close_sums(tally, cells);
    trace_file_close(file);
    free(model);
}

/* The cells have each block once. */
static void
test_cells_are_as_the_model(void **state) {
    (void)state;
    synthetic_write(path, 6, EVENTS);
    naive_t *model = model_of(6, EVENTS);
    trace_file_t *file = synthetic_open(path);
    trace_tally_t *tally;
    trace_cells_t *cells;
    sum_up(file, &TRACE_ALL, &tally, &cells);
    uint64_t blocks = 0;
    for (uint32_t i = 0; i < TRACE_CLASSES; i++) {
        for (uint32_t life = 0; life < CELLS_LIVES; life++) {
            blocks += cells->cells[i][life].count;
        }
    }
    const cells_whole_t *whole = &cells->whole;
    assert_int_equal(whole->blocks, model->blocks_begun);
    assert_int_equal(blocks, model->blocks_begun);
    assert_int_equal(whole->ended, model->ended);
    assert_int_equal(whole->cross, model->cross);
    assert_int_equal(whole->sized, model->sized);
    assert_int_equal(whole->zeroed, model->zeroed);
    assert_int_equal(whole->resizes, model->resizes);
    assert_int_equal(whole->live_bytes, model->total.live_bytes);
    assert_true(fabs(whole->byte_blocks - model->live_at_begins) <= 1e-9 * model->live_at_begins);
    close_sums(tally, cells);
    trace_file_close(file);
    free(model);
}

/* ---- sums made while events arrive ---- */

static const record_clock_t ns_clock = {{0, 1000000000}, {0, 1000000000}, 0};

static void
assert_same_tally(const trace_tally_t *a, const trace_tally_t *b) {
    tally_whole_t whole_a = a->whole, whole_b = b->whole;
    whole_a.begin = whole_b.begin = whole_a.width = whole_b.width = 0; /* of the columns */
    assert_memory_equal(&whole_a, &whole_b, sizeof(whole_a));
    assert_memory_equal(a->classes, b->classes, sizeof(a->classes));
    assert_memory_equal(a->kinds, b->kinds, sizeof(a->kinds));
    assert_memory_equal(a->kind_bytes, b->kind_bytes, sizeof(a->kind_bytes));
    assert_memory_equal(a->alignments, b->alignments, sizeof(a->alignments));
    assert_memory_equal(a->sizes.data, b->sizes.data, a->sizes.n * sizeof(tally_size_t));
    assert_int_equal(a->threads.n, b->threads.n);
    assert_memory_equal(a->threads.data, b->threads.data, a->threads.n * sizeof(tally_thread_t));
}

/* Events that a thread has made and not handed over yet. */
typedef struct {
    record_event_t events[4096];
    size_t n;
} naive_ring_t;

static void
hand_over(trace_writer_t *writer, uint32_t thread, naive_ring_t *ring) {
    for (size_t i = 0; i < ring->n; i++) {
        trace_writer_event(writer, thread, &ring->events[i]);
    }
    ring->n = 0;
}

/* Events of a program as a recorder gets them: each thread hands over some at a time, up to `delay` late. */
static void
feed(trace_sums_t *sums, trace_writer_t *writer, uint64_t seed, size_t n, uint64_t delay, uint64_t settled) {
    static naive_ring_t rings[SYNTHETIC_THREADS];
    synthetic_t program = {.seed = seed}, lengths = {.seed = seed};
    trace_writer_drop(writer);
    trace_writer_tap(writer, trace_sums_tap, sums);
    for (uint64_t now = 1; now <= n; now++) {
        record_event_t event = synthetic_next(&program);
        naive_ring_t *ring = &rings[event.thread];
        ring->events[ring->n++] = event;
        for (uint32_t i = 0; i < SYNTHETIC_THREADS; i++) {
            if (rings[i].n > 0 && now - rings[i].events[0].time >= synthetic_random(&lengths) % delay) {
                hand_over(writer, i, &rings[i]);
            }
        }
        while (now % 100 == 0 && now > settled && trace_sums_turn(sums, &ns_clock, now - settled)) {
        }
    }
    for (uint32_t i = 0; i < SYNTHETIC_THREADS; i++) {
        hand_over(writer, i, &rings[i]);
    }
}

/* Writes a file of the sums; returns its bytes. */
static uint64_t
write_sums(const char *name, uint64_t seed, size_t n, uint64_t delay, uint64_t settled) {
    static trace_sums_t sums;
    trace_writer_t *writer = synthetic_writer(name);
    assert_true(trace_sums_open(&sums, 1));
    feed(&sums, writer, seed, n, delay, settled);
    trace_sums_end(&sums, &ns_clock, writer);
    trace_sums_close(&sums);
    synthetic_close(writer);
    struct stat status;
    assert_int_equal(stat(name, &status), 0);
    return (uint64_t)status.st_size;
}

static void
load_sums(const char *name, trace_tally_t **tally, trace_cells_t **cells) {
    uint64_t damaged;
    trace_file_t *file = synthetic_open(name);
    assert_true(trace_file_summed(file) && trace_file_info(file)->complete);
    assert_true(trace_sums_load(file, tally, cells, &damaged));
    assert_int_equal(damaged, 0);
    trace_file_close(file);
}

static void
test_sums_are_those_of_the_whole_trace(void **state) {
    (void)state;
    trace_tally_t *whole, *summed;
    trace_cells_t *whole_cells, *summed_cells;
    synthetic_write(path, 9, EVENTS);
    trace_file_t *file = synthetic_open(path);
    assert_false(trace_file_summed(file));
    sum_up(file, &TRACE_ALL, &whole, &whole_cells);
    write_sums(other_path, 9, EVENTS, 1000, 2000);
    load_sums(other_path, &summed, &summed_cells);
    assert_same_tally(whole, summed);
    assert_memory_equal(whole_cells, summed_cells, sizeof(*whole_cells));
    close_sums(whole, whole_cells);
    close_sums(summed, summed_cells);
    trace_file_close(file);
}

/* The peak over all columns is the peak, however often they were widened. */
static void
test_columns_get_wider(void **state) {
    (void)state;
    trace_tally_t *tally = trace_tally_open(0, 1024);
    assert_int_equal(tally->whole.width, 2);
    for (uint64_t time = 0; time < 100000; time++) {
        trace_step_t step = {.event = {.time = time, .kind = RECORD_MALLOC, .size = 1}, .passes = true, .begins = true};
        trace_tally_add(tally, &step, time);
    }
    uint64_t peak = 0;
    for (uint64_t i = 0; i < TALLY_COLUMNS; i++) {
        const tally_column_t *column = &tally->columns[i];
        peak = column->peak > peak ? column->peak : peak;
        uint64_t end = (i + 1) * tally->whole.width;
        assert_int_equal(column->any, i * tally->whole.width < 100000);
        assert_int_equal(column->last, column->any ? (end < 100000 ? end : 100000) : 0);
    }
    assert_int_equal(peak, 100000);
    assert_int_equal(tally->whole.width, 128);
    trace_tally_close(tally);
}

static void
test_what_is_late_is_counted(void **state) {
    (void)state;
    trace_tally_t *tally;
    trace_cells_t *cells;
    write_sums(path, 10, EVENTS, 1000, 20);
    load_sums(path, &tally, &cells);
    assert_true(tally->whole.late > 0);
    assert_int_equal(tally->whole.events, EVENTS);
    close_sums(tally, cells);
}

static void
test_the_size_does_not_depend_on_the_time(void **state) {
    (void)state;
    uint64_t first = write_sums(path, 11, EVENTS, 1000, 2000);
    uint64_t second = write_sums(path, 11, 20 * EVENTS, 1000, 2000);
    assert_true(second < first + first / 2);
    assert_true(second < 1 << 20);
}

/* The sums of the file are those of the first n events of the program. */
static void
assert_sums_of(uint64_t seed, size_t n) {
    uint64_t damaged;
    trace_tally_t *whole, *summed;
    trace_cells_t *whole_cells, *summed_cells;
    synthetic_write(other_path, seed, n);
    trace_file_t *other = synthetic_open(other_path), *file = synthetic_open(path);
    sum_up(other, &TRACE_ALL, &whole, &whole_cells);
    assert_true(trace_sums_load(file, &summed, &summed_cells, &damaged));
    assert_false(trace_file_info(file)->complete);
    assert_true(trace_file_info(file)->events >= n);
    assert_same_tally(whole, summed);
    assert_memory_equal(whole_cells, summed_cells, sizeof(*whole_cells));
    close_sums(whole, whole_cells);
    close_sums(summed, summed_cells);
    trace_file_close(other);
    trace_file_close(file);
}

/* Sums are written meanwhile: a file that is cut behind them has the last ones that are whole. */
static void
test_a_killed_recorder_leaves_sums(void **state) {
    (void)state;
    static trace_sums_t sums;
    uint64_t ends[3];
    synthetic_t program = {.seed = 14};
    trace_writer_t *writer = synthetic_writer(path);
    assert_true(trace_sums_open(&sums, 1));
    trace_writer_drop(writer);
    trace_writer_tap(writer, trace_sums_tap, &sums);
    for (int part = 0; part < 3; part++) {
        for (size_t i = 0; i < EVENTS / 3; i++) {
            record_event_t event = synthetic_next(&program);
            trace_writer_event(writer, event.thread, &event);
        }
        while (trace_sums_turn(&sums, &ns_clock, program.clock + 1)) {
        }
        trace_sums_write(&sums, writer);
        ends[part] = trace_writer_written(writer).bytes;
    }
    trace_sums_end(&sums, &ns_clock, writer);
    trace_sums_close(&sums);
    synthetic_close(writer);
    assert_int_equal(truncate(path, (off_t)ends[2]), 0);
    assert_sums_of(14, EVENTS);
    assert_int_equal(truncate(path, (off_t)ends[2] - 8), 0);
    assert_sums_of(14, 2 * (EVENTS / 3));
    assert_int_equal(truncate(path, (off_t)ends[0]), 0);
    assert_sums_of(14, EVENTS / 3);
}

static void
test_samples_get_fewer(void **state) {
    (void)state;
    static trace_sums_t sums;
    assert_true(trace_sums_open(&sums, 1));
    uint64_t every = 1;
    for (uint64_t time = 1; time <= 100000; time++) {
        if (time % every == 0 && trace_sums_sample(&sums, &(trace_sample_t){.time = time})) {
            every *= 2;
        }
        assert_true(sums.nsamples <= SUMS_SAMPLES);
    }
    assert_true(every >= 100000 / SUMS_SAMPLES && every <= 200000 / SUMS_SAMPLES + 1);
    for (size_t i = 0; i < sums.nsamples; i++) { /* none of them is far from the others */
        uint64_t before = i == 0 ? 0 : sums.samples[i - 1].time;
        assert_true(sums.samples[i].time > before && sums.samples[i].time - before <= 2 * every);
    }
    trace_sums_close(&sums);
}

/* Threads that are too many count as the last one. */
static void
test_many_threads(void **state) {
    (void)state;
    static trace_sums_t sums;
    uint32_t n = TRACE_SUMS_THREADS + 100;
    trace_writer_t *writer = synthetic_writer(path);
    assert_true(trace_sums_open(&sums, 1));
    trace_writer_drop(writer);
    trace_writer_tap(writer, trace_sums_tap, &sums);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t thread = trace_writer_thread(writer, &(trace_begin_t){.tid = i, .name = "", .begin = i});
        record_event_t event = {.time = i, .kind = RECORD_MALLOC, .addr = 4096 * (i + 1), .size = 3};
        trace_writer_event(writer, thread, &event);
    }
    trace_sums_end(&sums, &ns_clock, writer);
    trace_sums_close(&sums);
    synthetic_close(writer);
    trace_tally_t *tally;
    trace_cells_t *cells;
    load_sums(path, &tally, &cells);
    const tally_thread_t *threads = tally->threads.data;
    assert_int_equal(tally->threads.n, TRACE_SUMS_THREADS);
    assert_int_equal(threads[SYNTHETIC_THREADS].sums.allocations, 1);
    assert_int_equal(threads[TRACE_SUMS_THREADS - 1].sums.allocations, 101 + SYNTHETIC_THREADS);
    assert_int_equal(tally->whole.total.bytes, 3 * n);
    close_sums(tally, cells);
}

/* ---- saving ---- */

static void
assert_saved_is_the_same(const trace_filter_t *filter) {
    trace_file_t *file = synthetic_open(path);
    trace_save_t *save;
    trace_written_t written;
    trace_tally_t *seen, *saved;
    trace_cells_t *seen_cells, *saved_cells;
    assert_int_equal(trace_save_open(&save, file, filter, other_path, message, sizeof(message)), 0);
    while (trace_save_step(save, 1000)) {
    }
    assert_int_equal(trace_save_close(save, &written, message, sizeof(message)), 0);
    sum_up(file, filter, &seen, &seen_cells);
    trace_file_t *other = synthetic_open(other_path);
    sum_up(other, &TRACE_ALL, &saved, &saved_cells);
    assert_memory_equal(&seen->whole.total, &saved->whole.total, sizeof(seen->whole.total));
    for (uint32_t i = 0; i < TRACE_CLASSES; i++) {
        assert_memory_equal(&seen->classes[i].sums, &saved->classes[i].sums, sizeof(tally_sums_t));
        assert_memory_equal(seen->classes[i].life_time, saved->classes[i].life_time,
                            sizeof(seen->classes[i].life_time));
    }
    assert_true(seen->whole.events > 0);
    assert_int_equal(seen->whole.events, saved->whole.events);
    assert_int_equal(seen_cells->whole.blocks, saved_cells->whole.blocks);
    assert_int_equal(seen_cells->whole.resizes, saved_cells->whole.resizes);
    close_sums(seen, seen_cells);
    close_sums(saved, saved_cells);
    trace_file_close(file);
    trace_file_close(other);
}

static void
test_what_is_saved_is_what_passes(void **state) {
    (void)state;
    synthetic_write(path, 12, EVENTS);
    trace_filter_t filter = TRACE_ALL;
    assert_saved_is_the_same(&filter);
    filter.min_size = 1000;
    filter.max_size = 3000;
    assert_saved_is_the_same(&filter);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_pass_is_as_the_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cells_are_as_the_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sums_are_those_of_the_whole_trace, set_up, tear_down),
        cmocka_unit_test(test_columns_get_wider),
        cmocka_unit_test_setup_teardown(test_what_is_late_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_size_does_not_depend_on_the_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_killed_recorder_leaves_sums, set_up, tear_down),
        cmocka_unit_test(test_samples_get_fewer),
        cmocka_unit_test_setup_teardown(test_many_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_saved_is_what_passes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
