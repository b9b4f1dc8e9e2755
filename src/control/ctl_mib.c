/*
 * ctl_mib.c -- names as numbers.
 *
 * A component that is an index stands for itself. The last component says which row it is and where its indices are, so
 * that no text is read to find them; the others are 0. So a mib of the first components of a name ends in a component
 * that names no row, and can be completed with what follows in the mib of any longer name.
 *
 *   last = (position of the row + 1) << 20 | place of <j> << 10 | place of <i> << 5 | number of components
 */
#include "control/ctl_names.h"

#include <errno.h>
#include <string.h>

#define FIELD_BITS 5
#define FIELD_MASK ((1U << FIELD_BITS) - 1)

static size_t
pack(const ctl_name_t *name) {
    size_t last = (size_t)(name->row - ctl_rows) + 1;
    last = last << 2 * FIELD_BITS | name->place[1];
    last = last << FIELD_BITS | name->place[0];
    return last << FIELD_BITS | name->ncomponents;
}

/* Is every index among the first n components within its range? */
static bool
in_reach(const ctl_name_t *name, size_t n) {
    for (unsigned k = 0; k < name->nplaces; k++) {
        if (name->place[k] < n && !ctl_in_reach(name->row, k, name->call.index[k])) {
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
    size_t n = resolved.ncomponents < *len ? resolved.ncomponents : *len;
    if (!in_reach(&resolved, n)) {
        return ENOENT;
    }
    memset(mib, 0, n * sizeof *mib);
    for (unsigned k = 0; k < resolved.nplaces; k++) {
        if (resolved.place[k] < n) {
            mib[resolved.place[k]] = resolved.call.index[k];
        }
    }
    if (n == resolved.ncomponents && resolved.whole) {
        mib[n - 1] = pack(&resolved);
    }
    *len = n;
    return 0;
}

/* A last component that no ctl_nametomib gave reads no more than `len` components either. */
int
ctl_resolve_mib(const size_t *mib, size_t len, ctl_name_t *out) {
    size_t last = len == 0 ? 0 : mib[len - 1];
    size_t position = (last >> 4 * FIELD_BITS) - 1;
    if ((last & FIELD_MASK) != len || position >= ctl_nrows) {
        return ENOENT;
    }
    out->row = out->call.row = &ctl_rows[position];
    out->call.arg = out->row->arg;
    out->nplaces = 0;
    for (size_t places = last >> FIELD_BITS; (places & FIELD_MASK) != 0; places >>= FIELD_BITS) {
        size_t place = places & FIELD_MASK;
        if (place >= len || out->nplaces == CTL_MAX_INDICES) {
            return ENOENT;
        }
        out->place[out->nplaces] = (unsigned)place;
        out->call.index[out->nplaces++] = mib[place];
    }
    out->nindices = out->nplaces;
    out->ncomponents = (unsigned)len;
    out->whole = true;
    return 0;
}
