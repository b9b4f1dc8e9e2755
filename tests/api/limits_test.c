/*
 * limits_test.c -- what the system refuses later than at boot: limits below what is in use, files, memory that must
 * stay resident. Each case is a child's, whose limits nobody else has.
 */
#include "support.h"

#include "arena/arenas.h"
#include "extent/pagemap.h"
#include "os/pages.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define MEBIBYTE ((size_t)1 << 20)

/* Sanitizers have their own needs of memory, and open files. */
static void
require_bare(void) {
    if (config_asan || config_tsan) {
        print_message("skip: a sanitizer needs memory itself\n");
        skip();
    }
}

static void
lower(__rlimit_resource_t resource) {
    struct rlimit limit;
    getrlimit(resource, &limit);
    limit.rlim_cur = 4096;
    child_assert(setrlimit(resource, &limit) == 0);
}

static void
purge(void) {
    child_assert(lunalloc_ctl_set("arena.4096.purge", NULL, NULL, 0) == 0);
}

static bool
filled_with(const unsigned char *p, size_t size, unsigned char value) {
    return p != NULL && all_bytes(p, size, value);
}

/* ---- RLIMIT_AS, RLIMIT_DATA ---- */

/* Addresses are there, the limit is below what is mapped: what is returned can be used, and nothing is lost. */
static void
grow_below_limit(void *resource) {
    unsigned char *first = lunalloc_malloc(64 * MEBIBYTE), *second = lunalloc_malloc(4 * MEBIBYTE);
    memset(first, 1, 64 * MEBIBYTE);
    memset(second, 2, 4 * MEBIBYTE);
    lunalloc_free(first);
    purge();
    lower((__rlimit_resource_t)(uintptr_t)resource);
    unsigned char *grown = lunalloc_realloc(second, 12 * MEBIBYTE);
    child_assert(filled_with(grown != NULL ? grown : second, 4 * MEBIBYTE, 2));
    if (grown != NULL) {
        memset(grown, 3, 12 * MEBIBYTE);
    }
    lunalloc_free(grown != NULL ? grown : second);
}

/* The same of memory that idle extents give. */
static void
reuse_below_limit(void *resource) {
    unsigned char *blocks[8], *walls[8], *whole = lunalloc_malloc(64 * MEBIBYTE);
    lunalloc_free(whole);
    purge();
    for (unsigned i = 0; i < 8; i++) {
        blocks[i] = lunalloc_malloc(2 * MEBIBYTE);
        walls[i] = lunalloc_malloc(16384);
        memset(blocks[i], 1, 2 * MEBIBYTE);
    }
    for (unsigned i = 0; i < 8; i++) {
        lunalloc_free(blocks[i]);
    }
    lower((__rlimit_resource_t)(uintptr_t)resource);
    for (unsigned i = 0; i < 3; i++) {
        unsigned char *p = lunalloc_malloc((5 + i) * MEBIBYTE);
        if (p != NULL) {
            memset(p, 4, (5 + i) * MEBIBYTE);
        }
        lunalloc_free(p);
    }
    for (unsigned i = 0; i < 8; i++) {
        lunalloc_free(walls[i]);
    }
}

static void
test_limit_lowered_below_use(void **state) {
    (void)state;
    require_bare();
    static const __rlimit_resource_t limits[] = {RLIMIT_AS, RLIMIT_DATA};
    for (unsigned i = 0; i < 2; i++) {
        outcome_t out = in_child(grow_below_limit, (void *)(uintptr_t)limits[i]);
        assert_child_well(&out);
        out = in_child(reuse_below_limit, (void *)(uintptr_t)limits[i]);
        assert_child_well(&out);
    }
}

