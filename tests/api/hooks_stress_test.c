/*
 * hooks_stress_test.c -- four threads work on an arena whose hooks assert that the calling thread holds no lock of the
 * allocator, allocate and free themselves, in the very classes that are being refilled, yield the processor or sleep in
 * the middle of every transition, and refuse at random; another thread checks the arena's structure meanwhile.
 *
 * The first arena's memory is the hooks' own: they know each region, and each must come back once and whole. The
 * second is the automatic arena 0, whose hooks, wrapped around the system's, are replaced while it is in use.
 */
#include "support.h"

#include "arena/arenas.h"
#include "base/witness.h"

#include <sched.h>
#include <sys/mman.h>

#define NTHREADS 4
#define NSLOTS   256
#define NKEPT    64
#define NGRANTS  (1 << 16)

static unsigned
operations(void) {
    return config_tsan ? 10000 : config_asan || config_torture ? 20000 : 50000;
}

/* How many calls of hooks a load brings about depends on the order in which its threads run: they go on until it has
 * brought about more than these. */
#define CALLS_WANTED 1000

/* Also inside of hooks, which must not be left by a jump. */
static void
demand(bool met, const char *what) {
    if (!met) {
        dprintf(STDERR_FILENO, "hooks_stress: %s\n", what);
        abort();
    }
}

/* ---- what every hook does first ---- */

static _Atomic uint64_t sequence; /* random decisions, over all threads */
static _Atomic uint64_t ncalls, nrefused;

typedef enum {
    kind_alloc,
    kind_dalloc,
    kind_destroy,
    kind_commit,
    kind_decommit,
    kind_purge_lazy,
    kind_purge_forced,
    kind_split,
    kind_merge,
    kinds
} kind_t;

static _Atomic uint64_t calls_of[kinds];

static uint64_t
decide(unsigned n) {
    uint64_t state = (atomic_add(&sequence, 1) + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return rnd_below(&state, n);
}

static void
hold_no_lock(void) {
#if LUNALLOC_DEBUG
    witness_no_core_lock();
    demand(witness_depth(RANK_THREADS) == 0 && witness_depth(RANK_ARENAS) == 0, "a table's lock is held in a hook");
#endif
}

/* Blocks that hooks allocate and later calls of hooks free; the first word of each is its address. */
static void *_Atomic kept[NKEPT];

static void
swap_kept(size_t slot, void *block) {
    void *old = atomic_exchange(&kept[slot], block);
    demand(old == NULL || *(void **)old == old, "a hook's own block was overwritten");
    lunalloc_free(old);
}

static void
allocate_and_free(void) {
    void *block = lunalloc_malloc(sizeof(void *) + (size_t)decide(decide(8) == 0 ? 100000 : 2000));
    demand(block != NULL, "no memory for a hook");
    *(void **)block = block;
    sched_yield();
    swap_kept(decide(NKEPT), block);
}

static void
free_kept(void) {
    for (size_t i = 0; i < NKEPT; i++) {
        swap_kept(i, NULL);
    }
}

/* True: this call is to be refused. */
static bool
enter(kind_t kind) {
    atomic_add(&ncalls, 1);
    atomic_add(&calls_of[kind], 1);
    hold_no_lock();
    allocate_and_free();
    decide(50) == 0 ? (void)usleep(20) : (void)sched_yield();
    bool no = decide(4) == 0;
    atomic_add(&nrefused, no);
    return no;
}

/* ---- the hooks' own memory ---- */

typedef struct {
    char *addr;
    size_t size;
} grant_t;

static pthread_mutex_t grants_mutex = PTHREAD_MUTEX_INITIALIZER;
static grant_t grants[NGRANTS];
static unsigned ngrants;
static uint64_t ngiven, nreturned;

static void
enlist(char *addr, size_t size) {
    pthread_mutex_lock(&grants_mutex);
    demand(ngrants < NGRANTS, "too many regions");
    grants[ngrants++] = (grant_t){addr, size};
    ngiven++;
    pthread_mutex_unlock(&grants_mutex);
}

static void
delist(const char *addr, size_t size) {
    pthread_mutex_lock(&grants_mutex);
    unsigned i = 0;
    while (i < ngrants && grants[i].addr != addr) {
        i++;
    }
    demand(i < ngrants && grants[i].size == size, "what came back is not what was given");
    grants[i] = grants[--ngrants];
    nreturned++;
    pthread_mutex_unlock(&grants_mutex);
}

/* All of it within one region? */
static void
within_one(const char *addr, size_t size) {
    bool found = false;
    pthread_mutex_lock(&grants_mutex);
    for (unsigned i = 0; i < ngrants && !found; i++) {
        found = addr >= grants[i].addr && addr + size <= grants[i].addr + grants[i].size;
    }
    pthread_mutex_unlock(&grants_mutex);
    demand(found, "a hook was called for pages that are not of one region");
}

/* Some of it is accessible, some must be committed first; some reads as zeros, some does not. */
static void *
own_alloc(extent_hooks_t *hooks, void *new_addr, size_t size, size_t alignment, bool *zero, bool *commit,
          unsigned arena) {
    (void)hooks;
    (void)arena;
    if (enter(kind_alloc)) {
        return NULL;
    }
    *commit = decide(4) != 0;
    char *addr = mmap(new_addr, size + alignment, *commit ? PROT_READ | PROT_WRITE : PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    demand(addr != MAP_FAILED, "no memory for a region");
    size_t lead = (alignment - (uintptr_t)addr % alignment) % alignment;
    demand((lead == 0 || munmap(addr, lead) == 0) && munmap(addr + lead + size, alignment - lead) == 0, "munmap");
    *zero = !*commit || decide(2) == 0;
    if (!*zero) {
        memset(addr + lead, 0xee, size < 65536 ? size : 65536);
    }
    enlist(addr + lead, size);
    sched_yield();
    return addr + lead;
}

static void
take_back(char *addr, size_t size) {
    delist(addr, size);
    sched_yield();
    demand(munmap(addr, size) == 0, "munmap");
}

/* Deallocations are refused, so that regions are destroyed with their arena. */
static _Atomic bool refuse_dalloc;

static bool
own_dalloc(extent_hooks_t *hooks, void *addr, size_t size, bool committed, unsigned arena) {
    (void)hooks;
    (void)committed;
    (void)arena;
    if (enter(kind_dalloc) || atomic_get(&refuse_dalloc)) {
        return true;
    }
    take_back(addr, size);
    return false;
}

static void
own_destroy(extent_hooks_t *hooks, void *addr, size_t size, bool committed, unsigned arena) {
    (void)hooks;
    (void)committed;
    (void)arena;
    enter(kind_destroy);
    take_back(addr, size);
}

static bool
own_commit(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)hooks;
    (void)arena;
    within_one(addr, size);
    demand(offset + length <= size, "a range beyond its extent");
    return enter(kind_commit) || mprotect((char *)addr + offset, length, PROT_READ | PROT_WRITE) != 0;
}

static bool
own_decommit(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)hooks;
    (void)arena;
    within_one(addr, size);
    if (enter(kind_decommit)) {
        return true;
    }
    demand(mprotect((char *)addr + offset, length, PROT_NONE) == 0, "mprotect");
    sched_yield();
    demand(madvise((char *)addr + offset, length, MADV_DONTNEED) == 0, "madvise");
    return false;
}

