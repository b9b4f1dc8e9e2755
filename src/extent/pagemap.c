/* pagemap.c -- makes leaves, and writes entries. */
#include "extent/pagemap.h"

#include "base/check.h"
#include "extent/metadata.h"
#include "os/pages.h"

#define LEAF_ENTRIES ((size_t)1 << LG_LEAF)
#define GRANULE      ((size_t)1 << LG_GRANULE)

/* Mostly untouched. Common symbols are linked last, so it is not among the variables that every process touches. */
__attribute__((common)) pagemap_classes_t pagemap_classes;
/* Not static: another process finds it (control/layout.def). */
lock_t lock_of_pagemap = LOCK_INITIALIZER(RANK_PAGEMAP);

/* Maps both leaves of one root entry, and the bits. */
static bool
make_leaf(uintptr_t root) {
    char *leaves = pages_map(PAGEMAP_EXTENTS_BYTES + LEAF_ENTRIES * sizeof(uint16_t) + LEAF_ENTRIES / 8, pages_size());
    if (leaves == NULL) {
        return false;
    }
    uintptr_t distance = (uintptr_t)leaves + PAGEMAP_EXTENTS_BYTES - (uintptr_t)pagemap_classes.zero_leaf;
    atomic_set_release(&pagemap_classes.leaf[root], (uintptr_t)((intptr_t)distance / (intptr_t)sizeof(uint16_t)));
    return true;
}

/* Most calls find the leaf made. Two threads that do not are serialised by the lock. */
static bool
ensure_root(uintptr_t root) {
    if (atomic_get_acquire(&pagemap_classes.leaf[root]) != 0) {
        return true;
    }
    lock_acquire(&lock_of_pagemap);
    bool made = atomic_get(&pagemap_classes.leaf[root]) != 0 || make_leaf(root);
    lock_release(&lock_of_pagemap);
    return made;
}

bool
pagemap_ensure(uintptr_t addr, size_t size) {
    uintptr_t last = (addr + size - 1) >> LG_LEAF_SPAN;
    if (last >= PAGEMAP_ROOTS) {
        return false;
    }
    for (uintptr_t root = addr >> LG_LEAF_SPAN; root <= last; root++) {
        if (!ensure_root(root)) {
            return false;
        }
    }
    return true;
}

/* addr has a leaf. */
static void
set_entry(uintptr_t addr, extent_t *e) {
    pagemap_entry_t *leaf = pagemap_extents_at(atomic_get(&pagemap_classes.leaf[addr >> LG_LEAF_SPAN]));
    atomic_set_release(&leaf[addr >> LG_GRANULE & (LEAF_ENTRIES - 1)], e);
}

void
pagemap_set_boundary(uintptr_t addr, size_t size, extent_t *e) {
    set_entry(addr, e);
    set_entry(addr + size - GRANULE, e);
}

void
pagemap_set_class(uintptr_t addr, uint8_t bin_index) {
    uintptr_t root = addr >> LG_LEAF_SPAN;
    uintptr_t leaf = atomic_get(&pagemap_classes.leaf[root]);
    check(leaf != 0);
    uintptr_t place = leaf + (addr >> LG_GRANULE & (LEAF_ENTRIES - 1));
    atomic_set(pagemap_class_at(place), (uint16_t)(bin_index << LG_CACHE_BIN));
}

void
pagemap_set_slab(extent_t *e, uint8_t bin_index) {
    for (uintptr_t granule = e->addr; granule < extent_end(e); granule += GRANULE) {
        set_entry(granule, e);
        pagemap_set_class(granule, bin_index);
    }
}

void
pagemap_clear_slab(const extent_t *e) {
    for (uintptr_t granule = e->addr; granule < extent_end(e); granule += GRANULE) {
        pagemap_set_class(granule, 0);
        if (granule != e->addr && granule + GRANULE != extent_end(e)) {
            set_entry(granule, NULL);
        }
    }
}

lock_t *
pagemap_mutex(void) {
    return &lock_of_pagemap;
}

void
pagemap_prefork(void) {
    lock_prefork(&lock_of_pagemap);
}

void
pagemap_postfork(bool child) {
    lock_postfork(&lock_of_pagemap, child);
}
