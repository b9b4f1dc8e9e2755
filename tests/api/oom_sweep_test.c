/*
 * oom_sweep_test.c -- out-of-memory sweep: a mixed workload in which the n-th thing that is asked of the system or of
 * the metadata is refused, for n = 0, 1, 2, ...; once, and from n on.
 *
 * Each failure is NULL with ENOMEM (or an error of mallctl or pthread_create), leaves the block that was to be resized
 * as it was, and leaves every arena whole. A single refusal makes no allocation fail: there is a second way, or a
 * second try. When everything has been freed, the extents are those of before: nothing leaked, nothing is in transit.
 * Every eighth time that the fault is taken away the same process runs the workload without any failure.
 */
#include "support.h"
#include "../arena/check.h"

#include "os/pages.h"

#include <errno.h>

#define SWEEP        501
#define BLOCKS       64
#define NTHREADS     2
#define STACK        ((size_t)256 << 10)
#define ARENAS_SEEN  64
#define CHECKS_LIMIT 4
/* Every n where the build asserts what it does, or has other limits; elsewhere every third, and every fortieth under
 * ThreadSanitizer, which looks for something else and is slow. */
#define STRIDE (config_tsan ? 40 : config_asan || !config_debug ? 3 : 1)
/* Rounds of which one ends with a workload that nothing is refused to. */
#define ROUNDS_TO_RECOVERY 8
/* Bytes at either end of a block that carry a pattern. */
#define MARK ((size_t)64)

const char *lunalloc_conf = "narenas:2,dirty_decay_ms:10000,muzzy_decay_ms:10000";

/* ---- the fault ---- */

/* Of the questions asked since the fault was set, of one kind or (fault_kinds) of any, those from first_refused to
 * last_refused are answered with "no". */
static _Atomic fault_kind_t asked_kind = fault_kinds;
static _Atomic uint64_t asked, first_refused, last_refused;
static _Atomic uint64_t refused, refused_by_kind[fault_kinds];

static bool
refuse(fault_kind_t kind) {
    fault_kind_t only = atomic_get(&asked_kind);
    if ((only != fault_kinds && only != kind) || kind == fault_ineffective) {
        return false;
    }
    uint64_t n = atomic_add(&asked, 1);
    bool no = n >= atomic_get(&first_refused) && n <= atomic_get(&last_refused);
    if (no) {
        atomic_add(&refused, 1);
        atomic_add(&refused_by_kind[kind], 1);
    }
    return no;
}

static void
set_fault(uint64_t first, uint64_t last) {
    atomic_set(&asked, 0);
    atomic_set(&refused, 0);
    atomic_set(&first_refused, first);
    atomic_set(&last_refused, last);
    atomic_set_release(&fault_slot, refuse);
}

static void
take_fault_away(void) {
    atomic_set_release(&fault_slot, NULL);
}

/* ---- what must hold ---- */

/* The first expectation that was not met; cmocka's own assertions would allocate, and not work in threads. */
static const char *_Atomic not_met;
static _Atomic uint64_t failures; /* operations that failed, all rounds */
static _Atomic uint64_t checks;   /* whole-structure checks in this round */

static void
expect(bool met, const char *what) {
    if (!met && atomic_get(&not_met) == NULL) {
        atomic_set(&not_met, what);
    }
}

/* Something failed: only a refusal can be the reason, and the arenas must be whole right now. */
static void
accept_failure(void) {
    atomic_add(&failures, 1);
    expect(atomic_get(&refused) > 0, "nothing fails unless something was refused");
    if (atomic_add(&checks, 1) < CHECKS_LIMIT) {
        check_arenas();
    }
}

static void
accept_null(void) {
    expect(errno == ENOMEM, "errno is ENOMEM after NULL");
    expect(atomic_get(&refused) > 1, "a single refusal makes no allocation fail");
    accept_failure();
}

/* ---- blocks ---- */

typedef struct {
    void *ptr;
    size_t size;
    uint64_t tag;
} block_t;

static size_t
mark_size(size_t size) {
    return size < MARK ? size : MARK;
}

