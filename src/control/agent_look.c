/* agent_look.c -- what a request sees of the process: the schema, extents, size classes, statistics, samples,
 * threads, history. */
#include "control/agent_call.h"
#include "control/ctl.h"
#include "control/text.h"
#include "observe/classes.h"
#include "observe/history.h"
#include "observe/prof_table.h"
#include "observe/snapshot.h"
#include "observe/threads.h"
#include "observe/walk.h"

#include <errno.h>
#include <string.h>

/* Most records of a type that fit into a reply. */
#define FITTING(type) (AGENT_FITTING / sizeof(type))
/* Most extents of a reply: the locks of their arena are held for so long as copying them takes. */
#define EXTENTS_MAX 512

static wire_records_t
one(const void *record, size_t size) {
    return (wire_records_t){(uint32_t)size, 1, record};
}

/* ---- the schema ---- */

static int
fail_unknown(agent_call_t *call, const char *name) {
    lunalloc_value_t none;
    int error = ctl_get(name, &none, call->message, sizeof call->message); /* says why */
    return error == 0 ? agent_fail(call, ENOENT, name, "no such control") : ENOENT;
}

/* Rows from a position on, as many as fit. */
static int
rows(agent_call_t *call) {
    size_t at = agent_least(call->in->number[0], ctl_nsupported);
    size_t len = 0, n = 1;
    for (; at < ctl_nsupported && n > 0; at += n > 0) {
        lunalloc_row_t row = ctl_public_row(&ctl_rows[at]);
        n = wire_put_row(call->records + len, AGENT_FITTING - len, &row);
        len += n;
    }
    call->out->number[0] = ctl_nsupported;
    call->out->number[1] = at;
    call->out->bytes = (wire_bytes_t){(uint32_t)len, call->records};
    return 0;
}

static int
describe(agent_call_t *call) {
    ctl_name_t resolved;
    const char *name = call->in->text[0];
    if (ctl_resolve(name, true, &resolved) != 0) {
        return fail_unknown(call, name);
    }
    lunalloc_row_t row = ctl_public_row(resolved.call.row);
    size_t len = wire_put_row(call->records, AGENT_RECORDS, &row);
    call->out->bytes = (wire_bytes_t){(uint32_t)len, call->records};
    return 0;
}

static int
source(agent_call_t *call) {
    ctl_name_t resolved;
    const char *name = call->in->text[0];
    if (ctl_resolve(name, true, &resolved) != 0) {
        return fail_unknown(call, name);
    }
    call->out->text[0] = ctl_source(&resolved);
    return 0;
}

static int
limit(agent_call_t *call) {
    call->out->number[0] = ctl_limit(call->in->text[0]);
    return 0;
}

static int
suggest(agent_call_t *call) {
    bool found = ctl_suggest(call->in->text[0], call->records, TEXT_MAX_NAME + 1);
    call->out->text[0] = found ? call->records : "";
    return 0;
}

/* ---- extents ---- */

/* The records lie behind cursor and totals. */
static int
extents(agent_call_t *call) {
    lunalloc_cursor_t *cursor = (lunalloc_cursor_t *)(void *)call->records;
    lunalloc_page_totals_t *totals = (lunalloc_page_totals_t *)(cursor + 1);
    lunalloc_extent_t *out = (lunalloc_extent_t *)(totals + 1);
    if (!wire_copy(&call->in->records[0], 0, cursor, sizeof *cursor)) {
        return agent_fail(call, EPROTO, "extents", "the cursor is of another version of the library");
    }
    *totals = (lunalloc_page_totals_t){0};
    size_t n = agent_least(call->in->number[0], FITTING(*out) < EXTENTS_MAX ? FITTING(*out) : EXTENTS_MAX);
    n = walk_extents(cursor, out, n, totals);
    call->out->records[0] = one(cursor, sizeof *cursor);
    call->out->records[1] = (wire_records_t){sizeof *out, (uint32_t)n, out};
    call->out->records[2] = one(totals, sizeof *totals);
    return 0;
}

static int
find(agent_call_t *call) {
    lunalloc_location_t *out = (lunalloc_location_t *)(void *)call->records;
    int error = walk_find((uintptr_t)call->in->number[0], out);
    if (error != 0) {
        return agent_fail(call, error, "find", "the address is no memory of the allocator");
    }
    call->out->records[0] = one(out, sizeof *out);
    return 0;
}

/* ---- size classes ---- */

static int
sizeclasses(agent_call_t *call) {
    lunalloc_sizeclass_t *out = (lunalloc_sizeclass_t *)(void *)call->records;
    uint32_t n = 0;
    while (n < FITTING(*out) && classes_describe(n, &out[n]) == 0) {
        n++;
    }
    call->out->records[0] = (wire_records_t){sizeof *out, n, out};
    return 0;
}

