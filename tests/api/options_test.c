/*
 * options_test.c -- options do what they say. This program runs itself again with LUNALLOC_CONF set and the name of a
 * case; the case asserts what is different in that process.
 */
#include "support.h"

#include "arena/arenas.h"
#include "base/sc.h"

#include <errno.h>
#include <stdatomic.h>

static uint64_t
number(const char *name) {
    lunalloc_value_t value;
    char message[256] = "";
    if (lunalloc_ctl_get(name, &value, message, sizeof message) != 0) {
        dprintf(STDERR_FILENO, "%s\n", message);
        _exit(1);
    }
    return value.type == LUNALLOC_BOOL ? value.v.b : value.v.u;
}

/* The same of a name with a number in it. */
static uint64_t
number_of(const char *format, unsigned i) {
    char name[96];
    snprintf(name, sizeof name, format, i);
    return number(name);
}

static unsigned
arena_of(const void *ptr) {
    unsigned arena = UINT32_MAX;
    size_t len = sizeof arena;
    child_assert(mallctl("arenas.lookup", &arena, &len, &ptr, sizeof ptr) == 0);
    return arena;
}

static void *
touched(size_t size) {
    char *ptr = lunalloc_malloc(size);
    child_assert(ptr != NULL);
    memset(ptr, 0x5a, size);
    return ptr;
}

/* ---- zero_realloc ---- */

static void
zero_realloc_frees(void) {
    void *small = touched(100), *large = touched(100000);
    errno = 0;
    child_assert(lunalloc_realloc(small, 0) == NULL && lunalloc_realloc(large, 0) == NULL && errno == 0);
    child_assert(number("stats.zero_reallocs") == 2);
    child_assert(number("thread.allocated") == number("thread.deallocated"));
}

static void
zero_realloc_allocates(void) {
    void *small = touched(100), *large = touched(100000);
    small = lunalloc_realloc(small, 0);
    large = lunalloc_realloc(large, 0);
    child_assert(small != NULL && large != NULL);
    child_assert(lunalloc_usable_size(small) == 8 && lunalloc_usable_size(large) == 8);
    child_assert(*(char *)small == 0x5a && *(char *)large == 0x5a);
    child_assert(number("stats.zero_reallocs") == 2);
    child_assert(lunalloc_realloc(NULL, 0) != NULL && number("stats.zero_reallocs") == 2);
}

static void
zero_realloc_ends_the_process(void) {
    child_assert(lunalloc_realloc(NULL, 0) != NULL);
    lunalloc_realloc(touched(100), 0);
}

/* ---- tcache_max ---- */

/* Live objects of a small class, as its slabs have it: what a cache holds counts. */
static uint64_t
taken(size_t size) {
    char name[96];
    snprintf(name, sizeof name, "stats.arenas.0.bins.%u.curregs", (unsigned)sc_index(size));
    must_set("epoch", "1");
    return number(name);
}

static void
come_and_go(size_t size, unsigned n) {
    void *ptrs[64];
    for (unsigned i = 0; i < n; i++) {
        ptrs[i] = touched(size);
    }
    for (unsigned i = 0; i < n; i++) {
        lunalloc_free(ptrs[i]);
    }
}

static void
small_classes_above_are_not_cached(void) {
    child_assert(number("opt.tcache_max") == 1000 && number("arenas.tcache_max") == 1024);
    child_assert(number("arenas.tcache_largest") == 1024 && number("arenas.nhbins") == sc_index(1024) + 1);
    child_assert(number("thread.tcache.max") == 1024);
    uint64_t cached = taken(1024), uncached = taken(1280);
    come_and_go(1024, 40);
    come_and_go(1280, 40);
    child_assert(taken(1024) > cached && taken(1280) == uncached);
    must_set("arenas.tcache_largest", "1280");
    come_and_go(1280, 40);
    child_assert(taken(1280) > uncached && number("arenas.tcache_max") == 1280);
    must_set("arenas.tcache_largest", "1024");
    child_assert(taken(1280) == uncached);
}

static void
one_class_at_least_is_cached(void) {
    child_assert(number("arenas.tcache_max") == 8 && number("arenas.nhbins") == 1);
    come_and_go(16, 60);
    come_and_go(8, 60);
    child_assert(taken(16) == 0 && taken(8) > 0);
}

