/*
 * extended_model_test.c -- a random sequence of the extended calls, with all kinds of flags, against a simple model:
 * each block has its contents, its alignment, and a real size that fits; blocks do not overlap; zeros are zeros. Then
 * the same while what is asked of the system is refused now and then: what fails is NULL, and changes nothing.
 */
#include "support.h"

#include "arena/arenas.h"
#include "base/sc.h"
#include "os/pages.h"
#include "thread/tcaches.h"

#define BLOCKS  300
#define NCACHES 3
#define NARENAS 2
#define STEPS   (config_debug || config_asan || config_tsan ? 20000 : 100000)

typedef struct {
    unsigned char *ptr; /* NULL: none */
    size_t size;        /* of the pattern, which fills what may be used */
    int alignment;      /* as a flag */
    uint64_t tag;
} block_t;

static block_t blocks[BLOCKS];
static uint64_t seed;
static unsigned caches[NCACHES], arenas[NARENAS];
static bool refusing;
static unsigned failures;

/* Only a refusal makes an allocation fail. */
static void
expect_block(const void *ptr) {
    assert_true(refusing || ptr != NULL);
    failures += ptr == NULL;
}

static int
any_cache(void) {
    size_t choice = rnd_below(&seed, 8);
    return choice < NCACHES ? MALLOCX_TCACHE((int)caches[choice]) : choice == NCACHES ? MALLOCX_TCACHE_NONE : 0;
}

static int
any_arena(void) {
    size_t choice = rnd_below(&seed, 8);
    return choice < NARENAS ? MALLOCX_ARENA(arenas[choice]) : choice == NARENAS ? MALLOCX_ARENA(0) : 0;
}

static int
any_alignment(void) {
    return rnd_below(&seed, 2) == 0 ? 0 : MALLOCX_LG_ALIGN((int)rnd_below(&seed, 15));
}

static int
any_zero(void) {
    return rnd_below(&seed, 3) == 0 ? MALLOCX_ZERO : 0;
}

/* Small ones mostly. */
static size_t
any_size(void) {
    return 1 + rnd_size(&seed, rnd_below(&seed, 20) == 0 ? 20 : 13);
}

static void
look_at(const block_t *block) {
    assert_true(((uintptr_t)block->ptr & (((size_t)1 << block->alignment) - 1)) == 0);
    assert_int_equal(sallocx(block->ptr, 0), block->size);
}

static void
fill(block_t *block) {
    block->size = sallocx(block->ptr, 0);
    block->tag = rnd(&seed);
    look_at(block);
    pattern_fill(block->ptr, block->size, block->tag);
}

static void
allocate(block_t *block) {
    size_t size = any_size();
    block->alignment = any_alignment();
    int flags = block->alignment | any_zero() | any_cache() | any_arena();
    block->ptr = mallocx(size, flags);
    expect_block(block->ptr);
    if (block->ptr != NULL) {
        assert_int_equal(sallocx(block->ptr, 0), nallocx(size, flags));
        assert_true((flags & MALLOCX_ZERO) == 0 || all_zero(block->ptr, sallocx(block->ptr, 0)));
        fill(block);
    }
}

static void
allocate_batch(block_t *first, size_t n) {
    void *ptrs[BLOCKS];
    size_t size = any_size();
    int alignment = any_alignment(), flags = alignment | any_zero() | any_arena();
    size_t got = lunalloc_batch_alloc(ptrs, n, size, flags);
    assert_true(got == n || (refusing && got < n));
    for (size_t i = 0; i < got; i++) {
        first[i].ptr = ptrs[i];
        first[i].alignment = alignment;
        assert_true((flags & MALLOCX_ZERO) == 0 || all_zero(ptrs[i], nallocx(size, flags)));
        fill(&first[i]);
    }
}

static void
check_resized(const block_t *block, const unsigned char *ptr, size_t asked, int flags) {
    size_t kept = asked < block->size ? asked : block->size, size = sallocx(ptr, 0);
    assert_true(pattern_holds(ptr, kept, block->tag));
    if ((flags & MALLOCX_ZERO) != 0 && size > block->size) {
        assert_true(all_zero(ptr + block->size, size - block->size));
    }
}

static void
resize(block_t *block) {
    size_t size = any_size();
    int alignment = any_alignment(), flags = alignment | any_zero() | any_cache() | any_arena();
    unsigned char *ptr = rallocx(block->ptr, size, flags);
    expect_block(ptr);
    if (ptr == NULL) {
        assert_true(pattern_holds(block->ptr, block->size, block->tag));
        return;
    }
    assert_int_equal(sallocx(ptr, 0), nallocx(size, flags));
    check_resized(block, ptr, size, flags);
    block->ptr = ptr;
    block->alignment = alignment;
    fill(block);
}

