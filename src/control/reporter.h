/*
 * reporter.h -- a thread that writes reports to files when a signal asks for one (opt.dump_signal), or when so many
 * bytes have been allocated (opt.stats_interval with opt.report_prefix). No file is opened inside of malloc or free,
 * nor in the handler of a signal: both ask this thread.
 *
 * Start. With opt.dump_signal, the handler and the thread are there as soon as the libraries are loaded; else the
 * thread starts when a report is first due. A signal that the process handles or ignores by then is left alone, and a
 * line says so. An application that installs a handler of its own later replaces this one.
 *
 * The thread takes no signals, has no thread cache and no arena, and sleeps until it is asked. Requests do not add up:
 * a report is about the present. A fork waits until a report is written. The child has the handler and no thread: its
 * first signal starts one, on the next slow path of any thread. Once no thread of the application's is left, it ends
 * within two seconds, so that the process can; a normal exit waits until a report is written whole.
 *
 * Thread-safe.
 */
#ifndef LUNALLOC_CONTROL_REPORTER_H
#define LUNALLOC_CONTROL_REPORTER_H

#include "base/config.h"

/* The libraries are loaded and boot has finished: installs the handler and starts the thread, if options say so. */
void reporter_begin(void);
/* Asks for the report of opt.stats_interval. No lock is held; may allocate. */
void reporter_ask_at_interval(void);

void reporter_prefork(void);
void reporter_postfork(bool child);

#endif
