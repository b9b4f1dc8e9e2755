/*
 * jemalloc_test.c -- every control name of jemalloc 5.3 (jemalloc-names.tsv): type, access, error codes, sizes of old
 * and new values. tests/programs/jemalloc.sh asks a jemalloc that is installed the same.
 */
#include "../api/support.h"
#include "arena/arenas.h"

#include <errno.h>

#define NAMES "tests/control/jemalloc-names.tsv"

typedef struct {
    char name[96], access[8], ctype[120];
} fact_t;

typedef void visit_t(const fact_t *fact);

static unsigned
for_each_fact(visit_t *visit) {
    FILE *file = fopen(NAMES, "r");
    char line[512];
    unsigned n = 0;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        fact_t fact;
        if (line[0] != '#' && sscanf(line, "%95[^\t]\t%7[^\t]\t%119[^\t]", fact.name, fact.access, fact.ctype) == 3 &&
            strcmp(fact.name, "name") != 0) {
            visit(&fact);
            n++;
        }
    }
    fclose(file);
    return n;
}

/* ---- what a C type is here ---- */

static const struct {
    const char *ctype;
    lunalloc_type_t type;
    size_t size;
} types[] = {
    {"void", LUNALLOC_VOID, 0},           {"bool", LUNALLOC_BOOL, 1},      {"unsigned", LUNALLOC_UNSIGNED, 4},
    {"uint32_t", LUNALLOC_UNSIGNED, 4},   {"fxp_t", LUNALLOC_UNSIGNED, 4}, {"size_t", LUNALLOC_SIZE, 8},
    {"ssize_t", LUNALLOC_SSIZE, 8},       {"int64_t", LUNALLOC_SSIZE, 8},  {"uint64_t", LUNALLOC_U64, 8},
    {"const char *", LUNALLOC_STRING, 8}, {"char *", LUNALLOC_STRING, 8},  {"prof_stats_t", LUNALLOC_STRUCT, 16},
};
#define NTYPES (sizeof types / sizeof types[0])

/* NTYPES: a pointer or structure. */
static size_t
type_of(const char *ctype) {
    size_t i = 0;
    while (i < NTYPES && strcmp(types[i].ctype, ctype) != 0) {
        i++;
    }
    return i;
}

/* Of two types, or a buffer that the value points to, or it is the reading that does something. */
static bool
is_exchange(const fact_t *fact) {
    return strstr(fact->ctype, "in:") != NULL || fact->ctype[0] == '{' || strstr(fact->ctype, "struct") != NULL ||
           strcmp(fact->name, "arena.<i>.name") == 0 || strcmp(fact->name, "tcache.create") == 0;
}

static void
at_zero(const char *pattern, char *name) {
    for (; *pattern != '\0'; pattern++) {
        *name++ = *pattern == '<' ? '0' : *pattern;
        pattern += *pattern == '<' ? 2 : 0;
    }
    *name = '\0';
}

/* ---- each name ---- */

static void
has_row_of_type_and_access(const fact_t *fact) {
    lunalloc_row_t row;
    if (lunalloc_ctl_describe(fact->name, &row) != 0) {
        fail_msg("%s is not answered", fact->name);
    }
    size_t type = type_of(fact->ctype);
    bool fits =
        strcmp(fact->name, "arenas.create") == 0 ||
        (type < NTYPES ? row.type == types[type].type : row.type == LUNALLOC_POINTER || row.type == LUNALLOC_STRUCT);
    /* What jemalloc has read-only may be writable here. */
    bool allowed = strcmp(row.access, fact->access) == 0 || (fact->access[0] == 'r' && strcmp(row.access, "rw") == 0);
    if (!fits || !allowed) {
        fail_msg("%s: type %d, access %s; jemalloc's are %s, %s", fact->name, row.type, row.access, fact->ctype,
                 fact->access);
    }
}

static void
test_rows(void **state) {
    (void)state;
    assert_true(for_each_fact(has_row_of_type_and_access) > 100);
}

typedef struct {
    unsigned char bytes[64];
} buffer_t;

/* A name, or its mib. */
static int
access_as(bool by_mib, const char *name, void *oldp, size_t *oldlenp, void *newp, size_t newlen) {
    size_t mib[10], len = 10;
    if (!by_mib) {
        return mallctl(name, oldp, oldlenp, newp, newlen);
    }
    assert_int_equal(mallctlnametomib(name, mib, &len), 0);
    return mallctlbymib(mib, len, oldp, oldlenp, newp, newlen);
}

