/*
 * report_json.c -- {"jemalloc": {version, config, opt, arenas, stats, "stats.arenas": {merged, destroyed, 0, ...}}}:
 * jemalloc's keys. Numbered rows are arrays, in which the index is the class; named rows are objects.
 */
#include "control/ctl_names.h"
#include "control/ctl_keywords.h"
#include "control/report.h"

#include <string.h>

/* What comes next needs a comma unless it is the first in its object or array. */
static void
separate(report_t *r) {
    if (r->out.last != '{' && r->out.last != '[') {
        emit_char(&r->out, ',');
    }
}

static void
key(report_t *r, const char *name) {
    separate(r);
    emit_quoted(&r->out, name);
    emit_char(&r->out, ':');
}

static void
open_object(report_t *r, const char *name) {
    key(r, name);
    emit_char(&r->out, '{');
}

/* ---- settings ---- */

static void
put_value(report_t *r, const lunalloc_value_t *value) {
    switch (value->type) {
    case LUNALLOC_BOOL:
        emit_str(&r->out, value->v.b ? "true" : "false");
        break;
    case LUNALLOC_STRING:
        emit_quoted(&r->out, value->v.s == NULL ? "" : value->v.s);
        break;
    case LUNALLOC_SSIZE:
        emit_str(&r->out, value->v.i < 0 ? "-" : "");
        emit_u64(&r->out, value->v.i < 0 ? 0 - (uint64_t)value->v.i : (uint64_t)value->v.i);
        break;
    default:
        emit_u64(&r->out, value->v.u);
        break;
    }
}

/* Without the name of its subtree. */
static void
put_setting(report_t *r, const char *name, const lunalloc_value_t *value) {
    key(r, strchr(name, '.') + 1);
    put_value(r, value);
}

static void
put_settings(report_t *r, const char *name, const char *prefix) {
    open_object(r, name);
    report_settings(r, prefix, put_setting);
    emit_char(&r->out, '}');
}

/* The controls "arenas.bin.<i>.size" and so on, of one i, as an object. */
static void
put_class(report_t *r, const char *pattern, size_t i) {
    char buf[128];
    size_t len = strlen(pattern);
    separate(r);
    emit_char(&r->out, '{');
    for (const ctl_row_t *row = ctl_rows; row < ctl_rows + ctl_nrows; row++) {
        fmt_t why = fmt_begin(buf, sizeof buf);
        ctl_call_t call = {.row = row, .index = {i}, .arg = row->arg};
        lunalloc_value_t value = {.type = (lunalloc_type_t)row->type};
        if (strncmp(row->name, pattern, len) == 0 && ctl_row_read(&call, &value, &why) == 0) {
            key(r, row->name + len);
            put_value(r, &value);
        }
    }
    emit_char(&r->out, '}');
}

static void
put_classes(report_t *r, const char *name, const char *pattern, size_t n) {
    key(r, name);
    emit_char(&r->out, '[');
    for (size_t i = 0; i < n; i++) {
        put_class(r, pattern, i);
    }
    emit_char(&r->out, ']');
}

static void
put_general(report_t *r) {
    key(r, "version");
    emit_quoted(&r->out, LUNALLOC_VERSION);
    put_settings(r, "config", "config.");
    put_settings(r, "opt", "opt.");
    open_object(r, "arenas");
    report_settings(r, "arenas.", put_setting);
    put_classes(r, "bin", "arenas.bin.<i>.", sc.nsmall);
    put_classes(r, "lextent", "arenas.lextent.<i>.", sc.nsizes - sc.nsmall);
    emit_char(&r->out, '}');
    put_settings(r, "prof", "prof.");
}

/* ---- figures ---- */

/* Length of the group of a figure "group.name"; 0 if it is in none. */
static size_t
group_length(const counter_row_t *figure) {
    const char *dot = strchr(figure->name, '.');
    return dot == NULL ? 0 : (size_t)(dot - figure->name);
}

/* Between figures: closes a group, and opens the next one. */
static void
change_group(report_t *r, const counter_row_t *from, const counter_row_t *to) {
    size_t old = from == NULL ? 0 : group_length(from);
    size_t len = to == NULL ? 0 : group_length(to);
    if (len == old && (len == 0 || strncmp(from->name, to->name, len) == 0)) {
        return;
    }
    emit_str(&r->out, old > 0 ? "}" : "");
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
    const counter_row_t *figures = counters_of((record_t)section->record, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (report_shows(r, &figures[i])) {
            size_t len = group_length(&figures[i]);
            change_group(r, last, &figures[i]);
            key(r, figures[i].name + len + (len > 0));
            emit_counter(&r->out, (counter_kind_t)figures[i].kind, counter_value(&figures[i], record));
            last = &figures[i];
        }
    }
    change_group(r, last, NULL);
}

static void
put_rows(report_t *r, const section_t *section, const stats_detail_t *detail) {
    bool named = section_row_name(section, 0) != NULL;
    emit_char(&r->out, named ? '{' : '[');
    for (uint32_t i = 0; i < section_nrows(section); i++) {
        if (named) {
            key(r, section_row_name(section, i));
        } else {
            separate(r);
        }
        emit_char(&r->out, '{');
        put_counters(r, section, section_row(r, section, detail, i));
        emit_char(&r->out, '}');
    }
    emit_char(&r->out, named ? '}' : ']');
}

static void
put_section(report_t *r, const section_t *section, const stats_detail_t *detail) {
    if (section->key[0] == '\0') {
        put_counters(r, section, section_row(r, section, detail, 0));
    } else if (section->label[0] != '\0') {
        key(r, section->key);
        put_rows(r, section, detail);
    } else {
        open_object(r, section->key);
        put_counters(r, section, section_row(r, section, detail, 0));
        emit_char(&r->out, '}');
    }
}

/* jemalloc's keys of an arena that are no figures here: those without a meaning, and one that has another name. */
static void
put_other_keys(report_t *r, const stats_detail_t *detail) {
    size_t len = strlen(CTL_STATS_ARENAS);
    for (const ctl_row_t *row = ctl_rows; row < ctl_rows + ctl_nrows; row++) {
        bool plain = ctl_is_of(row, CTL_STATS_ARENAS) && strchr(row->name + len, '.') == NULL;
        if (plain && row->read == CTL_READ_read_stats_unsupported) {
            key(r, row->name + len);
            emit_char(&r->out, '0');
        }
    }
    key(r, "dss");
    emit_quoted(&r->out, ctl_unsupported_keywords[KEYWORDS_DSS][0]);
    key(r, "uptime_ns");
    emit_u64(&r->out, detail->arena.uptime);
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
    emit_char(&r->out, '}');
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
    emit_char(&r->out, '}');
}

void
report_json(report_t *r) {
    emit_str(&r->out, "{\"jemalloc\":{");
    if (!report_omits(r, 'g')) {
        put_general(r);
    }
    put_sections(r, "stats", NULL);
    put_arenas(r);
    emit_str(&r->out, "}}\n");
}
