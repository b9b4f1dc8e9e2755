/* ctl_test.c -- names and mibs, jemalloc's calling convention, messages, suggestions, "all arenas". */
#include "../api/support.h"
#include "arena/arenas.h"
#include "control/ctl.h"
#include "thread/tcache.h"

#include <errno.h>

#define CANARY UINT64_C(0x5a5a5a5a5a5a5a5a)

/* Of this moment: in a new epoch. */
static uint64_t
get_u64(const char *name) {
    uint64_t value = 0;
    assert_int_equal(mallctl("epoch", NULL, NULL, &value, sizeof value), 0);
    size_t len = sizeof value;
    assert_int_equal(mallctl(name, &value, &len, NULL, 0), 0);
    assert_int_equal(len, sizeof value);
    return value;
}

static unsigned
get_unsigned(const char *name) {
    unsigned value;
    size_t len = sizeof value;
    assert_int_equal(mallctl(name, &value, &len, NULL, 0), 0);
    return value;
}

static int
set_ssize(const char *name, ssize_t value) {
    return mallctl(name, NULL, NULL, &value, sizeof value);
}

static ssize_t
get_ssize(const char *name) {
    return (ssize_t)get_u64(name);
}

/* ---- types ---- */

static void
test_types(void **state) {
    (void)state;
    bool flag;
    const char *text;
    size_t len = sizeof flag;
    assert_int_equal(mallctl("config.debug", &flag, &len, NULL, 0), 0);
    assert_int_equal(flag, config_debug);
    len = sizeof text;
    assert_int_equal(mallctl("version", &text, &len, NULL, 0), 0);
    assert_string_equal(text, LUNALLOC_VERSION);
    assert_int_equal(get_u64("arenas.page"), sc.page);
    assert_int_equal(get_unsigned("arenas.nbins"), sc.nsmall);
    assert_int_equal(get_unsigned("arenas.narenas"), arenas_count());
    assert_int_equal(get_u64("arenas.bin.3.size"), sc.size[3]);
    assert_int_equal(get_u64("arenas.lextent.2.size"), sc.size[sc.nsmall + 2]);
}

/* Old value out and new value in, in one call; an action; a test of existence that touches nothing. */
static void
test_read_and_write(void **state) {
    (void)state;
    ssize_t before = get_ssize("arena.0.dirty_decay_ms"), old, new = 1234;
    size_t len = sizeof old;
    assert_int_equal(mallctl("arena.0.dirty_decay_ms", &old, &len, &new, sizeof new), 0);
    assert_int_equal(old, before);
    assert_int_equal(get_ssize("arena.0.dirty_decay_ms"), 1234);
    assert_int_equal(set_ssize("arena.0.dirty_decay_ms", before), 0);
    assert_int_equal(mallctl("arena.0.purge", NULL, NULL, NULL, 0), 0);
    assert_int_equal(mallctl("arena.4096.purge_slabs", NULL, NULL, NULL, 0), 0);
}

/* ---- epochs ---- */

static uint64_t
get_now(const char *name) {
    lunalloc_value_t value;
    assert_int_equal(lunalloc_ctl_get(name, &value, NULL, 0), 0);
    return value.v.u;
}

static uint64_t
get_of_epoch(const char *name) {
    uint64_t value;
    size_t len = sizeof value;
    assert_int_equal(mallctl(name, &value, &len, NULL, 0), 0);
    return value;
}

/* The epoch's number goes up by one for each write, whatever is written; what is read with it is the new number. */
static void
test_epoch_counts(void **state) {
    (void)state;
    uint64_t before = get_of_epoch("epoch"), any = 77, after;
    size_t len = sizeof after;
    assert_int_equal(mallctl("epoch", &after, &len, &any, sizeof any), 0);
    assert_int_equal(after, before + 1);
    assert_int_equal(mallctl("epoch", NULL, NULL, NULL, 0), 0);
    assert_int_equal(mallctl("epoch", &after, &len, &any, 4), EINVAL);
    len = 4;
    assert_int_equal(mallctl("epoch", &after, &len, &any, sizeof any), EINVAL);
    assert_int_equal(get_of_epoch("epoch"), before + 1);
}

/* Sums stay as they were at the beginning of an epoch, for mallctl alone. */
static void
test_epoch_keeps_sums(void **state) {
    (void)state;
    static const char *const names[] = {"stats.allocated", "stats.active", "stats.arenas.0.active"};
    uint64_t any = 1, sums[3];
    assert_int_equal(mallctl("epoch", NULL, NULL, &any, sizeof any), 0);
    for (unsigned i = 0; i < 3; i++) {
        sums[i] = get_of_epoch(names[i]);
    }
    void *p = lunalloc_malloc(8 << 20);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(get_of_epoch(names[i]), sums[i]);
        assert_true(get_now(names[i]) >= sums[i] + (i == 2 ? 0 : 8 << 20));
    }
    assert_int_equal(mallctl("epoch", NULL, NULL, &any, sizeof any), 0);
    assert_true(get_of_epoch("stats.allocated") >= sums[0] + (8 << 20));
    lunalloc_free(p);
}

/* So do the counters of classes, free extents and locks, of one arena and of all; for text they are of the moment. */
static void
test_epoch_keeps_rows(void **state) {
    (void)state;
    char names[8][64];
    static const char *const forms[] = {"stats.arenas.%u.bins.%u.nmalloc", "stats.arenas.%u.lextents.%u.nmalloc",
                                        "stats.arenas.%u.bins.%u.nrequests",
                                        "stats.arenas.%u.mutexes.extents_dirty.num_ops"};
    const unsigned rows[] = {sc_index(500), sc_index(1 << 20) - sc.nsmall, sc_index(500), 0};
    uint64_t any = 1, were[8];
    assert_int_equal(mallctl("epoch", NULL, NULL, &any, sizeof any), 0);
    for (unsigned i = 0; i < 8; i++) {
        snprintf(names[i], sizeof names[i], forms[i / 2], i % 2 == 0 ? 0 : 4096, rows[i / 2]);
        were[i] = get_of_epoch(names[i]);
    }
    lunalloc_free(lunalloc_malloc(1 << 20));
    dallocx(mallocx(500, MALLOCX_TCACHE_NONE), MALLOCX_TCACHE_NONE);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(get_of_epoch(names[i]), were[i]);
        assert_true(get_now(names[i]) > were[i]);
    }
    assert_int_equal(mallctl("epoch", NULL, NULL, &any, sizeof any), 0);
    for (unsigned i = 0; i < 8; i++) {
        assert_true(get_of_epoch(names[i]) > were[i]);
    }
}

