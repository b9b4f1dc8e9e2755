/*
 * page_check_test.c -- extent state: the whole-structure checker finds each kind of damage. A child spoils one field of
 * a layout that has extents in every state, and must abort with the condition that names the damage; the same layout
 * unspoilt passes.
 */
#include "pages.h"

static page_alloc_t pa;

/* One extent of each kind. */
static struct { extent_t *large, *slab, *dirty, *older_dirty, *muzzy, *retained; } made;

static extent_t *
first_member(extents_t *x) {
    extents_lock(x);
    extent_t *e = extents_oldest(x);
    extents_unlock(x);
    return e;
}

static extent_t *
last_member(extents_t *x) NO_THREAD_SAFETY {
    return container_of(x->lru.prev, extent_t, link);
}

/* In one region: two dirty extents of one page class, kept apart by live ones; one muzzy; one slab; what is left is
 * retained. */
static void
make_layout(void) {
    bool zeroed = false;
    pages_begin(&pa, -1, -1);
    pa_dalloc(&pa, alloc_pages(&pa, 256));
    pa_purge_all(&pa);
    extent_t *row[8];
    for (unsigned i = 0; i < LENGTH(row); i++) {
        row[i] = alloc_pages(&pa, 8);
        assert_non_null(row[i]);
    }
    made.slab = alloc_extent(&pa, 3 * sc.page, sc.page, 5, true, &zeroed);
    assert_non_null(made.slab);
    pagemap_set_slab(made.slab, 6);
    pa_dalloc(&pa, row[1]);
    pa_set_decay_ms(&pa, extent_dirty, 0, 0);
    pa_set_decay_ms(&pa, extent_dirty, -1, 0);
    pa_dalloc(&pa, row[3]);
    pa_dalloc(&pa, row[5]);
    made.large = row[0];
    made.muzzy = first_member(&pa.muzzy.extents);
    made.older_dirty = first_member(&pa.dirty.extents);
    made.dirty = last_member(&pa.dirty.extents);
    made.retained = first_member(&pa.retained);
}

static uintptr_t
inside(const extent_t *e) {
    return e->addr + sc.page;
}

/* ---- damages ---- */

static void
registered_inside(void) {
    pagemap_set_boundary(inside(made.large), sc.page, made.large);
}

static void
foreign_inside(void) {
    pagemap_set_boundary(inside(made.dirty), sc.page, made.large);
}

static void
not_registered(void) {
    pagemap_set_boundary(made.large->addr, made.large->size, NULL);
}

static void
end_not_registered(void) {
    pagemap_set_boundary(extent_end(made.large) - sc.page, sc.page, NULL);
}

static void
larger(void) {
    made.large->size += sc.page;
}

static void
smaller(void) {
    made.large->size -= sc.page;
}

static void
beyond_region(void) {
    last_member(&pa.retained)->size += (size_t)1 << 30;
}

static void
not_of_pages(void) {
    made.large->size += 8;
}

static void
other_arena(void) {
    atomic_set(&made.large->owner, extent_owner(TEST_ARENA + 1, extent_active));
}

static void
other_sn(void) {
    made.large->sn++;
}

static void
wrong_head(void) {
    made.dirty->is_head = true;
}

static void
free_with_class(void) {
    made.retained->szind = 7;
}

static void
live_without_class(void) {
    made.large->szind = SC_NONE;
}

static void
busy_with_class(void) {
    extent_set_state(made.large, extent_busy);
}

static void
free_slab(void) {
    made.dirty->slab = true;
}

static void
slab_of_large_class(void) {
    made.slab->szind = sc.nsmall + 3;
}

static void
active_decommitted(void) {
    made.large->committed = false;
}

static void
dirty_decommitted(void) {
    made.dirty->committed = false;
}

static void
stamp_on_active(void) NO_THREAD_SAFETY {
    made.large->lru_stamp = 77;
}

static void
unlisted(void) {
    list_remove(&made.dirty->link);
}

static void
listed_elsewhere(void) NO_THREAD_SAFETY {
    list_remove(&made.dirty->link);
    list_push_back(&pa.muzzy.extents.lru, &made.dirty->link);
}

