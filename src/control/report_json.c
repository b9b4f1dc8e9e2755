/*
 * report_json.c -- {"jemalloc": {version, config, opt, arenas, stats, "stats.arenas": {merged, destroyed, 0, ...}}}:
 * jemalloc's keys. Numbered rows are arrays, in which the index is the class; named rows are objects.
 */
#include "control/ctl_browse.h"
#include "control/ctl_unsupported.h"
#include "control/report_sections.h"
#include "observe/json.h"

#include <string.h>

static void
open_object(report_t *r, const char *name) {
    json_key(&r->out, name);
    json_open(&r->out, '{');
}

static void
close_object(report_t *r) {
    json_close(&r->out, '}');
}

/* ---- settings ---- */

static void
put_value(report_t *r, const lunalloc_value_t *value) {
    switch (value->type) {
    case LUNALLOC_BOOL:
        json_bool(&r->out, value->v.b);
        break;
    case LUNALLOC_STRING:
        json_text(&r->out, value->v.s == NULL ? "" : value->v.s);
        break;
    case LUNALLOC_SSIZE:
        json_i64(&r->out, value->v.i);
        break;
    default:
        json_u64(&r->out, value->v.u);
        break;
    }
}

/* Without the name of its subtree. */
static void
put_setting(report_t *r, const char *name, const lunalloc_value_t *value) {
    json_key(&r->out, strchr(name, '.') + 1);
    put_value(r, value);
}

static void
put_settings(report_t *r, const char *name, const char *prefix) {
    open_object(r, name);
    report_settings(r, prefix, put_setting);
    close_object(r);
}

/* The controls "arenas.bin.<i>.size" and so on, of one i, as an object. */
static void
put_class(report_t *r, const char *pattern, size_t i) {
    char buf[128];
    size_t len = strlen(pattern);
    json_open(&r->out, '{');
    for (const ctl_row_t *row = ctl_rows; row < ctl_rows + ctl_nrows; row++) {
        fmt_t why = fmt_begin(buf, sizeof buf);
        ctl_call_t call = {.row = row, .index = {i}, .why = &why};
        if (strncmp(row->name, pattern, len) == 0 && ctl_read(&call) == 0) {
            json_key(&r->out, row->name + len);
            put_value(r, &call.value);
        }
    }
    close_object(r);
}

static void
put_classes(report_t *r, const char *name, const char *pattern, size_t n) {
    json_key(&r->out, name);
    json_open(&r->out, '[');
    for (size_t i = 0; i < n; i++) {
        put_class(r, pattern, i);
    }
    json_close(&r->out, ']');
}

static void
put_general(report_t *r) {
    json_key(&r->out, "version");
    json_text(&r->out, LUNALLOC_VERSION);
    put_settings(r, "config", "config.");
    put_settings(r, "opt", "opt.");
    open_object(r, "arenas");
    report_settings(r, "arenas.", put_setting);
    put_classes(r, "bin", "arenas.bin.<i>.", sc.nsmall);
    put_classes(r, "lextent", "arenas.lextent.<i>.", sc.nsizes - sc.nsmall);
    close_object(r);
    put_settings(r, "prof", "prof.");
}

/* ---- counters ---- */

/* Length of the group of a counter "group.name"; 0 if it is in none. */
static size_t
group_length(const counter_row_t *counter) {
    const char *dot = strchr(counter->name, '.');
    return dot == NULL ? 0 : (size_t)(dot - counter->name);
}

/* Between counters: closes a group, and opens the next one. */
static void
change_group(report_t *r, const counter_row_t *from, const counter_row_t *to) {
    size_t old = from == NULL ? 0 : group_length(from);
    size_t len = to == NULL ? 0 : group_length(to);
    if (len == old && (len == 0 || strncmp(from->name, to->name, len) == 0)) {
        return;
    }
    if (old > 0) {
        close_object(r);
    }
    if (len > 0) {
        char name[sizeof to->name] = {0};
        memcpy(name, to->name, len);
        open_object(r, name);
    }
}