static int
sizeclass_of(agent_call_t *call) {
    lunalloc_sizeclass_t *out = (lunalloc_sizeclass_t *)(void *)call->records;
    if (call->in->number[0] > SC_LARGE_MAX || classes_describe(sc_index((size_t)call->in->number[0]), out) != 0) {
        return agent_fail(call, ENOENT, "sizeclass", "no class serves a request of that size");
    }
    call->out->records[0] = one(out, sizeof *out);
    return 0;
}

/* ---- statistics ---- */

_Static_assert(SC_MAX_SIZES * sizeof(lunalloc_class_stats_t) + sizeof(lunalloc_stats_t) < AGENT_RECORDS,
               "the statistics of an arena fit one reply");

static int
stats(agent_call_t *call) {
    lunalloc_stats_t *out = (lunalloc_stats_t *)(void *)call->records;
    lunalloc_class_stats_t *classes = (lunalloc_class_stats_t *)(out + 1);
    uint64_t arena = call->in->number[0];
    int error = arena > UINT32_MAX ? ENOENT : stats_read_whole((uint32_t)arena, out, classes);
    if (error != 0) {
        return agent_fail(call, error, "stats",
                          error == ENOENT ? "there is no such arena" : "the process has no memory to read them into");
    }
    call->out->records[0] = one(out, sizeof *out);
    call->out->records[1] = (wire_records_t){sizeof *classes, sc.nsizes, classes};
    return 0;
}

static int
reconcile(agent_call_t *call) {
    lunalloc_reconciliation_t *out = (lunalloc_reconciliation_t *)(void *)call->records;
    int error = walk_reconcile(out);
    if (error != 0) {
        return agent_fail(call, error, "reconcile", "the process cannot read its /proc/self/smaps_rollup");
    }
    call->out->records[0] = one(out, sizeof *out);
    return 0;
}

/* ---- lists that a cursor walks: samples, threads, history ---- */

/* The most bytes of a cursor; what follows it is aligned like this. */
#define CURSOR_BYTES 64

_Static_assert(sizeof(lunalloc_sample_cursor_t) <= CURSOR_BYTES && sizeof(lunalloc_thread_cursor_t) <= CURSOR_BYTES &&
                   sizeof(lunalloc_history_cursor_t) <= CURSOR_BYTES,
               "cursors fit");

typedef size_t copy_t(void *cursor, void *out, size_t n);

static size_t
copy_samples(void *cursor, void *out, size_t n) {
    return prof_table_samples(cursor, out, n);
}

static size_t
copy_threads(void *cursor, void *out, size_t n) {
    return threads_copy(cursor, out, n);
}

static size_t
copy_moments(void *cursor, void *out, size_t n) {
    return history_moments(cursor, out, n);
}

static size_t
copy_marks(void *cursor, void *out, size_t n) {
    return history_marks(cursor, out, n);
}

/* size: bytes of a record. */
static int
list(agent_call_t *call, copy_t *copy, size_t cursor_size, size_t size) {
    char *cursor = call->records;
    char *out = call->records + CURSOR_BYTES;
    if (!wire_copy(&call->in->records[0], 0, cursor, cursor_size)) {
        return agent_fail(call, EPROTO, wire_kind_name(call->in->kind),
                          "the cursor is of another version of the library");
    }
    size_t n = copy(cursor, out, agent_least(call->in->number[0], AGENT_FITTING / size));
    call->out->records[0] = one(cursor, cursor_size);
    call->out->records[1] = (wire_records_t){(uint32_t)size, (uint32_t)n, out};
    return 0;
}

/* ---- dispatch ---- */

int
agent_look(agent_call_t *call) {
    switch (call->in->kind) {
    case WIRE_ROWS:
        return rows(call);
    case WIRE_DESCRIBE:
        return describe(call);
    case WIRE_SOURCE:
        return source(call);
    case WIRE_LIMIT:
        return limit(call);
    case WIRE_SUGGEST:
        return suggest(call);
    case WIRE_EXTENTS:
        return extents(call);
    case WIRE_FIND:
        return find(call);
    case WIRE_SIZECLASSES:
        return sizeclasses(call);
    case WIRE_SIZECLASS_OF:
        return sizeclass_of(call);
    case WIRE_STATS:
        return stats(call);
    case WIRE_REPORT:
        return agent_serve_report(call);
    case WIRE_RECONCILE:
        return reconcile(call);
    case WIRE_SAMPLES:
        return list(call, copy_samples, sizeof(lunalloc_sample_cursor_t), sizeof(lunalloc_sample_t));
    case WIRE_THREADS:
        return list(call, copy_threads, sizeof(lunalloc_thread_cursor_t), sizeof(lunalloc_thread_t));
    case WIRE_MOMENTS:
        return list(call, copy_moments, sizeof(lunalloc_history_cursor_t), sizeof(lunalloc_moment_t));
    case WIRE_MARKS:
        return list(call, copy_marks, sizeof(lunalloc_history_cursor_t), sizeof(lunalloc_mark_t));
    default:
        return agent_fail(call, ENOTSUP, wire_kind_name(call->in->kind), "this library does not answer it");
    }
}
