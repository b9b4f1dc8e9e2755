/*
 * page_alloc_threads_test.c -- four threads at random work on one arena's pages, extents passing from one to the other,
 * while a fifth looks at the whole structure. Run under ThreadSanitizer, it is also the test of the locking protocol.
 */
#include "../base/breathe.h"
#include "pages.h"

#include "os/clock.h"

#include <pthread.h>

#define THREADS    4
#define SLOTS      48
#define OPERATIONS 20000

static page_alloc_t pa;
/* The thread that takes an extent out of a slot owns it. */
static extent_t *_Atomic slots[SLOTS];
static atomic_bool finished;
static atomic_uint damaged, refused;

/* The first word of each page says where it is and whose. */
static uintptr_t
word_of(const extent_t *e, uintptr_t addr) {
    return addr ^ (uintptr_t)e;
}

static void
stamp(const extent_t *e) {
    for (uintptr_t addr = e->addr; addr < extent_end(e); addr += sc.page) {
        *(uintptr_t *)addr = word_of(e, addr);
    }
}

static void
verify(const extent_t *e) {
    for (uintptr_t addr = e->addr; addr < extent_end(e); addr += sc.page) {
        damaged += *(uintptr_t *)addr != word_of(e, addr);
    }
}

static extent_t *
make(uint64_t *seed) {
    size_t npages = 1 + random_below(seed, random_below(seed, 8) == 0 ? 200 : 16);
    size_t alignment = sc.page << (random_below(seed, 4) == 0 ? random_below(seed, 6) : 0);
    extent_t *e = alloc_aligned(&pa, npages, alignment);
    refused += e == NULL;
    return e;
}

/* An extent that this thread alone has: resized in place, or left as it is. */
static void
resize(extent_t *e, uint64_t *seed) {
    size_t npages = 1 + random_below(seed, 2 * (unsigned)extent_npages(e));
    size_t size = npages * sc.page;
    if (size > e->size) {
        pa_expand(&pa, e, size, sc_index(size));
    } else if (size < e->size) {
        pa_shrink(&pa, e, size, sc_index(size));
    }
}

static void
step(uint64_t *seed) {
    extent_t *_Atomic *slot = &slots[random_below(seed, SLOTS)];
    extent_t *e = atomic_exchange(slot, NULL);
    if (e == NULL) {
        e = make(seed);
    } else {
        verify(e);
        if (random_below(seed, 3) == 0) {
            resize(e, seed);
        } else {
            pa_dalloc(&pa, e);
            e = NULL;
        }
    }
    if (e != NULL) {
        stamp(e);
        e = atomic_exchange(slot, e);
    }
    if (e != NULL) {
        verify(e);
        pa_dalloc(&pa, e);
    }
}

static void
upkeep(uint64_t *seed) {
    switch (random_below(seed, 400)) {
    case 0:
        pa_purge_all(&pa);
        break;
    case 1:
        pa_release_unused(&pa);
        break;
    case 2:
        pa_set_decay_ms(&pa, extent_dirty, (int64_t)random_below(seed, 50) - 1, clock_ns());
        break;
    case 3:
        pa_set_decay_ms(&pa, extent_muzzy, (int64_t)random_below(seed, 50) - 1, clock_ns());
        break;
    case 4:
        atomic_set(&pa.dirty_max, (int64_t)(random_below(seed, 500) * sc.page) - 1);
        break;
    default:
        pa_tick(&pa, clock_ns());
        break;
    }
}

static void *
work(void *number) {
    uint64_t seed = (uint64_t)(uintptr_t)number;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        step(&seed);
        upkeep(&seed);
    }
    return NULL;
}

/* Counts the looks that it took; a fault goes into `broken`. */
static const char *_Atomic broken;

static void *
watch(void *looks) {
    while (!finished && broken == NULL) {
        uint64_t began = clock_ns();
        if (config_debug) {
            pa_check(&pa);
        }
        layout_t layout = walk(&pa);
        broken = layout.broken;
        *(unsigned *)looks += 1;
        breathe(began);
    }
    return NULL;
}

static void
free_the_rest(void) {
    for (unsigned i = 0; i < SLOTS; i++) {
        extent_t *e = slots[i];
        if (e != NULL) {
            verify(e);
            pa_dalloc(&pa, e);
            slots[i] = NULL;
        }
    }
}

static void
test_extents_in_transition_protected_by_state(void **state) {
    (void)state;
    pthread_t threads[THREADS], watcher;
    unsigned looks = 0;
    pages_begin(&pa, 20, 20);
    assert_int_equal(pthread_create(&watcher, NULL, watch, &looks), 0);
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    finished = true;
    pthread_join(watcher, NULL);
    if (broken != NULL) {
        fail_msg("%s", broken);
    }
    assert_int_equal(damaged, 0);
    assert_int_equal(refused, 0);
    assert_true(looks > 0);
    free_the_rest();
    assert_int_equal(damaged, 0);
    pages_end(&pa);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extents_in_transition_protected_by_state),
    };
    return cmocka_run_group_tests_name("extent/page_alloc_threads", tests, boot_allocator, NULL);
}
