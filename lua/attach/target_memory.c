/* target_memory.c -- the operations of lua/target.h on a reader. */
#include "attach/target_memory.h"
#include "attach/residency.h"

#include "attach/find.h"
#include "attach/reader.h"
#include "attach/reader_reconcile.h"
#include "attach/reader_stats.h"
#include "attach/reader_threads.h"
#include "attach/symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    target_handle_t base;
    process_t *process; /* NULL: a core file, or closed */
    core_file_t *core;
    bool open;
    reader_t reader;
} memory_target_t;

static reader_t *
reader_of(target_handle_t *target) {
    return &((memory_target_t *)(void *)target)->reader;
}

/* ---- each operation begins with this: the target is there, and its variables are read ---- */

static int
check(target_handle_t *target) {
    memory_target_t *self = (memory_target_t *)(void *)target;
    if (!self->open) {
        return target_fail(target, ESRCH, "this target was closed");
    }
    int error = self->process == NULL ? 0 : process_check(self->process);
    return error == 0 ? 0 : target_fail(target, error, "%s", memory_of(self->process)->message);
}

static int
begin(target_handle_t *target) {
    memory_target_t *self = (memory_target_t *)(void *)target;
    return self->open ? reader_refresh(&self->reader) : target_fail(target, ESRCH, "this target was closed");
}

static int
refuse(target_handle_t *target, const char *what) {
    const memory_target_t *self = (const memory_target_t *)(void *)target;
    return target_fail(target, ENOTSUP, "%s: %s", what,
                       self->core != NULL ? "a core file can only be read"
                                          : "this process is read from memory alone; attach with way = 'request' to "
                                            "reach it through an agent");
}

/* ---- controls ---- */

/* Rows are kept, also after the end of the process. */
static int
row(target_handle_t *target, size_t position, lunalloc_row_t *out) {
    const reader_t *reader = reader_of(target);
    if (reader->public_rows == NULL) {
        return target_fail(target, ESRCH, "this target was closed");
    }
    if (position >= reader->nsupported) {
        return target_fail(target, ENOENT, "there are %zu rows", reader->nsupported);
    }
    *out = reader->public_rows[position];
    return 0;
}

static int
describe(target_handle_t *target, const char *name, lunalloc_row_t *out) {
    reader_t *reader = reader_of(target);
    reader_name_t found;
    int error = begin(target);
    error = error == 0 ? reader_resolve(reader, name, true, &found) : error;
    if (error == 0) {
        *out = reader->public_rows[found.row - reader->rows];
    }
    return error;
}

static int
source(target_handle_t *target, const char *name, const char **out) {
    int error = begin(target);
    return error == 0 ? reader_source(reader_of(target), name, out) : error;
}

static int
limit(target_handle_t *target, const char *name, size_t *out) {
    int error = begin(target);
    return error == 0 ? reader_limit(reader_of(target), name, out) : error;
}

static int
suggest(target_handle_t *target, const char *name, char *near, size_t size) {
    int error = begin(target);
    return error != 0                                            ? error
           : reader_suggest(reader_of(target), name, near, size) ? 0
                                                                 : target_fail(target, ENOENT, "no name is near");
}

static int
get(target_handle_t *target, const char *name, lunalloc_value_t *value) {
    int error = begin(target);
    return error == 0 ? reader_get(reader_of(target), name, value) : error;
}

static int
write_control(target_handle_t *target, const char *name, const lunalloc_value_t *value) {
    reader_name_t found;
    (void)value;
    int error = begin(target);
    error = error == 0 ? reader_resolve(reader_of(target), name, false, &found) : error;
    return error == 0 ? refuse(target, name) : error;
}

/* ---- extents ---- */

/* Is the extent at or after the place of the cursor? Extents of an arena are sorted by this. */
static bool
is_after(const lunalloc_extent_t *e, const lunalloc_cursor_t *cursor) {
    return e->sn > cursor->region || (e->sn == cursor->region && e->addr >= cursor->addr);
}

static size_t
position_of(const reader_walk_t *walk, const lunalloc_cursor_t *cursor) {
    size_t from = 0, to = walk->n;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (is_after(&walk->all[middle], cursor)) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    return from;
}

/* Copies extents of the arena that the cursor is at. Its extents are read when the walk begins there, and kept. */
static int
copy_extents(reader_t *reader, lunalloc_cursor_t *cursor, lunalloc_extent_t *out, size_t max, size_t *n,
             lunalloc_page_totals_t *totals) {
    reader_walk_t *walk = &reader->walk;
    bool begins = cursor->region == 0 && cursor->addr == 0;
    if (begins || walk->arena != cursor->current) {
        int error = reader_walk(reader, cursor->current);
        if (error != 0) {
            return error;
        }
    }
    size_t at = begins ? 0 : position_of(walk, cursor);
    *n = walk->n - at < max ? walk->n - at : max;
    if (*n > 0) {
        memcpy(out, walk->all + at, *n * sizeof *out);
        cursor->region = out[*n - 1].sn;
        cursor->addr = out[*n - 1].addr + out[*n - 1].size;
    }
    if (totals != NULL) {
        *totals = walk->totals;
    }
    reader->consistent = reader->consistent && walk->consistent;
    return 0;
}

