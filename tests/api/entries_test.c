/*
 * entries_test.c -- each way into the allocator, external and internal, entered by a thread that holds a lock of the
 * core: the witness must end that process before anything else happens. Which functions these are is
 * scripts/check-entries's to say; it fails if one has no line here. Debug builds only.
 */
#include "../base/testing.h"
#include "cxx_operators.h"

#include "api/entry.h"
#include "api/fast.h"
#include "api/seen.h"
#include "api/slow.h"
#include "arena/arenas_bind.h"
#include "arena/arenas_special.h"
#include "arena/sample.h"
#include "arena/slab_decay.h"
#include "base/witness.h"
#include "extent/coalesce.h"
#include "extent/decay_pass.h"
#include "extent/dirty_limits.h"
#include "extent/hugepage.h"
#include "extent/prefault.h"
#include "extent/purge.h"
#include "extent/region.h"
#include "extent/region_release.h"
#include "extent/remap.h"
#include "extent/resize.h"
#include "extent/trim_to_peak.h"
#include "thread/tcaches.h"
#include "thread/flags.h"
#include "thread/refresh.h"
#include "thread/quarantine.h"
#include "thread/tcache.h"
#include "thread/thread_life.h"

#include <malloc.h>
#include <stdlib.h>

/* No call returns. */
#pragma GCC diagnostic ignored "-Wunused-result"

typedef struct {
    const char *name;
    void (*enter)(void);
} entry_t;

static entry_t entries[192];
static size_t nentries;

static void
add_entry(const char *name, void (*enter)(void)) {
    if (nentries < LENGTH(entries)) {
        entries[nentries] = (entry_t){name, enter};
    }
    nentries++;
}

/* A call of one entry. The arguments are good ones: it is the lock that must be noticed. */
#define ENTRY(name, ...)                                                                                               \
    static void enter_##name(void) {                                                                                   \
        (void)name(__VA_ARGS__);                                                                                       \
    }                                                                                                                  \
    __attribute__((constructor)) static void add_##name(void) {                                                        \
        add_entry(#name, enter_##name);                                                                                \
    }

static arena_t *arena;
static thread_t *thread;
static void *block, *large, *out;
static bool zeroed, committed;
static list_t emptied = {&emptied, &emptied};
static const size_t large_size = (size_t)1 << 20;
static region_t record;

static extent_t *
extent(void) {
    return pagemap_extent((uintptr_t)large);
}

static pa_request_t *
page_request(void) {
    static pa_request_t request;
    request = (pa_request_t){.size = large_size, .alignment = sc.page, .szind = sc_index(large_size)};
    return &request;
}

static uint32_t
large_class(void) {
    return sc_index(large_size);
}

/* ---- external ---- */

ENTRY(lunalloc_malloc, 24)
ENTRY(lunalloc_calloc, 3, 8)
ENTRY(lunalloc_realloc, block, 200)
ENTRY(lunalloc_free, block)
ENTRY(lunalloc_free_sized, block, 24)
ENTRY(lunalloc_free_aligned_sized, block, 8, 24)
ENTRY(lunalloc_posix_memalign, &out, 64, 100)
ENTRY(lunalloc_aligned_alloc, 64, 128)
ENTRY(lunalloc_usable_size, block)
ENTRY(lunalloc_mallocx, 24, MALLOCX_TCACHE_NONE)
ENTRY(lunalloc_rallocx, block, 200, MALLOCX_ZERO)
ENTRY(lunalloc_xallocx, large, 200, 0, 0)
ENTRY(lunalloc_sallocx, block, 0)
ENTRY(lunalloc_nallocx, 24, 0)
ENTRY(lunalloc_dallocx, block, MALLOCX_TCACHE_NONE)
ENTRY(lunalloc_sdallocx, block, 24, 0)
ENTRY(lunalloc_batch_alloc, &out, 1, 24, 0)
ENTRY(mallocx, 24, 0)
ENTRY(rallocx, block, 200, 0)
ENTRY(xallocx, large, 200, 0, 0)
ENTRY(sallocx, block, 0)
ENTRY(nallocx, 24, 0)
ENTRY(dallocx, block, 0)
ENTRY(sdallocx, block, 24, 0)