/* A guard that cannot be made accessible again: the memory goes back, and serves again when the limit allows it. */
static void
free_guarded_below_limit(void *resource) {
    struct rlimit before;
    lunalloc_free(lunalloc_malloc(1));
    child_assert(lunalloc_ctl_set("arena.4096.guard", "true", NULL, 0) == 0);
    unsigned char *p = lunalloc_malloc(MEBIBYTE);
    memset(p, 1, MEBIBYTE);
    page_alloc_t *pages = &arenas_get(0)->pages;
    size_t nguards = atomic_get(&pages->guard_pages), retained = atomic_get(&pages->retained.npages);
    getrlimit((__rlimit_resource_t)(uintptr_t)resource, &before);
    lower((__rlimit_resource_t)(uintptr_t)resource);
    lunalloc_free(p);
    child_assert(atomic_get(&pages->guard_pages) == nguards - 1);
    child_assert(atomic_get(&pages->retained.npages) == retained + MEBIBYTE / sc.page + 1);
    setrlimit((__rlimit_resource_t)(uintptr_t)resource, &before);
    child_assert(lunalloc_ctl_set("arena.4096.guard", "false", NULL, 0) == 0);
    unsigned char *again = lunalloc_calloc(1, MEBIBYTE + MEBIBYTE / 8);
    child_assert(filled_with(again, MEBIBYTE + MEBIBYTE / 8, 0));
    memset(again, 2, MEBIBYTE + MEBIBYTE / 8);
    lunalloc_free(again);
}

static void
test_guard_that_cannot_be_taken_away(void **state) {
    (void)state;
    require_bare();
    outcome_t out = in_child(free_guarded_below_limit, (void *)(uintptr_t)RLIMIT_DATA);
    assert_child_well(&out);
}

/* ---- no files after boot ---- */

#define ALLOW(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* Memory, time, ending, and writing a message. Everything else, above all opening files, kills. */
static void
allow_memory_only(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_mmap),
        ALLOW(SYS_munmap),
        ALLOW(SYS_mremap),
        ALLOW(SYS_mprotect),
        ALLOW(SYS_madvise),
        ALLOW(SYS_write),
        ALLOW(SYS_clock_gettime),
        ALLOW(SYS_futex),
        ALLOW(SYS_sched_yield),
        ALLOW(SYS_exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    child_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        _exit(77);
    }
}

/* More than 1,024 moves, growth, purges, everything that is asked of large allocations. */
static void
work_in_sandbox(void *mode) {
    uint64_t seed = 7;
    unsigned char *blocks[6] = {NULL};
    lunalloc_free(lunalloc_malloc(1));
    child_assert(lunalloc_ctl_set("arena.0.guard", mode != NULL ? "true" : "false", NULL, 0) == 0);
    allow_memory_only();
    for (unsigned i = 0; i < (mode != NULL ? 200 : 1300); i++) {
        unsigned char **p = &blocks[rnd_below(&seed, 6)];
        size_t size = MEBIBYTE + rnd_below(&seed, 6 * MEBIBYTE);
        if (i % 3 == 0) {
            *p = lunalloc_realloc(*p, size);
        } else {
            lunalloc_free(*p);
            *p = i % 5 == 0 ? lunalloc_calloc(1, size) : lunalloc_malloc(size);
        }
        child_assert(*p != NULL);
        (*p)[0] = (*p)[size - 1] = 1;
    }
    for (unsigned i = 0; i < 6; i++) {
        lunalloc_free(blocks[i]);
    }
    purge();
}

static void
test_no_file_is_opened_after_boot(void **state) {
    (void)state;
    require_bare();
    for (uintptr_t mode = 0; mode < 2; mode++) {
        outcome_t out = in_child(work_in_sandbox, (void *)mode);
        if (WIFEXITED(out.status) && WEXITSTATUS(out.status) == 77) {
            print_message("skip: no seccomp filters here\n");
            skip();
        }
        assert_child_well(&out);
    }
}

/* ---- more guards than the system has mappings ---- */

enum {
    NBLOCKS = 100000
};

