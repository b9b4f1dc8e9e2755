/*
 * report.h -- all statistics as text, JSON or OpenMetrics.
 *
 * One list of sections says what there is (report_sections); each format walks it once. A section is a record
 * (observe/counters.h) of the process or of each arena, in one or several rows; what a figure means is said by its row
 * of the schema. Settings are the schema's own rows.
 */
#ifndef LUNALLOC_CONTROL_REPORT_H
#define LUNALLOC_CONTROL_REPORT_H

#include "control/ctl_locks.h"
#include "observe/emit.h"
#include "observe/stats.h"

typedef struct {
    char key[20];     /* of JSON, and the title of text; "": the figures stand by themselves */
    char pattern[32]; /* of the controls, in front of a figure's name; named rows stand between */
    char label[12];   /* of OpenMetrics, for the rows; "": there is one row */
    uint8_t record;   /* record_t */
    bool of_arena;
    char letter; /* that leaves it out */
} section_t;

#define REPORT_SECTIONS 9
extern const section_t report_sections[REPORT_SECTIONS];

typedef struct {
    /* Synchronization: the writer's own: these fields. */
    emit_t out;
    const stats_snapshot_t *snapshot;
    stats_background_t background;
    stats_lock_t locks[PROCESS_LOCKS];
    const char *opts;
} report_t;

/* Is a part with this letter to be left out? */
bool report_omits(const report_t *report, char letter);
/* Is this figure shown, where its section is? Locks' are not with the letter x. */
bool report_shows(const report_t *report, const counter_row_t *figure);

/* The rows of a section; detail: the arena, or NULL for the process. */
uint32_t section_nrows(const section_t *section);
const void *section_row(const report_t *report, const section_t *section, const stats_detail_t *detail, uint32_t row);
/* The name of a row, or NULL where rows have numbers. */
const char *section_row_name(const section_t *section, uint32_t row);
/* Bytes that a numbered row is about. */
size_t section_row_size(const section_t *section, uint32_t row);
bool section_row_empty(const section_t *section, const void *record);

/* What a figure means: the doc of its control. */
const char *section_doc(const section_t *section, const counter_row_t *figure);

/* Visits the settings whose name begins with a prefix and has no index. */
typedef void report_setting_t(report_t *report, const char *name, const lunalloc_value_t *value);
void report_settings(report_t *report, const char *prefix, report_setting_t *visit);

void report_text(report_t *report);
void report_json(report_t *report);
void report_metrics(report_t *report);

/* 0, EINVAL or ENOMEM. */
int report_write(lunalloc_format_t format, lunalloc_write_t *write, void *opaque, const char *opts);

#endif
