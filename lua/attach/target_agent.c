/*
 * target_agent.c -- see target_agent.h.
 *
 * What a process says is not trusted: it may run another lunalloc, and its memory may be overwritten. Sizes of records
 * must be this module's, counts are bounded, and texts in structures are terminated here.
 */
#include "attach/target_agent.h"
#include "attach/residency.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/rows.h"
#include "attach/symbols.h"

enum {
    LIMIT_MAX = 1 << 16, /* indices that one name can have */
    USUAL = 1,           /* patience */
    LONG = 5             /* of what walks the whole heap */
};

typedef struct {
    target_handle_t target; /* first */
    process_t *process;
    channel_t *channel; /* NULL: closed */
    rows_t rows;
    uint32_t nsizes; /* 0: not known yet */
} agent_t;

/* ---- requests ---- */

static int
ask_patiently(target_handle_t *target, const wire_message_t *request, wire_message_t *reply, int patience) {
    agent_t *agent = (agent_t *)target;
    if (agent->channel == NULL) {
        return target_fail(target, ESRCH, "this target was closed");
    }
    return channel_request(agent->channel, request, reply, patience, target->message, sizeof(target->message));
}

static int
ask(target_handle_t *target, const wire_message_t *request, wire_message_t *reply) {
    return ask_patiently(target, request, reply, USUAL);
}

static int
fail_layout(target_handle_t *target) {
    agent_t *agent = (agent_t *)target;
    return target_fail(target, EPROTO, "%s runs another build of lunalloc: its structures have other sizes",
                       process_title(agent->process));
}

/* The single record of a reply. */
static int
take_record(target_handle_t *target, const wire_records_t *records, void *out, size_t size) {
    return wire_copy(records, 0, out, size) ? 0 : fail_layout(target);
}

/* All records of a reply, at most `max`. */
static int
take_records(target_handle_t *target, const wire_records_t *records, void *out, size_t size, size_t max, size_t *n) {
    if (records->count > max || (records->count > 0 && records->size != size)) {
        return fail_layout(target);
    }
    if (records->count > 0) {
        memcpy(out, records->data, size * records->count);
    }
    *n = records->count;
    return 0;
}

/* A request that has a text and is answered by one. */
static int
ask_text(target_handle_t *target, wire_kind_t kind, const char *text, wire_message_t *reply) {
    return ask(target, &(wire_message_t){.kind = (uint16_t)kind, .text = {text}}, reply);
}

/* ---- controls ---- */

static int
fail_memory(target_handle_t *target) {
    return target_fail(target, ENOMEM, "no memory for the list of controls");
}

/* Fetches all rows, in as many batches as they take. */
static int
fetch_rows(target_handle_t *target) {
    agent_t *agent = (agent_t *)target;
    uint64_t position = 0, all = 1;
    while (position < all) {
        wire_message_t reply;
        int error = ask(target, &(wire_message_t){.kind = WIRE_ROWS, .number = {position}}, &reply);
        if (error != 0) {
            return error;
        }
        error = rows_add(&agent->rows, &reply.bytes);
        if (error != 0) {
            return error == ENOMEM ? fail_memory(target) : fail_layout(target);
        }
        if (reply.number[1] <= position) {
            return fail_layout(target);
        }
        all = reply.number[0];
        position = reply.number[1];
    }
    agent->rows.complete = true;
    return 0;
}

static int
need_rows(target_handle_t *target) {
    agent_t *agent = (agent_t *)target;
    if (agent->rows.complete) {
        return 0;
    }
    rows_free(&agent->rows);
    return fetch_rows(target);
}

static int
agent_row(target_handle_t *target, size_t position, lunalloc_row_t *row) {
    agent_t *agent = (agent_t *)target;
    int error = need_rows(target);
    if (error != 0) {
        return error;
    }
    if (position >= agent->rows.n) {
        return target_fail(target, ENOENT, "no row %zu", position);
    }
    *row = agent->rows.all[position];
    return 0;
}

/* The row's texts are those of the list, which remain. */
static int
agent_describe(target_handle_t *target, const char *name, lunalloc_row_t *row) {
    agent_t *agent = (agent_t *)target;
    wire_message_t reply;
    int error = need_rows(target);
    if (error == 0) {
        error = ask_text(target, WIRE_DESCRIBE, name, &reply);
    }
    if (error != 0) {
        return error;
    }
    error = rows_intern(&agent->rows, &reply.bytes, row);
    return error == 0 ? 0 : error == ENOMEM ? fail_memory(target) : fail_layout(target);
}

