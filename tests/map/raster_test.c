/*
 * raster_test.c -- rasters against a naive model that looks at each page: keys of cells, and that no byte is lost.
 */
#include "../workload/cmocka_all.h"

#include "map/raster.h"

#include <stdlib.h>
#include <string.h>

enum {
    PAGE = 4096,
    PAGES = 3000, /* of the model's address space */
    ROUNDS = 300
};

static uint64_t seed = 1;

static uint64_t
random_below(uint64_t n) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % n;
}

/* ---- sets ---- */

static void
add_random(extent_set_t *set, uint64_t page, uint64_t npages) {
    bool slab = random_below(2) == 0;
    uint32_t nregs = slab ? 1 + (uint32_t)random_below(64) : 0;
    const extent_entry_t entry = {
        .addr = page * PAGE,
        .size = npages * PAGE,
        .sn = random_below(100),
        .arena = (uint32_t)random_below(3),
        .nregs = nregs,
        .nfree = nregs > 0 ? (uint32_t)random_below(nregs + 1) : 0,
        .szind = (uint16_t)random_below(20),
        .state = (uint8_t)random_below(EXTENT_STATES),
        .flags = slab ? EXTENT_SLAB : 0,
    };
    assert_true(extent_set_add(set, &entry));
}

/* Extents that do not overlap, with gaps, in no order. */
static void
make_random(extent_set_t *set) {
    *set = (extent_set_t){.nclasses = 20};
    for (unsigned i = 0; i < 20; i++) {
        set->class_size[i] = 8u << i;
    }
    for (uint64_t page = 1 + random_below(20); page < PAGES - 40;) {
        uint64_t npages = 1 + random_below(30);
        add_random(set, page, npages);
        page += npages + (random_below(4) == 0 ? random_below(200) : 0);
    }
    for (size_t i = 0; i < set->n; i++) {
        size_t other = random_below(set->n);
        extent_entry_t moved = set->all[i];
        set->all[i] = set->all[other];
        set->all[other] = moved;
    }
    assert_true(extent_set_tidy(set));
}

/* Spans with gaps between them, each with its cells, and holes between the cells. */
static map_layout_t
make_layout(map_span_t *spans, uint64_t cell_bytes) {
    map_layout_t layout = {.spans = spans, .cell_bytes = cell_bytes};
    size_t cell = 0;
    for (uint64_t page = random_below(10); page < PAGES - 500 && layout.nspans < 16;) {
        uint64_t npages = 1 + random_below(500);
        spans[layout.nspans++] = (map_span_t){page * PAGE, (page + npages) * PAGE, cell};
        cell += (npages * PAGE - 1) / cell_bytes + 1 + random_below(3);
        page += npages + random_below(100);
    }
    layout.ncells = cell;
    assert_true(map_layout_check(&layout));
    return layout;
}

/* ---- the model ---- */

/* The cell of an address; SIZE_MAX if it is in no span. */
static size_t
cell_of(const map_layout_t *layout, uint64_t addr) {
    for (size_t i = 0; i < layout->nspans; i++) {
        const map_span_t *span = &layout->spans[i];
        if (addr >= span->start && addr < span->end) {
            return span->cell + (addr - span->start) / layout->cell_bytes;
        }
    }
    return SIZE_MAX;
}

static void
model(const extent_set_t *set, const map_keys_t *keys, const map_layout_t *layout, uint64_t (*sums)[MAP_KEYS]) {
    memset(sums, 0, layout->ncells * sizeof(*sums));
    for (size_t i = 0; i < set->n; i++) {
        const extent_entry_t *entry = &set->all[i];
        bool wanted = keys->only == LUNALLOC_ALL || keys->only == entry->arena;
        for (uint64_t addr = entry->addr; wanted && addr < entry->addr + entry->size; addr += PAGE) {
            size_t cell = cell_of(layout, addr);
            if (cell != SIZE_MAX) {
                sums[cell][map_key_of(keys, set, entry)] += PAGE;
            }
        }
    }
}

