/*
 * agent_alone.h -- is no thread of the application's left? A process ends when its last thread ends, and the agent is
 * one, so it asks this about once a second.
 *
 * First the threads that the allocator knows: as long as one of them is the application's, nothing else is done. If
 * there is none, the system is asked, since a thread that has never allocated is not known.
 */
#ifndef LUNALLOC_CONTROL_AGENT_ALONE_H
#define LUNALLOC_CONTROL_AGENT_ALONE_H

#include "base/config.h"

/* Threads of the allocator's own (os/thread.h), such as the caller, do not count. */
bool agent_is_alone(void);
/* The first half: does the allocator know a thread of the application's? */
bool agent_known_thread_left(void);

#endif
