/* snapshot.c -- takes snapshots of the counters and subtracts them. No Lua here. */
#include "snapshot.h"

#include <errno.h>
#include <string.h>

/* ---- what the words are ---- */

enum {
    is_gauge = false,
    is_cumulative = true
};

static const snapshot_word_t arena_keys[] = {{"arena", "count", "", false}};
static const snapshot_word_t class_keys[] = {{"szind", "count", "", false},
                                             {"size", "bytes", "size of the class", false}};

static const snapshot_word_t totals[] = {
#define TOTAL(name, type, unit, kind, merge, from, doc) {#name, unit, doc, is_##kind},
#include "observe/counters.def"
};

static const snapshot_word_t classes[] = {
#define CLASS(name, unit, kind, bin, large, doc) {#name, unit, doc, is_##kind},
#include "observe/counters.def"
};

_Static_assert(sizeof(totals) / sizeof(totals[0]) == SNAPSHOT_NSTATS, "each counter is in the list");
_Static_assert(sizeof(classes) / sizeof(classes[0]) == SNAPSHOT_NCLASS, "each counter of a class is in the list");

/* The kinds of row. */
static const struct {
    const snapshot_word_t *keys, *counters;
    uint32_t nkeys, nwords;
} shapes[] = {
    [SNAPSHOT_TOTAL] = {NULL, totals, 0, SNAPSHOT_NSTATS},
    [SNAPSHOT_ARENA] = {arena_keys, totals, 1, 1 + SNAPSHOT_NSTATS},
    [SNAPSHOT_CLASS] = {class_keys, classes, 2, 2 + SNAPSHOT_NCLASS},
};

/* ---- rows ---- */

static size_t
row_start(const snapshot_t *snapshot, snapshot_kind_t kind, uint32_t position) {
    size_t start = 0;
    if (kind > SNAPSHOT_TOTAL) {
        start += SNAPSHOT_NSTATS;
    }
    if (kind > SNAPSHOT_ARENA) {
        start += (size_t)snapshot->narenas * shapes[SNAPSHOT_ARENA].nwords;
    }
    return start + (size_t)position * shapes[kind].nwords;
}

/* The sizes are behind the rows. */
static uint64_t *
sizes_of(snapshot_t *snapshot) {
    return &snapshot->words[row_start(snapshot, SNAPSHOT_CLASS, snapshot->nclasses)];
}

uint64_t
snapshot_class_size(const snapshot_t *snapshot, uint32_t szind) {
    return snapshot->words[row_start(snapshot, SNAPSHOT_CLASS, snapshot->nclasses) + szind];
}

snapshot_row_t
snapshot_row(const snapshot_t *snapshot, snapshot_kind_t kind, uint32_t position) {
    return (snapshot_row_t){
        .keys = shapes[kind].keys,
        .counters = shapes[kind].counters,
        .nkeys = shapes[kind].nkeys,
        .nwords = shapes[kind].nwords,
        .words = &snapshot->words[row_start(snapshot, kind, position)],
    };
}

uint32_t
snapshot_nrows(const snapshot_t *snapshot, snapshot_kind_t kind) {
    switch (kind) {
    case SNAPSHOT_ARENA:
        return snapshot->narenas;
    case SNAPSHOT_CLASS:
        return snapshot->nclasses;
    default:
        return 1;
    }
}

uint32_t
snapshot_position(const snapshot_t *snapshot, snapshot_kind_t kind, uint64_t key) {
    uint32_t n = snapshot_nrows(snapshot, kind);
    for (uint32_t i = 0; i < n; i++) {
        if (snapshot->words[row_start(snapshot, kind, i)] == key) {
            return i;
        }
    }
    return n;
}

const snapshot_word_t *
snapshot_word(const snapshot_row_t *row, uint32_t i) {
    return i < row->nkeys ? &row->keys[i] : &row->counters[i - row->nkeys];
}

uint32_t
snapshot_row_word(const snapshot_row_t *row, const char *name) {
    uint32_t word = 0;
    while (word < row->nwords && strcmp(snapshot_word(row, word)->name, name) != 0) {
        word++;
    }
    return word;
}

/* The first counter is the time, in ns. */
double
snapshot_seconds(const snapshot_t *difference) {
    return (double)(int64_t)difference->words[0] / 1e9;
}

double
snapshot_rate(const snapshot_t *difference, const snapshot_row_t *row, uint32_t i) {
    double elapsed = snapshot_seconds(difference);
    return elapsed > 0 ? (double)(int64_t)row->words[i] / elapsed : 0;
}

/* ---- taking ---- */

