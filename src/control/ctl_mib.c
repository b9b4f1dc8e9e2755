/*
 * ctl_mib.c -- names as numbers.
 *
 * A component that is an index stands for itself. The last component says which row it is and where its indices are, so
 * that no text is read to find them; the others are 0. So a mib of the first components of a name ends in a component
 * that names no row, and can be completed with what follows in the mib of any longer name.
 *
 *   last = (position of the row + 1) << 15 | place of <j> << 10 | place of <i> << 5 | number of components
 */
#include "control/ctl_names.h"

#include <errno.h>
#include <string.h>

#define FIELD_BITS 5
#define FIELD_MASK ((1U << FIELD_BITS) - 1)

/* How a name is laid out: how many components, and where its indices are. */
typedef struct {
    size_t ncomponents;
    size_t place[CTL_MAX_INDICES]; /* of <i>, <j>; 0: there is none */
} layout_t;

static layout_t
layout_of(const char *pattern) {
    layout_t layout = {.ncomponents = 1};
    unsigned k = 0;
    for (; *pattern != '\0'; pattern++) {
        layout.ncomponents += *pattern == '.';
        if (*pattern == '<') {
            layout.place[k++] = layout.ncomponents - 1;
        }
    }
    return layout;
}

static size_t
pack(const ctl_row_t *row, const layout_t *layout) {
    size_t last = (size_t)(row - ctl_rows) + 1;
    last = last << FIELD_BITS | layout->place[1];
    last = last << FIELD_BITS | layout->place[0];
    return last << FIELD_BITS | layout->ncomponents;
}

/* Is every index among the first n components within its range? */
static bool
in_reach(const ctl_name_t *name, const layout_t *layout, size_t n) {
    for (unsigned k = 0; k < name->nplaces; k++) {
        if (layout->place[k] < n && !ctl_in_reach(name->row, k, name->call.index[k])) {
            return false;
        }
    }
    return true;
}

int
ctl_nametomib(const char *name, size_t *mib, size_t *len) {
    ctl_name_t resolved;
    if (*len == 0 || ctl_resolve_prefix(name, *len, &resolved) != 0) {
        return *len == 0 && name[0] != '\0' ? 0 : ENOENT;
    }
    layout_t layout = layout_of(resolved.row->name);
    size_t given = ctl_ncomponents(name);
    size_t n = given < *len ? given : *len;
    if (!in_reach(&resolved, &layout, n)) {
        return ENOENT;
    }
    memset(mib, 0, n * sizeof *mib);
    for (unsigned k = 0; k < resolved.nplaces; k++) {
        if (layout.place[k] < n) {
            mib[layout.place[k]] = resolved.call.index[k];
        }
    }
    if (n == layout.ncomponents) {
        mib[n - 1] = pack(resolved.row, &layout);
    }
    *len = n;
    return 0;
}

/* A last component that no ctl_nametomib gave reads no more than `len` components either. */
int
ctl_resolve_mib(const size_t *mib, size_t len, ctl_name_t *out) {
    size_t last = len == 0 ? 0 : mib[len - 1];
    size_t position = (last >> 3 * FIELD_BITS) - 1;
    if ((last & FIELD_MASK) != len || position >= ctl_nrows) {
        return ENOENT;
    }
    *out = (ctl_name_t){.row = &ctl_rows[position]};
    out->call = (ctl_call_t){.row = out->row, .arg = out->row->arg};
    for (unsigned k = 0; k < CTL_MAX_INDICES; k++) {
        size_t place = last >> (k + 1) * FIELD_BITS & FIELD_MASK;
        if (place >= len) {
            return ENOENT;
        }
        out->call.index[k] = mib[place];
        out->nindices += place > 0;
    }
    out->nplaces = out->nindices;
    return 0;
}
