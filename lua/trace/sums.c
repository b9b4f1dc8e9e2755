/* sums.c -- sums up, and writes the sums. See sums.h. */
#include "sums.h"

#include <string.h>

#include "format.h"
#include "order.h"

bool
trace_sums_open(trace_sums_t *sums, uint64_t now) {
    memset(sums, 0, sizeof(*sums));
    sums->pass = trace_pass_open_fed();
    sums->tally = trace_tally_open(now, now + TALLY_COLUMNS * UINT64_C(1000000));
    sums->cells = trace_cells_open();
    if (sums->pass == NULL || sums->tally == NULL || sums->cells == NULL) {
        trace_sums_close(sums);
        return false;
    }
    sums->tally->most_threads = TRACE_SUMS_THREADS;
    return true;
}

void
trace_sums_close(trace_sums_t *sums) {
    trace_sorter_free(&sums->sorter);
    if (sums->pass != NULL) {
        trace_pass_close(sums->pass);
    }
    if (sums->tally != NULL) {
        trace_tally_close(sums->tally);
    }
    if (sums->cells != NULL) {
        trace_cells_close(sums->cells);
    }
    memset(sums, 0, sizeof(*sums));
}

void
trace_sums_tap(void *opaque, const record_event_t *event) {
    trace_sums_t *sums = opaque;
    sums->no_memory = !trace_sorter_add(&sums->sorter, event) || sums->no_memory;
}

/* Counts an event; its time is a stamp. */
static void
sum_up(trace_sums_t *sums, const record_clock_t *clock, record_event_t *event) {
    trace_step_t step;
    uint64_t key = trace_event_key(event);
    sums->tally->whole.late += key < sums->last;
    sums->last = key > sums->last ? key : sums->last;
    event->time = record_clock_ns(clock, event->time);
    if (!trace_pass_feed(sums->pass, event, &step)) {
        sums->no_memory = true;
        return;
    }
    trace_tally_add(sums->tally, &step, trace_pass_bytes(sums->pass));
    trace_cells_add(sums->cells, &step, sums->pass);
}

bool
trace_sums_turn(trace_sums_t *sums, const record_clock_t *clock, uint64_t until) {
    uint64_t stamp = record_clock_stamp(clock, until);
    size_t waiting = sums->sorter.waiting, excess = waiting > SUMS_WAITING ? waiting - SUMS_WAITING : 0;
    record_event_t event;
    for (size_t i = 0; i < SUMS_TURN + excess; i++) {
        if (!trace_sorter_next(&sums->sorter, i < excess ? UINT64_MAX : stamp, &event)) {
            return false;
        }
        sum_up(sums, clock, &event);
    }
    return true;
}

bool
trace_sums_sample(trace_sums_t *sums, const trace_sample_t *sample) {
    bool full = sums->nsamples == SUMS_SAMPLES;
    if (full) {
        for (size_t i = 0; i < SUMS_SAMPLES / 2; i++) {
            sums->samples[i] = sums->samples[2 * i + 1];
        }
        sums->nsamples = SUMS_SAMPLES / 2;
    }
    sums->samples[sums->nsamples++] = *sample;
    return full;
}

/* ---- writing ---- */

/* Records that are gathered for a chunk. */
typedef struct {
    trace_writer_t *writer;
    size_t n; /* bytes */
    uint8_t bytes[TRACE_WRITE_SUMS];
} batch_t;

static void
flush(batch_t *batch) {
    if (batch->n > 0) {
        trace_writer_sums(batch->writer, batch->bytes, batch->n);
    }
    batch->n = 0;
}

static void
put(batch_t *batch, trace_sums_part_t part, size_t index, const void *words, size_t size) {
    trace_sums_record_t record = {part, (uint32_t)index, (uint32_t)size, 0};
    if (batch->n + sizeof(record) + size > sizeof(batch->bytes)) {
        flush(batch);
    }
    memcpy(batch->bytes + batch->n, &record, sizeof(record));
    memcpy(batch->bytes + batch->n + sizeof(record), words, size);
    batch->n += sizeof(record) + size;
}

_Static_assert(sizeof(tally_class_t) + sizeof(trace_sums_record_t) <= TRACE_WRITE_SUMS &&
                   sizeof(tally_whole_t) + sizeof(trace_sums_record_t) <= TRACE_WRITE_SUMS &&
                   sizeof(cells_whole_t) + sizeof(trace_sums_record_t) <= TRACE_WRITE_SUMS,
               "each record fits into a chunk");

