/*
 * report_sections.h -- the parts of the report, for the files that write its formats.
 *
 * A section is a record (observe/counters.h) of the process or of each arena, in one row or several. report_sections
 * lists them; a format walks the list once and prints every counter of every row, without naming any. The meaning and
 * the unit of a counter are those of its control. Settings are read from their controls (report_settings).
 */
#ifndef LUNALLOC_CONTROL_REPORT_SECTIONS_H
#define LUNALLOC_CONTROL_REPORT_SECTIONS_H

#include "control/ctl_locks.h"
#include "observe/emit.h"
#include "observe/snapshot.h"

typedef struct {
    char key[20];     /* in JSON, and the title in text; "": the counters stand by themselves */
    char pattern[32]; /* of the controls, in front of a counter's name; in front of a row's name, where rows have one */
    char label[12];   /* of the rows, in OpenMetrics; "": there is one row */
    uint8_t record;   /* record_t */
    bool of_arena;
    char letter; /* the option that leaves the section out */
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

/* True if the options leave out the parts with this letter. */
bool report_omits(const report_t *report, char letter);
/* True if this counter is shown where its section is: the letter x leaves out locks' counters within other rows. */
bool report_shows(const report_t *report, const counter_row_t *counter);

/* The rows of a section; detail: the arena, or NULL for the process. */
uint32_t section_nrows(const section_t *section);
const void *section_row(const report_t *report, const section_t *section, const stats_detail_t *detail, uint32_t row);
/* The name of a row, or NULL where rows have numbers. */
const char *section_row_name(const section_t *section, uint32_t row);
/* Bytes of the class that a numbered row is about. */
size_t section_row_size(const section_t *section, uint32_t row);
/* True if all counters but those of locks are 0. */
bool section_row_empty(const section_t *section, const void *record);

/* The control of a counter, of the section's first row; NULL if there is none. */
const ctl_row_t *section_control(const section_t *section, const counter_row_t *counter);
/* The meaning of a counter: the doc of its control, without what it says of the one row. */
const char *section_doc(const section_t *section, const counter_row_t *counter);

/* Visits the settings whose name begins with a prefix and has no index. */
typedef void report_setting_t(report_t *report, const char *name, const lunalloc_value_t *value);
void report_settings(report_t *report, const char *prefix, report_setting_t *visit);

/* The formats, each in a file of its name. */
void report_text(report_t *report);
void report_json(report_t *report);
void report_metrics(report_t *report);

#endif
