/*
 * reader_fuzz_test.c -- a reader of memory that holds nonsense: it neither crashes nor loops, whatever it is told.
 *
 * A real process, stopped, is read through a memory that changes some of the words on the way. Which words, and into
 * what, follows from their address and a seed, so that a word is the same whenever it is read. The addresses of the
 * process itself are among what words turn into, so that pointers lead to wrong places, and not only nowhere. Built
 * with AddressSanitizer, each step out of bounds ends the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attach/find.h"
#include "attach/process.h"
#include "attach/reader.h"
#include "attach/reader_stats.h"
#include "attach/reader_threads.h"

enum {
    SEEDS = 40,
    SECONDS_MAX = 20, /* for all operations with one seed: far more than they need */
    BATCH = 256
};

/* ---- a memory that is not to be trusted ---- */

typedef struct {
    memory_t base;
    memory_t *real;
    uint64_t seed, rate; /* one word in so many is changed; 0: none */
    uint64_t places[8];  /* addresses that words turn into */
    uint64_t at, more;   /* this word is told as so much more; 0: none is */
} liar_t;

static uint64_t
mix(uint64_t x) {
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t
lie(const liar_t *liar, uint64_t random, uint64_t word) {
    switch (random % 8) {
    case 0:
        return random;
    case 1:
        return word ^ (UINT64_C(1) << (random >> 8) % 64);
    case 2:
        return liar->places[(random >> 8) % 8] + (random >> 16) % 65536;
    case 3:
        return word + 4096 * ((random >> 8) % 16);
    case 4:
        return UINT64_MAX;
    case 5:
        return 0;
    case 6:
        return (random >> 8) % 300;
    default:
        return word - 8;
    }
}

/* The one word of which a lie is told. */
static void
tell_one_lie(const liar_t *liar, uint64_t addr, char *bytes, size_t size) {
    uint64_t word;
    if (liar->at != 0 && liar->at >= addr && liar->at + sizeof word <= addr + size) {
        memcpy(&word, bytes + (liar->at - addr), sizeof word);
        word += liar->more;
        memcpy(bytes + (liar->at - addr), &word, sizeof word);
    }
}

/* Words of 8 bytes at multiples of 8, which an operation may read in parts. */
static void
tell_lies(const liar_t *liar, uint64_t addr, char *bytes, size_t size) {
    for (uint64_t at = addr & ~UINT64_C(7); liar->rate != 0 && at < addr + size; at += 8) {
        uint64_t random = mix(at ^ liar->seed), word = 0;
        if (random % liar->rate == 0 && at >= addr && at + 8 <= addr + size) {
            memcpy(&word, bytes + (at - addr), sizeof word);
            word = lie(liar, mix(random), word);
            memcpy(bytes + (at - addr), &word, sizeof word);
        }
    }
}

static int
liar_read(memory_t *memory, uint64_t addr, void *to, size_t size) {
    liar_t *liar = (liar_t *)(void *)memory;
    int error = liar->real->ops->read(liar->real, addr, to, size);
    if (error != 0) {
        return memory_fail(memory, error, "%s", liar->real->message);
    }
    tell_lies(liar, addr, to, size);
    tell_one_lie(liar, addr, to, size);
    return 0;
}

static int
liar_read_parts(memory_t *memory, memory_part_t *parts, size_t n) {
    for (size_t i = 0; i < n; i++) {
        parts[i].error = liar_read(memory, parts[i].addr, parts[i].to, parts[i].size);
    }
    return 0;
}

static int
liar_write(memory_t *memory, uint64_t addr, const void *from, size_t size) {
    (void)addr;
    (void)from;
    (void)size;
    fail_msg("a reader wrote");
    return memory_fail(memory, EPERM, "read only");
}

static int
liar_maps(memory_t *memory, const memory_map_t **maps, size_t *n) {
    liar_t *liar = (liar_t *)(void *)memory;
    return liar->real->ops->maps(liar->real, maps, n);
}

static const memory_ops_t operations = {
    .read = liar_read, .read_parts = liar_read_parts, .write = liar_write, .maps = liar_maps};

/* ---- the process ---- */

static struct {
    pid_t pid;
    process_t *process;
    uint64_t addr;
    target_t target;
    reader_t reader; /* without lies */
} subject;

static void
run_subject(int out) {
    dup2(out, STDOUT_FILENO);
    setenv("LD_PRELOAD", "build/liblunalloc.so", 1);
    unsetenv("LUNALLOC_CONF");
    execl("build/tests/programs/reader_subject", "reader_subject", "report", "/dev/null", (char *)NULL);
    _exit(127);
}

static int
start_subject(void **state) {
    char message[MEMORY_MESSAGE], ready[8];
    int ends[2], status;
    (void)state;
    if (pipe(ends) != 0) {
        return -1;
    }
    subject.pid = fork();
    if (subject.pid == 0) {
        run_subject(ends[1]);
    }
    close(ends[1]);
    bool begun = read(ends[0], ready, sizeof ready) > 0;
    close(ends[0]);
    if (!begun || waitpid(subject.pid, &status, WUNTRACED) != subject.pid || !WIFSTOPPED(status) ||
        process_open(subject.pid, 0, &subject.process, message, sizeof message) != 0) {
        return -1;
    }
    memory_t *memory = memory_of(subject.process);
    return find_target(memory, "it", &subject.addr, &subject.target) != 0 ||
           reader_open(&subject.reader, memory, subject.pid, subject.addr, &subject.target, message) != 0;
}

static int
end_subject(void **state) {
    (void)state;
    reader_close(&subject.reader);
    process_close(subject.process);
    kill(subject.pid, SIGKILL);
    return waitpid(subject.pid, NULL, 0) == subject.pid ? 0 : -1;
}

/* ---- operations ---- */

static void
walk_all(reader_t *reader) {
    lunalloc_location_t at;
    for (uint32_t i = 0; i < reader->narenas && i < 8; i++) {
        reader_walk(reader, i);
        for (size_t k = 0; k < reader->walk.n; k += 1 + reader->walk.n / 20) {
            reader_find(reader, reader->walk.all[k].addr + 1, &at);
        }
    }
}

static void
count_all(reader_t *reader) {
    stats_snapshot_t *snapshot;
    if (reader_snapshot(reader, true, &snapshot) == 0) {
        lunalloc_stats_t stats;
        lunalloc_class_stats_t class;
        reader_total(reader, snapshot, &snapshot->merged, &stats);
        reader_class(reader, snapshot, &snapshot->merged, 3, &class);
        free(snapshot);
    }
}

static void
list_all(reader_t *reader) {
    static lunalloc_thread_t threads[BATCH];
    static lunalloc_moment_t moments[BATCH];
    static lunalloc_mark_t marks[BATCH];
    lunalloc_thread_cursor_t thread = {0};
    lunalloc_history_cursor_t moment = {0}, mark = {0};
    size_t n = 1;
    for (int i = 0; i < 10 && n > 0 && reader_list_threads(reader, -1, &thread, threads, BATCH, &n) == 0; i++) {
    }
    reader_moments(reader, &moment, moments, BATCH, &n);
    reader_marks(reader, &mark, marks, BATCH, &n);
}

static void
get_all(reader_t *reader, uint64_t seed) {
    for (size_t i = seed % 7; i < reader->nrows; i += 7) {
        char name[CTL_NAME_MAX + 1], near[128];
        lunalloc_value_t value;
        const char *source;
        size_t limit;
        snprintf(name, sizeof name, "%s", reader->rows[i].name);
        for (char *c = strchr(name, '<'); c != NULL; c = strchr(c, '<')) {
            memmove(c + 1, c + 3 <= name + strlen(name) ? c + 3 : c + strlen(c),
                    strlen(c) >= 3 ? strlen(c + 3) + 1 : 1);
            *c = '0';
        }
        if (reader_refresh(reader) == 0 && reader_get(reader, name, &value) == 0 && value.type == LUNALLOC_STRING) {
            assert_true(strlen(value.v.s) < OPTION_TEXT_MAX);
        }
        reader_source(reader, name, &source);
        reader_limit(reader, reader->rows[i].name, &limit);
        reader_suggest(reader, name, near, sizeof near);
    }
}

static void
read_classes_all(reader_t *reader) {
    for (uint32_t i = 0; i < reader->classes.nsizes; i++) {
        lunalloc_sizeclass_t class;
        reader_sizeclass(reader, i, &class);
    }
}

/* All operations with one seed. What they return does not matter. */
static void
read_all(reader_t *reader, uint64_t seed) {
    void (*const steps[])(reader_t *) = {walk_all, count_all, list_all, read_classes_all};
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (reader_refresh(reader) == 0) {
            steps[i](reader);
        }
    }
    if (reader->rows != NULL || reader_rows(reader) == 0) {
        get_all(reader, seed);
    }
}

