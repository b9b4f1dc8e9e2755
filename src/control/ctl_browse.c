/* ctl_browse.c -- answers that go through the table row by row. */
#include "control/ctl_browse.h"

#include "arena/arenas.h"
#include "base/nearest.h"
#include "control/audit.h"
#include "control/text.h"
#include "observe/stats.h"
#include "thread/tcache.h"

#include <string.h>

/* ---- how far an index goes ---- */

static bool
follows(const char *whole, const char *place, const char *word) {
    size_t n = strlen(word);
    return (size_t)(place - whole) >= n && strncmp(place - n, word, n) == 0;
}

/* Of slabs of huge pages, which do not exist here; jemalloc has so many classes. */
#define HUGE_SLAB_CLASSES 64

/* How many values the index at `place` of a pattern takes. The component in front of it tells what is counted. */
static size_t
limit_of(const char *pattern, const char *place) {
    if (follows(pattern, place, "bin.") || follows(pattern, place, "bins.")) {
        return sc.nsmall;
    }
    if (follows(pattern, place, "lextent.") || follows(pattern, place, "lextents.")) {
        return sc.nsizes - sc.nsmall;
    }
    if (follows(pattern, place, "extents.")) {
        return SC_NPAGE_CLASSES;
    }
    if (follows(pattern, place, "audit.")) {
        return audit_kept();
    }
    if (follows(pattern, place, "caches.")) {
        return tcache_nclasses();
    }
    return follows(pattern, place, "nonfull_slabs.") ? HUGE_SLAB_CLASSES : arenas_count();
}

/* The k-th index of a pattern; NULL if it has fewer. */
static const char *
index_place(const char *pattern, unsigned k) {
    const char *at = strchr(pattern, '<');
    for (; at != NULL && k > 0; k--) {
        at = strchr(at + 1, '<');
    }
    return at;
}

size_t
ctl_limit(const char *name) {
    ctl_name_t resolved;
    for (size_t i = 0; i < ctl_nrows; i++) {
        const char *pattern = ctl_rows[i].name;
        if (ctl_match_prefix(pattern, name, SIZE_MAX, &resolved) != NULL) {
            const char *open = index_place(pattern, resolved.nindices);
            return open == NULL ? 0 : limit_of(pattern, open);
        }
    }
    return 0;
}

bool
ctl_is_of(const ctl_row_t *row, const char *subtree) {
    return strncmp(row->name, subtree, strlen(subtree)) == 0;
}

/* As in jemalloc, the number of arenas is an index, too: it stands for all arenas where several may be meant. */
static bool
arena_in_reach(const ctl_row_t *row, size_t index) {
    uint32_t count = arenas_count();
    if (index >= count) {
        bool settings = !ctl_is_of(row, CTL_STATS_ARENAS);
        return index == count || index == CTL_ALL_ARENAS ||
               (index == STATS_DESTROYED && (settings || arenas_ndestroyed() > 0));
    }
    return ctl_is_of(row, CTL_ARENA) || arenas_get((uint32_t)index) == NULL || arenas_alive((uint32_t)index);
}

bool
ctl_in_reach(const ctl_row_t *row, unsigned k, size_t index) {
    bool arenas =
        ctl_is_of(row, CTL_ARENA) || ctl_is_of(row, CTL_STATS_ARENAS) || ctl_is_of(row, CTL_EXPERIMENTAL_ARENAS);
    return k == 0 && arenas ? arena_in_reach(row, index) : index < limit_of(row->name, index_place(row->name, k));
}

/* ---- groups ---- */

/* The first row that begins with a name and goes on; what is left of its pattern then. NULL if there is none. */
static const char *
find_member(const char *name, ctl_name_t *out) {
    for (size_t i = 0; i < ctl_nrows; i++) {
        const char *rest = ctl_match_prefix(ctl_rows[i].name, name, SIZE_MAX, out);
        if (rest != NULL && *rest == '.') {
            out->call.row = &ctl_rows[i];
            return rest;
        }
    }
    return NULL;
}

bool
ctl_is_group(const char *name) {
    ctl_name_t begun;
    if (find_member(name, &begun) == NULL) {
        return false;
    }
    for (unsigned k = 0; k < begun.nindices; k++) {
        if (!ctl_in_reach(begun.call.row, k, begun.call.index[k])) {
            return false;
        }
    }
    return true;
}

bool
ctl_member(const char *group, char *buf, size_t size) {
    ctl_name_t begun;
    const char *rest = find_member(group, &begun);
    fmt_t out = fmt_begin(buf, size);
    fmt_str(&out, group);
    fmt_str(&out, rest == NULL ? "" : rest);
    return rest != NULL;
}

/* ---- suggestions ---- */

/* Writes a pattern into buf, with the numbers that the name has in the places of its indices. */
static void
instantiate(const char *pattern, const char *name, char *buf, size_t size) {
    fmt_t out = fmt_begin(buf, size);
    while (*pattern != '\0') {
        size_t np = ctl_component(pattern);
        size_t nn = ctl_component(name);
        size_t index;
        bool own = ctl_is_index(pattern) && ctl_parse_index(name, nn, &index);
        fmt_mem(&out, own ? name : pattern, own ? nn : np);
        pattern += np;
        name += nn;
        if (*pattern == '.') {
            fmt_char(&out, '.');
            pattern++;
        }
        name += *name == '.';
    }
}

bool
ctl_suggest(const char *name, char *buf, size_t size) {
    char candidate[TEXT_MAX_NAME + 2], nearest[TEXT_MAX_NAME + 2] = "";
    uint32_t best = NEAREST_NONE;
    for (size_t i = 0; i < ctl_nsupported; i++) {
        instantiate(ctl_rows[i].name, name, candidate, sizeof candidate);
        uint32_t distance = nearest_distance(name, candidate);
        if (distance < best) {
            best = distance;
            strcpy(nearest, candidate);
        }
    }
    if (size > 0) {
        size_t len = strlen(nearest) < size ? strlen(nearest) : size - 1;
        memcpy(buf, nearest, len);
        buf[len] = '\0';
    }
    return best != NEAREST_NONE;
}