/* It is what threads begin with; each may have its own, and explicit ones are there. */
static void
caches_are_on_request(void) {
    unsigned cache;
    size_t len = sizeof cache;
    child_assert(number("opt.tcache") == 0 && number("thread.tcache.enabled") == 0);
    come_and_go(64, 40);
    child_assert(taken(64) == 0);
    child_assert(mallctl("tcache.create", &cache, &len, NULL, 0) == 0);
    for (unsigned i = 0; i < 10; i++) {
        lunalloc_dallocx(lunalloc_mallocx(64, MALLOCX_TCACHE(cache)), MALLOCX_TCACHE(cache));
    }
    child_assert(taken(64) > 0);
    must_set("thread.tcache.enabled", "true");
    child_assert(number("thread.tcache.enabled") == 1);
    come_and_go(128, 40);
    child_assert(taken(128) > 0 && number("opt.tcache") == 0);
}

/* As many as a power of two below the limit. */
static uint64_t
most_slots(size_t size) {
    lunalloc_sizeclass_t class;
    child_assert(lunalloc_sizeclass_of(size, &class) == 0);
    return class.cached_max;
}

static void
stacks_are_as_small_as_asked(void) {
    static const struct {
        const char *nslots;
        unsigned most;
    } limits[] = {{"1", 1}, {"2", 2}, {"3", 2}, {"4", 4}, {"7", 4}, {"1024", 1024}};
    for (unsigned i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        must_set("arenas.tcache_nslots", limits[i].nslots);
        child_assert(most_slots(64) == limits[i].most);
        come_and_go(64, 60);
        child_assert(limits[i].most > 4 || taken(64) <= limits[i].most);
    }
    must_set("arenas.tcache_bytes", "0");
    child_assert(most_slots(64) == 4 && most_slots(32768) == 4);
}

/* ---- opt.* are what holds at the start ---- */

static void
options_stay_as_they_were(void) {
    static const char *const live[][3] = {{"arenas.dirty_decay_ms", "77", "opt.dirty_decay_ms"},
                                          {"arenas.muzzy_decay_ms", "77", "opt.muzzy_decay_ms"},
                                          {"arenas.dirty_max", "77", "opt.dirty_max"},
                                          {"arenas.retain_grow_limit", "7777777", "opt.retain_grow_limit"},
                                          {"arenas.tcache_bytes", "77", "opt.tcache_bytes"},
                                          {"arenas.tcache_largest", "128", "opt.tcache_max"},
                                          {"arenas.tcache_nslots", "77", "opt.tcache_nslots"},
                                          {"arenas.quarantine", "72", "opt.quarantine"},
                                          {"arenas.zero", "1", "opt.zero"},
                                          {"arenas.nauto", "7", "opt.narenas"}};
    for (unsigned i = 0; i < sizeof live / sizeof live[0]; i++) {
        uint64_t before = number(live[i][2]), given = strtoull(live[i][1], NULL, 10);
        const char *source;
        child_assert(before != given);
        for (unsigned k = 0; k < 2; k++) {
            must_set(live[i][0], live[i][1]);
            child_assert(number(live[i][0]) == given && number(live[i][2]) == before);
        }
        child_assert(lunalloc_ctl_source(live[i][0], &source) == 0 && strcmp(source, "live") == 0);
        child_assert(lunalloc_ctl_source(live[i][2], &source) == 0 && strcmp(source, "live") != 0);
    }
    lunalloc_value_t junk;
    must_set("arenas.junk", "alloc");
    child_assert(lunalloc_ctl_get("opt.junk", &junk, NULL, 0) == 0 && strcmp(junk.v.s, "free") == 0);
    child_assert(lunalloc_ctl_get("arenas.junk", &junk, NULL, 0) == 0 && strcmp(junk.v.s, "alloc") == 0);
}

/* ---- oversize_threshold ---- */

