/* find_test.c -- what an address belongs to: every kind of address, in still arenas and under load. */
#include "../api/support.h"
#include "arena/arenas.h"
#include "extent/pagemap.h"

#include <errno.h>
#include <sched.h>

static arena_t *arena;

static int
make_arena(void **state) {
    boot_allocator(state);
    arena = arenas_create();
    return arena == NULL ? -1 : 0;
}

/* Every byte of a slab, the tail that belongs to no region too. */
static void
assert_slab_found(const void *ptr, uint32_t szind) {
    lunalloc_location_t at;
    assert_int_equal(lunalloc_find(ptr, &at), 0);
    const lunalloc_extent_t slab = at.extent;
    size_t size = sc.size[szind];
    assert_true(slab.slab && slab.szind == szind && slab.arena == arena->index && slab.state == LUNALLOC_ACTIVE);
    for (size_t offset = 0; offset<slab.size; offset += size> 64 ? 61 : 1) {
        uintptr_t addr = slab.addr + offset;
        assert_int_equal(lunalloc_find((void *)addr, &at), 0);
        assert_int_equal(at.extent.addr, slab.addr);
        assert_int_equal(at.region, offset / size);
        assert_int_equal(at.region_addr, slab.addr + offset / size * size);
        assert_int_equal(at.region_size, size);
    }
}

static void
test_small(void **state) {
    (void)state;
    for (uint32_t szind = 0; szind < sc.nsmall; szind++) {
        void *ptrs[3];
        lunalloc_location_t at;
        assert_int_equal(arena_fill(arena, szind, 0, 3, ptrs), 3);
        assert_slab_found(ptrs[0], szind);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(lunalloc_find((char *)ptrs[i] + sc.size[szind] - 1, &at), 0);
            assert_int_equal(at.region_addr, (uintptr_t)ptrs[i]);
            assert_true(at.allocated);
        }
        arena_flush(&(void *){ptrs[1]}, 1);
        if (lunalloc_find(ptrs[1], &at) == 0) {
            assert_false(at.allocated);
        }
        assert_int_equal(lunalloc_find(ptrs[2], &at), 0);
        assert_true(at.allocated);
    }
}

static void
test_large(void **state) {
    (void)state;
    for (uint32_t szind = sc.nsmall; szind < sc.nsmall + 20; szind++) {
        bool zeroed = false;
        lunalloc_location_t at;
        char *p = arena_malloc_large(arena, szind, 1, &zeroed);
        assert_non_null(p);
        for (size_t offset = 0; offset < sc.size[szind]; offset += offset + 1 < sc.page ? 1 : 4001) {
            assert_int_equal(lunalloc_find(p + offset, &at), 0);
            assert_int_equal(at.extent.addr, (uintptr_t)p);
            assert_int_equal(at.extent.szind, szind);
            assert_int_equal(at.region, 0);
            assert_int_equal(at.region_addr, (uintptr_t)p);
            assert_int_equal(at.region_size, sc.size[szind]);
            assert_true(at.allocated && !at.extent.slab);
        }
        assert_int_equal(lunalloc_find(p + sc.size[szind] - 1, &at), 0);
        assert_int_equal(at.extent.addr, (uintptr_t)p);
        arena_free_large(arena_extent_of(p, "test"));
    }
}

/* Free pages: the extent is told, and that nothing is there. */
static void
test_free_pages(void **state) {
    (void)state;
    bool zeroed = false;
    lunalloc_location_t at;
    char *p = arena_malloc_large(arena, sc.nsmall + 10, 1, &zeroed);
    assert_non_null(p);
    arena_free_large(arena_extent_of(p, "test"));
    for (size_t offset = 0; offset < sc.size[sc.nsmall + 10]; offset += 1000) {
        assert_int_equal(lunalloc_find(p + offset, &at), 0);
        assert_true(at.extent.state != LUNALLOC_ACTIVE);
        assert_true(at.extent.addr <= (uintptr_t)p + offset);
        assert_true(at.extent.addr + at.extent.size > (uintptr_t)p + offset);
        assert_int_equal(at.region_addr + at.region_size + at.region, 0);
        assert_false(at.allocated);
        assert_int_equal(at.extent.szind, LUNALLOC_NONE);
    }
}

static void
test_foreign(void **state) {
    (void)state;
    static int global;
    int local;
    lunalloc_location_t at;
    const uintptr_t strange[] = {0,
                                 1,
                                 4096,
                                 (uintptr_t)1 << 46,
                                 ((uintptr_t)1 << 47) - 1,
                                 (uintptr_t)1 << 47,
                                 (uintptr_t)1 << 63,
                                 UINTPTR_MAX,
                                 UINTPTR_MAX - 4095};
    for (unsigned i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        assert_int_equal(lunalloc_find((void *)strange[i], &at), ENOENT);
    }
    assert_int_equal(lunalloc_find(&global, &at), ENOENT);
    assert_int_equal(lunalloc_find(&local, &at), ENOENT);
    assert_int_equal(lunalloc_find((void *)(uintptr_t)test_foreign, &at), ENOENT);
}

