/*
 * jemalloc_test.c -- every control name of jemalloc 5.3 (jemalloc-names.tsv): type, access, error codes, sizes of old
 * and new values. tests/programs/jemalloc.sh asks a jemalloc that is installed the same.
 */
#include "../api/support.h"
#include "arena/arenas.h"

#include <errno.h>

#define NAMES "tests/control/jemalloc-names.tsv"

/* Subtrees that do not answer yet. */
static const char *const missing[] = {"opt.stats", "stats.", NULL};

typedef struct {
    char name[96], access[8], ctype[120];
} fact_t;

typedef void visit_t(const fact_t *fact);

static bool
is_missing(const char *name) {
    for (const char *const *m = missing; *m != NULL; m++) {
        if (strncmp(name, *m, strlen(*m)) == 0) {
            return true;
        }
    }
    return false;
}

static unsigned
for_each_fact(visit_t *visit) {
    FILE *file = fopen(NAMES, "r");
    char line[512];
    unsigned n = 0;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        fact_t fact;
        if (line[0] != '#' && sscanf(line, "%95[^\t]\t%7[^\t]\t%119[^\t]", fact.name, fact.access, fact.ctype) == 3 &&
            strcmp(fact.name, "name") != 0 && !is_missing(fact.name)) {
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

/* Reads with room for `size` bytes; the bytes after it must stay. With an error, all must. */
static int
read_size(const char *name, size_t size) {
    buffer_t buffer;
    size_t len = size;
    memset(&buffer, 0x5a, sizeof buffer);
    int error = mallctl(name, &buffer, &len, NULL, 0);
    for (size_t i = error == 0 ? size : 0; i < sizeof buffer; i++) {
        if (buffer.bytes[i] != 0x5a) {
            fail_msg("%s with room for %zu wrote byte %zu, error %d", name, size, i, error);
        }
    }
    return error;
}

static void
expect(const char *name, const char *what, int error, int expected) {
    if (error != expected) {
        fail_msg("%s, %s: error %d, not %d", name, what, error, expected);
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
    for (size_t size = 0; size <= 32; size++) {
        expect(name, "read", read_size(name, size), size == right ? 0 : EINVAL);
    }
}

static void
refuses_what_it_is_not_for(const fact_t *fact) {
    char name[96];
    lunalloc_row_t row;
    uint64_t value[4] = {0};
    at_zero(fact->name, name);
    assert_int_equal(lunalloc_ctl_describe(fact->name, &row), 0);
    if (row.access[0] != 'r') {
        expect(name, "read", read_size(name, 8), EPERM);
    }
    if (row.access[1] != 'w') {
        expect(name, "write", mallctl(name, NULL, NULL, value, 8), EPERM);
        expect(name, "write without a value", mallctl(name, NULL, NULL, NULL, 8), EPERM);
    }
    if (row.access[1] == 'w') {
        expect(name, "write of 3 bytes", mallctl(name, NULL, NULL, value, 3), EINVAL);
        expect(name, "write of nothing", mallctl(name, NULL, NULL, NULL, 8), EINVAL);
    }
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
    static const char *const bad[] = {"999999", "99999999999999999999", "-1", "", "x", "4097"};
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

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),          cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_access),        cmocka_unit_test(test_indices),
        cmocka_unit_test(test_mibs),          cmocka_unit_test(test_arenas_create_with_hooks),
        cmocka_unit_test(test_arenas_lookup), cmocka_unit_test(test_utilization),
        cmocka_unit_test(test_arena_name),    cmocka_unit_test(test_dss),
    };
    return cmocka_run_group_tests_name("jemalloc", tests, boot_allocator, NULL);
}