#if LUNALLOC_REPLACE
void cfree(void *ptr);

ENTRY(malloc, 24)
ENTRY(calloc, 3, 8)
ENTRY(realloc, block, 200)
ENTRY(reallocarray, block, 20, 10)
ENTRY(free, block)
ENTRY(cfree, block)
ENTRY(free_sized, block, 24)
ENTRY(free_aligned_sized, block, 8, 24)
ENTRY(posix_memalign, &out, 64, 100)
ENTRY(aligned_alloc, 64, 128)
ENTRY(memalign, 64, 100)
ENTRY(valloc, 100)
ENTRY(pvalloc, 100)
void *__libc_malloc(size_t size);
void __libc_free(void *ptr);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *__libc_valloc(size_t size);
void *__libc_pvalloc(size_t size);
ENTRY(__libc_malloc, 24)
ENTRY(__libc_free, block)
ENTRY(__libc_calloc, 3, 8)
ENTRY(__libc_realloc, block, 200)
ENTRY(__libc_memalign, 48, 100)
ENTRY(__libc_valloc, 100)
ENTRY(__libc_pvalloc, 100)
ENTRY(malloc_usable_size, block)

/* C++'s, by their names in the binary. */
ENTRY(_Znwm, 24)
ENTRY(_Znam, 24)
ENTRY(_ZnwmRKSt9nothrow_t, 24, NULL)
ENTRY(_ZnamRKSt9nothrow_t, 24, NULL)
ENTRY(_ZnwmSt11align_val_t, 24, 64)
ENTRY(_ZnamSt11align_val_t, 24, 64)
ENTRY(_ZnwmSt11align_val_tRKSt9nothrow_t, 24, 64, NULL)
ENTRY(_ZnamSt11align_val_tRKSt9nothrow_t, 24, 64, NULL)
ENTRY(_ZdlPv, block)
ENTRY(_ZdaPv, block)
ENTRY(_ZdlPvRKSt9nothrow_t, block, NULL)
ENTRY(_ZdaPvRKSt9nothrow_t, block, NULL)
ENTRY(_ZdlPvm, block, 24)
ENTRY(_ZdaPvm, block, 24)
ENTRY(_ZdlPvSt11align_val_t, block, 8)
ENTRY(_ZdaPvSt11align_val_t, block, 8)
ENTRY(_ZdlPvSt11align_val_tRKSt9nothrow_t, block, 8, NULL)
ENTRY(_ZdaPvSt11align_val_tRKSt9nothrow_t, block, 8, NULL)
ENTRY(_ZdlPvmSt11align_val_t, block, 24, 8)
ENTRY(_ZdaPvmSt11align_val_t, block, 24, 8)
#endif

/* ---- internal: entry points' own, thread's cache ---- */

ENTRY(fast_malloc, 24, &out)
ENTRY(fast_free, block)
ENTRY(fast_free_sized, block, 24)
ENTRY(slow_self)
ENTRY(slow_malloc, 24)
ENTRY(mallocx_slow, 24, 0)
ENTRY(rallocx_slow, block, 24, 0)
#if LUNALLOC_REPLACE
ENTRY(new_slow, 24)
ENTRY(new_nothrow_slow, 24, NULL)
#endif
ENTRY(slow_calloc, 24)
ENTRY(slow_aligned, 64, 100)
ENTRY(slow_realloc, block, 200)
ENTRY(slow_malloc_unseen, thread, 24)
ENTRY(slow_malloc_first, 24)
ENTRY(seen_slow_malloc, thread, 24)
ENTRY(seen_slow_free, NULL, thread)
ENTRY(slow_free, block)
ENTRY(slow_free_sized, block, 24, 1)
ENTRY(slow_usable_size, block)
ENTRY(dispatch_alloc, thread, (source_t){.cache = &thread->cache}, 0, 1, &zeroed)
ENTRY(dispatch_free, thread, &thread->cache, sc_index(24), block)
ENTRY(resize_in_place, thread, extent(), large_class() - 1)
ENTRY(resize_block, thread, extent(), large,
      &(request_t){.szind = large_class() + 1, .alignment = 1, .placement = 1, .source = {.cache = &thread->cache}})