/* What was purged lazily may read as anything. */
static bool
own_purge_lazy(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)hooks;
    (void)arena;
    within_one(addr, size);
    if (enter(kind_purge_lazy)) {
        return true;
    }
    memset((char *)addr + offset, 0xdd, length < 4096 ? length : 4096);
    return false;
}

static bool
own_purge_forced(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)hooks;
    (void)arena;
    within_one(addr, size);
    return enter(kind_purge_forced) || madvise((char *)addr + offset, length, MADV_DONTNEED) != 0;
}

static bool
own_split(extent_hooks_t *hooks, void *addr, size_t size, size_t size_a, size_t size_b, bool committed,
          unsigned arena) {
    (void)hooks;
    (void)committed;
    (void)arena;
    within_one(addr, size);
    demand(size_a > 0 && size_b > 0 && size_a + size_b == size, "a split into what it was not");
    return enter(kind_split);
}

static bool
own_merge(extent_hooks_t *hooks, void *addr_a, size_t size_a, void *addr_b, size_t size_b, bool committed,
          unsigned arena) {
    (void)hooks;
    (void)committed;
    (void)arena;
    demand((char *)addr_a + size_a == addr_b, "a merge of what is not adjacent");
    within_one(addr_a, size_a + size_b);
    return enter(kind_merge);
}

static extent_hooks_t own_hooks = {
    .alloc = own_alloc,
    .dalloc = own_dalloc,
    .destroy = own_destroy,
    .commit = own_commit,
    .decommit = own_decommit,
    .purge_lazy = own_purge_lazy,
    .purge_forced = own_purge_forced,
    .split = own_split,
    .merge = own_merge,
};

/* ---- the system, wrapped ---- */

static extent_hooks_t *original;

static void *
wrapped_alloc(extent_hooks_t *hooks, void *new_addr, size_t size, size_t alignment, bool *zero, bool *commit,
              unsigned arena) {
    (void)hooks;
    enter(kind_alloc);
    return original->alloc(original, new_addr, size, alignment, zero, commit, arena);
}

static bool
wrapped_dalloc(extent_hooks_t *hooks, void *addr, size_t size, bool committed, unsigned arena) {
    (void)hooks;
    return enter(kind_dalloc) || original->dalloc(original, addr, size, committed, arena);
}

