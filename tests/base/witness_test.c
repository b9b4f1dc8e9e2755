/*
 * witness_test.c -- each kind of violation of the locks' order, in a child that must abort with a message; and what is
 * allowed. Debug builds only: elsewhere the witness does not exist.
 */
#include "testing.h"

#include "os/lock.h"

#include <stdio.h>

/* As the messages have them. */
static const char *const rank_names[RANK_COUNT] = {
    "none",     "boot",        "report",  "dump",  "background", "round",    "threads",
    "caches",   "record",      "arenas",  "decay", "bin",        "dirty",    "muzzy",
    "retained", "descriptors", "pagemap", "prof",  "history",    "metadata", "regions",
};

static lock_t locks[RANK_COUNT], more_locks[RANK_COUNT];

static int
make_locks(void **state) {
    for (unsigned rank = RANK_NONE; rank < RANK_COUNT; rank++) {
        lock_init(&locks[rank], (lock_rank_t)rank);
        lock_init(&more_locks[rank], (lock_rank_t)rank);
    }
    return boot_allocator(state);
}

static void
need_witness(void) {
    if (!config_debug) {
        skip();
    }
}

typedef struct {
    lock_rank_t first, second;
} two_ranks_t;

static int
acquire_two(void *argument) {
    two_ranks_t *ranks = argument;
    lock_acquire(&locks[ranks->first]);
    lock_acquire(&more_locks[ranks->second]);
    return 0;
}

static int
acquire_sibling_second(void *argument) {
    two_ranks_t *ranks = argument;
    lock_acquire(&locks[ranks->first]);
    lock_acquire_sibling(&more_locks[ranks->second]);
    return 0;
}

/* "lunalloc: lock order: WHAT DONE while HELD held; RULE", good until the next call. */
static const char *
message(const char *what, const char *done, lock_rank_t rank_held, const char *rule) {
    static char text[256];
    snprintf(text, sizeof text, "lunalloc: lock order: %s%s while %s held; %s", what, done, rank_names[rank_held],
             rule);
    return text;
}

static const char *
taken(lock_rank_t rank, lock_rank_t rank_held) {
    const char *rule = rank_held + 1 < RANK_COUNT ? "allowed then: " : "no other may be taken then\n";
    return message(rank_names[rank], " taken", rank_held, rule);
}

/* Every pair that is not in rising order, the same rank twice included. */
static void
test_witness_lock_ranks_in_wrong_order(void **state) {
    (void)state;
    need_witness();
    for (unsigned first = RANK_BOOT; first < RANK_COUNT; first++) {
        for (unsigned second = RANK_BOOT; second < RANK_COUNT; second++) {
            two_ranks_t ranks = {(lock_rank_t)first, (lock_rank_t)second};
            if (first < second) {
                assert_child_succeeds(acquire_two, &ranks);
            } else {
                assert_aborts(acquire_two, &ranks, taken(ranks.second, ranks.first));
            }
        }
    }
}

static int
acquire_three(void *argument) {
    lock_acquire(&locks[RANK_ARENAS]);
    return acquire_two(argument);
}

/* The whole line: all that is held, and all that might have been taken. */
static void
test_witness_message_names_the_ranks(void **state) {
    (void)state;
    need_witness();
    assert_aborts(acquire_three, &(two_ranks_t){RANK_RETAINED, RANK_BIN},
                  "lunalloc: lock order: bin taken while arenas retained held; "
                  "allowed then: descriptors pagemap prof history metadata regions\n");
    assert_aborts(acquire_sibling_second, &(two_ranks_t){RANK_RETAINED, RANK_BIN},
                  "lunalloc: lock order: bin taken while retained held; "
                  "allowed then: retained descriptors pagemap prof history metadata regions\n");
}

static void
test_witness_lock_ranks_of_siblings(void **state) {
    (void)state;
    need_witness();
    assert_child_succeeds(acquire_sibling_second, &(two_ranks_t){RANK_BIN, RANK_BIN});
    assert_child_succeeds(acquire_sibling_second, &(two_ranks_t){RANK_DECAY, RANK_BIN});
    assert_aborts(acquire_sibling_second, &(two_ranks_t){RANK_DIRTY, RANK_BIN}, taken(RANK_BIN, RANK_DIRTY));
    assert_aborts(acquire_sibling_second, &(two_ranks_t){RANK_METADATA, RANK_BOOT},
                  message("boot", " taken", RANK_METADATA, "allowed then: metadata regions\n"));
}

/* A lock got by trying cannot deadlock, but what is acquired under it can. */
static int
acquire_under_tried(void *argument) {
    two_ranks_t *ranks = argument;
    if (!lock_try(&locks[ranks->first])) {
        return 1;
    }
    lock_acquire(&more_locks[ranks->second]);
    return 0;
}

static void
test_witness_lock_ranks_under_a_tried_lock(void **state) {
    (void)state;
    need_witness();
    assert_child_succeeds(acquire_under_tried, &(two_ranks_t){RANK_BIN, RANK_DIRTY});
    assert_aborts(acquire_under_tried, &(two_ranks_t){RANK_BIN, RANK_BIN}, taken(RANK_BIN, RANK_BIN));
    assert_aborts(acquire_under_tried, &(two_ranks_t){RANK_DIRTY, RANK_BIN}, taken(RANK_BIN, RANK_DIRTY));
}