/* ---- tests ---- */

static liar_t
new_liar(uint64_t seed, uint64_t rate) {
    const foreign_t *foreign = &subject.reader.foreign;
    return (liar_t){
        .base.ops = &operations,
        .real = memory_of(subject.process),
        .seed = mix(seed + 1),
        .rate = rate,
        .places = {subject.reader.table[0], foreign_variable(foreign, threads_list), foreign_variable(foreign, sc),
                   foreign_variable(foreign, pagemap_classes), foreign_variable(foreign, arenas_table),
                   (uintptr_t)subject.reader.walk.all, subject.addr, UINT64_C(0x7fffffff0000)},
    };
}

static void
test_nonsense_from_the_beginning(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        liar_t liar = new_liar(seed, 3 + seed * seed * 4);
        target_t target = subject.target;
        char message[MEMORY_MESSAGE];
        reader_t reader;
        if (reader_open(&reader, &liar.base, subject.pid, subject.addr, &target, message) == 0) {
            read_all(&reader, seed);
            reader_close(&reader);
        }
    }
}

/* The table of layouts is read as it is, so that the rest is reached. */
static void
test_nonsense_in_structures(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        liar_t liar = new_liar(seed, 0);
        char message[MEMORY_MESSAGE];
        reader_t reader;
        assert_int_equal(reader_open(&reader, &liar.base, subject.pid, subject.addr, &subject.target, message), 0);
        liar.rate = 5 + seed * seed * 4;
        time_t begin = time(NULL);
        read_all(&reader, seed);
        assert_true(time(NULL) - begin < SECONDS_MAX);
        reader_close(&reader);
    }
}

