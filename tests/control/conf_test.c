/*
 * conf_test.c -- configuration at start. This program runs itself again with LUNALLOC_CONF set and an argument; the new
 * process reports what became of the options, the parent asserts that and what was said on standard error.
 */
#include "conf.h"

/* An application's own setting; weaker than the environment. */
extern const char *lunalloc_conf;
__attribute__((visibility("default"))) const char *lunalloc_conf = "tcache_nslots:32,dirty_max:1M,slab_sizes:129-160:4";

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

/* As many as there are by default, however that is said. */
static void
test_narenas_by_default(void **state) {
    (void)state;
    outcome_t unset = in_new_process("arenas.narenas", "LUNALLOC_CONF", NULL);
    assert_child_well(&unset);
    char *source = strstr(unset.text, "(default)");
    assert_non_null(source);
    *source = '\0';
    static const char *const same[] = {"narenas:0", "narenas:3,narenas:default", "narenas:3,narenas:0"};
    for (unsigned i = 0; i < sizeof same / sizeof same[0]; i++) {
        outcome_t out = in_new_process("arenas.narenas", "LUNALLOC_CONF", same[i]);
        assert_child_well(&out);
        assert_memory_equal(out.text, unset.text, strlen(unset.text));
        assert_int_equal(out.text[strlen(unset.text)], '(');
    }
}

/* Blanks, empty pairs, and the order of equal names: the last one wins. */
static void
test_forms(void **state) {
    (void)state;
    assert_conf("", "opt.quarantine", "opt.quarantine=0(default)\n");
    assert_conf(" , ,,\t narenas : 2 ,\n", "opt.narenas", "opt.narenas=2(environment)\n");
    assert_conf("narenas:2,narenas:5", "opt.narenas", "opt.narenas=5(environment)\n");
    assert_conf(NULL, "opt.quarantine", "opt.quarantine=0(default)\n");
}

/* The environment wins over the application's symbol, which wins over the default. */
static void
test_sources(void **state) {
    (void)state;
    assert_conf(NULL, "opt.tcache_nslots opt.dirty_max opt.quarantine",
                "opt.tcache_nslots=32(symbol)\nopt.dirty_max=1048576(symbol)\nopt.quarantine=0(default)\n");
    assert_conf(
        "tcache_nslots:64", "opt.tcache_nslots arenas.tcache_nslots opt.dirty_max",
        "opt.tcache_nslots=64(environment)\narenas.tcache_nslots=64(environment)\nopt.dirty_max=1048576(symbol)\n");
}

/* A bad pair: one line that names it and says `because`; the good pair after it still applies. */
static void
assert_bad(const char *pair, const char *because) {
    char conf[512];
    snprintf(conf, sizeof conf, "%s,narenas:7", pair);
    outcome_t out = in_new_process("opt.narenas", "LUNALLOC_CONF", conf);
    assert_child_well(&out);
    if (lines_with(out.text, "lunalloc: LUNALLOC_CONF: ") != 1 || lines_with(out.text, "") != 2 ||
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
    assert_bad("narenas:-1", "LUNALLOC_CONF: Out-of-range conf value: 'narenas:-1' is out of range; allowed: a number");
    assert_bad("narenas:257", "is out of range; allowed: a number from 0 to 256");
    assert_bad("lg_prof_sample:100", "Out-of-range conf value: 'lg_prof_sample:100' is out of range");
    assert_bad("wyvern:true", "LUNALLOC_CONF: 'wyvern' is no option\n");
    assert_bad("agent:maybe", "LUNALLOC_CONF: 'agent:maybe' allowed: false, true, read-only, never\n");
    assert_bad("bogus:1", "LUNALLOC_CONF: 'bogus' is no option\n");
    assert_bad("thq:always", "did you mean 'thp'?");
    assert_bad("narenas:many", "'narenas:many' is not a number");
    assert_bad("tcache:perhaps", "true or false");
    assert_bad("lg_quantum:5", "a number from 3 to 4");
    assert_bad("lg_quantum:1", "a number from 3 to 4");
    assert_bad("lg_quantum:2", "a number from 3 to 4");
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
    assert_malloc_conf("narenas:3,narenas:default,tcache_max:8388608", "opt.tcache_max",
                       "opt.tcache_max=8388608(environment)\n");
    assert_malloc_conf(
        "dirty_decay_ms:-5,lg_quantum:60", "opt.dirty_decay_ms opt.lg_quantum",
        "lunalloc: MALLOC_CONF: Out-of-range conf value: 'dirty_decay_ms:-5' is out of range; allowed: a "
        "number from -1 to 1000000000000, in ms or with ns, us, s, m, h or d\n"
        "lunalloc: MALLOC_CONF: Out-of-range conf value: 'lg_quantum:60' is out of range; allowed: a "
        "number from 3 to 4\nopt.dirty_decay_ms=10000(default)\nopt.lg_quantum=4(default)\n");
    assert_malloc_conf("lg_prof_sample:0x10,narenas:010", "opt.lg_prof_sample opt.narenas",
                       "opt.lg_prof_sample=16(environment)\nopt.narenas=8(environment)\n");
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
                "lunalloc: LUNALLOC_CONF: Out-of-range conf value: 'quarantine:-1' is out of range; allowed: a number "
                "from 0 to "
                "1099511627776, with K, M, G or T for bytes\n"
                "opt.junk=false(default)\nopt.quarantine=0(default)\n");
}

