/* ctl_start.c -- a value for each option that also has a live name, kept when that is first written. */
#include "control/ctl_start.h"

#include "base/options.h"

/* Offsets of options that change live under other names. */
static const uint16_t offsets[] = {
    offsetof(options_t, modes),          offsetof(options_t, tcache_max),        offsetof(options_t, tcache_nslots),
    offsetof(options_t, tcache_bytes),   offsetof(options_t, retain_grow_limit), offsetof(options_t, dirty_decay_ms),
    offsetof(options_t, muzzy_decay_ms), offsetof(options_t, dirty_max),
};
#define NKEPT (sizeof offsets / sizeof offsets[0])
_Static_assert(sizeof(options_t) <= UINT16_MAX, "offsets fit");

typedef enum {
    kept_not,
    kept_soon,
    kept
} kept_t;

static struct {
    _Atomic uint64_t value;
    _Atomic uint32_t state; /* kept_t; release: the value is there */
} starts[NKEPT];

static size_t
index_of(size_t offset) {
    size_t i = 0;
    while (i < NKEPT && offsets[i] != offset) {
        i++;
    }
    return i;
}

/* The value was read before: who finds it taken writes after it was. */
void
ctl_start_keep(size_t offset, uint64_t value) {
    size_t i = index_of(offset);
    uint32_t not_yet = kept_not;
    if (i < NKEPT && atomic_compare_exchange_strong_explicit(&starts[i].state, &not_yet, kept_soon,
                                                             memory_order_relaxed, memory_order_relaxed)) {
        atomic_set(&starts[i].value, value);
        atomic_set_release(&starts[i].state, kept);
    }
}

uint64_t
ctl_start_value(const ctl_row_t *row, size_t offset, uint64_t value) {
    size_t i = row->access[1] == 'w' ? NKEPT : index_of(offset);
    return i < NKEPT && atomic_get_acquire(&starts[i].state) == kept ? atomic_get(&starts[i].value) : value;
}
