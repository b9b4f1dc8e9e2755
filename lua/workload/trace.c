/*
 * trace.c -- numbers the blocks of a trace, and sorts its steps by thread. See trace.h.
 *
 * The lines are read once, in their order, into one array of steps; then each thread gets a copy of its own, so that it
 * reads memory in a row during the replay.
 */
#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "prng.h"
#include "textfile.h"

/* ---- a map from addresses or thread numbers to 32-bit numbers ---- */

typedef struct {
    uint64_t key; /* + 1; 0: free */
    uint32_t value;
} entry_t;

/* Open addressing. Keys stay: one that has nothing any more has the value TRACE_NONE. */
typedef struct {
    entry_t *entries;
    size_t size; /* a power of two */
    size_t used;
} map_t;

static entry_t *
map_slot(const map_t *map, uint64_t key) {
    size_t i = prng_mix(key) & (map->size - 1);
    while (map->entries[i].key != 0 && map->entries[i].key != key + 1) {
        i = (i + 1) & (map->size - 1);
    }
    return &map->entries[i];
}

/* Makes room for one more key. The region keeps the smaller tables; they add up to no more than the last one. */
static bool
map_grow(map_t *map, region_t *region) {
    if (2 * map->used < map->size) {
        return true;
    }
    map_t larger = {.size = map->size == 0 ? 1024 : 2 * map->size, .used = map->used};
    larger.entries = region_alloc(region, larger.size * sizeof(*larger.entries));
    if (larger.entries == NULL) {
        return false;
    }
    for (size_t i = 0; i < map->size; i++) {
        if (map->entries[i].key != 0) {
            *map_slot(&larger, map->entries[i].key - 1) = map->entries[i];
        }
    }
    *map = larger;
    return true;
}

/* The value of the key, which starts as TRACE_NONE; NULL without memory. */
static uint32_t *
map_at(map_t *map, uint64_t key, region_t *region) {
    if (!map_grow(map, region)) {
        return NULL;
    }
    entry_t *entry = map_slot(map, key);
    if (entry->key == 0) {
        *entry = (entry_t){.key = key + 1, .value = TRACE_NONE};
        map->used++;
    }
    return &entry->value;
}

/* ---- reading ---- */

/* A step and its thread, in the order of the file. */
typedef struct {
    trace_step_t step;
    uint32_t thread;
} record_t;

/* The state while the file is read. Its region is freed afterwards. */
typedef struct {
    trace_t *trace;
    region_t region;
    map_t addresses; /* -> live block */
    map_t numbers;   /* of threads in the file -> index of a thread that has not ended */
    record_t *records;
    size_t nrecords;
    uint64_t *sizes; /* of blocks */
    uint64_t live;   /* bytes */
    uint64_t first;  /* time of the earliest call so far, ns */
    uint64_t begin;  /* of the present line */
} reader_t;

enum {
    DONE,
    NO_MEMORY,
    TOO_MANY
};

/* The index of the thread, which is new if its number is. */
static int
find_thread(reader_t *reader, uint64_t number, uint32_t **index) {
    trace_t *trace = reader->trace;
    *index = map_at(&reader->numbers, number, &reader->region);
    if (*index == NULL) {
        return NO_MEMORY;
    }
    if (**index == TRACE_NONE) {
        if (trace->nthreads == TRACE_MAX_THREADS) {
            return TOO_MANY;
        }
        trace->threads[trace->nthreads].number = number;
        **index = trace->nthreads++;
    }
    return DONE;
}

static void
add_record(reader_t *reader, uint32_t thread, trace_step_t step) {
    step.at = reader->begin;
    reader->records[reader->nrecords++] = (record_t){.step = step, .thread = thread};
    reader->trace->threads[thread].nsteps++;
}

/* The block at the address, which it leaves; TRACE_NONE if the trace does not allocate it. */
static uint32_t
take_block(reader_t *reader, uint64_t address, bool *memory) {
    uint32_t *value = map_at(&reader->addresses, address, &reader->region);
    *memory = value != NULL;
    uint32_t block = value == NULL ? TRACE_NONE : *value;
    if (block != TRACE_NONE) {
        *value = TRACE_NONE;
        reader->live -= reader->sizes[block];
    } else {
        reader->trace->unmatched++;
    }
    return block;
}

static trace_step_t
step_of(trace_kind_t kind, uint32_t old, uint64_t size) {
    return (trace_step_t){.kind = kind, .old = old, .size = size & (((uint64_t)1 << 56) - 1)};
}

static int
read_free(reader_t *reader, uint32_t thread, uint64_t address) {
    bool memory = true;
    uint32_t block = address == 0 ? TRACE_NONE : take_block(reader, address, &memory);
    if (block != TRACE_NONE) {
        add_record(reader, thread, (trace_step_t){.block = block, .kind = TRACE_FREE});
    }
    return memory ? DONE : NO_MEMORY;
}

/* A new block at the address, by a step that lacks only that block's number. */
static int
read_allocation(reader_t *reader, uint32_t thread, uint64_t address, trace_step_t step) {
    uint32_t *value = map_at(&reader->addresses, address, &reader->region);
    if (value == NULL) {
        return NO_MEMORY;
    }
    step.block = *value = reader->trace->nblocks++;
    reader->sizes[step.block] = step.size;
    reader->live += step.size;
    reader->trace->peak = reader->live > reader->trace->peak ? reader->live : reader->trace->peak;
    add_record(reader, thread, step);
    return DONE;
}

