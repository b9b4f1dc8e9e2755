/* modes_test.c -- junk and zero, exactly: each way in and out, with the modes on, and nothing of them when off. */
#include "../api/support.h"
#include "thread/refresh.h"
#include "thread/modes.h"
#include "thread/tcache.h"
#include "thread/thread_life.h"

#define SMALL 1500
#define LARGE 200000

static int
modes_off(void **state) {
    (void)state;
    modes_set(MODES_ALL, 0);
    return 0;
}

static bool
holds(const void *ptr, size_t from, unsigned char byte) {
    return all_bytes((const char *)ptr + from, lunalloc_usable_size(ptr) - from, byte);
}

/* Checks and frees. */
static void
assert_filled(void *ptr, unsigned char byte) {
    assert_non_null(ptr);
    assert_true(holds(ptr, 0, byte));
    memset(ptr, 0x11, lunalloc_usable_size(ptr));
    lunalloc_free(ptr);
}

static const size_t sizes[] = {1, 8, 24, 100, SMALL, 4096, 14336, 20000, 40000, 65536, LARGE, 700000};
#define NSIZES (sizeof sizes / sizeof sizes[0])

/* Each way to allocate, twice: what was freed is used again. */
static void
assert_all_filled(unsigned char byte) {
    for (unsigned i = 0; i < 2 * NSIZES; i++) {
        size_t size = sizes[i / 2];
        void *out;
        assert_filled(lunalloc_malloc(size), byte);
        assert_filled(lunalloc_realloc(NULL, size), byte);
        assert_filled(lunalloc_aligned_alloc(64, size), byte);
        assert_filled(lunalloc_aligned_alloc(16384, size), byte);
        assert_int_equal(lunalloc_posix_memalign(&out, 4096, size), 0);
        assert_filled(out, byte);
        assert_filled(mallocx(size, 0), byte);
        assert_filled(mallocx(size, MALLOCX_TCACHE_NONE), byte);
        assert_filled(mallocx(size, MALLOCX_ARENA(0)), byte);
        assert_filled(rallocx(NULL, size, 0), byte);
    }
}

static void
assert_batch_filled(unsigned char byte) {
    void *ptrs[40];
    assert_int_equal(lunalloc_batch_alloc(ptrs, 40, SMALL, 0), 40);
    for (unsigned i = 0; i < 40; i++) {
        assert_filled(ptrs[i], byte);
    }
    assert_int_equal(lunalloc_batch_alloc(ptrs, 40, SMALL, MALLOCX_ZERO), 40);
    for (unsigned i = 0; i < 40; i++) {
        assert_filled(ptrs[i], 0);
    }
}

/* An explicit tcache stays on, and what it gives is filled. */
static void
assert_cache_filled(unsigned char byte) {
    unsigned id;
    size_t len = sizeof id;
    assert_int_equal(mallctl("tcache.create", &id, &len, NULL, 0), 0);
    int flags = MALLOCX_TCACHE((int)id);
    for (unsigned i = 0; i < 20; i++) {
        void *ptr = mallocx(SMALL, flags);
        assert_true(holds(ptr, 0, byte));
        memset(ptr, 0x11, SMALL);
        dallocx(ptr, flags);
    }
    assert_int_equal(mallctl("tcache.destroy", NULL, NULL, &id, sizeof id), 0);
}

static void
assert_manual_filled(unsigned char byte) {
    unsigned arena;
    size_t len = sizeof arena;
    assert_int_equal(mallctl("arenas.create", &arena, &len, NULL, 0), 0);
    int flags = MALLOCX_ARENA((int)arena) | MALLOCX_TCACHE_NONE;
    assert_filled(mallocx(SMALL, flags), byte);
    assert_filled(mallocx(SMALL, flags), byte);
    assert_filled(mallocx(LARGE, flags), byte);
    assert_filled(mallocx(LARGE, flags), byte);
    assert_int_equal(arenas_destroy(arena), 0);
}

static void
assert_every_way_filled(unsigned char byte) {
    assert_all_filled(byte);
    assert_batch_filled(byte);
    assert_cache_filled(byte);
    assert_manual_filled(byte);
}

static void
assert_zeroed_anyway(void) {
    for (unsigned i = 0; i < 2 * NSIZES; i++) {
        size_t size = sizes[i / 2];
        char *ptr = lunalloc_calloc(1, size);
        assert_true(all_zero(ptr, size));
        lunalloc_free(ptr);
        assert_filled(mallocx(size, MALLOCX_ZERO), 0);
    }
}

static void
test_junk_of_allocations(void **state) {
    (void)state;
    must_set("arenas.junk", "alloc");
    assert_every_way_filled(JUNK_ALLOCATED);
    assert_zeroed_anyway();
    must_set("arenas.junk", "true");
    assert_every_way_filled(JUNK_ALLOCATED);
    assert_zeroed_anyway();
}

static void
test_zero(void **state) {
    (void)state;
    must_set("arenas.zero", "true");
    assert_every_way_filled(0);
    must_set("arenas.junk", "true");
    assert_every_way_filled(0);
    must_set("arenas.zero", "false");
    assert_every_way_filled(JUNK_ALLOCATED);
}

/* A freed region is junk while a neighbour keeps its slab. */
static void
test_junk_of_frees(void **state) {
    (void)state;
    static const char *const modes[] = {"free", "true"};
    for (unsigned i = 0; i < 8; i++) {
        must_set("arenas.junk", modes[i % 2]);
        void *keep[64];
        for (unsigned k = 0; k < 64; k++) {
            keep[k] = lunalloc_malloc(SMALL);
            memset(keep[k], 0x11, lunalloc_usable_size(keep[k]));
        }
        unsigned char *ptr = keep[31];
        size_t size = lunalloc_usable_size(ptr);
        i % 4 < 2 ? lunalloc_free(ptr) : lunalloc_free_sized(ptr, SMALL);
        for (size_t at = 0; at < size; at++) {
            assert_int_equal(ptr[at], JUNK_FREED);
        }
        keep[31] = NULL;
        for (unsigned k = 0; k < 64; k++) {
            assert_true(keep[k] == NULL || holds(keep[k], 0, 0x11));
            lunalloc_free(keep[k]);
        }
    }
}

