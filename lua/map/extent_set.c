/* extent_set.c -- see extent_set.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* mremap */
#endif
#include "map/extent_set.h"

#include <string.h>
#include <sys/mman.h>

#define FIRST_ROOM ((size_t)1 << 16)
#define HUGE_FROM  ((size_t)4 << 20)

enum {
    ENTRIES_MAX = 1 << 30
};

/* ---- memory ---- */

static void *
map_room(size_t room) {
    void *made = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return made == MAP_FAILED ? NULL : made;
}

static bool
resize(extent_set_t *set, size_t room) {
    void *moved = set->room == 0 ? map_room(room) : mremap(set->all, set->room, room, MREMAP_MAYMOVE);
    if (moved == NULL || moved == MAP_FAILED) {
        return false;
    }
    if (room >= HUGE_FROM) {
        madvise(moved, room, MADV_HUGEPAGE); /* a tenth of the page faults; a wish only */
    }
    set->all = moved;
    set->room = room;
    return true;
}

static bool
grow(extent_set_t *set) {
    return resize(set, set->room == 0 ? FIRST_ROOM : 2 * set->room);
}

bool
extent_set_reserve(extent_set_t *set, uint64_t n) {
    uint64_t room = FIRST_ROOM;
    if (n > ENTRIES_MAX) {
        return false;
    }
    while (room < n * sizeof(extent_entry_t)) {
        room *= 2;
    }
    return room <= set->room || resize(set, room);
}

void
extent_set_free(extent_set_t *set) {
    if (set->room != 0) {
        munmap(set->all, set->room);
    }
    set->all = NULL;
    set->n = set->room = 0;
}

/* ---- adding ---- */

static bool
is_sound(const extent_entry_t *entry) {
    return entry->size > 0 && entry->addr < EXTENT_ADDRESS_END && entry->size <= EXTENT_ADDRESS_END - entry->addr &&
           entry->state < EXTENT_STATES;
}

bool
extent_set_add(extent_set_t *set, const extent_entry_t *entry) {
    if (!is_sound(entry)) {
        return true;
    }
    if ((set->n + 1) * sizeof(*entry) > set->room && !grow(set)) {
        return false;
    }
    extent_entry_t *to = &set->all[set->n++];
    *to = *entry;
    to->nfree = to->nfree < to->nregs ? to->nfree : to->nregs;
    return true;
}

bool
extent_set_add_extent(extent_set_t *set, const lunalloc_extent_t *extent) {
    const extent_entry_t entry = {
        .addr = extent->addr,
        .size = extent->size,
        .sn = extent->sn,
        .lru = extent->state == LUNALLOC_ACTIVE ? extent->discarded : extent->lru,
        .arena = extent->arena,
        .nfree = extent->nfree,
        .nregs = extent->nregs,
        .szind = extent->szind < EXTENT_CLASSES ? (uint16_t)extent->szind : EXTENT_NO_CLASS,
        .state = (uint8_t)((unsigned)extent->state < EXTENT_STATES ? (unsigned)extent->state : EXTENT_STATES),
        .flags = (uint8_t)((extent->slab ? EXTENT_SLAB : 0) | (extent->is_head ? EXTENT_HEAD : 0) |
                           (extent->committed ? EXTENT_COMMITTED : 0) | (extent->zeroed ? EXTENT_ZEROED : 0)),
    };
    return extent_set_add(set, &entry);
}

/* ---- sorting: a merge sort that begins with the ascending runs that are there, as a walk gives long ones ---- */

/* Where the ascending run that begins at `from` ends. */
static size_t
run_end(const extent_entry_t *all, size_t n, size_t from) {
    size_t i = from + 1;
    while (i < n && all[i - 1].addr <= all[i].addr) {
        i++;
    }
    return i < n ? i : n;
}

