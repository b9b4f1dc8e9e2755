/* mappings.c -- the borders' bits, which are beside the page map's entries, and two counters. */
#include "extent/mappings.h"

#include "base/atomic.h"
#include "extent/pagemap.h"

static _Atomic size_t nborders; /* Synchronization: any thread adds. */
static _Atomic size_t nguards;  /* Synchronization: any thread adds. */

bool
mappings_may_move(void) {
    return atomic_get(&nborders) < MAPPINGS_BORDERS;
}

typedef _Atomic uint64_t word_t;

/* The word with a granule's bit. NULL where no region ever was: the last border may be there. */
static word_t *
word_of(uintptr_t granule) {
    uintptr_t leaf = atomic_get_acquire(&pagemap_classes.leaf[granule >> LG_LEAF]);
    return leaf == 0 ? NULL : &pagemap_bits_at(leaf)[(granule & ((1U << LG_LEAF) - 1)) / 64];
}

static void
count_borders(size_t n, bool more) {
    if (n != 0) {
        atomic_add(&nborders, more ? n : -n);
    }
}

static void
set_border(uintptr_t addr) {
    uintptr_t granule = addr >> LG_GRANULE;
    word_t *word = word_of(granule);
    uint64_t bit = UINT64_C(1) << (granule & 63);
    if (word != NULL) {
        count_borders((atomic_fetch_or_explicit(word, bit, memory_order_relaxed) & bit) == 0, true);
    }
}

/* Removes the borders of granules first .. last, of one word. */
static void
clear_in_word(uintptr_t first, uintptr_t last) {
    word_t *word = word_of(first);
    uint64_t mask = UINT64_MAX >> (63 - (last - first)) << (first & 63);
    if (word != NULL && (atomic_get(word) & mask) != 0) {
        uint64_t old = atomic_fetch_and_explicit(word, ~mask, memory_order_relaxed);
        count_borders((size_t)__builtin_popcountll(old & mask), false);
    }
}

/* Removes the borders in [from, to). */
static void
clear_borders(uintptr_t from, uintptr_t to) {
    uintptr_t first = from >> LG_GRANULE, end = to >> LG_GRANULE;
    while (first < end) {
        uintptr_t last = (first | 63) < end - 1 ? (first | 63) : end - 1;
        clear_in_word(first, last);
        first = last + 1;
    }
}

void
mappings_moved(uintptr_t addr, size_t size) {
    clear_borders(addr + ((uintptr_t)1 << LG_GRANULE), addr + size);
    set_border(addr);
    set_border(addr + size);
}

void
mappings_extended(uintptr_t addr, size_t size) {
    uintptr_t end = addr + size;
    clear_borders(addr, end);
    set_border(end);
}

/* The bits of a granule and of those after it in its word; bit 0 is its own. */
static uint64_t
borders_from(uintptr_t granule) {
    word_t *word = word_of(granule);
    return word == NULL ? 0 : atomic_get(word) >> (granule & 63);
}

/* Borders inside of the old range have moved along: each one is set at its distance from the start. */
void
mappings_carried(uintptr_t from, uintptr_t to, size_t size) {
    uintptr_t first = from >> LG_GRANULE, end = (from + size) >> LG_GRANULE;
    mappings_moved(to, size);
    for (uintptr_t granule = first; granule < end; granule = (granule | 63) + 1) {
        uint64_t rest = borders_from(granule);
        for (uintptr_t at = granule; rest != 0 && at < end; at++, rest >>= 1) {
            if ((rest & 1) != 0) {
                set_border(to + ((at - first) << LG_GRANULE));
            }
        }
    }
}

void
mappings_unmapped(uintptr_t addr, size_t size) {
    clear_borders(addr, addr + size);
}

size_t
mappings_borders(void) {
    return atomic_get(&nborders);
}

bool
mappings_has_guards(void) {
    return atomic_get(&nguards) < MAPPINGS_GUARDS;
}

bool
mappings_add_guard(void) {
    bool may = atomic_add(&nguards, 1) < MAPPINGS_GUARDS;
    if (!may) {
        mappings_remove_guard();
    }
    return may;
}

void
mappings_remove_guard(void) {
    atomic_sub(&nguards, 1);
}
