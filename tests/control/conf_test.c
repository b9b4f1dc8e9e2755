/*
 * conf_test.c -- configuration at start. This program runs itself again with LUNALLOC_CONF set and an argument; the new
 * process reports what became of the options, the parent asserts that and what was said on standard error.
 */
#include "../api/support.h"
#include "control/conf.h"

#include <errno.h>

/* An application's own setting; weaker than the environment. */
extern const char *lunalloc_conf;
__attribute__((visibility("default"))) const char *lunalloc_conf = "tcache_nslots:32,dirty_max:1M,slab_sizes:129-160:4";

/* What the ends of a block hold before it is written to, and after it is freed. */
static void
report_contents(void) {
    volatile unsigned char *ptr = lunalloc_malloc(1536);
    dprintf(STDERR_FILENO, "fresh %02x %02x", ptr[0], ptr[1535]);
    lunalloc_free((void *)ptr);
    dprintf(STDERR_FILENO, " freed %02x %02x\n", ptr[0], ptr[1535]);
}

/* Prints the argument "name name ..." as "name=value(source)" lines, and "contents" as contents. */
static int
report(char *names) {
    for (char *name = strtok(names, " "); name != NULL; name = strtok(NULL, " ")) {
        lunalloc_value_t value;
        const char *source;
        if (strcmp(name, "contents") == 0) {
            report_contents();
            continue;
        }
        if (lunalloc_ctl_get(name, &value, NULL, 0) != 0 || lunalloc_ctl_source(name, &source) != 0) {
            return 1;
        }
        if (value.type == LUNALLOC_STRING) {
            dprintf(STDERR_FILENO, "%s=%s(%s)\n", name, value.v.s, source);
            continue;
        }
        long long number = value.type == LUNALLOC_BOOL ? value.v.b : (long long)value.v.i;
        dprintf(STDERR_FILENO, "%s=%lld(%s)\n", name, number, source);
    }
    return 0;
}

/* With this configuration, the options read so, after these complaints: `expected` is all of standard error. */
static void
assert_conf(const char *conf, const char *names, const char *expected) {
    outcome_t out = in_new_process(names, "LUNALLOC_CONF", conf);
    assert_child_well(&out);
    assert_string_equal(out.text, expected);
}

static void
test_good(void **state) {
    (void)state;
    assert_conf("narenas:3", "opt.narenas arenas.narenas",
                "opt.narenas=3(environment)\narenas.narenas=3(environment)\n");
    assert_conf("dirty_decay_ms:10s,muzzy_decay_ms:-1",
                "opt.dirty_decay_ms arena.0.dirty_decay_ms arena.0.muzzy_decay_ms",
                "opt.dirty_decay_ms=10000(environment)\narena.0.dirty_decay_ms=10000(environment)\n"
                "arena.0.muzzy_decay_ms=-1(environment)\n");
    assert_conf("tcache:false", "opt.tcache thread.tcache.enabled",
                "opt.tcache=0(environment)\nthread.tcache.enabled=0(default)\n");
    assert_conf("tcache_max:16K,lg_quantum:3", "opt.tcache_max arenas.quantum arenas.bin.2.size",
                "opt.tcache_max=16384(environment)\narenas.quantum=8(default)\narenas.bin.2.size=24(default)\n");
}

static void
test_thp_by_conf(void **state) {
    (void)state;
    assert_conf(NULL, "opt.thp arena.0.thp", "opt.thp=default(default)\narena.0.thp=default(default)\n");
    assert_conf("thp:always", "opt.thp arena.0.thp", "opt.thp=always(environment)\narena.0.thp=always(environment)\n");
    assert_conf("thp:never,thp:sometimes", "arena.0.thp",
                "lunalloc: LUNALLOC_CONF: 'thp:sometimes' allowed: default, always, never\n"
                "arena.0.thp=never(environment)\n");
}