static void
expect(const char *name, const char *what, int error, int expected) {
    if (error != expected) {
        fail_msg("%s, %s: error %d, not %d", name, what, error, expected);
    }
}

/* What a name may read as: what its type has, or, of a table that grows while it is asked, any. */
static bool
is_steady(const char *name) {
    return strstr(name, "mutex") == NULL && strstr(name, "stats.background_thread") == NULL;
}

/* With room for `size` bytes, of `right`: as much as goes is there, the rest is as it was, and the length says so. */
static void
reads_what_fits(const char *name, bool by_mib, size_t size, const buffer_t *whole, size_t right) {
    buffer_t buffer;
    size_t len = size, fits = size < right ? size : right;
    memset(&buffer, 0x5a, sizeof buffer);
    int error = access_as(by_mib, name, &buffer, &len, NULL, 0);
    if (error != (size == right ? 0 : EINVAL) || len != fits) {
        fail_msg("%s with room for %zu: error %d, length %zu", name, size, error, len);
    }
    if (is_steady(name) && memcmp(&buffer, whole, fits) != 0) {
        fail_msg("%s with room for %zu: another value than with room for all of it", name, size);
    }
    for (size_t i = fits; i < sizeof buffer; i++) {
        if (buffer.bytes[i] != 0x5a) {
            fail_msg("%s with room for %zu wrote byte %zu", name, size, i);
        }
    }
}

static void
reads_as_its_type_alone(const fact_t *fact) {
    char name[96];
    size_t type = type_of(fact->ctype);
    at_zero(fact->name, name);
    if (is_exchange(fact) || fact->access[0] != 'r') {
        return;
    }
    size_t right = type < NTYPES ? types[type].size : sizeof(void *);
    for (unsigned by_mib = 0; by_mib < 2; by_mib++) {
        buffer_t whole;
        size_t len = right;
        expect(name, "read", access_as(by_mib, name, &whole, &len, NULL, 0), 0);
        assert_int_equal(len, right);
        for (size_t size = 0; size <= 32; size++) {
            reads_what_fits(name, by_mib, size, &whole, right);
        }
    }
}

/* Nothing is read if the name is not to be read, or if what is written with it is refused. */
static void
leaves_old_value(const char *name, bool by_mib, void *newp, size_t newlen, int expected) {
    buffer_t buffer;
    size_t len = 8;
    memset(&buffer, 0x5a, sizeof buffer);
    expect(name, "read, not allowed", access_as(by_mib, name, &buffer, &len, newp, newlen), expected);
    for (size_t i = 0; i < sizeof buffer; i++) {
        assert_int_equal(buffer.bytes[i], 0x5a);
    }
}

static void
refuses_one_way(const char *name, const lunalloc_row_t *row, bool exchanges, bool by_mib) {
    uint64_t value[4] = {0};
    if (row->access[0] != 'r') {
        leaves_old_value(name, by_mib, NULL, 0, EPERM);
    }
    if (row->access[1] != 'w') {
        expect(name, "write", access_as(by_mib, name, NULL, NULL, value, 8), EPERM);
        expect(name, "write without a value", access_as(by_mib, name, NULL, NULL, NULL, 8), EPERM);
        leaves_old_value(name, by_mib, value, 8, EPERM);
        return;
    }
    expect(name, "write of 3 bytes", access_as(by_mib, name, NULL, NULL, value, 3), EINVAL);
    if (row->access[0] == 'r' && !exchanges) {
        bool either = strcmp(name, "thread.prof.name") == 0;
        leaves_old_value(name, by_mib, value, 3, either ? EPERM : EINVAL);
        expect(name, "length without a value", access_as(by_mib, name, NULL, NULL, NULL, 8), 0);
    }
}

static void
refuses_what_it_is_not_for(const fact_t *fact) {
    char name[96];
    lunalloc_row_t row;
    at_zero(fact->name, name);
    assert_int_equal(lunalloc_ctl_describe(fact->name, &row), 0);
    refuses_one_way(name, &row, is_exchange(fact) || row.type == LUNALLOC_STRUCT, false);
    refuses_one_way(name, &row, is_exchange(fact) || row.type == LUNALLOC_STRUCT, true);
}

