/* sc.c -- the rules of size classes and of slab sizes. */
#include "base/sc.h"

#include "base/check.h"
#include "base/bits.h"

/* Default slab sizes: the search starts at the size of SLAB_REGS_AIM regions, clamped to the two bounds, and ends at
 * twice its start or four regions, whichever is more. */
#define SLAB_REGS_AIM  16
#define SLAB_MIN_BYTES 8192
#define SLAB_AIM_BYTES 16384
#define SLAB_MAX_REGS  512
/* A slab size is good enough if it wastes at most 1/64 of itself. */
#define SLAB_WASTE_DIVISOR 64

sc_t sc;

/* log2 of the largest linear class: the quantum times 2^lg_ngroup. */
static unsigned
lg_linear_max(void) {
    return sc.config.lg_quantum + sc.config.lg_ngroup;
}

/* The definition of the classes: tiny, linear, geometric (sc.h), by index. */
static size_t
size_of_index(uint32_t szind) {
    if (szind < sc.ntiny) {
        return (size_t)1 << (SC_LG_TINY_MIN + szind);
    }
    uint32_t ngroup = 1U << sc.config.lg_ngroup;
    uint32_t i = szind - sc.ntiny;
    if (i < ngroup) {
        return (size_t)(i + 1) << sc.config.lg_quantum;
    }
    uint32_t lg_base = lg_linear_max() + (i - ngroup) / ngroup;
    size_t ndelta = (i - ngroup) % ngroup + 1;
    return ((size_t)1 << lg_base) + (ndelta << (lg_base - sc.config.lg_ngroup));
}

/* The inverse of size_of_index, rounded up to a class. */
uint32_t
sc_index_compute(size_t size) {
    if (size <= ((size_t)1 << sc.config.lg_quantum) / 2) {
        unsigned lg = lg_ceil(size);
        return lg <= SC_LG_TINY_MIN ? 0 : lg - SC_LG_TINY_MIN;
    }
    if (size <= (size_t)1 << lg_linear_max()) {
        return sc.ntiny + (uint32_t)((size - 1) >> sc.config.lg_quantum);
    }
    return sc_index_geometric(size);
}

uint32_t
sc_index_aligned(size_t size, size_t alignment, size_t *place) {
    *place = 1;
    if (size > SC_LARGE_MAX || alignment > SC_LARGE_MAX) {
        return SC_NONE;
    }
    size_t rounded = align_up(size == 0 ? 1 : size, alignment);
    if (alignment <= sc.page && rounded <= sc.small_max) {
        return sc_index(rounded);
    }
    *place = alignment;
    return sc_index(size > sc.small_max ? size : sc.small_max + 1);
}

void
sc_decompose(uint32_t szind, uint32_t *lg_group, uint32_t *lg_delta, uint32_t *ndelta) {
    size_t size = sc.size[szind];
    uint32_t ngroup = 1U << sc.config.lg_ngroup;
    if (szind < sc.ntiny + ngroup) {
        *lg_group = szind < sc.ntiny ? lg_floor(size) : sc.config.lg_quantum;
        *lg_delta = *lg_group;
    } else {
        *lg_group = lg_floor(size - 1);
        *lg_delta = *lg_group - sc.config.lg_ngroup;
    }
    *ndelta = (uint32_t)((size - ((size_t)1 << *lg_group)) >> *lg_delta);
}

static bool
is_page_class(size_t npages) {
    return sc_page_class_floor(npages) == sc_page_class_ceil(npages);
}

/* Whole pages, at least one region and at most max_regs, and small enough for division by multiplication (bits.h). */
static bool
slab_size_valid(uint32_t szind, size_t slab_size) {
    size_t nregs = slab_size / sc.size[szind];
    return slab_size % sc.page == 0 && nregs >= 1 && nregs <= sc.max_regs && slab_size < DIV_MAX_N;
}