/* Blanks, empty pairs, and the order of equal names: the last one wins. */
static void
test_forms(void **state) {
    (void)state;
    assert_conf("", "opt.narenas", "opt.narenas=0(default)\n");
    assert_conf(" , ,,\t narenas : 2 ,\n", "opt.narenas", "opt.narenas=2(environment)\n");
    assert_conf("narenas:2,narenas:5", "opt.narenas", "opt.narenas=5(environment)\n");
    assert_conf(NULL, "opt.narenas", "opt.narenas=0(default)\n");
}

/* The environment wins over the application's symbol, which wins over the default. */
static void
test_sources(void **state) {
    (void)state;
    assert_conf(NULL, "opt.tcache_nslots opt.dirty_max opt.narenas",
                "opt.tcache_nslots=32(symbol)\nopt.dirty_max=1048576(symbol)\nopt.narenas=0(default)\n");
    assert_conf(
        "tcache_nslots:64", "opt.tcache_nslots arenas.tcache_nslots opt.dirty_max",
        "opt.tcache_nslots=64(environment)\narenas.tcache_nslots=64(environment)\nopt.dirty_max=1048576(symbol)\n");
}

/* Lines of a text that hold a word. */
static unsigned
lines_with(const char *text, const char *word) {
    unsigned n = 0;
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        const char *found = strstr(line, word);
        n += found != NULL && found < strchr(line, '\n');
    }
    return n;
}

/* A bad pair: one line that names it and says `because`; the good pair after it still applies. */
static void
assert_bad(const char *pair, const char *because) {
    char conf[512];
    snprintf(conf, sizeof conf, "%s,narenas:7", pair);
    outcome_t out = in_new_process("opt.narenas", "LUNALLOC_CONF", conf);
    assert_child_well(&out);
    if (lines_with(out.text, "lunalloc: LUNALLOC_CONF: '") != 1 || lines_with(out.text, "") != 2 ||
        lines_with(out.text, because) != 1 || lines_with(out.text, "opt.narenas=7(environment)") != 1) {
        fail_msg("LUNALLOC_CONF='%s' gave: %s", conf, out.text);
    }
}

static void
test_bad(void **state) {
    (void)state;
    assert_bad("naernas:4", "did you mean 'narenas'?");
    assert_bad("dirty_decay:4", "did you mean 'dirty_decay_ms'?");
    assert_bad("zzzzzzzzzzzzzzz:4", "'zzzzzzzzzzzzzzz' is no option");
    assert_bad("narenas", "'narenas' is no pair; allowed: name:value");
    assert_bad("narenas:", "'narenas:' is not a number");
    assert_bad(":4", "is no option");
    assert_bad("narenas:-1", "is out of range; allowed: a number from 0 to 256");
    assert_bad("narenas:257", "is out of range; allowed: a number from 0 to 256");
    assert_bad("narenas:many", "'narenas:many' is not a number");
    assert_bad("tcache:perhaps", "true or false");
    assert_bad("lg_quantum:5", "a number from 3 to 4");
    assert_bad("dirty_decay_ms:-2", "out of range");
    assert_bad("narenas=4", "is no pair");
    assert_bad("opt.narenas:4", "is no option");
}

static void
test_many_bad(void **state) {
    (void)state;
    outcome_t out = in_new_process("opt.narenas", "LUNALLOC_CONF", "a:1,b:2,narenas:3,c,tcache:x");
    assert_child_well(&out);
    assert_int_equal(lines_with(out.text, "lunalloc: LUNALLOC_CONF: "), 4);
    assert_int_equal(lines_with(out.text, "opt.narenas=3"), 1);
}

/* A pair of 10 000 bytes is one line, cut, and does no harm. */
static void
test_long_pair(void **state) {
    (void)state;
    char *conf = malloc(10100);
    assert_non_null(conf);
    memset(conf, 'y', 10000);
    for (unsigned k = 0; k < 2; k++) {
        strcpy(conf + 10000, k == 0 ? ":1,narenas:7" : ",narenas:7");
        outcome_t out = in_new_process("opt.narenas", "LUNALLOC_CONF", conf);
        assert_child_well(&out);
        assert_int_equal(lines_with(out.text, ""), 2);
        assert_int_equal(lines_with(out.text, "opt.narenas=7(environment)"), 1);
    }
    free(conf);
}

