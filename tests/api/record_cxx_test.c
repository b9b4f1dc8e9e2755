/* record_cxx_test.c -- recordings of C++'s operators, called by their names: each gives exactly its event. */
#include "../base/testing.h"
#include "cxx_operators.h"
#include "recording.h"

#if LUNALLOC_REPLACE
static const record_shape_t usual = {.nrings = 4, .lg_ring = 16, .clock_allowed = record_clock_tsc};
static recorder_side_t *side;
static drained_t drained; /* static: nothing of the test is on the heap */
static uint64_t number;

static void
forget(void) {
    drained.n = 0;
    drain_all(side, keep_event, &drained);
}

/* The only event since the last look. */
static void
expect(record_kind_t kind, const void *ptr, size_t size, unsigned lg_align) {
    forget();
    assert_int_equal(drained.n, 1);
    const record_event_t *event = drained.events;
    assert_string_equal(record_kind_name(event->kind), record_kind_name(kind));
    assert_int_equal(event->addr, (uintptr_t)ptr);
    assert_int_equal(event->size, size);
    assert_int_equal(event->lg_align, lg_align);
}

static int
begin_usual(void **state) {
    (void)state;
    side = new_recorder(usual);
    assert_int_equal(record_begin(side->fd, &number), 0);
    forget();
    return 0;
}

static int
end_usual(void **state) {
    (void)state;
    record_end(number);
    delete_recorder(side);
    return 0;
}

/* Hits and refills, small, cached large, and mapped sizes. */
static const size_t sizes[] = {0, 1, 24, 1024, 5000, 70000, 3 << 20};

typedef void *new_t(size_t size);
typedef void *new_nothrow_t(size_t size, const void *nothrow);
typedef void *new_aligned_t(size_t size, size_t alignment);
typedef void *new_aligned_nothrow_t(size_t size, size_t alignment, const void *nothrow);

static void
test_new(void **state) {
    (void)state;
    new_t *const plain[] = {_Znwm, _Znam};
    new_nothrow_t *const nothrow[] = {_ZnwmRKSt9nothrow_t, _ZnamRKSt9nothrow_t};
    for (size_t i = 0; i < LENGTH(sizes) * 2 * 20; i++) {
        size_t size = sizes[i / 2 % LENGTH(sizes)];
        void *ptr = plain[i % 2](size);
        expect(RECORD_MALLOC, ptr, size, 0);
        void *other = nothrow[i % 2](size, "");
        expect(RECORD_MALLOC, other, size, 0);
        lunalloc_free(ptr);
        lunalloc_free(other);
        forget();
    }
    assert_null(nothrow[0](SIZE_MAX / 2, ""));
    assert_null(nothrow[1](SIZE_MAX / 2, ""));
    forget();
    assert_int_equal(drained.n, 0);
}

static void
test_new_aligned(void **state) {
    (void)state;
    new_aligned_t *const plain[] = {_ZnwmSt11align_val_t, _ZnamSt11align_val_t};
    new_aligned_nothrow_t *const nothrow[] = {_ZnwmSt11align_val_tRKSt9nothrow_t, _ZnamSt11align_val_tRKSt9nothrow_t};
    for (size_t i = 0; i < LENGTH(sizes) * 2 * 10; i++) {
        size_t size = sizes[i / 2 % LENGTH(sizes)];
        unsigned lg = 4 + (unsigned)(i % 9);
        void *ptr = plain[i % 2](size, (size_t)1 << lg);
        expect(RECORD_ALIGNED, ptr, size, lg);
        void *other = nothrow[i % 2](size, (size_t)1 << lg, "");
        expect(RECORD_ALIGNED, other, size, lg);
        lunalloc_free(ptr);
        lunalloc_free(other);
        forget();
    }
}

typedef struct {
    void (*call)(void *ptr, size_t size);
    record_kind_t kind;
    unsigned lg_align;
} delete_t;

#define ALIGN 64

/* Each operator delete with the same arguments. */
static void
delete_one_nothrow(void *ptr, size_t size) {
    (void)size;
    _ZdlPvRKSt9nothrow_t(ptr, "");
}

static void
delete_array_nothrow(void *ptr, size_t size) {
    (void)size;
    _ZdaPvRKSt9nothrow_t(ptr, "");
}

static void
delete_one(void *ptr, size_t size) {
    (void)size;
    _ZdlPv(ptr);
}

static void
delete_array(void *ptr, size_t size) {
    (void)size;
    _ZdaPv(ptr);
}

static void
delete_one_aligned(void *ptr, size_t size) {
    (void)size;
    _ZdlPvSt11align_val_t(ptr, ALIGN);
}

static void
delete_array_aligned(void *ptr, size_t size) {
    (void)size;
    _ZdaPvSt11align_val_t(ptr, ALIGN);
}

static void
delete_one_aligned_nothrow(void *ptr, size_t size) {
    (void)size;
    _ZdlPvSt11align_val_tRKSt9nothrow_t(ptr, ALIGN, "");
}

static void
delete_array_aligned_nothrow(void *ptr, size_t size) {
    (void)size;
    _ZdaPvSt11align_val_tRKSt9nothrow_t(ptr, ALIGN, "");
}

static void
delete_one_sized_aligned(void *ptr, size_t size) {
    _ZdlPvmSt11align_val_t(ptr, size, ALIGN);
}

static void
delete_array_sized_aligned(void *ptr, size_t size) {
    _ZdaPvmSt11align_val_t(ptr, size, ALIGN);
}

static void
test_delete(void **state) {
    (void)state;
    const delete_t deletes[] = {
        {delete_one, RECORD_FREE, 0},
        {delete_array, RECORD_FREE, 0},
        {delete_one_nothrow, RECORD_FREE, 0},
        {delete_array_nothrow, RECORD_FREE, 0},
        {delete_one_aligned, RECORD_FREE, 0},
        {delete_array_aligned, RECORD_FREE, 0},
        {delete_one_aligned_nothrow, RECORD_FREE, 0},
        {delete_array_aligned_nothrow, RECORD_FREE, 0},
        {_ZdlPvm, RECORD_FREE_SIZED, 0},
        {_ZdaPvm, RECORD_FREE_SIZED, 0},
        {delete_one_sized_aligned, RECORD_FREE_SIZED, 6},
        {delete_array_sized_aligned, RECORD_FREE_SIZED, 6},
    };
    for (size_t i = 0; i < LENGTH(deletes); i++) {
        for (size_t j = 0; j < LENGTH(sizes) * 2; j++) {
            size_t size = sizes[j % LENGTH(sizes)];
            void *ptr = _ZnwmSt11align_val_t(size, ALIGN);
            expect(RECORD_ALIGNED, ptr, size, 6);
            deletes[i].call(ptr, size);
            expect(deletes[i].kind, ptr, deletes[i].kind == RECORD_FREE ? 0 : size, deletes[i].lg_align);
        }
        deletes[i].call(NULL, 10);
        forget();
        assert_int_equal(drained.n, 0);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_new, begin_usual, end_usual),
        cmocka_unit_test_setup_teardown(test_new_aligned, begin_usual, end_usual),
        cmocka_unit_test_setup_teardown(test_delete, begin_usual, end_usual),
    };
    return cmocka_run_group_tests_name("record_cxx", tests, boot_allocator, NULL);
}
#else
static void
test_operators(void **state) {
    (void)state;
    print_message("skip: the operators are another's in this build\n");
    skip();
}

int
main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_operators)};
    return cmocka_run_group_tests_name("record_cxx", tests, boot_allocator, NULL);
}
#endif