static void
refuses_index(const char *pattern, const char *index) {
    char name[160], rest[96];
    size_t mib[10], len = 10;
    const char *open = strstr(pattern, "<i>");
    at_zero(open + 3, rest);
    snprintf(name, sizeof name, "%.*s%s%s", (int)(open - pattern), pattern, index, rest);
    expect(name, "name", mallctl(name, NULL, NULL, NULL, 0), ENOENT);
    expect(name, "mib", mallctlnametomib(name, mib, &len), ENOENT);
}

static void
refuses_indices(const fact_t *fact) {
    static const char *const bad[] = {"999999", "99999999999999999999", "-1", "", "x", "4098"};
    for (unsigned i = 0; strchr(fact->name, '<') != NULL && i < sizeof bad / sizeof bad[0]; i++) {
        refuses_index(fact->name, bad[i]);
    }
}

static void
has_a_mib_of_one_length(const fact_t *fact) {
    char name[96];
    size_t mib[10] = {0}, len = 10;
    at_zero(fact->name, name);
    assert_int_equal(mallctlnametomib(name, mib, &len), 0);
    bool acts = fact->access[0] == '-' || is_exchange(fact);
    for (size_t n = 0; n < 10; n++) {
        if (n != len || !acts) {
            expect(name, "mib", mallctlbymib(mib, n, NULL, NULL, NULL, 0), n == len ? 0 : ENOENT);
        }
    }
}

static void
test_sizes(void **state) {
    (void)state;
    for_each_fact(reads_as_its_type_alone);
}

static void
test_access(void **state) {
    (void)state;
    for_each_fact(refuses_what_it_is_not_for);
}

static void
test_mibs(void **state) {
    (void)state;
    for_each_fact(has_a_mib_of_one_length);
}

static void
test_indices(void **state) {
    (void)state;
    for_each_fact(refuses_indices);
}

/* ---- values of two types ---- */

static void
test_arenas_create_with_hooks(void **state) {
    (void)state;
    unsigned arena;
    char name[64];
    extent_hooks_t *hooks, *other;
    size_t len = sizeof hooks, arena_len = sizeof arena, wrong = 8;
    assert_int_equal(mallctl("arena.0.extent_hooks", &hooks, &len, NULL, 0), 0);
    extent_hooks_t copy = *hooks;
    hooks = &copy;
    unsigned before = arenas_count();
    assert_int_equal(mallctl("arenas.create", &name, &wrong, &hooks, sizeof hooks), EINVAL);
    assert_int_equal(mallctl("arenas.create", &arena, &arena_len, &hooks, 4), EINVAL);
    assert_int_equal(mallctl("arenas.create", NULL, NULL, NULL, 0), EINVAL);
    assert_int_equal(arenas_count(), before);
    assert_int_equal(mallctl("arenas.create", &arena, &arena_len, &hooks, sizeof hooks), 0);
    snprintf(name, sizeof name, "arena.%u.extent_hooks", arena);
    assert_int_equal(mallctl(name, &other, &len, NULL, 0), 0);
    assert_ptr_equal(other, hooks);
    snprintf(name, sizeof name, "arena.%u.destroy", arena);
    assert_int_equal(mallctl(name, NULL, NULL, NULL, 0), 0);
}

static void
test_arenas_lookup(void **state) {
    (void)state;
    unsigned arena = 77;
    size_t len = sizeof arena;
    void *p = lunalloc_malloc(100), *nothing = &arena;
    assert_int_equal(mallctl("arenas.lookup", &arena, &len, &p, sizeof p), 0);
    assert_true(arena < arenas_count());
    assert_int_equal(mallctl("arenas.lookup", &arena, &len, &nothing, sizeof nothing), EINVAL);
    assert_int_equal(mallctl("arenas.lookup", &arena, &len, &p, 4), EINVAL);
    assert_int_equal(mallctl("arenas.lookup", &arena, &len, NULL, 0), EINVAL);
    assert_int_equal(mallctl("arenas.lookup", NULL, NULL, &p, sizeof p), EINVAL);
    lunalloc_free(p);
}