static void
put_classes(batch_t *batch, const trace_tally_t *tally) {
    for (size_t i = 0; i < TRACE_CLASSES; i++) {
        const tally_sums_t *sums = &tally->classes[i].sums;
        if (sums->allocations + sums->frees + sums->peak > 0) {
            put(batch, TRACE_SUMS_CLASS, i, &tally->classes[i], sizeof(tally->classes[i]));
        }
    }
}

static void
put_kinds(batch_t *batch, const trace_tally_t *tally) {
    for (size_t i = 0; i < RECORD_KINDS; i++) {
        if (tally->kinds[i] > 0) {
            put(batch, TRACE_SUMS_KIND, i, (uint64_t[]){tally->kinds[i], tally->kind_bytes[i]}, 16);
        }
    }
    for (size_t i = 0; i < 64; i++) {
        if (tally->alignments[i] > 0) {
            put(batch, TRACE_SUMS_ALIGNED, i, &tally->alignments[i], sizeof(tally->alignments[i]));
        }
    }
}

/* Sizes keep their places in the table, so that they are found again in a table of the same length. */
static void
put_sizes(batch_t *batch, const trace_tally_t *tally) {
    const tally_size_t *sizes = tally->sizes.data;
    for (size_t i = 0; i < tally->sizes.n; i++) {
        if (sizes[i].count > 0) {
            put(batch, TRACE_SUMS_SIZE, i, &sizes[i], sizeof(sizes[i]));
        }
    }
}

static void
put_columns(batch_t *batch, const trace_tally_t *tally) {
    for (size_t i = 0; i < TALLY_COLUMNS; i++) {
        if (tally->columns[i].any) {
            put(batch, TRACE_SUMS_COLUMN, i, &tally->columns[i], sizeof(tally->columns[i]));
        }
    }
}

static void
put_threads(batch_t *batch, const trace_tally_t *tally) {
    const tally_thread_t *threads = tally->threads.data;
    for (size_t i = 0; i < tally->threads.n; i++) {
        put(batch, TRACE_SUMS_THREAD, i, &threads[i], sizeof(threads[i]));
    }
}

static void
put_cells(batch_t *batch, const trace_cells_t *cells) {
    const trace_cell_t *all = &cells->cells[0][0];
    put(batch, TRACE_SUMS_BLOCKS, 0, &cells->whole, sizeof(cells->whole));
    for (size_t i = 0; i < TRACE_CLASSES * (size_t)CELLS_LIVES; i++) {
        if (all[i].count > 0) {
            put(batch, TRACE_SUMS_CELL, i, &all[i], sizeof(all[i]));
        }
    }
}

/* Writes a section of all sums, which replaces those that were written before. */
static void
put_section(const trace_sums_t *sums, const trace_cells_t *cells, trace_writer_t *writer) {
    batch_t batch = {.writer = writer};
    put(&batch, TRACE_SUMS_WHOLE, 0, &sums->tally->whole, sizeof(sums->tally->whole));
    put_classes(&batch, sums->tally);
    put_kinds(&batch, sums->tally);
    put_sizes(&batch, sums->tally);
    put_columns(&batch, sums->tally);
    put_threads(&batch, sums->tally);
    put_cells(&batch, cells);
    put(&batch, TRACE_SUMS_END, 0, "", 0);
    flush(&batch);
    if (sums->no_memory || sums->tally->no_memory) {
        trace_writer_meta(writer, "sums", "incomplete: the recorder had no memory");
    }
}

void
trace_sums_write(const trace_sums_t *sums, trace_writer_t *writer) {
    trace_cells_t *cells = trace_cells_open();
    if (cells != NULL) {
        *cells = *sums->cells;
        trace_cells_end(cells, sums->pass);
        put_section(sums, cells, writer);
        trace_cells_close(cells);
    }
}

void
trace_sums_end(trace_sums_t *sums, const record_clock_t *clock, trace_writer_t *writer) {
    record_event_t event;
    while (trace_sorter_next(&sums->sorter, UINT64_MAX, &event)) {
        sum_up(sums, clock, &event);
    }
    for (size_t i = 0; i < sums->nsamples; i++) {
        trace_writer_sample(writer, &sums->samples[i]);
    }
    trace_cells_end(sums->cells, sums->pass);
    put_section(sums, sums->cells, writer);
}