/* A table that says that structures are elsewhere: nothing is read out of bounds. */
static void
test_nonsense_as_layout(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        liar_t liar = new_liar(seed, 0);
        char message[MEMORY_MESSAGE];
        reader_t reader;
        assert_int_equal(reader_open(&reader, &liar.base, subject.pid, subject.addr, &subject.target, message), 0);
        reader.foreign.same = false;
        for (unsigned i = 0; i < LAYOUT_FIELDS; i++) {
            layout_field_t *field = &reader.foreign.layout->fields[i];
            uint32_t room = reader.foreign.layout->structs[field->of] - field->size;
            field->offset = mix(seed * 1000 + i) % 10 == 0 ? (uint32_t)(mix(i + seed) % (room + 1)) : field->offset;
        }
        read_all(&reader, seed);
        reader_close(&reader);
    }
}

/* Without lies, field by field gives what whole structures give. */
static void
test_other_layout_reads_the_same(void **state) {
    (void)state;
    liar_t liar = new_liar(0, 0);
    char message[MEMORY_MESSAGE];
    reader_t reader;
    stats_snapshot_t *a, *b;
    lunalloc_stats_t one, other;
    assert_int_equal(reader_open(&reader, &liar.base, subject.pid, subject.addr, &subject.target, message), 0);
    assert_true(reader.foreign.same);
    assert_int_equal(reader_snapshot(&reader, true, &a), 0);
    reader.foreign.same = false;
    assert_int_equal(reader_refresh(&reader), 0);
    assert_int_equal(reader_snapshot(&reader, true, &b), 0);
    assert_true(reader.consistent);
    reader_total(&reader, a, &a->merged, &one);
    reader_total(&reader, b, &b->merged, &other);
    one.time = other.time = 0;
    assert_memory_equal(&one, &other, sizeof one);
    assert_memory_equal(a->merged.bins, b->merged.bins, sizeof a->merged.bins);
    assert_memory_equal(a->merged.extents, b->merged.extents, sizeof a->merged.extents);
    free(a);
    free(b);
    reader_close(&reader);
}

