/*
 * bad_arena_test.c -- arenas that are not there, not manual or in use: each operation on them gives a named error, by
 * text and by type, and leaves everything as it was.
 */
#include "../api/support.h"
#include "arena/arenas.h"
#include "arena/arenas_bind.h"
#include "control/ctl.h"

#include <errno.h>

/* What an operation on a wrong arena could change. */
typedef struct {
    lunalloc_stats_t totals;
    uint32_t count, nauto, bound;
    struct {
        bool alive, manual;
        int64_t dirty_ms, muzzy_ms, dirty_max;
        const void *hooks;
        bool guard;
        int thp;
        uint32_t nthreads;
    } arenas[16];
} picture_t;

static picture_t
take_picture(void) {
    picture_t picture;
    memset(&picture, 0, sizeof picture);
    lunalloc_value_t value;
    lunalloc_stats(LUNALLOC_ALL, &picture.totals);
    picture.totals.time = 0;
    picture.count = arenas_count();
    picture.nauto = arenas_nauto();
    picture.bound = lunalloc_ctl_get("thread.arena", &value, NULL, 0) == 0 ? (uint32_t)value.v.u : UINT32_MAX;
    for (uint32_t i = 0; i < picture.count && i < 16; i++) {
        arena_t *arena = arenas_get(i);
        if (arena != NULL) {
            picture.arenas[i].alive = arenas_alive(i);
            picture.arenas[i].manual = atomic_get(&arena->manual);
            picture.arenas[i].dirty_ms = atomic_get(&arena->pages.dirty.decay_ms);
            picture.arenas[i].muzzy_ms = atomic_get(&arena->pages.muzzy.decay_ms);
            picture.arenas[i].dirty_max = atomic_get(&arena->pages.dirty_max);
            picture.arenas[i].hooks = pa_hooks(&arena->pages);
            picture.arenas[i].guard = atomic_get(&arena->pages.guard);
            picture.arenas[i].thp = (int)atomic_get(&arena->pages.thp);
            picture.arenas[i].nthreads = atomic_get(&arena->nthreads);
        }
    }
    return picture;
}

static void
assert_unchanged(const picture_t *before, const char *what) {
    picture_t now = take_picture();
    if (memcmp(before, &now, sizeof now) != 0) {
        fail_msg("%s changed something", what);
    }
}

static void
assert_set_fails(const char *name, const char *text, int expected, const char *part) {
    char message[256] = "";
    picture_t before = take_picture();
    int error = lunalloc_ctl_set(name, text, message, sizeof message);
    if (error != expected || strstr(message, part) == NULL || strchr(message, '\n') != NULL) {
        fail_msg("%s = %s gave %d: %s", name, text == NULL ? "(nothing)" : text, error, message);
    }
    assert_unchanged(&before, name);
}

static void
assert_get_fails(const char *name, int expected, const char *part) {
    char message[256] = "";
    lunalloc_value_t value;
    picture_t before = take_picture();
    int error = lunalloc_ctl_get(name, &value, message, sizeof message);
    if (error != expected || strstr(message, part) == NULL || strchr(message, '\n') != NULL) {
        fail_msg("%s gave %d: %s", name, error, message);
    }
    assert_unchanged(&before, name);
}

static const struct {
    const char *name;
    const char *value;
} writes[] = {{"dirty_decay_ms", "1"}, {"muzzy_decay_ms", "1"}, {"dirty_max", "1M"}, {"decay", NULL},
              {"purge", NULL},         {"purge_slabs", NULL},   {"reset", NULL},     {"destroy", NULL},
              {"guard", "true"},       {"thp", "always"}};

static const char *const reads[] = {"dirty_decay_ms", "muzzy_decay_ms", "dirty_max", "extent_hooks", "guard", "thp"};
static const char *const stats[] = {"active", "nthreads", "bins.0.curregs", "lextents.0.nmalloc"};

static void
all_fail(const char *index, const char *part) {
    char name[96];
    for (unsigned i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        snprintf(name, sizeof name, "arena.%s.%s", index, writes[i].name);
        assert_set_fails(name, writes[i].value, ENOENT, part);
    }
    for (unsigned i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        snprintf(name, sizeof name, "arena.%s.%s", index, reads[i]);
        assert_get_fails(name, ENOENT, part);
    }
    bool destroyed = strcmp(index, "4097") == 0; /* of statistics: all those that were destroyed */
    for (unsigned i = 0; !destroyed && i < sizeof stats / sizeof stats[0]; i++) {
        snprintf(name, sizeof name, "stats.arenas.%s.%s", index, stats[i]);
        assert_get_fails(name, ENOENT, part);
    }
    assert_set_fails("thread.arena", index, EINVAL, part);
}

