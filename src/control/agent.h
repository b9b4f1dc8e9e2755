/*
 * agent.h -- the agent: a thread through which another process (a console) sees this one and changes its settings while
 * it runs. This file is its life; the socket is agent_socket.h's, the connections agent_loop.h's, the answers
 * agent_serve.h's, the protocol wire.h's.
 *
 * Start. opt.agent says when: "true" and "read-only" as soon as the libraries are loaded; "false" when another process
 * asks for it (control/target.h) or agent.active is written; "never" not at all, nor in a process that has more rights
 * than its user (set-uid). A request starts it on a slow path of some thread, where no lock is held. A process that
 * filters its system calls might be ended by the agent's first one, so a request does not start it there, unless it is
 * forced; the option does. lunalloc_target tells other processes the state, the path of the socket, and what the
 * system refused.
 *
 * What it has. A thread with all signals blocked, and a table of descriptors of its own: a close, an exec or a fork of
 * the process never meets a descriptor of the agent's, and the agent holds none of the process's open. If the system
 * refuses such a table, the agent does not run. Its memory is metadata. It has no thread cache and no arena, so it does
 * not change what it shows.
 *
 * Who may. The directory of the socket is closed to other users, and a peer must be the process's effective user or
 * root. "read-only" also bounds an agent that a request has started. Every write is kept (audit.h).
 *
 * Fork. The child has no agent until it is asked, also if opt.agent is "true". End. The last thread of the
 * application's that has allocated ends the agent and waits for that, so that the process can end, and its exit
 * handlers run on a thread with the process's descriptors. If threads are left that have never allocated, the agent is
 * off until it is asked again. A normal exit removes the socket.
 *
 * Thread-safe. No lock: one compare-and-swap of lunalloc_target.agent decides who starts the thread.
 */
#ifndef LUNALLOC_CONTROL_AGENT_H
#define LUNALLOC_CONTROL_AGENT_H

#include "base/atomic.h"

/* Another process asks for the agent (threads_requested). Does nothing if it runs, or may not. */
void agent_requested(void);
/* The libraries are loaded and boot has finished: starts it if opt.agent says so. */
void agent_begin(void);
/* Starts it, or tells it to end. It may be starting still, or running for another second, when this returns. 0; EPERM:
 * it is not allowed here; EAGAIN: the system refuses a thread; ENOTSUP: the system has no sockets for it. */
int agent_set(bool on);

/* Does it run, and has not been told to end? */
bool agent_is_on(void);

/* Connections now: as told by the thread that has them. */
uint32_t agent_connections(void);
void agent_set_connections(uint32_t n);

/* What the thread does, until is_to_stop() or no other thread is left: agent_loop (agent_loop.h). Boot sets it, because
 * the loop answers by way of the controls, and the controls start the agent. */
typedef int (*agent_work_t)(uint32_t pid, char *path, void (*listening)(void), bool (*is_to_stop)(void));
extern _Atomic(agent_work_t) agent_work;

void agent_postfork(bool child);

#endif