/* With abort_conf a bad pair ends the process, after all complaints; a good string does not. */
static void
test_abort_conf(void **state) {
    (void)state;
    const char *const fatal[] = {"abort_conf:true,x:1", "x:1,abort_conf:true"};
    for (unsigned i = 0; i < 2; i++) {
        outcome_t out = in_new_process("opt.narenas", "LUNALLOC_CONF", fatal[i]);
        assert_misuse(&out, "'x' is no option");
    }
    assert_conf("abort_conf:true,narenas:2", "opt.narenas", "opt.narenas=2(environment)\n");
}

/* ---- jemalloc's settings ---- */

/* Under jemalloc's variable: the options read so, after these complaints. */
static void
assert_malloc_conf(const char *conf, const char *names, const char *expected) {
    outcome_t out = in_new_process(names, "MALLOC_CONF", conf);
    assert_child_well(&out);
    assert_string_equal(out.text, expected);
}

static void
test_malloc_conf(void **state) {
    (void)state;
    assert_malloc_conf("dirty_decay_ms:-1,narenas:2", "opt.dirty_decay_ms opt.narenas",
                       "opt.dirty_decay_ms=-1(environment)\nopt.narenas=2(environment)\n");
    assert_malloc_conf("narenas:default,tcache_max:8388608", "opt.narenas opt.tcache_max",
                       "opt.narenas=0(environment)\nopt.tcache_max=65536(environment)\n");
    assert_malloc_conf("dirty_decay_ms:-5,lg_quantum:60", "opt.dirty_decay_ms opt.lg_quantum",
                       "opt.dirty_decay_ms=-1(environment)\nopt.lg_quantum=4(environment)\n");
    assert_malloc_conf("no_such_thing:1,narenas:2", "opt.narenas",
                       "lunalloc: MALLOC_CONF: 'no_such_thing' is no option\nopt.narenas=2(environment)\n");
    assert_malloc_conf(
        "percpu_arena:cpu,junk:maybe", "opt.junk",
        "lunalloc: MALLOC_CONF: 'percpu_arena:cpu' allowed: disabled, percpu, phycpu\n"
        "lunalloc: MALLOC_CONF: 'junk:maybe' allowed: false, true, alloc, free\nopt.junk=false(default)\n");
}

static void
test_modes_by_conf(void **state) {
    (void)state;
    assert_conf("junk:true", "contents opt.junk arenas.junk opt.zero",
                "fresh a5 a5 freed 5a 5a\nopt.junk=true(environment)\narenas.junk=true(environment)\n"
                "opt.zero=0(default)\n");
    assert_conf("junk:alloc", "contents", "fresh a5 a5 freed a5 a5\n");
    assert_conf("junk:free", "contents", "fresh 00 00 freed 5a 5a\n");
    assert_conf("junk:true,zero:true", "contents opt.zero arenas.zero",
                "fresh 00 00 freed 5a 5a\nopt.zero=1(environment)\narenas.zero=1(environment)\n");
    assert_conf("junk:true,junk:false", "contents arenas.junk",
                "fresh 00 00 freed 00 00\narenas.junk=false(environment)\n");
    assert_conf("quarantine:64K", "contents opt.quarantine arenas.quarantine",
                "fresh 00 00 freed 5a 5a\nopt.quarantine=65536(environment)\narenas.quarantine=65536(environment)\n");
    assert_malloc_conf("junk:alloc", "contents opt.junk", "fresh a5 a5 freed a5 a5\nopt.junk=alloc(environment)\n");
    assert_conf("junk:maybe,quarantine:-1", "opt.junk opt.quarantine",
                "lunalloc: LUNALLOC_CONF: 'junk:maybe' allowed: false, true, alloc, free\n"
                "lunalloc: LUNALLOC_CONF: 'quarantine:-1' is out of range; allowed: a number from 0 to "
                "1099511627776, with K, M, G or T for bytes\n"
                "opt.junk=false(default)\nopt.quarantine=0(default)\n");
}

