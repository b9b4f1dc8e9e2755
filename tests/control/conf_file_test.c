/* conf_file_test.c -- configuration in a file: its lines and comments, any length, the link instead. */
#include "conf.h"

#include <sys/stat.h>

/* Not the machine's own: this name, in the current folder. */
extern const char system_config_path[];
const char system_config_path[] = "lunalloc-test.conf";

static char home[4096];
static char folder[] = "/tmp/lunalloc-conf-XXXXXX";

static int
enter_folder(void **state) {
    (void)state;
    return getcwd(home, sizeof home) == NULL || mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int
leave_folder(void **state) {
    (void)state;
    unlink(system_config_path);
    return chdir(home) != 0 || rmdir(folder) != 0;
}

static void
assert_conf_file(const char *names, const char *expected) {
    assert_conf(NULL, names, expected);
    unlink(system_config_path);
}

static void
write_conf_file(const char *text, size_t len) {
    FILE *file = fopen(system_config_path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    fclose(file);
}

static void
test_conf_file(void **state) {
    (void)state;
    static const char text[] = "# the machine's\n\nnarenas:3\r\n  dirty_decay_ms:500 # half a second, or so\n"
                               "tcache_bytes:4K,prof_prefix:/tmp/a#b,muzzy_decay_ms:7\n#narenas:9\n,\nthp:never#";
    write_conf_file(text, sizeof text - 1);
    assert_conf_file("opt.narenas opt.dirty_decay_ms opt.tcache_bytes opt.prof_prefix opt.muzzy_decay_ms opt.thp",
                     "lunalloc: lunalloc-test.conf: 'thp:never#' allowed: default, always, never\n"
                     "opt.narenas=3(file)\nopt.dirty_decay_ms=500(file)\nopt.tcache_bytes=4096(file)\n"
                     "opt.prof_prefix=/tmp/a#b(file)\nopt.muzzy_decay_ms=7(file)\nopt.thp=default(default)\n");
    write_conf_file("narenas:2", 9);
    assert_conf("muzzy_decay_ms:8", "opt.narenas opt.muzzy_decay_ms",
                "opt.narenas=2(file)\nopt.muzzy_decay_ms=8(environment)\n");
    write_conf_file("", 0);
    assert_conf_file("opt.quarantine", "opt.quarantine=0(default)\n");
}

/* Of any length: a page to the byte, and what begins before the 4,096th byte and ends behind it. */
static void
test_conf_file_of_any_length(void **state) {
    (void)state;
    static const size_t before[] = {4074, 4075, 4090, 8192 - 21, 100000};
    static char text[110000];
    for (unsigned i = 0; i < sizeof before / sizeof before[0]; i++) {
        memset(text, '#', before[i]);
        strcpy(text + before[i], "\ndirty_decay_ms:12000");
        write_conf_file(text, strlen(text));
        assert_conf_file("opt.dirty_decay_ms", "opt.dirty_decay_ms=12000(file)\n");
    }
}

/* A link's target is the text itself. */
static void
test_conf_link(void **state) {
    (void)state;
    assert_int_equal(symlink("narenas:3,dirty_decay_ms:0x10", system_config_path), 0);
    assert_conf_file("opt.narenas opt.dirty_decay_ms", "opt.narenas=3(file)\nopt.dirty_decay_ms=16(file)\n");
    static char target[4000];
    memset(target, ',', sizeof target - 1);
    memcpy(target + sizeof target - 1 - 9, "narenas:5", 9);
    assert_int_equal(symlink(target, system_config_path), 0);
    assert_conf_file("opt.narenas", "opt.narenas=5(file)\n");
}

/* Nothing else there is read, and nothing waits. */
static void
test_conf_file_that_is_none(void **state) {
    (void)state;
    assert_int_equal(mkfifo(system_config_path, 0600), 0);
    assert_conf_file("opt.quarantine", "opt.quarantine=0(default)\n");
    assert_int_equal(mkdir(system_config_path, 0700), 0);
    assert_conf(NULL, "opt.quarantine", "opt.quarantine=0(default)\n");
    rmdir(system_config_path);
}

/* All of it is shown. */
static void
test_confirm_conf_file(void **state) {
    (void)state;
    static char text[3000] = "confirm_conf:true\n#";
    memset(text + strlen(text), 'x', 2000);
    strcat(text, "end\n");
    write_conf_file(text, strlen(text));
    outcome_t out = in_new_process("version", "LUNALLOC_CONF", NULL);
    unlink(system_config_path);
    assert_child_well(&out);
    assert_non_null(strstr(out.text, "lunalloc: lunalloc-test.conf: \"confirm_conf:true\n#xxx"));
    assert_non_null(strstr(out.text, "xxxend\n\"\nversion="));
}

int
main(int argc, char **argv) {
    if (argc > 1) {
        return report(argv[1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conf_file),         cmocka_unit_test(test_conf_file_of_any_length),
        cmocka_unit_test(test_conf_link),         cmocka_unit_test(test_conf_file_that_is_none),
        cmocka_unit_test(test_confirm_conf_file),
    };
    return cmocka_run_group_tests_name("conf_file", tests, enter_folder, leave_folder);
}