static int
agent_source(target_handle_t *target, const char *name, const char **source) {
    wire_message_t reply;
    int error = ask_text(target, WIRE_SOURCE, name, &reply);
    *source = error == 0 ? reply.text[0] : "";
    return error;
}

static int
agent_limit(target_handle_t *target, const char *name, size_t *limit) {
    wire_message_t reply;
    int error = ask_text(target, WIRE_LIMIT, name, &reply);
    *limit = error == 0 ? (size_t)reply.number[0] : 0;
    return error == 0 && reply.number[0] > LIMIT_MAX ? fail_layout(target) : error;
}

static int
agent_suggest(target_handle_t *target, const char *name, char *near, size_t size) {
    wire_message_t reply;
    int error = ask_text(target, WIRE_SUGGEST, name, &reply);
    if (error == 0 && reply.text[0][0] == '\0') {
        return target_fail(target, ENOENT, "no name is near");
    }
    if (error == 0) {
        snprintf(near, size, "%s", reply.text[0]);
    }
    return error;
}

static int
agent_get(target_handle_t *target, const char *name, lunalloc_value_t *value) {
    wire_message_t reply;
    int error = ask_text(target, WIRE_GET, name, &reply);
    *value = error == 0 ? reply.value : (lunalloc_value_t){0};
    return error;
}

/* Actions may walk all arenas. */
static int
agent_write(target_handle_t *target, const char *name, const lunalloc_value_t *value) {
    wire_message_t reply, write = {.kind = WIRE_WRITE, .text = {name}};
    if (value != NULL) {
        write.value = *value;
    }
    return ask_patiently(target, &write, &reply, LONG);
}

/* ---- extents and size classes ---- */

static int
agent_extents(target_handle_t *target, lunalloc_cursor_t *cursor, lunalloc_extent_t *out, size_t max, size_t *n,
              lunalloc_page_totals_t *totals) {
    lunalloc_page_totals_t unwanted;
    wire_message_t reply;
    *n = 0;
    int error = ask(target,
                    &(wire_message_t){.kind = WIRE_EXTENTS,
                                      .number = {max},
                                      .records = {{.size = sizeof(*cursor), .count = 1, .data = cursor}}},
                    &reply);
    if (error == 0) {
        error = take_records(target, &reply.records[1], out, sizeof(*out), max, n);
    }
    if (error == 0) {
        error = take_record(target, &reply.records[0], cursor, sizeof(*cursor));
    }
    return error != 0 ? error
                      : take_record(target, &reply.records[2], totals != NULL ? totals : &unwanted, sizeof(*totals));
}

static int
agent_find(target_handle_t *target, uintptr_t addr, lunalloc_location_t *out) {
    wire_message_t reply;
    int error = ask(target, &(wire_message_t){.kind = WIRE_FIND, .number = {addr}}, &reply);
    if (error == ENOENT) {
        return target_fail(target, ENOENT, "%p is no memory of this allocator", (const void *)addr);
    }
    return error != 0 ? error : take_record(target, &reply.records[0], out, sizeof(*out));
}

static int
fetch_sizes(target_handle_t *target, wire_records_t *sizes) {
    agent_t *agent = (agent_t *)target;
    wire_message_t reply;
    int error = ask(target, &(wire_message_t){.kind = WIRE_SIZECLASSES}, &reply);
    if (error != 0) {
        return error;
    }
    *sizes = reply.records[0];
    bool same = sizes->size == sizeof(lunalloc_sizeclass_t) && sizes->count <= TARGET_SIZES_MAX && sizes->count > 0 &&
                (agent->nsizes == 0 || agent->nsizes == sizes->count);
    return same ? 0 : fail_layout(target);
}

static int
agent_nsizes(target_handle_t *target, uint32_t *n) {
    agent_t *agent = (agent_t *)target;
    wire_records_t sizes;
    int error = agent->nsizes == 0 ? fetch_sizes(target, &sizes) : 0;
    if (error == 0 && agent->nsizes == 0) {
        agent->nsizes = sizes.count;
    }
    *n = agent->nsizes;
    return error;
}

static int
agent_sizeclasses(target_handle_t *target, lunalloc_sizeclass_t *out) {
    wire_records_t sizes;
    int error = fetch_sizes(target, &sizes);
    if (error == 0) {
        memcpy(out, sizes.data, sizeof(*out) * sizes.count);
    }
    return error;
}

/* As the library says it of this process. */
static int
fail_size(target_handle_t *target, size_t size) {
    lunalloc_sizeclass_t largest = {0};
    wire_records_t sizes;
    int error = fetch_sizes(target, &sizes);
    if (error != 0) {
        return error;
    }
    wire_copy(&sizes, sizes.count - 1, &largest, sizeof(largest));
    return target_fail(target, ENOENT, "no size class for %zu bytes; the largest holds %zu", size, largest.size);
}

