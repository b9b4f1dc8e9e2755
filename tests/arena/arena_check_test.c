/*
 * arena_check_test.c -- the checker of a whole arena finds what bins, slabs, large allocations and page map can have
 * wrong between them. A child spoils one thing, and must abort with the condition that names it.
 *
 * And: an extent that is no longer live has no class, also for a checker that runs inside a hook.
 */
#include "../api/support.h"
#include "arena/arenas.h"
#include "base/check.h"
#include "extent/pagemap.h"

/* Its slabs have a page that is neither their first nor their last. */
#define SZIND 13

static arena_t *arena, *automatic;

/* A full slab, the current one, and one with free regions that is not current; a large allocation. */
static struct {
    bin_t *bin;
    extent_t *full, *current, *nonfull, *large, *cached;
} made;

static extent_t *
fill_slab(void **ptrs) {
    uint32_t n = sc_nregs(SZIND, atomic_get(&sc.slab_size[SZIND]));
    assert_int_equal(arena_fill(arena, SZIND, 0, n, ptrs), n);
    return arena_extent_of(ptrs[0], "test");
}

static void
make_all(void) {
    static void *ptrs[3][4096];
    bool zeroed = false;
    void *two[2];
    arena = arenas_create();
    automatic = arenas_get(0);
    assert_non_null(arena);
    made.bin = &arena->bins[SZIND];
    made.full = fill_slab(ptrs[0]);
    made.nonfull = fill_slab(ptrs[1]);
    made.current = fill_slab(ptrs[2]);
    two[0] = ptrs[1][0];
    two[1] = ptrs[2][0];
    arena_flush(two, 2);
    arenas_set_nshards(SZIND, 2);
    two[0] = arena_malloc_small(arena, SZIND, 1);
    assert_ptr_not_equal(atomic_get(&arena_extent_of(two[0], "test")->bin), made.bin);
    made.large = arena_extent_of(arena_malloc_large(arena, sc.nsmall + 2, 1, &zeroed), "test");
    made.cached = arena_extent_of(arena_malloc_large(automatic, sc.nsmall + 1, 1, &zeroed), "test");
}

static void
nfree_wrong(void) {
    counter_add(&made.full->nfree, 1);
}

static void
bitmap_wrong(void) NO_THREAD_SAFETY {
    made.full->free_regs[0] ^= 1;
}

static void
both_wrong(void) NO_THREAD_SAFETY {
    made.full->free_regs[0] ^= 1;
    counter_add(&made.full->nfree, 1);
}

static void
nregs_wrong(void) {
    made.current->nregs--;
}

static void
full_listed(void) NO_THREAD_SAFETY {
    list_init(&made.bin->nonfull[0]);
    list_push_back(&made.bin->nonfull[0], &made.full->link);
    made.bin->buckets |= 1;
}

static void
nonfull_unlisted(void) {
    list_remove(&made.nonfull->link);
}

static void
wrong_bucket(void) NO_THREAD_SAFETY {
    made.nonfull->bucket++;
}

static void
bucket_bit(void) NO_THREAD_SAFETY {
    made.bin->buckets = 0;
}

static void
current_gone(void) NO_THREAD_SAFETY {
    made.bin->current = NULL;
}

static void
left_bin(void) {
    atomic_set(&made.full->bin, NULL);
}

static void
bin_of_other_class(void) {
    atomic_set(&made.full->bin, &arena->bins[SZIND + 1]);
}

static void
other_shard(void) {
    atomic_set(&made.full->bin, shards_get(made.bin, 1));
}

static void
nslabs_wrong(void) {
    counter_add(&made.bin->nslabs, 1);
}

static void
nnonfull_wrong(void) {
    counter_add(&made.bin->nnonfull, 1);
}

static void
nmalloc_wrong(void) {
    counter_add(&made.bin->regs_taken, 1);
}

static void
granule_missing(void) {
    pagemap_set_boundary(made.full->addr + sc.page, (size_t)1 << LG_GRANULE, NULL);
}

static void
class_in_manual(void) {
    pagemap_set_class(made.full->addr + sc.page, SZIND + 1);
}

static void
large_in_manual(void) {
    pagemap_set_class(made.large->addr, (uint8_t)(made.large->szind + 1));
}

static void
large_of_other_class(void) {
    pagemap_set_class(made.large->addr, 0);
    made.large->szind += 2;
}

static void
large_of_small_class(void) {
    made.large->szind = SZIND;
}

static void
used_page_discarded(void) {
    atomic_set(&made.nonfull->discarded, 1);
}

static void
used_page_held(void) NO_THREAD_SAFETY {
    made.nonfull->ageing.held = 1;
}

static void
used_page_idle(void) NO_THREAD_SAFETY {
    made.nonfull->ageing.idle = 1;
}

static void
discarded_wrong(void) {
    counter_add(&made.bin->discarded, sc.page);
}

static void
other_kind_of_arena(void) {
    atomic_set(&arena->manual, false);
}

