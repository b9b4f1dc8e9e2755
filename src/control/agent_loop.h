/*
 * agent_loop.h -- the agent's connections: one loop that waits for all of them and never blocks on one.
 *
 * A connection is accepted from the process's effective user or from root. It says HELLO first, then sends requests,
 * which are answered one by one (agent_serve.h). The bounds: at most AGENT_CONNECTIONS of them; frames of at most
 * WIRE_REQUEST_MAX; a HELLO, a frame that has begun, and a reply that is not read each have agent_patience_ns. What is
 * refused gets one line that says why, a malformed frame nothing; then its connection is closed, and no other one.
 *
 * An idle connection costs nothing. About once a second the loop wakes up, for what is done once a second.
 */
#ifndef LUNALLOC_CONTROL_AGENT_LOOP_H
#define LUNALLOC_CONTROL_AGENT_LOOP_H

#include "base/config.h"

#define AGENT_CONNECTIONS 16

/* ns; 2 s, but for tests. */
extern uint64_t agent_patience_ns;

/* Runs on the agent's thread: makes the socket of process `pid`, writes its path, calls listening(), and serves until
 * is_to_stop() or no other thread is left. 0, or the errno value of what the system refused. */
int agent_loop(uint32_t pid, char *path, void (*listening)(void), bool (*is_to_stop)(void));

#endif