/* An arena whose index is used again does not have the counters of the earlier one. */
static void
test_epoch_of_a_used_index(void **state) {
    (void)state;
    char sum[64], row[64], destroy[64];
    unsigned arena = get_unsigned("arenas.create");
    snprintf(sum, sizeof sum, "stats.arenas.%u.active", arena);
    snprintf(row, sizeof row, "stats.arenas.%u.lextents.%u.curlextents", arena, sc_index(1 << 20) - sc.nsmall);
    snprintf(destroy, sizeof destroy, "arena.%u.destroy", arena);
    assert_non_null(mallocx(1 << 20, MALLOCX_ARENA(arena)));
    assert_true(get_u64(sum) >= 1 << 20);
    assert_int_equal(get_u64(row), 1);
    assert_int_equal(mallctl(destroy, NULL, NULL, NULL, 0), 0);
    assert_int_equal(get_unsigned("arenas.create"), arena);
    assert_int_equal(get_of_epoch(sum), 0);
    assert_int_equal(get_of_epoch(row), 0);
    assert_int_equal(mallctl(destroy, NULL, NULL, NULL, 0), 0);
}

/* The number of active pages can be read without asking: it moves with the epoch. */
static void
test_epoch_moves_pactivep(void **state) {
    (void)state;
    const size_t *pactive;
    size_t len = sizeof pactive;
    assert_int_equal(mallctl("experimental.arenas.0.pactivep", &pactive, &len, NULL, 0), 0);
    assert_int_equal(*pactive * sc.page, get_u64("stats.arenas.0.active"));
    assert_int_equal(*pactive * sc.page, get_of_epoch("stats.arenas.0.active"));
}

/* ---- refusals ---- */

static void
test_wrong_sizes(void **state) {
    (void)state;
    ssize_t before = get_ssize("arena.0.dirty_decay_ms");
    struct {
        uint64_t value, canary;
    } old = {CANARY, CANARY};
    int64_t new = 77;
    for (size_t newlen = 0; newlen <= 16; newlen++) {
        if (newlen != sizeof new &&newlen != 0) {
            assert_int_equal(mallctl("arena.0.dirty_decay_ms", NULL, NULL, &new, newlen), EINVAL);
        }
    }
    for (size_t oldlen = 0; oldlen <= 16; oldlen++) {
        size_t len = oldlen;
        if (oldlen == sizeof old.value) {
            continue;
        }
        assert_int_equal(mallctl("arena.0.dirty_decay_ms", &old, &len, &new, sizeof new), EINVAL);
        assert_true(len <= oldlen);
        assert_int_equal(old.canary, CANARY);
    }
    assert_int_equal(get_ssize("arena.0.dirty_decay_ms"), before);
}

/* A length without a value is no value: nothing is read from a null pointer, and nothing is written. */
static void
write_from_null(void *arg) {
    (void)arg;
    ssize_t before = get_ssize("arena.0.dirty_decay_ms");
    child_assert(mallctl("arena.0.dirty_decay_ms", NULL, NULL, NULL, sizeof(ssize_t)) == 0);
    child_assert(get_ssize("arena.0.dirty_decay_ms") == before);
    child_assert(mallctl("arenas.page", NULL, NULL, NULL, sizeof(size_t)) == EPERM);
}

static void
test_null_value(void **state) {
    (void)state;
    outcome_t out = in_child(write_from_null, NULL);
    assert_child_well(&out);
}

/* A reading that fails must not have made an arena that nobody knows of. */
static void
test_create_with_wrong_size(void **state) {
    (void)state;
    unsigned before = get_unsigned("arenas.narenas");
    char small[2];
    size_t len = sizeof small;
    assert_int_equal(mallctl("arenas.create", small, &len, NULL, 0), EINVAL);
    assert_int_equal(get_unsigned("arenas.narenas"), before);
}

static void
test_permissions(void **state) {
    (void)state;
    uint64_t value = 1;
    size_t len = sizeof value;
    assert_int_equal(mallctl("stats.allocated", NULL, NULL, &value, sizeof value), EPERM);
    assert_int_equal(mallctl("arenas.page", &value, &len, &value, sizeof value), EPERM);
    assert_int_equal(mallctl("opt.narenas", NULL, NULL, &value, sizeof(unsigned)), EPERM);
    assert_int_equal(mallctl("arena.0.purge", &value, &len, NULL, 0), EPERM);
    assert_int_equal(mallctl("arena.0.purge", NULL, NULL, &value, sizeof value), EPERM);
    assert_int_equal(value, 1);
}

static void
test_unknown(void **state) {
    (void)state;
    const char *const names[] = {
        "",
        ".",
        "arena",
        "arena.",
        "arena.0",
        "arena.0.",
        "arenas..x",
        "stats",
        "no.such.name",
        "arena.<i>.purge",
        "arena.x.purge",
        "arena.-1.purge",
        "arena.01.purge",
        "arena.0.purge.",
        "arena.0.purge.x",
        ".epoch",
        "epoch.",
        "Epoch",
        "arena.99999999999999999999.purge",
        "arena.4098.purge",
        "arena.4095.purge",
        "arenas.bin.999.size",
        "stats.arenas.0.bins.999.nmalloc",
        "stats.arenas.0.lextents.9999.nmalloc",
        "stats.arenas.4098.active",
    };
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint64_t value = CANARY;
        size_t len = sizeof value;
        bool action = strstr(names[i], "purge") != NULL;
        int error = action ? mallctl(names[i], NULL, NULL, NULL, 0) : mallctl(names[i], &value, &len, NULL, 0);
        if (error != ENOENT) {
            fail_msg("'%s' gave %d", names[i], error);
        }
        assert_int_equal(value, CANARY);
    }
}

static void
test_ranges(void **state) {
    (void)state;
    ssize_t before = get_ssize("arena.0.dirty_decay_ms");
    assert_int_equal(set_ssize("arena.0.dirty_decay_ms", -2), EFAULT);
    assert_int_equal(set_ssize("arena.0.dirty_decay_ms", INT64_MAX), EFAULT);
    assert_int_equal(get_ssize("arena.0.dirty_decay_ms"), before);
    unsigned slots = 0;
    assert_int_equal(mallctl("arenas.tcache_nslots", NULL, NULL, &slots, sizeof slots), EINVAL);
    slots = 4097;
    assert_int_equal(mallctl("arenas.tcache_nslots", NULL, NULL, &slots, sizeof slots), EINVAL);
    size_t slab_size = sc.page + 1;
    assert_int_equal(mallctl("arenas.bin.3.slab_size", NULL, NULL, &slab_size, sizeof slab_size), EINVAL);
    unsigned arena = 4000;
    assert_int_equal(mallctl("thread.arena", NULL, NULL, &arena, sizeof arena), EFAULT);
}

/* ---- mibs ---- */