static void
test_utilization(void **state) {
    (void)state;
    struct {
        void *current;
        size_t nfree, nregs, size, bin_nfree, bin_nregs;
    } use;
    void *ptrs[3] = {lunalloc_malloc(100), lunalloc_malloc(1 << 20), &use};
    size_t out[9], len = sizeof use;
    assert_int_equal(mallctl("experimental.utilization.query", &use, &len, &ptrs[0], sizeof ptrs[0]), 0);
    assert_true(use.nregs > 1 && use.nfree < use.nregs && use.size % sc.page == 0);
    assert_true(use.bin_nregs >= use.nregs && use.bin_nfree < use.bin_nregs);
    len = sizeof out;
    assert_int_equal(mallctl("experimental.utilization.batch_query", out, &len, ptrs, sizeof ptrs), 0);
    assert_int_equal(out[1], use.nregs);
    assert_int_equal(out[2], use.size);
    assert_true(out[3] == 0 && out[4] == 1 && out[5] >= 1 << 20);
    assert_true(out[6] == 0 && out[7] == 0 && out[8] == 0);
    len = sizeof out - 1;
    assert_int_equal(mallctl("experimental.utilization.batch_query", out, &len, ptrs, sizeof ptrs), EINVAL);
    lunalloc_free(ptrs[0]);
    lunalloc_free(ptrs[1]);
}

/* Into the caller's buffer, as jemalloc does. */
static void
test_arena_name(void **state) {
    (void)state;
    char buffer[32] = "?", *out = buffer;
    const char *name = "a database", *long_name = "a name of thirty-two bytes here.";
    size_t len = sizeof out;
    assert_int_equal(mallctl("arena.0.name", &out, &len, NULL, 0), 0);
    assert_string_equal(buffer, "");
    assert_int_equal(mallctl("arena.0.name", NULL, NULL, &name, sizeof name), 0);
    assert_int_equal(mallctl("arena.0.name", &out, &len, NULL, 0), 0);
    assert_string_equal(buffer, "a database");
    assert_ptr_equal(out, buffer);
    assert_int_equal(strlen(long_name), 32);
    assert_int_equal(mallctl("arena.0.name", NULL, NULL, &long_name, sizeof long_name), EINVAL);
    lunalloc_value_t value;
    assert_int_equal(lunalloc_ctl_get("arena.0.name", &value, NULL, 0), 0);
    assert_string_equal(value.v.s, "a database");
}

static void
test_dss(void **state) {
    (void)state;
    const char *word = "primary";
    assert_int_equal(mallctl("arena.0.dss", NULL, NULL, &word, sizeof word), EFAULT);
    word = "sometimes";
    assert_int_equal(mallctl("arena.0.dss", NULL, NULL, &word, sizeof word), EINVAL);
    word = "disabled";
    assert_int_equal(mallctl("arena.4096.dss", NULL, NULL, &word, sizeof word), 0);
}

/* ---- which arenas an index means ---- */

static int
act(const char *pattern, unsigned index) {
    char name[96];
    snprintf(name, sizeof name, pattern, index);
    return mallctl(name, NULL, NULL, NULL, 0);
}

static int
read_at(const char *pattern, unsigned index, void *out, size_t size) {
    char name[96];
    size_t mib[10], len = 10, by_name = size, by_mib = size;
    snprintf(name, sizeof name, pattern, index);
    int error = mallctl(name, out, &by_name, NULL, 0);
    if (mallctlnametomib(name, mib, &len) == 0) {
        assert_int_equal(mallctlbymib(mib, len, out, &by_mib, NULL, 0), error);
    }
    return error;
}

static unsigned
create(void) {
    unsigned arena;
    size_t len = sizeof arena;
    assert_int_equal(mallctl("arenas.create", &arena, &len, NULL, 0), 0);
    return arena;
}

static void
new_epoch(void) {
    uint64_t any = 1;
    assert_int_equal(mallctl("epoch", NULL, NULL, &any, sizeof any), 0);
}

/* As long as indices go up to it: by mib, the one of another name is changed. */
static int
act_by_mib(const char *name, size_t index) {
    size_t mib[10], len = 10;
    assert_int_equal(mallctlnametomib(name, mib, &len), 0);
    mib[1] = index;
    return mallctlbymib(mib, len, NULL, NULL, NULL, 0);
}

static uint64_t
dirty_pages(void) {
    size_t pages;
    new_epoch();
    assert_int_equal(read_at("stats.arenas.%u.pdirty", 4096, &pages, sizeof pages), 0);
    return pages;
}