static void
test_bad_arena_index_out_of_range(void **state) {
    (void)state;
    char next[16];
    snprintf(next, sizeof next, "%u", arenas_count());
    const char *const indices[] = {next, "4000", "4095", "4097", "99999", "999999999"};
    for (unsigned i = 0; i < sizeof indices / sizeof indices[0]; i++) {
        char part[64];
        snprintf(part, sizeof part, "there is no arena %s; allowed: 0 to %u", indices[i], arenas_count() - 1);
        all_fail(indices[i], part);
        snprintf(part, sizeof part, "arena.%s.initialized", indices[i]);
        assert_get_fails(part, ENOENT, "there is no arena");
    }
}

/* An arena that is gone is named as such. */
static void
test_bad_arena_destroyed(void **state) {
    (void)state;
    const arena_t *arena = arenas_create(), *last = arenas_create();
    char index[16];
    snprintf(index, sizeof index, "%u", arena->index);
    assert_int_equal(arenas_destroy(arena->index), 0);
    all_fail(index, "it was destroyed; allowed: 0 to ");
    assert_int_equal(arenas_destroy(last->index), 0);
}

/* What is no index at all. */
static void
test_no_index(void **state) {
    (void)state;
    static const char *const indices[] = {"-1", "x", "01", "1e3", "0x1", "18446744073709551616", "", " 0"};
    for (unsigned i = 0; i < sizeof indices / sizeof indices[0]; i++) {
        char name[96];
        snprintf(name, sizeof name, "arena.%s.dirty_decay_ms", indices[i]);
        assert_set_fails(name, "1", ENOENT, "no control 'arena.");
        assert_get_fails(name, ENOENT, "no control 'arena.");
    }
    assert_set_fails("arena.<i>.purge", NULL, EINVAL, "needs a number");
}

/* 4096 stands for all arenas, but not everywhere. */
static void
test_bad_arena_4096_where_one_is_meant(void **state) {
    (void)state;
    assert_set_fails("arena.4096.reset", NULL, EINVAL, "4096 means all arenas, and this takes one; allowed: 0 to ");
    assert_set_fails("arena.4096.destroy", NULL, EINVAL, "4096 means all arenas, and this takes one");
    assert_set_fails("thread.arena", "4096", EINVAL, "4096 means all arenas, and this takes one");
    assert_set_fails("arena.4096.dirty_decay_ms", "soon", EINVAL, "not a number");
    assert_set_fails("arena.4096.dirty_decay_ms", "-2", EINVAL, "out of range");
    for (unsigned i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        char name[96];
        snprintf(name, sizeof name, "arena.4096.%s", reads[i]);
        assert_get_fails(name, ENOENT, "4096 means all arenas, and this takes one");
    }
}

static void
test_bad_arena_0_reset_or_destroyed(void **state) {
    (void)state;
    for (uint32_t i = 0; i < arenas_nauto(); i++) {
        char name[96];
        assert_non_null(arenas_want(i));
        snprintf(name, sizeof name, "arena.%u.reset", i);
        assert_set_fails(name, NULL, EINVAL, "only manual arenas (arenas.create) can be reset or destroyed");
        snprintf(name, sizeof name, "arena.%u.destroy", i);
        assert_set_fails(name, NULL, EINVAL, "only manual arenas (arenas.create) can be reset or destroyed");
    }
}

static void
test_bad_arena_reset_or_destroyed_in_use(void **state) {
    (void)state;
    arena_t *arena = arenas_create();
    char name[96];
    void *p = arena_malloc_small(arena, 3, 0);
    pattern_fill(p, sc.size[3], 5);
    assert_ptr_equal(arenas_bind_to(arena->index), arena);
    static const char *const actions[] = {"reset", "destroy"};
    for (unsigned i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "arena.%u.%s", arena->index, actions[i]);
        assert_set_fails(name, NULL, EAGAIN, "threads are bound to this arena; bind them to another one first");
        assert_true(pattern_holds(p, sc.size[3], 5));
    }
    arenas_unbind(arena);
    assert_int_equal(lunalloc_ctl_set(name, NULL, NULL, 0), 0);
}

/* ---- hooks ---- */

static int
write_hooks(const char *index, extent_hooks_t *hooks) {
    char name[64];
    snprintf(name, sizeof name, "arena.%s.extent_hooks", index);
    return mallctl(name, NULL, NULL, &hooks, sizeof hooks);
}

static void
test_bad_arena_extent_hooks(void **state) {
    (void)state;
    static const char *const indices[] = {"4095", "4096", "4097", "999999999"};
    picture_t before = take_picture();
    static extent_hooks_t none;
    extent_hooks_t *hooks = NULL;
    size_t size = sizeof hooks;
    assert_int_equal(mallctl("arena.0.extent_hooks", &hooks, &size, NULL, 0), 0);
    for (unsigned i = 0; i < sizeof indices / sizeof indices[0]; i++) {
        bool several = strncmp(indices[i], "409", 3) == 0 && strcmp(indices[i], "4095") != 0;
        assert_int_equal(write_hooks(indices[i], hooks), several ? EFAULT : ENOENT);
    }
    assert_int_equal(write_hooks("0", NULL), EINVAL);
    assert_int_equal(write_hooks("0", &none), EINVAL);
    assert_unchanged(&before, "extent_hooks");
}