static void
test_mib(void **state) {
    (void)state;
    size_t mib[8], len = 8;
    assert_int_equal(mallctlnametomib("stats.arenas.0.bins.0.nmalloc", mib, &len), 0);
    assert_int_equal(len, 6);
    assert_int_equal(mib[2], 0);
    assert_int_equal(mib[4], 0);
    for (size_t j = 0; j < sc.nsmall; j++) {
        char name[64];
        uint64_t value;
        size_t size = sizeof value;
        mib[4] = j;
        assert_int_equal(mallctlbymib(mib, len, &value, &size, NULL, 0), 0);
        snprintf(name, sizeof name, "stats.arenas.0.bins.%zu.nmalloc", j);
        assert_int_equal(value, get_u64(name));
    }
    const size_t bad[] = {sc.nsmall, UINT32_MAX, (size_t)1 << 32, SIZE_MAX};
    for (unsigned i = 0; i < 4; i++) {
        uint64_t value;
        size_t size = sizeof value;
        mib[4] = bad[i];
        assert_int_equal(mallctlbymib(mib, len, &value, &size, NULL, 0), ENOENT);
    }
}

/* An index that a name cannot spell is no other way to say "all". */
static void
test_mib_arena_index(void **state) {
    (void)state;
    size_t mib[8], len = 8;
    assert_int_equal(mallctlnametomib("stats.arenas.0.active", mib, &len), 0);
    const size_t bad[] = {arenas_count() + 1, ARENAS_MAX - 1, UINT32_MAX, (size_t)1 << 32, SIZE_MAX};
    for (unsigned i = 0; i < 5; i++) {
        uint64_t value;
        size_t size = sizeof value;
        mib[2] = bad[i];
        int error = mallctlbymib(mib, len, &value, &size, NULL, 0);
        if (error != ENOENT) {
            fail_msg("index %zu gave %d", bad[i], error);
        }
    }
}

static void
test_mib_forms(void **state) {
    (void)state;
    size_t mib[8] = {0}, len = 8;
    uint64_t value;
    size_t size = sizeof value;
    assert_int_equal(mallctlnametomib("epoch", mib, &len), 0);
    assert_int_equal(len, 1);
    assert_int_equal(mallctlbymib(mib, 1, &value, &size, NULL, 0), 0);
    assert_int_equal(mallctlbymib(mib, 0, &value, &size, NULL, 0), ENOENT);
    assert_int_equal(mallctlbymib(mib, 2, &value, &size, NULL, 0), ENOENT);
    for (size_t forged = 0; forged < 4 * ctl_nrows; forged++) {
        mib[0] = forged;
        assert_int_equal(mallctlbymib(mib, 1, &value, &size, NULL, 0), ENOENT);
    }
    mib[0] = SIZE_MAX;
    assert_int_equal(mallctlbymib(mib, 1, &value, &size, NULL, 0), ENOENT);
    len = 8;
    assert_int_equal(mallctlnametomib("stats.active", mib, &len), 0);
    mib[len] = mib[len - 1];
    assert_int_equal(mallctlbymib(mib, len + 1, &value, &size, NULL, 0), ENOENT);
    mib[0] = mib[1] = SIZE_MAX - 1;
    len = 1;
    assert_int_equal(mallctlnametomib("arena.0.dirty_decay_ms", mib, &len), 0);
    assert_int_equal(len, 1);
    assert_int_equal(mib[1], SIZE_MAX - 1);
    len = 8;
    assert_int_equal(mallctlnametomib("no.such.name", mib, &len), ENOENT);
}

/* The first components of a name make a mib that can be completed, and that is no name by itself. */
static void
test_mib_of_a_prefix(void **state) {
    (void)state;
    size_t mib[8], part[8], len = 8, part_len = 8;
    assert_int_equal(mallctlnametomib("arenas.bin.3", part, &part_len), 0);
    assert_int_equal(part_len, 3);
    assert_int_equal(part[2], 3);
    assert_int_equal(mallctlnametomib("arenas.bin.0.size", mib, &len), 0);
    part[3] = mib[3];
    size_t value, size = sizeof value;
    assert_int_equal(mallctlbymib(part, 4, &value, &size, NULL, 0), 0);
    assert_int_equal(value, sc.size[3]);
    for (size_t n = 0; n <= 3; n++) {
        assert_int_equal(mallctlbymib(part, n, &value, &size, NULL, 0), ENOENT);
        len = n;
        assert_int_equal(mallctlnametomib("arenas.bin.0.no_such_name", mib, &len), 0);
        assert_int_equal(len, n);
    }
    len = 8;
    assert_int_equal(mallctlnametomib("arenas.bin.0.no_such_name", mib, &len), ENOENT);
    assert_int_equal(mallctlnametomib("arenas.bin.999", mib, &len), ENOENT);
    assert_int_equal(mallctlnametomib("arena.4000.purge", mib, &len), ENOENT);
    assert_int_equal(mallctlnametomib("arena.4096.purge", mib, &len), 0);
    assert_int_equal(len, 3);
    len = 1;
    assert_int_equal(mallctlnametomib("arena.4000.purge", mib, &len), 0);
    assert_int_equal(mallctlnametomib("", mib, &len), ENOENT);
}

/* ---- all arenas ---- */

static void
test_all_arenas(void **state) {
    (void)state;
    unsigned made[2];
    for (unsigned i = 0; i < 2; i++) {
        made[i] = get_unsigned("arenas.create");
    }
    ssize_t before = get_ssize("arena.0.muzzy_decay_ms");
    assert_int_equal(set_ssize("arena.4096.muzzy_decay_ms", 4321), 0);
    for (uint32_t i = 0; i < arenas_count(); i++) {
        char name[64];
        snprintf(name, sizeof name, "arena.%u.muzzy_decay_ms", i);
        assert_int_equal(get_ssize(name), 4321);
    }
    assert_int_equal(set_ssize("arena.4096.muzzy_decay_ms", before), 0);
    assert_int_equal(set_ssize("arena.4096.dirty_max", 1 << 20), 0);
    assert_int_equal(set_ssize("arena.4096.dirty_max", -1), 0);
    assert_int_equal(mallctl("arena.4096.purge", NULL, NULL, NULL, 0), 0);
    assert_int_equal(mallctl("arena.4096.decay", NULL, NULL, NULL, 0), 0);
    assert_int_equal(mallctl("arena.4096.destroy", NULL, NULL, NULL, 0), EFAULT);
    assert_int_equal(get_u64("stats.dirty") + get_u64("stats.muzzy"), 0);
    for (unsigned i = 0; i < 2; i++) {
        char name[64];
        snprintf(name, sizeof name, "arena.%u.destroy", made[i]);
        assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), 0);
        assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), EFAULT);
    }
}

/* ---- effects ---- */

