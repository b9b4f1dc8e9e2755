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

/* The labels of a sample: those of its process, and the keys of its row. */
static void
put_labels(emit_t *out, const snapshot_source_t *source, const snapshot_row_t *row, snapshot_kind_t kind) {
    for (uint32_t i = 0; i < source->nlabels; i++) {
        metrics_label(out, source->labels[i].name, source->labels[i].value, 0);
    }
    if (kind == SNAPSHOT_ARENA) {
        metrics_label(out, "arena", NULL, row->words[0]);
    } else if (kind == SNAPSHOT_CLASS) {
        metrics_label(out, "class", NULL, row->words[0]);
        metrics_label(out, "size", NULL, row->words[1]);
    }
}

static uint32_t
rows_of(const snapshot_source_t *source, snapshot_kind_t kind) {
    return source->snapshot == NULL ? 0 : snapshot_nrows(source->snapshot, kind);
}

/* Word `word` of every row of that kind, of every process. */
static void
put_samples(emit_t *out, const snapshot_metrics_t *all, const metric_t *metric, snapshot_kind_t kind, uint32_t word) {
    for (size_t s = 0; s < all->nsources; s++) {
        const snapshot_source_t *source = &all->sources[s];
        for (uint32_t i = 0; i < rows_of(source, kind); i++) {
            snapshot_row_t row = snapshot_row(source->snapshot, kind, i);
            metrics_sample(out, metric);
            put_labels(out, source, &row, kind);
            metrics_value(out, metric, row.words[word]);
        }
    }
}

/* Keys are labels; the size of a class is a metric, too, as an expression cannot use a label. */
static void
put_metrics(emit_t *out, const snapshot_metrics_t *all, snapshot_kind_t kind, const char *subtree) {
    const snapshot_t none = {0};
    snapshot_row_t row = snapshot_row(&none, kind, 0);
    bool any = false;
    for (size_t s = 0; s < all->nsources; s++) {
        any = any || rows_of(&all->sources[s], kind) > 0;
    }
    for (uint32_t i = kind == SNAPSHOT_TOTAL ? 0 : 1; any && i < row.nwords; i++) {
        const snapshot_word_t *what = snapshot_word(&row, i);
        metric_t metric = {subtree, what->name, what->unit, what->doc, what->cumulative, all->older};
        metrics_head(out, &metric);
        put_samples(out, all, &metric, kind, i);
    }
}

static void
put_gauge(emit_t *out, const snapshot_metrics_t *all, uint32_t gauge) {
    const snapshot_gauge_t *what = &all->gauges[gauge];
    metric_t metric = {"stats.", what->name, what->unit, what->doc, false, all->older};
    metrics_head(out, &metric);
    for (size_t s = 0; s < all->nsources; s++) {
        const snapshot_source_t *source = &all->sources[s];
        if (source->has_gauge[gauge]) {
            metrics_sample(out, &metric);
            put_labels(out, source, NULL, SNAPSHOT_TOTAL);
            metrics_value(out, &metric, (uint64_t)source->gauges[gauge]);
        }
    }
}

void
snapshot_metrics(const snapshot_metrics_t *all, lunalloc_write_t *write, void *opaque) {
    emit_t out;
    emit_begin(&out, write, opaque);
    for (uint32_t i = 0; i < all->ngauges; i++) {
        put_gauge(&out, all, i);
    }
    put_metrics(&out, all, SNAPSHOT_TOTAL, "stats.");
    put_metrics(&out, all, SNAPSHOT_ARENA, "stats.arenas.<i>.");
    put_metrics(&out, all, SNAPSHOT_CLASS, "stats.classes.<i>.");
    if (!all->older) {
        metrics_end(&out);
    }
    emit_end(&out);
}

void
snapshot_openmetrics(const snapshot_t *snapshot, lunalloc_write_t *write, void *opaque) {
    const snapshot_source_t source = {.snapshot = snapshot};
    snapshot_metrics(&(snapshot_metrics_t){.sources = &source, .nsources = 1}, write, opaque);
}