static char
most(const uint64_t *sums) {
    unsigned best = 0;
    for (unsigned key = 1; key < MAP_KEYS; key++) {
        best = sums[key] > sums[best] ? key : best;
    }
    return (char)(sums[best] == 0 ? MAP_EMPTY : MAP_EMPTY + 1 + (char)best);
}

static void
compare(const extent_set_t *set, map_by_t by, uint32_t only, const map_layout_t *layout) {
    uint64_t(*sums)[MAP_KEYS] = malloc(layout->ncells * sizeof(*sums));
    uint64_t totals_of_model[MAP_KEYS] = {0};
    char *cells = malloc(layout->ncells);
    map_keys_t keys;
    map_totals_t totals;
    map_keys_init(&keys, by, only, set);
    model(set, &keys, layout, sums);
    map_raster(set, &(residency_t){0}, &keys, layout, cells, &totals);
    for (size_t i = 0; i < layout->ncells; i++) {
        assert_int_equal(cells[i], most(sums[i]));
        for (unsigned key = 0; key < MAP_KEYS; key++) {
            totals_of_model[key] += sums[i][key];
        }
    }
    assert_memory_equal(totals.bytes, totals_of_model, sizeof(totals_of_model));
    free(cells);
    free(sums);
}

/* ---- tests ---- */

static void
test_cells_have_the_key_of_most_bytes(void **state) {
    static const map_by_t ways[] = {MAP_BY_STATE, MAP_BY_AGE, MAP_BY_ARENA, MAP_BY_CLASS};
    map_span_t spans[16];
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        extent_set_t set;
        make_random(&set);
        map_layout_t layout = make_layout(spans, (1 + random_below(40)) * PAGE);
        for (size_t i = 0; i < 4; i++) {
            compare(&set, ways[i], round % 2 == 0 ? LUNALLOC_ALL : (uint32_t)random_below(3), &layout);
        }
        extent_set_free(&set);
    }
}

/* Up to all that no object occupies, of any number of bytes. */
static void
discard_some(const extent_set_t *set, extent_entry_t *entry) {
    if (entry->state == LUNALLOC_ACTIVE && (entry->flags & EXTENT_SLAB) != 0) {
        uint64_t most = entry->size - extent_used(set, entry);
        entry->discarded = random_below(3) == 0 ? most : random_below(most + 1);
    }
}

static uint64_t
sum_of(const uint64_t *bytes) {
    uint64_t sum = 0;
    for (unsigned key = 0; key < MAP_KEYS; key++) {
        sum += bytes[key];
    }
    return sum;
}

/* What is in use, discarded and neither is exact: one layout over everything, in cells of any size. */
static void
test_occupancy_adds_up(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        extent_set_t set;
        make_random(&set);
        uint64_t used = 0, all = 0, discarded = 0;
        for (size_t i = 0; i < set.n; i++) {
            discard_some(&set, &set.all[i]);
            used += extent_used(&set, &set.all[i]);
            all += set.all[i].size;
            discarded += extent_discarded(&set.all[i]);
        }
        uint64_t cell_bytes = (1 + random_below(20)) * PAGE;
        const map_span_t span = {0, (uint64_t)PAGES * PAGE, 0};
        map_layout_t layout = {&span, 1, cell_bytes, (size_t)((PAGES * PAGE - 1) / cell_bytes + 1)};
        char cells[PAGES];
        map_keys_t keys;
        map_totals_t totals;
        map_keys_init(&keys, MAP_BY_OCCUPANCY, LUNALLOC_ALL, &set);
        map_raster(&set, &(residency_t){0}, &keys, &layout, cells, &totals);
        assert_int_equal(totals.bytes[1], used);
        assert_int_equal(totals.bytes[2], discarded);
        assert_int_equal(totals.bytes[0] + totals.bytes[1] + totals.bytes[2], all);
        map_keys_init(&keys, MAP_BY_STATE, LUNALLOC_ALL, &set);
        map_raster(&set, &(residency_t){0}, &keys, &layout, cells, &totals);
        assert_int_equal(totals.bytes[EXTENT_STATES], discarded);
        assert_int_equal(sum_of(totals.bytes), all);
        extent_set_free(&set);
    }
}