static int
release_unheld(void *argument) {
    (void)argument;
    lock_release(&locks[RANK_BIN]);
    return 0;
}

static int
release_twice(void *argument) {
    lock_acquire(&locks[RANK_BIN]);
    lock_release(&locks[RANK_BIN]);
    return release_unheld(argument);
}

static int
release_other_rank(void *argument) {
    lock_acquire(&locks[RANK_DIRTY]);
    return release_unheld(argument);
}

static void
test_witness_release_of_what_is_not_held(void **state) {
    (void)state;
    need_witness();
    const char *rule = "only what is held may be released\n";
    char nothing[128];
    snprintf(nothing, sizeof nothing, "lunalloc: lock order: bin released while nothing held; %s", rule);
    assert_aborts(release_unheld, NULL, nothing);
    assert_aborts(release_twice, NULL, nothing);
    assert_aborts(release_other_rank, NULL, message("bin", " released", RANK_DIRTY, rule));
}

/* ---- entry to the allocator with a lock held ---- */

static void *block;

/* Makes sure that neither needs more than the thread's cache. */
static void
prepare_cache(void) {
    block = lunalloc_malloc(24);
    lunalloc_free(lunalloc_malloc(24));
}

static void
call_malloc_cached(void) {
    block = lunalloc_malloc(24);
}

static void
call_malloc_large(void) {
    block = lunalloc_malloc((size_t)1 << 20);
}

static void
call_calloc(void) {
    block = lunalloc_calloc(3, (size_t)1 << 20);
}

static void
call_realloc(void) {
    block = lunalloc_realloc(block, (size_t)1 << 20);
}

static void
call_aligned_alloc(void) {
    block = lunalloc_aligned_alloc(256, 256);
}

static void
call_posix_memalign(void) {
    if (lunalloc_posix_memalign(&block, 256, 256) != 0) {
        block = NULL;
    }
}

static void
call_free_cached(void) {
    lunalloc_free(block);
}

static void
call_free_sized_cached(void) {
    lunalloc_free_sized(block, 24);
}

typedef struct {
    const char *name;
    void (*call)(void);
    lock_rank_t held;
} entry_t;

static int
enter_with_lock(void *argument) {
    const entry_t *entry = argument;
    prepare_cache();
    lock_acquire(&locks[entry->held]);
    entry->call();
    return block == NULL;
}

static void
check_entry(const char *name, void (*call)(void)) {
    print_message("%s\n", name);
    assert_child_succeeds(enter_with_lock, &(entry_t){name, call, RANK_BOOT});
    for (unsigned rank = RANK_CORE; rank < RANK_COUNT; rank++) {
        char expected[64];
        snprintf(expected, sizeof expected, " entered while %s held; none may be held there of decay",
                 rank_names[rank]);
        assert_aborts(enter_with_lock, &(entry_t){name, call, (lock_rank_t)rank}, expected);
    }
}

static void
test_witness_no_core_lock_held_on_slow_entries(void **state) {
    (void)state;
    need_witness();
    check_entry("malloc, large", call_malloc_large);
    check_entry("calloc, large", call_calloc);
    check_entry("realloc", call_realloc);
    check_entry("aligned_alloc", call_aligned_alloc);
    check_entry("posix_memalign", call_posix_memalign);
}

/* A hit in the thread's cache takes no lock, but whether it is a hit is chance: the violation must not depend on it. */
static void
test_witness_no_core_lock_held_on_fast_entries(void **state) {
    (void)state;
    need_witness();
    check_entry("malloc, cached", call_malloc_cached);
    check_entry("free, cached", call_free_cached);
    check_entry("free_sized, cached", call_free_sized_cached);
}

/* The count of held locks is the thread's own. */
static int
count_depth(void *argument) {
    (void)argument;
#if LUNALLOC_DEBUG
    lock_acquire(&locks[RANK_BIN]);
    lock_acquire_sibling(&more_locks[RANK_BIN]);
    bool two = witness_depth(RANK_BIN) == 2 && witness_depth(RANK_DIRTY) == 0;
    lock_release(&locks[RANK_BIN]);
    lock_release(&more_locks[RANK_BIN]);
    return two && witness_depth(RANK_BIN) == 0 ? 0 : 1;
#else
    return 0;
#endif
}

static void
test_depth(void **state) {
    (void)state;
    need_witness();
    assert_child_succeeds(count_depth, NULL);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_witness_lock_ranks_in_wrong_order),
        cmocka_unit_test(test_witness_message_names_the_ranks),
        cmocka_unit_test(test_witness_lock_ranks_of_siblings),
        cmocka_unit_test(test_witness_lock_ranks_under_a_tried_lock),
        cmocka_unit_test(test_witness_release_of_what_is_not_held),
        cmocka_unit_test(test_witness_no_core_lock_held_on_slow_entries),
        cmocka_unit_test(test_witness_no_core_lock_held_on_fast_entries),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests_name("base/witness", tests, make_locks, NULL);
}
