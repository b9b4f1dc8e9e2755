/*
 * report_metrics.c -- OpenMetrics text: a family for each figure of each section, its samples one behind the other.
 * Counters end in _total. Merged arenas are left to the reader's sum(); rows of nothing but zeros are left out.
 */
#include "control/report.h"

#include <string.h>

/* "stats.arenas.<i>.bins.<j>." and "mutex.num_ops": lunalloc_arenas_bins_mutex_num_ops. */
static void
put_family(report_t *r, const section_t *section, const counter_row_t *figure) {
    emit_str(&r->out, "lunalloc_");
    for (const char *at = section->pattern + strlen("stats."); *at != '\0'; at++) {
        if (*at == '<') {
            at += strlen("<i>.") - 1;
        } else {
            emit_char(&r->out, *at == '.' ? '_' : *at);
        }
    }
    for (const char *at = figure->name; *at != '\0'; at++) {
        emit_char(&r->out, *at == '.' ? '_' : *at);
    }
}

static void
put_head(report_t *r, const section_t *section, const counter_row_t *figure) {
    emit_str(&r->out, "# TYPE ");
    put_family(r, section, figure);
    emit_str(&r->out, figure->kind == counter_cumulative ? " counter\n# HELP " : " gauge\n# HELP ");
    put_family(r, section, figure);
    emit_char(&r->out, ' ');
    emit_str(&r->out, section_doc(section, figure));
    emit_char(&r->out, '\n');
}

static void
put_label(report_t *r, const char *separator, const char *name, const char *text, uint32_t number) {
    emit_str(&r->out, separator);
    emit_str(&r->out, name);
    emit_str(&r->out, "=");
    if (text != NULL) {
        emit_quoted(&r->out, text);
    } else {
        emit_char(&r->out, '"');
        emit_u64(&r->out, number);
        emit_char(&r->out, '"');
    }
}

static void
put_labels(report_t *r, const section_t *section, const stats_detail_t *detail, uint32_t row) {
    if (detail == NULL && section->label[0] == '\0') {
        return;
    }
    emit_char(&r->out, '{');
    if (detail != NULL) {
        put_label(r, "", "arena", NULL, detail->index);
    }
    if (section->label[0] != '\0') {
        put_label(r, detail != NULL ? "," : "", section->label, section_row_name(section, row), row);
    }
    emit_char(&r->out, '}');
}

static void
put_samples(report_t *r, const section_t *section, const counter_row_t *figure, const stats_detail_t *detail) {
    bool several = section->label[0] != '\0';
    for (uint32_t i = 0; i < (several ? section_nrows(section) : 1); i++) {
        const void *record = section_row(r, section, detail, i);
        if (several && section_row_empty(section, record)) {
            continue;
        }
        put_family(r, section, figure);
        emit_str(&r->out, figure->kind == counter_cumulative ? "_total" : "");
        put_labels(r, section, detail, i);
        emit_char(&r->out, ' ');
        emit_counter(&r->out, (counter_kind_t)figure->kind, counter_value(figure, record));
        emit_char(&r->out, '\n');
    }
}

static void
put_metric(report_t *r, const section_t *section, const counter_row_t *figure) {
    put_head(r, section, figure);
    if (!section->of_arena) {
        put_samples(r, section, figure, NULL);
        return;
    }
    for (uint32_t i = 0; i < r->snapshot->narenas; i++) {
        if (r->snapshot->arenas[i].alive) {
            put_samples(r, section, figure, &r->snapshot->arenas[i]);
        }
    }
}

static bool
is_left_out(const report_t *r, const section_t *section, const counter_row_t *figure) {
    return report_omits(r, section->letter) || (section->of_arena && report_omits(r, 'a')) || !report_shows(r, figure);
}

void
report_metrics(report_t *r) {
    if (!report_omits(r, 'g')) {
        emit_str(&r->out, "# TYPE lunalloc info\n# HELP lunalloc the library\nlunalloc_info{version=");
        emit_quoted(&r->out, LUNALLOC_VERSION);
        emit_str(&r->out, "} 1\n");
    }
    for (uint32_t i = 0; i < REPORT_SECTIONS; i++) {
        uint32_t n;
        const counter_row_t *figures = counters_of((record_t)report_sections[i].record, &n);
        for (uint32_t k = 0; k < n; k++) {
            if (!is_left_out(r, &report_sections[i], &figures[k])) {
                put_metric(r, &report_sections[i], &figures[k]);
            }
        }
    }
    emit_str(&r->out, "# EOF\n");
}