/* What has no effect here reads as it did, from where it did, and that is said; unless it is what holds anyway. It is
 * nothing bad. */
static void
test_unsupported_conf(void **state) {
    (void)state;
    assert_malloc_conf(
        "abort_conf:true,hpa:true,percpu_arena:phycpu,hpa_dirty_mult:0.25", "opt.hpa opt.percpu_arena",
        "lunalloc: MALLOC_CONF: 'hpa:true' has no effect here: huge pages are packed by the arena "
        "itself (thp:always)\n"
        "lunalloc: MALLOC_CONF: 'percpu_arena:phycpu' has no effect here: arenas belong to threads, not "
        "to processors\n"
        "lunalloc: MALLOC_CONF: 'hpa_dirty_mult:0.25' has no effect here: there is no allocator of huge pages (hpa)\n"
        "opt.hpa=0(default)\nopt.percpu_arena=disabled(default)\n");
    assert_malloc_conf("hpa:false,percpu_arena:disabled,lg_san_uaf_align:-1,hpa_dirty_mult:0,mutex_max_spin:0x0",
                       "opt.hpa", "opt.hpa=0(default)\n");
}

/* A value that an option does not read as by default, of which `unit` and jemalloc's words allow all. */
static void
other_value(const lunalloc_row_t *row, char *text, size_t size) {
    static const struct {
        char name[32], value[12];
    } words[] = {{"opt.dss", "secondary"},       {"opt.hpa_hugify_style", "eager"}, {"opt.junk", "alloc"},
                 {"opt.metadata_thp", "always"}, {"opt.percpu_arena", "percpu"},    {"opt.thp", "never"},
                 {"opt.agent", "never"},         {"opt.quarantine", "4096"},        {"opt.stats_interval", "1048576"},
                 {"opt.zero_realloc", "alloc"},  {"opt.bin_shards", "1-64:2"},      {"opt.slab_sizes", "1-64:2"},
                 {"opt.dump_signal", "SIGUSR1"}};
    const char *value = row->type == LUNALLOC_STRING ? "x" : NULL;
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        value = strcmp(words[i].name, row->name) == 0 ? words[i].value : value;
    }
    bool is_true = strcmp(row->default_text, "true") == 0;
    long long number = strtoll(row->default_text, NULL, 10);
    value = value != NULL ? value : row->type != LUNALLOC_BOOL ? NULL : is_true ? "false" : "true";
    if (value != NULL) {
        snprintf(text, size, "%s", value);
    } else {
        snprintf(text, size, "%lld", !row->ranged || number < row->max ? number + 1 : number - 1);
    }
}

/* Is the i-th row an option, and has it no effect? */
static bool
is_option(size_t i, bool unsupported, lunalloc_row_t *row) {
    *row = ctl_public_row(&ctl_rows[i]);
    return i < ctl_nrows && strncmp(row->name, "opt.", 4) == 0 &&
           unsupported == (strncmp(row->doc, "unsupported: ", 9) == 0);
}

/* One option more for the process of both texts. */
static void
add_pair(const char *name, const char *value, char *conf, char *names) {
    sprintf(conf + strlen(conf), "%s:%s,", name + 4, value);
    sprintf(names + strlen(names), "%s ", name);
}

/* As report() prints an option that has this value. */
static bool
reads_so(const lunalloc_row_t *row, const char *value, const char *said) {
    char line[160];
    const char *as_number = strcmp(value, "true") == 0 ? "1" : "0";
    snprintf(line, sizeof line, "%s=%s(environment)\n", row->name, row->type == LUNALLOC_BOOL ? as_number : value);
    return strstr(said, line) != NULL;
}

