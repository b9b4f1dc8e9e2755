/* guard_test.c -- guard pages and huge pages of one arena, as the system's own tables show them. */
#include "support.h"

#include "arena/arenas.h"
#include "extent/pagemap.h"
#include "os/pages.h"

#include <errno.h>

#define MAX_BLOCKS 200
/* Mappings at least this large are a sanitizer's. */
#define MOST_OURS ((uintptr_t)1 << 30)

static void
set(const arena_t *arena, const char *what, const char *value, int expected) {
    char name[64];
    snprintf(name, sizeof name, "arena.%u.%s", arena->index, what);
    assert_int_equal(lunalloc_ctl_set(name, value, NULL, 0), expected);
}

static arena_t *
new_arena(void) {
    lunalloc_free(lunalloc_malloc(1)); /* boots */
    arena_t *arena = arenas_create();
    assert_non_null(arena);
    return arena;
}

static bool
is_ours(const arena_t *arena, uintptr_t addr) {
    lunalloc_location_t at;
    return lunalloc_find((void *)addr, &at) == 0 && at.extent.arena == arena->index && at.extent.committed;
}

/* Inaccessible pages, by /proc/self/smaps, that belong to extents of the arena. */
static size_t
inaccessible_pages(const arena_t *arena) {
    size_t n = 0;
    char line[512], access[8];
    uintptr_t from, to;
    FILE *maps = fopen("/proc/self/smaps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        if (sscanf(line, "%lx-%lx %7s", &from, &to, access) == 3 && strncmp(access, "---p", 4) == 0) {
            for (uintptr_t page = from; page < to && to - from < MOST_OURS; page += sc.page) {
                n += is_ours(arena, page);
            }
        }
    }
    fclose(maps);
    return n;
}

static void
write_at(void *ptr) {
    *(volatile char *)ptr = 1;
}