/* Merges all[a..b) and all[b..c) to `out`. */
static void
merge(const extent_entry_t *all, size_t a, size_t b, size_t c, extent_entry_t *out) {
    size_t i = a, j = b;
    while (i < b && j < c) {
        *out++ = all[j].addr < all[i].addr ? all[j++] : all[i++];
    }
    memcpy(out, &all[i], (b - i) * sizeof(*out));
    memcpy(out + (b - i), &all[j], (c - j) * sizeof(*out));
}

/* Merges each two neighbouring runs of `from` to `to`. Returns how many runs there were. */
static size_t
merge_runs(const extent_entry_t *from, size_t n, extent_entry_t *to) {
    size_t runs = 0;
    for (size_t at = 0; at < n;) {
        size_t middle = run_end(from, n, at);
        size_t end = middle < n ? run_end(from, n, middle) : n;
        merge(from, at, middle, end, &to[at]);
        runs += middle < n ? 2 : 1;
        at = end;
    }
    return runs;
}

static bool
sort(extent_set_t *set) {
    if (set->n == 0 || run_end(set->all, set->n, 0) == set->n) {
        return true;
    }
    extent_entry_t *other = map_room(set->room);
    if (other == NULL) {
        return false;
    }
    size_t runs;
    do {
        runs = merge_runs(set->all, set->n, other);
        extent_entry_t *sorted = other;
        other = set->all;
        set->all = sorted;
    } while (runs > 2);
    munmap(other, set->room);
    return true;
}

static void
clip_overlaps(extent_set_t *set) {
    uint64_t end = 0;
    size_t kept = 0;
    for (size_t i = 0; i < set->n; i++) {
        extent_entry_t entry = set->all[i];
        uint64_t stop = entry.addr + entry.size;
        if (stop <= end) {
            continue;
        }
        entry.addr = entry.addr < end ? end : entry.addr;
        entry.size = stop - entry.addr;
        set->all[kept++] = entry;
        end = stop;
    }
    set->n = kept;
}

static bool
is_tidy(const extent_set_t *set) {
    uint64_t end = 0;
    for (size_t i = 0; i < set->n; i++) {
        if (set->all[i].addr < end) {
            return false;
        }
        end = set->all[i].addr + set->all[i].size;
    }
    return true;
}

bool
extent_set_tidy(extent_set_t *set) {
    if (is_tidy(set)) {
        return true;
    }
    if (!sort(set)) {
        return false;
    }
    clip_overlaps(set);
    return true;
}

/* ---- looking ---- */

size_t
extent_set_find(const extent_set_t *set, uint64_t addr) {
    size_t low = 0, high = set->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->all[middle].addr + set->all[middle].size <= addr) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint64_t
extent_used(const extent_set_t *set, const extent_entry_t *entry) {
    if (entry->state != LUNALLOC_ACTIVE && entry->state != LUNALLOC_BUSY) {
        return 0;
    }
    if ((entry->flags & EXTENT_SLAB) == 0) {
        return entry->state == LUNALLOC_ACTIVE ? entry->size : 0;
    }
    uint64_t object = entry->szind < set->nclasses ? set->class_size[entry->szind]
                      : entry->nregs > 0           ? entry->size / entry->nregs
                                                   : 0;
    uint64_t used;
    bool overflow = __builtin_mul_overflow(object, (uint64_t)(entry->nregs - entry->nfree), &used);
    return overflow || used > entry->size ? entry->size : used;
}

/* Joins what is at most `gap` apart. Returns how many spans there are, or would be if there are more than `max`. */
static size_t
join(const extent_set_t *set, uint64_t gap, extent_span_t *out, size_t max) {
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++) {
        uint64_t start = set->all[i].addr, end = start + set->all[i].size;
        if (n > 0 && start - out[n - 1].end <= gap) {
            out[n - 1].end = end;
        } else if (n == max) {
            return max + 1;
        } else {
            out[n++] = (extent_span_t){start, end};
        }
    }
    return n;
}

size_t
extent_set_spans(const extent_set_t *set, uint64_t *gap, extent_span_t *out, size_t max) {
    size_t n;
    while ((n = join(set, *gap, out, max)) > max) {
        *gap = *gap == 0 ? 4096 : *gap * 2;
    }
    return n;
}