/* A slab that is half in use is half in use in each cell, also where cells do not begin with it. */
static void
test_occupancy_is_spread_over_a_slab(void **state) {
    (void)state;
    extent_set_t set = {.nclasses = 1, .class_size = {64}};
    const extent_entry_t slab = {
        .addr = 3 * PAGE, .size = 64 * PAGE, .nregs = 4096, .nfree = 2048, .flags = EXTENT_SLAB};
    assert_true(extent_set_add(&set, &slab) && extent_set_tidy(&set));
    const map_span_t span = {0, 70 * PAGE, 0};
    const map_layout_t layout = {&span, 1, 8 * PAGE, 9};
    char cells[10] = {0};
    map_keys_t keys;
    map_totals_t totals;
    map_keys_init(&keys, MAP_BY_OCCUPANCY, LUNALLOC_ALL, &set);
    map_raster(&set, &(residency_t){0}, &keys, &layout, cells, &totals);
    assert_string_equal(cells, "555555555");
    extent_set_free(&set);
}

/* Draws a slab of 64 pages from page 3 on, in cells of 8 pages. */
static void
draw_slab(extent_entry_t slab, map_by_t by, const residency_t *residency, char cells[10], map_totals_t *totals) {
    extent_set_t set = {.nclasses = 1, .class_size = {64}};
    slab.addr = 3 * PAGE;
    slab.size = 64 * PAGE;
    slab.nregs = 4096;
    slab.flags = EXTENT_SLAB;
    assert_true(extent_set_add(&set, &slab) && extent_set_tidy(&set));
    const map_span_t span = {0, 70 * PAGE, 0};
    const map_layout_t layout = {&span, 1, 8 * PAGE, 9};
    map_keys_t keys;
    map_keys_init(&keys, by, LUNALLOC_ALL, &set);
    map_raster(&set, residency, &keys, &layout, cells, totals);
    extent_set_free(&set);
}

/* By state, a cell shows what most of its bytes are; by occupancy, how full the rest is, unless that is the smaller
 * part. */
static void
test_discarded_is_spread_over_a_slab(void **state) {
    (void)state;
    char cells[10] = {0};
    map_totals_t totals;
    const residency_t none = {0};
    const extent_entry_t few = {.nfree = 2048, .discarded = 16 * PAGE}, many = {.nfree = 3584, .discarded = 48 * PAGE};
    draw_slab(few, MAP_BY_STATE, &none, cells, &totals);
    assert_string_equal(cells, "111111111");
    assert_int_equal(totals.bytes[EXTENT_STATES], 16 * PAGE);
    draw_slab(few, MAP_BY_OCCUPANCY, &none, cells, &totals);
    assert_string_equal(cells, "777777777");
    draw_slab(many, MAP_BY_STATE, &none, cells, &totals);
    assert_string_equal(cells, "666666666");
    draw_slab(many, MAP_BY_OCCUPANCY, &none, cells, &totals);
    assert_string_equal(cells, ":::::::::");
    assert_int_equal(totals.bytes[1], 8 * PAGE);
    assert_int_equal(totals.bytes[2], 48 * PAGE);
    const extent_entry_t liar = {.nfree = 0, .discarded = UINT64_MAX};
    draw_slab(liar, MAP_BY_OCCUPANCY, &none, cells, &totals);
    assert_string_equal(cells, "999999999");
    draw_slab(liar, MAP_BY_STATE, &none, cells, &totals);
    assert_string_equal(cells, "666666666");
}

/* By residency the place is known: of the slab's absent pages as many as were discarded, and no others. */
static void
test_discarded_pages_are_absent_ones(void **state) {
    (void)state;
    char cells[10] = {0};
    map_totals_t totals;
    residency_run_t runs[] = {{.start = 0, .end = 8 * PAGE, .kind = RESIDENCY_PRESENT},
                              {.start = 24 * PAGE, .end = 32 * PAGE, .kind = RESIDENCY_PRESENT}};
    const residency_t residency = {.all = runs, .n = 2};
    const extent_entry_t slab = {.nfree = 4000, .discarded = 32 * PAGE};
    draw_slab(slab, MAP_BY_RESIDENCY, &residency, cells, &totals);
    assert_string_equal(cells, "266266111");
    assert_int_equal(totals.bytes[RESIDENCY_KINDS], 32 * PAGE);
    assert_int_equal(totals.bytes[RESIDENCY_ABSENT], 19 * PAGE);
    assert_int_equal(totals.bytes[RESIDENCY_PRESENT], 13 * PAGE);
}