static int
agent_sizeclass_of(target_handle_t *target, size_t size, lunalloc_sizeclass_t *out) {
    wire_message_t reply;
    int error = ask(target, &(wire_message_t){.kind = WIRE_SIZECLASS_OF, .number = {size}}, &reply);
    return error == ENOENT ? fail_size(target, size)
           : error != 0    ? error
                           : take_record(target, &reply.records[0], out, sizeof(*out));
}

/* ---- counters ---- */

/* Without classes, the reply has no use for them but carries them. */
static int
agent_stats(target_handle_t *target, uint32_t arena, lunalloc_stats_t *out, lunalloc_class_stats_t *classes) {
    agent_t *agent = (agent_t *)target;
    wire_message_t reply;
    size_t n = 0;
    int error = ask(target, &(wire_message_t){.kind = WIRE_STATS, .number = {arena}}, &reply);
    if (error == ENOENT) {
        return target_fail(target, ENOENT, "no arena %u", (unsigned)arena);
    }
    if (error == 0) {
        error = take_record(target, &reply.records[0], out, sizeof(*out));
    }
    if (error != 0 || classes == NULL) {
        return error;
    }
    error = take_records(target, &reply.records[1], classes, sizeof(*classes), agent->nsizes, &n);
    return error != 0 || n == agent->nsizes ? error : fail_layout(target);
}

/* Hands over the text of a reply in terminated pieces. */
static void
write_piece(const wire_bytes_t *bytes, lunalloc_write_t *write, void *opaque) {
    char piece[1024];
    for (uint32_t at = 0; at < bytes->len; at += (uint32_t)sizeof(piece) - 1) {
        snprintf(piece, sizeof(piece), "%.*s", (int)(bytes->len - at), bytes->data + at);
        write(opaque, piece);
    }
}

static int
agent_report(target_handle_t *target, lunalloc_format_t format, const char *opts, lunalloc_write_t *write,
             void *opaque) {
    uint64_t position = 0, all = 1;
    while (position < all) {
        wire_message_t reply;
        int error = ask_patiently(
            target, &(wire_message_t){.kind = WIRE_REPORT, .number = {format, position}, .text = {opts}}, &reply, LONG);
        if (error != 0) {
            return error;
        }
        write_piece(&reply.bytes, write, opaque);
        all = reply.number[0];
        position += reply.bytes.len;
        if (reply.bytes.len == 0 && position < all) {
            return fail_layout(target);
        }
    }
    return 0;
}

static int
agent_reconcile(target_handle_t *target, lunalloc_reconciliation_t *out) {
    wire_message_t reply;
    int error = ask_patiently(target, &(wire_message_t){.kind = WIRE_RECONCILE}, &reply, LONG);
    return error != 0 ? error : take_record(target, &reply.records[0], out, sizeof(*out));
}

static int
agent_residency(target_handle_t *target, residency_job_t *job) {
    agent_t *agent = (agent_t *)target;
    if (agent->channel == NULL) {
        return target_fail(target, ESRCH, "this target was closed");
    }
    int error = residency_of_process(agent->process, job);
    return error == 0 ? 0 : target_fail(target, error, "%s", memory_of(agent->process)->message);
}

/* ---- profiler ---- */

/* One batch of a list: a kind whose request and reply have a cursor of `cursor_size` bytes, 8 or more, and records of
 * `size`. */
static int
ask_batch(target_handle_t *target, wire_kind_t kind, void *cursor, uint32_t cursor_size, void *out, uint32_t size,
          size_t max, size_t *n) {
    wire_message_t reply;
    uint64_t before;
    *n = 0;
    memcpy(&before, cursor, sizeof(before));
    int error = ask(target,
                    &(wire_message_t){.kind = (uint16_t)kind,
                                      .number = {max},
                                      .records = {{.size = cursor_size, .count = 1, .data = cursor}}},
                    &reply);
    if (error == 0) {
        error = take_records(target, &reply.records[1], out, size, max, n);
    }
    if (error == 0) {
        error = take_record(target, &reply.records[0], cursor, cursor_size);
    }
    /* Else the list would never end. */
    return error == 0 && *n > 0 && memcmp(&before, cursor, sizeof(before)) == 0 ? fail_layout(target) : error;
}