static void *nonsense;

static void *
nonsense_alloc(extent_hooks_t *hooks, void *new_addr, size_t size, size_t alignment, bool *zero, bool *commit,
               unsigned arena) {
    (void)hooks, (void)new_addr, (void)size, (void)alignment, (void)zero, (void)commit, (void)arena;
    return nonsense;
}

static const char warning[] = "lunalloc: the alloc hook of an arena returned memory that is misaligned, out of range "
                              "or in use; it is not used\n";

/* In a child: an allocation from an arena whose alloc hook returns nonsense fails, and changes nothing there. */
static void
allocate_nonsense(void *addr) {
    lunalloc_stats_t before, after;
    extent_hooks_t hooks = {.alloc = nonsense_alloc}, *original;
    char index[16];
    size_t size = sizeof original;
    arena_t *arena = arenas_create();
    snprintf(index, sizeof index, "%u", arena->index);
    child_assert(mallctl("arena.0.extent_hooks", &original, &size, NULL, 0) == 0);
    child_assert(write_hooks(index, &hooks) == 0 && lunalloc_ctl_set("thread.arena", index, NULL, 0) == 0);
    lunalloc_stats(arena->index, &before);
    nonsense = addr;
    for (size_t asked = 100; asked < 2000000; asked *= 100) {
        errno = 0;
        child_assert(lunalloc_malloc(asked) == NULL && errno == ENOMEM);
    }
    lunalloc_stats(arena->index, &after);
    child_assert(after.mapped == before.mapped && after.allocated == before.allocated);
    child_assert(after.nregions == before.nregions && after.active == before.active);
    child_assert(write_hooks(index, original) == 0);
    void *p = lunalloc_malloc(100);
    child_assert(p != NULL && extent_arena(arena_extent_of(p, "test")) == arena->index);
    arena_check(arena);
}

static void
test_bad_hook_memory_misaligned_null_or_too_small(void **state) {
    (void)state;
    char *in_use = lunalloc_malloc((size_t)1 << 20);
    uintptr_t page = (uintptr_t)in_use & ~(uintptr_t)(sc.page - 1);
    void *const addresses[] = {in_use + 1, (void *)page, (void *)(page + 3 * sc.page), (void *)(UINTPTR_MAX - sc.page)};
    for (unsigned i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        outcome_t out = in_child(allocate_nonsense, addresses[i]);
        assert_child_well(&out);
        assert_memory_equal(out.text, warning, sizeof warning - 1);
    }
    outcome_t out = in_child(allocate_nonsense, NULL);
    assert_child_well(&out);
    assert_string_equal(out.text, "");
    lunalloc_free(in_use);
}

/* By number, where an index may be any size_t. */
static void
test_by_mib(void **state) {
    (void)state;
    static const char *const names[] = {"arena.0.dirty_decay_ms",
                                        "arena.0.dirty_max",
                                        "stats.arenas.0.active",
                                        "stats.arenas.0.bins.0.nmalloc",
                                        "arenas.bin.0.size",
                                        "arenas.lextent.0.size",
                                        "stats.arenas.0.lextents.0.ndalloc",
                                        "arena.0.initialized"};
    static const size_t indices[] = {4098, UINT32_MAX, (size_t)UINT32_MAX + 1, SIZE_MAX - 4096, SIZE_MAX};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (unsigned k = 0; k < sizeof indices / sizeof indices[0]; k++) {
            size_t mib[8], len = 8, size = sizeof(uint64_t);
            uint64_t value;
            assert_int_equal(mallctlnametomib(names[i], mib, &len), 0);
            size = strstr(names[i], "initialized") != NULL ? 1 : size;
            mib[len == 3 && strncmp(names[i], "arena.", 6) == 0 ? 1 : 2] = indices[k];
            picture_t before = take_picture();
            assert_int_equal(mallctlbymib(mib, len, &value, &size, NULL, 0), ENOENT);
            assert_unchanged(&before, names[i]);
        }
    }
    size_t mib[3], len = 3;
    assert_int_equal(mallctlnametomib("arena.0.destroy", mib, &len), 0);
    for (unsigned k = 0; k < sizeof indices / sizeof indices[0]; k++) {
        mib[1] = indices[k];
        assert_int_equal(mallctlbymib(mib, 3, NULL, NULL, NULL, 0), ENOENT);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_arena_index_out_of_range),
        cmocka_unit_test(test_bad_arena_destroyed),
        cmocka_unit_test(test_no_index),
        cmocka_unit_test(test_bad_arena_4096_where_one_is_meant),
        cmocka_unit_test(test_bad_arena_0_reset_or_destroyed),
        cmocka_unit_test(test_bad_arena_reset_or_destroyed_in_use),
        cmocka_unit_test(test_bad_arena_extent_hooks),
        cmocka_unit_test(test_bad_hook_memory_misaligned_null_or_too_small),
        cmocka_unit_test(test_by_mib),
    };
    return cmocka_run_group_tests_name("bad_arena", tests, boot_allocator, NULL);
}
