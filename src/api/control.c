/*
 * control.c -- the public names of controls, introspection and reports. Each boots the allocator if need be, but none
 * gives the calling thread a cache and an arena: reading statistics does not change them.
 */
#include "api/init.h"
#include "api/print.h"
#include "control/ctl.h"
#include "control/report.h"
#include "lunalloc.h"
#include "observe/classes.h"
#include "observe/history.h"
#include "observe/prof_frames.h"
#include "observe/prof_table.h"
#include "observe/stats.h"
#include "observe/threads.h"
#include "observe/walk.h"

#include <errno.h>
#include <stdlib.h>

int
mallctl(const char *name, void *oldp, size_t *oldlenp, void *newp, size_t newlen) {
    init_boot();
    return ctl_byname(name, &(ctl_io_t){oldp, oldlenp, newp, newlen});
}

int
mallctlnametomib(const char *name, size_t *mibp, size_t *miblenp) {
    init_boot();
    return ctl_nametomib(name, mibp, miblenp);
}

int
mallctlbymib(const size_t *mib, size_t miblen, void *oldp, size_t *oldlenp, void *newp, size_t newlen) {
    init_boot();
    return ctl_bymib(mib, miblen, &(ctl_io_t){oldp, oldlenp, newp, newlen});
}

size_t
lunalloc_ctl_count(void) {
    return ctl_nsupported;
}

int
lunalloc_ctl_row(size_t position, lunalloc_row_t *row) {
    if (position >= ctl_nsupported) {
        return ENOENT;
    }
    *row = ctl_public_row(&ctl_rows[position]);
    return 0;
}

int
lunalloc_ctl_describe(const char *name, lunalloc_row_t *row) {
    ctl_name_t resolved;
    int error = ctl_resolve(name, true, &resolved);
    if (error == 0) {
        *row = ctl_public_row(resolved.call.row);
    }
    return error;
}

int
lunalloc_ctl_source(const char *name, const char **source) {
    init_boot();
    ctl_name_t resolved;
    int error = ctl_resolve(name, true, &resolved);
    if (error == 0) {
        *source = ctl_source(&resolved);
    }
    return error;
}

size_t
lunalloc_ctl_limit(const char *name) {
    init_boot();
    return ctl_limit(name);
}

bool
lunalloc_ctl_suggest(const char *name, char *buf, size_t size) {
    return ctl_suggest(name, buf, size);
}

int
lunalloc_ctl_get(const char *name, lunalloc_value_t *value, char *message, size_t message_size) {
    init_boot();
    return ctl_get(name, value, message, message_size);
}

int
lunalloc_ctl_set(const char *name, const char *text, char *message, size_t message_size) {
    init_boot();
    lunalloc_value_t value = {.type = LUNALLOC_STRING, .v.s = text};
    return ctl_set(name, text == NULL ? NULL : &value, message, message_size);
}

int
lunalloc_ctl_write(const char *name, const lunalloc_value_t *value, char *message, size_t message_size) {
    init_boot();
    return ctl_set(name, value, message, message_size);
}

size_t
lunalloc_extents(lunalloc_cursor_t *cursor, lunalloc_extent_t *out, size_t n, lunalloc_page_totals_t *totals) {
    init_boot();
    return walk_extents(cursor, out, n, totals);
}

int
lunalloc_find(const void *addr, lunalloc_location_t *out) {
    init_boot();
    return walk_find((uintptr_t)addr, out);
}

uint32_t
lunalloc_nsizes(void) {
    init_boot();
    return sc.nsizes;
}

int
lunalloc_sizeclass(uint32_t index, lunalloc_sizeclass_t *out) {
    init_boot();
    return classes_describe(index, out);
}

int
lunalloc_sizeclass_of(size_t size, lunalloc_sizeclass_t *out) {
    init_boot();
    return size > SC_LARGE_MAX ? ENOENT : lunalloc_sizeclass(sc_index(size), out);
}

int
lunalloc_stats(uint32_t arena, lunalloc_stats_t *out) {
    init_boot();
    return stats_read(arena, out);
}

int
lunalloc_class_stats(uint32_t arena, uint32_t szind, lunalloc_class_stats_t *out) {
    init_boot();
    return stats_read_class(arena, szind, out);
}

int
lunalloc_reconcile(lunalloc_reconciliation_t *out) {
    init_boot();
    return walk_reconcile(out);
}

size_t
lunalloc_prof_samples(lunalloc_sample_cursor_t *cursor, lunalloc_sample_t *out, size_t n) {
    return prof_table_samples(cursor, out, n);
}

void
lunalloc_prof_frames(lunalloc_frames_t *frames) {
    atomic_set_release(&prof_frames, frames);
}

uintptr_t
lunalloc_prof_frame(const char *name) {
    init_boot();
    return prof_frame(name);
}

const char *
lunalloc_prof_frame_name(uintptr_t ip) {
    return prof_frame_name(ip);
}

size_t
lunalloc_threads(lunalloc_thread_cursor_t *cursor, lunalloc_thread_t *out, size_t n) {
    init_boot();
    return threads_copy(cursor, out, n);
}

size_t
lunalloc_moments(lunalloc_history_cursor_t *cursor, lunalloc_moment_t *out, size_t n) {
    return history_moments(cursor, out, n);
}

size_t
lunalloc_marks(lunalloc_history_cursor_t *cursor, lunalloc_mark_t *out, size_t n) {
    return history_marks(cursor, out, n);
}

const char *const *
lunalloc_stats_names(void) {
    static const char *const names[] = {
#define TOTAL(name, ...) #name,
#include "observe/counters.def"
        NULL,
    };
    return names;
}

int
lunalloc_stats_write(lunalloc_format_t format, lunalloc_write_t *write, void *opaque, const char *opts) {
    init_boot();
    return write == NULL ? EINVAL : report_write(format, write, opaque, opts);
}

void
malloc_stats_print(lunalloc_write_t *write, void *opaque, const char *opts) {
    init_boot();
    print_report(write, opaque, opts);
}

/* This file defines no malloc, so the address is the one that the linker chose. */
bool
lunalloc_replaced(void) {
    void *(*volatile in_process)(size_t) = malloc;
    void *(*volatile own)(size_t) = lunalloc_malloc;
    return in_process == own;
}