static void
allocate_guarded(void *context) {
    static void *blocks[NBLOCKS];
    (void)context;
    lunalloc_free(lunalloc_malloc(1));
    child_assert(lunalloc_ctl_set("arena.0.guard", "true", NULL, 0) == 0);
    page_alloc_t *pages = &arenas_get(0)->pages;
    for (unsigned i = 0; i < NBLOCKS; i++) {
        blocks[i] = lunalloc_malloc(20000);
        child_assert(blocks[i] != NULL);
    }
    size_t nguards = atomic_get(&pages->guard_pages);
    child_assert(nguards > 0 && nguards < NBLOCKS);
    child_assert(nguards + atomic_get(&pages->missing_guards) >= NBLOCKS);
    char *other = mmap(NULL, sc.page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    child_assert(other != MAP_FAILED); /* there are mappings left */
    for (unsigned i = 0; i < NBLOCKS; i++) {
        lunalloc_free(blocks[i]);
    }
    child_assert(atomic_get(&pages->guard_pages) < 100);
    blocks[0] = lunalloc_malloc(MEBIBYTE); /* there is room for guards again */
    child_assert(pagemap_extent((uintptr_t)blocks[0])->guarded);
    lunalloc_free(blocks[0]);
}

static void
test_guards_are_left_out_rather_than_memory(void **state) {
    (void)state;
    require_bare();
    outcome_t out = in_child(allocate_guarded, NULL);
    assert_child_well(&out);
}

/* ---- memory that is locked ---- */

enum {
    NLOCKED = 4096 /* of a page each */
};

/* Of this process, bytes; no allocation on the way. */
static size_t
resident_bytes(void) {
    char text[128] = "";
    size_t total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    child_assert(file != NULL);
    setvbuf(file, NULL, _IONBF, 0);
    child_assert(fgets(text, sizeof text, file) != NULL);
    fclose(file);
    child_assert(sscanf(text, "%zu %zu", &total, &resident) == 2);
    return resident * pages_size();
}

/* Linux 5.18. */
#define ADVICE_DONTNEED_LOCKED 24

/* 77: it cannot be seen here, because pages are not given back at all, or locked ones never, or locking is not
 * allowed. */
static void
lock_all(void) {
    char *page = pages_map(sc.page, sc.page);
    child_assert(page != NULL);
    *page = 1;
    bool gives = pages_purge_forced(page, sc.page);
    if (!gives || mlockall(MCL_FUTURE) != 0 || madvise(page, sc.page, ADVICE_DONTNEED_LOCKED) != 0) {
        _exit(77);
    }
    void *much = mmap(NULL, 256 * MEBIBYTE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (much == MAP_FAILED) {
        _exit(77);
    }
    munmap(much, 256 * MEBIBYTE);
}

/* What is resident is what was handed out, and as much as that goes back. */
static void
use_locked_memory(void *context) {
    static void *blocks[NLOCKED];
    (void)context;
    lunalloc_free(lunalloc_malloc(1));
    child_assert(lunalloc_ctl_set("thread.arena", "0", NULL, 0) == 0);
    lock_all();
    size_t before = resident_bytes(), used = NLOCKED * sc.page;
    for (unsigned i = 0; i < NLOCKED; i++) {
        blocks[i] = lunalloc_malloc(sc.page);
        child_assert(blocks[i] != NULL);
        memset(blocks[i], 1, sc.page);
    }
    size_t live = resident_bytes() - before;
    child_assert(live >= used && live < used + 3 * MEBIBYTE);
    for (unsigned i = 0; i < NLOCKED; i++) {
        lunalloc_free(blocks[i]);
    }
    child_assert(lunalloc_ctl_set("thread.tcache.flush", NULL, NULL, 0) == 0);
    purge();
    child_assert(resident_bytes() < before + 3 * MEBIBYTE);
    unsigned char *zeros = lunalloc_calloc(1, 2 * MEBIBYTE);
    child_assert(filled_with(zeros, 2 * MEBIBYTE, 0));
    child_assert(munlockall() == 0);
    lunalloc_free(zeros);
    lunalloc_free(lunalloc_malloc(64 * MEBIBYTE));
}

static void
test_locked_memory_is_no_more_than_is_used(void **state) {
    (void)state;
    require_bare();
    outcome_t out = in_child(use_locked_memory, NULL);
    if (WIFEXITED(out.status) && WEXITSTATUS(out.status) == 77) {
        print_message("skip: locked memory is not given back here, or may not be locked\n");
        skip();
    }
    assert_child_well(&out);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit_lowered_below_use),
        cmocka_unit_test(test_guard_that_cannot_be_taken_away),
        cmocka_unit_test(test_no_file_is_opened_after_boot),
        cmocka_unit_test(test_guards_are_left_out_rather_than_memory),
        cmocka_unit_test(test_locked_memory_is_no_more_than_is_used),
    };
    return cmocka_run_group_tests_name("api/limits", tests, NULL, NULL);
}