/* Addresses of a destroyed arena are nobody's. */
static void
test_destroyed(void **state) {
    (void)state;
    arena_t *other = arenas_create();
    bool zeroed = false;
    lunalloc_location_t at;
    void *p = arena_malloc_large(other, sc.nsmall + 5, 1, &zeroed);
    assert_int_equal(lunalloc_find(p, &at), 0);
    assert_int_equal(at.extent.arena, other->index);
    assert_int_equal(arenas_destroy(other->index), 0);
    assert_int_equal(lunalloc_find(p, &at), ENOENT);
}

/* ---- freed and used again between two looks ---- */

typedef struct {
    void *ptr;
    int error;
    _Atomic bool locked;
    lunalloc_location_t at;
} question_t;

static void *
ask(void *arg) {
    question_t *question = arg;
    while (!atomic_get(&question->locked)) {
        sched_yield();
    }
    question->error = lunalloc_find(question->ptr, &question->at);
    return NULL;
}

/* The extent has been seen, and its arena's layout is waited for: then this happens to it. */
static int
ask_meanwhile(void *ptr, void (*happens)(extent_t *e)) NO_THREAD_SAFETY {
    question_t question = {.ptr = ptr};
    pthread_t thread;
    extent_t *e = pagemap_extent((uintptr_t)ptr);
    assert_int_equal(pthread_create(&thread, NULL, ask, &question), 0);
    pa_lock_layout(&arena->pages);
    atomic_set(&question.locked, true);
    while (atomic_get(&arena->pages.dirty.extents.lock.nsleepers) == 0) {
        sched_yield();
    }
    happens(e);
    pa_unlock_layout(&arena->pages);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return question.error;
}

static void
nothing(extent_t *e) {
    (void)e;
}

static void
forgotten(extent_t *e) {
    pagemap_set_boundary(e->addr, e->size, NULL);
}

/* The descriptor is another extent's, behind this one; in the page map it is still at the old place. */
static void
used_elsewhere(extent_t *e) {
    e->addr += e->size;
}

static void
in_another_arena(extent_t *e) {
    atomic_set(&e->owner, extent_owner(0, extent_active));
}

static void
test_freed_and_used_again_meanwhile(void **state) {
    (void)state;
    bool zeroed = false;
    char *p = arena_malloc_large(arena, sc.nsmall + 3, 1, &zeroed);
    extent_t *e = pagemap_extent((uintptr_t)p), before = *e;
    assert_int_equal(ask_meanwhile(p, nothing), 0);
    assert_int_equal(ask_meanwhile(p, forgotten), ENOENT);
    pagemap_set_boundary(e->addr, e->size, e);
    assert_int_equal(ask_meanwhile(p, used_elsewhere), ENOENT);
    e->addr = before.addr;
    assert_int_equal(ask_meanwhile(p, in_another_arena), ENOENT);
    atomic_set(&e->owner, atomic_get(&before.owner));
    assert_int_equal(ask_meanwhile(p, nothing), 0);
    arena_free(p);
}

/* ---- under load ---- */

#define NSLOTS 2000

static _Atomic(void *) slots[NSLOTS];
static _Atomic bool stop;
static _Atomic unsigned rounds;

static void *
churn(void *arg) {
    uint64_t seed = (uintptr_t)arg + 1;
    while (!atomic_get(&stop)) {
        size_t k = rnd_below(&seed, NSLOTS);
        lunalloc_free(atomic_exchange(&slots[k], NULL));
        void *fresh = lunalloc_malloc(rnd_size(&seed, 17));
        lunalloc_free(atomic_exchange(&slots[k], fresh));
        atomic_add(&rounds, 1);
    }
    return NULL;
}

/* Addresses may belong to anybody by the time that they are looked at; an answer is whole all the same. */
static void
test_under_load(void **state) {
    (void)state;
    pthread_t threads[3];
    uint64_t seed = 77;
    unsigned found = 0;
    for (uintptr_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)i), 0);
    }
    while (atomic_get(&rounds) < NSLOTS) {
        sched_yield();
    }
    for (unsigned i = 0; i < 30000; i++) {
        lunalloc_location_t at;
        uintptr_t addr = (uintptr_t)atomic_get(&slots[rnd_below(&seed, NSLOTS)]) + rnd_below(&seed, 5000);
        if (lunalloc_find((void *)addr, &at) == 0) {
            found++;
            assert_true(at.extent.addr <= addr && addr < at.extent.addr + at.extent.size);
            assert_true(!at.extent.slab || (at.region_addr <= addr && addr < at.region_addr + at.region_size));
            assert_int_equal(at.region_size != 0, at.extent.state == LUNALLOC_ACTIVE);
        }
    }
    atomic_set(&stop, true);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (unsigned i = 0; i < NSLOTS; i++) {
        lunalloc_free(atomic_get(&slots[i]));
    }
    assert_true(found > 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_free_pages),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_destroyed),
        cmocka_unit_test(test_under_load),
        cmocka_unit_test(test_freed_and_used_again_meanwhile),
    };
    return cmocka_run_group_tests_name("find", tests, make_arena, NULL);
}
