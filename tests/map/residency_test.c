/*
 * residency_test.c -- which pages are in memory: mappings that were made for it, in this process and in another one, by
 * each way; and the sums beside those of smaps_rollup.
 */
#include "../workload/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "map/raster.h"

#define MIB  ((size_t)1 << 20)
#define PAGE ((size_t)sysconf(_SC_PAGESIZE))

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* ---- a heap of known pages ---- */

typedef struct {
    char *base; /* 16 MiB, aligned to 2 MiB */
    extent_set_t set;
    bool has_huge, has_marks;
} heap_t;

static void
add(extent_set_t *set, const char *addr, size_t size, uint8_t state) {
    const extent_entry_t entry = {.addr = (uintptr_t)addr, .size = size, .state = state};
    assert_true(extent_set_add(set, &entry));
}

static uint64_t
rollup(pid_t pid, const char *name) {
    char path[64], line[256];
    unsigned long long kib = 0;
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            kib = strtoull(line + strlen(name), NULL, 10);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kib * 1024;
}

/*
 *   0  2 MiB written                active
 *   2  2 MiB never touched          active
 *   4  4 MiB in huge pages          active
 *   8  4 MiB: 1 read only, then 1 given back, then 2 written    dirty
 *  12  4 MiB without any right      retained; its first page is written
 */
