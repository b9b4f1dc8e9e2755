/* ctl_source.c -- a label for each option, each other row, each class's settings and each arena's. */
#include "control/ctl_source.h"

#include "arena/arenas.h"
#include "base/atomic.h"
#include "control/ctl_args.h"

#include <string.h>

/* Of ctl_source_t. Synchronization: relaxed; nothing depends on them. */
/* Not static: another process finds it (control/layout.def). */
_Atomic uint8_t ctl_option_sources[OPTION_COUNT];
_Atomic uint8_t ctl_row_sources[CTL_MAX_ROWS];
_Atomic uint8_t ctl_class_sources[BIN_SLAB_SIZE + 1][SC_MAX_SMALL];
/* Bit k: a row of arena.<i>.* whose position is k, modulo 64, was written for this arena. There are fewer than 64. */
_Atomic uint64_t ctl_arenas_written[ARENAS_MAX];

static uint64_t
arena_bit(const ctl_row_t *row) {
    return UINT64_C(1) << ((row - ctl_rows) & 63);
}

/* The label of a row that is not an arena's. */
static _Atomic uint8_t *
label_of(const ctl_row_t *row, size_t index) {
    if (ctl_has(row, ctl_of_class) && index < SC_MAX_SMALL) {
        return &ctl_class_sources[row->arg][index];
    }
    return ctl_is_option(row) ? &ctl_option_sources[row->option] : &ctl_row_sources[row - ctl_rows];
}

void
ctl_set_option_source(ctl_option_t option, ctl_source_t source) {
    atomic_set(&ctl_option_sources[option], (uint8_t)source);
}

ctl_source_t
ctl_option_source(ctl_option_t option) {
    return (ctl_source_t)atomic_get(&ctl_option_sources[option]);
}

void
ctl_set_class_source(unsigned field, uint32_t szind, ctl_source_t source) {
    atomic_set(&ctl_class_sources[field][szind], (uint8_t)source);
}

static void
set_arenas_live(const ctl_row_t *row, size_t index) {
    bool all = index == CTL_ALL_ARENAS;
    size_t end = all ? arenas_count() : index + 1;
    for (size_t i = all ? 0 : index; i < end && i < ARENAS_MAX; i++) {
        atomic_fetch_or_explicit(&ctl_arenas_written[i], arena_bit(row), memory_order_relaxed);
    }
}

void
ctl_set_live(const ctl_call_t *call) {
    if (ctl_has(call->row, ctl_of_arena)) {
        set_arenas_live(call->row, call->index[0]);
    } else {
        atomic_set(label_of(call->row, call->index[0]), (uint8_t)source_live);
    }
}

void
ctl_forget_arena(uint32_t index) {
    atomic_set(&ctl_arenas_written[index], 0);
}

/* The source of the name itself, whatever it starts from. A name with an open index is no class's and no arena's. */
static ctl_source_t
own_source(const ctl_name_t *name) {
    const ctl_row_t *row = name->call.row;
    size_t index = name->nindices > 0 ? name->call.index[0] : SIZE_MAX;
    if (ctl_has(row, ctl_of_arena)) {
        bool live = index < ARENAS_MAX && (atomic_get(&ctl_arenas_written[index]) & arena_bit(row)) != 0;
        return live ? source_live : source_default;
    }
    return (ctl_source_t)atomic_get(label_of(row, index));
}

const char *
ctl_source(const ctl_name_t *name) {
    static const char names[][12] = {"default", "file", "symbol", "environment", "live"};
    ctl_source_t source = own_source(name);
    return names[source == source_default ? ctl_option_source((ctl_option_t)name->call.row->option) : source];
}