/* Runs what each option's text(row) gives, and looks for it afterwards, with no other word. */
static void
assert_all_read_so(bool (*text)(const lunalloc_row_t *row, char *value, size_t size)) {
    char conf[4096] = "abort_conf:true,", names[4096] = "", value[64];
    lunalloc_row_t row;
    unsigned n = 0;
    for (size_t i = 0; i < ctl_nrows; i++) {
        if (is_option(i, false, &row) && text(&row, value, sizeof value)) {
            add_pair(row.name, value, conf, names);
            n++;
        }
    }
    outcome_t out = in_new_process(names, "LUNALLOC_CONF", conf);
    assert_child_well(&out);
    for (size_t i = 0; i < ctl_nrows; i++) {
        if (is_option(i, false, &row) && text(&row, value, sizeof value) && !reads_so(&row, value, out.text)) {
            fail_msg("%s is not %s: %s", row.name, value, out.text);
        }
    }
    assert_int_equal(lines_with(out.text, ""), n);
}

static bool
is_of_profile(const lunalloc_row_t *row) {
    return strncmp(row->name, "opt.prof", 8) == 0;
}

static bool
other_but_profiles(const lunalloc_row_t *row, char *value, size_t size) {
    other_value(row, value, size);
    return !is_of_profile(row) && strcmp(row->name, "opt.stats_print") != 0 &&
           strcmp(row->name, "opt.confirm_conf") != 0 && strcmp(row->name, "opt.record") != 0;
}

/* What is written at exit is of no interest here. */
static bool
other_of_profiles(const lunalloc_row_t *row, char *value, size_t size) {
    other_value(row, value, size);
    return is_of_profile(row) && strcmp(row->name, "opt.prof_final") != 0 && strcmp(row->name, "opt.prof_leak") != 0 &&
           strcmp(row->name, "opt.prof_gdump") != 0;
}

/* Every option with an effect, set to what it is not by default, reads so afterwards. */
static void
test_every_option_is_taken(void **state) {
    (void)state;
    assert_all_read_so(other_but_profiles);
    assert_all_read_so(other_of_profiles);
}

/* But for narenas, of which 0 is not what it reads as. */
static bool
least(const lunalloc_row_t *row, char *value, size_t size) {
    bool counts = strcmp(row->name, "opt.narenas") == 0;
    snprintf(value, size, "%lld", (long long)row->min + counts);
    return row->ranged;
}

static bool
most(const lunalloc_row_t *row, char *value, size_t size) {
    snprintf(value, size, "%lld", (long long)row->max);
    return row->ranged;
}

/* Both ends of every range are taken, and a process lives with them. */
static void
test_every_range_is_taken_to_its_ends(void **state) {
    (void)state;
    assert_all_read_so(least);
    assert_all_read_so(most);
}

/* And every other one says that it has none, in a line of its own, and where its value comes from is as before. */
static void
test_every_other_option_says_that_it_has_none(void **state) {
    (void)state;
    char conf[4096] = "", names[4096] = "";
    for (size_t i = 0; i < ctl_nrows; i++) {
        lunalloc_row_t row;
        char text[64];
        if (is_option(i, true, &row)) {
            other_value(&row, text, sizeof text);
            add_pair(row.name, text, conf, names);
        }
    }
    outcome_t out = in_new_process(names, "LUNALLOC_CONF", conf);
    assert_child_well(&out);
    for (size_t i = 0; i < ctl_nrows; i++) {
        lunalloc_row_t row;
        char pair[64], says[128];
        if (is_option(i, true, &row)) {
            other_value(&row, pair, sizeof pair);
            snprintf(says, sizeof says, "lunalloc: LUNALLOC_CONF: '%s:%s' has no effect here: ", row.name + 4, pair);
            assert_int_equal(lines_with(out.text, says), 1);
        }
    }
    assert_int_equal(lines_with(out.text, "(environment)"), 0);
    assert_int_equal(2 * lines_with(out.text, "(default)"), lines_with(out.text, ""));
}

