/*
 * remap_test.c -- large allocations that get the memory of dirty extents which are too small for them, or take their
 * own to another place. Sizes in pages. That random operations keep the structure sound is page_alloc_test.c's.
 */
#include "../base/bytes.h"
#include "pages.h"

#include "extent/highwater.h"
#include "os/pages.h"
#include "extent/coalesce.h"
#include "extent/region.h"
#include "extent/remap.h"

#include <sys/mman.h>

static page_alloc_t pa;

enum {
    PIECE = 512, /* dirty in the end: one at each end of ROOM retained pages, live ones between */
    WALL = 2,
    ROOM = 4 * PIECE
};

typedef struct {
    extent_t *walls[2];
    uintptr_t room;
} row_t;

static extent_t *
take(size_t npages, bool *zeroed) {
    return alloc_extent(&pa, npages * sc.page, sc.page, sc_index(npages * sc.page), false, zeroed);
}

static void
fill(const extent_t *e, unsigned char value) {
    memset((void *)e->addr, value, e->size);
}

static bool
holds(uintptr_t addr, size_t npages, unsigned char value) {
    return all_bytes((const void *)addr, npages * sc.page, value);
}

/* dirty 1, wall, retained room, wall, dirty 2: 1 and 2 are also what their bytes hold. */
static row_t
make_row(void) {
    pages_begin(&pa, -1, 0);
    extent_t *all = alloc_pages(&pa, 2 * PIECE + 2 * WALL + ROOM);
    assert_non_null(all);
    pa_dalloc(&pa, all);
    extent_t *first = alloc_pages(&pa, PIECE);
    row_t row = {.walls = {alloc_pages(&pa, WALL)}};
    extent_t *room = alloc_pages(&pa, ROOM);
    row.walls[1] = alloc_pages(&pa, WALL);
    extent_t *last = alloc_pages(&pa, PIECE);
    row.room = room->addr;
    fill(first, 1);
    fill(last, 2);
    pa_dalloc(&pa, room);
    pa_purge_all(&pa);
    pa_dalloc(&pa, first);
    pa_dalloc(&pa, last);
    assert_int_equal(atomic_get(&pa.dirty.extents.npages), 2 * PIECE);
    return row;
}

/* The row where memory can be moved. */
static row_t
make_movable_row(void) {
    row_t row = make_row();
    if (!pages_can_move()) {
        print_message("skip: memory cannot be moved here\n");
        pa_dalloc(&pa, row.walls[0]);
        pa_dalloc(&pa, row.walls[1]);
        pa_purge_all(&pa);
        pages_end(&pa);
        skip();
    }
    return row;
}

static void
end_with(const row_t *row, extent_t *e) {
    pa_dalloc(&pa, e);
    pa_dalloc(&pa, row->walls[0]);
    pa_dalloc(&pa, row->walls[1]);
    pa_purge_all(&pa);
    pages_end(&pa);
}

static size_t
remapped_pages(void) {
    return atomic_get(&pa.remapped_bytes) / sc.page;
}

static void
assert_untouched(void) {
    assert_int_equal(atomic_get(&pa.dirty.extents.npages), 2 * PIECE);
    assert_int_equal(remapped_pages(), 0);
}

static void
test_memory_moves(void **state) {
    (void)state;
    row_t row = make_movable_row();
    bool zeroed = false;
    extent_t *e = take(ROOM, &zeroed);
    assert_int_equal(e->addr, row.room);
    assert_false(zeroed);
    assert_int_equal(remapped_pages(), 2 * PIECE);
    assert_int_equal(atomic_get(&pa.dirty.extents.npages), 0);
    unsigned char front = *(unsigned char *)e->addr;
    assert_true(front == 1 || front == 2);
    assert_true(holds(e->addr, PIECE, front));
    assert_true(holds(e->addr + PIECE * sc.page, PIECE, 3 - front));
    assert_true(holds(e->addr + 2 * PIECE * sc.page, ROOM - 2 * PIECE, 0));
    check_pages(&pa, (ROOM + 2 * WALL) * sc.page);
    end_with(&row, e);
}

