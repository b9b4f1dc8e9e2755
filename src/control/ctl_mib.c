/* ctl_mib.c -- names as numbers (ctl_mib.h). */
#include "control/ctl_mib.h"

#include <string.h>

static size_t
pack(const ctl_name_t *name) {
    size_t last = (size_t)(name->row - ctl_rows) + 1;
    last = last << 2 * MIB_FIELD_BITS | name->place[1];
    last = last << MIB_FIELD_BITS | name->place[0];
    return last << MIB_FIELD_BITS | name->ncomponents;
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
