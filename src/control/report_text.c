/*
 * report_text.c -- for people: general settings, the totals, and a block for the merged, the destroyed and each single
 * arena, with the names and the columns that readers of jemalloc's report know. Rows of classes that hold nothing are
 * a line "---".
 */
#include "control/report_sections.h"

#include "control/text.h"

#include <string.h>

#define COLUMN 14

static const char *
column_of(const counter_row_t *counter) {
    return counter->column[0] != '\0' ? counter->column : counter->name;
}

/* ---- settings ---- */

static void
put_setting(report_t *r, const char *name, const lunalloc_value_t *value) {
    char buf[512];
    fmt_t text = fmt_begin(buf, sizeof buf);
    text_put(&text, value);
    emit_str(&r->out, "  ");
    emit_str(&r->out, name);
    emit_str(&r->out, ": ");
    emit_str(&r->out, buf);
    emit_char(&r->out, '\n');
}

static void
put_settings(report_t *r, const char *title, const char *prefix) {
    emit_str(&r->out, title);
    emit_char(&r->out, '\n');
    report_settings(r, prefix, put_setting);
}

/* ---- one record ---- */

static void
put_number(report_t *r, unsigned width, uint64_t value, unsigned digits) {
    char buf[32];
    fmt_t text = fmt_begin(buf, sizeof buf);
    emit_fixed_text(&text, value, digits);
    emit_cell(&r->out, width, buf);
}

static void
put_counter(report_t *r, unsigned width, const counter_row_t *counter, const void *record) {
    put_number(r, width, counter_value(counter, record), counter_digits(counter));
}

static void
put_line(report_t *r, const counter_row_t *counter, const void *record) {
    emit_str(&r->out, counter->name);
    emit_char(&r->out, ':');
    size_t len = strlen(counter->name) + 1;
    unsigned width = (unsigned)(len < 34 ? 34 - len : 1);
    put_counter(r, width, counter, record);
    emit_char(&r->out, '\n');
}

/* The number of counters, from the first one on, that share its row. */
static uint32_t
row_length(const counter_row_t *counters, uint32_t n) {
    uint32_t i = 1;
    while (i < n && strcmp(counters[i].row, counters[0].row) == 0) {
        i++;
    }
    return i;
}

/* Counters that are one row of a table, with the table's header before its first row. */
static void
put_row_of(report_t *r, const counter_row_t *counters, uint32_t n, bool first, const void *record) {
    if (first) {
        emit_cell(&r->out, 10, strcmp(counters[0].column, "time") == 0 ? "decaying:" : "");
        for (uint32_t i = 0; i < n; i++) {
            emit_cell(&r->out, COLUMN, counters[i].column);
        }
        emit_char(&r->out, '\n');
    }
    emit_cell(&r->out, 9, counters[0].row);
    emit_char(&r->out, ':');
    for (uint32_t i = 0; i < n; i++) {
        put_counter(r, COLUMN, &counters[i], record);
    }
    emit_char(&r->out, '\n');
}

static void
put_record(report_t *r, const section_t *section, const void *record) {
    uint32_t n;
    const counter_row_t *counters = counters_of((record_t)section->record, &n);
    const char *table = "";
    for (uint32_t i = 0; i < n; i++) {
        if (counters[i].row[0] == '\0') {
            put_line(r, &counters[i], record);
            continue;
        }
        uint32_t length = row_length(&counters[i], n - i);
        put_row_of(r, &counters[i], length, strcmp(counters[i].column, table) != 0, record);
        table = counters[i].column;
        i += length - 1;
    }
}

/* ---- several rows ---- */

static void
put_header(report_t *r, const section_t *section, const counter_row_t *counters, uint32_t n) {
    bool named = section_row_name(section, 0) != NULL;
    emit_str(&r->out, section->key);
    emit_char(&r->out, ':');
    size_t len = strlen(section->key) + 1;
    emit_cell(&r->out, (unsigned)(26 - len), named ? "" : "size  ind");
    for (uint32_t i = 0; i < n; i++) {
        if (report_shows(r, &counters[i])) {
            emit_cell(&r->out, COLUMN, column_of(&counters[i]));
        }
    }
    emit_char(&r->out, '\n');
}