/* What gave its memory is free, and reads as zeros. */
static void
test_donors_are_retained(void **state) {
    (void)state;
    row_t row = make_movable_row();
    bool zeroed = false;
    extent_t *e = take(ROOM, &zeroed);
    bool wanted = true;
    extent_t *donor = take(PIECE, &wanted);
    assert_true(wanted);
    assert_true(donor->addr == row.room + (ROOM + WALL) * sc.page ||
                donor->addr == row.room - (PIECE + WALL) * sc.page);
    assert_true(holds(donor->addr, PIECE, 0));
    fill(donor, 4);
    pa_dalloc(&pa, donor);
    end_with(&row, e);
}

/* No more than is wanted: what is left of a donor stays dirty. */
static void
test_part_of_a_donor(void **state) {
    (void)state;
    row_t row = make_movable_row();
    bool zeroed = false;
    size_t most = PIECE + PIECE / 2;
    extent_t *e = take(most, &zeroed);
    assert_true(remapped_pages() == most || config_torture);
    assert_int_equal(atomic_get(&pa.dirty.extents.npages), 2 * PIECE - remapped_pages());
    check_pages(&pa, (most + 2 * WALL) * sc.page);
    end_with(&row, e);
}

/* A second move takes what the first one has put together. */
static void
test_moved_memory_moves_again(void **state) {
    (void)state;
    row_t row = make_movable_row();
    bool zeroed = false;
    extent_t *e = take(ROOM, &zeroed);
    fill(e, 5);
    pa_dalloc(&pa, e);
    e = take(ROOM + WALL, &zeroed);
    assert_int_equal(remapped_pages(), 2 * PIECE + ROOM);
    assert_true(holds(e->addr, ROOM, 5));
    check_pages(&pa, (ROOM + 3 * WALL) * sc.page);
    end_with(&row, e);
}

static void
test_growth_in_place(void **state) {
    (void)state;
    row_t row = make_movable_row();
    bool zeroed = true;
    extent_t *e = take(PIECE + 1, &zeroed); /* from the room */
    assert_int_equal(e->addr, row.room);
    assert_int_equal(remapped_pages(), 0);
    fill(e, 6);
    assert_true(pa_expand(&pa, e, ROOM * sc.page, sc_index(ROOM * sc.page)));
    assert_int_equal(remapped_pages(), 2 * PIECE);
    assert_true(holds(e->addr, PIECE + 1, 6));
    check_pages(&pa, (ROOM + 2 * WALL) * sc.page);
    end_with(&row, e);
}

/* Nothing is moved for a growth that finds no room. */
static void
test_growth_that_fails(void **state) {
    (void)state;
    row_t row = make_movable_row();
    bool zeroed = true;
    extent_t *e = take(PIECE + 1, &zeroed);
    assert_false(pa_expand(&pa, e, (ROOM + 1) * sc.page, sc_index((ROOM + 1) * sc.page)));
    assert_int_equal(remapped_pages(), 0);
    check_pages(&pa, (PIECE + 1 + 2 * WALL) * sc.page);
    end_with(&row, e);
}

static bool
no_join(extent_hooks_t *hooks, void *a, size_t size_a, void *b, size_t size_b, bool committed, unsigned arena) {
    (void)hooks, (void)a, (void)size_a, (void)b, (void)size_b, (void)committed, (void)arena;
    return true;
}

static extent_hooks_t late_hooks = {.merge = no_join};

static bool
set_hooks(fault_kind_t kind) {
    if (kind == fault_move) {
        atomic_set_release(&pa.hooks, &late_hooks);
    }
    return false;
}

