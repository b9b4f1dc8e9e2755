/*
 * signal.h -- a signal that asks the library for something: its spelling, and a handler for it. For opt.dump_signal
 * (control/reporter.h).
 *
 * A signal is given as "SIGUSR2", "USR2", "SIGRTMIN+3" or "12". Allowed are those that a process may use as it likes;
 * not those that report its own faults, that cannot be handled, or that the C library keeps for itself. Thread-safe,
 * allocates nothing.
 */
#ifndef LUNALLOC_OS_SIGNAL_H
#define LUNALLOC_OS_SIGNAL_H

#include "base/config.h"

/* The longest spelling, terminator included. */
#define SIGNAL_TEXT_MAX 16

/* The system's number of a signal; 0 if the text is none that is allowed. */
int signal_number(const char *text);
/* Has `handler` called for the signal: interrupted system calls go on. 0; EBUSY if the process handles or ignores it
 * already, and then nothing has changed; ENOSYS where there are no signals; or the system's error. */
int signal_handle(int number, void (*handler)(int number));

#endif