static void
count_thread(reader_t *reader, const thread_t *thread, void *context) {
    (void)reader;
    (void)thread;
    ++*(int *)context;
}

static void
begin_count(void *context) {
    *(int *)context = 0;
}

/* Reads extents and threads while one word is told as `more` than it is. True if all fitted together. */
static bool
fits_together(uint64_t at, uint64_t more) {
    static const reader_visit_t visit = {.begin = begin_count, .thread = count_thread};
    liar_t liar = new_liar(0, 0);
    char message[MEMORY_MESSAGE];
    reader_t reader;
    int n;
    assert_int_equal(reader_open(&reader, &liar.base, subject.pid, subject.addr, &subject.target, message), 0);
    liar.at = at;
    liar.more = more;
    assert_int_equal(reader_refresh(&reader), 0);
    reader_walk(&reader, 0);
    reader_threads(&reader, &visit, &n);
    bool consistent = reader.consistent;
    reader_close(&reader);
    return consistent;
}

/* Counts of pages, and the links of the list of threads. */
static void
test_what_does_not_fit_together_is_marked(void **state) {
    (void)state;
    uint64_t arena = subject.reader.table[0], link;
    memory_t *memory = memory_of(subject.process);
    uint64_t list = foreign_variable(&subject.reader.foreign, threads_list);
    assert_true(fits_together(0, 0));
    assert_false(fits_together(arena + offsetof(arena_t, pages.dirty.extents.npages), 1));
    assert_false(fits_together(arena + offsetof(arena_t, pages.retained.npages), 1));
    assert_false(fits_together(arena + offsetof(arena_t, pages.mapped), 1 << 20));
    assert_int_equal(memory->ops->read(memory, list + offsetof(list_t, next), &link, sizeof link), 0);
    assert_false(fits_together(link + offsetof(list_t, prev), 64));
    assert_false(fits_together(link + offsetof(list_t, next), 64));
}

/* The words of a region and of its first extent that say where it is, how large, or whose. */
static void
test_descriptors_that_do_not_fit_are_marked(void **state) NO_THREAD_SAFETY {
    (void)state;
    reader_arena_t arena;
    region_t region;
    assert_int_equal(reader_refresh(&subject.reader), 0);
    assert_int_equal(reader_arena(&subject.reader, 0, &arena), 0);
    uint64_t record = (uintptr_t)arena.arena.pages.regions;
    assert_true(reader_struct(&subject.reader, layout_region, record, &region));
    assert_false(fits_together(record + offsetof(region_t, addr), 4096));
    assert_false(fits_together(record + offsetof(region_t, size), 4096));
    assert_false(fits_together(record + offsetof(region_t, sn), 1));
    uint64_t descriptor = reader_descriptor(&subject.reader, region.addr);
    assert_true(descriptor != 0);
    assert_false(fits_together(descriptor + offsetof(extent_t, addr), 4096));
    assert_false(fits_together(descriptor + offsetof(extent_t, size), 8));
    assert_false(fits_together(descriptor + offsetof(extent_t, size), 4096));
    assert_false(fits_together(descriptor + offsetof(extent_t, owner), 16));
    assert_false(fits_together(descriptor + offsetof(extent_t, owner), UINT64_C(1000) << 32));
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nonsense_from_the_beginning),
        cmocka_unit_test(test_nonsense_in_structures),
        cmocka_unit_test(test_nonsense_as_layout),
        cmocka_unit_test(test_other_layout_reads_the_same),
        cmocka_unit_test(test_what_does_not_fit_together_is_marked),
        cmocka_unit_test(test_descriptors_that_do_not_fit_are_marked),
    };
    return cmocka_run_group_tests(tests, start_subject, end_subject);
}
