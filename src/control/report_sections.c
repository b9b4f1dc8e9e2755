/* report_sections.c -- the list of sections, and access to their rows. */
#include "control/report_sections.h"

#include "control/ctl_names.h"

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
is_lock_counter(const counter_row_t *counter) {
    return strncmp(counter->name, "mutex.", 6) == 0;
}

bool
report_shows(const report_t *report, const counter_row_t *counter) {
    return !(is_lock_counter(counter) && report_omits(report, 'x'));
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
    const counter_row_t *rows = counters_of((record_t)section->record, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (!is_lock_counter(&rows[i]) && counter_value(&rows[i], record) != 0) {
            return false;
        }
    }
    return true;
}

const ctl_row_t *
section_control(const section_t *section, const counter_row_t *counter) {
    char name[CTL_NAME_MAX + 2];
    const char *row_name = section_row_name(section, 0);
    fmt_t out = fmt_begin(name, sizeof name);
    fmt_str(&out, section->pattern);
    fmt_str(&out, row_name == NULL ? "" : row_name);
    fmt_str(&out, row_name == NULL ? "" : ".");
    fmt_str(&out, counter->name);
    return ctl_row_named(name);
}

/* The doc of a named row says the row in front of ": ". */
const char *
section_doc(const section_t *section, const counter_row_t *counter) {
    const ctl_row_t *control = section_control(section, counter);
    const char *doc = control == NULL ? "" : control->doc;
    const char *common = section_row_name(section, 0) == NULL ? NULL : strstr(doc, ": ");
    return common == NULL ? doc : common + 2;
}

/* Reading arenas.create would make one. */
static bool
is_setting(const ctl_row_t *row, const char *prefix) {
    return strncmp(row->name, prefix, strlen(prefix)) == 0 && strchr(row->name, '<') == NULL && row->read != CTL_none &&
           strcmp(row->name, "arenas.create") != 0;
}

void
report_settings(report_t *report, const char *prefix, report_setting_t *visit) {
    for (size_t i = 0; i < ctl_nrows; i++) {
        char buf[128];
        fmt_t why = fmt_begin(buf, sizeof buf);
        ctl_call_t call = {.row = &ctl_rows[i], .why = &why};
        if (is_setting(&ctl_rows[i], prefix) && ctl_read(&call) == 0) {
            visit(report, ctl_rows[i].name, &call.value);
        }
    }
}