/* What has no meaning here is taken without a word, and reads as it did. */
static void
test_neutral_conf(void **state) {
    (void)state;
    assert_malloc_conf(
        "hpa:true,hpa_dirty_mult:0.25,hpa_sec_nshards:8,metadata_thp:auto,percpu_arena:phycpu,dss:primary,"
        "retain:false,mutex_max_spin:600,oversize_threshold:8388608,zero_realloc:abort,xmalloc:true,"
        "tcache_nslots_small_max:100,lg_extent_max_active_fit:4,cache_oblivious:false,"
        "lg_san_uaf_align:-1,utrace:true,trust_madvise:true,experimental_infallible_new:true",
        "opt.hpa opt.percpu_arena opt.retain",
        "opt.hpa=0(environment)\nopt.percpu_arena=disabled(environment)\nopt.retain=1(environment)\n");
}

static void
test_confirm_conf(void **state) {
    (void)state;
    assert_malloc_conf("confirm_conf:true", "opt.confirm_conf",
                       "lunalloc: lunalloc_conf: \"tcache_nslots:32,dirty_max:1M,slab_sizes:129-160:4\"\n"
                       "lunalloc: MALLOC_CONF: \"confirm_conf:true\"\nopt.confirm_conf=1(environment)\n");
}

/* Each option takes the value that it reads as when nothing is configured. */
static void
test_every_option_takes_its_default(void **state) {
    (void)state;
    for (size_t i = 0; i < ctl_nrows; i++) {
        const ctl_row_t *row = &ctl_rows[i];
        if (strncmp(row->name, "opt.", 4) == 0 && row->fallback[0] != '\0') {
            char conf[128];
            snprintf(conf, sizeof conf, "%s:%s", row->name + 4, row->fallback);
            outcome_t out = in_new_process("version", "MALLOC_CONF", conf);
            assert_child_well(&out);
            assert_string_equal(out.text, "version=" LUNALLOC_VERSION "(default)\n");
        }
    }
}

/* ---- slab_sizes ---- */

/* Classes 0 .. 9 are 8, 16, 32, 48, 64, 80, 96, 112, 128, 160 bytes; pages are 4096 bytes. What a class cannot have is
 * made as near to it as it can: 512 regions of 8 bytes fill one page. */
static void
test_slab_sizes_by_conf(void **state) {
    (void)state;
    if (sysconf(_SC_PAGESIZE) != 4096) {
        skip();
    }
    assert_conf("slab_sizes:1-16:2|17-128:4",
                "opt.slab_sizes arenas.bin.0.slab_size arenas.bin.1.slab_size "
                "arenas.bin.2.slab_size arenas.bin.8.slab_size arenas.bin.8.nregs",
                "opt.slab_sizes=1-16:2|17-128:4(environment)\narenas.bin.0.slab_size=4096(environment)\n"
                "arenas.bin.1.slab_size=8192(environment)\narenas.bin.2.slab_size=16384(environment)\n"
                "arenas.bin.8.slab_size=16384(environment)\narenas.bin.8.nregs=128(default)\n");
    assert_conf("slab_sizes:1-14336:1000", "arenas.bin.0.slab_size arenas.bin.2.slab_size",
                "arenas.bin.0.slab_size=4096(environment)\narenas.bin.2.slab_size=16384(environment)\n");
    assert_conf("slab_sizes:14336-14336:1,narenas:3", "arenas.narenas arenas.bin.35.size arenas.bin.35.slab_size",
                "arenas.narenas=3(environment)\narenas.bin.35.size=14336(default)\n"
                "arenas.bin.35.slab_size=16384(environment)\n");
    assert_conf("slab_sizes:33-33:3|48-48:5|40-41:4", "arenas.bin.3.slab_size",
                "arenas.bin.3.slab_size=16384(environment)\n");
    assert_conf("slab_sizes:", "opt.slab_sizes", "opt.slab_sizes=(environment)\n");
}