static void
put_row_head(report_t *r, const section_t *section, uint32_t row) {
    const char *name = section_row_name(section, row);
    if (name != NULL) {
        emit_cell(&r->out, 26, name);
        return;
    }
    put_number(r, 21, section_row_size(section, row), 0);
    put_number(r, 5, row, 0);
}

static void
put_row(report_t *r, const section_t *section, const counter_row_t *counters, uint32_t n, uint32_t row,
        const void *record) {
    put_row_head(r, section, row);
    for (uint32_t i = 0; i < n; i++) {
        if (report_shows(r, &counters[i])) {
            put_counter(r, COLUMN, &counters[i], record);
        }
    }
    emit_char(&r->out, '\n');
}

static void
put_rows(report_t *r, const section_t *section, const stats_detail_t *detail) {
    uint32_t n;
    bool gap = false;
    const counter_row_t *counters = counters_of((record_t)section->record, &n);
    put_header(r, section, counters, n);
    for (uint32_t i = 0; i < section_nrows(section); i++) {
        const void *record = section_row(r, section, detail, i);
        bool empty = section_row_empty(section, record);
        if (!empty) {
            put_row(r, section, counters, n, i, record);
        } else if (!gap) {
            emit_cell(&r->out, 26, "---\n");
        }
        gap = empty;
    }
}

/* The sections of the process (detail NULL), or of one arena. */
static void
put_sections(report_t *r, const stats_detail_t *detail) {
    for (uint32_t i = 0; i < REPORT_SECTIONS; i++) {
        const section_t *section = &report_sections[i];
        if (section->of_arena != (detail != NULL) || report_omits(r, section->letter)) {
            continue;
        }
        if (section->label[0] != '\0') {
            put_rows(r, section, detail);
        } else {
            emit_str(&r->out, section->key);
            emit_str(&r->out, section->key[0] != '\0' ? ":\n" : "");
            put_record(r, section, section_row(r, section, detail, 0));
        }
    }
}

static void
put_arenas(report_t *r) {
    const stats_snapshot_t *snapshot = r->snapshot;
    if (!report_omits(r, 'm')) {
        emit_str(&r->out, "\nMerged arenas stats:\n");
        put_sections(r, &snapshot->merged);
    }
    if (!report_omits(r, 'd') && snapshot->ndestroyed > 0) {
        emit_str(&r->out, "\nDestroyed arenas stats:\n");
        put_sections(r, &snapshot->destroyed);
    }
    for (uint32_t i = 0; i < snapshot->narenas && !report_omits(r, 'a'); i++) {
        if (snapshot->arenas[i].alive) {
            emit_str(&r->out, "\narenas[");
            emit_u64(&r->out, snapshot->arenas[i].index);
            emit_str(&r->out, "]:\n");
            put_sections(r, &snapshot->arenas[i]);
        }
    }
}

/* "Allocated: 1, active: 2, ...": a line that tools parse. */
static void
put_headline(report_t *r) {
    const lunalloc_stats_t *total = &r->snapshot->process.total;
    const struct {
        char name[12];
        uint64_t value;
    } parts[] = {{"Allocated", total->allocated}, {"active", total->active}, {"metadata", total->metadata},
                 {"resident", total->resident},   {"mapped", total->mapped}, {"retained", total->retained}};
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        emit_str(&r->out, i == 0 ? "" : ", ");
        emit_str(&r->out, parts[i].name);
        emit_str(&r->out, ": ");
        emit_u64(&r->out, parts[i].value);
    }
    emit_char(&r->out, '\n');
}

void
report_text(report_t *r) {
    emit_str(&r->out, "___ Begin lunalloc statistics ___\n");
    if (!report_omits(r, 'g')) {
        emit_str(&r->out, "Version: \"" LUNALLOC_VERSION "\"\n");
        put_settings(r, "Build-time option settings", "config.");
        put_settings(r, "Run-time option settings", "opt.");
        put_settings(r, "Profiling settings", "prof.");
        put_settings(r, "Arena settings", "arenas.");
    }
    put_headline(r);
    put_sections(r, NULL);
    put_arenas(r);
    emit_str(&r->out, "--- End lunalloc statistics ---\n");
}
