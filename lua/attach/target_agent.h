/*
 * target_agent.h -- a target that is reached through its agent: each operation is a request over a channel.
 */
#ifndef LUNALLOC_LUA_ATTACH_TARGET_AGENT_H
#define LUNALLOC_LUA_ATTACH_TARGET_AGENT_H

#include "attach/channel.h"
#include "target.h"

/* Makes a target of a connected channel, which belongs to it from then on, as does the channel's process. NULL if there
 * is no memory: the caller closes both then. */
target_handle_t *target_agent_open(process_t *process, channel_t *channel);

#endif
