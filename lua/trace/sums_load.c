/* sums_load.c -- the sums of a file, which nobody trusts. See sums.h. */
#include "sums.h"

#include <string.h>

#include "crc.h"
#include "reader.h"

typedef struct {
    trace_tally_t *tally;
    trace_cells_t *cells;
} loaded_t;

static void *
thread_place(trace_tally_t *tally, uint32_t i) {
    bool has = i < TRACE_SUMS_THREADS && trace_array_grow(&tally->threads, (size_t)i + 1, sizeof(tally_thread_t));
    tally->no_memory = tally->no_memory || (!has && i < TRACE_SUMS_THREADS);
    return has ? (tally_thread_t *)tally->threads.data + i : NULL;
}

/* Where the record belongs, and how many bytes it has; NULL if it has no place. */
static void *
place_of(const loaded_t *to, const trace_sums_record_t *record, size_t *size) {
    static const size_t sizes[TRACE_SUMS_PARTS] = {
        sizeof(tally_whole_t), sizeof(tally_class_t),  sizeof(tally_thread_t), 2 * sizeof(uint64_t), sizeof(uint64_t),
        sizeof(tally_size_t),  sizeof(tally_column_t), sizeof(cells_whole_t),  sizeof(trace_cell_t)};
    static const uint32_t limits[TRACE_SUMS_PARTS] = {1,
                                                      TRACE_CLASSES,
                                                      TRACE_SUMS_THREADS,
                                                      RECORD_KINDS,
                                                      64,
                                                      2 * TALLY_SIZES,
                                                      TALLY_COLUMNS,
                                                      1,
                                                      TRACE_CLASSES * CELLS_LIVES,
                                                      0};
    uint32_t i = record->index;
    if (record->part >= TRACE_SUMS_PARTS || i >= limits[record->part]) {
        return NULL;
    }
    *size = sizes[record->part];
    switch (record->part) {
    case TRACE_SUMS_WHOLE:
        return &to->tally->whole;
    case TRACE_SUMS_CLASS:
        return &to->tally->classes[i];
    case TRACE_SUMS_THREAD:
        return thread_place(to->tally, i);
    case TRACE_SUMS_ALIGNED:
        return &to->tally->alignments[i];
    case TRACE_SUMS_SIZE:
        return (tally_size_t *)to->tally->sizes.data + i;
    case TRACE_SUMS_COLUMN:
        return &to->tally->columns[i];
    case TRACE_SUMS_BLOCKS:
        return &to->cells->whole;
    case TRACE_SUMS_CELL:
        return &to->cells->cells[0][0] + i;
    default:
        return NULL;
    }
}

static void
take_kind(trace_tally_t *tally, const trace_sums_record_t *record, const uint8_t *words) {
    uint64_t pair[2];
    if (record->index < RECORD_KINDS && record->size >= sizeof(pair)) {
        memcpy(pair, words, sizeof(pair));
        tally->kinds[record->index] = pair[0];
        tally->kind_bytes[record->index] = pair[1];
    }
}

static void
take_record(const loaded_t *to, const trace_sums_record_t *record, const uint8_t *words) {
    size_t size = 0;
    void *place = place_of(to, record, &size);
    if (record->part == TRACE_SUMS_KIND) {
        take_kind(to->tally, record, words);
    } else if (place != NULL && record->size >= size) {
        memcpy(place, words, size);
    }
}

/* Takes one record off the front of the bytes; its words are in *words. False at their end. */
static bool
next_record(const uint8_t **bytes, size_t *size, trace_sums_record_t *record, const uint8_t **words) {
    if (*size < sizeof(*record)) {
        return false;
    }
    memcpy(record, *bytes, sizeof(*record));
    *size -= sizeof(*record);
    *words = *bytes + sizeof(*record);
    if (record->size > *size) {
        return false;
    }
    *bytes = *words + record->size;
    *size -= record->size;
    return true;
}

static void
take_chunk(const loaded_t *to, const uint8_t *bytes, size_t size) {
    trace_sums_record_t record;
    const uint8_t *words;
    while (next_record(&bytes, &size, &record, &words)) {
        take_record(to, &record, words);
    }
}

static bool
read_chunk(const trace_file_t *file, size_t i, uint8_t *bytes, size_t *size) {
    const trace_entry_t *entry = (const trace_entry_t *)file->sums.data + i;
    *size = entry->length;
    return trace_read_at(file->fd, bytes, entry->length, entry->offset) &&
           trace_crc(bytes, entry->length) == entry->crc;
}

static bool
has_record(const uint8_t *bytes, size_t size, trace_sums_part_t part) {
    trace_sums_record_t record;
    const uint8_t *words;
    while (next_record(&bytes, &size, &record, &words)) {
        if (record.part == part) {
            return true;
        }
    }
    return false;
}

/* The chunks [*begin, *end) of the last section that has its end; else all, as of older files. */
static void
find_section(const trace_file_t *file, size_t *begin, size_t *end) {
    uint8_t bytes[TRACE_CHUNK_MAX];
    size_t size, start = 0;
    *begin = 0;
    *end = file->sums.n;
    for (size_t i = 0; i < file->sums.n; i++) {
        bool good = read_chunk(file, i, bytes, &size);
        start = good && has_record(bytes, size, TRACE_SUMS_WHOLE) ? i : start;
        if (good && has_record(bytes, size, TRACE_SUMS_END)) {
            *begin = start;
            *end = i + 1;
        }
    }
}

bool
trace_sums_load(const trace_file_t *file, trace_tally_t **tally, trace_cells_t **cells, uint64_t *damaged) {
    uint8_t bytes[TRACE_CHUNK_MAX];
    loaded_t to = {trace_tally_open(0, 0), trace_cells_open()};
    size_t begin, end, size;
    *damaged = 0;
    find_section(file, &begin, &end);
    for (size_t i = begin; to.tally != NULL && to.cells != NULL && i < end; i++) {
        bool good = read_chunk(file, i, bytes, &size);
        if (good) {
            take_chunk(&to, bytes, size);
        }
        *damaged += !good;
    }
    *tally = to.tally;
    *cells = to.cells;
    if (to.tally != NULL && to.cells != NULL && !to.tally->no_memory) {
        return true;
    }
    if (to.tally != NULL) {
        trace_tally_close(to.tally);
    }
    if (to.cells != NULL) {
        trace_cells_close(to.cells);
    }
    return false;
}