static int
extents(target_handle_t *target, lunalloc_cursor_t *cursor, lunalloc_extent_t *out, size_t max, size_t *n,
        lunalloc_page_totals_t *totals) {
    reader_t *reader = reader_of(target);
    bool all = cursor->arena == LUNALLOC_ALL;
    *n = 0;
    int error = begin(target);
    cursor->current = all ? cursor->current : cursor->arena;
    uint32_t end = all ? reader->narenas : cursor->arena + 1;
    for (; error == 0 && cursor->current < end && max > 0; cursor->current++, cursor->region = 0, cursor->addr = 0) {
        if (cursor->current < reader->narenas && reader->table[cursor->current] != 0) {
            error = copy_extents(reader, cursor, out, max, n, totals);
        }
        if (*n > 0 || !all) {
            break;
        }
    }
    return error;
}

static int
find(target_handle_t *target, uintptr_t addr, lunalloc_location_t *out) {
    int error = begin(target);
    return error == 0 ? reader_find(reader_of(target), addr, out) : error;
}

/* ---- size classes ---- */

static int
nsizes(target_handle_t *target, uint32_t *n) {
    *n = reader_of(target)->classes.nsizes;
    return 0;
}

static int
sizeclasses(target_handle_t *target, lunalloc_sizeclass_t *out) {
    const reader_t *reader = reader_of(target);
    int error = begin(target);
    for (uint32_t i = 0; error == 0 && i < reader->classes.nsizes; i++) {
        reader_sizeclass(reader, i, &out[i]);
    }
    return error;
}

static int
sizeclass_of(target_handle_t *target, size_t size, lunalloc_sizeclass_t *out) {
    const reader_t *reader = reader_of(target);
    int error = begin(target);
    if (error == 0 && size > reader->classes.size[reader->classes.nsizes - 1]) {
        return target_fail(target, ENOENT, "no size class for %zu bytes", size);
    }
    if (error == 0) {
        reader_sizeclass(reader, reader_class_of(reader, size), out);
    }
    return error;
}

/* ---- counters ---- */

static int
stats(target_handle_t *target, uint32_t arena, lunalloc_stats_t *out, lunalloc_class_stats_t *classes) {
    reader_t *reader = reader_of(target);
    stats_snapshot_t *snapshot;
    int error = begin(target);
    error = error == 0 ? reader_snapshot(reader, false, &snapshot) : error;
    if (error != 0) {
        return error;
    }
    const stats_detail_t *detail = arena == LUNALLOC_ALL ? &snapshot->merged
                                   : arena < ARENAS_MAX  ? reader_detail(snapshot, arena)
                                                         : NULL;
    if (detail == NULL) {
        error = target_fail(target, ENOENT, "there is no arena %u", arena);
    } else {
        reader_total(reader, snapshot, detail, out);
    }
    for (uint32_t i = 0; detail != NULL && classes != NULL && i < reader->classes.nsizes; i++) {
        reader_class(reader, snapshot, detail, i, &classes[i]);
    }
    free(snapshot);
    return error;
}

static int
report(target_handle_t *target, lunalloc_format_t format, const char *opts, lunalloc_write_t *write, void *opaque) {
    (void)format;
    (void)opts;
    (void)write;
    (void)opaque;
    return refuse(target, "report");
}

static int
reconcile(target_handle_t *target, lunalloc_reconciliation_t *out) {
    memory_target_t *self = (memory_target_t *)(void *)target;
    int error = begin(target);
    if (error == 0 && self->process == NULL) {
        return target_fail(target, ENOTSUP, "reconcile: a core file does not tell which pages were resident");
    }
    return error == 0 ? reader_reconcile(&self->reader, process_directory(self->process), out) : error;
}

static int
samples(target_handle_t *target, lunalloc_sample_cursor_t *cursor, lunalloc_sample_t *out, size_t max, size_t *n) {
    (void)cursor;
    (void)out;
    (void)max;
    *n = 0;
    return refuse(target, "samples");
}

/* ---- threads and history ---- */

static int
threads(target_handle_t *target, lunalloc_thread_cursor_t *cursor, lunalloc_thread_t *out, size_t max, size_t *n) {
    const memory_target_t *self = (const memory_target_t *)(void *)target;
    *n = 0;
    int error = begin(target);
    int directory = error != 0 || self->process == NULL ? -1 : process_directory(self->process);
    return error == 0 ? reader_list_threads(reader_of(target), directory, cursor, out, max, n) : error;
}

