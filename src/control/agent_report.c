/*
 * agent_report.c -- reports that are read piece by piece. A report is made at position 0, in a mapping of its own, so
 * that making it does not change what it tells, and all pieces are of one moment.
 */
#include "control/agent_call.h"
#include "control/report.h"
#include "os/pages.h"

#include <errno.h>
#include <string.h>

void
agent_client_end(agent_client_t *client) {
    char *report = client->report;
    client->report = NULL;
    if (report != NULL) {
        pages_unmap(report, client->report_size);
    }
}

#define REPORT_FIRST ((size_t)256 << 10)
#define REPORT_MAX   ((size_t)256 << 20)

/* Makes room for `more` bytes. False: there is no memory, or the report is too large; then it is dropped. */
static bool
grow_report(agent_client_t *client, size_t more) {
    size_t size = client->report_size;
    while (size - client->report_len < more) {
        size = size == 0 ? REPORT_FIRST : size * 2;
    }
    if (size == client->report_size) {
        return true;
    }
    char *larger = size > REPORT_MAX ? NULL : pages_map(size, pages_size());
    if (larger != NULL && client->report_len > 0) {
        memcpy(larger, client->report, client->report_len);
    }
    agent_client_end(client);
    client->report = larger;
    client->report_size = larger != NULL ? size : 0;
    return larger != NULL;
}

typedef struct {
    agent_client_t *client;
    bool failed;
} report_t;

static void
append_report(void *opaque, const char *text) {
    report_t *report = opaque;
    size_t len = strlen(text);
    report->failed = report->failed || !grow_report(report->client, len);
    if (!report->failed) {
        memcpy(report->client->report + report->client->report_len, text, len);
        report->client->report_len += len;
    }
}

static int
make_report(agent_call_t *call) {
    report_t report = {.client = call->client};
    agent_client_end(call->client);
    call->client->report_len = call->client->report_size = 0;
    uint64_t format = call->in->number[0];
    int error = format > LUNALLOC_OPENMETRICS
                    ? EINVAL
                    : report_write((lunalloc_format_t)format, append_report, &report, call->in->text[0]);
    if (error == EINVAL) {
        return agent_fail(call, error, "report", "no such format; allowed: text, JSON, OpenMetrics");
    }
    return error != 0 || report.failed ? agent_fail(call, ENOMEM, "report", "the process has no memory for it") : 0;
}

/* The report is freed once it has been read to its end. */
int
agent_serve_report(agent_call_t *call) {
    agent_client_t *client = call->client;
    uint64_t at = call->in->number[1];
    int error = at == 0 ? make_report(call) : 0;
    if (error != 0) {
        return error;
    }
    if (at > 0 && (client->report == NULL || at >= client->report_len)) {
        return agent_fail(call, EINVAL, "report", "no report is left; begin with position 0");
    }
    size_t n = agent_least(client->report_len - at, AGENT_FITTING);
    if (n > 0) {
        memcpy(call->records, client->report + at, n);
    }
    call->out->number[0] = client->report_len;
    call->out->bytes = (wire_bytes_t){(uint32_t)n, call->records};
    if (at + n == client->report_len) {
        agent_client_end(client);
    }
    return 0;
}