static void
mark(const block_t *block) {
    size_t size = mark_size(block->size);
    pattern_fill((char *)block->ptr + block->size - size, size, block->tag + 1);
    pattern_fill(block->ptr, size, block->tag);
}

/* The front wins where the two overlap. */
static bool
is_marked(const block_t *block) {
    size_t size = mark_size(block->size);
    size_t behind = block->size - size < size ? size - (block->size - size) : 0;
    unsigned char rest[MARK];
    pattern_fill(rest, size, block->tag + 1);
    return pattern_holds(block->ptr, size, block->tag) &&
           memcmp((char *)block->ptr + block->size - size + behind, rest + behind, size - behind) == 0;
}

static void
put(block_t *block, void *ptr, size_t size) {
    *block = (block_t){.ptr = ptr, .size = ptr == NULL ? 0 : size, .tag = size * 7};
    if (ptr == NULL) {
        accept_null();
        return;
    }
    expect(lunalloc_usable_size(ptr) >= size, "a block is as large as was asked for");
    mark(block);
}

static void
drop(block_t *block) {
    expect(block->ptr == NULL || is_marked(block), "contents stay");
    lunalloc_free(block->ptr);
    block->ptr = NULL;
}

static void
drop_all(block_t *blocks, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        drop(&blocks[i]);
    }
}

static void
allocate(block_t *block, size_t size) {
    errno = 0;
    put(block, lunalloc_malloc(size), size);
}

static void
allocate_zeroed(block_t *block, size_t size) {
    errno = 0;
    void *ptr = lunalloc_calloc(1, size);
    expect(ptr == NULL || all_zero(ptr, size), "calloc gives zeros");
    put(block, ptr, size);
}

static void
allocate_aligned(block_t *block, size_t alignment, size_t size) {
    errno = 0;
    void *ptr = lunalloc_aligned_alloc(alignment, size);
    expect(((uintptr_t)ptr & (alignment - 1)) == 0, "blocks are aligned");
    put(block, ptr, size);
}

/* A failed realloc leaves the block as it was. */
static void
resize(block_t *block, size_t size) {
    size_t usable = lunalloc_usable_size(block->ptr);
    if (block->ptr == NULL) {
        return;
    }
    errno = 0;
    void *ptr = lunalloc_realloc(block->ptr, size);
    if (ptr == NULL) {
        accept_null();
        expect(lunalloc_usable_size(block->ptr) == usable, "a realloc that failed changes no size");
        return;
    }
    size_t kept = mark_size(size < block->size ? size : block->size);
    expect(pattern_holds(ptr, kept, block->tag), "realloc keeps the contents");
    put(block, ptr, size);
}

/* ---- the workload ---- */

/* Every fourth small class and some large ones, half of it freed again in between. */
static void
many_sizes(void) {
    block_t blocks[BLOCKS];
    size_t size = 8;
    for (unsigned i = 0; i < BLOCKS; i++, size = size * 5 / 4 + 8) {
        size = size > 200000 ? 24 : size;
        i % 3 == 0 ? allocate_zeroed(&blocks[i], size) : allocate(&blocks[i], size);
    }
    for (unsigned i = 0; i < BLOCKS; i += 2) {
        drop(&blocks[i]);
        allocate(&blocks[i], 100 + 40 * i);
    }
    drop_all(blocks, BLOCKS);
}

/* More than caches hold, so that slabs come and go. */
static void
many_of_one_size(size_t size) {
    static _Thread_local block_t blocks[BLOCKS * 8];
    for (unsigned i = 0; i < BLOCKS * 8; i++) {
        allocate(&blocks[i], size);
    }
    drop_all(blocks, BLOCKS * 8);
}

static void
alignments(void) {
    block_t blocks[12];
    for (unsigned i = 0; i < 12; i++) {
        size_t alignment = (size_t)16 << (i + 4);
        allocate_aligned(&blocks[i], alignment, 3 * alignment);
    }
    drop_all(blocks, 12);
}

