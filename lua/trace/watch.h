/*
 * watch.h -- a process from outside, without its help: whether it lives, and its resident memory.
 */
#ifndef TRACE_WATCH_H
#define TRACE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int pidfd; /* -1: none, or unknown */
    int statm; /* -1: none */
} trace_watch_t;

/* Opens what it can of the process. */
void trace_watch_open(trace_watch_t *watch, uint32_t pid);
void trace_watch_close(trace_watch_t *watch);
/* Has it ended? False if nobody can tell. A child that was not waited for has ended, too. */
bool trace_watch_ended(const trace_watch_t *watch);
/* Its resident bytes now; 0 if they are unknown. */
uint64_t trace_watch_rss(const trace_watch_t *watch, uint64_t *anonymous);

#endif
