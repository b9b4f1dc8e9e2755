/* metrics.c -- names, units and samples. */
#include "observe/metrics.h"

#include <string.h>

/* A unit of controls, and the base unit: control / 10^digits. */
typedef struct {
    char control[8];
    char base[8];   /* "": none */
    char suffix[8]; /* of a control's name, which the base unit's takes the place of */
    uint8_t digits;
} unit_t;

static const unit_t units[] = {
    {"bytes", "bytes", "_bytes", 0},
    {"ns", "seconds", "_ns", 9},
    {"ms", "seconds", "_ms", 3},
    {"ppm", "ratio", "_ratio", 6},
    {"", "", "", 0},
};

static const unit_t *
unit_of(const metric_t *metric) {
    const unit_t *unit = units;
    while (unit->base[0] != '\0' && strcmp(unit->control, metric->unit) != 0) {
        unit++;
    }
    return unit;
}

static void
put_word(emit_t *out, const char *from, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (from[i] == '<') {
            i += strlen("<i>.") - 1;
        } else {
            emit_char(out, from[i] == '.' ? '_' : from[i]);
        }
    }
}

static void
put_family(emit_t *out, const metric_t *metric) {
    const unit_t *unit = unit_of(metric);
    size_t len = strlen(metric->name), cut = strlen(unit->suffix);
    bool has_suffix = len > cut && memcmp(metric->name + len - cut, unit->suffix, cut) == 0;
    emit_str(out, "lunalloc_");
    put_word(out, metric->subtree + strlen("stats."), strlen(metric->subtree) - strlen("stats."));
    put_word(out, metric->name, has_suffix ? len - cut : len);
    emit_str(out, unit->base[0] == '\0' ? "" : "_");
    emit_str(out, unit->base);
}

static void
put_fact(emit_t *out, const char *what, const metric_t *metric, const char *fact) {
    emit_str(out, what);
    put_family(out, metric);
    emit_str(out, metric->cumulative && metric->older ? "_total " : " ");
    emit_str(out, fact);
    emit_char(out, '\n');
}

void
metrics_library(emit_t *out) {
    emit_str(out, "# TYPE lunalloc info\n# HELP lunalloc the library\nlunalloc_info{version=");
    emit_quoted(out, LUNALLOC_VERSION);
    emit_str(out, "} 1\n");
}

void
metrics_head(emit_t *out, const metric_t *metric) {
    const unit_t *unit = unit_of(metric);
    put_fact(out, "# TYPE ", metric, metric->cumulative ? "counter" : "gauge");
    if (unit->base[0] != '\0' && !metric->older) {
        put_fact(out, "# UNIT ", metric, unit->base);
    }
    put_fact(out, "# HELP ", metric, metric->doc);
}

void
metrics_sample(emit_t *out, const metric_t *metric) {
    put_family(out, metric);
    emit_str(out, metric->cumulative ? "_total" : "");
}

void
metrics_label(emit_t *out, const char *name, const char *text, uint64_t number) {
    emit_char(out, out->last == '"' ? ',' : '{');
    emit_str(out, name);
    emit_char(out, '=');
    if (text != NULL) {
        emit_quoted(out, text);
    } else {
        emit_char(out, '"');
        emit_u64(out, number);
        emit_char(out, '"');
    }
}

void
metrics_value(emit_t *out, const metric_t *metric, uint64_t value) {
    emit_str(out, out->last == '"' ? "} " : " ");
    emit_fixed(out, value, unit_of(metric)->digits);
    emit_char(out, '\n');
}

void
metrics_end(emit_t *out) {
    emit_str(out, "# EOF\n");
}