/* From small to small, to large, in place where there is room behind, past what is free there, and back. */
static void
resizing(void) {
    block_t blocks[6];
    for (unsigned i = 0; i < 6; i++) {
        allocate(&blocks[i], 64 << 10);
    }
    drop(&blocks[1]);
    drop(&blocks[3]);
    resize(&blocks[0], 96 << 10);
    resize(&blocks[2], 512 << 10);
    resize(&blocks[4], 2 << 20);
    resize(&blocks[0], 40 << 10);
    resize(&blocks[4], 100);
    resize(&blocks[4], 5000);
    resize(&blocks[2], 3 << 20);
    resize(&blocks[5], 1000);
    resize(&blocks[2], 100 << 10);
    drop_all(blocks, 6);
}

/* A control that needs no memory. */
static void
set_control(const char *name, int64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    expect(lunalloc_ctl_set(name, text, NULL, 0) == 0, name);
}

static void
do_action(const char *name) {
    expect(lunalloc_ctl_set(name, NULL, NULL, 0) == 0, name);
}

static void
controls(void) {
    block_t blocks[4];
    for (unsigned i = 0; i < 4; i++) {
        allocate(&blocks[i], (100 + 60 * i) << 10);
    }
    drop(&blocks[0]);
    drop(&blocks[2]);
    set_control("arena.0.dirty_decay_ms", 0);
    drop(&blocks[1]);
    set_control("arena.0.muzzy_decay_ms", 0);
    drop(&blocks[3]);
    set_control("arena.0.dirty_decay_ms", 10000);
    set_control("arena.0.muzzy_decay_ms", 10000);
    do_action("arena.0.decay");
    do_action("arena.0.purge");
    do_action("thread.tcache.flush");
    expect(lunalloc_ctl_set("thread.tcache.enabled", "false", NULL, 0) == 0, "the cache is turned off");
    many_of_one_size(48);
    expect(lunalloc_ctl_set("thread.tcache.enabled", "true", NULL, 0) == 0, "the cache is turned on");
}

static void
bind_to(unsigned index) {
    int error = mallctl("thread.arena", NULL, NULL, &index, sizeof index);
    if (error != 0) {
        expect(error == EAGAIN, "without memory, a thread is told to try again");
        accept_failure();
    }
}

/* An arena of its own: used, emptied, used again, destroyed. */
static void
manual_arena(void) {
    unsigned index = 0;
    size_t size = sizeof index;
    int error = mallctl("arenas.create", &index, &size, NULL, 0);
    if (error != 0) {
        expect(error == EAGAIN, "an arena that cannot be created now");
        accept_failure();
        return;
    }
    char name[32];
    bind_to(index);
    many_sizes();
    many_of_one_size(1000);
    bind_to(0);
    snprintf(name, sizeof name, "arena.%u.reset", index);
    do_action(name);
    bind_to(index);
    many_sizes();
    bind_to(0);
    snprintf(name, sizeof name, "arena.%u.destroy", index);
    do_action(name);
}

/* A thread's life; its cache is not empty when it ends. */
static void *
thread_life(void *argument) {
    block_t block;
    allocate(&block, 32);
    many_sizes();
    bind_to(*(unsigned *)argument);
    many_of_one_size(200);
    drop(&block);
    return NULL;
}

static void
threads(void) {
    for (unsigned i = 0; i < NTHREADS; i++) {
        pthread_t thread;
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, STACK);
        int error = pthread_create(&thread, &attributes, thread_life, &i);
        pthread_attr_destroy(&attributes);
        if (error == 0) {
            pthread_join(thread, NULL);
        } else {
            accept_failure();
        }
    }
}

static void
workload(void) {
    atomic_set(&checks, 0);
    many_sizes();
    resizing();
    manual_arena();
    resizing();
    manual_arena();
    threads();
    many_of_one_size(64);
    many_of_one_size(3000);
    alignments();
    controls();
}

/* ---- the census ---- */

typedef struct {
    size_t large;       /* bytes of large allocations */
    size_t small;       /* bytes of small ones */
    size_t in_transit;  /* extents */
    size_t empty_slabs; /* beyond the one that a bin may keep */
} census_t;

static bool kept_slab[ARENAS_SEEN][SC_MAX_SMALL];