/* Class by class: only what the option names comes from where the option came from. */
static void
test_slab_sizes_source(void **state) {
    (void)state;
    if (sysconf(_SC_PAGESIZE) != 4096) {
        skip();
    }
    assert_conf("slab_sizes:17-32:3", "arenas.bin.1.slab_size arenas.bin.2.slab_size arenas.bin.9.slab_size",
                "arenas.bin.1.slab_size=8192(default)\narenas.bin.2.slab_size=12288(environment)\n"
                "arenas.bin.9.slab_size=8192(default)\n");
    assert_conf(NULL, "arenas.bin.2.slab_size arenas.bin.9.slab_size",
                "arenas.bin.2.slab_size=8192(default)\narenas.bin.9.slab_size=16384(symbol)\n");
}

/* Sizes that slabs do not serve are left out, as jemalloc does: its strings are accepted. */
static void
test_bin_shards_by_conf(void **state) {
    (void)state;
    if (sysconf(_SC_PAGESIZE) != 4096) {
        skip();
    }
    assert_conf("bin_shards:1-16:2|17-128:64,narenas:3",
                "opt.bin_shards opt.narenas arenas.bin.0.nshards arenas.bin.1.nshards arenas.bin.2.nshards "
                "arenas.bin.8.nshards arenas.bin.9.nshards",
                "opt.bin_shards=1-16:2|17-128:64(environment)\nopt.narenas=3(environment)\n"
                "arenas.bin.0.nshards=2(environment)\narenas.bin.1.nshards=2(environment)\n"
                "arenas.bin.2.nshards=64(environment)\narenas.bin.8.nshards=64(environment)\n"
                "arenas.bin.9.nshards=1(default)\n");
    assert_conf("bin_shards:0-8:3|14000-99999:5|20000-30000:6",
                "arenas.bin.0.nshards arenas.bin.1.nshards "
                "arenas.bin.34.nshards arenas.bin.35.nshards",
                "arenas.bin.0.nshards=3(environment)\narenas.bin.1.nshards=1(default)\n"
                "arenas.bin.34.nshards=1(default)\narenas.bin.35.nshards=5(environment)\n");
    outcome_t out = in_new_process("arenas.bin.1.nshards", "MALLOC_CONF", "bin_shards:1-160:16|129-512:4|256-256:8");
    assert_child_well(&out);
    assert_string_equal(out.text, "arenas.bin.1.nshards=16(environment)\n");
}

static void
assert_bad_shards(const char *piece, const char *because) {
    char conf[512];
    snprintf(conf, sizeof conf, "bin_shards:17-32:3|%s|33-48:5", piece);
    outcome_t out = in_new_process("arenas.bin.2.nshards arenas.bin.3.nshards", "LUNALLOC_CONF", conf);
    assert_child_well(&out);
    if (lines_with(out.text, "") != 3 || lines_with(out.text, because) != 1 ||
        lines_with(out.text, "lunalloc: bin_shards: '") != 1 ||
        lines_with(out.text, "; allowed: from-to:shards, with 1 <= from <= to <= 14336 bytes and 1 to 64 shards") !=
            1 ||
        lines_with(out.text, "bin.2.nshards=3") != 1 || lines_with(out.text, "bin.3.nshards=5") != 1) {
        fail_msg("LUNALLOC_CONF='%s' gave: %s", conf, out.text);
    }
}

static void
test_bad_bin_shards(void **state) {
    (void)state;
    if (sysconf(_SC_PAGESIZE) != 4096) {
        skip();
    }
    assert_bad_shards("64-80", "'64-80' is no number of shards");
    assert_bad_shards("80-64:4", "'80-64:4' ends before it begins");
    assert_bad_shards("64-80:0", "'64-80:0' has no shards");
    assert_bad_shards("64-80:65", "'64-80:65' has too many shards");
    outcome_t out = in_new_process("opt.narenas", "LUNALLOC_CONF", "abort_conf:true,bin_shards:1-8:0");
    assert_misuse(&out, "'1-8:0' has no shards");
}