static void
one_sided_link(void) NO_THREAD_SAFETY {
    made.dirty->link.prev = &pa.muzzy.extents.lru;
}

static void
stamps_out_of_order(void) NO_THREAD_SAFETY {
    made.dirty->lru_stamp = made.older_dirty->lru_stamp - 1;
}

static void
other_state(void) {
    extent_set_state(made.muzzy, extent_dirty);
}

static void
free_turned_active(void) {
    made.dirty->szind = 9;
    extent_set_state(made.dirty, extent_active);
}

static void
heap_lost(void) NO_THREAD_SAFETY {
    uint32_t class = sc_page_class_floor(extent_npages(made.muzzy));
    pa.muzzy.extents.heaps[class].root = NULL;
    bitmap_del(pa.muzzy.extents.nonempty, class);
}

/* Two nodes change places. */
static void
heap_out_of_order(void) NO_THREAD_SAFETY {
    heap_t *heap = &pa.dirty.extents.heaps[sc_page_class_floor(8)];
    heap_node_t *lower = heap->root, *upper = lower->child;
    *upper = (heap_node_t){.child = lower};
    *lower = (heap_node_t){.prev = upper};
    heap->root = upper;
}

static void
heap_child_lost(void) NO_THREAD_SAFETY {
    pa.dirty.extents.heaps[sc_page_class_floor(8)].root->child = NULL;
}

static void
heap_link(void) NO_THREAD_SAFETY {
    pa.dirty.extents.heaps[sc_page_class_floor(8)].root->child->prev = NULL;
}

static void
bit_lost(void) NO_THREAD_SAFETY {
    bitmap_del(pa.muzzy.extents.nonempty, sc_page_class_floor(extent_npages(made.muzzy)));
}

static void
bit_too_many(void) NO_THREAD_SAFETY {
    bitmap_add(pa.dirty.extents.nonempty, SC_NPAGE_CLASSES - 1);
}

static void
class_count_wrong(void) NO_THREAD_SAFETY {
    pa.dirty.extents.class_count[sc_page_class_floor(8)]++;
}

static void
class_count_of_none(void) NO_THREAD_SAFETY {
    pa.muzzy.extents.class_count[EXTENTS_COUNTED - 1]--;
}

static void
class_npages_wrong(void) NO_THREAD_SAFETY {
    pa.muzzy.extents.class_npages[sc_page_class_floor(extent_npages(made.muzzy))]--;
}

static void
npages_wrong(void) {
    counter_add(&pa.dirty.extents.npages, 1);
}

static void
count_wrong(void) {
    counter_add(&pa.retained.count, 1);
}

static void
mapped_wrong(void) {
    counter_add(&pa.mapped, sc.page);
}

static void
nregions_wrong(void) {
    counter_add(&pa.nregions, 1);
}

static void
last_region_wrong(void) NO_THREAD_SAFETY {
    pa.last_region = NULL;
}

static void
next_sn_wrong(void) NO_THREAD_SAFETY {
    pa.next_sn = 0;
}

static void
class_of_free(void) {
    pagemap_set_class(made.retained->addr, 3);
}

static void
class_inside_free(void) {
    pagemap_set_class(inside(made.dirty), 3);
}

static void
class_inside_large(void) {
    pagemap_set_class(inside(made.large), (uint8_t)(made.large->szind + 1));
}

static void
class_of_large_wrong(void) {
    pagemap_set_class(made.large->addr, 1);
}

static void
class_of_slab_wrong(void) {
    pagemap_set_class(inside(made.slab), 7);
}

static void
slab_granule_foreign(void) {
    pagemap_set_boundary(inside(made.slab), (size_t)1 << LG_GRANULE, made.dirty);
}

/* ---- each of them is found ---- */

