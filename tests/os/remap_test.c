/* remap_test.c -- moving memory, and when it is not done. */
#include "../base/testing.h"

#include "os/fault.h"
#include "os/pages.h"
#include "os/remap.h"

#include <errno.h>
#include <sys/mman.h>

/* As remap_linux.c has them. */
enum {
    MAPPINGS_MAX = 16384,
    PERIOD = 1024
};

enum {
    NPAGES = 64
};

static size_t
bytes(size_t npages) {
    return npages * pages_size();
}

static unsigned char *
map_filled(size_t npages, int value) {
    unsigned char *pages = pages_map(bytes(npages), pages_size());
    assert_non_null(pages);
    memset(pages, value, bytes(npages));
    return pages;
}

static void
need_able(void) {
    if (!remap_able()) {
        print_message("skip: this system does not move memory\n");
        skip();
    }
}

static bool
holds(const unsigned char *at, size_t npages, unsigned char value) {
    for (size_t i = 0; i < bytes(npages); i++) {
        if (at[i] != value) {
            return false;
        }
    }
    return true;
}

static size_t
resident(unsigned char *at, size_t npages) {
    unsigned char in_core[4 * NPAGES];
    size_t n = 0;
    assert_int_equal(mincore(at, bytes(npages), in_core), 0);
    for (size_t i = 0; i < npages; i++) {
        n += in_core[i] & 1;
    }
    return n;
}

static void
test_moves(void **state) {
    (void)state;
    need_able();
    unsigned char *from = map_filled(NPAGES, 1), *to = map_filled(NPAGES, 2);
    errno = 7;
    assert_true(remap(from, to, bytes(NPAGES)));
    assert_int_equal(errno, 7);
    assert_int_equal(resident(from, NPAGES), 0);
    assert_int_equal(resident(to, NPAGES), NPAGES);
    assert_true(holds(to, NPAGES, 1));
    assert_true(holds(from, NPAGES, 0));
    memset(from, 3, bytes(NPAGES));
    assert_true(holds(to, NPAGES, 1));
    pages_unmap(from, bytes(NPAGES));
    pages_unmap(to, bytes(NPAGES));
}

/* Out of the middle of one range, across what earlier moves have left, into the middle of another. */
static void
test_moves_pieces(void **state) {
    (void)state;
    need_able();
    unsigned char *a = map_filled(NPAGES, 1), *b = map_filled(NPAGES, 2), *c = map_filled(NPAGES, 3);
    assert_true(remap(a + bytes(8), b + bytes(16), bytes(8)));
    assert_true(remap(a + bytes(32), b + bytes(24), bytes(4)));
    assert_true(remap(b + bytes(10), c + bytes(5), bytes(30)));
    assert_true(holds(c + bytes(5), 6, 2));
    assert_true(holds(c + bytes(11), 12, 1));
    assert_true(holds(c + bytes(23), 12, 2));
    assert_true(holds(c, 5, 3) && holds(c + bytes(35), NPAGES - 35, 3));
    assert_true(holds(b + bytes(10), 30, 0));
    assert_true(holds(a, 8, 1) && holds(a + bytes(8), 8, 0) && holds(a + bytes(36), NPAGES - 36, 1));
    pages_unmap(a, bytes(NPAGES));
    pages_unmap(b, bytes(NPAGES));
    pages_unmap(c, bytes(NPAGES));
}

static bool
no_move(fault_kind_t kind) {
    return kind == fault_move;
}

static void
test_refused(void **state) {
    (void)state;
    unsigned char *from = map_filled(1, 1), *to = map_filled(1, 2);
    atomic_set(&fault_slot, no_move);
    assert_false(remap(from, to, bytes(1)));
    atomic_set(&fault_slot, NULL);
    assert_true(holds(from, 1, 1) && holds(to, 1, 2));
    pages_unmap(from, bytes(1));
    pages_unmap(to, bytes(1));
}

static bool
able_after_a_count(void) {
    bool able = false;
    for (int i = 0; i < PERIOD; i++) {
        able = remap_able();
    }
    return able;
}

/* Every other page with other rights: as many mappings as pages. */
static void
test_no_more_mappings(void **state) {
    (void)state;
    need_able();
    size_t size = bytes(MAPPINGS_MAX);
    char *pages = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(pages != MAP_FAILED);
    for (size_t i = 0; i < MAPPINGS_MAX; i += 2) {
        assert_int_equal(mprotect(pages + bytes(i), bytes(1), PROT_READ), 0);
    }
    assert_false(able_after_a_count());
    munmap(pages, size);
    assert_true(able_after_a_count());
}

/* What could not be moved leaves no hole, and it is not tried again. Runs last. */
static void
test_failure(void **state) {
    (void)state;
    need_able();
    unsigned char *from = map_filled(2, 1), *to = map_filled(2, 2);
    pages_unmap(from, bytes(2));
    assert_false(remap(from, to, bytes(2)));
    memset(to, 4, bytes(2));
    assert_false(able_after_a_count());
    pages_unmap(to, bytes(2));
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves),   cmocka_unit_test(test_moves_pieces),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_no_more_mappings),
        cmocka_unit_test(test_failure),
    };
    return cmocka_run_group_tests_name("os/remap", tests, NULL, NULL);
}