static void
test_thread_arena(void **state) {
    (void)state;
    unsigned home = get_unsigned("thread.arena"), made = get_unsigned("arenas.create");
    char name[64];
    snprintf(name, sizeof name, "arena.%u.reset", made);
    assert_int_equal(mallctl("thread.arena", NULL, NULL, &made, sizeof made), 0);
    assert_int_equal(get_unsigned("thread.arena"), made);
    void *p = lunalloc_malloc(3000);
    lunalloc_location_t at;
    assert_int_equal(lunalloc_find(p, &at), 0);
    assert_int_equal(at.extent.arena, made);
    assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), EAGAIN);
    lunalloc_free(p);
    assert_int_equal(mallctl("thread.arena", NULL, NULL, &home, sizeof home), 0);
    assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), 0);
    snprintf(name, sizeof name, "arena.%u.destroy", made);
    assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), 0);
}

static void
test_tcache_controls(void **state) {
    (void)state;
    lunalloc_free(lunalloc_malloc(2000));
    assert_true(get_u64("stats.cached") > 0);
    assert_int_equal(mallctl("thread.tcache.flush", NULL, NULL, NULL, 0), 0);
    assert_int_equal(get_u64("stats.cached"), 0);
    bool on = false;
    assert_int_equal(mallctl("thread.tcache.enabled", NULL, NULL, &on, sizeof on), 0);
    lunalloc_free(lunalloc_malloc(2000));
    assert_int_equal(get_u64("stats.cached"), 0);
    on = true;
    assert_int_equal(mallctl("thread.tcache.enabled", NULL, NULL, &on, sizeof on), 0);
    lunalloc_free(lunalloc_malloc(2000));
    assert_true(get_u64("stats.cached") > 0);
}

/* A new slab has the new size; those that are there keep theirs. */
static void
test_slab_size_live_by_name(void **state) {
    (void)state;
    size_t before = (size_t)get_u64("arenas.bin.5.slab_size"), larger = before * 4;
    assert_int_equal(mallctl("arenas.bin.5.slab_size", NULL, NULL, &larger, sizeof larger), 0);
    arena_t *arena = arenas_create();
    lunalloc_location_t at;
    void *p = arena_malloc_small(arena, 5, 0);
    assert_int_equal(lunalloc_find(p, &at), 0);
    assert_int_equal(at.extent.size, larger);
    assert_int_equal(at.extent.nregs, larger / sc.size[5]);
    assert_int_equal(mallctl("arenas.bin.5.slab_size", NULL, NULL, &before, sizeof before), 0);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* Threads take from other bins at once; the statistics are those of all of them. */
static void
test_nshards_live_by_name(void **state) {
    (void)state;
    unsigned n = 2, before;
    size_t len = sizeof before;
    assert_int_equal(mallctl("arenas.bin.5.nshards", &before, &len, &n, sizeof n), 0);
    assert_int_equal(before, 1);
    assert_int_equal(get_unsigned("arenas.bin.5.nshards"), 2);
    assert_int_equal(get_unsigned("arenas.bin.6.nshards"), 1);
    arena_t *arena = arenas_create();
    void *p = arena_malloc_small(arena, 5, 0), *q = arena_malloc_small(arena, 5, 1);
    assert_ptr_not_equal(arena_extent_of(p, "test"), arena_extent_of(q, "test"));
    lunalloc_location_t at;
    assert_int_equal(lunalloc_find(q, &at), 0);
    assert_true(at.allocated);
    lunalloc_class_stats_t class;
    assert_int_equal(lunalloc_class_stats(arena->index, 5, &class), 0);
    assert_int_equal(class.curregs, 2);
    assert_int_equal(class.nslabs, 2);
    assert_int_equal(mallctl("arenas.bin.5.nshards", NULL, NULL, &before, sizeof before), 0);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

static void
test_bad_nshards(void **state) {
    (void)state;
    static const unsigned bad[] = {0, 65, 1000, UINT32_MAX};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(mallctl("arenas.bin.5.nshards", NULL, NULL, (void *)(uintptr_t)&bad[i], sizeof bad[i]),
                         EINVAL);
    }
    unsigned n = 2;
    size_t wide = 2;
    assert_int_equal(mallctl("arenas.bin.5.nshards", NULL, NULL, &wide, sizeof wide), EINVAL);
    assert_int_equal(mallctl("arenas.bin.255.nshards", NULL, NULL, &n, sizeof n), ENOENT);
    assert_int_equal(get_unsigned("arenas.bin.5.nshards"), 1);
}

/* ---- text, messages, sources ---- */

static void
assert_message(const char *name, const char *text, int expected, const char *part) {
    char message[256] = "";
    int error = lunalloc_ctl_set(name, text, message, sizeof message);
    if (error != expected || strstr(message, part) == NULL || strchr(message, '\n') != NULL) {
        fail_msg("%s = %s gave %d: %s", name, text == NULL ? "(nothing)" : text, error, message);
    }
    assert_int_equal(lunalloc_ctl_set(name, text, NULL, 0), expected);
    char tiny[2] = {'x', 'x'};
    assert_int_equal(lunalloc_ctl_set(name, text, tiny, 1), expected);
    assert_int_equal(tiny[0], '\0');
    assert_int_equal(tiny[1], 'x');
}

static void
test_messages(void **state) {
    (void)state;
    assert_message("arena.0.dirty_decay_mss", "1", ENOENT, "did you mean 'arena.0.dirty_decay_ms'?");
    assert_message("arena.0.dirty_decay_ms", "soon", EINVAL, "'soon' is not a number");
    assert_message("arena.0.dirty_decay_ms", "-7", EINVAL, "-1 to");
    assert_message("arena.77.dirty_decay_ms", "1", ENOENT, "there is no arena 77");
    assert_message("arena.0.dirty_decay_ms", NULL, EINVAL, "needs a value");
    assert_message("arena.0.purge", "1", EINVAL, "takes no value");
    assert_message("arena.0.destroy", NULL, EINVAL, "only manual arenas");
    assert_message("stats.allocated", "1", EPERM, "read-only");
    assert_message("opt.narenas", "4", EPERM, "LUNALLOC_CONF");
    assert_message("arenas.bin.0.slab_size", "100", EINVAL, "multiple of the page");
    assert_message("arenas.bin.0.nshards", "65", EINVAL, "1 to 64");
    assert_message("thread.arena", "4000", EINVAL, "there is no arena 4000");
    char message[256];
    lunalloc_value_t value;
    assert_int_equal(lunalloc_ctl_get("arena.0.purge", &value, message, sizeof message), EPERM);
    assert_non_null(strstr(message, "action"));
    assert_int_equal(lunalloc_ctl_get("stats.alocated", &value, message, sizeof message), ENOENT);
    assert_non_null(strstr(message, "'stats.allocated'"));
}

static void
test_sources(void **state) {
    (void)state;
    const char *source;
    assert_int_equal(lunalloc_ctl_source("arenas.tcache_bytes", &source), 0);
    assert_string_equal(source, "default");
    assert_int_equal(lunalloc_ctl_set("arenas.tcache_bytes", "256K", NULL, 0), 0);
    assert_int_equal(lunalloc_ctl_source("arenas.tcache_bytes", &source), 0);
    assert_string_equal(source, "live");
    assert_int_equal(lunalloc_ctl_source("opt.tcache_bytes", &source), 0);
    assert_string_equal(source, "default");
    assert_int_equal(lunalloc_ctl_source("no.such.name", &source), ENOENT);
}

static void
assert_source(const char *name, const char *expected) {
    const char *source;
    assert_int_equal(lunalloc_ctl_source(name, &source), 0);
    assert_string_equal(source, expected);
}

/* A slab size that is set, by text or by type, is its own class's; one that is refused changes nothing. */
static void
test_slab_size_source(void **state) {
    (void)state;
    char same[24];
    size_t size = (size_t)get_u64("arenas.bin.7.slab_size");
    snprintf(same, sizeof same, "%zu", size);
    assert_int_equal(lunalloc_ctl_set("arenas.bin.6.slab_size", "1", NULL, 0), EINVAL);
    assert_source("arenas.bin.6.slab_size", "default");
    assert_int_equal(lunalloc_ctl_set("arenas.bin.7.slab_size", same, NULL, 0), 0);
    assert_source("arenas.bin.7.slab_size", "live");
    size = (size_t)get_u64("arenas.bin.8.slab_size");
    assert_int_equal(mallctl("arenas.bin.8.slab_size", NULL, NULL, &size, sizeof size), 0);
    assert_source("arenas.bin.8.slab_size", "live");
    assert_source("arenas.bin.6.slab_size", "default");
    assert_source("arenas.bin.9.slab_size", "default");
    assert_source("arenas.bin.7.size", "default");
    assert_source("arenas.bin.7.nshards", "default");
    assert_int_equal(lunalloc_ctl_set("arenas.bin.8.nshards", "1", NULL, 0), 0);
    assert_source("arenas.bin.8.nshards", "live");
    assert_source("arenas.bin.9.nshards", "default");
    assert_source("arenas.bin.<i>.slab_size", "default");
    assert_source("arenas.bin.999999999.slab_size", "default");
}

/* A setting of one arena is that arena's own; "all" is every one; an arena of the same index later starts anew. */
static void
test_arena_source(void **state) {
    (void)state;
    char name[64];
    unsigned made = get_unsigned("arenas.create");
    snprintf(name, sizeof name, "arena.%u.dirty_max", made);
    assert_source(name, "default");
    assert_int_equal(lunalloc_ctl_set(name, "4M", NULL, 0), 0);
    assert_source(name, "live");
    assert_source("arena.0.thp", "default");
    assert_source("arena.<i>.dirty_max", "default");
    assert_source("arena.99999.dirty_max", "default");
    snprintf(name, sizeof name, "arena.%u.guard", made);
    assert_source(name, "default");
    assert_int_equal(lunalloc_ctl_set("arena.4096.guard", "false", NULL, 0), 0);
    assert_source(name, "live");
    assert_source("arena.0.guard", "live");
    snprintf(name, sizeof name, "arena.%u.destroy", made);
    assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), 0);
    assert_int_equal(get_unsigned("arenas.create"), made);
    snprintf(name, sizeof name, "arena.%u.guard", made);
    assert_source(name, "default");
}