static const struct {
    const char *name;
    void (*damage)(void);
    const char *condition;
} damages[] = {
    {"registered inside", registered_inside, "entry != e || e->slab || is_boundary(e, granule)"},
    {"foreign inside", foreign_inside, "entry == e || (entry == NULL"},
    {"not registered", not_registered, "e != NULL && e->addr == addr"},
    {"end not registered", end_not_registered, "entry == e || (entry == NULL"},
    {"larger", larger, "is_boundary(e, granule)"},
    {"smaller", smaller, "is_boundary(e, granule)"},
    {"beyond its region", beyond_region, "extent_end(e) <= region->addr + region->size"},
    {"not of pages", not_of_pages, "e->size % sc.page == 0"},
    {"other arena", other_arena, "extent_arena(e) == pa->arena"},
    {"other serial number", other_sn, "e->sn == region->sn"},
    {"wrong head", wrong_head, "e->is_head == (e->addr == region->addr)"},
    {"free with class", free_with_class, "(e->szind != SC_NONE) == (state == extent_active)"},
    {"live without class", live_without_class, "(e->szind != SC_NONE) == (state == extent_active)"},
    {"busy with class", busy_with_class, "(e->szind != SC_NONE) == (state == extent_active)"},
    {"free slab", free_slab, "!e->slab || (state == extent_active"},
    {"slab of a large class", slab_of_large_class, "sc_is_small(e->szind)"},
    {"active, decommitted", active_decommitted, "e->committed ||"},
    {"dirty, decommitted", dirty_decommitted, "e->committed ||"},
    {"stamp on active", stamp_on_active, "(e->lru_stamp != 0) =="},
    {"not in the list", unlisted, "a->count == b->count"},
    {"in another list", listed_elsewhere, "a->count == b->count"},
    {"one-sided link", one_sided_link, "at->next->prev == at"},
    {"stamps out of order", stamps_out_of_order, "e->lru_stamp > stamp"},
    {"other state", other_state, "a->count == b->count"},
    {"free turned active", free_turned_active, "(e->lru_stamp != 0) =="},
    {"heap lost", heap_lost, "members.count == count"},
    {"heap out of order", heap_out_of_order, "not_before(child, node)"},
    {"child lost", heap_child_lost, "members.count == count"},
    {"heap link", heap_link, "node->prev == NULL ? node == heap_first(heap)"},
    {"bit lost", bit_lost, "bitmap_has(x->nonempty, class)"},
    {"bit too many", bit_too_many, "bitmap_has(x->nonempty, class)"},
    {"count of a class", class_count_wrong, "members.count == count"},
    {"count of a class without members", class_count_of_none, "members.count == count"},
    {"npages of a class", class_npages_wrong, "members.npages == npages"},
    {"npages", npages_wrong, "by_age.npages == "},
    {"count", count_wrong, "by_age.count == "},
    {"mapped", mapped_wrong, "tally.mapped == "},
    {"nregions", nregions_wrong, "tally.nregions == "},
    {"last region", last_region_wrong, "last == pa->last_region"},
    {"next serial number", next_sn_wrong, "region->sn < pa->next_sn"},
    {"class of free", class_of_free, "class == 0 || (classed"},
    {"class inside free", class_inside_free, "class == 0 || (classed"},
    {"class inside large", class_inside_large, "class == 0 || (classed"},
    {"class of large", class_of_large_wrong, "class == 0 || (classed"},
    {"class of slab", class_of_slab_wrong, "class == 0 || (classed"},
    {"slab granule", slab_granule_foreign, "entry == e || (entry == NULL"},
};

static int
spoil_and_check(void *argument) {
    damages[*(const size_t *)argument].damage();
    pa_check(&pa);
    return 0;
}

static void
test_extent_state_checker_finds_damage(void **state) {
    (void)state;
    if (!config_debug) {
        skip();
    }
    unsigned nmissed = 0;
    make_layout();
    pa_check(&pa);
    for (size_t i = 0; i < LENGTH(damages); i++) {
        child_t child = run_child(spoil_and_check, &i);
        if (!WIFSIGNALED(child.status) || strstr(child.text, damages[i].condition) == NULL) {
            print_error("%s: expected \"%s\", got: %s\n", damages[i].name, damages[i].condition, child.text);
            nmissed++;
        }
    }
    assert_int_equal(nmissed, 0);
    pa_check(&pa);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extent_state_checker_finds_damage),
    };
    return cmocka_run_group_tests_name("extent/page_check", tests, boot_allocator, NULL);
}