static void
make_heap(heap_t *heap) {
    char *all = mmap(NULL, 18 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(all, MAP_FAILED);
    *heap = (heap_t){.base = (char *)(((uintptr_t)all + 2 * MIB - 1) / (2 * MIB) * (2 * MIB))};
    char *base = heap->base;
    madvise(base, 16 * MIB, MADV_NOHUGEPAGE);
    memset(base, 1, 2 * MIB);
    heap->has_huge = madvise(base + 4 * MIB, 4 * MIB, MADV_HUGEPAGE) == 0;
    memset(base + 4 * MIB, 1, 4 * MIB);
    heap->has_huge = heap->has_huge && rollup(getpid(), "AnonHugePages:") >= 4 * MIB;
    volatile char sum = 0;
    for (size_t i = 0; i < MIB; i += PAGE) {
        sum = (char)(sum + base[8 * MIB + i]);
    }
    memset(base + 9 * MIB, 1, 3 * MIB);
    madvise(base + 9 * MIB, MIB, MADV_DONTNEED);
    base[12 * MIB] = 1;
    assert_int_equal(mprotect(base + 12 * MIB, 4 * MIB, PROT_NONE), 0);
    add(&heap->set, base + 8 * MIB, 4 * MIB, LUNALLOC_DIRTY);
    add(&heap->set, base, 8 * MIB, LUNALLOC_ACTIVE);
    add(&heap->set, base + 12 * MIB, 4 * MIB, LUNALLOC_RETAINED);
    assert_true(extent_set_tidy(&heap->set));
}

static void
sum_of(const heap_t *heap, const residency_t *residency, uint64_t bytes[RESIDENCY_KINDS]) {
    size_t run = 0;
    memset(bytes, 0, RESIDENCY_KINDS * sizeof(*bytes));
    for (size_t i = 0; i < heap->set.n; i++) {
        const extent_entry_t *entry = &heap->set.all[i];
        residency_sum(residency, &run, entry->addr, entry->addr + entry->size, bytes);
    }
}

static int
proc_of(pid_t pid) {
    char path[32];
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    return open(path, O_PATH | O_DIRECTORY);
}

/* The bytes of make_heap(), exactly. */
static void
assert_bytes(const heap_t *heap, const residency_t *residency) {
    uint64_t bytes[RESIDENCY_KINDS];
    sum_of(heap, residency, bytes);
    assert_int_equal(bytes[RESIDENCY_HUGE], heap->has_huge ? 4 * MIB : 0);
    assert_int_equal(bytes[RESIDENCY_PRESENT] + bytes[RESIDENCY_HUGE], 8 * MIB + PAGE);
    assert_int_equal(bytes[RESIDENCY_GUARD], 4 * MIB - PAGE);
    assert_int_equal(bytes[RESIDENCY_SWAPPED], 0);
    assert_int_equal(bytes[RESIDENCY_ABSENT], 4 * MIB);
}

static void
read_heap(const heap_t *heap, pid_t pid, residency_way_t way, residency_job_t *job, residency_t *out) {
    int directory = proc_of(pid);
    *out = (residency_t){0};
    *job = (residency_job_t){.set = &heap->set, .way = way, .out = out};
    int error = residency_read(job, directory);
    close(directory);
    if (way == RESIDENCY_SCAN && error == ENOSYS) {
        print_message("PAGEMAP_SCAN: this kernel has none\n");
        skip();
    }
    assert_int_equal(error, 0);
}

/* ---- this process ---- */

static void
check_own(residency_way_t way) {
    heap_t heap;
    residency_job_t job;
    residency_t known;
    make_heap(&heap);
    read_heap(&heap, getpid(), way, &job, &known);
    assert_int_equal(job.way, way);
    assert_bytes(&heap, &known);
    residency_free(&known);
    extent_set_free(&heap.set);
    munmap(heap.base, 16 * MIB);
}

static void
test_scan(void **state) {
    (void)state;
    check_own(RESIDENCY_SCAN);
}

/* The zero page is present in pagemap, and nothing there tells it: a page that was only read counts there. */
static void
test_pagemap(void **state) {
    (void)state;
    heap_t heap;
    residency_job_t job;
    residency_t known;
    uint64_t bytes[RESIDENCY_KINDS];
    make_heap(&heap);
    read_heap(&heap, getpid(), RESIDENCY_PAGEMAP, &job, &known);
    sum_of(&heap, &known, bytes);
    assert_int_equal(job.way, RESIDENCY_PAGEMAP);
    assert_int_equal(bytes[RESIDENCY_HUGE], heap.has_huge ? 4 * MIB : 0);
    assert_in_range(bytes[RESIDENCY_PRESENT] + bytes[RESIDENCY_HUGE], 8 * MIB + PAGE, 9 * MIB + PAGE);
    assert_int_equal(bytes[RESIDENCY_GUARD], 4 * MIB - PAGE);
    residency_free(&known);
    extent_set_free(&heap.set);
    munmap(heap.base, 16 * MIB);
}

static void
test_mincore(void **state) {
    (void)state;
    heap_t heap;
    residency_t known = {0};
    uint64_t bytes[RESIDENCY_KINDS];
    make_heap(&heap);
    residency_job_t job = {.set = &heap.set, .out = &known};
    assert_int_equal(residency_read(&job, -1), 0);
    assert_int_equal(job.way, RESIDENCY_MINCORE);
    sum_of(&heap, &known, bytes);
    assert_in_range(bytes[RESIDENCY_PRESENT], 8 * MIB + PAGE, 9 * MIB + PAGE);
    assert_int_equal(bytes[RESIDENCY_ABSENT] + bytes[RESIDENCY_PRESENT], 16 * MIB);
    residency_free(&known);
    extent_set_free(&heap.set);
    munmap(heap.base, 16 * MIB);
}

static void
test_guard_marks(void **state) {
    (void)state;
    char *base = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    heap_t heap = {.base = base};
    residency_job_t job;
    residency_t known;
    uint64_t bytes[RESIDENCY_KINDS];
    memset(base, 1, 8 * PAGE);
    if (madvise(base + 2 * PAGE, 3 * PAGE, MADV_GUARD_INSTALL) != 0) {
        munmap(base, 8 * PAGE);
        print_message("MADV_GUARD_INSTALL: this kernel has none\n");
        skip();
    }
    add(&heap.set, base, 8 * PAGE, LUNALLOC_ACTIVE);
    for (residency_way_t way = RESIDENCY_SCAN; way <= RESIDENCY_PAGEMAP; way++) {
        read_heap(&heap, getpid(), way, &job, &known);
        sum_of(&heap, &known, bytes);
        assert_int_equal(bytes[RESIDENCY_PRESENT], 5 * PAGE);
        assert_int_equal(bytes[RESIDENCY_GUARD], 3 * PAGE);
        residency_free(&known);
    }
    extent_set_free(&heap.set);
    munmap(base, 8 * PAGE);
}

/* ---- another process, and the whole of it ---- */

static void
assert_near(uint64_t got, uint64_t wanted) {
    uint64_t distance = got > wanted ? got - wanted : wanted - got;
    assert_true(distance * 100 <= wanted);
}

/* A child that sleeps, so that nothing moves. */
static void
test_sums_are_those_of_smaps_rollup(void **state) {
    (void)state;
    heap_t heap;
    residency_job_t job;
    residency_t known;
    int ready[2];
    char byte;
    make_heap(&heap);
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        memset(heap.base, 2, 2 * MIB);
        byte = (char)write(ready[1], "r", 1);
        for (;;) {
            pause();
        }
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    read_heap(&heap, child, RESIDENCY_SCAN, &job, &known);
    const uint64_t *bytes = job.process.bytes;
    uint64_t rss = rollup(child, "Rss:"), huge = rollup(child, "AnonHugePages:"), swap = rollup(child, "Swap:");
    residency_free(&known);
    read_heap(&heap, child, RESIDENCY_BEST, &job, &known);
    assert_bytes(&heap, &known);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_true(job.has_process);
    assert_near(bytes[RESIDENCY_PRESENT] + bytes[RESIDENCY_HUGE], rss);
    assert_true(bytes[RESIDENCY_HUGE] >= huge);
    assert_near(bytes[RESIDENCY_SWAPPED], swap);
    residency_free(&known);
    extent_set_free(&heap.set);
    munmap(heap.base, 16 * MIB);
    close(ready[0]);
    close(ready[1]);
}

static void
test_process_that_has_ended(void **state) {
    (void)state;
    heap_t heap = {0};
    residency_t known = {0};
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    int directory = proc_of(child);
    waitpid(child, NULL, 0);
    add(&heap.set, (char *)PAGE, PAGE, LUNALLOC_ACTIVE);
    residency_job_t job = {.set = &heap.set, .out = &known};
    assert_int_equal(residency_read(&job, directory), ESRCH);
    assert_int_equal(known.n, 0);
    close(directory);
    extent_set_free(&heap.set);
}

/* ---- runs ---- */

static void
test_guards_fill_gaps(void **state) {
    (void)state;
    const extent_span_t spans[] = {{0, 100}};
    residency_t runs = {0};
    residency_builder_t builder = {.out = &runs, .spans = spans, .nspans = 1};
    residency_put(&builder, 10, 20, RESIDENCY_PRESENT);
    residency_put(&builder, 20, 30, RESIDENCY_PRESENT);
    residency_put(&builder, 15, 25, RESIDENCY_HUGE); /* it is behind: nothing new */
    residency_put(&builder, 40, 50, RESIDENCY_ABSENT);
    residency_put(&builder, 50, 60, RESIDENCY_SWAPPED);
    residency_put(&builder, 90, 200, RESIDENCY_HUGE);
    const extent_span_t guards[] = {{0, 5}, {25, 55}, {58, 70}, {95, 99}};
    assert_true(residency_add_guards(&runs, guards, 4));
    static const residency_run_t wanted[] = {
        {0, 5, RESIDENCY_GUARD},     {10, 30, RESIDENCY_PRESENT}, {30, 50, RESIDENCY_GUARD},
        {50, 60, RESIDENCY_SWAPPED}, {60, 70, RESIDENCY_GUARD},   {90, 100, RESIDENCY_HUGE},
    };
    assert_int_equal(runs.n, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(runs.all[i].start, wanted[i].start);
        assert_int_equal(runs.all[i].end, wanted[i].end);
        assert_int_equal(runs.all[i].kind, wanted[i].kind);
    }
    residency_free(&runs);
}

/* A raster by residency has the bytes of the sums. */
static void
test_raster_by_residency(void **state) {
    (void)state;
    heap_t heap;
    residency_job_t job;
    residency_t known;
    uint64_t bytes[RESIDENCY_KINDS];
    map_keys_t keys;
    map_totals_t totals;
    char cells[17] = {0};
    make_heap(&heap);
    read_heap(&heap, getpid(), RESIDENCY_SCAN, &job, &known);
    const map_span_t span = {(uintptr_t)heap.base, (uintptr_t)heap.base + 16 * MIB, 0};
    const map_layout_t layout = {&span, 1, MIB, 16};
    map_keys_init(&keys, MAP_BY_RESIDENCY, LUNALLOC_ALL, &heap.set);
    map_raster(&heap.set, &known, &keys, &layout, cells, &totals);
    sum_of(&heap, &known, bytes);
    assert_memory_equal(totals.bytes, bytes, sizeof(bytes));
    assert_string_equal(cells, heap.has_huge ? "2211333311225555" : "2211222211225555");
    residency_free(&known);
    extent_set_free(&heap.set);
    munmap(heap.base, 16 * MIB);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_pagemap),
        cmocka_unit_test(test_mincore),
        cmocka_unit_test(test_guard_marks),
        cmocka_unit_test(test_sums_are_those_of_smaps_rollup),
        cmocka_unit_test(test_process_that_has_ended),
        cmocka_unit_test(test_guards_fill_gaps),
        cmocka_unit_test(test_raster_by_residency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
