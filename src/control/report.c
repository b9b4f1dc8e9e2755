/* report.c -- the sections and their rows. The formats are report_text.c's, report_json.c's and report_metrics.c's. */
#include "control/report.h"

#include "control/background.h"

#include <errno.h>
#include <string.h>

const section_t report_sections[REPORT_SECTIONS] = {
    {"", "stats.", "", record_process, false, '\0'},
    {"background_thread", "stats.background_thread.", "", record_background, false, '\0'},
    {"mutexes", "stats.mutexes.", "mutex", record_lock, false, 'x'},
    {"caches", "stats.caches.<i>.", "class", record_cache, false, '\0'},
    {"", "stats.arenas.<i>.", "", record_arena, true, '\0'},
    {"mutexes", "stats.arenas.<i>.mutexes.", "mutex", record_lock, true, 'x'},
    {"bins", "stats.arenas.<i>.bins.<j>.", "bin", record_bin, true, 'b'},
    {"lextents", "stats.arenas.<i>.lextents.<j>.", "lextent", record_large, true, 'l'},
    {"extents", "stats.arenas.<i>.extents.<j>.", "extent", record_extents, true, 'e'},
};

bool
report_omits(const report_t *report, char letter) {
    return letter != '\0' && strchr(report->opts, letter) != NULL;
}

static bool
is_lock_counter(const counter_row_t *figure) {
    return strncmp(figure->name, "mutex.", 6) == 0;
}

bool
report_shows(const report_t *report, const counter_row_t *figure) {
    return !(is_lock_counter(figure) && report_omits(report, 'x'));
}

uint32_t
section_nrows(const section_t *section) {
    return section->record == record_lock && !section->of_arena ? PROCESS_LOCKS
                                                                : stats_nrows((record_t)section->record);
}

const void *
section_row(const report_t *report, const section_t *section, const stats_detail_t *detail, uint32_t row) {
    if (section->of_arena) {
        return stats_detail_row(detail, (record_t)section->record, row);
    }
    switch (section->record) {
    case record_process:
        return &report->snapshot->process;
    case record_background:
        return &report->background;
    case record_lock:
        return &report->locks[row];
    default:
        return &report->snapshot->caches[row];
    }
}

const char *
section_row_name(const section_t *section, uint32_t row) {
    if (section->record != record_lock) {
        return NULL;
    }
    return section->of_arena ? stats_lock_names[row] : process_lock_names[row];
}

size_t
section_row_size(const section_t *section, uint32_t row) {
    if (section->record == record_extents) {
        return sc_page_class_npages(row) * sc.page;
    }
    return sc.size[section->record == record_large ? sc.nsmall + row : row];
}

bool
section_row_empty(const section_t *section, const void *record) {
    uint32_t n;
    const counter_row_t *figures = counters_of((record_t)section->record, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (!is_lock_counter(&figures[i]) && counter_value(&figures[i], record) != 0) {
            return false;
        }
    }
    return true;
}

/* Of named rows, what their docs have in common: what stands behind the row's own. */
const char *
section_doc(const section_t *section, const counter_row_t *figure) {
    char name[CTL_NAME_MAX + 2];
    const char *row_name = section_row_name(section, 0);
    fmt_t out = fmt_begin(name, sizeof name);
    fmt_str(&out, section->pattern);
    fmt_str(&out, row_name == NULL ? "" : row_name);
    fmt_str(&out, row_name == NULL ? "" : ".");
    fmt_str(&out, figure->name);
    size_t i = ctl_row_named(name);
    const char *doc = i < ctl_nrows ? ctl_rows[i].doc : "";
    const char *common = row_name == NULL ? NULL : strstr(doc, ": ");
    return common == NULL ? doc : common + 2;
}

/* Reading arenas.create would make one. */
static bool
is_setting(const ctl_row_t *row, const char *prefix) {
    return strncmp(row->name, prefix, strlen(prefix)) == 0 && strchr(row->name, '<') == NULL &&
           row->read != CTL_READ_NULL && strcmp(row->name, "arenas.create") != 0;
}

void
report_settings(report_t *report, const char *prefix, report_setting_t *visit) {
    for (size_t i = 0; i < ctl_nrows; i++) {
        char buf[128];
        fmt_t why = fmt_begin(buf, sizeof buf);
        ctl_call_t call = {.row = &ctl_rows[i], .arg = ctl_rows[i].arg};
        lunalloc_value_t value = {.type = (lunalloc_type_t)ctl_rows[i].type};
        if (is_setting(&ctl_rows[i], prefix) && ctl_row_read(&call, &value, &why) == 0) {
            visit(report, ctl_rows[i].name, &value);
        }
    }
}

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