/* Contents move, and what is gained is filled: in place, too. */
static void
test_junk_and_realloc(void **state) {
    (void)state;
    static const char *const names[] = {"arenas.junk", "arenas.zero"};
    for (unsigned mode = 0; mode < 2; mode++) {
        must_set(names[mode], "true");
        unsigned char fresh = mode == 0 ? JUNK_ALLOCATED : 0;
        char *ptr = NULL;
        size_t usable = 0;
        for (size_t size = 10; size < (size_t)4 << 20; size += size / 2) {
            ptr = lunalloc_realloc(ptr, size);
            assert_true(pattern_holds(ptr, usable, 5));
            assert_true(holds(ptr, usable, fresh));
            usable = lunalloc_usable_size(ptr);
            pattern_fill(ptr, usable, 5);
        }
        for (size_t size = usable / 2; size > 10; size /= 3) {
            ptr = lunalloc_realloc(ptr, size);
            assert_true(pattern_holds(ptr, size, 5));
        }
        lunalloc_free(ptr);
    }
}

static void
test_junk_and_resizing_in_place(void **state) {
    (void)state;
    must_set("arenas.junk", "alloc");
    char *ptr = mallocx(LARGE, 0);
    size_t old = sallocx(ptr, 0);
    pattern_fill(ptr, old, 9);
    size_t size = xallocx(ptr, old * 2, 0, 0);
    assert_true(pattern_holds(ptr, old, 9));
    assert_true(size == old || holds(ptr, old, JUNK_ALLOCATED));
    pattern_fill(ptr, size, 9);
    assert_true(xallocx(ptr, size / 2, 0, 0) <= size);
    assert_true(pattern_holds(ptr, sallocx(ptr, 0), 9));
    must_set("arenas.junk", "free");
    size = sallocx(ptr, 0);
    assert_int_equal(xallocx(ptr, size / 2, 0, 0), size);
    ptr = rallocx(ptr, size / 2, 0);
    assert_true(pattern_holds(ptr, size / 2, 9));
    lunalloc_free(ptr);
}

/* A cache is off while a mode is on, whatever else is switched; and says that it is there. */
static void
test_caches_while_on(void **state) {
    (void)state;
    bool enabled = false;
    size_t len = sizeof enabled;
    thread_t *self = thread_get();
    assert_int_equal(self->cache.ncached, tcache_nclasses());
    must_set("arenas.junk", "free");
    assert_int_equal(self->cache.ncached, 0);
    must_set("arenas.nauto", "2");
    must_set("arenas.nauto", "1");
    must_set("thread.tcache.enabled", "true");
    assert_int_equal(self->cache.ncached, 0);
    assert_int_equal(mallctl("thread.tcache.enabled", &enabled, &len, NULL, 0), 0);
    assert_true(enabled);
    must_set("thread.tcache.enabled", "false");
    must_set("arenas.junk", "false");
    assert_int_equal(self->cache.ncached, 0);
    must_set("thread.tcache.enabled", "true");
    assert_int_equal(self->cache.ncached, tcache_nclasses());
}

/* Off, nothing is filled: what this thread wrote comes back. */
static void
test_off_again(void **state) {
    (void)state;
    must_set("arenas.junk", "true");
    must_set("arenas.zero", "true");
    must_set("arenas.junk", "false");
    must_set("arenas.zero", "false");
    char *ptr = lunalloc_malloc(SMALL);
    memset(ptr, 0x33, SMALL);
    lunalloc_free(ptr);
    char *again = lunalloc_malloc(SMALL);
    assert_ptr_equal(again, ptr);
    assert_true(pattern_holds(again, 1, 0x33) && again[SMALL - 1] == 0x33);
    lunalloc_free(again);
}

static void
report_word(void *arg) {
    (void)arg;
    lunalloc_value_t value;
    for (unsigned i = 0; i < 4; i++) {
        static const char *const words[] = {"true", "alloc", "free", "false"};
        child_assert(lunalloc_ctl_set("arenas.junk", words[i], NULL, 0) == 0);
        child_assert(lunalloc_ctl_get("arenas.junk", &value, NULL, 0) == 0 && strcmp(value.v.s, words[i]) == 0);
        child_assert(lunalloc_ctl_get("opt.junk", &value, NULL, 0) == 0 && strcmp(value.v.s, "false") == 0);
    }
    child_assert(lunalloc_ctl_set("arenas.junk", "maybe", NULL, 0) != 0);
    child_assert(lunalloc_ctl_set("arenas.quarantine", "13", NULL, 0) == 0);
    child_assert(lunalloc_ctl_get("arenas.quarantine", &value, NULL, 0) == 0 && value.v.u == 16);
}

static void
test_by_name(void **state) {
    (void)state;
    outcome_t out = in_child(report_word, NULL);
    assert_child_well(&out);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, modes_off, modes_off)

int
main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_junk_of_allocations), TEST(test_zero),      TEST(test_junk_of_frees),
        TEST(test_junk_and_realloc),    TEST(test_by_name),   TEST(test_junk_and_resizing_in_place),
        TEST(test_caches_while_on),     TEST(test_off_again),
    };
    return cmocka_run_group_tests_name("modes", tests, boot_allocator, NULL);
}
