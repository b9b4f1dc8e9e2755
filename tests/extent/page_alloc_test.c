/*
 * page_alloc_test.c -- allocation, deallocation and resizing of extents: random operations with the whole structure
 * checked after each, and particular cases. Decay is purge_test.c's, regions are region_test.c's.
 */
#include "pages.h"

#include "base/check.h"

#define SLOTS      60
#define OPERATIONS 1500

static page_alloc_t pa;

/* ---- random operations ---- */

typedef struct {
    extent_t *e; /* NULL: empty */
    unsigned char mark;
} slot_t;

typedef struct {
    slot_t slots[SLOTS];
    size_t active; /* bytes */
    uint64_t seed;
    uint64_t now;
    unsigned nzeroed;
} world_t;

static const unsigned char zeros[65536];

static bool
reads_as_zeros(const extent_t *e) {
    for (uintptr_t addr = e->addr; addr < extent_end(e); addr += sc.page) {
        if (memcmp((void *)addr, zeros, sc.page) != 0) {
            return false;
        }
    }
    return true;
}

/* The first and the last bytes of each page. */
static void
mark(const extent_t *e, unsigned char value) {
    for (uintptr_t addr = e->addr; addr < extent_end(e); addr += sc.page) {
        memset((void *)addr, value, 32);
        memset((void *)(addr + sc.page - 32), value, 32);
    }
}

static void
assert_mark(const extent_t *e, size_t size, unsigned char value) {
    unsigned char expected[32];
    memset(expected, value, sizeof expected);
    for (uintptr_t addr = e->addr; addr < e->addr + size; addr += sc.page) {
        assert_memory_equal((void *)addr, expected, 32);
        assert_memory_equal((void *)(addr + sc.page - 32), expected, 32);
    }
}

static size_t
random_pages(world_t *world) {
    unsigned most = random_below(&world->seed, 8) == 0 ? 400 : 24;
    return 1 + random_below(&world->seed, most);
}

static void
do_alloc(world_t *world, slot_t *slot) {
    bool slab = random_below(&world->seed, 4) == 0;
    bool zeroed = false;
    size_t size = random_pages(world) * sc.page;
    size_t alignment = random_below(&world->seed, 4) == 0 ? sc.page << random_below(&world->seed, 10) : sc.page;
    uint32_t szind = slab ? random_below(&world->seed, sc.nsmall) : sc_index(size);
    extent_t *e = alloc_extent(&pa, size, alignment, szind, slab, &zeroed);
    assert_non_null(e);
    assert_int_equal(e->size, size);
    assert_int_equal(e->addr & (alignment - 1), 0);
    assert_true(e->szind == szind && e->slab == slab && extent_state(e) == extent_active);
    assert_true(e->committed && !e->zeroed);
    assert_true(!zeroed || reads_as_zeros(e));
    if (slab) {
        pagemap_set_slab(e, (uint8_t)(szind + 1));
    }
    *slot = (slot_t){e, (unsigned char)(1 + random_below(&world->seed, 255))};
    mark(e, slot->mark);
    world->active += size;
    world->nzeroed += zeroed;
}

static void
do_dalloc(world_t *world, slot_t *slot) {
    assert_mark(slot->e, slot->e->size, slot->mark);
    world->active -= slot->e->size;
    if (slot->e->slab) {
        pagemap_clear_slab(slot->e);
    }
    pa_dalloc(&pa, slot->e);
    slot->e = NULL;
}

static void
do_expand(world_t *world, slot_t *slot) {
    extent_t *e = slot->e;
    uintptr_t addr = e->addr;
    size_t old_size = e->size, size = old_size + random_pages(world) * sc.page;
    uint32_t old_szind = e->szind;
    bool done = pa_expand(&pa, e, size, sc_index(size));
    assert_int_equal(e->addr, addr);
    assert_int_equal(e->size, done ? size : old_size);
    assert_int_equal(e->szind, done ? sc_index(size) : old_szind);
    assert_mark(e, old_size, slot->mark);
    mark(e, slot->mark);
    world->active += e->size - old_size;
}

static void
do_shrink(world_t *world, slot_t *slot) {
    extent_t *e = slot->e;
    size_t npages = extent_npages(e);
    if (npages > 1) {
        size_t size = (1 + random_below(&world->seed, (unsigned)npages - 1)) * sc.page;
        uintptr_t addr = e->addr;
        world->active -= e->size - size;
        assert_true(pa_shrink(&pa, e, size, sc_index(size)));
        assert_true(e->addr == addr && e->size == size && e->szind == sc_index(size));
        assert_mark(e, size, slot->mark);
    }
}

