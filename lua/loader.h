/*
 * loader.h -- the allocator's entry points, found at run time.
 *
 * Call the allocator through loader_api() only. The module links neither liblua nor the allocator, since two copies of
 * either in one process would be two heaps; so each function of lunalloc.h is called through a pointer. The first
 * caller in a process fills the table; it never changes afterwards, and any thread may read it.
 */
#ifndef LUNALLOC_LUA_LOADER_H
#define LUNALLOC_LUA_LOADER_H

#include "lunalloc.h"

typedef struct {
    /* allocation: lunalloc's heap, also if another allocator is the process's malloc */
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *ptr, size_t size);
    void (*free)(void *ptr);
    void *(*aligned_alloc)(size_t alignment, size_t size);
    size_t (*usable_size)(const void *ptr);
    void (*free_sized)(void *ptr, size_t size);
    void *(*mallocx)(size_t size, int flags);
    void *(*rallocx)(void *ptr, size_t size, int flags);
    void (*dallocx)(void *ptr, int flags);
    bool (*replaced)(void);
    /* controls */
    size_t (*ctl_count)(void);
    int (*ctl_row)(size_t position, lunalloc_row_t *row);
    int (*ctl_describe)(const char *name, lunalloc_row_t *row);
    int (*ctl_source)(const char *name, const char **source);
    size_t (*ctl_limit)(const char *name);
    bool (*ctl_suggest)(const char *name, char *buf, size_t size);
    int (*ctl_get)(const char *name, lunalloc_value_t *value, char *message, size_t message_size);
    int (*mallctl)(const char *name, void *oldp, size_t *oldlenp, void *newp, size_t newlen);
    int (*ctl_write)(const char *name, const lunalloc_value_t *value, char *message, size_t message_size);
    /* introspection */
    size_t (*extents)(lunalloc_cursor_t *cursor, lunalloc_extent_t *out, size_t n, lunalloc_page_totals_t *totals);
    int (*find)(const void *addr, lunalloc_location_t *out);
    uint32_t (*nsizes)(void);
    int (*sizeclass)(uint32_t index, lunalloc_sizeclass_t *out);
    int (*sizeclass_of)(size_t size, lunalloc_sizeclass_t *out);
    int (*stats)(uint32_t arena, lunalloc_stats_t *out);
    int (*class_stats)(uint32_t arena, uint32_t szind, lunalloc_class_stats_t *out);
    const char *const *(*stats_names)(void);
    int (*stats_write)(lunalloc_format_t format, lunalloc_write_t *write, void *opaque, const char *opts);
    int (*reconcile)(lunalloc_reconciliation_t *out);
    size_t (*prof_samples)(lunalloc_sample_cursor_t *cursor, lunalloc_sample_t *out, size_t n);
    void (*prof_frames)(lunalloc_frames_t *frames);
    uintptr_t (*prof_frame)(const char *name);
    const char *(*prof_frame_name)(uintptr_t ip);
    size_t (*threads)(lunalloc_thread_cursor_t *cursor, lunalloc_thread_t *out, size_t n);
    size_t (*moments)(lunalloc_history_cursor_t *cursor, lunalloc_moment_t *out, size_t n);
    size_t (*marks)(lunalloc_history_cursor_t *cursor, lunalloc_mark_t *out, size_t n);
} lunalloc_api_t;

/* The entry points; NULL if the allocator is not in this process and could not be loaded. */
const lunalloc_api_t *loader_api(void);

/* One line that says why loader_api() is NULL; "" if it is not. */
const char *loader_reason(void);

#endif