static int
agent_samples(target_handle_t *target, lunalloc_sample_cursor_t *cursor, lunalloc_sample_t *out, size_t max,
              size_t *n) {
    int error = ask_batch(target, WIRE_SAMPLES, cursor, sizeof(*cursor), out, sizeof(*out), max, n);
    for (size_t i = 0; i < *n; i++) {
        out[i].depth = out[i].depth <= LUNALLOC_STACK_MAX ? out[i].depth : LUNALLOC_STACK_MAX;
        out[i].thread_name[LUNALLOC_THREAD_NAME_MAX - 1] = '\0';
    }
    return error;
}

/* ---- threads and history ---- */

static int
agent_threads(target_handle_t *target, lunalloc_thread_cursor_t *cursor, lunalloc_thread_t *out, size_t max,
              size_t *n) {
    int error = ask_batch(target, WIRE_THREADS, cursor, sizeof(*cursor), out, sizeof(*out), max, n);
    for (size_t i = 0; i < *n; i++) {
        out[i].nclasses = out[i].nclasses <= LUNALLOC_CACHED_CLASSES ? out[i].nclasses : LUNALLOC_CACHED_CLASSES;
        out[i].name[sizeof(out[i].name) - 1] = '\0';
    }
    return error;
}

static int
agent_moments(target_handle_t *target, lunalloc_history_cursor_t *cursor, lunalloc_moment_t *out, size_t max,
              size_t *n) {
    return ask_batch(target, WIRE_MOMENTS, cursor, sizeof(*cursor), out, sizeof(*out), max, n);
}

static int
agent_marks(target_handle_t *target, lunalloc_history_cursor_t *cursor, lunalloc_mark_t *out, size_t max, size_t *n) {
    int error = ask_batch(target, WIRE_MARKS, cursor, sizeof(*cursor), out, sizeof(*out), max, n);
    for (size_t i = 0; i < *n; i++) {
        out[i].name[LUNALLOC_MARK_NAME - 1] = out[i].value[LUNALLOC_MARK_VALUE - 1] = '\0';
    }
    return error;
}

/* ---- code ---- */

static int
agent_symbol(target_handle_t *target, uintptr_t addr, char *name, size_t size) {
    agent_t *agent = (agent_t *)target;
    if (agent->channel == NULL) {
        return target_fail(target, ESRCH, "this target was closed");
    }
    symbols_name(memory_of(agent->process), addr, name, size);
    return 0;
}

/* ---- recordings ---- */

static int
agent_record(target_handle_t *target, int fd) {
    agent_t *agent = (agent_t *)target;
    wire_message_t request = {.kind = fd >= 0 ? WIRE_RECORD : WIRE_RECORD_END}, reply;
    if (agent->channel == NULL) {
        return target_fail(target, ESRCH, "this target was closed");
    }
    return channel_send(agent->channel, &request, fd, &reply, target->message, sizeof(target->message));
}

/* ---- the handle ---- */

static int
agent_check(target_handle_t *target) {
    agent_t *agent = (agent_t *)target;
    if (agent->channel == NULL) {
        return target_fail(target, ESRCH, "this target was closed");
    }
    int error = process_check(agent->process);
    return error == 0 ? 0 : target_fail(target, error, "%s", memory_of(agent->process)->message);
}

static void
agent_close(target_handle_t *target) {
    agent_t *agent = (agent_t *)target;
    if (agent->channel != NULL) {
        channel_close(agent->channel);
        process_close(agent->process);
        agent->channel = NULL;
        agent->process = NULL;
    }
}

static void
agent_free(target_handle_t *target) {
    agent_t *agent = (agent_t *)target;
    rows_free(&agent->rows);
    free(agent);
}

static const target_ops_t agent_ops = {
    .row = agent_row,
    .describe = agent_describe,
    .source = agent_source,
    .limit = agent_limit,
    .suggest = agent_suggest,
    .get = agent_get,
    .write = agent_write,
    .extents = agent_extents,
    .find = agent_find,
    .nsizes = agent_nsizes,
    .sizeclasses = agent_sizeclasses,
    .sizeclass_of = agent_sizeclass_of,
    .stats = agent_stats,
    .report = agent_report,
    .reconcile = agent_reconcile,
    .residency = agent_residency,
    .samples = agent_samples,
    .threads = agent_threads,
    .moments = agent_moments,
    .marks = agent_marks,
    .symbol = agent_symbol,
    .record = agent_record,
    .check = agent_check,
    .close = agent_close,
    .free = agent_free,
};

target_handle_t *
target_agent_open(process_t *process, channel_t *channel) {
    agent_t *agent = calloc(1, sizeof(*agent));
    if (agent == NULL) {
        return NULL;
    }
    agent->target.way = "agent";
    agent->target.ops = &agent_ops;
    agent->process = process;
    agent->channel = channel;
    return &agent->target;
}