/* A bad piece is one line; the pieces around it apply. */
static void
assert_bad_piece(const char *piece, const char *because) {
    char conf[512];
    snprintf(conf, sizeof conf, "slab_sizes:17-32:3|%s|33-48:5", piece);
    outcome_t out = in_new_process("arenas.bin.2.slab_size arenas.bin.3.slab_size", "LUNALLOC_CONF", conf);
    assert_child_well(&out);
    if (lines_with(out.text, "") != 3 || lines_with(out.text, because) != 1 ||
        lines_with(out.text, "lunalloc: slab_sizes: '") != 1 || lines_with(out.text, "; allowed: from-to:pages") != 1 ||
        lines_with(out.text, "bin.2.slab_size=12288") != 1 || lines_with(out.text, "bin.3.slab_size=20480") != 1) {
        fail_msg("LUNALLOC_CONF='%s' gave: %s", conf, out.text);
    }
}

static void
test_bad_slab_sizes(void **state) {
    (void)state;
    if (sysconf(_SC_PAGESIZE) != 4096) {
        skip();
    }
    static const char *const unreadable[] = {
        "x",        "64",       "64-",       "64-80",    "64-80:", "64:4",   "-80:4",
        "64-80:4x", "64-80:-4", "64-80:4:5", " 64-80:4", "",       "64-80:K"};
    for (unsigned i = 0; i < sizeof unreadable / sizeof unreadable[0]; i++) {
        assert_bad_piece(unreadable[i], "is no slab size");
    }
    assert_bad_piece("80-64:4", "'80-64:4' ends before it begins");
    assert_bad_piece("64-80:0", "'64-80:0' has no pages");
    assert_bad_piece("0-8:1", "'0-8:1' has sizes that slabs do not serve");
    assert_bad_piece("64-14337:1",
                     "has sizes that slabs do not serve; allowed: from-to:pages, with 1 <= from <= to <= 14336");
    assert_bad_piece("64-99999999999999999999999:1", "is no slab size");
    char text[400];
    memset(text, '1', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    char conf[512];
    snprintf(conf, sizeof conf, "slab_sizes:%s,narenas:7", text);
    outcome_t out = in_new_process("opt.narenas opt.slab_sizes", "LUNALLOC_CONF", conf);
    assert_child_well(&out);
    assert_int_equal(lines_with(out.text, "is too long; allowed: 255 bytes"), 1);
    assert_int_equal(lines_with(out.text, "opt.narenas=7(environment)"), 1);
    assert_int_equal(lines_with(out.text, "opt.slab_sizes=129-160:4(symbol)"), 1);
}

static void
test_abort_on_bad_slab_sizes(void **state) {
    (void)state;
    outcome_t out = in_new_process("opt.narenas", "LUNALLOC_CONF", "abort_conf:true,slab_sizes:1-8");
    assert_misuse(&out, "'1-8' is no slab size");
}

int
main(int argc, char **argv) {
    if (argc > 1) {
        return report(argv[1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_many_bad),
        cmocka_unit_test(test_long_pair),
        cmocka_unit_test(test_abort_conf),
        cmocka_unit_test(test_malloc_conf),
        cmocka_unit_test(test_neutral_conf),
        cmocka_unit_test(test_confirm_conf),
        cmocka_unit_test(test_every_option_takes_its_default),
        cmocka_unit_test(test_slab_sizes_by_conf),
        cmocka_unit_test(test_slab_sizes_source),
        cmocka_unit_test(test_bad_slab_sizes),
        cmocka_unit_test(test_abort_on_bad_slab_sizes),
        cmocka_unit_test(test_bin_shards_by_conf),
        cmocka_unit_test(test_bad_bin_shards),
        cmocka_unit_test(test_modes_by_conf),
        cmocka_unit_test(test_thp_by_conf),
    };
    return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