/* The number of arenas is jemalloc's older form of 4096: redis purges so. */
static void
test_number_of_arenas_means_all(void **state) {
    (void)state;
    static const char *const purges[] = {"arena.%u.purge", "arena.%u.decay"};
    unsigned other = create(), n = arenas_count();
    bool initialized = false;
    void *held = mallocx(1 << 20, MALLOCX_ARENA(other));
    const char *dss = NULL, *disabled = "disabled";
    size_t one, all;
    for (unsigned i = 0; i < 3; i++) {
        dallocx(mallocx(1 << 20, MALLOCX_ARENA(other)), 0);
        assert_true(dirty_pages() > 0);
        assert_int_equal(i == 0   ? act(purges[0], n)
                         : i == 1 ? act_by_mib("arena.0.purge", n)
                                  : act(purges[0], 4096),
                         0);
        assert_int_equal(dirty_pages(), 0);
    }
    assert_int_equal(act(purges[1], n), 0);
    assert_int_equal(read_at("arena.%u.initialized", n, &initialized, 1), 0);
    assert_true(initialized);
    assert_int_equal(read_at("arena.%u.dss", n, &dss, sizeof dss), 0);
    assert_string_equal(dss, "disabled");
    char name[64];
    snprintf(name, sizeof name, "arena.%u.dss", n);
    assert_int_equal(mallctl(name, NULL, NULL, &disabled, sizeof disabled), 0);
    assert_int_equal(read_at("stats.arenas.%u.pactive", n, &one, sizeof one), 0);
    assert_int_equal(read_at("stats.arenas.%u.pactive", 4096, &all, sizeof all), 0);
    assert_int_equal(one, all);
    assert_int_equal(read_at("stats.arenas.%u.bins.0.nmalloc", n, &one, sizeof one), 0);
    assert_int_equal(act(purges[0], n + 1), ENOENT);
    assert_int_equal(read_at("stats.arenas.%u.pactive", n + 1, &one, sizeof one), ENOENT);
    dallocx(held, 0);
    assert_int_equal(act("arena.%u.destroy", other), 0);
}

/* Where one arena is meant, neither all nor a destroyed one is it; there is nothing to give back in the latter. */
static void
test_arenas_that_are_none(void **state) {
    (void)state;
    unsigned gone = create();
    assert_int_equal(act("arena.%u.destroy", gone), 0);
    const unsigned indices[] = {arenas_count(), 4096, 4097, gone};
    for (unsigned i = 0; i < 4; i++) {
        ssize_t value;
        const void *hooks;
        assert_int_equal(read_at("arena.%u.dirty_decay_ms", indices[i], &value, sizeof value), EFAULT);
        assert_int_equal(read_at("arena.%u.extent_hooks", indices[i], &hooks, sizeof hooks), EFAULT);
        assert_int_equal(read_at("arena.%u.retain_grow_limit", indices[i], &value, sizeof value), EFAULT);
        assert_int_equal(act("arena.%u.reset", indices[i]), EFAULT);
        assert_int_equal(act("arena.%u.destroy", indices[i]), EFAULT);
        assert_int_equal(act("arena.%u.purge", indices[i]), 0);
        assert_int_equal(act("arena.%u.decay", indices[i]), 0);
    }
}

/* 4097 are the destroyed ones, from the first on; one that is gone has no statistics of its own. */
static void
destroyed_ones(void *arg) {
    (void)arg;
    bool initialized = true;
    size_t pages;
    child_assert(read_at("arena.%u.initialized", 4097, &initialized, 1) == 0 && !initialized);
    child_assert(read_at("stats.arenas.%u.pactive", 4097, &pages, sizeof pages) == ENOENT);
    unsigned gone = create();
    child_assert(act("arena.%u.destroy", gone) == 0);
    child_assert(read_at("arena.%u.initialized", 4097, &initialized, 1) == 0 && initialized);
    child_assert(read_at("stats.arenas.%u.pactive", 4097, &pages, sizeof pages) == 0);
    child_assert(read_at("stats.arenas.%u.pactive", gone, &pages, sizeof pages) == ENOENT);
    char name[64];
    size_t mib[10], len = 10;
    snprintf(name, sizeof name, "stats.arenas.%u.pactive", gone);
    child_assert(mallctlnametomib(name, mib, &len) == ENOENT);
}