static void
test_what_overlaps_is_counted_once(void **state) {
    (void)state;
    extent_set_t set = {0};
    const extent_entry_t entries[] = {
        {.addr = 8 * PAGE, .size = 4 * PAGE, .state = LUNALLOC_DIRTY},
        {.addr = 2 * PAGE, .size = 8 * PAGE, .state = LUNALLOC_ACTIVE},
        {.addr = 3 * PAGE, .size = PAGE, .state = LUNALLOC_MUZZY},
        {.addr = UINT64_MAX - PAGE, .size = PAGE},             /* out of range */
        {.addr = PAGE, .size = UINT64_MAX},                    /* wraps around */
        {.addr = PAGE, .size = PAGE, .state = EXTENT_STATES},  /* no state */
        {.addr = PAGE, .size = 0, .state = LUNALLOC_RETAINED}, /* empty */
    };
    for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
        assert_true(extent_set_add(&set, &entries[i]));
    }
    assert_true(extent_set_tidy(&set));
    assert_int_equal(set.n, 2);
    assert_int_equal(set.all[0].size, 8 * PAGE);
    assert_int_equal(set.all[1].addr, 10 * PAGE);
    assert_int_equal(set.all[1].size, 2 * PAGE);
    extent_set_free(&set);
}

static void
test_layouts_that_are_wrong(void **state) {
    (void)state;
    map_span_t spans[2] = {{0, 10 * PAGE, 0}, {20 * PAGE, 30 * PAGE, 10}};
    map_layout_t layout = {spans, 2, PAGE, 20};
    assert_true(map_layout_check(&layout));
    layout.ncells = 19;
    assert_false(map_layout_check(&layout));
    layout = (map_layout_t){spans, 2, 0, 20};
    assert_false(map_layout_check(&layout));
    layout.cell_bytes = PAGE;
    spans[1].cell = 9;
    assert_false(map_layout_check(&layout));
    spans[1] = (map_span_t){9 * PAGE, 12 * PAGE, 10};
    assert_false(map_layout_check(&layout));
    spans[1] = (map_span_t){30 * PAGE, 20 * PAGE, 10};
    assert_false(map_layout_check(&layout));
    spans[1] = (map_span_t){20 * PAGE, 21 * PAGE, SIZE_MAX};
    assert_false(map_layout_check(&layout));
}

static void
test_spans_are_joined_until_they_fit(void **state) {
    (void)state;
    extent_set_t set = {0};
    for (uint64_t i = 0; i < 100; i++) {
        const extent_entry_t entry = {.addr = i * 10 * PAGE, .size = PAGE};
        assert_true(extent_set_add(&set, &entry));
    }
    extent_span_t spans[100];
    uint64_t gap = 0;
    assert_int_equal(extent_set_spans(&set, &gap, spans, 100), 100);
    assert_int_equal(gap, 0);
    assert_int_equal(extent_set_spans(&set, &gap, spans, 99), 1);
    assert_int_equal(gap, 16 * PAGE);
    assert_int_equal(spans[0].end, 991 * PAGE);
    extent_set_free(&set);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells_have_the_key_of_most_bytes), cmocka_unit_test(test_occupancy_adds_up),
        cmocka_unit_test(test_occupancy_is_spread_over_a_slab),  cmocka_unit_test(test_what_overlaps_is_counted_once),
        cmocka_unit_test(test_layouts_that_are_wrong),           cmocka_unit_test(test_spans_are_joined_until_they_fit),
        cmocka_unit_test(test_discarded_is_spread_over_a_slab),  cmocka_unit_test(test_discarded_pages_are_absent_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
