/*
 * agent_call.h -- one request being answered, and the functions that answer. Private to agent_serve.c (dispatch,
 * controls), agent_look.c (introspection) and agent_report.c.
 */
#ifndef LUNALLOC_CONTROL_AGENT_CALL_H
#define LUNALLOC_CONTROL_AGENT_CALL_H

#include "base/fmt.h"
#include "control/agent_serve.h"

typedef struct {
    const wire_message_t *in;
    wire_message_t *out; /* its kind and id are set */
    agent_client_t *client;
    char *records;                  /* AGENT_RECORDS bytes, for what `out` points to */
    char message[WIRE_MESSAGE_MAX]; /* terminated; why it failed */
} agent_call_t;

/* Writes the message of a failure and returns its error. */
static inline int
agent_fail(agent_call_t *call, int error, const char *name, const char *why) {
    fmt_t out = fmt_begin(call->message, sizeof call->message);
    fmt_str(&out, name);
    fmt_str(&out, name[0] != '\0' ? ": " : "");
    fmt_str(&out, why);
    return error;
}

/* Bytes of records or text that fit into a reply, beside a cursor and totals. */
#define AGENT_FITTING (WIRE_MAX - 256)

static inline size_t
agent_least(uint64_t a, size_t b) {
    return a < b ? (size_t)a : b;
}

/* Answers REPORT (agent_report.c). 0, or an errno value with a message. */
int agent_serve_report(agent_call_t *call);

/* Answers RECORD and RECORD_END (agent_record.c). */
int agent_serve_record(agent_call_t *call);

/* Looks into the process (agent_look.c): kinds from ROWS on. 0, or an errno value with a message. */
int agent_look(agent_call_t *call);

#endif
