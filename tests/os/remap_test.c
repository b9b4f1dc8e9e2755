/* remap_test.c -- moving memory, and when it is not done. */
#include "../base/testing.h"

#include "os/pages.h"
#include "os/remap.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/utsname.h>

enum {
    NPAGES = 64
};

static size_t
bytes(size_t npages) {
    return npages * pages_size();
}

/* The system's own: what is lost may be given back in part. */
static unsigned char *
map(size_t npages) {
    unsigned char *pages = mmap(NULL, bytes(npages), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    return pages;
}

static unsigned char *
map_filled(size_t npages, int value) {
    unsigned char *pages = map(npages);
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

/* Where the system can, it is used: else all tests here would be skipped. */
static void
test_able_since_linux_6_17(void **state) {
    (void)state;
    struct utsname system;
    unsigned major = 0, minor = 0;
    assert_int_equal(uname(&system), 0);
    assert_int_equal(sscanf(system.release, "%u.%u", &major, &minor), 2);
    if (major < 6 || (major == 6 && minor < 17)) {
        print_message("skip: Linux %u.%u\n", major, minor);
        skip();
    }
    assert_true(remap_able());
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

static bool
moves(void *from, void *to, size_t npages) {
    bool lost = true;
    bool moved = remap(from, to, bytes(npages), &lost);
    assert_false(lost);
    return moved;
}

static void
test_moves(void **state) {
    (void)state;
    need_able();
    unsigned char *from = map_filled(NPAGES, 1), *to = map_filled(NPAGES, 2);
    errno = 7;
    assert_true(moves(from, to, NPAGES));
    assert_int_equal(errno, 7);
    assert_int_equal(resident(from, NPAGES), 0);
    assert_int_equal(resident(to, NPAGES), NPAGES);
    assert_true(holds(to, NPAGES, 1));
    assert_true(holds(from, NPAGES, 0));
    memset(from, 3, bytes(NPAGES));
    assert_true(holds(to, NPAGES, 1));
    munmap(from, bytes(NPAGES));
    munmap(to, bytes(NPAGES));
}

/* Out of the middle of one range, across what earlier moves have left, into the middle of another. */
static void
test_moves_pieces(void **state) {
    (void)state;
    need_able();
    unsigned char *a = map_filled(NPAGES, 1), *b = map_filled(NPAGES, 2), *c = map_filled(NPAGES, 3);
    assert_true(moves(a + bytes(8), b + bytes(16), 8));
    assert_true(moves(a + bytes(32), b + bytes(24), 4));
    assert_true(moves(b + bytes(10), c + bytes(5), 30));
    assert_true(holds(c + bytes(5), 6, 2));
    assert_true(holds(c + bytes(11), 12, 1));
    assert_true(holds(c + bytes(23), 12, 2));
    assert_true(holds(c, 5, 3) && holds(c + bytes(35), NPAGES - 35, 3));
    assert_true(holds(b + bytes(10), 30, 0));
    assert_true(holds(a, 8, 1) && holds(a + bytes(8), 8, 0) && holds(a + bytes(36), NPAGES - 36, 1));
    munmap(a, bytes(NPAGES));
    munmap(b, bytes(NPAGES));
    munmap(c, bytes(NPAGES));
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
    assert_false(moves(from, to, 1));
    atomic_set(&fault_slot, NULL);
    assert_true(holds(from, 1, 1) && holds(to, 1, 2));
    munmap(from, bytes(1));
    munmap(to, bytes(1));
}

/* ---- refused after the target has been unmapped ---- */

static bool
late(fault_kind_t kind) {
    return kind == fault_stranded;
}

static bool
late_and_no_refill(fault_kind_t kind) {
    return kind == fault_stranded || kind == fault_refill;
}

/* Another thread's mapping, made in the hole. */
static struct {
    unsigned char *at;
    unsigned countdown;
} stranger;

static bool
late_and_taken(fault_kind_t kind) {
    if (kind == fault_refill) {
        void *got = mmap(stranger.at, bytes(1), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        assert_ptr_equal(got, stranger.at);
        memset(stranger.at, 9, bytes(1));
    }
    return kind == fault_stranded && stranger.countdown-- == 0;
}

static bool
is_mapped(unsigned char *at, size_t npages) {
    unsigned char in_core[NPAGES];
    return mincore(at, bytes(npages), in_core) == 0;
}

static void
test_hole_is_filled(void **state) {
    (void)state;
    unsigned char *from = map_filled(2, 1), *to = map_filled(2, 2);
    atomic_set(&fault_slot, late);
    assert_false(moves(from, to, 2));
    atomic_set(&fault_slot, NULL);
    assert_true(holds(from, 2, 1) && holds(to, 2, 0));
    memset(to, 3, bytes(2));
    munmap(from, bytes(2));
    munmap(to, bytes(2));
}

static void
test_hole_cannot_be_filled(void **state) {
    (void)state;
    bool lost = false;
    unsigned char *from = map_filled(2, 1), *to = map_filled(2, 2);
    atomic_set(&fault_slot, late_and_no_refill);
    assert_false(remap(from, to, bytes(2), &lost));
    atomic_set(&fault_slot, NULL);
    assert_true(lost);
    assert_false(is_mapped(to, 1));
    assert_true(holds(from, 2, 1));
    munmap(from, bytes(2));
}

/* What lies in the hole then is nobody's business here. */
static void
test_hole_is_taken(void **state) {
    (void)state;
    bool lost = false;
    unsigned char *from = map_filled(3, 1), *to = map_filled(3, 2);
    stranger.at = to + bytes(1);
    stranger.countdown = 0;
    atomic_set(&fault_slot, late_and_taken);
    assert_false(remap(from, to, bytes(3), &lost));
    atomic_set(&fault_slot, NULL);
    assert_true(lost);
    assert_true(holds(stranger.at, 1, 9));
    assert_false(is_mapped(to, 1) || is_mapped(to + bytes(2), 1));
    munmap(from, bytes(3));
    munmap(stranger.at, bytes(1));
}

/* ---- contents that matter ---- */

/* Three mappings of 8, 4 and 20 pages, each with its number in it. */
static unsigned char *
map_three(void) {
    unsigned char *from = map_filled(32, 1);
    memset(from + bytes(8), 2, bytes(4));
    memset(from + bytes(12), 3, bytes(20));
    assert_int_equal(madvise(from + bytes(8), bytes(4), MADV_DONTFORK), 0);
    return from;
}

static void
assert_three(const unsigned char *at) {
    assert_true(holds(at, 8, 1) && holds(at + bytes(8), 4, 2) && holds(at + bytes(12), 20, 3));
}

static void
test_carries_one_mapping(void **state) {
    (void)state;
    need_able();
    bool moved = false;
    unsigned char *from = map_filled(32, 1), *to = map(NPAGES);
    errno = 7;
    assert_true(remap_carry(from, bytes(32), to, bytes(NPAGES), &moved));
    assert_int_equal(errno, 7);
    assert_true(moved);
    assert_true(holds(to, 32, 1) && holds(to + bytes(32), NPAGES - 32, 0));
    assert_int_equal(resident(from, 32), 0);
    assert_true(holds(from, 32, 0));
    munmap(from, bytes(32));
    munmap(to, bytes(NPAGES));
}

static void
test_carries_several_mappings(void **state) {
    (void)state;
    need_able();
    bool moved = false;
    unsigned char *from = map_three(), *to = map(NPAGES);
    assert_true(remap_carry(from, bytes(32), to, bytes(NPAGES), &moved));
    assert_true(moved);
    assert_three(to);
    assert_true(holds(to + bytes(32), NPAGES - 32, 0));
    assert_true(holds(from, 32, 0));
    assert_int_equal(resident(to, NPAGES), resident(to, 32) + NPAGES - 32);
    munmap(from, bytes(32));
    munmap(to, bytes(NPAGES));
}

static void
test_carry_refused_copies(void **state) {
    (void)state;
    bool moved = true;
    unsigned char *from = map_three(), *to = map(NPAGES);
    atomic_set(&fault_slot, no_move);
    assert_true(remap_carry(from, bytes(32), to, bytes(NPAGES), &moved));
    atomic_set(&fault_slot, NULL);
    assert_false(moved);
    assert_three(to);
    munmap(from, bytes(32));
    munmap(to, bytes(NPAGES));
}

static bool
late_once(fault_kind_t kind) {
    return kind == fault_stranded && stranger.countdown-- == 0;
}

/* The first mapping has been moved, the second one is not, and there is a hole for it: that is filled, and the rest is
 * copied. */
static void
test_carry_refused_midway_copies_the_rest(void **state) {
    (void)state;
    need_able();
    for (unsigned part = 0; part < 3; part++) {
        bool moved = true;
        unsigned char *from = map_three(), *to = map(NPAGES);
        stranger.countdown = part;
        atomic_set(&fault_slot, late_once);
        assert_true(remap_carry(from, bytes(32), to, bytes(NPAGES), &moved));
        atomic_set(&fault_slot, NULL);
        assert_false(moved);
        assert_three(to);
        munmap(from, bytes(32));
        munmap(to, bytes(NPAGES));
    }
}

/* The hole is another's: all is where it was, and nothing of the target is left but what is his. */
static void
test_carry_into_a_hole_that_is_taken(void **state) {
    (void)state;
    need_able();
    static const unsigned starts[] = {0, 8, 12};
    for (unsigned part = 0; part < 3; part++) {
        bool moved = true;
        unsigned char *from = map_three(), *to = map(NPAGES);
        stranger.at = to + bytes(starts[part] + 1);
        stranger.countdown = part;
        atomic_set(&fault_slot, late_and_taken);
        assert_false(remap_carry(from, bytes(32), to, bytes(NPAGES), &moved));
        atomic_set(&fault_slot, NULL);
        assert_three(from);
        for (unsigned i = 0; i < NPAGES; i++) {
            assert_int_equal(is_mapped(to + bytes(i), 1), to + bytes(i) == stranger.at);
        }
        assert_true(holds(stranger.at, 1, 9));
        munmap(from, bytes(32));
        munmap(stranger.at, bytes(1));
    }
}

/* ---- the trial ---- */

/* The system says that it gave pages back, and did not: some emulators after a move. */
static bool
forgets_to_forget(fault_kind_t kind) {
    return kind == fault_ineffective;
}

static void
test_trial_looks_at_contents(void **state) {
    (void)state;
    need_able();
    assert_true(remap_try());
    atomic_set(&fault_slot, forgets_to_forget);
    bool able = remap_try();
    atomic_set(&fault_slot, NULL);
    assert_false(able);
}

/* What could not be moved is not tried again. Runs last. */
static void
test_failure(void **state) {
    (void)state;
    need_able();
    bool lost;
    unsigned char *from = map_filled(2, 1), *to = map_filled(2, 2);
    munmap(from, bytes(2));
    assert_false(remap(from, to, bytes(2), &lost));
    assert_false(remap_able());
    if (!lost) {
        munmap(to, bytes(2));
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_able_since_linux_6_17),
        cmocka_unit_test(test_trial_looks_at_contents),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_moves_pieces),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hole_is_filled),
        cmocka_unit_test(test_hole_cannot_be_filled),
        cmocka_unit_test(test_hole_is_taken),
        cmocka_unit_test(test_carries_one_mapping),
        cmocka_unit_test(test_carries_several_mappings),
        cmocka_unit_test(test_carry_refused_copies),
        cmocka_unit_test(test_carry_refused_midway_copies_the_rest),
        cmocka_unit_test(test_carry_into_a_hole_that_is_taken),
        cmocka_unit_test(test_failure),
    };
    return cmocka_run_group_tests_name("os/remap", tests, NULL, NULL);
}