static void
do_anything(world_t *world) {
    slot_t *slot = &world->slots[random_below(&world->seed, SLOTS)];
    unsigned kind = random_below(&world->seed, 4);
    if (slot->e == NULL) {
        do_alloc(world, slot);
    } else if (kind >= 2 || slot->e->slab) {
        do_dalloc(world, slot);
    } else if (kind == 1) {
        do_expand(world, slot);
    } else {
        do_shrink(world, slot);
    }
}

/* Now and then, what threads, controls and an exhausted system would do. */
static void
do_upkeep(world_t *world) {
    world->now += random_below(&world->seed, 20000000);
    pa_tick(&pa, world->now);
    switch (random_below(&world->seed, 100)) {
    case 0:
        pa_purge_all(&pa);
        break;
    case 1:
        pa_release_unused(&pa);
        break;
    case 2:
        pa_decay(&pa, world->now);
        break;
    default:
        break;
    }
}

static void
run_world(int64_t dirty_ms, int64_t muzzy_ms) {
    static world_t world;
    memset(&world, 0, sizeof world);
    world.seed = (uint64_t)(dirty_ms * 7 + muzzy_ms + 100);
    pages_begin(&pa, dirty_ms, muzzy_ms);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        do_anything(&world);
        check_pages(&pa, world.active);
        do_upkeep(&world);
        check_pages(&pa, world.active);
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        if (world.slots[i].e != NULL) {
            do_dalloc(&world, &world.slots[i]);
        }
    }
    assert_true(world.nzeroed > 0);
    pages_end(&pa);
}

static void
test_random_never_purged(void **state) {
    (void)state;
    run_world(-1, -1);
}

static void
test_random_purged_at_once(void **state) {
    (void)state;
    run_world(0, 0);
}

static void
test_random_muzzy_forever(void **state) {
    (void)state;
    run_world(0, -1);
}

static void
test_random_decay(void **state) {
    (void)state;
    run_world(200, 500);
}

/* ---- particular cases ---- */

static void
test_alignment(void **state) {
    (void)state;
    extent_t *live[40];
    unsigned n = 0;
    size_t active = 0;
    pages_begin(&pa, -1, 0);
    for (size_t alignment = sc.page; alignment <= (size_t)32 << 20; alignment *= 2) {
        for (size_t npages = 1; npages <= 3; npages += 2) {
            extent_t *e = alloc_aligned(&pa, npages, alignment);
            assert_non_null(e);
            assert_int_equal(e->addr & (alignment - 1), 0);
            active += e->size;
            check_pages(&pa, active);
            live[n++] = e;
        }
    }
    while (n > 0) {
        pa_dalloc(&pa, live[--n]);
    }
    pages_end(&pa);
}

/* Pages that were given back to the system read as zeros again, and that is known; dirty ones are not thought to. */
static void
test_zeroed(void **state) {
    (void)state;
    bool zeroed = false;
    pages_begin(&pa, -1, 0);
    extent_t *e = alloc_extent(&pa, 16 * sc.page, sc.page, sc_index(16 * sc.page), false, &zeroed);
    assert_true(zeroed && reads_as_zeros(e));
    memset((void *)e->addr, 0xff, e->size);
    pa_dalloc(&pa, e);
    e = alloc_extent(&pa, 16 * sc.page, sc.page, sc_index(16 * sc.page), false, &zeroed);
    assert_false(zeroed);
    pa_dalloc(&pa, e);
    pa_purge_all(&pa);
    e = alloc_extent(&pa, 16 * sc.page, sc.page, sc_index(16 * sc.page), false, &zeroed);
    assert_true(zeroed && reads_as_zeros(e));
    pa_dalloc(&pa, e);
    pages_end(&pa);
}

/* Freed between two neighbours that live, and asked for again: it is the same place, not a new one. */
static void
check_reuse(size_t npages) {
    extent_t *e[3];
    pages_begin(&pa, -1, 0);
    for (unsigned i = 0; i < 3; i++) {
        e[i] = alloc_pages(&pa, npages);
    }
    uintptr_t place = e[1]->addr;
    pa_dalloc(&pa, e[1]);
    e[1] = alloc_pages(&pa, npages);
    if (e[1]->addr != place) {
        fail_msg("%zu free pages do not serve a request for %zu pages", npages, npages);
    }
    for (unsigned i = 0; i < 3; i++) {
        pa_dalloc(&pa, e[i]);
    }
    pages_end(&pa);
}