/* An arena is initialized if it was there when the epoch began: also the first one, and one of an old one's index. */
static void
initialized_ones(void *arg) {
    (void)arg;
    bool initialized = true;
    unsigned arena = create();
    for (unsigned i = 0; i < 2; i++) {
        child_assert(read_at("arena.%u.initialized", arena, &initialized, 1) == 0 && !initialized);
        new_epoch();
        child_assert(read_at("arena.%u.initialized", arena, &initialized, 1) == 0 && initialized);
        child_assert(act("arena.%u.destroy", arena) == 0);
        child_assert(read_at("arena.%u.initialized", arena, &initialized, 1) == 0 && !initialized);
        child_assert(create() == arena);
    }
    lunalloc_value_t value;
    char name[64];
    snprintf(name, sizeof name, "arena.%u.initialized", arena);
    child_assert(lunalloc_ctl_get(name, &value, NULL, 0) == 0 && value.v.b);
}

static void
test_destroyed_and_initialized(void **state) {
    (void)state;
    outcome_t out = in_child(initialized_ones, NULL);
    assert_child_well(&out);
    if (arenas_ndestroyed() == 0) {
        out = in_child(destroyed_ones, NULL);
        assert_child_well(&out);
    }
}

static void
test_errors(void **state) {
    (void)state;
    unsigned bad[] = {arenas_count(), 4000, 4096, UINT32_MAX}, home, mine = create();
    const char *name = NULL, *old;
    size_t len = sizeof home, max, max_len = sizeof max;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(mallctl("thread.arena", NULL, NULL, &bad[i], sizeof bad[i]), EFAULT);
    }
    assert_int_equal(mallctl("thread.arena", &home, &len, &mine, sizeof mine), 0);
    assert_int_equal(act("arena.%u.destroy", mine), EFAULT);
    assert_int_equal(mallctl("thread.arena", NULL, NULL, &home, sizeof home), 0);
    assert_int_equal(act("arena.%u.destroy", mine), 0);
    assert_int_equal(mallctl("thread.prof.name", NULL, NULL, &name, sizeof name), EFAULT);
    name = "a name\n";
    assert_int_equal(mallctl("thread.prof.name", NULL, NULL, &name, sizeof name), EFAULT);
    len = sizeof old;
    name = "a name";
    assert_int_equal(mallctl("thread.prof.name", &old, &len, &name, sizeof name), EPERM);
    assert_int_equal(mallctl("thread.prof.name", &old, &len, NULL, 0), 0);
    assert_string_equal(old, "");
    name = "a\tname";
    assert_int_equal(mallctl("thread.prof.name", NULL, NULL, &name, sizeof name), 0);
    assert_int_equal(mallctl("thread.prof.name", &old, &len, NULL, 0), 0);
    assert_string_equal(old, name);
    bool on = false, was;
    size_t flag = 1;
    assert_int_equal(mallctl("thread.tcache.flush", NULL, NULL, NULL, 0), 0);
    assert_int_equal(mallctl("thread.tcache.enabled", &was, &flag, &on, 1), 0);
    assert_int_equal(mallctl("thread.tcache.flush", NULL, NULL, NULL, 0), EFAULT);
    assert_int_equal(lunalloc_ctl_set("thread.tcache.flush", NULL, NULL, 0), 0);
    assert_int_equal(mallctl("thread.tcache.enabled", NULL, NULL, &was, 1), 0);
    assert_int_equal(mallctl("opt.max_background_threads", &max, &max_len, NULL, 0), 0);
    assert_int_equal(mallctl("max_background_threads", NULL, NULL, &max, sizeof max), 0);
    size_t more = max + 1;
    assert_int_equal(mallctl("max_background_threads", NULL, NULL, &more, sizeof more), EINVAL);
    assert_int_equal(mallctl("max_background_threads", &more, &max_len, NULL, 0), 0);
    assert_int_equal(more, max);
}

/* What a failed write was to be told with is not told. */
static void
test_old_value_of_a_refused_write(void **state) {
    (void)state;
    ssize_t old = 77, bad = -2, before;
    size_t len = sizeof old;
    assert_int_equal(mallctl("arena.0.dirty_decay_ms", &before, &len, NULL, 0), 0);
    assert_int_equal(mallctl("arena.0.dirty_decay_ms", &old, &len, &bad, sizeof bad), EFAULT);
    assert_true(old == 77 && len == sizeof old);
    unsigned arena = 77, nowhere = 4000;
    len = sizeof arena;
    assert_int_equal(mallctl("thread.arena", &arena, &len, &nowhere, sizeof nowhere), EFAULT);
    assert_int_equal(arena, 77);
    const char *word = "sometimes", *text = NULL;
    len = sizeof text;
    assert_int_equal(mallctl("arenas.junk", &text, &len, &word, sizeof word), EINVAL);
    assert_null(text);
    /* a buffer of another size than the old value's: as much of it as goes, and the new one is not taken */
    ssize_t new = before + 1;
    len = 4;
    assert_int_equal(mallctl("arena.0.dirty_decay_ms", &old, &len, &new, sizeof new), EINVAL);
    assert_int_equal(len, 4);
    assert_memory_equal(&old, &before, 4);
    len = sizeof old;
    assert_int_equal(mallctl("arena.0.dirty_decay_ms", &old, &len, NULL, 0), 0);
    assert_int_equal(old, before);
}

