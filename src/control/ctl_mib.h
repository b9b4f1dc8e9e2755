/*
 * ctl_mib.h -- names as numbers.
 *
 * A component that is an index stands for itself. The last component says which row it is and where its indices are, so
 * that no text is read to find them; the others are 0. So a mib of the first components of a name ends in a component
 * that names no row, and can be completed with what follows in the mib of any longer name.
 *
 *   last = (position of the row + 1) << 20 | place of <j> << 10 | place of <i> << 5 | number of components
 */
#ifndef LUNALLOC_CONTROL_CTL_MIB_H
#define LUNALLOC_CONTROL_CTL_MIB_H

#include "control/ctl_names.h"

#include <errno.h>

#define MIB_FIELD_BITS 5
#define MIB_FIELD_MASK ((1U << MIB_FIELD_BITS) - 1)

/* A mib of a name, or of its first components; ENOENT. */
int ctl_nametomib(const char *name, size_t *mib, size_t *len);

/* A last component that no ctl_nametomib gave reads no more than `len` components either. */
static inline int
ctl_resolve_mib(const size_t *mib, size_t len, ctl_name_t *out) {
    size_t last = len == 0 ? 0 : mib[len - 1];
    size_t position = (last >> 4 * MIB_FIELD_BITS) - 1;
    if ((last & MIB_FIELD_MASK) != len || position >= ctl_nrows) {
        return ENOENT;
    }
    out->row = out->call.row = &ctl_rows[position];
    out->call.arg = out->row->arg;
    out->nplaces = 0;
    for (size_t places = last >> MIB_FIELD_BITS; (places & MIB_FIELD_MASK) != 0; places >>= MIB_FIELD_BITS) {
        size_t place = places & MIB_FIELD_MASK;
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

#endif
