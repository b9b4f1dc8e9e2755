/* layout_test.c -- the table of layouts: its entries are those of this build, and the distances lead to the variables.
 */
#include "arena/arenas.h"
#include "control/background.h"
#include "control/ctl_option.h"
#include "control/layout.h"
#include "control/target.h"
#include "extent/pagemap.h"
#include "thread/quarantine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

/* Entry `id` of a structure as the compiler has it. */
#define EXPECT_STRUCT(id, type) assert_int_equal(layout_table.structs[layout_##id], sizeof(type))

static void
test_layout_of_structures(void **state) {
    (void)state;
    EXPECT_STRUCT(extent, extent_t);
    EXPECT_STRUCT(arena, arena_t);
    EXPECT_STRUCT(bin, bin_t);
    EXPECT_STRUCT(thread, thread_t);
    EXPECT_STRUCT(cache_bin, cache_bin_t);
    EXPECT_STRUCT(row, ctl_row_t);
    assert_int_equal(layout_table.places[layout_at_free_regs], offsetof(extent_t, free_regs));
    assert_int_equal(layout_table.places[layout_at_bins], offsetof(arena_t, bins));
    assert_int_equal(layout_table.constants[layout_is_ARENAS_MAX], ARENAS_MAX);
    assert_int_equal(layout_table.constants[layout_is_SC_NONE], SC_NONE);
}

/* Whether a structure has a field of exactly this offset and size. */
static bool
has_field(layout_struct_t of, size_t offset, size_t size) {
    for (unsigned i = 0; i < LAYOUT_FIELDS; i++) {
        const layout_field_t *field = &layout_table.fields[i];
        if (field->of == of && field->offset == offset && field->size == size) {
            return true;
        }
    }
    return false;
}

#define EXPECT_FIELD(id, type, path)                                                                                   \
    assert_true(has_field(layout_##id, offsetof(type, path), sizeof(((const type *)NULL)->path)))

static void
test_layout_of_fields(void **state) {
    (void)state;
    EXPECT_FIELD(extent, extent_t, owner);
    EXPECT_FIELD(extent, extent_t, link.next);
    EXPECT_FIELD(region, region_t, next);
    EXPECT_FIELD(arena, arena_t, pages.muzzy.extents.npages);
    EXPECT_FIELD(arena, arena_t, pages.dirty.decay.backlog);
    EXPECT_FIELD(bin, bin_t, lock.nwaits);
    EXPECT_FIELD(thread, thread_t, config_generation);
    EXPECT_FIELD(cache_cold, cache_cold_t, count_at_end);
    EXPECT_FIELD(row, ctl_row_t, arg);
}

/* Fields lie within their structure, do not overlap, and those of a structure follow each other. */
static void
test_layout_fields_are_within_structures(void **state) {
    (void)state;
    const layout_field_t *fields = layout_table.fields;
    for (unsigned i = 0; i < LAYOUT_FIELDS; i++) {
        assert_true(fields[i].of < LAYOUT_STRUCTS && fields[i].size > 0);
        assert_true(fields[i].offset + fields[i].size <= layout_table.structs[fields[i].of]);
        assert_true(i == 0 || fields[i].of >= fields[i - 1].of);
        for (unsigned k = 0; k < i; k++) {
            bool apart = fields[k].of != fields[i].of || fields[k].offset + fields[k].size <= fields[i].offset ||
                         fields[i].offset + fields[i].size <= fields[k].offset;
            assert_true(apart);
        }
    }
}

/* The names of the list, one more than the words that end with ';'. */
static void
test_layout_names(void **state) {
    (void)state;
    const char *names = layout_names(&layout_table);
    assert_int_equal(layout_table.names_size, strlen(names) + 1);
    assert_int_equal(layout_table.size, layout_table.names_offset + layout_table.names_size);
    assert_ptr_equal(strstr(names, "lunalloc;struct sc sc_t;sc.config.lg_page;"), names);
    assert_non_null(strstr(names, ";extent.lru_stamp;"));
    assert_non_null(strstr(names, ";arena.pages.dirty.extents.npages;"));
    assert_non_null(strstr(names, ";variable threads_list;"));
    assert_non_null(strstr(names, ";read_arena_decay;"));
    assert_non_null(strstr(names, ";dirty_decay_ms;"));
    assert_non_null(strstr(names, ";nreslabs;"));
}

#define VARIABLE(symbol) extern char reached_##symbol[] __asm__(#symbol);
#include "control/layout.def"

static void
test_layout_of_variables(void **state) {
    (void)state;
    static const char *const variables[] = {
#define VARIABLE(symbol) reached_##symbol,
#include "control/layout.def"
    };
    assert_ptr_equal(lunalloc_target.layout, &layout_table);
    assert_ptr_equal(lunalloc_target.variables, layout_variables);
    for (unsigned i = 0; i < LAYOUT_VARIABLES; i++) {
        assert_ptr_equal((const char *)&layout_variables[i] + layout_variables[i], variables[i]);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout_of_structures),
        cmocka_unit_test(test_layout_of_fields),
        cmocka_unit_test(test_layout_fields_are_within_structures),
        cmocka_unit_test(test_layout_names),
        cmocka_unit_test(test_layout_of_variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