ENTRY(resize_free, thread, &thread->cache, block)
ENTRY(dispatch_housekeep, thread)
ENTRY(tcache_alloc_slow, &thread->cache, NULL, 0, 0)
ENTRY(tcache_alloc_past, &thread->cache, arena, 0, 0)
ENTRY(tcache_alloc_sampled, &thread->cache, NULL, 0)
ENTRY(tcache_free_slow, &thread->cache, sc_index(24), block)
ENTRY(tcache_open, &thread->cache)
ENTRY(tcache_flush, &thread->cache)
ENTRY(tcache_fit, &thread->cache, 0)
ENTRY(thread_flush, thread)
ENTRY(quarantine_add, thread, extent(), large)
ENTRY(quarantine_fit, thread)
ENTRY(quarantine_flush, thread)
ENTRY(tcache_collect, &thread->cache)
ENTRY(flags_alloc, thread, &(request_t){.placement = 1})
ENTRY(flags_alloc_batch, thread, &out, 1, 24, 0)
ENTRY(tcaches_create)
ENTRY(tcaches_flush, 0)
ENTRY(tcaches_destroy, 0)

/* ---- internal: arenas ---- */

ENTRY(arena_new, 1000, true)
ENTRY(arena_use_defaults, arena, 0)
ENTRY(arena_new_slab, arena, 0)
ENTRY(arena_take, arena, 0, 0, NULL, 1, &out)
ENTRY(arena_fill, arena, 0, 0, 1, &out)
ENTRY(arena_malloc_small, arena, 0, 0)
ENTRY(arena_malloc_large, arena, large_class(), 4096, &zeroed)
ENTRY(arena_malloc_large_in, arena, large_class(), 4096, &zeroed)
ENTRY(arena_push, &block, 1, &emptied)
ENTRY(arena_unmap_slab, extent())
ENTRY(arena_delete_slab, arena, extent())
ENTRY(arena_purge_slabs, arena)
ENTRY(arena_decay_slabs, arena, 0)
ENTRY(arena_set_slab_decay_ms, arena, 1000, 0)
ENTRY(arena_background, arena, 0)
ENTRY(arena_tick_slow, arena, 0)
ENTRY(arena_delete_slabs, &emptied)
ENTRY(arena_flush, &block, 1)
ENTRY(arena_took, &block, 1, 0)
ENTRY(arena_free, large)
ENTRY(arena_expect_live, extent(), large)
ENTRY(arena_free_large, extent())
ENTRY(arena_resize_large, extent(), large_class() - 1)
ENTRY(arena_relocate_large, extent(), large_class() + 1)
ENTRY(arena_malloc_sampled, arena, 0, 1, &zeroed)
ENTRY(arena_drain, arena)
ENTRY(arena_keep_sampled, arena, extent())
ENTRY(arena_drop_kept, arena)
ENTRY(arena_drain_surplus, arena, 0)
ENTRY(arena_reset, arena)
ENTRY(arena_clear, arena)
ENTRY(arenas_create)
ENTRY(arenas_rebind, arena)
ENTRY(arenas_reset, 0)
ENTRY(arenas_destroy, 0)
ENTRY(arenas_release_unused)
ENTRY(arenas_fallback)
ENTRY(arenas_oversize)

/* ---- internal: pages ---- */

