/*
 * agent_record.c -- RECORD and RECORD_END: a recording for the process at the other end of a connection, into memory
 * whose descriptor it sends. It lasts as long as the connection.
 */
#include "base/options.h"
#include "control/agent_call.h"
#include "control/audit.h"
#include "observe/record.h"
#include "os/clock.h"
#include "os/socket.h"
#include "os/thread.h"

#include <errno.h>
#include <string.h>

static const char *
reason(int error) {
    switch (error) {
    case EBUSY:
        return "a recording is running; one at a time";
    case EACCES:
        return "the memory is for another process, or a recording into it has ended";
    case EPERM:
        return "this process has more rights than its user (set-uid)";
    case EINVAL:
        return "the memory is no sealed memfd of this library's layout; use a console of the library's version";
    default:
        return "the system refuses memory";
    }
}

static void
add_audit(const agent_call_t *call, const char *old, const char *new) {
    audit_t *audit = audit_next();
    audit->time = clock_wall_ns();
    audit->pid = call->client->peer.pid;
    audit->user = call->client->peer.user;
    strcpy(audit->name, "record.active");
    strcpy(audit->old, old);
    strcpy(audit->new, new);
    audit_add();
}

static int
begin(agent_call_t *call) {
    agent_client_t *client = call->client;
    if (options.agent == agent_read_only) {
        return agent_fail(call, EPERM, "record", "the process's agent refuses changes (opt.agent is read-only)");
    }
    if (client->descriptor == 0) {
        return agent_fail(call, EPROTO, "record", "no descriptor of the recorder's memory came with the request");
    }
    int error = record_begin(client->descriptor, &client->recording);
    agent_client_close(client);
    if (error != 0) {
        return agent_fail(call, error, "record", reason(error));
    }
    add_audit(call, "false", "true");
    call->out->number[0] = client->recording;
    call->out->number[1] = os_process_id();
    return 0;
}

static int
end(agent_call_t *call) {
    record_counts_t counts;
    if (call->client->recording == 0) {
        return agent_fail(call, EINVAL, "record", "this connection has begun no recording");
    }
    if (agent_client_end_recording(call->client)) {
        add_audit(call, "true", "false");
    }
    record_counts(&counts);
    call->out->number[0] = counts.events;
    call->out->number[1] = counts.lost;
    call->out->number[2] = counts.threads;
    return 0;
}

int
agent_serve_record(agent_call_t *call) {
    return call->in->kind == WIRE_RECORD ? begin(call) : end(call);
}

bool
agent_client_end_recording(agent_client_t *client) {
    uint64_t number = client->recording;
    client->recording = 0;
    return number != 0 && record_end(number);
}

void
agent_client_close(agent_client_t *client) {
    if (client->descriptor != 0) {
        socket_close(client->descriptor);
        client->descriptor = 0;
    }
}
