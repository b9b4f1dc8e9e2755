/*
 * watch.h -- a process from outside, without its help: whether it lives, and its resident memory.
 */
#ifndef TRACE_WATCH_H
#define TRACE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int pidfd;  /* -1: none, or unknown */
    int status; /* -1: none */
} trace_watch_t;

/* Bytes; all 0 if they are unknown. */
typedef struct {
    uint64_t rss;
    uint64_t anonymous; /* the part of rss that is in no file and not shared */
    uint64_t highest;   /* that rss ever was */
} trace_memory_t;

/* Opens what it can of the process. */
void trace_watch_open(trace_watch_t *watch, uint32_t pid);
void trace_watch_close(trace_watch_t *watch);
/* Has it ended? False if nobody can tell. A child that was not waited for has ended, too. */
bool trace_watch_ended(const trace_watch_t *watch);
/* Its memory now. */
trace_memory_t trace_watch_memory(const trace_watch_t *watch);

#endif