static void
put_counters(report_t *r, const section_t *section, const void *record) {
    uint32_t n;
    const counter_row_t *last = NULL;
    const counter_row_t *counters = counters_of((record_t)section->record, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (report_shows(r, &counters[i])) {
            size_t len = group_length(&counters[i]);
            change_group(r, last, &counters[i]);
            json_key(&r->out, counters[i].name + len + (len > 0));
            json_fixed(&r->out, counter_value(&counters[i], record), counter_digits(&counters[i]));
            last = &counters[i];
        }
    }
    change_group(r, last, NULL);
}

static void
put_rows(report_t *r, const section_t *section, const stats_detail_t *detail) {
    bool named = section_row_name(section, 0) != NULL;
    json_open(&r->out, named ? '{' : '[');
    for (uint32_t i = 0; i < section_nrows(section); i++) {
        if (named) {
            json_key(&r->out, section_row_name(section, i));
        }
        json_open(&r->out, '{');
        put_counters(r, section, section_row(r, section, detail, i));
        close_object(r);
    }
    json_close(&r->out, named ? '}' : ']');
}

static void
put_section(report_t *r, const section_t *section, const stats_detail_t *detail) {
    if (section->key[0] == '\0') {
        put_counters(r, section, section_row(r, section, detail, 0));
    } else if (section->label[0] != '\0') {
        json_key(&r->out, section->key);
        put_rows(r, section, detail);
    } else {
        open_object(r, section->key);
        put_counters(r, section, section_row(r, section, detail, 0));
        close_object(r);
    }
}

/* jemalloc's keys of an arena that are no counters here: those without a meaning, and one that has another name. */
static void
put_other_keys(report_t *r, const stats_detail_t *detail) {
    size_t len = strlen(CTL_STATS_ARENAS);
    for (const ctl_row_t *row = ctl_rows; row < ctl_rows + ctl_nrows; row++) {
        bool plain = ctl_is_of(row, CTL_STATS_ARENAS) && strchr(row->name + len, '.') == NULL;
        if (plain && !ctl_is_supported(row) && row->type != LUNALLOC_STRING) {
            json_key(&r->out, row->name + len);
            json_u64(&r->out, 0);
        }
    }
    json_key(&r->out, "dss");
    json_text(&r->out, ctl_dss_disabled);
    json_key(&r->out, "uptime_ns");
    json_u64(&r->out, detail->arena.uptime);
}

/* The sections of the process (detail NULL), or of one arena. */
static void
put_sections(report_t *r, const char *name, const stats_detail_t *detail) {
    open_object(r, name);
    if (detail != NULL) {
        put_other_keys(r, detail);
    }
    for (uint32_t i = 0; i < REPORT_SECTIONS; i++) {
        const section_t *section = &report_sections[i];
        if (section->of_arena == (detail != NULL) && !report_omits(r, section->letter)) {
            put_section(r, section, detail);
        }
    }
    close_object(r);
}

static void
put_arenas(report_t *r) {
    const stats_snapshot_t *snapshot = r->snapshot;
    bool destroyed = !report_omits(r, 'd') && snapshot->ndestroyed > 0;
    if (report_omits(r, 'm') && !destroyed && report_omits(r, 'a')) {
        return;
    }
    open_object(r, "stats.arenas");
    if (!report_omits(r, 'm')) {
        put_sections(r, "merged", &snapshot->merged);
    }
    if (destroyed) {
        put_sections(r, "destroyed", &snapshot->destroyed);
    }
    for (uint32_t i = 0; i < snapshot->narenas && !report_omits(r, 'a'); i++) {
        char name[12];
        fmt_t index = fmt_begin(name, sizeof name);
        fmt_u64(&index, snapshot->arenas[i].index);
        if (snapshot->arenas[i].alive) {
            put_sections(r, name, &snapshot->arenas[i]);
        }
    }
    close_object(r);
}

void
report_json(report_t *r) {
    json_open(&r->out, '{');
    open_object(r, "jemalloc");
    if (!report_omits(r, 'g')) {
        put_general(r);
    }
    put_sections(r, "stats", NULL);
    put_arenas(r);
    close_object(r);
    close_object(r);
    emit_char(&r->out, '\n');
}