static void
oversize_ones_have_an_arena(void) {
    unsigned own = (unsigned)number("thread.arena");
    uint64_t narenas = number("arenas.narenas");
    void *small = touched(100), *below = touched(917504), *at = touched(1 << 20), *above = touched(5 << 20);
    unsigned apart = arena_of(at);
    child_assert(arena_of(small) == own && arena_of(below) == own);
    child_assert(apart != own && arena_of(above) == apart && number("arenas.narenas") == narenas + 1);
    void *named = lunalloc_mallocx(2 << 20, MALLOCX_ARENA(own));
    child_assert(arena_of(named) == own);
    child_assert(number_of("arena.%u.dirty_decay_ms", apart) == 0 && number_of("arena.%u.muzzy_decay_ms", apart) == 0);
    lunalloc_free(at);
    lunalloc_free(above);
    child_assert(number_of("stats.arenas.%u.pdirty", apart) == 0);
    below = lunalloc_realloc(below, 3 << 20);
    child_assert(arena_of(below) == apart && ((char *)below)[917503] == 0x5a);
    below = lunalloc_realloc(below, 6 << 20);
    child_assert(arena_of(below) == apart && ((char *)below)[917503] == 0x5a);
    void *aligned = lunalloc_aligned_alloc(4 << 20, 1 << 20), *zeroed = lunalloc_calloc(1 << 20, 1);
    child_assert(arena_of(aligned) == apart && arena_of(zeroed) == apart && *(char *)zeroed == 0);
}

/* It serves nobody who did not ask, and is nobody's to end. */
static void
oversize_arena_is_not_to_be_destroyed(void) {
    char name[64];
    const char *const actions[] = {"reset", "destroy"};
    void *ptr = touched(2 << 20);
    for (unsigned i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "arena.%u.%s", arena_of(ptr), actions[i]);
        child_assert(mallctl(name, NULL, NULL, NULL, 0) == EFAULT);
    }
    unsigned manual;
    size_t len = sizeof manual;
    child_assert(mallctl("arenas.create", &manual, &len, NULL, 0) == 0);
    child_assert(mallctl("thread.arena", NULL, NULL, &manual, sizeof manual) == 0);
    child_assert(arena_of(touched(2 << 20)) == manual);
}

static void
without_decay_nothing_goes(void) {
    void *ptr = touched(2 << 20);
    unsigned apart = arena_of(ptr);
    child_assert(number_of("arena.%u.dirty_decay_ms", apart) == UINT64_MAX);
    lunalloc_free(ptr);
    child_assert(number_of("stats.arenas.%u.pdirty", apart) == 512);
}

static uint64_t
dirty_after_free(size_t size) {
    void *ptr = touched(size);
    must_set("arena.0.purge", NULL);
    lunalloc_free(ptr);
    return number("stats.arenas.0.pdirty") * number("arenas.page");
}

/* Live, and for one arena: what is freed goes at once. */
static void
oversize_of_an_arena(void) {
    child_assert(number("arena.0.oversize_threshold") == 0);
    child_assert(dirty_after_free(2 << 20) == 2 << 20);
    must_set("arena.0.oversize_threshold", "1M");
    child_assert(number("arena.0.oversize_threshold") == 1 << 20);
    uint64_t before = number("stats.arenas.0.dirty_npurge");
    child_assert(dirty_after_free(2 << 20) == 0 && dirty_after_free(1 << 20) == 0);
    child_assert(number("stats.arenas.0.dirty_npurge") >= before + 2);
    child_assert(dirty_after_free(917504) == 917504);
    must_set("arena.0.dirty_decay_ms", "-1");
    child_assert(dirty_after_free(2 << 20) == 2 << 20);
    must_set("arena.4096.oversize_threshold", "0");
    must_set("arena.0.dirty_decay_ms", "10000");
    child_assert(dirty_after_free(2 << 20) == 2 << 20);
}

/* ---- retain ---- */

static uint64_t
mapped_of_peak(size_t size) {
    void *ptr = touched(size);
    uint64_t with = number("stats.arenas.0.mapped") + number("stats.arenas.0.retained");
    lunalloc_free(ptr);
    must_set("arena.0.purge", NULL);
    return with - (number("stats.arenas.0.mapped") + number("stats.arenas.0.retained"));
}

static void
address_space_is_kept(void) {
    child_assert(mapped_of_peak(8 << 20) == 0 && mapped_of_peak(20 << 20) == 0);
}