static void
test_free_slab_is_used_again(void **state) {
    (void)state;
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        check_reuse(atomic_get(&sc.slab_size[i]) / sc.page);
    }
}

/* Dirty pages first, then muzzy ones, then retained ones. */
static void
test_order_of_sources(void **state) {
    (void)state;
    pages_begin(&pa, 0, 0);
    extent_t *retained = alloc_aligned(&pa, 8, (size_t)1 << 20);
    pa_dalloc(&pa, retained);
    pages_end(&pa);

    extent_t *e[5];
    pages_begin(&pa, -1, -1);
    for (unsigned i = 0; i < 5; i++) {
        e[i] = alloc_pages(&pa, 8);
    }
    uintptr_t muzzy = e[1]->addr, dirty = e[3]->addr;
    pa_dalloc(&pa, e[1]);
    pa_set_decay_ms(&pa, extent_dirty, 0, 0);
    bool has_muzzy = atomic_get(&pa.muzzy.extents.npages) == 8;
    pa_set_decay_ms(&pa, extent_dirty, -1, 0);
    pa_dalloc(&pa, e[3]);
    assert_int_equal(atomic_get(&pa.dirty.extents.npages), 8);
    e[3] = alloc_pages(&pa, 8);
    assert_int_equal(e[3]->addr, dirty);
    e[1] = alloc_pages(&pa, 8);
    assert_true(!has_muzzy || e[1]->addr == muzzy);
    assert_int_equal(atomic_get(&pa.muzzy.extents.npages), 0);
    for (unsigned i = 0; i < 5; i++) {
        pa_dalloc(&pa, e[i]);
    }
    pages_end(&pa);
}

/* Three neighbours, freed in every order, are one extent afterwards. */
static void
check_merge(const unsigned *order) {
    extent_t *e[3];
    pages_begin(&pa, -1, 0);
    extent_t *whole = alloc_pages(&pa, 30);
    uintptr_t addr = whole->addr;
    pa_dalloc(&pa, whole);
    for (unsigned i = 0; i < 3; i++) {
        e[i] = alloc_pages(&pa, i == 2 ? 30 - 20 : 10);
        assert_int_equal(e[i]->addr, addr + i * 10 * sc.page);
    }
    for (unsigned i = 0; i < 3; i++) {
        pa_dalloc(&pa, e[order[i]]);
    }
    assert_int_equal(check_pages(&pa, 0).count[extent_dirty], 1);
    assert_int_equal(extent_at(addr)->size, 30 * sc.page);
    pages_end(&pa);
}

static void
test_merge(void **state) {
    (void)state;
    static const unsigned orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (unsigned i = 0; i < LENGTH(orders); i++) {
        check_merge(orders[i]);
    }
}

/* A list is freed whole, also one that is longer than what is freed at once; one extent of it is purged at once. */
static void
test_lists(void **state) {
    (void)state;
    list_t freed;
    list_init(&freed);
    pages_begin(&pa, 1000000, 0);
    atomic_set(&pa.oversize, 8 * sc.page);
    pa_dalloc_list(&pa, &freed);
    for (unsigned i = 0; i < 50; i++) {
        extent_t *e = alloc_pages(&pa, i == 20 ? 8 : 1);
        list_push_back(&freed, &e->link);
    }
    pa_dalloc_list(&pa, &freed);
    assert_true(list_empty(&freed));
    assert_int_equal(atomic_get(&pa.dirty.extents.npages), 49);
    check_pages(&pa, 0);
    atomic_set(&pa.oversize, 0);
    pages_end(&pa);
}

/* Grows over dirty pages and what is retained behind them; stops at a live neighbour, with nothing changed. */
static void
test_expand(void **state) {
    (void)state;
    pages_begin(&pa, -1, 0);
    extent_t *whole = alloc_pages(&pa, 40);
    pa_dalloc(&pa, whole);
    extent_t *a = alloc_pages(&pa, 10), *b = alloc_pages(&pa, 10), *c = alloc_pages(&pa, 10);
    assert_false(pa_expand(&pa, a, 11 * sc.page, sc_index(11 * sc.page)));
    assert_int_equal(a->size, 10 * sc.page);
    pa_dalloc(&pa, b);
    assert_true(pa_expand(&pa, a, 15 * sc.page, sc_index(15 * sc.page)));
    assert_int_equal(a->size, 15 * sc.page);
    layout_t before = check_pages(&pa, 25 * sc.page);
    assert_false(pa_expand(&pa, a, 21 * sc.page, sc_index(21 * sc.page)));
    layout_t after = check_pages(&pa, 25 * sc.page);
    assert_memory_equal(after.bytes, before.bytes, sizeof after.bytes);
    assert_int_equal(a->szind, sc_index(15 * sc.page));
    assert_true(pa_expand(&pa, a, 20 * sc.page, sc_index(20 * sc.page)));
    pa_dalloc(&pa, a);
    pa_dalloc(&pa, c);
    pages_end(&pa);
}