static void
count_slab(const lunalloc_extent_t *e, census_t *census) {
    lunalloc_sizeclass_t class;
    lunalloc_sizeclass(e->szind, &class);
    census->small += (e->nregs - e->nfree) * class.size;
    if (e->nfree == e->nregs) {
        bool *kept = &kept_slab[e->arena % ARENAS_SEEN][e->szind];
        census->empty_slabs += *kept;
        *kept = true;
    }
}

static census_t
take_census(void) {
    static lunalloc_extent_t extents[256];
    lunalloc_cursor_t cursor = {.arena = LUNALLOC_ALL};
    census_t census = {0};
    memset(kept_slab, 0, sizeof kept_slab);
    for (size_t n; (n = lunalloc_extents(&cursor, extents, 256, NULL)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            census.in_transit += extents[i].state == LUNALLOC_BUSY;
            if (extents[i].slab) {
                count_slab(&extents[i], &census);
            } else if (extents[i].state == LUNALLOC_ACTIVE) {
                census.large += extents[i].size;
            }
        }
    }
    return census;
}

/* Everything is freed: what the arenas hold now. Regions that hold nothing go back, so that the next round asks. */
static census_t
settle(void) {
    do_action("thread.tcache.flush");
    check_arenas();
    census_t census = take_census();
    arenas_release_unused();
    check_arenas();
    return census;
}

/* ---- the sweep ---- */

static void
assert_met(uint64_t n, const char *when) {
    const char *what = atomic_get(&not_met);
    if (what != NULL) {
        atomic_set(&not_met, NULL);
        fail_msg("not so, n = %llu, %s: %s", (unsigned long long)n, when, what);
    }
}

static void
assert_same(const census_t *census, const census_t *baseline) {
    assert_int_equal(census->in_transit, 0);
    assert_int_equal(census->empty_slabs, 0);
    assert_int_equal(census->large, baseline->large);
    assert_int_equal(census->small, baseline->small);
}

/* A workload of which nothing is refused has no failure, whatever was refused before. */
static void
recover(uint64_t n, const census_t *baseline) {
    workload();
    assert_met(n, "after the fault was taken away");
    census_t census = settle();
    assert_same(&census, baseline);
}

/* One workload with refusals of question n, or from it on; returns how many there were. */
static uint64_t
sweep_round(uint64_t n, bool once, const char *when, const census_t *baseline) {
    set_fault(n, once ? n : UINT64_MAX);
    workload();
    take_fault_away();
    uint64_t count = atomic_get(&refused);
    assert_met(n, when);
    census_t census = settle();
    assert_same(&census, baseline);
    atomic_set(&refused, 0);
    if (n / STRIDE % ROUNDS_TO_RECOVERY == 0) {
        recover(n, baseline);
    }
    return count;
}

static void
sweep(bool once, const char *when) {
    workload();
    settle();
    workload();
    assert_met(0, "before the sweep");
    const census_t baseline = settle();
    atomic_set(&failures, 0);
    for (uint64_t n = 0; n < SWEEP; n += STRIDE) {
        assert_true(sweep_round(n, once, when, &baseline) > 0);
    }
    for (fault_kind_t kind = fault_map; kind < fault_kinds; kind++) {
        atomic_set(&asked_kind, kind);
        sweep_round(0, once, when, &baseline);
    }
    atomic_set(&asked_kind, fault_kinds);
    assert_true(once || atomic_get(&failures) > 0);
    print_message("%s: %d rounds, %llu operations failed\n", when, (SWEEP + STRIDE - 1) / STRIDE,
                  (unsigned long long)atomic_get(&failures));
}

static void
test_out_of_memory_sweep_one_refusal(void **state) {
    (void)state;
    sweep(true, "one refusal");
}

static void
test_out_of_memory_sweep_refusals_from_n_on(void **state) {
    (void)state;
    sweep(false, "refusals from n on");
}

/* ---- creation and start ---- */

static int
create_arena(void) {
    unsigned index = 0;
    size_t size = sizeof index;
    return mallctl("arenas.create", &index, &size, NULL, 0);
}