static void
address_space_goes(void) {
    for (unsigned i = 0; i < 3; i++) {
        child_assert(mapped_of_peak(8 << 20) >= 8 << 20 && mapped_of_peak(20 << 20) >= 20 << 20);
    }
    char *growing = touched(8 << 20);
    uint64_t mapped = number("stats.mapped") + number("stats.retained");
    growing = lunalloc_realloc(growing, 40 << 20);
    child_assert(growing != NULL && growing[(8 << 20) - 1] == 0x5a);
    if (number("stats.arenas.0.relocated") > 0) {
        child_assert(number("stats.mapped") + number("stats.retained") <= mapped + (33 << 20));
    }
    lunalloc_free(growing);
    must_set("arena.0.purge", NULL);
    must_set("arena.0.oversize_threshold", "1M");
    uint64_t regions = number("stats.mapped") + number("stats.retained");
    lunalloc_free(touched(16 << 20));
    child_assert(number("stats.mapped") + number("stats.retained") <= regions);
}

/* ---- lg_extent_max_active_fit ---- */

/* A free run of 4 MiB that is dirty, then allocations of n KiB: is it cut for them? */
static bool
cuts_for(size_t size) {
    lunalloc_free(touched(4 << 20));
    uint64_t dirty = number("stats.arenas.0.pdirty");
    void *ptr = lunalloc_malloc(size);
    bool cut = number("stats.arenas.0.pdirty") < dirty;
    lunalloc_free(ptr);
    must_set("arena.0.purge", NULL);
    return cut;
}

static void
large_extents_are_not_cut(void) {
    child_assert(!cuts_for(65536) && !cuts_for(1 << 19) && cuts_for(1 << 20) && cuts_for(3 << 20));
    must_set("arena.0.purge", NULL);
    lunalloc_free(touched(32 << 20));
    uint64_t dirty = number("stats.arenas.0.pdirty");
    lunalloc_malloc(2 << 20);
    child_assert(number("stats.arenas.0.pdirty") == dirty);
}

/* Retained ones are, whatever their size: no region is added for a small allocation. */
static void
retained_extents_are_cut(void) {
    lunalloc_free(touched(64 << 20));
    must_set("arena.0.purge", NULL);
    uint64_t regions = number("stats.arenas.0.nregions");
    lunalloc_malloc(65536);
    lunalloc_malloc(1 << 20);
    child_assert(number("stats.arenas.0.nregions") == regions);
}

static void
any_extent_is_cut(void) {
    child_assert(cuts_for(65536) && cuts_for(1 << 19) && cuts_for(1 << 20));
}

/* ---- prof_prefix ---- */

/* Of the folder nothing is known but that it is empty in the end. */
static void
without_prefix_none_is_written(void) {
    char folder[] = "/tmp/lunalloc-options-XXXXXX";
    const char *prefix = "p", *none = "";
    child_assert(mkdtemp(folder) != NULL && chdir(folder) == 0);
    child_assert(mallctl("prof.dump", NULL, NULL, NULL, 0) == EFAULT);
    child_assert(mallctl("prof.prefix", NULL, NULL, &prefix, sizeof prefix) == 0);
    child_assert(mallctl("prof.dump", NULL, NULL, NULL, 0) == 0);
    char name[64];
    snprintf(name, sizeof name, "p.%d.0.m0.heap", (int)getpid());
    child_assert(unlink(name) == 0);
    child_assert(mallctl("prof.prefix", NULL, NULL, &none, sizeof none) == 0);
    child_assert(mallctl("prof.dump", NULL, NULL, NULL, 0) == EFAULT);
    child_assert(rmdir(folder) == 0);
}

static void
prefix_can_be_taken_away(void) {
    const char *none = "";
    child_assert(mallctl("prof.prefix", NULL, NULL, &none, sizeof none) == 0);
    child_assert(mallctl("prof.dump", NULL, NULL, NULL, 0) == EFAULT);
}

/* ---- stats_interval ---- */

static void *
allocate_mebibytes(void *n) {
    for (unsigned i = 0; i < *(unsigned *)n * 16; i++) {
        lunalloc_free(lunalloc_malloc(65536));
    }
    return NULL;
}

