/* ctl_source.c -- a label for each row, for what each class has of its own, and for each setting of each arena. */
#include "control/ctl_source.h"

#include "arena/arenas.h"
#include "base/atomic.h"

#include <string.h>

/* Relaxed: labels for people. */
static _Atomic uint8_t sources[CTL_MAX_ROWS];
static _Atomic uint8_t class_sources[class_nshards + 1][SC_MAX_SMALL];
/* Bit k: row k of arena.<i>.* was written live, for this arena. */
static _Atomic uint64_t written[ARENAS_MAX];

static bool
is_of_arena(const ctl_name_t *name) {
    return name->nindices > 0 && ctl_is_of(name->row, CTL_ARENA);
}

/* The label of a name that is none of an arena's. */
static _Atomic uint8_t *
label_of(const ctl_name_t *name) {
    size_t szind = name->nindices == 1 ? name->call.index[0] : SC_MAX_SMALL;
    if (szind < SC_MAX_SMALL && strcmp(name->row->name, "arenas.bin.<i>.slab_size") == 0) {
        return &class_sources[class_slab_size][szind];
    }
    if (szind < SC_MAX_SMALL && strcmp(name->row->name, "arenas.bin.<i>.nshards") == 0) {
        return &class_sources[class_nshards][szind];
    }
    return &sources[name->row - ctl_rows];
}

/* The bit of a row among those of arena.<i>.*; there are no more than 64. */
static uint64_t
bit_of(const ctl_row_t *row) {
    const ctl_row_t *first = row;
    while (first > ctl_rows && ctl_is_of(first - 1, CTL_ARENA)) {
        first--;
    }
    return UINT64_C(1) << ((row - first) & 63);
}

void
ctl_set_source(const ctl_row_t *row, ctl_source_t source) {
    atomic_set(&sources[row - ctl_rows], (uint8_t)source);
}

ctl_source_t
ctl_row_source(const ctl_row_t *row) {
    return (ctl_source_t)atomic_get(&sources[row - ctl_rows]);
}

void
ctl_set_class_source(ctl_class_t which, uint32_t szind, ctl_source_t source) {
    atomic_set(&class_sources[which][szind], (uint8_t)source);
}

static void
set_arenas_live(const ctl_name_t *name) {
    size_t index = name->call.index[0];
    bool all = index == CTL_ALL_ARENAS;
    size_t end = all ? arenas_count() : index + 1;
    for (size_t i = all ? 0 : index; i < end && i < ARENAS_MAX; i++) {
        atomic_fetch_or_explicit(&written[i], bit_of(name->row), memory_order_relaxed);
    }
}

void
ctl_set_live(const ctl_name_t *name) {
    if (is_of_arena(name)) {
        set_arenas_live(name);
    } else {
        atomic_set(label_of(name), (uint8_t)source_live);
    }
}

void
ctl_forget_arena(uint32_t index) {
    atomic_set(&written[index], 0);
}

/* The option that a live value started from: opt.X for any name that ends in X. NULL if there is none. */
static const ctl_row_t *
origin_of(const ctl_row_t *row) {
    char name[CTL_NAME_MAX + 5];
    const char *last = strrchr(row->name, '.');
    fmt_t out = fmt_begin(name, sizeof name);
    fmt_str(&out, "opt");
    fmt_str(&out, last == NULL ? "" : last);
    size_t i = ctl_row_named(name);
    return i < ctl_nrows ? &ctl_rows[i] : NULL;
}

/* Of the name itself, its option aside. */
static ctl_source_t
own_source(const ctl_name_t *name) {
    if (is_of_arena(name)) {
        size_t index = name->call.index[0];
        bool live = index < ARENAS_MAX && (atomic_get(&written[index]) & bit_of(name->row)) != 0;
        return live ? source_live : source_default;
    }
    return (ctl_source_t)atomic_get(label_of(name));
}

const char *
ctl_source(const ctl_name_t *name) {
    static const char words[][12] = {"default", "file", "symbol", "environment", "live"};
    ctl_source_t source = own_source(name);
    const ctl_row_t *origin = origin_of(name->row);
    if (source == source_default && origin != NULL) {
        source = ctl_row_source(origin);
    }
    return words[source];
}