/* Nor do pages that were moved into a growth which is refused in the end pass for zeros. */
static void
test_growth_that_is_refused(void **state) {
    (void)state;
    row_t row = make_movable_row();
    bool zeroed = true;
    extent_t *e = take(PIECE + 1, &zeroed);
    atomic_set(&fault_slot, set_hooks);
    assert_false(pa_expand(&pa, e, ROOM * sc.page, sc_index(ROOM * sc.page)));
    atomic_set(&fault_slot, NULL);
    atomic_set_release(&pa.hooks, NULL);
    assert_int_equal(remapped_pages(), 2 * PIECE);
    zeroed = true;
    extent_t *rest = take(ROOM - PIECE - 1, &zeroed);
    assert_true(!zeroed || holds(rest->addr, ROOM - PIECE - 1, 0));
    assert_int_equal(rest->addr, extent_end(e));
    pa_dalloc(&pa, rest);
    end_with(&row, e);
}

/* ---- growth at another place ---- */

static bool
no_move(fault_kind_t kind) {
    return kind == fault_move;
}

enum {
    LARGE = 6 * PIECE /* more than there is room for */
};

static extent_t *
make_large(unsigned char value) {
    bool zeroed = true;
    extent_t *e = take(ROOM, &zeroed);
    fill(e, value);
    return e;
}

static void
assert_relocated(const extent_t *to, uintptr_t from) {
    assert_non_null(to);
    assert_int_equal(to->size, LARGE * sc.page);
    assert_true(to->addr != from);
    assert_true(holds(to->addr, ROOM, 7));
    check_pages(&pa, (LARGE + 2 * WALL) * sc.page);
}

/* The rest of it gets what is dirty; its old place is free and zero. */
static void
test_relocation(void **state) {
    (void)state;
    row_t row = make_movable_row();
    extent_t *e = make_large(7);
    extent_t *to = pa_relocate(&pa, e, LARGE * sc.page, sc_index(LARGE * sc.page));
    assert_relocated(to, row.room);
    assert_int_equal(atomic_get(&pa.relocated_bytes), ROOM * sc.page);
    assert_int_equal(remapped_pages(), 2 * PIECE);
    assert_int_equal(atomic_get(&pa.dirty.extents.npages), 0);
    assert_true(holds(row.room, ROOM, 0));
    end_with(&row, to);
}

/* What the system does not move is copied. */
static void
test_relocation_is_refused(void **state) {
    (void)state;
    row_t row = make_movable_row();
    extent_t *e = make_large(7);
    atomic_set(&fault_slot, no_move);
    extent_t *to = pa_relocate(&pa, e, LARGE * sc.page, sc_index(LARGE * sc.page));
    atomic_set(&fault_slot, NULL);
    assert_relocated(to, row.room);
    assert_int_equal(atomic_get(&pa.relocated_bytes), 0);
    end_with(&row, to);
}

/* Copying into pages that are resident is better. */
static void
test_no_relocation_where_dirty_pages_fit(void **state) {
    (void)state;
    row_t row = make_movable_row();
    extent_t *e = make_large(7), *dirty = alloc_unmoved(&pa, LARGE);
    pa_dalloc(&pa, dirty);
    assert_null(pa_relocate(&pa, e, LARGE * sc.page, sc_index(LARGE * sc.page)));
    assert_true(holds(e->addr, ROOM, 7));
    end_with(&row, e);
}

/* It would have no guard. */
static void
test_no_relocation_where_guards_are_wanted(void **state) {
    (void)state;
    row_t row = make_movable_row();
    extent_t *e = make_large(7);
    atomic_set(&pa.guard, true);
    assert_null(pa_relocate(&pa, e, LARGE * sc.page, sc_index(LARGE * sc.page)));
    atomic_set(&pa.guard, false);
    end_with(&row, e);
}

static bool
no_memory(fault_kind_t kind) {
    return kind == fault_map || kind == fault_metadata;
}

static void
test_no_relocation_without_memory(void **state) {
    (void)state;
    row_t row = make_movable_row();
    extent_t *e = make_large(7);
    size_t huge = (size_t)1 << 34; /* no region has room for it */
    atomic_set(&fault_slot, no_memory);
    assert_null(pa_relocate(&pa, e, huge, sc_index(huge)));
    atomic_set(&fault_slot, NULL);
    assert_true(holds(e->addr, ROOM, 7));
    check_pages(&pa, (ROOM + 2 * WALL) * sc.page);
    end_with(&row, e);
}