static void
sixteen_mebibytes(void) {
    unsigned n = 16;
    allocate_mebibytes(&n);
}

/* No thread allocates an interval's bytes alone. */
static void
sixteen_threads_of_a_mebibyte(void) {
    unsigned n = 1;
    for (unsigned i = 0; i < 16; i++) {
        pthread_t thread;
        child_assert(pthread_create(&thread, NULL, allocate_mebibytes, &n) == 0);
        child_assert(pthread_join(thread, NULL) == 0);
    }
}

/* ---- a fork while another thread writes a report ---- */

/* The application's, which this case alone sets. */
extern void (*malloc_message)(void *opaque, const char *text);
__attribute__((visibility("default"))) void (*malloc_message)(void *opaque, const char *text);

static int begun[2], go_on[2];
static _Atomic unsigned nreports;

static void
wait_in_first_report(void *opaque, const char *text) {
    (void)opaque;
    char byte = 0;
    if (strstr(text, "Begin") != NULL && atomic_fetch_add(&nreports, 1) == 0) {
        child_assert(write(begun[1], &byte, 1) == 1 && read(go_on[0], &byte, 1) == 1);
    }
}

static void
child_of_fork_reports(void) {
    pthread_t thread;
    unsigned n = 4;
    char byte = 0;
    child_assert(pipe(begun) == 0 && pipe(go_on) == 0);
    malloc_message = wait_in_first_report;
    child_assert(pthread_create(&thread, NULL, allocate_mebibytes, &n) == 0 && read(begun[0], &byte, 1) == 1);
    int status = 1;
    pid_t pid = fork();
    if (pid == 0) {
        sixteen_mebibytes();
        _exit(nreports > 1 ? 0 : 1);
    }
    child_assert(write(go_on[1], &byte, 1) == 1 && pthread_join(thread, NULL) == 0);
    child_assert(waitpid(pid, &status, 0) == pid && status == 0);
}

/* ---- cases ---- */

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"zero_realloc_frees", zero_realloc_frees},
    {"zero_realloc_allocates", zero_realloc_allocates},
    {"zero_realloc_ends_the_process", zero_realloc_ends_the_process},
    {"small_classes_above_are_not_cached", small_classes_above_are_not_cached},
    {"one_class_at_least_is_cached", one_class_at_least_is_cached},
    {"caches_are_on_request", caches_are_on_request},
    {"stacks_are_as_small_as_asked", stacks_are_as_small_as_asked},
    {"options_stay_as_they_were", options_stay_as_they_were},
    {"oversize_ones_have_an_arena", oversize_ones_have_an_arena},
    {"oversize_arena_is_not_to_be_destroyed", oversize_arena_is_not_to_be_destroyed},
    {"without_decay_nothing_goes", without_decay_nothing_goes},
    {"oversize_of_an_arena", oversize_of_an_arena},
    {"address_space_is_kept", address_space_is_kept},
    {"address_space_goes", address_space_goes},
    {"large_extents_are_not_cut", large_extents_are_not_cut},
    {"retained_extents_are_cut", retained_extents_are_cut},
    {"any_extent_is_cut", any_extent_is_cut},
    {"without_prefix_none_is_written", without_prefix_none_is_written},
    {"prefix_can_be_taken_away", prefix_can_be_taken_away},
    {"sixteen_mebibytes", sixteen_mebibytes},
    {"sixteen_threads_of_a_mebibyte", sixteen_threads_of_a_mebibyte},
    {"child_of_fork_reports", child_of_fork_reports},
};

static int
run_case(const char *name) {
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (strcmp(cases[i].name, name) == 0) {
            cases[i].run();
            return 0;
        }
    }
    return 2;
}

static void
holds(const char *name, const char *conf) {
    outcome_t out = in_new_process(name, "LUNALLOC_CONF", conf);
    assert_child_well(&out);
    assert_string_equal(out.text, "");
}

static void
test_zero_realloc(void **state) {
    (void)state;
    holds("zero_realloc_frees", NULL);
    holds("zero_realloc_frees", "zero_realloc:free");
    holds("zero_realloc_allocates", "zero_realloc:alloc");
    outcome_t out = in_new_process("zero_realloc_ends_the_process", "LUNALLOC_CONF", "zero_realloc:abort");
    assert_misuse(&out, "realloc to size 0, with zero_realloc:abort");
}

