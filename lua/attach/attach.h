/*
 * attach.h -- finds a way to another process's allocator, and opens a target for it.
 *
 * The ways, in the order in which they are tried unless one is asked for:
 *
 *   agent     the process's agent listens: connect
 *   request   it does not listen: write the request to start one (control/target.h), wait until it listens, connect. A
 *             thread notices the request at its next slow path, so an idle process does not serve it
 *   memory    read the process's memory, without its help: no writes
 *
 * A process that is stopped, idle or wedged, or that forbids an agent, is read.
 */
#ifndef LUNALLOC_LUA_ATTACH_ATTACH_H
#define LUNALLOC_LUA_ATTACH_ATTACH_H

#include "attach/find.h"
#include "attach/process.h"
#include "target.h"

typedef enum {
    ATTACH_ANY,
    ATTACH_AGENT,
    ATTACH_REQUEST,
    ATTACH_MEMORY
} attach_way_t;

typedef struct {
    attach_way_t way;
    int timeout_ms; /* for each request to the agent */
    int wait_ms;    /* for an agent to start, once requested */
    bool force;     /* request one also where the process filters its system calls */
    uint64_t start; /* of process_info_t; 0: any */
} attach_options_t;

/* What is known of a process before it is attached to. */
typedef struct {
    process_info_t info;
    int error;                /* of finding lunalloc in it: ENOENT, EPERM, EPROTO; or 0 */
    bool found;               /* it runs lunalloc: the next two are valid */
    uint64_t addr;            /* of its structure */
    target_t target;          /* a copy */
    attach_way_t way;         /* the one that would be tried first; ATTACH_ANY: none is possible */
    char why[MEMORY_MESSAGE]; /* one line, if the way is not `agent`: why not a better one */
} attach_survey_t;

/* Looks at a process, and changes nothing. ESRCH; all other obstacles are in the survey. */
int attach_survey(process_t *process, attach_survey_t *survey);

/*
 * Attaches. 0, or an errno value and a line in `message`. If the way that was chosen is not the best one, `message`
 * says why; else it is "".
 */
int attach(pid_t pid, const attach_options_t *options, target_handle_t **out, char *message, size_t size);

#endif