static void
test_limits(void **state) {
    (void)state;
    assert_int_equal(lunalloc_ctl_limit("arena.<i>.purge"), arenas_count());
    assert_int_equal(lunalloc_ctl_limit("arena"), arenas_count());
    assert_int_equal(lunalloc_ctl_limit("arenas.bin.<i>.size"), sc.nsmall);
    assert_int_equal(lunalloc_ctl_limit("arenas.lextent.<i>.size"), sc.nsizes - sc.nsmall);
    assert_int_equal(lunalloc_ctl_limit("stats.arenas.<i>.active"), arenas_count());
    assert_int_equal(lunalloc_ctl_limit("stats.arenas.0.bins.<j>.nmalloc"), sc.nsmall);
    assert_int_equal(lunalloc_ctl_limit("stats.arenas.0.lextents.<j>.nmalloc"), sc.nsizes - sc.nsmall);
    assert_int_equal(lunalloc_ctl_limit("stats.arenas.0.bins.3.nmalloc"), 0);
    assert_int_equal(lunalloc_ctl_limit("epoch"), 0);
    assert_int_equal(lunalloc_ctl_limit("no.such.name"), 0);
}

/* ---- what the messages say ---- */

static void
assert_says(const char *name, int expected, const char *message) {
    char said[256] = "";
    lunalloc_value_t value;
    int error = lunalloc_ctl_get(name, &value, said, sizeof said);
    assert_int_equal(error, expected);
    assert_string_equal(said, message);
}

static void
assert_set_says(const char *name, const char *text, int expected, const char *message) {
    char said[256] = "";
    int error = lunalloc_ctl_set(name, text, said, sizeof said);
    assert_int_equal(error, expected);
    assert_string_equal(said, message);
}

/* Every proper beginning of every name, at index 0, is a group, and says so. */
static void
test_groups(void **state) {
    (void)state;
    assert_says("arena.0", ENOENT, "arena.0 is a group of controls, such as arena.0.decay");
    assert_says("arena", ENOENT, "arena is a group of controls, such as arena.<i>.decay");
    assert_says("stats.arenas.0.bins.3", ENOENT,
                "stats.arenas.0.bins.3 is a group of controls, such as stats.arenas.0.bins.3.curregs");
    assert_says("arenas.bin.<i>", ENOENT, "arenas.bin.<i> is a group of controls, such as arenas.bin.<i>.nregs");
    assert_says("arena.0.", ENOENT, "no control 'arena.0.'");
    assert_says("arena.999", ENOENT, "no control 'arena.999'");
    assert_says("aren", ENOENT, "no control 'aren'");
    assert_says("", ENOENT, "no control ''");
    assert_set_says("arena.0", "1", ENOENT, "arena.0 is a group of controls, such as arena.0.decay");
    for (size_t i = 0; i < ctl_nrows; i++) {
        char name[128], said[256];
        lunalloc_value_t value;
        size_t n = 0;
        if (ctl_is_of(&ctl_rows[i], "agent.audit.")) {
            continue; /* there is none before the first write (agent_serve_test.c) */
        }
        for (const char *at = ctl_rows[i].name; *at != '\0'; at++) {
            bool known =
                i > 0 && strncmp(ctl_rows[i].name, ctl_rows[i - 1].name, (size_t)(at - ctl_rows[i].name) + 1) == 0;
            if (*at == '.' && !known) {
                name[n] = '\0';
                assert_int_equal(lunalloc_ctl_get(name, &value, said, sizeof said), ENOENT);
                assert_non_null(strstr(said, " is a group of controls, such as "));
            }
            name[n++] = *at == '<' ? '0' : *at;
            at += *at == '<' ? 2 : 0;
        }
    }
}

