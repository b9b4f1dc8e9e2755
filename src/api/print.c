/* print.c -- the report of all statistics: on request, and at exit. */
#include "api/init.h"
#include "api/message.h"
#include "base/options.h"
#include "control/report.h"
#include "lunalloc.h"
#include "os/system.h"

#include <errno.h>
#include <string.h>

int
lunalloc_stats_write(lunalloc_format_t format, lunalloc_write_t *write, void *opaque, const char *opts) {
    init_boot();
    return write == NULL ? EINVAL : report_write(format, write, opaque, opts);
}

static void
write_message(void *opaque, const char *text) {
    (void)opaque;
    message_write(text, strlen(text));
}

static lunalloc_format_t
format_of(const char *opts) {
    return strchr(opts, 'J') != NULL ? LUNALLOC_JSON : strchr(opts, 'O') != NULL ? LUNALLOC_OPENMETRICS : LUNALLOC_TEXT;
}

void
malloc_stats_print(lunalloc_write_t *write, void *opaque, const char *opts) {
    init_boot();
    write = write == NULL ? write_message : write;
    if (report_write(format_of(opts == NULL ? "" : opts), write, opaque, opts) != 0) {
        write(opaque, "lunalloc: no memory to read the statistics into\n");
    }
}

void
print_in_passing(void) {
    malloc_stats_print(NULL, NULL, options.stats_interval_opts);
}

static NOINLINE void
print_at_exit(void) {
    system_error_at_exit();
    malloc_stats_print(NULL, NULL, options.stats_print_opts);
}

/* A process that never allocated has no statistics, and has not read its options. */
__attribute__((destructor)) static AT_LOAD void
exits(void) {
    if (options.stats_print) {
        print_at_exit();
    }
}