/* A C value from outside may be anything: every bool but 0 is true, and is given back as 1. */
static void
test_bool_of_3(void **state) {
    (void)state;
    unsigned char three = 3, old = 77;
    size_t len = 1;
    assert_int_equal(mallctl("arena.0.guard", NULL, NULL, &three, 1), 0);
    assert_int_equal(mallctl("arena.0.guard", &old, &len, &(unsigned char){0}, 1), 0);
    assert_int_equal(old, 1);
    assert_int_equal(mallctl("arena.0.guard", &old, &len, NULL, 0), 0);
    assert_int_equal(old, 0);
}

/* ---- counters of one arena ---- */

static uint64_t
counter_now(const char *pattern, unsigned index) {
    uint64_t value;
    new_epoch();
    assert_int_equal(read_at(pattern, index, &value, sizeof value), 0);
    return value;
}

/* A request is counted where its memory comes from, with a cache or without, and only if it is served. */
static void
test_requests_of_a_named_arena(void **state) {
    (void)state;
    unsigned arena = create();
    uint64_t before = counter_now("stats.arenas.%u.small.nrequests", 4096);
    void *small = mallocx(100, MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE),
         *large = mallocx(1 << 20, MALLOCX_ARENA(arena));
    assert_int_equal(counter_now("stats.arenas.%u.small.nrequests", arena), 1);
    assert_int_equal(counter_now("stats.arenas.%u.large.nrequests", arena), 1);
    void *own = mallocx(100, MALLOCX_TCACHE_NONE);
    assert_int_equal(counter_now("stats.arenas.%u.small.nrequests", 4096), before + 2);
    void *batch[10];
    assert_int_equal(lunalloc_batch_alloc(batch, 10, 100, MALLOCX_ARENA(arena)), 10);
    assert_int_equal(counter_now("stats.arenas.%u.small.nrequests", arena), 11);
    assert_null(mallocx((size_t)1 << 45, MALLOCX_ARENA(arena)));
    assert_int_equal(counter_now("stats.arenas.%u.large.nrequests", arena), 1);
    dallocx(own, 0);
    dallocx(small, 0);
    dallocx(large, 0);
    assert_int_equal(act("arena.%u.destroy", arena), 0);
}

/* An arena begins with nothing counted, whatever arena had its index before; what that one counted stays with the
 * destroyed ones. */
static void
test_used_index_begins_at_0(void **state) {
    (void)state;
    static const char *const counters[] = {"stats.arenas.%u.small.nmalloc",       "stats.arenas.%u.small.ndalloc",
                                           "stats.arenas.%u.small.nrequests",     "stats.arenas.%u.large.nmalloc",
                                           "stats.arenas.%u.lextents.20.nmalloc", "stats.arenas.%u.bins.7.nmalloc",
                                           "stats.arenas.%u.bins.7.nslabs",       "stats.arenas.%u.large.nrequests"};
    enum {
        N = sizeof counters / sizeof counters[0]
    };
    uint64_t gone[N], all[N];
    for (unsigned life = 0; life < 3; life++) {
        unsigned arena = create();
        for (unsigned i = 0; i < N; i++) {
            assert_int_equal(counter_now(counters[i], arena), 0);
        }
        for (unsigned i = 0; i < 5; i++) {
            assert_non_null(mallocx(sc.size[7], MALLOCX_ARENA(arena)));
            assert_non_null(mallocx(sc.size[sc.nsmall + 20], MALLOCX_ARENA(arena)));
        }
        assert_int_equal(counter_now("stats.arenas.%u.small.nmalloc", arena), 5);
        assert_int_equal(counter_now("stats.arenas.%u.bins.7.nmalloc", arena), 5);
        assert_int_equal(counter_now("stats.arenas.%u.lextents.20.nrequests", arena), 5);
        assert_int_equal(counter_now("stats.arenas.%u.bins.7.curregs", arena), 5);
        lunalloc_class_stats_t class;
        assert_int_equal(lunalloc_class_stats(arena, 7, &class), 0);
        assert_true(class.nmalloc == 5 && class.nrequests == 5);
        assert_int_equal(act("arena.%u.destroy", arena), 0);
        for (unsigned i = 0; i < N; i++) {
            uint64_t now = counter_now(counters[i], 4097), of_all = counter_now(counters[i], 4096);
            assert_true(life == 0 || (now > gone[i] && of_all >= all[i] + now - gone[i]));
            gone[i] = now;
            all[i] = of_all;
        }
        assert_int_equal(create(), arena); /* the counts of the destroyed ones stay while another one has the index */
        for (unsigned i = 0; i < N; i++) {
            lunalloc_value_t value;
            char name[64];
            snprintf(name, sizeof name, counters[i], 4097);
            assert_int_equal(counter_now(counters[i], 4097), gone[i]);
            assert_int_equal(lunalloc_ctl_get(name, &value, NULL, 0), 0);
            assert_int_equal(value.v.u, gone[i]);
        }
        assert_int_equal(act("arena.%u.destroy", arena), 0);
    }
}