/* Half of what lies behind is dirty, half has been given back: both halves are used. */
static void
test_expand_over_two_collections(void **state) {
    (void)state;
    pages_begin(&pa, -1, 0);
    extent_t *whole = alloc_pages(&pa, 30);
    pa_dalloc(&pa, whole);
    extent_t *a = alloc_pages(&pa, 10), *b = alloc_pages(&pa, 10), *c = alloc_pages(&pa, 10);
    pa_dalloc(&pa, c);
    pa_purge_all(&pa);
    pa_dalloc(&pa, b);
    check_pages(&pa, 10 * sc.page);
    assert_true(pa_expand(&pa, a, 30 * sc.page, sc_index(30 * sc.page)));
    mark(a, 1);
    check_pages(&pa, 30 * sc.page);
    pa_dalloc(&pa, a);
    pages_end(&pa);
}

/* ---- the checker finds what is wrong ---- */

static int
miscount_mapped(void *e) {
    (void)e;
    counter_add(&pa.mapped, sc.page);
    pa_check(&pa);
    return 0;
}

static int
spoil_sn(void *e) {
    ((extent_t *)e)->sn++;
    pa_check(&pa);
    return 0;
}

static int
spoil_head(void *e) {
    ((extent_t *)e)->is_head = !((extent_t *)e)->is_head;
    pa_check(&pa);
    return 0;
}

static int
spoil_class(void *e) {
    ((extent_t *)e)->szind = SC_NONE;
    pa_check(&pa);
    return 0;
}

static int
spoil_size(void *e) {
    ((extent_t *)e)->size += sc.page;
    pa_check(&pa);
    return 0;
}

static void
test_checker(void **state) {
    (void)state;
    if (!config_debug) {
        skip();
    }
    static int (*const damages[])(void *) = {miscount_mapped, spoil_sn, spoil_head, spoil_class, spoil_size};
    pages_begin(&pa, -1, 0);
    extent_t *e = alloc_pages(&pa, 3);
    for (unsigned i = 0; i < LENGTH(damages); i++) {
        assert_aborts(damages[i], e, "lunalloc: broken invariant: ");
    }
    pa_dalloc(&pa, e);
    pages_end(&pa);
}

/* A small allocation that profiling has given an extent of its own keeps its small class, for as long as it lives. */
static void
test_szind_of_large_and_profile_promoted(void **state) {
    (void)state;
    const uint32_t szinds[] = {0, sc_index(100), sc.nsmall - 1, sc.nsmall, sc_index(1 << 20)};
    extent_t *e[5];
    bool zeroed = false;
    pages_begin(&pa, -1, 0);
    for (unsigned i = 0; i < 5; i++) {
        size_t size = align_up(sc.size[szinds[i]], sc.page);
        e[i] = alloc_extent(&pa, size, sc.page, szinds[i], false, &zeroed);
        assert_non_null(e[i]);
    }
    check_pages(&pa, walk(&pa).bytes[extent_active]);
    for (unsigned i = 0; i < 5; i++) {
        uintptr_t addr = e[i]->addr;
        assert_true(e[i]->szind == szinds[i] && !e[i]->slab && extent_state(e[i]) == extent_active);
        pa_dalloc(&pa, e[i]);
        const extent_t *after = pagemap_extent(addr);
        assert_true(after == NULL || after->szind == SC_NONE);
        check_pages(&pa, walk(&pa).bytes[extent_active]);
    }
    pages_end(&pa);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_never_purged),
        cmocka_unit_test(test_random_purged_at_once),
        cmocka_unit_test(test_random_muzzy_forever),
        cmocka_unit_test(test_random_decay),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_zeroed),
        cmocka_unit_test(test_free_slab_is_used_again),
        cmocka_unit_test(test_order_of_sources),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_expand),
        cmocka_unit_test(test_expand_over_two_collections),
        cmocka_unit_test(test_checker),
        cmocka_unit_test(test_szind_of_large_and_profile_promoted),
    };
    return cmocka_run_group_tests_name("extent/page_alloc", tests, boot_allocator, NULL);
}