/* The size at which the search for a slab size starts, bytes. */
static size_t
slab_size_low(size_t size) {
    size_t low = size * SLAB_REGS_AIM;
    low = low < SLAB_MIN_BYTES ? SLAB_MIN_BYTES : low;
    low = low > SLAB_AIM_BYTES ? SLAB_AIM_BYTES : low;
    low = low < size ? size : low;
    low = low / size > sc.max_regs ? size * sc.max_regs : low;
    return align_up(low, sc.page);
}

/*
 * The smallest slab size from slab_size_low on that wastes little; if none does, the one that wastes the smallest
 * share. Only sizes that are page classes, because a search for such a size finds a free extent of that size
 * (extents_fit).
 */
static uint32_t
default_slab_size(uint32_t szind) {
    size_t size = sc.size[szind];
    size_t low = slab_size_low(size);
    size_t high = low * 2 < size * 4 ? size * 4 : low * 2;
    size_t best = low;
    for (size_t slab = low; slab <= high && slab_size_valid(szind, slab); slab += sc.page) {
        if (!is_page_class(slab / sc.page)) {
            continue;
        }
        if ((slab % size) * best < (best % size) * slab) {
            best = slab;
        }
        if ((slab % size) * SLAB_WASTE_DIVISOR <= slab) {
            return (uint32_t)slab;
        }
    }
    return (uint32_t)best;
}

size_t
sc_nearest_slab_size(uint32_t szind, size_t slab_size) {
    size_t size = sc.size[szind];
    size_t least = align_up(size, sc.page);
    size_t most = align_down(size * (sc.max_regs + 1) - 1, sc.page);
    most = most < DIV_MAX_N ? most : DIV_MAX_N - sc.page;
    slab_size = align_down(slab_size, sc.page);
    return slab_size < least ? least : slab_size > most ? most : slab_size;
}

bool
sc_set_slab_size(uint32_t szind, size_t slab_size) {
    if (szind >= sc.nsmall || !slab_size_valid(szind, slab_size)) {
        return false;
    }
    atomic_set(&sc.slab_size[szind], (uint32_t)slab_size);
    return true;
}

static void
fill_sizes(void) {
    sc.nsizes = sc.nsmall = 0;
    size_t small_limit = sc.page << sc.config.lg_ngroup;
    for (uint32_t i = 0; size_of_index(i) <= SC_LARGE_MAX; i++) {
        sc.size[i] = size_of_index(i);
        sc.nsmall += sc.size[i] < small_limit;
        sc.nsizes++;
    }
    sc.small_max = sc.size[sc.nsmall - 1];
}

/* Entry i serves requests of 8 * i - 7 .. 8 * i bytes: the first class that is not smaller than 8 * i. */
static void
fill_bin_offsets(void) {
    for (uint32_t i = 0, szind = 0; i <= SC_LOOKUP_MAX / 8; i++) {
        while (sc.size[szind] < (size_t)i * 8) {
            szind++;
        }
        atomic_set(&sc.bin_offset[i], (uint16_t)((szind + 1) << LG_CACHE_BIN));
    }
}

void
sc_boot(sc_config_t config) {
    sc.config = config;
    sc.page = (size_t)1 << config.lg_page;
    sc.ntiny = config.lg_quantum - SC_LG_TINY_MIN;
    size_t page_regs = sc.page >> SC_LG_TINY_MIN;
    sc.max_regs = page_regs > SLAB_MAX_REGS ? (uint32_t)page_regs : SLAB_MAX_REGS;
    fill_sizes();
    fill_bin_offsets();
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        sc.magic[i] = div_magic(sc.size[i]);
        atomic_set(&sc.slab_size[i], default_slab_size(i));
    }
}

/* The inverse of sc_page_class_floor. */
size_t
sc_page_class_npages(uint32_t class) {
    unsigned g = sc.config.lg_ngroup;
    size_t per_group = (size_t)1 << g;
    if (class < 2 * per_group) {
        return class + 1;
    }
    size_t from = class + 1 - per_group;
    return (per_group + (from & (per_group - 1))) << (from >> g);
}