static void
test_live_forms_are_named(void **state) {
    (void)state;
    assert_set_says(
        "opt.narenas", "4", EPERM,
        "opt.narenas is read-only; it is fixed at start: set it in LUNALLOC_CONF; arenas.nauto changes it live");
    assert_set_says("opt.dirty_decay_ms", "4", EPERM,
                    "opt.dirty_decay_ms is read-only; it is fixed at start: set it in LUNALLOC_CONF; "
                    "arena.<i>.dirty_decay_ms changes it live");
    assert_set_says("opt.lg_quantum", "4", EPERM,
                    "opt.lg_quantum is read-only; it is fixed at start: set it in LUNALLOC_CONF");
    assert_set_says(
        "opt.percpu_arena", "4", EPERM,
        "opt.percpu_arena is read-only; it has no effect here: arenas belong to threads, not to processors");
    assert_set_says("arenas.tcache_max", "4", EPERM,
                    "arenas.tcache_max is read-only; arenas.tcache_largest changes it live");
    assert_set_says("arenas.nbins", "4", EPERM, "arenas.nbins is read-only");
}

/* A write that has no effect is refused; of what holds anyway, it is none. */
static void
test_unsupported_writes(void **state) {
    (void)state;
    void (*callbacks[2])(void) = {NULL, NULL};
    assert_int_equal(mallctl("experimental.thread.activity_callback", NULL, NULL, callbacks, sizeof callbacks), 0);
    callbacks[0] = abort;
    assert_int_equal(mallctl("experimental.thread.activity_callback", NULL, NULL, callbacks, sizeof callbacks), ENOENT);
    assert_set_says("thread.tcache.ncached_max.write", "8-128:1", ENOENT,
                    "thread.tcache.ncached_max.write: '8-128:1' cannot be set: it has no effect here: "
                    "arenas.tcache_nslots and arenas.tcache_bytes limit all caches; ENOENT if written");
    assert_set_says("prof.log_stop", NULL, EFAULT, "prof.log_stop: nothing is being logged");
}

/* Out of range by any way: refused, and the rate stays. */
static void
assert_write_says(const char *name, lunalloc_value_t value, int expected, const char *message) {
    char said[256] = "";
    assert_int_equal(lunalloc_ctl_write(name, &value, said, sizeof said), expected);
    assert_string_equal(said, message);
}

#define U(n)  ((lunalloc_value_t){.type = LUNALLOC_U64, .v.u = n})
#define I(n)  ((lunalloc_value_t){.type = LUNALLOC_SSIZE, .v.i = n})
#define B(b_) ((lunalloc_value_t){.type = LUNALLOC_BOOL, .v.b = b_})
#define S(s_) ((lunalloc_value_t){.type = LUNALLOC_STRING, .v.s = s_})

static uint64_t
now_of(const char *name) {
    lunalloc_value_t value;
    assert_int_equal(lunalloc_ctl_get(name, &value, NULL, 0), 0);
    return value.type == LUNALLOC_BOOL ? value.v.b : value.v.u;
}

/* A number is taken by a control of any number's type that it fits, a boolean by one of booleans. */
static void
test_typed_writes(void **state) {
    (void)state;
    assert_write_says("arena.0.dirty_decay_ms", I(-1), 0, "");
    assert_int_equal(now_of("arena.0.dirty_decay_ms"), (uint64_t)-1);
    assert_write_says("arena.0.dirty_decay_ms", U(700), 0, "");
    assert_int_equal(now_of("arena.0.dirty_decay_ms"), 700);
    assert_write_says("arenas.tcache_nslots", I(7), 0, "");
    assert_int_equal(now_of("arenas.tcache_nslots"), 7);
    assert_write_says("arenas.zero", B(true), 0, "");
    assert_int_equal(now_of("arenas.zero"), 1);
    const char *source;
    assert_int_equal(lunalloc_ctl_source("arenas.zero", &source), 0);
    assert_string_equal(source, "live");
    assert_write_says("arenas.zero", B(false), 0, "");
    must_set("arenas.tcache_nslots", "4096");
    must_set("arena.0.dirty_decay_ms", "10000");
}

/* What is no value of the control's kind is read as what it says. */
static void
test_typed_writes_of_other_kinds(void **state) {
    (void)state;
    assert_write_says("arenas.zero", U(1), 0, "");
    assert_int_equal(now_of("arenas.zero"), 1);
    assert_write_says("arenas.zero", S("off"), 0, "");
    assert_int_equal(now_of("arenas.zero"), 0);
    assert_write_says("arena.0.dirty_decay_ms", S("10s"), 0, "");
    assert_int_equal(now_of("arena.0.dirty_decay_ms"), 10000);
    assert_write_says("arenas.zero", U(2), EINVAL, "arenas.zero: '2' is not a truth value; allowed: true or false");
    assert_write_says("arenas.nauto", B(true), EINVAL,
                      "arenas.nauto: 'true' is not a number of this kind; allowed: a number from 1 to 256");
    assert_write_says("arenas.junk", U(5), EINVAL, "arenas.junk: '5' cannot be set: allowed: false, true, alloc, free");
    assert_write_says("arena.0.extent_hooks", U(5), EINVAL,
                      "arena.0.extent_hooks: '5' is no way to give a pointer; allowed: mallctl, from C");
}

static void
test_typed_writes_out_of_range(void **state) {
    (void)state;
    assert_write_says("arenas.tcache_nslots", I(-1), EINVAL,
                      "arenas.tcache_nslots: '-1' is out of range; allowed: a number from 1 to 4096, with k, M, G or T "
                      "for thousands");
    assert_write_says("arenas.tcache_nslots", U(4097), EINVAL,
                      "arenas.tcache_nslots: '4097' is out of range; allowed: a number from 1 to 4096, with k, M, G or "
                      "T for thousands");
    assert_write_says(
        "arena.0.oversize_threshold", I(-1), EINVAL,
        "arena.0.oversize_threshold: '-1' is out of range; allowed: a number, with K, M, G or T for bytes");
    assert_write_says(
        "arena.0.dirty_max", U(UINT64_MAX), EINVAL,
        "arena.0.dirty_max: '18446744073709551615' is out of range; allowed: a number from -1 on, with K, "
        "M, G or T for bytes");
    assert_write_says("opt.lg_quantum", U(3), EPERM,
                      "opt.lg_quantum is read-only; it is fixed at start: set it in LUNALLOC_CONF");
    assert_write_says("arena.0.decay", U(3), EINVAL, "arena.0.decay is an action: it takes no value");
    assert_int_equal(lunalloc_ctl_write("arena.0.decay", NULL, NULL, 0), 0);
    assert_int_equal(lunalloc_ctl_write("arenas.zero", NULL, NULL, 0), EINVAL);
    assert_int_equal(lunalloc_ctl_write("arenas.zero", &S(NULL), NULL, 0), EINVAL);
}