static bool
wrapped_commit(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)hooks;
    enter(kind_commit);
    return original->commit(original, addr, size, offset, length, arena);
}

static bool
wrapped_purge_lazy(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)hooks;
    return enter(kind_purge_lazy) || original->purge_lazy(original, addr, size, offset, length, arena);
}

static bool
wrapped_purge_forced(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)hooks;
    return enter(kind_purge_forced) || original->purge_forced(original, addr, size, offset, length, arena);
}

static bool
wrapped_split(extent_hooks_t *hooks, void *addr, size_t size, size_t size_a, size_t size_b, bool committed,
              unsigned arena) {
    (void)hooks;
    return enter(kind_split) || original->split(original, addr, size, size_a, size_b, committed, arena);
}

static bool
wrapped_merge(extent_hooks_t *hooks, void *addr_a, size_t size_a, void *addr_b, size_t size_b, bool committed,
              unsigned arena) {
    (void)hooks;
    return enter(kind_merge) || original->merge(original, addr_a, size_a, addr_b, size_b, committed, arena);
}

/* Two of a kind, so that one can replace the other. */
static extent_hooks_t wrapped_hooks[2];

static void
wrap_original(void) {
    for (unsigned i = 0; i < 2; i++) {
        wrapped_hooks[i] = *original;
        wrapped_hooks[i].alloc = wrapped_alloc;
        wrapped_hooks[i].dalloc = wrapped_dalloc;
        wrapped_hooks[i].commit = wrapped_commit;
        wrapped_hooks[i].purge_lazy = wrapped_purge_lazy;
        wrapped_hooks[i].purge_forced = wrapped_purge_forced;
        wrapped_hooks[i].split = wrapped_split;
        wrapped_hooks[i].merge = wrapped_merge;
    }
}

static void
write_hooks(unsigned arena, extent_hooks_t *hooks) {
    char name[64];
    snprintf(name, sizeof name, "arena.%u.extent_hooks", arena);
    demand(mallctl(name, NULL, NULL, &hooks, sizeof hooks) == 0, name);
}

/* ---- the load ---- */

typedef struct {
    unsigned char *ptr;
    size_t size;
    uint64_t tag;
} block_t;

/* One block each, owned by whoever has taken the pointer out. */
static block_t *_Atomic slots[NSLOTS];
static _Atomic unsigned running;
static _Atomic uint64_t nmade, nnull;
static unsigned load_arena;
static bool load_replaces_hooks;

static void
set_arena(const char *name, const char *value) {
    char full[64];
    snprintf(full, sizeof full, "arena.%u.%s", load_arena, name);
    demand(lunalloc_ctl_set(full, value, NULL, 0) == 0, full);
}

static void
fill(block_t *block, uint64_t tag) {
    block->tag = tag;
    pattern_fill(block->ptr, block->size, tag);
}

static void
verify(const block_t *block, size_t size) {
    demand(pattern_holds(block->ptr, size, block->tag), "the contents of a block have changed");
}

/* malloc or calloc; without memory the block is empty. */
static void
make(block_t *block, uint64_t *seed) {
    block->size = 1 + rnd_size(seed, rnd_below(seed, 30) == 0 ? 18 : 12);
    bool clear = rnd_below(seed, 4) == 0;
    block->ptr = clear ? lunalloc_calloc(1, block->size) : lunalloc_malloc(block->size);
    atomic_add(block->ptr == NULL ? &nnull : &nmade, 1);
    if (block->ptr != NULL) {
        demand(!clear || all_zero(block->ptr, block->size), "calloc gave what is not zero");
        fill(block, rnd(seed));
    }
}

static void
resize(block_t *block, uint64_t *seed) {
    size_t size = 1 + rnd_size(seed, 17);
    unsigned char *moved = lunalloc_realloc(block->ptr, size);
    if (moved != NULL) {
        block->ptr = moved;
        verify(block, size < block->size ? size : block->size);
        block->size = size;
    }
    fill(block, rnd(seed));
}

static void
drop(block_t *block) {
    if (block->ptr != NULL) {
        verify(block, block->size);
        lunalloc_free(block->ptr);
        block->ptr = NULL;
    }
}

static void
step(uint64_t *seed) {
    block_t *_Atomic *slot = &slots[rnd_below(seed, NSLOTS)];
    block_t *block = atomic_exchange(slot, NULL);
    if (block == NULL) {
        return; /* another thread has it just now */
    }
    if (block->ptr == NULL) {
        make(block, seed);
    } else if (rnd_below(seed, 4) == 0) {
        verify(block, block->size);
        resize(block, seed);
    } else {
        drop(block);
    }
    atomic_exchange(slot, block);
}

