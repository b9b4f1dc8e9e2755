/* oom_test.c -- no more memory: NULL and ENOMEM, nothing broken, and memory again after something was freed. */
#include "../api/support.h"
#include "../arena/check.h"

#include <errno.h>

#define MAX_BLOCKS 2000000

/* A process of its own lets itself have this much more address space than it uses now. */
static void
limit_memory(size_t more) {
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    child_assert(file != NULL && fscanf(file, "%zu", &pages) == 1);
    fclose(file);
    rlim_t bytes = pages * (size_t)sysconf(_SC_PAGESIZE) + more;
    struct rlimit limit = {bytes, bytes};
    child_assert(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void *blocks[MAX_BLOCKS];

/* Allocates until there is no more; returns how many. */
static size_t
exhaust(size_t size) {
    size_t n = 0;
    for (;; n++) {
        child_assert(n < MAX_BLOCKS);
        errno = 0;
        blocks[n] = lunalloc_malloc(size);
        if (blocks[n] == NULL) {
            break;
        }
        pattern_fill(blocks[n], size < 32 ? size : 32, n);
    }
    child_assert(errno == ENOMEM);
    return n;
}

/* Every entry point says so, and nothing that lives is harmed. */
static void
assert_refused(size_t size) {
    void *out = blocks;
    errno = 0;
    child_assert(lunalloc_calloc(1, size) == NULL && errno == ENOMEM);
    errno = 0;
    child_assert(lunalloc_aligned_alloc(4096, size) == NULL && errno == ENOMEM);
    errno = 0;
    child_assert(lunalloc_posix_memalign(&out, 4096, size) == ENOMEM && errno == 0 && out == blocks);
    errno = 0;
    child_assert(lunalloc_realloc(blocks[0], size) == NULL && errno == ENOMEM);
}

static void
exhaust_and_recover(void *arg) {
    size_t size = *(size_t *)arg;
    limit_memory((size_t)24 << 20);
    size_t n = exhaust(size);
    child_assert(n > 10);
    assert_refused((size_t)64 << 20);
    for (size_t i = 0; i < n; i++) {
        child_assert(pattern_holds(blocks[i], size < 32 ? size : 32, i));
    }
    for (size_t i = 0; i < n; i += 2) {
        lunalloc_free(blocks[i]);
    }
    for (size_t i = 0; i < n; i += 4) {
        blocks[i] = lunalloc_malloc(size);
        child_assert(blocks[i] != NULL);
    }
    for (size_t i = 1; i < n; i += 2) {
        child_assert(pattern_holds(blocks[i], size < 32 ? size : 32, i));
    }
    check_arenas();
}

static void
require_limits(void) {
    if (config_asan || config_tsan) {
        print_message("skip: a sanitizer needs all the address space\n");
        skip();
    }
}

static void
test_recovery(void **state) {
    (void)state;
    require_limits();
    size_t sizes[] = {64, 1000, 5000, 20000, 100000, 1000000};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        outcome_t out = in_child(exhaust_and_recover, &sizes[i]);
        assert_child_well(&out);
    }
}

/* Everything freed: as much as before is there again, in another size too. */
static void
exhaust_again(void *arg) {
    (void)arg;
    limit_memory((size_t)24 << 20);
    const size_t sizes[] = {50000, 300, 20000, 8000, 50000};
    size_t bytes[5];
    for (unsigned round = 0; round < 5; round++) {
        size_t n = exhaust(sizes[round]);
        bytes[round] = n * sizes[round];
        for (size_t i = 0; i < n; i++) {
            lunalloc_free(blocks[i]);
        }
        check_arenas();
    }
    for (unsigned round = 1; round < 5; round++) {
        child_assert(bytes[round] > bytes[0] / 3);
    }
}

static void
test_again_and_again(void **state) {
    (void)state;
    require_limits();
    outcome_t out = in_child(exhaust_again, NULL);
    assert_child_well(&out);
}

static _Atomic unsigned refused;
/* Opens when the limit is there. */
static pthread_barrier_t gate;

static void *
use_up(void *arg) {
    pthread_barrier_wait(&gate);
    uint64_t seed = (uintptr_t)arg + 1;
    void *held[3000] = {NULL};
    for (unsigned i = 0; i < 20000; i++) {
        size_t k = rnd_below(&seed, 3000);
        lunalloc_free(held[k]);
        held[k] = lunalloc_malloc(rnd_size(&seed, 16));
        atomic_add(&refused, held[k] == NULL);
    }
    for (unsigned k = 0; k < 3000; k++) {
        lunalloc_free(held[k]);
    }
    return NULL;
}

/* Threads run into the limit together, again and again. */
static void
exhaust_in_threads(void *arg) {
    (void)arg;
    pthread_t threads[4];
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, (size_t)256 << 10);
    pthread_barrier_init(&gate, NULL, 5);
    for (uintptr_t i = 0; i < 4; i++) {
        child_assert(pthread_create(&threads[i], &attr, use_up, (void *)i) == 0);
    }
    limit_memory((size_t)8 << 20);
    pthread_barrier_wait(&gate);
    for (unsigned i = 0; i < 4; i++) {
        child_assert(pthread_join(threads[i], NULL) == 0);
    }
    child_assert(atomic_get(&refused) > 0);
    check_arenas();
    void *p = lunalloc_malloc(100000);
    child_assert(p != NULL);
    lunalloc_free(p);
}

static void
test_threads(void **state) {
    (void)state;
    require_limits();
    outcome_t out = in_child(exhaust_in_threads, NULL);
    assert_child_well(&out);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recovery),
        cmocka_unit_test(test_again_and_again),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests_name("oom", tests, boot_allocator, NULL);
}