static void
test_not_where_zeros_are_wanted(void **state) {
    (void)state;
    row_t row = make_row();
    bool zeroed = true;
    extent_t *e = take(ROOM, &zeroed);
    assert_untouched();
    assert_true(!zeroed || holds(e->addr, ROOM, 0));
    end_with(&row, e);
}

static void
test_not_for_small_ones(void **state) {
    (void)state;
    if (config_torture) {
        skip();
    }
    row_t row = make_row();
    extent_t *a = alloc_pages(&pa, PIECE), *b = alloc_pages(&pa, PIECE);
    pa_dalloc(&pa, b);
    extent_t *c = alloc_pages(&pa, PIECE - 1), *d = alloc_pages(&pa, PIECE / 4);
    assert_int_equal(remapped_pages(), 0);
    pa_dalloc(&pa, a);
    pa_dalloc(&pa, c);
    end_with(&row, d);
}

static extent_hooks_t plain_hooks;

static void
test_not_with_hooks(void **state) {
    (void)state;
    row_t row = make_row();
    atomic_set_release(&pa.hooks, &plain_hooks);
    assert_false(pa_may_remap(&pa, ROOM * sc.page));
    atomic_set_release(&pa.hooks, NULL);
    end_with(&row, alloc_pages(&pa, 1));
}

static void
test_refused(void **state) {
    (void)state;
    row_t row = make_row();
    bool zeroed = false;
    atomic_set(&fault_slot, no_move);
    extent_t *e = take(ROOM, &zeroed);
    atomic_set(&fault_slot, NULL);
    assert_non_null(e);
    assert_true(!zeroed || holds(e->addr, ROOM, 0));
    assert_int_equal(remapped_pages(), 0);
    check_pages(&pa, (ROOM + 2 * WALL) * sc.page);
    zeroed = true;
    extent_t *donor = take(PIECE, &zeroed); /* dirty still */
    assert_true(!zeroed || holds(donor->addr, PIECE, 0));
    pa_dalloc(&pa, donor);
    end_with(&row, e);
}

static bool
no_metadata(fault_kind_t kind) {
    return kind == fault_metadata;
}

/* A donor that cannot be cut stays whole. */
static void
test_without_descriptors(void **state) {
    (void)state;
    row_t row = make_movable_row();
    bool zeroed = true;
    extent_t *e = take(ROOM, &zeroed);
    const size_t dirty = atomic_get(&pa.dirty.extents.npages);
    e->size = (PIECE / 2) * sc.page; /* as if it were smaller than any donor */
    atomic_set(&fault_slot, no_metadata);
    bool touched;
    assert_true(pa_remap(&pa, e, 0, &touched));
    assert_false(touched);
    atomic_set(&fault_slot, NULL);
    e->size = ROOM * sc.page;
    assert_int_equal(atomic_get(&pa.dirty.extents.npages), dirty);
    check_pages(&pa, (ROOM + 2 * WALL) * sc.page);
    end_with(&row, e);
}

/* ---- losses: a move is refused after its target has been unmapped ---- */

static bool
late_and_no_refill(fault_kind_t kind) {
    return kind == fault_stranded || kind == fault_refill;
}

static bool
late_only(fault_kind_t kind) {
    return kind == fault_stranded;
}

static bool
is_mapped(uintptr_t addr, size_t npages) {
    unsigned char in_core[8 * PIECE];
    return mincore((void *)addr, npages * sc.page, in_core) == 0;
}

