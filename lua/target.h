/*
 * target.h -- access to one allocator, in this process or elsewhere: the one interface behind every function of the
 * Lua layer that looks at an allocator or tunes it.
 *
 * Functions of the module that concern an allocator take a handle from core_target() (core.h) and call its operations.
 * To reach allocators in a new way, write a file target_<way>.c with a table of all operations and a function that
 * makes a handle. There are: target_self.c (the library in this process), attach/target_agent.c (the agent of another
 * process).
 *
 * Each operation returns 0, or an errno value with one line in target->message. Codes that every way uses alike:
 *
 *   ENOENT, EINVAL, EPERM, EFAULT, EAGAIN    as in lunalloc.h
 *   ENOTSUP   this way cannot do it; the message says which way can
 *   ESRCH     the target is gone, or the handle was closed
 *   ETIMEDOUT the target does not answer, but exists
 *
 * How long results are valid. Strings of rows: as long as the handle. Any other string, and `message`: until the next
 * operation of that handle; Lua code that runs in between (a finalizer) may call one, so copy or push them at once. An
 * operation never calls Lua.
 *
 * Not thread-safe: a handle belongs to one lua_State. Two handles of one target may be used on two threads.
 */
#ifndef LUNALLOC_LUA_TARGET_H
#define LUNALLOC_LUA_TARGET_H

#include "lunalloc.h"

enum {
    TARGET_MESSAGE = 512,   /* bytes of a message, terminator included */
    TARGET_SIZES_MAX = 1024 /* most size classes that a target can have */
};

typedef struct target_ops target_ops_t;
struct residency_job;

/* A way's own structure begins with this. */
typedef struct {
    const char *way; /* "self", "agent", "memory", "core" */
    const target_ops_t *ops;
    char message[TARGET_MESSAGE];
} target_handle_t;

/*
 * Where a parameter is as in the function of lunalloc.h that an operation is named after, that header describes it.
 */
struct target_ops {
    /* ---- controls ---- */
    /* The row at a position 0, 1, ...: ENOENT past the end. A remote way fetches all rows at once, and keeps them. */
    int (*row)(target_handle_t *target, size_t position, lunalloc_row_t *row);
    int (*describe)(target_handle_t *target, const char *name, lunalloc_row_t *row);
    int (*source)(target_handle_t *target, const char *name, const char **source);
    int (*limit)(target_handle_t *target, const char *name, size_t *limit);
    /* ENOENT if no known name is near. */
    int (*suggest)(target_handle_t *target, const char *name, char *near, size_t size);
    int (*get)(target_handle_t *target, const char *name, lunalloc_value_t *value);
    /* `value`: as of lunalloc_ctl_write(); NULL does an action. */
    int (*write)(target_handle_t *target, const char *name, const lunalloc_value_t *value);

    /* ---- extents and size classes ---- */
    /* One batch of up to `max` extents; *n = 0 at the end. `totals` may be NULL. */
    int (*extents)(target_handle_t *target, lunalloc_cursor_t *cursor, lunalloc_extent_t *out, size_t max, size_t *n,
                   lunalloc_page_totals_t *totals);
    int (*find)(target_handle_t *target, uintptr_t addr, lunalloc_location_t *out);
    /* How many classes there are: constant, at most TARGET_SIZES_MAX. A remote way fetches it once. */
    int (*nsizes)(target_handle_t *target, uint32_t *n);
    /* All classes, in order: as many as nsizes() says. */
    int (*sizeclasses)(target_handle_t *target, lunalloc_sizeclass_t *out);
    int (*sizeclass_of)(target_handle_t *target, size_t size, lunalloc_sizeclass_t *out);

    /* ---- counters ---- */
    /* The counters of an arena or of all; and of its classes, as many as nsizes() says, unless `classes` is NULL. One
     * round trip. ENOENT if there is no such arena. */
    int (*stats)(target_handle_t *target, uint32_t arena, lunalloc_stats_t *out, lunalloc_class_stats_t *classes);
    /* Calls write() with pieces, which must not call Lua. */
    int (*report)(target_handle_t *target, lunalloc_format_t format, const char *opts, lunalloc_write_t *write,
                  void *opaque);
    int (*reconcile)(target_handle_t *target, lunalloc_reconciliation_t *out);
    /* Which pages are in memory (map/residency.h); of a core file, which it holds. ENOSYS, EPERM as there. */
    int (*residency)(target_handle_t *target, struct residency_job *job);

    /* ---- profiler ---- */
    /* One batch of up to `max` samples; *n = 0 at the end. */
    int (*samples)(target_handle_t *target, lunalloc_sample_cursor_t *cursor, lunalloc_sample_t *out, size_t max,
                   size_t *n);
    /* ---- threads and history ---- */
    /* One batch each of up to `max`; *n = 0 at the end, or if there are no more now. */
    int (*threads)(target_handle_t *target, lunalloc_thread_cursor_t *cursor, lunalloc_thread_t *out, size_t max,
                   size_t *n);
    int (*moments)(target_handle_t *target, lunalloc_history_cursor_t *cursor, lunalloc_moment_t *out, size_t max,
                   size_t *n);
    int (*marks)(target_handle_t *target, lunalloc_history_cursor_t *cursor, lunalloc_mark_t *out, size_t max,
                 size_t *n);

    /* ---- code ---- */
    /* "function+0x1f", "file+0x1f00", or "0x1f00", whatever is known of an address of code. */
    int (*symbol)(target_handle_t *target, uintptr_t addr, char *name, size_t size);

    /* ---- recordings ---- */
    /* The target records into the memory of this descriptor (observe/record_area.h), until its connection is closed at
     * the latest; -1 ends that. */
    int (*record)(target_handle_t *target, int fd);

    /* ---- the handle ---- */
    /* 0 while the target is there; ESRCH once it is gone. Asks the system, not the target. */
    int (*check)(target_handle_t *target);
    /* Gives back connections and descriptors; later operations fail with ESRCH. A second call does nothing. The memory
     * of the handle, and what its rows refer to, remains. */
    void (*close)(target_handle_t *target);
    /* Frees the memory, after close. NULL: it is the caller's. */
    void (*free)(target_handle_t *target);
};

/* Makes a handle for the allocator of this process, in memory of the caller's. Only if loader_api() is not NULL. */
void target_self_init(target_handle_t *target);

/* Sets the message, one line, and returns `error`. */
int target_fail(target_handle_t *target, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
