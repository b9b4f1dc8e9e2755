/* record_area_test.c -- the layout of a recording's memory: shapes that are allowed, and what its reader may see. */
#include "../base/testing.h"
#include "observe/record_area.h"

static const record_shape_t usual = {.nrings = 3, .lg_ring = RECORD_LG_MIN, .mode = record_pages};

static void *
make_area(size_t *size) {
    *size = record_area_size(&usual);
    void *area = lunalloc_aligned_alloc(RECORD_HEAD, *size);
    assert_non_null(area);
    memset(area, 0, *size);
    record_area_init(area, &usual);
    return area;
}

static void
test_shape(void **state) {
    (void)state;
    size_t size;
    void *area = make_area(&size);
    record_shape_t got;
    assert_int_equal(size, RECORD_HEAD + RECORD_HEAD + 3 * RECORD_HEAD);
    assert_true(record_area_check(area, size, &got));
    assert_memory_equal(&got, &usual, sizeof got);
    assert_false(record_area_check(area, size - RECORD_HEAD, &got));
    assert_false(record_area_check(area, size + 1, &got));
    assert_false(record_area_check(area, 0, &got));
    lunalloc_free(area);
}

static void
test_shapes_that_are_not_allowed(void **state) {
    (void)state;
    const record_shape_t wrong[] = {
        {0, 20, 0, 0}, {RECORD_RINGS_MAX + 1, 20, 0, 0},
        {1, 11, 0, 0}, {1, RECORD_LG_MAX + 1, 0, 0},
        {1, 64, 0, 0}, {1, 20, record_modes, 0},
        {1, 20, 0, 2}, {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
    };
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        assert_int_equal(record_area_size(&wrong[i]), 0);
    }
    assert_true(record_area_size(&(record_shape_t){RECORD_RINGS_MAX, RECORD_LG_MAX, 0, 1}) > (size_t)1 << 35);
}

static void
test_foreign_heads(void **state) {
    (void)state;
    size_t size;
    record_head_t *head = make_area(&size);
    record_shape_t got;
    head->version = RECORD_VERSION + 1;
    assert_false(record_area_check(head, size, &got));
    head->version = RECORD_VERSION;
    head->magic[7] = 'x';
    assert_false(record_area_check(head, size, &got));
    head->magic[7] = '\0';
    assert_true(record_area_check(head, size, &got));
    lunalloc_free(head);
}

/* No two rings share a byte, and the last one ends where the area does. */
static void
test_rings_lie_apart(void **state) {
    (void)state;
    size_t size;
    uint8_t *area = make_area(&size);
    for (uint32_t i = 0; i < usual.nrings; i++) {
        assert_ptr_equal(record_area_bytes(area, &usual, i), area + size - (3 - i) * ((size_t)1 << usual.lg_ring));
        assert_true((uint8_t *)(record_area_ring(area, i) + 1) <= record_area_bytes(area, &usual, 0));
    }
    lunalloc_free(area);
}

static void
test_reader(void **state) {
    (void)state;
    size_t size, len, ring = (size_t)1 << usual.lg_ring, segment = (size_t)1 << record_lg_segment(&usual);
    void *area = make_area(&size);
    const uint8_t *bytes;
    assert_int_equal(record_segments(&usual), 4);
    assert_false(record_ring_peek(area, &usual, 1, 0, &bytes, &len));
    atomic_set(&record_area_ring(area, 1)->written, 10 * ring + 100);
    assert_true(record_ring_peek(area, &usual, 1, 9 * ring + 200, &bytes, &len));
    assert_ptr_equal(bytes, record_area_bytes(area, &usual, 1) + 200);
    assert_int_equal(len, segment - 200);
    atomic_set(&record_area_ring(area, 1)->map[1], 3);
    assert_true(record_ring_peek(area, &usual, 1, 9 * ring + segment + 7, &bytes, &len));
    assert_ptr_equal(bytes, record_area_bytes(area, &usual, 1) + 3 * segment + 7);
    atomic_set(&record_area_ring(area, 1)->map[1], 255); /* a segment that cannot be: one that can is read */
    assert_true(record_ring_peek(area, &usual, 1, 9 * ring + segment + 7, &bytes, &len));
    assert_ptr_equal(bytes, record_area_bytes(area, &usual, 1) + 3 * segment + 7);
    record_ring_done(area, 1, 10 * ring);
    assert_int_equal(atomic_get(&record_area_ring(area, 1)->read), 10 * ring);
    assert_true(record_ring_peek(area, &usual, 1, 10 * ring, &bytes, &len));
    assert_ptr_equal(bytes, record_area_bytes(area, &usual, 1));
    assert_int_equal(len, 100);
    assert_false(record_ring_peek(area, &usual, 0, 0, &bytes, &len));
    lunalloc_free(area);
}

/* A target's position that cannot be: behind the reader's, or more than a ring ahead. */
static void
test_hostile_writer(void **state) {
    (void)state;
    size_t size, len;
    void *area = make_area(&size);
    const uint8_t *bytes;
    const uint64_t written[] = {99, UINT64_MAX, 101 + (UINT64_C(1) << RECORD_LG_MIN)};
    for (size_t i = 0; i < LENGTH(written); i++) {
        atomic_set(&record_area_ring(area, 2)->written, written[i]);
        assert_true(record_ring_peek(area, &usual, 2, 100, &bytes, &len));
        assert_int_equal(len, 0);
    }
    lunalloc_free(area);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape),         cmocka_unit_test(test_shapes_that_are_not_allowed),
        cmocka_unit_test(test_foreign_heads), cmocka_unit_test(test_rings_lie_apart),
        cmocka_unit_test(test_reader),        cmocka_unit_test(test_hostile_writer),
    };
    return cmocka_run_group_tests_name("record_area", tests, boot_allocator, NULL);
}
