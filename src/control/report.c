/* report.c -- takes the snapshot and calls a format's writer. */
#include "control/report.h"

#include "control/background.h"
#include "control/report_sections.h"

#include <errno.h>

static void
read_process(report_t *report) {
    background_stats(&report->background);
    for (uint32_t i = 0; i < PROCESS_LOCKS; i++) {
        stats_read_lock(process_lock((process_lock_t)i), &report->locks[i]);
    }
}

int
report_write(lunalloc_format_t format, lunalloc_write_t *write, void *opaque, const char *opts) {
    static void (*const formats[])(report_t *) = {report_text, report_json, report_metrics};
    if ((unsigned)format >= sizeof formats / sizeof formats[0]) {
        return EINVAL;
    }
    report_t report = {.opts = opts == NULL ? "" : opts};
    stats_snapshot_t *snapshot = stats_snapshot();
    if (snapshot == NULL) {
        return ENOMEM;
    }
    report.snapshot = snapshot;
    read_process(&report);
    emit_begin(&report.out, write, opaque);
    formats[format](&report);
    emit_end(&report.out);
    stats_snapshot_free(snapshot);
    return 0;
}