/* Automatic, and not there yet. */
static int
bind_to_second_arena(void) {
    unsigned index = 1;
    return mallctl("thread.arena", NULL, NULL, &index, sizeof index);
}

/* Refuses more and more late until the creation succeeds; what fails leaves nothing behind, not half an arena. */
static void
assert_created_at_last(int (*create)(void)) {
    uint32_t count = arenas_count();
    bool manual_made = atomic_get(&arenas_uncached_made);
    uint64_t n = 0;
    int error;
    for (;; n++) {
        set_fault(n, UINT64_MAX);
        error = create();
        take_fault_away();
        if (error == 0) {
            break;
        }
        assert_int_equal(error, EAGAIN);
        assert_int_equal(arenas_count(), count);
        assert_int_equal(atomic_get(&arenas_uncached_made), manual_made);
        check_arenas();
    }
    assert_true(n > 0);
}

static void
test_out_of_memory_arenas_are_made_whole_or_not(void **state) {
    (void)state;
    assert_null(arenas_get(1));
    assert_created_at_last(bind_to_second_arena);
    bind_to(0);
    assert_created_at_last(create_arena);
    check_arenas();
}

/* In a process that has not allocated yet: the whole start runs under refusals from argument on. */
static int
start_refused(const char *argument) {
    void *blocks[2];
    child_assert(arenas_get(0) == NULL);
    set_fault(strtoull(argument, NULL, 10), UINT64_MAX);
    errno = 0;
    blocks[0] = lunalloc_malloc(100);
    bool well = blocks[0] != NULL || errno == ENOMEM;
    take_fault_away();
    blocks[1] = lunalloc_malloc(100);
    lunalloc_free(blocks[0]);
    lunalloc_free(blocks[1]);
    check_arenas();
    return well && blocks[1] != NULL ? 0 : 1;
}

/* Without any memory at all the process ends with a message; with a little, malloc fails and works later. */
static void
test_out_of_memory_at_start(void **state) {
    (void)state;
    unsigned ended = 0;
    for (unsigned n = 0; n < 16; n++) {
        char argument[8];
        snprintf(argument, sizeof argument, "%u", n);
        outcome_t outcome = in_new_process(argument, "LUNALLOC_CONF", NULL);
        if (exited_well(&outcome)) {
            continue;
        }
        assert_misuse(&outcome, "no memory to start with");
        assert_int_equal(n, ended++);
    }
    assert_true(ended > 0 && ended < 8);
}

/* Only asked by arenas with guards, by recordings, or after another refusal; and a lie, which is not refused. */
static bool
is_apart(fault_kind_t kind) {
    return kind == fault_guard || kind == fault_unguard || kind == fault_refill || kind == fault_ineffective ||
           kind == fault_share;
}

/* Both sweeps together have refused every kind of thing that this system is asked for. */
static void
test_out_of_memory_sweep_refused_every_kind(void **state) {
    (void)state;
    char *page = pages_map(pages_size(), pages_size());
    assert_non_null(page);
    bool decommits = pages_decommit(page, pages_size());
    pages_unmap(page, pages_size());
    for (fault_kind_t kind = fault_map; kind < fault_kinds; kind++) {
        bool exists = kind == fault_commit || kind == fault_decommit ? decommits
                      : kind == fault_move || kind == fault_stranded ? pages_can_move()
                                                                     : !is_apart(kind);
        assert_true(!exists || atomic_get(&refused_by_kind[kind]) > 0);
    }
}

int
main(int argc, char **argv) {
    if (argc > 1) {
        return start_refused(argv[1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_out_of_memory_arenas_are_made_whole_or_not),
        cmocka_unit_test(test_out_of_memory_at_start),
        cmocka_unit_test(test_out_of_memory_sweep_one_refusal),
        cmocka_unit_test(test_out_of_memory_sweep_refusals_from_n_on),
        cmocka_unit_test(test_out_of_memory_sweep_refused_every_kind),
    };
    return cmocka_run_group_tests_name("api/oom_sweep", tests, boot_allocator, NULL);
}
