/*
 * provider.h -- hooks for one arena's pages, for tests: the system with counts, and with refusals kind by kind.
 */
#ifndef TESTS_EXTENT_PROVIDER_H
#define TESTS_EXTENT_PROVIDER_H

#include "pages.h"

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
    kind_count
} kind_t;

/* The system, with counts and refusals. */
typedef struct {
    extent_hooks_t hooks; /* first: the hooks' own argument is the provider */
    unsigned calls[kind_count];
    unsigned done[kind_count];
    unsigned refused;  /* bit per kind */
    void *nonsense;    /* what alloc returns, if not NULL */
    bool uncommitted;  /* alloc's memory must be committed first */
    size_t bytes_held; /* given by alloc, not yet taken back */
} provider_t;

static page_alloc_t pa;
static provider_t provider;

/* Counts a call. False: it is to be refused. */
static inline bool
may(extent_hooks_t *hooks, kind_t kind) {
    provider_t *p = (provider_t *)hooks;
    bool yes = (p->refused >> kind & 1) == 0;
    p->calls[kind]++;
    p->done[kind] += yes;
    return yes;
}

static inline void *
do_alloc(extent_hooks_t *hooks, void *new_addr, size_t size, size_t alignment, bool *zero, bool *commit,
         unsigned arena) {
    provider_t *p = (provider_t *)hooks;
    if (!may(hooks, kind_alloc) || p->nonsense != NULL) {
        return p->nonsense;
    }
    void *addr = hooks_system.alloc(&hooks_system, new_addr, size, alignment, zero, commit, arena);
    p->bytes_held += addr == NULL ? 0 : size;
    *commit = !p->uncommitted;
    return addr;
}

static inline bool
do_dalloc(extent_hooks_t *hooks, void *addr, size_t size, bool committed, unsigned arena) {
    if (!may(hooks, kind_dalloc)) {
        return true;
    }
    ((provider_t *)hooks)->bytes_held -= size;
    return hooks_system.dalloc(&hooks_system, addr, size, committed, arena);
}

static inline void
do_destroy(extent_hooks_t *hooks, void *addr, size_t size, bool committed, unsigned arena) {
    may(hooks, kind_destroy);
    ((provider_t *)hooks)->bytes_held -= size;
    hooks_system.destroy(&hooks_system, addr, size, committed, arena);
}

/* What the system can do with pages depends on which it is: here they are cleared, and stay accessible. */
static inline bool
do_commit(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)arena;
    assert_non_null(addr);
    assert_true(offset + length <= size);
    return !may(hooks, kind_commit);
}

static inline bool
clear(extent_hooks_t *hooks, kind_t kind, void *addr, size_t size, size_t offset, size_t length) {
    assert_true(offset + length <= size);
    bool yes = may(hooks, kind);
    if (yes) {
        memset((char *)addr + offset, 0, length);
    }
    return !yes;
}

static inline bool
do_decommit(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)arena;
    return clear(hooks, kind_decommit, addr, size, offset, length);
}

static inline bool
do_purge_lazy(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)arena;
    assert_non_null(addr);
    assert_true(offset + length <= size);
    return !may(hooks, kind_purge_lazy);
}

static inline bool
do_purge_forced(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)arena;
    return clear(hooks, kind_purge_forced, addr, size, offset, length);
}

static inline bool
do_split(extent_hooks_t *hooks, void *addr, size_t size, size_t size_a, size_t size_b, bool committed, unsigned arena) {
    return !may(hooks, kind_split) || hooks_system.split(&hooks_system, addr, size, size_a, size_b, committed, arena);
}

static inline bool
do_merge(extent_hooks_t *hooks, void *addr_a, size_t size_a, void *addr_b, size_t size_b, bool committed,
         unsigned arena) {
    return !may(hooks, kind_merge) ||
           hooks_system.merge(&hooks_system, addr_a, size_a, addr_b, size_b, committed, arena);
}

static const extent_hooks_t all_hooks = {
    .alloc = do_alloc,
    .dalloc = do_dalloc,
    .destroy = do_destroy,
    .commit = do_commit,
    .decommit = do_decommit,
    .purge_lazy = do_purge_lazy,
    .purge_forced = do_purge_forced,
    .split = do_split,
    .merge = do_merge,
};

static inline void
refuse(unsigned kind, bool no) {
    provider.refused = no ? provider.refused | 1U << kind : provider.refused & ~(1U << kind);
}

static inline void
begin(int64_t muzzy_ms) {
    memset(&provider, 0, sizeof provider);
    provider.hooks = all_hooks;
    pages_begin(&pa, -1, muzzy_ms);
    atomic_set(&pa.hooks, &provider.hooks);
}

/* Everything that this test has looked at so far was a region cut up by splits and put together by merges. */
static inline layout_t
settled(size_t active_pages) {
    layout_t layout = check_pages(&pa, active_pages * sc.page);
    size_t count = 0;
    for (unsigned state = 0; state <= extent_busy; state++) {
        count += layout.count[state];
    }
    assert_int_equal(count, layout.nregions + provider.done[kind_split] - provider.done[kind_merge]);
    assert_int_equal(layout.mapped, provider.bytes_held);
    return layout;
}

static inline void
end(void) {
    pages_end(&pa);
    assert_int_equal(provider.bytes_held, 0);
}

/* A run of active pages, cut off at its front from one of twice as many: the rest is dirty behind it. */
static inline extent_t *
with_dirty_behind(size_t npages) {
    extent_t *e = alloc_pages(&pa, 2 * npages);
    assert_non_null(e);
    assert_true(pa_shrink(&pa, e, npages * sc.page, sc_index(npages * sc.page)));
    return e;
}

#endif