static void
test_caches(void **state) {
    (void)state;
    if (config_torture) {
        skip();
    }
    holds("small_classes_above_are_not_cached", "tcache_max:1000");
    holds("one_class_at_least_is_cached", "tcache_max:0");
    holds("caches_are_on_request", "tcache:false");
    holds("stacks_are_as_small_as_asked", NULL);
}

static void
test_options_stay_as_they_were(void **state) {
    (void)state;
    holds("options_stay_as_they_were", "tcache_nslots:12,dirty_decay_ms:0x11,junk:free");
}

static void
test_oversize_threshold(void **state) {
    (void)state;
    holds("oversize_ones_have_an_arena", "oversize_threshold:1M");
    holds("oversize_ones_have_an_arena", "oversize_threshold:983041");
    holds("oversize_arena_is_not_to_be_destroyed", "oversize_threshold:1M");
    holds("without_decay_nothing_goes", "oversize_threshold:1M,dirty_decay_ms:-1");
}

static void
test_oversize_threshold_of_an_arena(void **state) {
    (void)state;
    holds("oversize_of_an_arena", "narenas:1");
}

static void
test_retain(void **state) {
    (void)state;
    holds("address_space_is_kept", "narenas:1");
    holds("address_space_goes", "narenas:1,retain:false");
}

static void
test_lg_extent_max_active_fit(void **state) {
    (void)state;
    if (config_torture) {
        skip();
    }
    holds("large_extents_are_not_cut", "narenas:1,lg_extent_max_active_fit:2");
    holds("retained_extents_are_cut", "narenas:1,lg_extent_max_active_fit:0");
    holds("any_extent_is_cut", "narenas:1");
}

static void
test_prof_prefix(void **state) {
    (void)state;
    holds("prefix_can_be_taken_away", "prof:true");
    holds("without_prefix_none_is_written",
          "prof:true,prof_prefix:,prof_gdump:true,lg_prof_interval:10,lg_prof_sample:0");
}

static unsigned
count(const char *text, const char *word) {
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += strlen(word)) {
        n++;
    }
    return n;
}

static void
assert_reports(const char *name, const char *conf, unsigned least, unsigned most) {
    outcome_t out = in_new_process(name, "LUNALLOC_CONF", conf);
    assert_child_well(&out);
    unsigned n = count(out.text, "Begin lunalloc statistics");
    if (n < least || n > most) {
        fail_msg("%s, %s: %u reports", name, conf, n);
    }
}

/* Of 16 MiB and what the process allocates beside; a report takes some 1,600 bytes of the 8,192 that are read. */
static void
test_stats_interval(void **state) {
    (void)state;
    assert_reports("sixteen_mebibytes", NULL, 0, 0);
    assert_reports("sixteen_mebibytes", "stats_interval:4M,stats_interval_opts:gmdablxe", 3, 4);
    assert_reports("sixteen_threads_of_a_mebibyte", "stats_interval:4M,stats_interval_opts:gmdablxe", 3, 4);
    assert_reports("sixteen_mebibytes", "stats_interval:1G,stats_interval_opts:gmdablxe", 0, 0);
    outcome_t out =
        in_new_process("sixteen_mebibytes", "LUNALLOC_CONF", "stats_interval:10M,stats_interval_opts:Jmdablxe");
    assert_child_well(&out);
    assert_int_equal(out.text[0], '{');
    holds("child_of_fork_reports", "stats_interval:2M");
}

int
main(int argc, char **argv) {
    if (argc > 1) {
        return run_case(argv[1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zero_realloc),
        cmocka_unit_test(test_caches),
        cmocka_unit_test(test_options_stay_as_they_were),
        cmocka_unit_test(test_oversize_threshold),
        cmocka_unit_test(test_oversize_threshold_of_an_arena),
        cmocka_unit_test(test_retain),
        cmocka_unit_test(test_lg_extent_max_active_fit),
        cmocka_unit_test(test_prof_prefix),
        cmocka_unit_test(test_stats_interval),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
