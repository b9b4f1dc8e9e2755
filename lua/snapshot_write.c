/* snapshot_write.c -- snapshots as JSON and OpenMetrics. No Lua here. */
#include "observe/json.h"
#include "observe/metrics.h"
#include "snapshot.h"

/* ---- JSON ---- */

static void
put_row(emit_t *out, const snapshot_row_t *row) {
    for (uint32_t i = 0; i < row->nwords; i++) {
        json_key(out, snapshot_word(row, i)->name);
        json_i64(out, (int64_t)row->words[i]);
    }
}

static void
put_rows(emit_t *out, const snapshot_t *snapshot, snapshot_kind_t kind, const char *key) {
    json_key(out, key);
    json_open(out, '[');
    for (uint32_t i = 0; i < snapshot_nrows(snapshot, kind); i++) {
        snapshot_row_t row = snapshot_row(snapshot, kind, i);
        json_open(out, '{');
        put_row(out, &row);
        json_close(out, '}');
    }
    json_close(out, ']');
}

static void
put_rates(emit_t *out, const snapshot_t *difference, const snapshot_row_t *row) {
    json_key(out, "seconds");
    json_double(out, snapshot_seconds(difference));
    json_key(out, "rates");
    json_open(out, '{');
    for (uint32_t i = 0; i < row->nwords; i++) {
        if (snapshot_word(row, i)->cumulative) {
            json_key(out, snapshot_word(row, i)->name);
            json_double(out, snapshot_rate(difference, row, i));
        }
    }
    json_close(out, '}');
}

void
snapshot_json(const snapshot_t *snapshot, lunalloc_write_t *write, void *opaque) {
    snapshot_row_t total = snapshot_row(snapshot, SNAPSHOT_TOTAL, 0);
    emit_t out;
    emit_begin(&out, write, opaque);
    json_open(&out, '{');
    put_row(&out, &total);
    put_rows(&out, snapshot, SNAPSHOT_ARENA, "arenas");
    put_rows(&out, snapshot, SNAPSHOT_CLASS, "classes");
    if (snapshot->difference) {
        put_rates(&out, snapshot, &total);
    }
    json_close(&out, '}');
    emit_end(&out);
}

/* ---- OpenMetrics ---- */

static void
put_metric(emit_t *out, const snapshot_t *snapshot, snapshot_kind_t kind, const char *subtree, uint32_t word) {
    static const char *const labels[] = {[SNAPSHOT_ARENA] = "arena", [SNAPSHOT_CLASS] = "class"};
    snapshot_row_t row = snapshot_row(snapshot, kind, 0);
    const snapshot_word_t *what = snapshot_word(&row, word);
    metric_t metric = {subtree, what->name, what->unit, what->doc, what->cumulative};
    metrics_head(out, &metric);
    for (uint32_t i = 0; i < snapshot_nrows(snapshot, kind); i++) {
        row = snapshot_row(snapshot, kind, i);
        metrics_sample(out, &metric);
        if (kind != SNAPSHOT_TOTAL) {
            metrics_label(out, labels[kind], NULL, row.words[0]);
        }
        metrics_value(out, &metric, row.words[word]);
    }
}

/* The first key is the label. */
static void
put_metrics(emit_t *out, const snapshot_t *snapshot, snapshot_kind_t kind, const char *subtree) {
    uint32_t nwords = snapshot_nrows(snapshot, kind) == 0 ? 0 : snapshot_row(snapshot, kind, 0).nwords;
    for (uint32_t i = kind == SNAPSHOT_TOTAL ? 0 : 1; i < nwords; i++) {
        put_metric(out, snapshot, kind, subtree, i);
    }
}

void
snapshot_openmetrics(const snapshot_t *snapshot, lunalloc_write_t *write, void *opaque) {
    emit_t out;
    emit_begin(&out, write, opaque);
    put_metrics(&out, snapshot, SNAPSHOT_TOTAL, "stats.");
    put_metrics(&out, snapshot, SNAPSHOT_ARENA, "stats.arenas.<i>.");
    put_metrics(&out, snapshot, SNAPSHOT_CLASS, "stats.classes.<i>.");
    metrics_end(&out);
    emit_end(&out);
}