static void
upkeep(uint64_t *seed) {
    static const char *const times[] = {"-1", "0", "1", "20", "1000"};
    switch (rnd_below(seed, 500)) {
    case 0:
        set_arena("purge", NULL);
        break;
    case 1:
        set_arena("dirty_decay_ms", times[rnd_below(seed, 5)]);
        break;
    case 2:
        set_arena("muzzy_decay_ms", times[rnd_below(seed, 5)]);
        break;
    case 3:
        arenas_release_unused();
        break;
    default:
        if (load_replaces_hooks && rnd_below(seed, 50) == 0) {
            size_t choice = rnd_below(seed, 3);
            write_hooks(load_arena, choice == 2 ? original : &wrapped_hooks[choice]);
        }
        break;
    }
}

static void *
work(void *number) {
    uint64_t seed = (uint64_t)(uintptr_t)number * 7919 + 1;
    const unsigned most = 20 * operations();
    demand(mallctl("thread.arena", NULL, NULL, &load_arena, sizeof load_arena) == 0, "thread.arena");
    for (unsigned i = 0; i < operations() || (atomic_get(&ncalls) <= CALLS_WANTED && i < most); i++) {
        step(&seed);
        upkeep(&seed);
    }
    atomic_sub(&running, 1);
    return NULL;
}

static void *
check_meanwhile(void *arg) {
    while (atomic_get(&running) > 0 && config_debug) {
        uint64_t began = clock_ns();
        arena_check(arenas_get(load_arena));
        breathe(began);
    }
    return arg;
}

static void
free_everything(void) {
    for (unsigned i = 0; i < NSLOTS; i++) {
        drop(slots[i]);
    }
    free_kept();
}

static void
load(unsigned arena, bool replaces_hooks) {
    pthread_t threads[NTHREADS], checker;
    load_arena = arena;
    load_replaces_hooks = replaces_hooks;
    atomic_set(&ncalls, 0);
    atomic_set(&nrefused, 0);
    atomic_set(&nmade, 0);
    atomic_set(&nnull, 0);
    atomic_set(&running, NTHREADS);
    for (uintptr_t i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    }
    assert_int_equal(pthread_create(&checker, NULL, check_meanwhile, NULL), 0);
    for (unsigned i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(pthread_join(checker, NULL), 0);
    print_message("%u calls of hooks, %u refused; %u allocations, %u without memory\n", (unsigned)ncalls,
                  (unsigned)nrefused, (unsigned)nmade, (unsigned)nnull);
    assert_true(ncalls > CALLS_WANTED);
    assert_true(nrefused > ncalls / 8);
    assert_true(nmade > operations());
}

/* ---- tests ---- */

static unsigned
create_arena(void) {
    unsigned arena = 0;
    size_t size = sizeof arena;
    assert_int_equal(mallctl("arenas.create", &arena, &size, NULL, 0), 0);
    return arena;
}

static void
check_arena(unsigned arena) {
    if (config_debug) {
        arena_check(arenas_get(arena));
    }
}

/* Every region that the hooks gave comes back, once, in the size in which it was given. */
static void
test_extent_hooks_no_lock_held_allocate_sleep_refuse(void **state) {
    (void)state;
    unsigned arena = create_arena();
    write_hooks(arena, &own_hooks);
    load(arena, false);
    check_arena(arena);
    free_everything();
    check_arena(arena);
    lunalloc_stats_t stats;
    assert_int_equal(lunalloc_stats(arena, &stats), 0);
    assert_int_equal(stats.allocated, 0);
    assert_int_equal(stats.nregions, ngrants);
    assert_true(ngrants > 0);
    atomic_set(&refuse_dalloc, true);
    set_arena("destroy", NULL);
    assert_int_equal(ngrants, 0);
    assert_int_equal(ngiven, nreturned);
    assert_true(ngiven > 1);
    for (unsigned kind = 0; kind < kinds; kind++) {
        assert_true(atomic_get(&calls_of[kind]) > 0);
    }
}

static void
test_extent_hooks_replaced_live_under_load(void **state) {
    (void)state;
    size_t size = sizeof original;
    assert_int_equal(mallctl("arena.0.extent_hooks", &original, &size, NULL, 0), 0);
    wrap_original();
    load(0, true);
    write_hooks(0, original);
    assert_int_equal(nnull, 0);
    check_arena(0);
    free_everything();
    check_arena(0);
    set_arena("purge", NULL);
    check_arena(0);
}

static int
prepare(void **state) {
    static block_t blocks[NSLOTS];
    for (unsigned i = 0; i < NSLOTS; i++) {
        slots[i] = &blocks[i];
    }
    return boot_allocator(state);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extent_hooks_no_lock_held_allocate_sleep_refuse),
        cmocka_unit_test(test_extent_hooks_replaced_live_under_load),
    };
    return cmocka_run_group_tests_name("api/hooks_stress", tests, prepare, NULL);
}
