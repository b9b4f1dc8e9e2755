/* process_test.c -- mappings; quotas of control groups of both versions, in folders that stand for the mounts. */
#include "../base/testing.h"

#include "os/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- mappings ---- */

typedef struct {
    size_t lines, bytes, odd;
} mappings_t;

static void
add_mapping(const char *text, void *context) {
    mappings_t *sum = context;
    unsigned long start, limit;
    char permissions[5];
    sum->lines++;
    sum->bytes += strlen(text);
    sum->odd += sscanf(text, "%lx-%lx %4s ", &start, &limit, permissions) != 3 || start >= limit;
}

/* Whatever the buffer, lines are whole. */
static void
test_mappings_by_small_pieces(void **state) {
    (void)state;
    static char small[600], large[1 << 16];
    mappings_t by_small = {0}, by_large = {0};
    process_mappings(small, sizeof small, add_mapping, &by_small);
    process_mappings(large, sizeof large, add_mapping, &by_large);
    assert_true(by_large.lines > 10);
    assert_int_equal(by_large.odd, 0);
    assert_memory_equal(&by_small, &by_large, sizeof by_small);
}

/* ---- control groups ---- */

static char mount[64];

static void
make_folder(const char *name) {
    char path[300];
    snprintf(path, sizeof path, "%s%s", mount, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void
put(const char *name, const char *text) {
    char path[300];
    snprintf(path, sizeof path, "%s%s", mount, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int
begin(void **state) {
    (void)state;
    snprintf(mount, sizeof mount, "/tmp/lunalloc-cgroup-XXXXXX");
    return mkdtemp(mount) == NULL;
}

static int
end(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", mount);
    return system(command);
}

static void
test_version_2(void **state) {
    (void)state;
    make_folder("/a");
    make_folder("/a/b");
    assert_int_equal(cgroup_ncpus("0::/a/b\n", mount), CGROUP_UNLIMITED);
    put("/a/b/cpu.max", "max 100000\n");
    assert_int_equal(cgroup_ncpus("0::/a/b\n", mount), CGROUP_UNLIMITED);
    put("/a/b/cpu.max", "400000 100000\n");
    assert_int_equal(cgroup_ncpus("0::/a/b\n", mount), 4);
    put("/a/b/cpu.max", "150000 100000\n");
    assert_int_equal(cgroup_ncpus("0::/a/b\n", mount), 2);
    put("/a/b/cpu.max", "1000 100000\n");
    assert_int_equal(cgroup_ncpus("0::/a/b", mount), 1);
}

static void
test_least_of_those_above(void **state) {
    (void)state;
    make_folder("/a");
    make_folder("/a/b");
    put("/a/b/cpu.max", "800000 100000\n");
    put("/a/cpu.max", "300000 100000\n");
    assert_int_equal(cgroup_ncpus("0::/a/b\n", mount), 3);
    put("/a/cpu.max", "max 100000\n");
    put("/cpu.max", "500000 100000\n");
    assert_int_equal(cgroup_ncpus("0::/a/b\n", mount), 5);
    assert_int_equal(cgroup_ncpus("0::/\n", mount), 5);
    assert_int_equal(cgroup_ncpus("0::/not/seen/here\n", mount), 5);
}

static void
test_version_1(void **state) {
    (void)state;
    static const char membership[] = "12:memory:/a\n4:cpu,cpuacct:/a\n3:cpuset:/a\n0::/\n";
    make_folder("/cpu,cpuacct");
    make_folder("/cpu,cpuacct/a");
    make_folder("/cpuset");
    make_folder("/cpuset/a");
    put("/cpuset/a/cpu.cfs_quota_us", "100000\n");
    put("/cpuset/a/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cgroup_ncpus(membership, mount), CGROUP_UNLIMITED);
    put("/cpu,cpuacct/a/cpu.cfs_period_us", "50000\n");
    put("/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(cgroup_ncpus(membership, mount), CGROUP_UNLIMITED);
    put("/cpu,cpuacct/a/cpu.cfs_quota_us", "125000\n");
    assert_int_equal(cgroup_ncpus(membership, mount), 3);
}

/* Whatever it says, it is read without harm. */
static void
test_bad_text(void **state) {
    (void)state;
    static const char *const texts[] = {"", "\n", ":", "0:", "0::", "1:cpu", "1:cpu:", ":::::", "0::/\n\n\n", "x"};
    char all[2000];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(cgroup_ncpus(texts[i], mount), CGROUP_UNLIMITED);
    }
    memset(all, '/', sizeof all);
    memcpy(all, "0::", 3);
    all[sizeof all - 1] = '\0';
    cgroup_ncpus(all, mount);
    put("/cpu.max", "100000");
    assert_int_equal(cgroup_ncpus("0::/\n", mount), CGROUP_UNLIMITED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mappings_by_small_pieces),
        TEST(test_version_2),
        TEST(test_least_of_those_above),
        TEST(test_version_1),
        TEST(test_bad_text),
    };
    return cmocka_run_group_tests_name("os/process", tests, NULL, NULL);
}
