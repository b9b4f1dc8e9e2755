/* agent_serve.c -- HELLO, reading and writing controls, and the audit of writes. */
#include "control/agent_serve.h"

#include "base/options.h"
#include "control/agent_call.h"
#include "control/audit.h"
#include "control/ctl.h"
#include "control/target.h"
#include "os/clock.h"
#include "os/thread.h"

#include <errno.h>
#include <string.h>

/* ---- HELLO ---- */

static bool
is_read_only(void) {
    return options.agent == agent_read_only;
}

static int
refuse_version(agent_call_t *call) {
    fmt_t out = fmt_begin(call->message, sizeof call->message);
    fmt_str(&out, "the process speaks version ");
    fmt_u64(&out, WIRE_VERSION);
    fmt_str(&out, " of the agent's protocol (lunalloc " LUNALLOC_VERSION "), the console version ");
    fmt_u64(&out, call->in->number[0]);
    fmt_str(&out, "; use a console of the library's version");
    return EPROTONOSUPPORT;
}

static int
greet(agent_call_t *call) {
    if (strcmp(call->in->text[0], TARGET_MAGIC) != 0) {
        return agent_fail(call, EPROTO, "", "this is no console's HELLO");
    }
    if (call->in->number[0] != WIRE_VERSION) {
        return refuse_version(call);
    }
    call->client->greeted = true;
    call->out->number[0] = WIRE_VERSION;
    call->out->number[1] = os_process_id();
    call->out->number[2] = is_read_only();
    call->out->number[3] = sizeof(lunalloc_stats_t);
    call->out->text[0] = LUNALLOC_VERSION;
    return 0;
}

/* ---- what may be accessed from outside ---- */

static bool
begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

static int
check_thread(agent_call_t *call, const char *name) {
    if (begins(name, "thread.") || begins(name, "tcache.")) {
        return agent_fail(
            call, ENOTSUP, name,
            "it belongs to the thread that calls, which would be the agent; allowed: in the process itself");
    }
    return 0;
}

/* A recording ends with its recorder, so it belongs to a connection. */
static int
check_area(agent_call_t *call, const char *name) {
    if (strcmp(name, "record.area") == 0) {
        return agent_fail(call, ENOTSUP, name, "from another process a recording is begun by lunalloc record");
    }
    return 0;
}

static int
check_write(agent_call_t *call, const char *name) {
    if (is_read_only()) {
        return agent_fail(call, EPERM, name, "the process's agent refuses writes (opt.agent is read-only)");
    }
    return 0;
}

static bool
has_pointers(unsigned type) {
    return type == LUNALLOC_POINTER || type == LUNALLOC_STRUCT;
}

/* `row`: NULL if the name is unknown, which the write itself will explain. */
static int
check_pointers(agent_call_t *call, const char *name, const ctl_row_t *row) {
    if (has_pointers(call->in->value.type) || (row != NULL && has_pointers(row->type))) {
        return agent_fail(call, EINVAL, name, "a pointer or structure cannot be written from another process");
    }
    return 0;
}

static const ctl_row_t *
row_of(const char *name) {
    ctl_name_t resolved;
    return ctl_resolve(name, false, &resolved) == 0 ? resolved.call.row : NULL;
}

/* ---- the audit ---- */

static void
put_cut(char *buf, size_t size, const lunalloc_value_t *value) {
    fmt_t out = fmt_begin(buf, size);
    text_put(&out, value);
}

/* Fills in the next place, before the write. The value at the beginning is empty if it cannot be read. */
static audit_t *
begin_audit(const agent_call_t *call, const char *name, const ctl_row_t *row) {
    audit_t *audit = audit_next();
    lunalloc_value_t old;
    audit->time = clock_wall_ns();
    audit->pid = call->client->peer.pid;
    audit->user = call->client->peer.user;
    fmt_t out = fmt_begin(audit->name, sizeof audit->name);
    fmt_str(&out, name);
    audit->old[0] = audit->new[0] = '\0';
    if (row != NULL && row->read != CTL_none && !ctl_has(row, ctl_exchanges) && ctl_get(name, &old, NULL, 0) == 0) {
        put_cut(audit->old, sizeof audit->old, &old);
    }
    return audit;
}

/* ---- controls ---- */

static int
get(agent_call_t *call) {
    const char *name = call->in->text[0];
    const ctl_row_t *row = row_of(name);
    bool creates = row != NULL && row->read == CTL_read_arenas_create;
    int error = check_thread(call, name);
    error = error == 0 && creates ? check_write(call, name) : error;
    if (error != 0) {
        return error;
    }
    audit_t *audit = creates ? begin_audit(call, name, row) : NULL;
    error = ctl_get(name, &call->out->value, call->message, sizeof call->message);
    if (error == 0 && creates) {
        put_cut(audit->new, sizeof audit->new, &call->out->value);
        audit_add();
    }
    return error;
}

static int
write(agent_call_t *call) {
    const char *name = call->in->text[0];
    const lunalloc_value_t *value = call->in->value.type == LUNALLOC_VOID ? NULL : &call->in->value;
    const ctl_row_t *row = row_of(name);
    int error = check_thread(call, name);
    error = error == 0 ? check_write(call, name) : error;
    error = error == 0 ? check_area(call, name) : error;
    error = error == 0 ? check_pointers(call, name, row) : error;
    if (error != 0) {
        return error;
    }
    audit_t *audit = begin_audit(call, name, row);
    if (value != NULL) {
        put_cut(audit->new, sizeof audit->new, value);
    }
    error = ctl_set(name, value, call->message, sizeof call->message);
    if (error == 0) {
        audit_add();
    }
    return error;
}

/* ---- dispatch ---- */

/* The first exchange is HELLO, and no later one. */
static int
dispatch(agent_call_t *call) {
    bool is_hello = call->in->kind == WIRE_HELLO;
    if (is_hello == call->client->greeted) {
        return agent_fail(call, EPROTO, "", is_hello ? "HELLO was said already" : "the first request is HELLO");
    }
    switch (call->in->kind) {
    case WIRE_HELLO:
        return greet(call);
    case WIRE_GET:
        return get(call);
    case WIRE_WRITE:
        return write(call);
    case WIRE_RECORD:
    case WIRE_RECORD_END:
        return agent_serve_record(call);
    default:
        return agent_look(call);
    }
}

size_t
agent_refuse(char *reply, uint32_t id, int error, const char *why) {
    wire_message_t out = {.kind = WIRE_ERROR, .id = id, .number = {(uint64_t)error}, .text = {why}};
    return wire_encode(reply, WIRE_HEADER + WIRE_MAX, wire_reply, &out);
}

size_t
agent_serve(agent_client_t *client, const void *frame, size_t len, agent_buffers_t *buffers, bool *last) {
    wire_message_t in, out = {0};
    if (!wire_decode(frame, len, wire_request, &in)) {
        return 0;
    }
    out.kind = in.kind;
    out.id = in.id;
    agent_call_t call = {.in = &in, .out = &out, .client = client, .records = buffers->records};
    int error = dispatch(&call);
    *last = !client->greeted;
    size_t size = error != 0 ? 0 : wire_encode(buffers->reply, WIRE_HEADER + WIRE_MAX, wire_reply, &out);
    if (error == 0 && size == 0) {
        error = agent_fail(&call, EMSGSIZE, "", "the answer is larger than a frame");
    }
    return error == 0 ? size : agent_refuse(buffers->reply, in.id, error, call.message);
}