static int
read_realloc(reader_t *reader, uint32_t thread, const trace_line_t *line) {
    if (line->address == 0) { /* realloc(old, 0) frees; else it had failed, and is left out */
        return line->size == 0 ? read_free(reader, thread, line->old) : DONE;
    }
    bool memory = true;
    uint32_t old = line->old == 0 ? TRACE_NONE : take_block(reader, line->old, &memory);
    trace_step_t step = step_of(TRACE_REALLOC, old, line->size);
    return memory ? read_allocation(reader, thread, line->address, step) : NO_MEMORY;
}

/* memalign: the size is rounded up to what aligned_alloc takes. */
static trace_step_t
aligned_step(const trace_line_t *line) {
    uint64_t size = (line->size + line->alignment - 1) & ~(line->alignment - 1);
    return step_of(TRACE_ALIGNED, (uint32_t)__builtin_ctzll(line->alignment), size);
}

/* An allocation that gave no address had failed: it is left out. */
static int
read_call(reader_t *reader, uint32_t thread, const trace_line_t *line) {
    if (line->kind == TRACE_LINE_FREE) {
        return read_free(reader, thread, line->address);
    } else if (line->kind == TRACE_LINE_REALLOC) {
        return read_realloc(reader, thread, line);
    } else if (line->address == 0) {
        return DONE;
    }
    trace_step_t step =
        line->kind == TRACE_LINE_MEMALIGN
            ? aligned_step(line)
            : step_of(line->kind == TRACE_LINE_CALLOC ? TRACE_CALLOC : TRACE_MALLOC, TRACE_NONE, line->size);
    return read_allocation(reader, thread, line->address, step);
}

static int
read_line(reader_t *reader, const trace_line_t *line) {
    uint32_t *thread;
    int result = find_thread(reader, line->thread, &thread);
    if (result != DONE) {
        return result;
    }
    if (line->kind == TRACE_LINE_DONE) {
        reader->trace->threads[*thread].ends = true;
        *thread = TRACE_NONE;
        return DONE;
    }
    reader->trace->timed = reader->trace->timed && line->timed;
    reader->begin = line->begin;
    reader->first = line->begin < reader->first ? line->begin : reader->first;
    return read_call(reader, *thread, line);
}

static bool
is_blank(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r')) {
        p++;
    }
    return p == end;
}

/* "trace.txt:3: why" */
static int
complain(const char *path, size_t number, const char *why, char *message, size_t message_size) {
    snprintf(message, message_size, "%s:%zu: %s", path, number, why);
    return TEXTFILE_WRONG;
}

static int
read_lines(reader_t *reader, const textfile_t *file, const char *path, char *message, size_t message_size) {
    const char *end = file->text + file->size;
    size_t number = 0;
    for (const char *p = file->text; p < end; number++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const char *line_end = newline == NULL ? end : newline;
        if (!is_blank(p, line_end)) {
            trace_line_t line = {0};
            const char *why = trace_line_parse(&line, p, line_end);
            int result = why == NULL ? read_line(reader, &line) : DONE;
            if (result == NO_MEMORY) {
                return ENOMEM;
            } else if (result == TOO_MANY) {
                why = "a thread more; allowed: 512, each of which thread_done may end";
            }
            if (why != NULL) {
                return complain(path, number + 1, why, message, message_size);
            }
        }
        p = line_end + 1;
    }
    return 0;
}

static size_t
count_lines(const textfile_t *file) {
    size_t n = 1;
    const char *end = file->text + file->size;
    for (const char *p = file->text; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++) {
        n++;
    }
    return n;
}

/* ---- steps by thread ---- */

/* Gives each thread its steps, in their order. False without memory. */
static bool
distribute(const reader_t *reader, region_t *region) {
    trace_t *trace = reader->trace;
    trace_step_t *steps = region_alloc(region, reader->nrecords * sizeof(*steps));
    size_t next[TRACE_MAX_THREADS], start = 0;
    if (steps == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < trace->nthreads; i++) {
        next[i] = start;
        trace->threads[i].steps = steps + start;
        start += trace->threads[i].nsteps;
    }
    for (size_t i = 0; i < reader->nrecords; i++) {
        reader->records[i].step.at = trace->timed ? reader->records[i].step.at - reader->first : 0;
        steps[next[reader->records[i].thread]++] = reader->records[i].step;
    }
    trace->nsteps = reader->nrecords;
    return true;
}

static int
load(reader_t *reader, const textfile_t *file, const char *path, region_t *region, char *message, size_t message_size) {
    size_t nlines = count_lines(file);
    reader->records = region_alloc(&reader->region, nlines * sizeof(*reader->records));
    reader->sizes = region_alloc(&reader->region, nlines * sizeof(*reader->sizes));
    if (reader->records == NULL || reader->sizes == NULL) {
        return ENOMEM;
    }
    int error = read_lines(reader, file, path, message, message_size);
    if (error == 0 && reader->nrecords == 0) {
        snprintf(message, message_size, "%s has no allocation", path);
        return TEXTFILE_WRONG;
    }
    return error != 0 || distribute(reader, region) ? error : ENOMEM;
}

int
trace_load(trace_t *trace, const char *path, region_t *region, char *message, size_t message_size) {
    textfile_t file;
    memset(trace, 0, sizeof(*trace));
    int error = textfile_read(&file, path, TRACE_LIMIT, message, message_size);
    if (error != 0) {
        return error;
    }
    reader_t reader = {.trace = trace, .first = UINT64_MAX};
    trace->timed = true;
    error = load(&reader, &file, path, region, message, message_size);
    if (error == ENOMEM) {
        snprintf(message, message_size, "no memory for the trace in %s", path);
    }
    region_free(&reader.region);
    textfile_free(&file);
    return error;
}