static bool
class_used(const lunalloc_class_stats_t *stats) {
    static const lunalloc_class_stats_t unused;
    return memcmp(stats, &unused, sizeof(unused)) != 0;
}

int
snapshot_plan(target_handle_t *target, uint32_t scope, snapshot_plan_t *plan) {
    size_t narenas = 0;
    *plan = (snapshot_plan_t){.scope = scope};
    int error = target->ops->nsizes(target, &plan->nsizes);
    if (error == 0 && scope == LUNALLOC_ALL) {
        error = target->ops->limit(target, "arena.<i>.purge", &narenas);
    }
    plan->narenas = (uint32_t)narenas;
    return error;
}

int
snapshot_read(target_handle_t *target, snapshot_plan_t *plan) {
    int error = target->ops->stats(target, plan->scope, &plan->total, plan->classes);
    if (error == 0) {
        error = target->ops->sizeclasses(target, plan->sizes);
    }
    for (uint32_t i = 0; i < plan->nsizes && error == 0; i++) {
        plan->nclasses += class_used(&plan->classes[i]);
    }
    return error;
}

size_t
snapshot_size(uint32_t narenas, uint32_t nclasses, uint32_t nsizes) {
    size_t words = SNAPSHOT_NSTATS + (size_t)narenas * shapes[SNAPSHOT_ARENA].nwords +
                   (size_t)nclasses * shapes[SNAPSHOT_CLASS].nwords + nsizes;
    return sizeof(snapshot_t) + words * sizeof(uint64_t);
}

static int
fill_arenas(target_handle_t *target, uint32_t n, snapshot_t *out) {
    int error = 0;
    for (uint32_t i = 0; i < n && (error == 0 || error == ENOENT); i++) {
        lunalloc_stats_t stats;
        error = target->ops->stats(target, i, &stats, NULL);
        if (error == 0) {
            uint64_t *row = &out->words[row_start(out, SNAPSHOT_ARENA, out->narenas++)];
            row[0] = i;
            memcpy(row + 1, &stats, sizeof(stats));
        }
    }
    return error == ENOENT ? 0 : error;
}

static void
fill_classes(const snapshot_plan_t *plan, snapshot_t *out) {
    for (uint32_t i = 0; i < plan->nsizes; i++) {
        if (class_used(&plan->classes[i])) {
            uint64_t *row = &out->words[row_start(out, SNAPSHOT_CLASS, out->nclasses++)];
            row[0] = i;
            row[1] = plan->sizes[i].size;
            memcpy(row + 2, &plan->classes[i], sizeof(plan->classes[i]));
        }
    }
}

int
snapshot_fill(target_handle_t *target, const snapshot_plan_t *plan, snapshot_t *out) {
    *out = (snapshot_t){.nsizes = plan->nsizes};
    memcpy(out->words, &plan->total, sizeof(plan->total));
    int error = fill_arenas(target, plan->narenas, out);
    fill_classes(plan, out);
    for (uint32_t i = 0; i < plan->nsizes; i++) {
        sizes_of(out)[i] = plan->sizes[i].size;
    }
    return error;
}

/* ---- difference ---- */

static void
subtract_row(uint64_t *out, const snapshot_row_t *later, const uint64_t *earlier) {
    for (uint32_t i = 0; i < later->nwords; i++) {
        bool key = i < later->nkeys;
        out[i] = later->words[i] - (key || earlier == NULL ? 0 : earlier[i]);
    }
}

static void
subtract_rows(const snapshot_t *later, const snapshot_t *earlier, snapshot_kind_t kind, snapshot_t *out) {
    for (uint32_t i = 0; i < snapshot_nrows(later, kind); i++) {
        snapshot_row_t row = snapshot_row(later, kind, i);
        uint32_t before = kind == SNAPSHOT_TOTAL ? 0 : snapshot_position(earlier, kind, row.words[0]);
        bool found = before < snapshot_nrows(earlier, kind);
        subtract_row(&out->words[row_start(out, kind, i)], &row,
                     found ? &earlier->words[row_start(earlier, kind, before)] : NULL);
    }
}

void
snapshot_subtract(const snapshot_t *later, const snapshot_t *earlier, snapshot_t *out) {
    *out = (snapshot_t){
        .difference = true,
        .nsizes = later->nsizes,
        .narenas = later->narenas,
        .nclasses = later->nclasses,
    };
    subtract_rows(later, earlier, SNAPSHOT_TOTAL, out);
    subtract_rows(later, earlier, SNAPSHOT_ARENA, out);
    subtract_rows(later, earlier, SNAPSHOT_CLASS, out);
    for (uint32_t i = 0; i < later->nsizes; i++) {
        sizes_of(out)[i] = snapshot_class_size(later, i);
    }
}
