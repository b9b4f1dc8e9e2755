/* map_decode.c -- see map_decode.h. */
#include "map/map_decode.h"
#include "map/map_format.h"

/* ---- numbers ---- */

static __attribute__((noinline)) uint64_t
long_number(map_bytes_t *bytes) {
    uint64_t value = 0;
    for (unsigned shift = 0; bytes->at < bytes->end && shift < 64; shift += 7) {
        uint8_t byte = *bytes->at++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            return value;
        }
    }
    bytes->short_of = true;
    return 0;
}

/* Nearly all are one byte long. */
static inline uint64_t
number(map_bytes_t *bytes) {
    return bytes->at < bytes->end && *bytes->at < 128 ? *bytes->at++ : long_number(bytes);
}

uint64_t
map_decode_number(map_bytes_t *bytes) {
    return number(bytes);
}

static uint8_t
byte(map_bytes_t *bytes) {
    if (bytes->at == bytes->end) {
        bytes->short_of = true;
        return 0;
    }
    return *bytes->at++;
}

/* In units; EXTENT_ADDRESS_END, which is out of range, if it is too large. */
static inline uint64_t
length(map_bytes_t *bytes, unsigned unit) {
    uint64_t value = number(bytes);
    return value >= EXTENT_ADDRESS_END >> unit ? EXTENT_ADDRESS_END : value << unit;
}

/* Where a record lies. False if that is nowhere, or not behind *address, which becomes its end. */
static inline bool
place(map_bytes_t *bytes, unsigned first, uint64_t before, unsigned unit, extent_span_t *out, uint64_t *address) {
    uint64_t start = before + ((first & MAP_FOLLOWS) != 0 ? 0 : length(bytes, unit));
    uint64_t size = length(bytes, unit);
    if (bytes->short_of || size == 0 || start >= EXTENT_ADDRESS_END || size >= EXTENT_ADDRESS_END - start ||
        start < *address) {
        return false;
    }
    *out = (extent_span_t){start, start + size};
    *address = out->end;
    return true;
}

/* ---- extents ---- */

bool
map_extents_begin(map_extents_t *extents, map_bytes_t bytes, uint32_t count, uint64_t address) {
    *extents = (map_extents_t){.bytes = bytes, .address = address, .left = count};
    extents->unit = byte(&extents->bytes);
    return extents->unit < MAP_UNITS && !extents->bytes.short_of;
}

/* What differs between an extent in use and a free one. */
static inline void
read_use(map_extents_t *extents, map_bytes_t *bytes, extent_entry_t *entry) {
    bool used = entry->state == LUNALLOC_ACTIVE || entry->state == LUNALLOC_BUSY || entry->state == MAP_STATE_DISCARDED;
    uint64_t more = number(bytes);
    extents->lru += used ? 0 : map_unzigzag(more);
    entry->lru = used ? 0 : extents->lru;
    entry->szind = used && more >= 1 && more <= EXTENT_CLASSES ? (uint16_t)(more - 1) : EXTENT_NO_CLASS;
}

/* Of a slab that says so: how much was discarded. False if it is no slab. */
static inline bool
read_discarded(map_bytes_t *bytes, extent_entry_t *entry) {
    if (entry->state != MAP_STATE_DISCARDED) {
        return true;
    }
    uint64_t kib = number(bytes), most = entry->size >> MAP_LG_DISCARDED;
    entry->state = LUNALLOC_ACTIVE;
    entry->discarded = (kib < most ? kib : most) << MAP_LG_DISCARDED;
    return (entry->flags & EXTENT_SLAB) != 0;
}

static inline bool
read_extent(map_extents_t *extents, map_bytes_t *bytes, extent_entry_t *entry) {
    extent_span_t span;
    unsigned first = byte(bytes);
    if (!place(bytes, first, entry->addr + entry->size, extents->unit, &span, &extents->address)) {
        return false;
    }
    entry->addr = span.start;
    entry->size = span.end - span.start;
    entry->state = first & MAP_STATE;
    entry->flags = first >> MAP_FLAGS_SHIFT & MAP_FLAGS;
    entry->sn += map_unzigzag(number(bytes));
    entry->arena += (uint32_t)map_unzigzag(number(bytes));
    read_use(extents, bytes, entry);
    bool slab = (entry->flags & EXTENT_SLAB) != 0;
    uint32_t nregs = slab ? (uint32_t)number(bytes) : 0, nfree = slab ? (uint32_t)number(bytes) : 0;
    entry->nregs = nregs;
    entry->nfree = nfree < nregs ? nfree : nregs;
    return read_discarded(bytes, entry) && !bytes->short_of && entry->state < EXTENT_STATES;
}

bool
map_extents_next(map_extents_t *extents, extent_entry_t *out, size_t max, size_t *n) {
    extent_entry_t entry = extents->last;
    map_bytes_t bytes = extents->bytes;
    *n = extents->left < max ? extents->left : max;
    for (size_t i = 0; i < *n; i++) {
        if (!read_extent(extents, &bytes, &entry)) {
            return false;
        }
        out[i] = entry;
    }
    extents->last = entry;
    extents->bytes = bytes;
    extents->left -= (uint32_t)*n;
    return true;
}

/* ---- other records ---- */

bool
map_decode_classes(extent_set_t *set, map_bytes_t bytes, uint32_t count) {
    if (count > EXTENT_CLASSES) {
        return false;
    }
    for (set->nclasses = 0; set->nclasses < count; set->nclasses++) {
        set->class_size[set->nclasses] = number(&bytes);
    }
    return !bytes.short_of;
}

bool
map_decode_runs(residency_t *out, map_bytes_t bytes, uint32_t count, bool *no_memory) {
    const extent_span_t everywhere = {0, EXTENT_ADDRESS_END};
    residency_builder_t builder = {.out = out, .spans = &everywhere, .nspans = 1};
    extent_span_t span = {0, 0};
    uint64_t address = out->n == 0 ? 0 : out->all[out->n - 1].end;
    unsigned unit = byte(&bytes);
    for (uint32_t i = 0; i < count && unit < MAP_UNITS; i++) {
        unsigned first = byte(&bytes), kind = first & ~(unsigned)MAP_FOLLOWS;
        if (!place(&bytes, first, span.end, unit, &span, &address) || kind >= RESIDENCY_KINDS ||
            kind == RESIDENCY_ABSENT) {
            return false;
        }
        residency_put(&builder, span.start, span.end, (residency_kind_t)kind);
    }
    *no_memory = builder.failed;
    return !builder.failed && unit < MAP_UNITS;
}