static void
test_guard_pages_counted_in_smaps(void **state) {
    (void)state;
    void *blocks[MAX_BLOCKS];
    bool zeroed = false;
    arena_t *arena = new_arena();
    set(arena, "guard", "true", 0);
    for (unsigned i = 0; i < MAX_BLOCKS; i++) {
        uint32_t szind = i % 2 == 0 ? sc_index(20000 + i * 400) : i % sc.nsmall;
        blocks[i] = sc_is_small(szind) ? arena_malloc_small(arena, szind, 0)
                                       : arena_malloc_large(arena, szind, sc.page, &zeroed);
        assert_non_null(blocks[i]);
        memset(blocks[i], 1, sc.size[szind]);
    }
    size_t nguards = atomic_get(&arena->pages.guard_pages);
    assert_true(nguards >= MAX_BLOCKS / 2);
    assert_int_equal(inaccessible_pages(arena), nguards);
    arena_check(arena);
    for (unsigned i = 0; i < MAX_BLOCKS; i++) {
        lunalloc_free(blocks[i]);
    }
    assert_true(atomic_get(&arena->pages.guard_pages) <= sc.nsmall);
    assert_int_equal(inaccessible_pages(arena), atomic_get(&arena->pages.guard_pages));
    arena_check(arena);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

static void
test_overrun_is_caught(void **state) {
    (void)state;
    bool zeroed = false;
    arena_t *arena = new_arena();
    set(arena, "guard", "true", 0);
    char *large = arena_malloc_large(arena, sc_index(20000), sc.page, &zeroed);
    assert_int_equal(lunalloc_usable_size(large), sc_round(20000));
    outcome_t out = in_child(write_at, large + sc_round(20000));
    assert_true(WIFSIGNALED(out.status) || WEXITSTATUS(out.status) != 0);
    out = in_child(write_at, large + sc_round(20000) - 1);
    assert_child_well(&out);
    char *grown = lunalloc_realloc(large, 100000);
    assert_non_null(grown);
    memset(grown, 2, 100000);
    lunalloc_free(grown);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* Live in both directions; extents keep what they were made with. */
static void
test_guard_pages_live(void **state) {
    (void)state;
    bool zeroed = false;
    arena_t *arena = new_arena();
    void *before = arena_malloc_large(arena, sc_index(50000), sc.page, &zeroed);
    set(arena, "guard", "true", 0);
    void *with = arena_malloc_large(arena, sc_index(50000), sc.page, &zeroed);
    set(arena, "guard", "false", 0);
    void *after = arena_malloc_large(arena, sc_index(50000), sc.page, &zeroed);
    assert_false(pagemap_extent((uintptr_t)before)->guarded);
    assert_true(pagemap_extent((uintptr_t)with)->guarded);
    assert_false(pagemap_extent((uintptr_t)after)->guarded);
    lunalloc_free(with);
    lunalloc_free(before);
    lunalloc_free(after);
    assert_int_equal(atomic_get(&arena->pages.guard_pages), 0);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* KiB of huge pages in the mapping that contains an address. */
static size_t
huge_kib(uintptr_t addr) {
    char line[512];
    uintptr_t from, to;
    size_t kib, found = 0;
    bool here = false;
    FILE *maps = fopen("/proc/self/smaps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
            here = addr >= from && addr < to;
        } else if (here && sscanf(line, "AnonHugePages: %zu", &kib) == 1) {
            found = kib;
        }
    }
    fclose(maps);
    return found;
}

static bool
system_has_thp(void) {
    char text[128] = "";
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
    if (file != NULL) {
        (void)!fgets(text, sizeof text, file);
        fclose(file);
    }
    return text[0] != '\0' && strstr(text, "[never]") == NULL;
}

static size_t
huge_kib_with(const char *mode) {
    bool zeroed = false;
    size_t size = (size_t)64 << 20;
    arena_t *arena = new_arena();
    set(arena, "thp", mode, 0);
    char *p = arena_malloc_large(arena, sc_index(size), (size_t)2 << 20, &zeroed);
    assert_non_null(p);
    memset(p, 1, size);
    size_t kib = huge_kib((uintptr_t)p);
    lunalloc_free(p);
    assert_int_equal(arenas_destroy(arena->index), 0);
    return kib;
}

static void
test_thp_mode_huge_pages_in_smaps(void **state) {
    (void)state;
    if (!system_has_thp()) {
        print_message("skip: the system has no transparent huge pages\n");
        skip();
    }
    assert_int_equal(huge_kib_with("never"), 0);
    size_t kib = huge_kib_with("always");
    if (kib == 0) {
        print_message("skip: the system had no huge page to give\n");
        skip();
    }
    assert_true(kib >= 2048);
}

#define BLOCK   ((size_t)256 << 10)
#define NBLOCKS 128U

/* KiB of huge pages around some of the blocks. */
static size_t
huge_kib_around(char *const *blocks) {
    size_t most = 0;
    for (unsigned i = 0; i < NBLOCKS; i += 8) {
        size_t kib = huge_kib((uintptr_t)blocks[i]);
        most = kib > most ? kib : most;
    }
    return most;
}

/* In a hugepage-aware arena, every second block is freed: decay at once leaves the huge pages whole; a purge does not.
 * When all is free, decay gives all back. */
static void
test_thp_mode_always_keeps_huge_pages_whole_in_smaps(void **state) {
    (void)state;
    char *blocks[NBLOCKS];
    bool zeroed = false;
    arena_t *arena = new_arena();
    set(arena, "thp", "always", 0);
    set(arena, "dirty_decay_ms", "0", 0);
    for (unsigned i = 0; i < NBLOCKS; i++) {
        blocks[i] = arena_malloc_large(arena, sc_index(BLOCK), sc.page, &zeroed);
        assert_non_null(blocks[i]);
        memset(blocks[i], 1, BLOCK);
    }
    size_t before = huge_kib_around(blocks);
    if (pa_hugepage_size(&arena->pages) == 0 || before == 0) {
        print_message("skip: the system had no huge page to give\n");
        arenas_destroy(arena->index);
        skip();
    }
    for (unsigned i = 0; i < NBLOCKS; i += 2) {
        lunalloc_free(blocks[i]);
    }
    assert_true(huge_kib_around(blocks) >= before);
    set(arena, "purge", NULL, 0);
    assert_int_equal(atomic_get(&arena->pages.dirty.extents.npages), 0);
    assert_true(huge_kib_around(blocks) < before);
    for (unsigned i = 1; i < NBLOCKS; i += 2) {
        lunalloc_free(blocks[i]);
    }
    assert_int_equal(atomic_get(&arena->pages.dirty.extents.npages), 0);
    assert_int_equal(huge_kib_around(blocks), 0);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

static void
get_thp(const arena_t *arena, char *mode, size_t size) {
    char name[64];
    lunalloc_value_t value;
    snprintf(name, sizeof name, arena == NULL ? "opt.thp" : "arena.%u.thp", arena == NULL ? 0 : arena->index);
    assert_int_equal(lunalloc_ctl_get(name, &value, NULL, 0), 0);
    snprintf(mode, size, "%s", value.v.s);
}

/* opt.thp is for arenas that are made later. */
static void
test_thp_mode_of_new_arenas(void **state) {
    (void)state;
    static const char *const modes[] = {"always", "never", "default"};
    char mode[16];
    arena_t *before = new_arena();
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(lunalloc_ctl_set("opt.thp", modes[i], NULL, 0), 0);
        get_thp(NULL, mode, sizeof mode);
        assert_string_equal(mode, modes[i]);
        arena_t *arena = new_arena();
        get_thp(arena, mode, sizeof mode);
        assert_string_equal(mode, modes[i]);
        assert_int_equal(pa_hugepage_size(&arena->pages), i == 0 ? pages_huge_size() : 0);
        get_thp(before, mode, sizeof mode);
        assert_string_equal(mode, "default");
        assert_int_equal(arenas_destroy(arena->index), 0);
    }
    assert_int_equal(lunalloc_ctl_set("opt.thp", "sometimes", NULL, 0), EINVAL);
    get_thp(NULL, mode, sizeof mode);
    assert_string_equal(mode, "default");
    assert_int_equal(arenas_destroy(before->index), 0);
}

static void
test_bad_values(void **state) {
    (void)state;
    char message[256];
    arena_t *arena = new_arena();
    set(arena, "thp", "sometimes", EINVAL);
    set(arena, "guard", "perhaps", EINVAL);
    assert_int_equal(lunalloc_ctl_set("arena.0.thp", "sometimes", message, sizeof message), EINVAL);
    assert_non_null(strstr(message, "allowed: default, always, never"));
    assert_int_equal(atomic_get(&arena->pages.thp), pages_thp_default);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard_pages_counted_in_smaps),
        cmocka_unit_test(test_overrun_is_caught),
        cmocka_unit_test(test_guard_pages_live),
        cmocka_unit_test(test_thp_mode_huge_pages_in_smaps),
        cmocka_unit_test(test_thp_mode_always_keeps_huge_pages_whole_in_smaps),
        cmocka_unit_test(test_thp_mode_of_new_arenas),
        cmocka_unit_test(test_bad_values),
    };
    return cmocka_run_group_tests_name("api/guard", tests, NULL, NULL);
}