ENTRY(pa_alloc, &arena->pages, page_request())
ENTRY(pa_reuse, &arena->pages, page_request())
ENTRY(pa_dalloc, &arena->pages, extent())
ENTRY(pa_dalloc_list, &arena->pages, &emptied)
ENTRY(pa_purge_freed, &arena->pages, extent())
ENTRY(pa_expand, &arena->pages, extent(), large_size * 2, sc_index(large_size * 2))
ENTRY(pa_shrink, &arena->pages, extent(), large_size / 2, sc_index(large_size / 2))
ENTRY(pa_coalesce_across, &arena->pages, large_size)
ENTRY(pa_prefault, &arena->pages, sc.page)
ENTRY(pa_may_remap, &arena->pages, large_size)
ENTRY(pa_remap, &arena->pages, extent(), 0, &committed)
ENTRY(pa_relocate, &arena->pages, extent(), large_size * 2, sc_index(large_size * 2))
ENTRY(pa_alloc_untouched, &arena->pages, page_request())
ENTRY(pa_lose, &arena->pages, extent(), &record)
ENTRY(pa_new_record)
ENTRY(pa_delete_record, &record)
ENTRY(pa_new_region, &arena->pages, large_size, sc.page, false, pa_release_unused)
ENTRY(pa_release_unused, &arena->pages)
ENTRY(pa_offer_unused, &arena->pages)
ENTRY(pa_note_retained, &arena->pages)
ENTRY(pa_destroy_unused, &arena->pages)
ENTRY(pa_put, &arena->pages, &arena->pages.retained, extent(), true, false)
ENTRY(pa_release_all, &arena->pages)
ENTRY(pa_tick, &arena->pages, 0)
ENTRY(pa_decay, &arena->pages, 0)
ENTRY(pa_background, &arena->pages, 0)
ENTRY(pa_purge_all, &arena->pages)
ENTRY(pa_dirtied, &arena->pages)
ENTRY(pa_trim_to_peak, &arena->pages)
ENTRY(pa_set_no_retain, &arena->pages, false)
ENTRY(pa_set_thp, &arena->pages, pages_thp_default)
ENTRY(pa_set_hooks, &arena->pages, NULL)
ENTRY(pa_gather, &arena->pages, 0, 0)
ENTRY(pa_set_decay_ms, &arena->pages, extent_dirty, 1000, 0)
ENTRY(hook_alloc, NULL, large_size, sc.page, &zeroed, &committed, 0)
ENTRY(hook_dalloc, NULL, large, large_size, true, 0)
ENTRY(hook_destroy, NULL, large, large_size, true, 0)
ENTRY(hook_commit, NULL, large, large_size, 0)
ENTRY(hook_decommit, NULL, large, large_size, 0)
ENTRY(hook_purge_lazy, NULL, large, large_size, 0)
ENTRY(hook_purge_forced, NULL, large, large_size, 0)
ENTRY(hook_split, NULL, large, large_size, sc.page, true, 0)
ENTRY(hook_merge, NULL, large, sc.page, block, sc.page, true, 0)

/* ---- the test ---- */

static int
make_arguments(void **state) {
    boot_allocator(state);
    arena = arenas_get(0);
    thread = thread_get();
    block = lunalloc_malloc(24);
    large = lunalloc_malloc(large_size);
    return arena == NULL || block == NULL || large == NULL;
}

static lock_t lock = LOCK_INITIALIZER(RANK_BIN);

static int
enter_with_lock_held(void *argument) {
    const entry_t *entry = argument;
    lock_acquire(&lock);
    entry->enter();
    return 0;
}

static void
need_witness(void) {
    if (!config_debug) {
        print_message("skip: the witness is there in debug builds only\n");
        skip();
    }
}

static void
test_no_core_lock_held_on_entry_each_entry(void **state) {
    (void)state;
    need_witness();
    assert_in_range(nentries, 1, LENGTH(entries));
    for (size_t i = 0; i < nentries; i++) {
        print_message("%s\n", entries[i].name);
        assert_aborts(enter_with_lock_held, &entries[i],
                      " entered while bin held; none may be held there of decay bin ");
    }
}

static void
test_no_core_lock_held_on_entry_message(void **state) {
    (void)state;
    need_witness();
    assert_aborts(enter_with_lock_held, &(entry_t){"arena_fill", enter_arena_fill},
                  "lunalloc: lock order: arena_fill entered while bin held; none may be held there of decay bin dirty "
                  "muzzy retained descriptors pagemap prof history metadata regions\n");
}

static int
enter_without_lock(void *argument) {
    (void)argument;
    out = lunalloc_malloc(24);
    lunalloc_free(lunalloc_realloc(out, large_size));
    lunalloc_free_sized(lunalloc_malloc(24), 24);
    return 0;
}

static void
test_no_core_lock_held_on_entry_is_no_error(void **state) {
    (void)state;
    assert_child_succeeds(enter_without_lock, NULL);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_core_lock_held_on_entry_each_entry),
        cmocka_unit_test(test_no_core_lock_held_on_entry_message),
        cmocka_unit_test(test_no_core_lock_held_on_entry_is_no_error),
    };
    return cmocka_run_group_tests_name("api/entries", tests, make_arguments, NULL);
}