static const struct {
    const char *name;
    void (*damage)(void);
    const char *condition;
} damages[] = {
    {"nfree", nfree_wrong, "nfree == atomic_get(&slab->nfree)"},
    {"bitmap", bitmap_wrong, "nfree == atomic_get(&slab->nfree)"},
    {"a free region in a full slab", both_wrong, "is_linked(slab) =="},
    {"nregs", nregs_wrong, "slab->nregs == sc_nregs("},
    {"full slab listed", full_listed, "is_linked(slab) =="},
    {"nonfull slab not listed", nonfull_unlisted, "is_linked(slab) =="},
    {"wrong bucket", wrong_bucket, "slab->bucket == b"},
    {"bit of a bucket", bucket_bit, "has_slabs(bin, b) =="},
    {"current slab forgotten", current_gone, "is_linked(slab) =="},
    {"slab not counted", left_bin, "tally->nslabs == "},
    {"bin of another class", bin_of_other_class, "k < SHARDS_MAX"},
    {"slab of another shard", other_shard, "tally->nslabs == "},
    {"nslabs", nslabs_wrong, "tally->nslabs == "},
    {"nnonfull", nnonfull_wrong, "nnonfull == atomic_get(&bin->nnonfull)"},
    {"nmalloc", nmalloc_wrong, "tally->nregs_out == "},
    {"granule of a slab", granule_missing, "pagemap_extent(granule) == slab"},
    {"class in a manual arena", class_in_manual, "pagemap_class((void *)granule) == class"},
    {"large class in a manual arena", large_in_manual, "pagemap_class((void *)e->addr) == 0"},
    {"large of another class", large_of_other_class, "extent_usable(e) == size"},
    {"large of a small class", large_of_small_class, "extent_usable(e) == size"},
    {"a discarded page in use", used_page_discarded, "slab_without_live"},
    {"a held page in use", used_page_held, "limit == LIMIT_CURRENT) == (held"},
    {"an ageing page in use", used_page_idle, "ageing->idle & ~(unused"},
    {"discarded", discarded_wrong, "tally->discarded == "},
    {"classes missing", other_kind_of_arena, "pagemap_class((void *)granule) == class"},
};

static void
spoil_and_check(void *argument) {
    damages[*(const size_t *)argument].damage();
    arena_check(arena);
}

static void
test_extent_state_checker_finds_damage_in_arenas(void **state) {
    (void)state;
    require_debug();
    unsigned nmissed = 0;
    make_all();
    arena_check(arena);
    arena_check(automatic);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        outcome_t out = in_child(spoil_and_check, &i);
        if (!WIFSIGNALED(out.status) || strstr(out.text, damages[i].condition) == NULL) {
            print_error("%s: expected \"%s\", got: %s\n", damages[i].name, damages[i].condition, out.text);
            nmissed++;
        }
    }
    assert_int_equal(nmissed, 0);
    arena_check(arena);
    arena_free_large(made.cached);
    arenas_set_nshards(SZIND, 1);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* ---- szind valid only while live: seen from within hooks ---- */

static arena_t *watched;
static unsigned nseen;

static void
check_watched(void) {
    nseen++;
    arena_check(watched);
}

static bool
checking_split(extent_hooks_t *hooks, void *addr, size_t size, size_t a, size_t b, bool committed, unsigned index) {
    (void)hooks, (void)addr, (void)size, (void)a, (void)b, (void)committed, (void)index;
    check_watched();
    return false;
}

static bool
checking_merge(extent_hooks_t *hooks, void *a, size_t size_a, void *b, size_t size_b, bool committed, unsigned index) {
    (void)hooks, (void)a, (void)size_a, (void)b, (void)size_b, (void)committed, (void)index;
    check_watched();
    return false;
}

/* Freed blocks merge with free ones beside them, which calls the hook, which checks the arena. */
static void
test_szind_valid_only_while_live_in_hooks(void **state) {
    (void)state;
    require_debug();
    extent_hooks_t hooks = hooks_system;
    hooks.split = checking_split;
    hooks.merge = checking_merge;
    watched = arenas_create();
    assert_non_null(watched);
    atomic_set_release(&watched->pages.hooks, &hooks);
    void *ptrs[64];
    bool zeroed = false;
    uint64_t seed = 5;
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 64; i++) {
            uint32_t szind = (uint32_t)rnd_below(&seed, sc.nsmall + 6);
            ptrs[i] = sc_is_small(szind) ? arena_malloc_small(watched, szind, 0)
                                         : arena_malloc_large(watched, szind, 1, &zeroed);
            assert_non_null(ptrs[i]);
        }
        shuffle(&seed, ptrs, 64);
        for (unsigned i = 0; i < 64; i++) {
            lunalloc_free(ptrs[i]);
        }
    }
    assert_true(nseen > 100);
    assert_int_equal(arenas_destroy(watched->index), 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extent_state_checker_finds_damage_in_arenas),
        cmocka_unit_test(test_szind_valid_only_while_live_in_hooks),
    };
    return cmocka_run_group_tests_name("arena_check", tests, boot_allocator, NULL);
}