/* An allocation whose range is lost gets another one; the lost one belongs to no region any more. */
static void
test_loss_of_an_allocation(void **state) {
    (void)state;
    row_t row = make_movable_row();
    size_t mapped = atomic_get(&pa.mapped), nregions = atomic_get(&pa.nregions), mark = highwater_mark();
    bool zeroed = false;
    atomic_set(&fault_slot, late_and_no_refill);
    extent_t *e = take(ROOM, &zeroed);
    atomic_set(&fault_slot, NULL);
    assert_non_null(e);
    assert_true(e->addr != row.room);
    fill(e, 8);
    assert_false(is_mapped(row.room, ROOM));
    assert_null(pagemap_extent(row.room));
    assert_null(pagemap_extent(row.room + (ROOM - 1) * sc.page));
    assert_int_equal(atomic_get(&pa.dirty.extents.npages), 2 * PIECE);
    layout_t layout = check_pages(&pa, (ROOM + 2 * WALL) * sc.page);
    assert_true(layout.nregions >= nregions + 1);
    assert_true(layout.mapped >= mapped - ROOM * sc.page);
    assert_true(highwater_mark() >= mark);
    end_with(&row, e);
}

/* A hole that could be filled again is none. */
static void
test_no_loss_where_the_hole_is_filled(void **state) {
    (void)state;
    row_t row = make_movable_row();
    bool zeroed = false;
    atomic_set(&fault_slot, late_only);
    extent_t *e = take(ROOM, &zeroed);
    atomic_set(&fault_slot, NULL);
    assert_int_equal(e->addr, row.room);
    fill(e, 8);
    assert_int_equal(remapped_pages(), 0);
    check_pages(&pa, (ROOM + 2 * WALL) * sc.page);
    end_with(&row, e);
}

/* The pages behind an allocation are lost: it does not grow there, and keeps its contents. */
static void
test_loss_behind_an_allocation(void **state) {
    (void)state;
    row_t row = make_movable_row();
    bool zeroed = true;
    extent_t *e = take(PIECE + 1, &zeroed);
    fill(e, 6);
    atomic_set(&fault_slot, late_and_no_refill);
    assert_false(pa_expand(&pa, e, ROOM * sc.page, sc_index(ROOM * sc.page)));
    atomic_set(&fault_slot, NULL);
    assert_true(holds(e->addr, PIECE + 1, 6));
    assert_null(pagemap_extent(extent_end(e)));
    check_pages(&pa, (PIECE + 1 + 2 * WALL) * sc.page);
    end_with(&row, e);
}

/* The place that it would have moved to is lost: it stays where it is. */
static void
test_loss_of_a_place(void **state) {
    (void)state;
    row_t row = make_movable_row();
    extent_t *e = make_large(7);
    atomic_set(&fault_slot, late_and_no_refill);
    assert_null(pa_relocate(&pa, e, LARGE * sc.page, sc_index(LARGE * sc.page)));
    atomic_set(&fault_slot, NULL);
    assert_true(holds(e->addr, ROOM, 7));
    assert_int_equal(atomic_get(&pa.relocated_bytes), 0);
    check_pages(&pa, (ROOM + 2 * WALL) * sc.page);
    end_with(&row, e);
}

static unsigned moves_to_come;

static bool
late_after_some(fault_kind_t kind) {
    if (kind == fault_stranded && moves_to_come > 0) {
        moves_to_come--;
        return false;
    }
    return kind == fault_stranded || kind == fault_refill;
}

/* What moved before does so in vain; what is surely ours goes back to the system. */
static void
test_loss_after_a_move(void **state) {
    (void)state;
    row_t row = make_movable_row();
    bool zeroed = false;
    moves_to_come = 1;
    atomic_set(&fault_slot, late_after_some);
    extent_t *e = take(ROOM, &zeroed);
    atomic_set(&fault_slot, NULL);
    assert_non_null(e);
    for (size_t i = 0; i < ROOM; i++) {
        assert_false(is_mapped(row.room + i * sc.page, 1));
    }
    check_pages(&pa, (ROOM + 2 * WALL) * sc.page);
    end_with(&row, e);
}

static bool
late_once(fault_kind_t kind) {
    return kind == fault_stranded && moves_to_come-- == 0;
}