/* They are answered by name, and are in no list. */
static void
test_unsupported_names(void **state) {
    (void)state;
    char nearest[64];
    lunalloc_row_t row;
    lunalloc_value_t value;
    assert_int_equal(lunalloc_ctl_get("opt.hpa", &value, NULL, 0), 0);
    assert_false(value.v.b);
    assert_int_equal(lunalloc_ctl_describe("opt.hpa", &row), 0);
    assert_false(lunalloc_ctl_suggest("opt.percpu_aren", nearest, sizeof nearest));
    for (size_t i = 0; lunalloc_ctl_row(i, &row) == 0; i++) {
        assert_string_not_equal(row.name, "opt.hpa");
        assert_null(strstr(row.doc, "unsupported"));
    }
}

static void
test_prof_reset_range(void **state) {
    (void)state;
    lunalloc_value_t value;
    size_t lg = 100;
    assert_int_equal(mallctl("prof.reset", NULL, NULL, &lg, sizeof lg), EINVAL);
    assert_set_says("prof.reset", "64", EINVAL, "prof.reset: '64' is out of range; allowed: a number from 0 to 63");
    assert_int_equal(lunalloc_ctl_get("prof.lg_sample", &value, NULL, 0), 0);
    assert_int_equal(value.v.u, 19);
    lg = 63;
    assert_int_equal(mallctl("prof.reset", NULL, NULL, &lg, sizeof lg), 0);
    assert_int_equal(lunalloc_ctl_get("prof.lg_sample", &value, NULL, 0), 0);
    assert_int_equal(value.v.u, 63);
    must_set("prof.reset", "19");
}

/* ---- suggestions ---- */

static void
assert_suggests(const char *name, const char *expected) {
    char nearest[128] = "?";
    bool found = lunalloc_ctl_suggest(name, nearest, sizeof nearest);
    assert_int_equal(found, expected != NULL);
    if (found) {
        assert_string_equal(nearest, expected);
    }
}

static void
test_suggestions(void **state) {
    (void)state;
    assert_suggests("epohc", "epoch");
    assert_suggests("stats.allocate", "stats.allocated");
    assert_suggests("arena.3.dirty_decay", "arena.3.dirty_decay_ms");
    assert_suggests("stats.arenas.1.bins.7.nmaloc", "stats.arenas.1.bins.7.nmalloc");
    assert_suggests("opt.narena", "opt.narenas");
    assert_suggests("bogus", NULL);
    assert_suggests("opt.wyvern", NULL);
    assert_suggests("stats.arenas.0.xyz", NULL);
    assert_suggests("quite.something.else.altogether", NULL);
    char tiny[4] = {'x', 'x', 'x', 'x'};
    lunalloc_ctl_suggest("stats.allocate", tiny, 3);
    assert_true(memchr(tiny, '\0', 3) != NULL && tiny[3] == 'x');
}

/* Every supported name with one letter missing, here in one name and there in the next, leads to a name that is as
 * near. */
static void
test_suggestions_of_all(void **state) {
    (void)state;
    const size_t step = config_asan || config_tsan ? 7 : 1; /* each name takes a while there */
    for (size_t i = 0; i < ctl_nsupported; i += step) {
        const char *name = ctl_rows[i].name;
        size_t n = strlen(name);
        for (size_t k = i % 32; k < n; k += 32) {
            char typo[128], nearest[128];
            snprintf(typo, sizeof typo, "%.*s%s", (int)k, name, name + k + 1);
            assert_true(lunalloc_ctl_suggest(typo, nearest, sizeof nearest));
        }
    }
}

/* Into a buffer of any size: what fits, terminated, and not a byte more. */
static void
test_suggestion_sizes(void **state) {
    (void)state;
    static const char nearest[] = "arena.0.purge";
    for (size_t size = 0; size <= sizeof nearest + 1; size++) {
        char buf[32], expected[32];
        memset(buf, '?', sizeof buf);
        memset(expected, '?', sizeof expected);
        snprintf(expected, size, "%s", nearest);
        assert_true(lunalloc_ctl_suggest("arena.0.purg", buf, size));
        assert_memory_equal(buf, expected, sizeof buf);
    }
}

/* So it is with messages, which are cut at any place. */
static void
test_message_sizes(void **state) {
    (void)state;
    static const char whole[] = "no control 'arena.0.purg'; did you mean 'arena.0.purge'?";
    lunalloc_value_t value;
    for (size_t size = 0; size < sizeof whole + 8; size++) {
        char message[80];
        for (unsigned set = 0; set < 2; set++) {
            memset(message, '~', sizeof message);
            int error = set ? lunalloc_ctl_set("arena.0.purg", NULL, message, size)
                            : lunalloc_ctl_get("arena.0.purg", &value, message, size);
            assert_int_equal(error, ENOENT);
            size_t len = size == 0 ? 0 : strnlen(message, size);
            assert_true(size == 0 || (len < size && strncmp(message, whole, len) == 0));
            assert_true(size < sizeof whole + 2 || len == sizeof whole - 1);
            for (size_t i = size; i < sizeof message; i++) {
                assert_int_equal(message[i], '~');
            }
        }
    }
}

/* Where there is room for nothing, or for one: no more is written, and walks of one reach all. */
static void
test_room_for_nothing_or_one(void **state) {
    (void)state;
    lunalloc_cursor_t cursor = {.arena = LUNALLOC_ALL};
    lunalloc_sample_cursor_t samples = {0};
    lunalloc_extent_t extents[2];
    unsigned char untouched[sizeof extents[0]];
    size_t mib[2] = {7, 7}, len = 0, none = 0, one = 0, all = 0, n;
    char byte = 0x5a;
    memset(extents, 0x5a, sizeof extents);
    memset(untouched, 0x5a, sizeof untouched);
    assert_int_equal(lunalloc_extents(&cursor, NULL, 0, NULL), 0);
    assert_int_equal(lunalloc_prof_samples(&samples, NULL, 0), 0);
    assert_int_equal(lunalloc_batch_alloc(NULL, 0, 100, 0), 0);
    assert_int_equal(mallctl("epoch", &byte, &none, NULL, 0), EINVAL);
    assert_true(byte == 0x5a && none == 0);
    assert_int_equal(mallctlnametomib("epoch", mib, &len), 0);
    assert_true(len == 0 && mib[0] == 7);
    len = 1;
    assert_int_equal(mallctlnametomib("arenas.nbins", mib, &len), 0);
    assert_true(len == 1 && mib[1] == 7);
    cursor = (lunalloc_cursor_t){.arena = LUNALLOC_ALL};
    while (lunalloc_extents(&cursor, extents, 1, NULL) == 1) {
        one++;
    }
    assert_memory_equal(&extents[1], untouched, sizeof untouched);
    cursor = (lunalloc_cursor_t){.arena = LUNALLOC_ALL};
    while ((n = lunalloc_extents(&cursor, extents, 2, NULL)) > 0) {
        all += n;
    }
    assert_true(one > 0 && one == all);
}

