/* print.c -- messages, and reports: on request, at intervals and at exit. */
#include "api/print.h"

#include "base/options.h"
#include "control/report.h"
#include "control/reporter.h"
#include "os/system.h"

#include <string.h>

void
message_write(const char *text, size_t len) {
    system_message_t *write = system_application_message();
    if (write != NULL) {
        write(NULL, text);
    } else {
        system_write_error(text, len);
    }
}

static void
write_message(void *opaque, const char *text) {
    (void)opaque;
    message_write(text, strlen(text));
}

/* J chooses JSON, O OpenMetrics. */
static lunalloc_format_t
format_of(const char *opts) {
    return strchr(opts, 'J') != NULL ? LUNALLOC_JSON : strchr(opts, 'O') != NULL ? LUNALLOC_OPENMETRICS : LUNALLOC_TEXT;
}

void
print_report(lunalloc_write_t *write, void *opaque, const char *opts) {
    write = write == NULL ? write_message : write;
    if (report_write(format_of(opts == NULL ? "" : opts), write, opaque, opts) != 0) {
        write(opaque, "lunalloc: no memory to read the statistics into\n");
    }
}

void
print_at_interval(void) {
    if (options.report_prefix[0] != '\0') {
        reporter_ask_at_interval();
    } else {
        print_report(NULL, NULL, options.stats_interval_opts);
    }
}

static NOINLINE void
print_at_exit(void) {
    system_error_at_exit();
    print_report(NULL, NULL, options.stats_print_opts);
}

/* A process that never allocated has no statistics, and has not read its options. */
__attribute__((destructor)) static AT_LOAD void
exits(void) {
    if (options.stats_print) {
        print_at_exit();
    }
}
