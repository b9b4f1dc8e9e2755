/*
 * changes_test.c -- what became of each address between two sets of extents, beside a model that looks at each page.
 */
#include "../workload/cmocka_all.h"

#include "map/changes.h"

#include <stdlib.h>
#include <string.h>

enum {
    PAGE = 4096,
    PAGES = 1500,
    ROUNDS = 300
};

static uint64_t seed = 1;

static uint64_t
random_below(uint64_t n) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % n;
}

static void
make_random(extent_set_t *set) {
    *set = (extent_set_t){0};
    for (uint64_t page = random_below(30); page < PAGES - 40;) {
        uint64_t npages = 1 + random_below(30);
        const extent_entry_t entry = {.addr = page * PAGE,
                                      .size = npages * PAGE,
                                      .arena = (uint32_t)random_below(2),
                                      .szind = (uint16_t)random_below(2),
                                      .state = (uint8_t)random_below(EXTENT_STATES)};
        assert_true(extent_set_add(set, &entry));
        page += npages + (random_below(3) == 0 ? random_below(60) : 0);
    }
    assert_true(extent_set_tidy(set));
}

static const extent_entry_t *
entry_at(const extent_set_t *set, uint64_t addr) {
    for (size_t i = 0; i < set->n; i++) {
        if (addr >= set->all[i].addr && addr < set->all[i].addr + set->all[i].size) {
            return &set->all[i];
        }
    }
    return NULL;
}

static bool
is_of(const extent_entry_t *entry, uint32_t arena) {
    return entry != NULL && entry->arena == arena;
}

/* Sums by page; and by cell of a layout that begins at 0, of the changes in an arena or in all. */
static void
model(const extent_set_t *before, const extent_set_t *after, uint32_t only, uint64_t cell_bytes,
      change_matrix_t *matrix, uint64_t *kinds, uint64_t (*sums)[CHANGE_KINDS]) {
    for (uint64_t addr = 0; addr < (uint64_t)PAGES * PAGE; addr += PAGE) {
        const extent_entry_t *a = entry_at(before, addr), *b = entry_at(after, addr);
        if (a == NULL && b == NULL) {
            continue;
        }
        matrix->bytes[a == NULL ? 0 : 1 + a->state][b == NULL ? 0 : 1 + b->state] += PAGE;
        kinds[change_of(a, b)] += PAGE;
        if (only == LUNALLOC_ALL || is_of(a, only) || is_of(b, only)) {
            sums[addr / cell_bytes][change_of(a, b)] += PAGE;
        }
    }
}

static char
wanted_cell(const uint64_t *sums) {
    unsigned best = 0;
    for (unsigned kind = 1; kind < CHANGE_KINDS; kind++) {
        best = sums[kind] > (best == 0 ? 0 : sums[best]) ? kind : best;
    }
    return (char)(sums[best] == 0 ? MAP_EMPTY : MAP_EMPTY + 1 + (char)best);
}

static void
compare(const extent_set_t *before, const extent_set_t *after, uint32_t only, uint64_t cell_bytes) {
    static uint64_t sums[PAGES + 1][CHANGE_KINDS];
    change_matrix_t matrix, wanted = {0};
    uint64_t kinds[CHANGE_KINDS], wanted_kinds[CHANGE_KINDS] = {0};
    const map_span_t span = {0, (uint64_t)PAGES * PAGE, 0};
    const map_layout_t layout = {&span, 1, cell_bytes, (size_t)((PAGES * PAGE - 1) / cell_bytes + 1)};
    char cells[PAGES];
    map_totals_t totals;
    memset(sums, 0, sizeof(sums));
    model(before, after, only, cell_bytes, &wanted, wanted_kinds, sums);
    changes_sum(before, after, &matrix, kinds);
    assert_memory_equal(&matrix, &wanted, sizeof(matrix));
    assert_memory_equal(kinds, wanted_kinds, sizeof(kinds));
    changes_raster(before, after, only, &layout, cells, &totals);
    for (size_t i = 0; i < layout.ncells; i++) {
        assert_int_equal(cells[i], wanted_cell(sums[i]));
        for (unsigned kind = 0; kind < CHANGE_KINDS; kind++) {
            totals.bytes[kind] -= sums[i][kind];
        }
    }
    for (unsigned key = 0; key < MAP_KEYS; key++) {
        assert_int_equal(totals.bytes[key], 0);
    }
}

static void
test_changes_are_those_of_each_page(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        extent_set_t before, after;
        make_random(&before);
        make_random(&after);
        compare(&before, &after, round % 2 == 0 ? LUNALLOC_ALL : 1, (1 + random_below(20)) * PAGE);
        extent_set_free(&before);
        extent_set_free(&after);
    }
}

static void
test_nothing_before_or_after(void **state) {
    (void)state;
    extent_set_t some, none = {0};
    change_matrix_t matrix;
    uint64_t kinds[CHANGE_KINDS], all = 0;
    make_random(&some);
    for (size_t i = 0; i < some.n; i++) {
        all += some.all[i].size;
    }
    changes_sum(&none, &some, &matrix, kinds);
    assert_int_equal(kinds[CHANGE_APPEARED], all);
    changes_sum(&some, &none, &matrix, kinds);
    assert_int_equal(kinds[CHANGE_GONE], all);
    changes_sum(&some, &some, &matrix, kinds);
    assert_int_equal(kinds[CHANGE_NONE], all);
    changes_sum(&none, &none, &matrix, kinds);
    assert_int_equal(kinds[CHANGE_NONE], 0);
    extent_set_free(&some);
}

static void
test_kinds(void **state) {
    (void)state;
    const extent_entry_t active = {.state = LUNALLOC_ACTIVE}, busy = {.state = LUNALLOC_BUSY},
                         dirty = {.state = LUNALLOC_DIRTY}, muzzy = {.state = LUNALLOC_MUZZY},
                         retained = {.state = LUNALLOC_RETAINED}, slab = {.flags = EXTENT_SLAB}, other = {.szind = 1},
                         moved = {.arena = 1};
    assert_int_equal(change_of(&active, &busy), CHANGE_NONE);
    assert_int_equal(change_of(&active, &dirty), CHANGE_FREED);
    assert_int_equal(change_of(&muzzy, &active), CHANGE_ALLOCATED);
    assert_int_equal(change_of(&dirty, &muzzy), CHANGE_PURGED);
    assert_int_equal(change_of(&dirty, &retained), CHANGE_PURGED);
    assert_int_equal(change_of(&retained, &dirty), CHANGE_REUSED);
    assert_int_equal(change_of(&active, &slab), CHANGE_REUSED);
    assert_int_equal(change_of(&active, &other), CHANGE_REUSED);
    assert_int_equal(change_of(&active, &moved), CHANGE_REUSED);
    assert_int_equal(change_of(&dirty, &dirty), CHANGE_NONE);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes_are_those_of_each_page),
        cmocka_unit_test(test_nothing_before_or_after),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