static void
test_grow_limit_of_one_arena(void **state) {
    (void)state;
    unsigned one = create(), other = create();
    size_t limit = 5 * sc.page / 2, before = counter_now("arena.%u.retain_grow_limit", other);
    char name[64];
    snprintf(name, sizeof name, "arena.%u.retain_grow_limit", one);
    assert_int_equal(mallctl(name, NULL, NULL, &limit, sizeof limit), 0);
    assert_int_equal(counter_now("arena.%u.retain_grow_limit", one), 2 * sc.page);
    assert_int_equal(counter_now("arena.%u.retain_grow_limit", other), before);
    limit = 4095;
    assert_int_equal(mallctl(name, NULL, NULL, &limit, sizeof limit), EFAULT);
    assert_int_equal(counter_now("arena.%u.retain_grow_limit", one), 2 * sc.page);
    assert_int_equal(act("arena.%u.destroy", one), 0);
    assert_int_equal(create(), one);
    assert_int_equal(counter_now("arena.%u.retain_grow_limit", one), before);
    assert_int_equal(act("arena.%u.destroy", one), 0);
    assert_int_equal(act("arena.%u.destroy", other), 0);
}

static void
test_opt_narenas_is_in_force(void **state) {
    (void)state;
    unsigned opt, nauto;
    size_t len = sizeof opt;
    assert_int_equal(mallctl("opt.narenas", &opt, &len, NULL, 0), 0);
    assert_int_equal(mallctl("arenas.nauto", &nauto, &len, NULL, 0), 0);
    assert_true(opt > 0);
    assert_int_equal(opt, nauto);
}

/* Nothing of the application's is called: this says so. */
static void
test_no_hooks_of_calls(void **state) {
    (void)state;
    void *functions[4] = {NULL}, *handle = functions;
    size_t len = sizeof handle;
    assert_int_equal(mallctl("experimental.hooks.install", &handle, &len, functions, sizeof functions), ENOENT);
    assert_int_equal(mallctl("experimental.hooks.remove", NULL, NULL, &handle, sizeof handle), ENOENT);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_destroyed_and_initialized),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_access),
        cmocka_unit_test(test_indices),
        cmocka_unit_test(test_mibs),
        cmocka_unit_test(test_arenas_create_with_hooks),
        cmocka_unit_test(test_arenas_lookup),
        cmocka_unit_test(test_utilization),
        cmocka_unit_test(test_arena_name),
        cmocka_unit_test(test_dss),
        cmocka_unit_test(test_number_of_arenas_means_all),
        cmocka_unit_test(test_arenas_that_are_none),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_old_value_of_a_refused_write),
        cmocka_unit_test(test_bool_of_3),
        cmocka_unit_test(test_requests_of_a_named_arena),
        cmocka_unit_test(test_used_index_begins_at_0),
        cmocka_unit_test(test_grow_limit_of_one_arena),
        cmocka_unit_test(test_opt_narenas_is_in_force),
        cmocka_unit_test(test_no_hooks_of_calls),
    };
    return cmocka_run_group_tests_name("jemalloc", tests, boot_allocator, NULL);
}