/* Numbers that are none of ours. */
static void
test_numbers_from_outside(void **state) {
    (void)state;
    lunalloc_sizeclass_t class;
    lunalloc_class_stats_t class_stats;
    lunalloc_stats_t stats;
    lunalloc_location_t at;
    lunalloc_cursor_t nowhere = {.arena = ARENAS_MAX - 1};
    lunalloc_extent_t extent;
    assert_int_equal(lunalloc_sizeclass(sc.nsizes, &class), ENOENT);
    assert_int_equal(lunalloc_sizeclass(UINT32_MAX, &class), ENOENT);
    assert_int_equal(lunalloc_sizeclass_of(SIZE_MAX, &class), ENOENT);
    assert_int_equal(lunalloc_stats(ARENAS_MAX - 1, &stats), ENOENT);
    assert_int_equal(lunalloc_stats(UINT32_MAX - 1, &stats), ENOENT);
    assert_int_equal(lunalloc_class_stats(0, sc.nsizes, &class_stats), ENOENT);
    assert_int_equal(lunalloc_class_stats(UINT32_MAX - 1, 0, &class_stats), ENOENT);
    assert_int_equal(lunalloc_find(NULL, &at), ENOENT);
    assert_int_equal(lunalloc_find((void *)UINTPTR_MAX, &at), ENOENT);
    assert_int_equal(lunalloc_extents(&nowhere, &extent, 1, NULL), 0);
}

/* 10 KB of letters, of digits, of dots, of a true prefix. */
static void
test_long_names(void **state) {
    (void)state;
    static char name[10241];
    const char *const fill[] = {"x", "7", ".", "arena.", "0.", "arena.0.purge.", "<i>."};
    for (unsigned f = 0; f < sizeof fill / sizeof fill[0]; f++) {
        size_t n = strlen(fill[f]);
        for (size_t i = 0; i < 10240; i++) {
            name[i] = fill[f][i % n];
        }
        char message[300], nearest[100];
        lunalloc_value_t value;
        lunalloc_row_t row;
        size_t mib[8], len = 8;
        assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), ENOENT);
        assert_int_equal(mallctlnametomib(name, mib, &len), ENOENT);
        assert_int_equal(lunalloc_ctl_get(name, &value, message, sizeof message), ENOENT);
        assert_true(strlen(message) < sizeof message && strncmp(message, "no control '", 12) == 0);
        assert_int_equal(lunalloc_ctl_set(name, name, message, sizeof message), ENOENT);
        assert_int_equal(lunalloc_ctl_set("epoch", name, message, sizeof message), EINVAL);
        assert_int_equal(lunalloc_ctl_describe(name, &row), ENOENT);
        assert_int_equal(lunalloc_ctl_limit(name), 0);
        assert_false(lunalloc_ctl_suggest(name, nearest, sizeof nearest));
    }
}

/* ---- names of arenas ---- */

static void
name_is(uint32_t arena, const char *wanted) {
    char name[64];
    lunalloc_value_t value;
    snprintf(name, sizeof name, "arena.%u.name", arena);
    assert_int_equal(lunalloc_ctl_get(name, &value, NULL, 0), 0);
    assert_string_equal(value.v.s, wanted);
}

/* One that was destroyed takes its name along: the next of its number has none; nor is another one's touched. */
static void
test_names_of_arenas_end_with_them(void **state) {
    (void)state;
    uint32_t other = get_unsigned("arenas.create"), index = get_unsigned("arenas.create");
    char name[64], text[32];
    const char *fresh = "mine", *kept = "other";
    snprintf(name, sizeof name, "arena.%u.name", index);
    lunalloc_value_t value;
    assert_int_equal(lunalloc_ctl_get(name, &value, NULL, 0), 0);
    snprintf(text, sizeof text, "%s", value.v.s);
    assert_int_equal(mallctl(name, NULL, NULL, &fresh, sizeof fresh), 0);
    name_is(index, "mine");
    snprintf(name, sizeof name, "arena.%u.name", other);
    assert_int_equal(mallctl(name, NULL, NULL, &kept, sizeof kept), 0);
    snprintf(name, sizeof name, "arena.%u.destroy", index);
    assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), 0);
    assert_int_equal(get_unsigned("arenas.create"), index);
    name_is(index, text);
    name_is(other, "other");
    assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), 0);
    snprintf(name, sizeof name, "arena.%u.destroy", other);
    assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_arenas_end_with_them),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_live_forms_are_named),
        cmocka_unit_test(test_unsupported_writes),
        cmocka_unit_test(test_unsupported_names),
        cmocka_unit_test(test_typed_writes),
        cmocka_unit_test(test_typed_writes_of_other_kinds),
        cmocka_unit_test(test_typed_writes_out_of_range),
        cmocka_unit_test(test_prof_reset_range),
        cmocka_unit_test(test_read_and_write),
        cmocka_unit_test(test_epoch_counts),
        cmocka_unit_test(test_epoch_keeps_sums),
        cmocka_unit_test(test_epoch_keeps_rows),
        cmocka_unit_test(test_epoch_of_a_used_index),
        cmocka_unit_test(test_epoch_moves_pactivep),
        cmocka_unit_test(test_wrong_sizes),
        cmocka_unit_test(test_null_value),
        cmocka_unit_test(test_create_with_wrong_size),
        cmocka_unit_test(test_permissions),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_mib),
        cmocka_unit_test(test_mib_arena_index),
        cmocka_unit_test(test_mib_forms),
        cmocka_unit_test(test_mib_of_a_prefix),
        cmocka_unit_test(test_all_arenas),
        cmocka_unit_test(test_thread_arena),
        cmocka_unit_test(test_tcache_controls),
        cmocka_unit_test(test_slab_size_live_by_name),
        cmocka_unit_test(test_nshards_live_by_name),
        cmocka_unit_test(test_bad_nshards),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_slab_size_source),
        cmocka_unit_test(test_arena_source),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_suggestions),
        cmocka_unit_test(test_suggestions_of_all),
        cmocka_unit_test(test_suggestion_sizes),
        cmocka_unit_test(test_message_sizes),
        cmocka_unit_test(test_room_for_nothing_or_one),
        cmocka_unit_test(test_numbers_from_outside),
        cmocka_unit_test(test_long_names),
    };
    return cmocka_run_group_tests_name("ctl", tests, boot_allocator, NULL);
}