static void
resize_in_place(block_t *block) {
    int flags = any_zero();
    size_t size = any_size(), after = xallocx(block->ptr, size, rnd_size(&seed, 16), flags);
    assert_int_equal(after, sallocx(block->ptr, 0));
    check_resized(block, block->ptr, after, flags);
    fill(block);
}

static void
release(block_t *block) {
    look_at(block);
    assert_true(pattern_holds(block->ptr, block->size, block->tag));
    if (rnd_below(&seed, 2) == 0) {
        dallocx(block->ptr, any_cache() | any_arena());
    } else {
        sdallocx(block->ptr, block->size, block->alignment | any_cache());
    }
    block->ptr = NULL;
}

static void
step(void) {
    size_t i = rnd_below(&seed, BLOCKS), what = rnd_below(&seed, 100);
    if (what == 0) {
        assert_true(tcaches_flush(caches[rnd_below(&seed, NCACHES)]));
    } else if (blocks[i].ptr == NULL) {
        size_t n = 1;
        while (n < 8 && i + n < BLOCKS && blocks[i + n].ptr == NULL) {
            n++;
        }
        what < 90 ? allocate(&blocks[i]) : allocate_batch(&blocks[i], n);
    } else if (what < 40) {
        what < 30 ? resize(&blocks[i]) : resize_in_place(&blocks[i]);
    } else {
        release(&blocks[i]);
    }
}

static void
begin(uint64_t first_seed) {
    seed = first_seed;
    for (unsigned i = 0; i < NCACHES; i++) {
        caches[i] = tcaches_create();
        assert_in_range(caches[i], 0, TCACHES_MAX - 1);
    }
    for (unsigned i = 0; i < NARENAS; i++) {
        arenas[i] = arenas_create()->index;
    }
}

/* Everything is given back; nothing is left in the arenas that were made for this. */
static void
end(void) {
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (blocks[i].ptr != NULL) {
            release(&blocks[i]);
        }
    }
    for (unsigned i = 0; i < NCACHES; i++) {
        assert_true(tcaches_destroy(caches[i]));
    }
    for (unsigned i = 0; i < NARENAS; i++) {
        lunalloc_stats_t stats;
        assert_int_equal(lunalloc_stats(arenas[i], &stats), 0);
        assert_int_equal(stats.allocated, 0);
        arena_check(arenas_get(arenas[i]));
        assert_int_equal(arenas_destroy(arenas[i]), 0);
    }
}

static void
test_random_calls_against_a_model(void **state) {
    (void)state;
    begin(3);
    for (unsigned n = 0; n < STEPS; n++) {
        step();
    }
    end();
    assert_int_equal(failures, 0);
}

/* ---- refusals ---- */

static uint64_t asked;

static bool
refuse_some(fault_kind_t kind) {
    (void)kind;
    return asked++ % 64 < 40;
}

/* Refusals come and go, in stretches that are too long for second tries. */
static void
test_random_calls_while_memory_is_refused(void **state) {
    (void)state;
    begin(4);
    refusing = true;
    atomic_set_release(&fault_slot, refuse_some);
    for (unsigned n = 0; n < STEPS / 4; n++) {
        step();
    }
    atomic_set_release(&fault_slot, NULL);
    refusing = false;
    end();
    assert_true(failures > 0);
}

/* Making a cache while memory is refused, later and later: it fails, or there is a whole one. */
static uint64_t first_refused;

static bool
refuse_from(fault_kind_t kind) {
    (void)kind;
    return asked++ >= first_refused;
}

static void
test_caches_are_made_whole_or_not(void **state) {
    (void)state;
    uint32_t id[64], n = 0, failed = 0;
    for (first_refused = 0; n < 64; first_refused++) {
        asked = 0;
        atomic_set_release(&fault_slot, refuse_from);
        id[n] = tcaches_create();
        atomic_set_release(&fault_slot, NULL);
        failed += id[n] == TCACHES_MAX;
        n += id[n] != TCACHES_MAX;
    }
    while (n > 0) {
        void *ptr = mallocx(100, MALLOCX_TCACHE((int)id[--n]));
        assert_non_null(ptr);
        dallocx(ptr, MALLOCX_TCACHE((int)id[n]));
        assert_true(tcaches_destroy(id[n]));
    }
    assert_true(failed > 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caches_are_made_whole_or_not),
        cmocka_unit_test(test_random_calls_against_a_model),
        cmocka_unit_test(test_random_calls_while_memory_is_refused),
    };
    return cmocka_run_group_tests_name("api/extended_model", tests, boot_allocator, NULL);
}
