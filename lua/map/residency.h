/*
 * residency.h -- which pages of a range the system has in memory: runs of pages of one kind, ascending.
 */
#ifndef LUNALLOC_LUA_MAP_RESIDENCY_H
#define LUNALLOC_LUA_MAP_RESIDENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    RESIDENCY_ABSENT,  /* no page: never touched, or given back */
    RESIDENCY_PRESENT, /* in pages of the system's size */
    RESIDENCY_HUGE,    /* in a huge page */
    RESIDENCY_SWAPPED,
    RESIDENCY_GUARD, /* access ends the process */
    RESIDENCY_KINDS
} residency_kind_t;

typedef struct {
    uint64_t start : 61, kind : 3;
    uint64_t end;
} residency_run_t;

/* All zero: nothing is known. What lies between two runs is absent. */
typedef struct {
    residency_run_t *all;
    size_t n;
    size_t room; /* bytes mapped */
} residency_t;

#endif
