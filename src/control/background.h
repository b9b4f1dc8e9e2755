/*
 * background.h -- threads that purge by decay, so that the application's threads need not, and an idle process gives
 * its memory back.
 *
 * Arena i is served by thread i modulo background_max(), or by thread 0 as long as that one is not there.
 * A thread sleeps until the curves of its arenas make enough pages due, however long that is; it is woken when pages
 * come where there were none, or many more than there were, and when a decay time changes. Nothing polls.
 *
 * Thread 0 starts when it is switched on; at boot and in the child of a fork not yet, but when pages are next taken
 * from the system or from the free ones, and the arena has a mebibyte of pages. Until then the application's threads go
 * on purging. Thread 0 starts the others, each when an arena of its own has pages to purge. Off: none is there, and
 * nothing is done for them.
 *
 * A process ends when its last thread ends, and these count: when no other is left that has allocated, they end, too.
 * The next page that is taken starts thread 0 again.
 *
 * Thread-safe. A fork waits until no system arena is being purged here, so that no page is in transit in the child.
 */
#ifndef LUNALLOC_CONTROL_BACKGROUND_H
#define LUNALLOC_CONTROL_BACKGROUND_H

#include "observe/counters.h"
#include "os/lock.h"

#define BACKGROUND_MAX 64

/* At boot: switches on if the options say so. Starts nothing. */
void background_boot(void);
/* The process is past the loading of its libraries: threads may be started from now on. */
void background_allow(void);

bool background_is_on(void);
/* On: thread 0 is there when this returns. Off: none is. 0, EAGAIN if the system refuses a thread (nothing has
 * changed), EDEADLK from one of these threads (in an extent hook). */
int background_set(bool on);
/* 1 .. options.max_background_threads; that many from the start. */
size_t background_max(void);
/* Threads beyond the new number have ended when this returns. 0, EINVAL beyond the option, or EDEADLK. */
int background_set_max(size_t n);

/* Counts of all threads together. */
void background_stats(stats_background_t *out);

/* When to wake at `now` if pages are due at `due`: not sooner than a millisecond from now. */
uint64_t background_wake_time(uint64_t now, uint64_t due);

/* For its figures. */
lock_t *background_mutex(void);

void background_prefork(void);
void background_postfork(bool child);

#endif
