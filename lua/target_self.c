/* target_self.c -- the allocator of this process as a target: each operation calls the function of lunalloc.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif
#include "target.h"

#include "loader.h"
#include "map/residency.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
target_fail(target_handle_t *target, int error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(target->message, sizeof(target->message), format, args);
    va_end(args);
    return error;
}

/* ---- controls ---- */

static int
self_row(target_handle_t *target, size_t position, lunalloc_row_t *row) {
    (void)target;
    return loader_api()->ctl_row(position, row);
}

static int
self_get(target_handle_t *target, const char *name, lunalloc_value_t *value) {
    target->message[0] = '\0';
    return loader_api()->ctl_get(name, value, target->message, sizeof(target->message));
}

/* The message of an unknown name is that of reading it. */
static int
fail_unknown(target_handle_t *target, const char *name, int error) {
    lunalloc_value_t value;
    self_get(target, name, &value);
    return error;
}

static int
self_describe(target_handle_t *target, const char *name, lunalloc_row_t *row) {
    int error = loader_api()->ctl_describe(name, row);
    return error == 0 ? 0 : fail_unknown(target, name, error);
}

static int
self_source(target_handle_t *target, const char *name, const char **source) {
    int error = loader_api()->ctl_source(name, source);
    return error == 0 ? 0 : fail_unknown(target, name, error);
}

static int
self_limit(target_handle_t *target, const char *name, size_t *limit) {
    (void)target;
    *limit = loader_api()->ctl_limit(name);
    return 0;
}

static int
self_suggest(target_handle_t *target, const char *name, char *near, size_t size) {
    return loader_api()->ctl_suggest(name, near, size) ? 0 : target_fail(target, ENOENT, "no name is near");
}

static int
self_write(target_handle_t *target, const char *name, const lunalloc_value_t *value) {
    target->message[0] = '\0';
    return loader_api()->ctl_write(name, value, target->message, sizeof(target->message));
}

/* ---- extents and size classes ---- */

static int
self_extents(target_handle_t *target, lunalloc_cursor_t *cursor, lunalloc_extent_t *out, size_t max, size_t *n,
             lunalloc_page_totals_t *totals) {
    (void)target;
    *n = loader_api()->extents(cursor, out, max, totals);
    return 0;
}

static int
self_find(target_handle_t *target, uintptr_t addr, lunalloc_location_t *out) {
    int error = loader_api()->find((const void *)addr, out);
    return error == 0 ? 0 : target_fail(target, error, "%p is no memory of this allocator", (const void *)addr);
}

static int
self_nsizes(target_handle_t *target, uint32_t *n) {
    (void)target;
    *n = loader_api()->nsizes() < TARGET_SIZES_MAX ? loader_api()->nsizes() : TARGET_SIZES_MAX;
    return 0;
}

static int
self_sizeclasses(target_handle_t *target, lunalloc_sizeclass_t *out) {
    uint32_t n;
    self_nsizes(target, &n);
    for (uint32_t i = 0; i < n; i++) {
        loader_api()->sizeclass(i, &out[i]);
    }
    return 0;
}

static int
self_sizeclass_of(target_handle_t *target, size_t size, lunalloc_sizeclass_t *out) {
    int error = loader_api()->sizeclass_of(size, out);
    if (error == 0) {
        return 0;
    }
    lunalloc_sizeclass_t largest = {0};
    loader_api()->sizeclass(loader_api()->nsizes() - 1, &largest);
    return target_fail(target, error, "no size class for %zu bytes; the largest holds %zu", size, largest.size);
}

/* ---- counters ---- */

static int
self_stats(target_handle_t *target, uint32_t arena, lunalloc_stats_t *out, lunalloc_class_stats_t *classes) {
    uint32_t n;
    self_nsizes(target, &n);
    int error = loader_api()->stats(arena, out);
    if (error != 0) {
        return target_fail(target, error, "no arena %u", (unsigned)arena);
    }
    for (uint32_t i = 0; i < n && classes != NULL; i++) {
        classes[i] = (lunalloc_class_stats_t){0}; /* remains so if the arena is destroyed meanwhile */
        loader_api()->class_stats(arena, i, &classes[i]);
    }
    return 0;
}