/* jemalloc's older name: a logarithm. */
static void
test_lg_tcache_max(void **state) {
    (void)state;
    assert_malloc_conf("lg_tcache_max:13", "opt.tcache_max arenas.tcache_max",
                       "opt.tcache_max=8192(environment)\narenas.tcache_max=8192(environment)\n");
    assert_malloc_conf("lg_tcache_max:0", "arenas.tcache_max", "arenas.tcache_max=8(environment)\n");
    assert_malloc_conf("lg_tcache_max:23", "opt.tcache_max", "opt.tcache_max=8388608(environment)\n");
    assert_malloc_conf(
        "lg_tcache_max:24,lg_tcache_max:x", "opt.tcache_max",
        "lunalloc: MALLOC_CONF: Out-of-range conf value: 'lg_tcache_max:24' is out of range; allowed: a "
        "number from 0 to 23\n"
        "lunalloc: MALLOC_CONF: 'lg_tcache_max:x' is not a number of this kind; allowed: a number from 0 "
        "to 23\nopt.tcache_max=32768(default)\n");
}

/* jemalloc's variables are read before this library's own of the same kind. */
static void
test_precedence(void **state) {
    (void)state;
    setenv("MALLOC_CONF", "tcache_nslots:256,dirty_max:2M,lg_prof_sample:5", 1);
    outcome_t out =
        in_new_process("opt.tcache_nslots opt.dirty_max opt.lg_prof_sample", "LUNALLOC_CONF", "tcache_nslots:64");
    unsetenv("MALLOC_CONF");
    assert_child_well(&out);
    assert_string_equal(out.text, "opt.tcache_nslots=64(environment)\nopt.dirty_max=2097152(environment)\n"
                                  "opt.lg_prof_sample=5(environment)\n");
}

/* What is out of range counts as bad, whether the variable's name is jemalloc's or not. */
static void
test_abort_on_out_of_range(void **state) {
    (void)state;
    outcome_t out = in_new_process("opt.narenas", "MALLOC_CONF", "abort_conf:true,dirty_decay_ms:-5");
    assert_misuse(&out, "Out-of-range conf value: 'dirty_decay_ms:-5'");
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
    static char conf[8192];
    for (size_t i = 0; i < ctl_nrows; i++) {
        const ctl_row_t *row = &ctl_rows[i];
        if (strncmp(row->name, "opt.", 4) == 0 && row->default_text[0] != '\0') {
            snprintf(conf + strlen(conf), sizeof conf - strlen(conf), "%s:%s,", row->name + 4, row->default_text);
        }
    }
    outcome_t out = in_new_process("version", "MALLOC_CONF", conf);
    assert_child_well(&out);
    assert_string_equal(out.text, "version=" LUNALLOC_VERSION "(default)\n");
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
    assert_conf("bin_shards:0x11-0x20:0x3|060-0x30:010", "arenas.bin.2.nshards arenas.bin.3.nshards",
                "arenas.bin.2.nshards=3(environment)\narenas.bin.3.nshards=8(environment)\n");
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
    static const char *const unreadable[] = {"x",         "64",       "64-",       "64-80",   "64-80:",   "64:4",
                                             "-80:4",     "64-80.:4", "64-80.5:4", "64-0x:4", "64-80:4x", "64-80:-4",
                                             "64-80:4:5", " 64-80:4", "",          "64-80:K"};
    for (unsigned i = 0; i < sizeof unreadable / sizeof unreadable[0]; i++) {
        assert_bad_piece(unreadable[i], "is no slab size");
    }
    assert_bad_piece("80-64:4", "'80-64:4' ends before it begins");
    assert_bad_piece("64-80:0", "'64-80:0' has no pages");
    assert_bad_piece("0-8:1", "'0-8:1' has sizes that slabs do not serve");
    assert_bad_piece("64-14337:1",
                     "has sizes that slabs do not serve; allowed: from-to:pages, with 1 <= from <= to <= 14336");
    assert_bad_piece("64-99999999999999999999999:1", "is no slab size");
    assert_bad_piece("64-80:0x10000000000000", "is no slab size");
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
        cmocka_unit_test(test_narenas_by_default),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_many_bad),
        cmocka_unit_test(test_long_pair),
        cmocka_unit_test(test_abort_conf),
        cmocka_unit_test(test_malloc_conf),
        cmocka_unit_test(test_unsupported_conf),
        cmocka_unit_test(test_every_option_is_taken),
        cmocka_unit_test(test_every_other_option_says_that_it_has_none),
        cmocka_unit_test(test_every_range_is_taken_to_its_ends),
        cmocka_unit_test(test_lg_tcache_max),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_abort_on_out_of_range),
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
