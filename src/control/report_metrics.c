/*
 * report_metrics.c -- the report as OpenMetrics: a metric for each counter of each section, with a sample for each
 * arena and row. Merged arenas are left to the reader's sum(); rows whose counters are all zero are left out.
 */
#include "control/report_sections.h"
#include "observe/metrics.h"

static metric_t
metric_of(const section_t *section, const counter_row_t *counter) {
    const ctl_row_t *control = section_control(section, counter);
    return (metric_t){
        .subtree = section->pattern,
        .name = counter->name,
        .unit = control == NULL ? "" : control->unit,
        .doc = section_doc(section, counter),
        .cumulative = counter->kind == counter_cumulative,
    };
}

static void
put_samples(report_t *r, const section_t *section, const counter_row_t *counter, const metric_t *metric,
            const stats_detail_t *detail) {
    bool several = section->label[0] != '\0';
    for (uint32_t i = 0; i < (several ? section_nrows(section) : 1); i++) {
        const void *record = section_row(r, section, detail, i);
        if (several && section_row_empty(section, record)) {
            continue;
        }
        metrics_sample(&r->out, metric);
        if (detail != NULL) {
            metrics_label(&r->out, "arena", NULL, detail->index);
        }
        if (several) {
            metrics_label(&r->out, section->label, section_row_name(section, i), i);
        }
        metrics_value(&r->out, metric, counter_value(counter, record));
    }
}

static void
put_metric(report_t *r, const section_t *section, const counter_row_t *counter) {
    metric_t metric = metric_of(section, counter);
    metrics_head(&r->out, &metric);
    if (!section->of_arena) {
        put_samples(r, section, counter, &metric, NULL);
        return;
    }
    for (uint32_t i = 0; i < r->snapshot->narenas; i++) {
        if (r->snapshot->arenas[i].alive) {
            put_samples(r, section, counter, &metric, &r->snapshot->arenas[i]);
        }
    }
}

static bool
is_left_out(const report_t *r, const section_t *section, const counter_row_t *counter) {
    return report_omits(r, section->letter) || (section->of_arena && report_omits(r, 'a')) || !report_shows(r, counter);
}

void
report_metrics(report_t *r) {
    if (!report_omits(r, 'g')) {
        metrics_library(&r->out);
    }
    for (uint32_t i = 0; i < REPORT_SECTIONS; i++) {
        uint32_t n;
        const counter_row_t *counters = counters_of((record_t)report_sections[i].record, &n);
        for (uint32_t k = 0; k < n; k++) {
            if (!is_left_out(r, &report_sections[i], &counters[k])) {
                put_metric(r, &report_sections[i], &counters[k]);
            }
        }
    }
    metrics_end(&r->out);
}