/* A relocation that moved its first part only: the rest is copied behind it, and the first part is not copied over. */
static void
test_relocation_that_moves_its_first_part_only(void **state) {
    (void)state;
    row_t row = make_movable_row();
    bool zeroed = false;
    extent_t *e = take(ROOM, &zeroed); /* two pieces and what is fresh: several mappings */
    assert_int_equal(remapped_pages(), 2 * PIECE);
    fill(e, 7);
    moves_to_come = 1;
    atomic_set(&fault_slot, late_once);
    extent_t *to = pa_relocate(&pa, e, LARGE * sc.page, sc_index(LARGE * sc.page));
    atomic_set(&fault_slot, NULL);
    assert_relocated(to, row.room);
    assert_int_equal(atomic_get(&pa.relocated_bytes), 0);
    end_with(&row, to);
}

/* Whole regions, the front of one, and its end: what is left is in order, and goes back. */
static void
test_loss_at_each_end_of_a_region(void **state) {
    (void)state;
    if (!pages_can_move()) {
        print_message("skip: memory cannot be moved here\n");
        skip();
    }
    pages_begin(&pa, -1, 0);
    for (unsigned which = 0; which < 4; which++) {
        extent_t *all = pa_new_region(&pa, 64 * sc.page, sc.page, true, pa_release_unused), *e[3] = {all, NULL, NULL};
        extents_lock(&pa.dirty.extents);
        e[1] = which == 3 ? NULL : pa_split(&pa, &pa.dirty.extents, all, 16 * sc.page);
        e[2] = which == 3 ? NULL : pa_split(&pa, &pa.dirty.extents, e[1], 16 * sc.page);
        extents_unlock(&pa.dirty.extents);
        extent_t *gone = e[which % 3];
        uintptr_t addr = gone->addr;
        size_t size = gone->size;
        pa_lose(&pa, gone, pa_new_record());
        assert_null(pagemap_extent(addr));
        pages_unmap((void *)addr, size);
        for (unsigned i = 0; i < 3 && which < 3; i++) {
            if (i != which) {
                extents_lock(&pa.retained);
                pa_insert(&pa, &pa.retained, e[i]);
                extents_unlock(&pa.retained);
            }
        }
        layout_t layout = check_pages(&pa, 0);
        assert_int_equal(layout.mapped, which == 3 ? 0 : 64 * sc.page - size);
        assert_int_equal(layout.nregions, which == 1 ? 2 : which == 3 ? 0 : 1);
        assert_int_equal(pa_release_unused(&pa), which < 3);
        assert_int_equal(atomic_get(&pa.mapped), 0);
    }
    pages_end(&pa);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_moves),
        cmocka_unit_test(test_donors_are_retained),
        cmocka_unit_test(test_part_of_a_donor),
        cmocka_unit_test(test_moved_memory_moves_again),
        cmocka_unit_test(test_growth_in_place),
        cmocka_unit_test(test_growth_that_fails),
        cmocka_unit_test(test_growth_that_is_refused),
        cmocka_unit_test(test_relocation),
        cmocka_unit_test(test_relocation_is_refused),
        cmocka_unit_test(test_no_relocation_where_dirty_pages_fit),
        cmocka_unit_test(test_no_relocation_where_guards_are_wanted),
        cmocka_unit_test(test_no_relocation_without_memory),
        cmocka_unit_test(test_not_where_zeros_are_wanted),
        cmocka_unit_test(test_not_for_small_ones),
        cmocka_unit_test(test_not_with_hooks),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_without_descriptors),
        cmocka_unit_test(test_loss_of_an_allocation),
        cmocka_unit_test(test_no_loss_where_the_hole_is_filled),
        cmocka_unit_test(test_loss_behind_an_allocation),
        cmocka_unit_test(test_loss_of_a_place),
        cmocka_unit_test(test_loss_after_a_move),
        cmocka_unit_test(test_relocation_that_moves_its_first_part_only),
        cmocka_unit_test(test_loss_at_each_end_of_a_region),
    };
    return cmocka_run_group_tests_name("extent/remap", tests, boot_allocator, NULL);
}