static int
moments(target_handle_t *target, lunalloc_history_cursor_t *cursor, lunalloc_moment_t *out, size_t max, size_t *n) {
    *n = 0;
    int error = begin(target);
    return error == 0 ? reader_moments(reader_of(target), cursor, out, max, n) : error;
}

static int
marks(target_handle_t *target, lunalloc_history_cursor_t *cursor, lunalloc_mark_t *out, size_t max, size_t *n) {
    *n = 0;
    int error = begin(target);
    return error == 0 ? reader_marks(reader_of(target), cursor, out, max, n) : error;
}

static int
symbol(target_handle_t *target, uintptr_t addr, char *name, size_t size) {
    int error = check(target);
    if (error == 0) {
        symbols_name(reader_of(target)->memory, addr, name, size);
    }
    return error;
}

/* ---- the handle ---- */

static void
close_target(target_handle_t *target) {
    memory_target_t *self = (memory_target_t *)(void *)target;
    if (self->open) {
        picture_free(&self->reader.picture);
        if (self->process != NULL) {
            process_close(self->process);
        } else {
            core_close(self->core);
        }
        self->process = NULL;
        self->open = false;
    }
}

static void
free_target(target_handle_t *target) {
    memory_target_t *self = (memory_target_t *)(void *)target;
    reader_close(&self->reader);
    free(self);
}

static int
residency(target_handle_t *target, residency_job_t *job) {
    memory_target_t *self = (memory_target_t *)(void *)target;
    if (!self->open) {
        return target_fail(target, ESRCH, "this target was closed");
    }
    memory_t *memory = self->core != NULL ? core_memory(self->core) : memory_of(self->process);
    int error = self->core != NULL ? residency_of_core(self->core, job) : residency_of_process(self->process, job);
    return error == 0 ? 0 : target_fail(target, error, "%s", memory->message);
}

/* For the ways "memory" and "core". */
static int
record(target_handle_t *target, int fd) {
    (void)fd;
    int error = begin(target);
    return error == 0 ? refuse(target, "record") : error;
}

static const target_ops_t reading_ops = {
    .row = row,
    .describe = describe,
    .source = source,
    .limit = limit,
    .suggest = suggest,
    .get = get,
    .write = write_control,
    .extents = extents,
    .find = find,
    .nsizes = nsizes,
    .sizeclasses = sizeclasses,
    .sizeclass_of = sizeclass_of,
    .stats = stats,
    .report = report,
    .reconcile = reconcile,
    .residency = residency,
    .samples = samples,
    .threads = threads,
    .moments = moments,
    .marks = marks,
    .symbol = symbol,
    .record = record,
    .check = check,
    .close = close_target,
    .free = free_target,
};

bool
target_memory_consistent(const target_handle_t *target) {
    bool is_read = target->ops == &reading_ops;
    return !is_read || ((const memory_target_t *)(const void *)target)->reader.consistent;
}

/* `self` has the process or the core. */
static int
open_reader(memory_target_t *self, memory_t *memory, int pid, uint64_t addr, const target_t *copy,
            target_handle_t **out) {
    int error = reader_open(&self->reader, memory, pid, addr, copy, self->base.message);
    if (error == 0 && (error = reader_rows(&self->reader)) != 0) {
        reader_close(&self->reader);
    }
    if (error != 0) {
        memory_fail(memory, error, "%s", self->base.message);
        free(self);
        return error;
    }
    self->open = true;
    *out = &self->base;
    return 0;
}

int
target_memory_attach(process_t *process, uint64_t addr, target_handle_t **out) {
    target_t structure;
    memory_t *memory = memory_of(process);
    process_info_t info;
    int error = find_target_again(memory, process_title(process), addr, &structure);
    error = error == 0 ? process_info(process, &info) : error;
    if (error != 0) {
        return error;
    }
    memory_target_t *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return memory_fail(memory, ENOMEM, "no memory for a target");
    }
    self->base.way = "memory";
    self->base.ops = &reading_ops;
    self->process = process;
    return open_reader(self, memory, info.pid, addr, &structure, out);
}

int
target_memory_attach_core(core_file_t *core, target_handle_t **out) {
    target_t structure;
    uint64_t addr;
    memory_t *memory = core_memory(core);
    int error = find_target(memory, core_title(core), &addr, &structure);
    if (error != 0) {
        return error;
    }
    memory_target_t *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return memory_fail(memory, ENOMEM, "no memory for a target");
    }
    self->base.way = "core";
    self->base.ops = &reading_ops;
    self->core = core;
    return open_reader(self, memory, 0, addr, &structure, out);
}
