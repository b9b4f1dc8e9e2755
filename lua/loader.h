/*
 * loader.h -- the allocator as this module sees it: a table of entry points, found at run time.
 *
 * The module links neither liblua nor the allocator (two copies of either in one process would be two heaps), so each
 * function of lunalloc.h is reached through a pointer. The table is filled once per process, by the first caller, and
 * never changes afterwards; any thread may read it.
 */
#ifndef LUNALLOC_LUA_LOADER_H
#define LUNALLOC_LUA_LOADER_H

#include "lunalloc.h"

typedef struct {
    /* allocation: lunalloc's own heap, whoever owns the process's malloc */
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *ptr, size_t size);
    void (*free)(void *ptr);
    void *(*aligned_alloc)(size_t alignment, size_t size);
    size_t (*usable_size)(const void *ptr);
    void (*free_sized)(void *ptr, size_t size);
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
    int (*ctl_set)(const char *name, const char *text, char *message, size_t message_size);
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
} lunalloc_api_t;

/* The allocator's entry points; NULL if this process has none and none could be loaded. */
const lunalloc_api_t *loader_api(void);

/* Why loader_api() is NULL, in one line; "" if it is not. */
const char *loader_reason(void);

#endif