static int
self_report(target_handle_t *target, lunalloc_format_t format, const char *opts, lunalloc_write_t *write,
            void *opaque) {
    int error = loader_api()->stats_write(format, write, opaque, opts);
    return error == 0 ? 0 : target_fail(target, error, "no memory for the report");
}

static int
self_reconcile(target_handle_t *target, lunalloc_reconciliation_t *out) {
    int error = loader_api()->reconcile(out);
    return error == 0 ? 0 : target_fail(target, error, "the system has no /proc/self/smaps_rollup");
}

static int
self_residency(target_handle_t *target, residency_job_t *job) {
    int directory = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int error = residency_read(job, directory);
    if (directory >= 0) {
        close(directory);
    }
    return error == 0
               ? 0
               : target_fail(target, error, "the system does not tell which pages are in memory: %s", strerror(error));
}

/* ---- profiler ---- */

static int
self_samples(target_handle_t *target, lunalloc_sample_cursor_t *cursor, lunalloc_sample_t *out, size_t max, size_t *n) {
    (void)target;
    *n = loader_api()->prof_samples(cursor, out, max);
    return 0;
}

/* ---- threads and history ---- */

static int
self_threads(target_handle_t *target, lunalloc_thread_cursor_t *cursor, lunalloc_thread_t *out, size_t max, size_t *n) {
    (void)target;
    *n = loader_api()->threads(cursor, out, max);
    return 0;
}

static int
self_moments(target_handle_t *target, lunalloc_history_cursor_t *cursor, lunalloc_moment_t *out, size_t max,
             size_t *n) {
    (void)target;
    *n = loader_api()->moments(cursor, out, max);
    return 0;
}

static int
self_marks(target_handle_t *target, lunalloc_history_cursor_t *cursor, lunalloc_mark_t *out, size_t max, size_t *n) {
    (void)target;
    *n = loader_api()->marks(cursor, out, max);
    return 0;
}

/* ---- code ---- */

static const char *
base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* By the dynamic linker, which knows exported functions only. */
static int
self_symbol(target_handle_t *target, uintptr_t addr, char *name, size_t size) {
    (void)target;
    Dl_info info;
    const char *frame = loader_api()->prof_frame_name(addr);
    if (frame != NULL) {
        snprintf(name, size, "%s", frame);
        return 0;
    }
    bool known = dladdr((void *)addr, &info) != 0 && info.dli_fname != NULL;
    bool named = known && info.dli_sname != NULL;
    uintptr_t base = named ? (uintptr_t)info.dli_saddr : known ? (uintptr_t)info.dli_fbase : 0;
    const char *of = named ? info.dli_sname : known ? base_name(info.dli_fname) : "";
    snprintf(name, size, "%s%s0x%llx", of, known ? "+" : "", (unsigned long long)(addr - base));
    return 0;
}

/* ---- the handle ---- */

static int
self_check(target_handle_t *target) {
    (void)target;
    return 0;
}

static void
self_close(target_handle_t *target) {
    (void)target;
}

/* ---- recordings ---- */

static int
self_record(target_handle_t *target, int fd) {
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    const lunalloc_value_t area = {.type = LUNALLOC_STRING, .v.s = path};
    const lunalloc_value_t off = {.type = LUNALLOC_BOOL, .v.b = false};
    return fd < 0 ? self_write(target, "record.active", &off) : self_write(target, "record.area", &area);
}

static const target_ops_t self_ops = {
    .row = self_row,
    .describe = self_describe,
    .source = self_source,
    .limit = self_limit,
    .suggest = self_suggest,
    .get = self_get,
    .write = self_write,
    .extents = self_extents,
    .find = self_find,
    .nsizes = self_nsizes,
    .sizeclasses = self_sizeclasses,
    .sizeclass_of = self_sizeclass_of,
    .stats = self_stats,
    .report = self_report,
    .reconcile = self_reconcile,
    .residency = self_residency,
    .samples = self_samples,
    .threads = self_threads,
    .moments = self_moments,
    .marks = self_marks,
    .symbol = self_symbol,
    .record = self_record,
    .check = self_check,
    .close = self_close,
};

void
target_self_init(target_handle_t *target) {
    *target = (target_handle_t){.way = "self", .ops = &self_ops};
}
