/*
 * slab_test.c -- regions of a slab as a set: slabs of every small class over addresses that no one ever touches, since
 * the functions work on the descriptor alone.
 */
#include "../api/support.h"
#include "arena/slab.h"
#include "extent/extents.h"

#define FAKE_ADDR ((uintptr_t)1 << 40)
#define MAX_REGS  4096

static extent_t *
fake_slab(uint32_t szind) {
    extent_t *slab = extent_new();
    assert_non_null(slab);
    slab->addr = FAKE_ADDR;
    slab->size = atomic_get(&sc.slab_size[szind]);
    slab->szind = szind;
    slab->slab = true;
    atomic_set(&slab->owner, extent_owner(0, extent_active));
    slab_init(slab);
    return slab;
}

static void *
region(const extent_t *slab, size_t i) {
    return (void *)(slab->addr + i * sc.size[slab->szind]);
}

static uint32_t
free_bits(const extent_t *slab) NO_THREAD_SAFETY {
    uint32_t n = 0;
    for (uint32_t i = 0; i < slab->nregs; i++) {
        n += (slab->free_regs[i / 64] >> (i % 64) & 1) != 0;
    }
    return n;
}

/* One at a time or many at once, regions come lowest first, each once, and exactly nregs of them. */
static void
test_pop_ascending(void **state) NO_THREAD_SAFETY {
    (void)state;
    static void *out[MAX_REGS];
    for (uint32_t szind = 0; szind < sc.nsmall; szind++) {
        extent_t *slab = fake_slab(szind);
        assert_int_equal(slab->nregs, slab->size / sc.size[szind]);
        assert_int_equal(free_bits(slab), slab->nregs);
        uint32_t got = slab_pop(slab, 1, out);
        assert_int_equal(got, 1);
        got += slab_pop(slab, MAX_REGS - 1, out + 1);
        assert_int_equal(got, slab->nregs);
        for (uint32_t i = 0; i < got; i++) {
            assert_ptr_equal(out[i], region(slab, i));
        }
        assert_int_equal(atomic_get(&slab->nfree), 0);
        assert_int_equal(slab_pop(slab, 1, out), 0);
        extent_delete(slab);
    }
}

/* Every address of a slab, inside of regions too, finds its region by multiplication as by division. */
static void
test_regind(void **state) {
    (void)state;
    for (uint32_t szind = 0; szind < sc.nsmall; szind++) {
        extent_t *slab = fake_slab(szind);
        for (size_t offset = 0; offset < slab->size; offset++) {
            assert_int_equal(slab_regind(slab, slab->addr + offset), offset / sc.size[szind]);
        }
        extent_delete(slab);
    }
}

/* Moves up to n regions from the slab into the model's set of those that are out. */
static void
model_pop(extent_t *slab, bool *used, uint32_t n) NO_THREAD_SAFETY {
    static void *out[MAX_REGS];
    uint32_t before = atomic_get(&slab->nfree);
    uint32_t got = slab_pop(slab, n, out);
    assert_int_equal(got, n < before ? n : before);
    uint32_t lowest = 0;
    for (uint32_t i = 0; i < got; i++, lowest++) {
        while (used[lowest]) {
            lowest++;
        }
        assert_ptr_equal(out[i], region(slab, lowest));
        used[lowest] = true;
    }
}

static void
model_push(extent_t *slab, bool *used, uint32_t i) NO_THREAD_SAFETY {
    if (used[i]) {
        slab_push(slab, region(slab, i));
        used[i] = false;
    }
}

/* The run of regions in use that goes up (step 1) or down (step -1) from region i, followed by something else. */
static void
model_push_run(extent_t *slab, bool *used, uint32_t i, uint32_t step) NO_THREAD_SAFETY {
    void *ptrs[MAX_REGS + 1];
    uint32_t n = 0;
    for (uint32_t at = i; at < slab->nregs && used[at]; at += step) {
        ptrs[n++] = region(slab, at);
        used[at] = false;
    }
    ptrs[n] = region(slab, i);
    if (n == 1) {
        slab_push(slab, ptrs[0]);
    } else if (n > 1) {
        assert_true(slab_are_neighbours(slab, ptrs[0], ptrs[1]));
        assert_int_equal(slab_push_run(slab, ptrs, n + 1), n);
    }
}

/* Random pops and pushes against an array of flags. */
static void
test_model(void **state) {
    (void)state;
    uint64_t seed = 17;
    for (uint32_t szind = 0; szind < sc.nsmall; szind++) {
        bool used[MAX_REGS] = {false};
        extent_t *slab = fake_slab(szind);
        for (unsigned op = 0; op < 2000; op++) {
            size_t choice = rnd_below(&seed, 16);
            uint32_t at = (uint32_t)rnd_below(&seed, slab->nregs);
            if (choice < 2) {
                model_pop(slab, used, at + 1);
            } else if (choice < 4) {
                model_push_run(slab, used, at, choice == 2 ? 1 : (uint32_t)-1);
            } else {
                model_push(slab, used, at);
            }
            uint32_t nused = 0;
            for (uint32_t i = 0; i < slab->nregs; i++) {
                nused += used[i];
            }
            assert_int_equal(atomic_get(&slab->nfree), slab->nregs - nused);
        }
        assert_int_equal(free_bits(slab), atomic_get(&slab->nfree));
        extent_delete(slab);
    }
}

/* ---- misuse ---- */

typedef struct {
    extent_t *slab;
    void *ptrs[4];
    uint32_t n;
} push_t;

static void
push_in_child(void *arg) NO_THREAD_SAFETY {
    const push_t *push = arg;
    if (push->n == 1) {
        slab_push(push->slab, push->ptrs[0]);
    } else {
        slab_push_run(push->slab, push->ptrs, push->n);
    }
}

static void
assert_run_rejected(push_t *push, uintptr_t ptr, const char *text) {
    outcome_t out = in_child(push_in_child, push);
    assert_misuse(&out, text);
    char address[32];
    snprintf(address, sizeof address, "0x%zx", (size_t)ptr);
    assert_non_null(strstr(out.text, address));
}

static void
assert_rejected(extent_t *slab, uintptr_t ptr, const char *text) {
    push_t push = {slab, {(void *)ptr}, 1};
    assert_run_rejected(&push, ptr, text);
}

/* Of the first, the last and some classes between: what is free already, what lies inside a region, what lies past the
 * last. */
static void
test_misuse(void **state) NO_THREAD_SAFETY {
    (void)state;
    void *out[MAX_REGS];
    const uint32_t classes[] = {0, 1, 9, 17, sc.nsmall - 2, sc.nsmall - 1};
    for (unsigned i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        uint32_t szind = classes[i];
        extent_t *slab = fake_slab(szind);
        size_t size = sc.size[szind];
        slab_pop(slab, slab->nregs - 1, out);
        assert_rejected(slab, slab->addr + (slab->nregs - 1) * size, "double free");
        assert_rejected(slab, slab->addr + 1, "inside an object");
        assert_rejected(slab, slab->addr + size - 1, "inside an object");
        if (slab->nregs * size < slab->size) {
            assert_rejected(slab, slab->addr + slab->nregs * size, "inside an object");
        }
        extent_delete(slab);
    }
}

/* Runs over a region that is free already, or of addresses inside of regions. */
static void
test_misuse_of_runs(void **state) NO_THREAD_SAFETY {
    (void)state;
    void *out[MAX_REGS];
    for (uint32_t szind = 0; szind < sc.nsmall; szind += 5) {
        extent_t *slab = fake_slab(szind);
        size_t size = sc.size[szind];
        if (slab->nregs >= 4) {
            slab_pop(slab, slab->nregs, out);
            slab_push(slab, region(slab, 2));
            push_t up = {slab, {region(slab, 0), region(slab, 1), region(slab, 2), region(slab, 3)}, 4};
            push_t down = {slab, {region(slab, 3), region(slab, 2), region(slab, 1), region(slab, 0)}, 4};
            push_t inside = {slab, {(char *)region(slab, 0) + size / 2, (char *)region(slab, 1) + size / 2}, 2};
            assert_run_rejected(&up, slab->addr + 2 * size, "double free");
            assert_run_rejected(&down, slab->addr + 2 * size, "double free");
            assert_run_rejected(&inside, slab->addr + size / 2, "inside an object");
        }
        extent_delete(slab);
    }
}

/* A line's worth is a line that is wholly free, as long as there is one; then whatever is free. */
static void
test_pop_line(void **state) NO_THREAD_SAFETY {
    (void)state;
    static void *out[MAX_REGS];
    for (size_t size = 8; size < CACHELINE; size *= 2) {
        extent_t *slab = fake_slab(sc_index(size));
        uint32_t per_line = (uint32_t)(CACHELINE / size);
        uint32_t nlines = slab->nregs / per_line;
        slab_pop(slab, slab->nregs, out);
        for (uint32_t line = 0; line < nlines; line++) {
            for (uint32_t i = line % 3 == 2 ? 0 : 1; i < per_line; i++) {
                slab_push(slab, region(slab, line * per_line + i));
            }
        }
        for (uint32_t line = 2; line < nlines; line += 3) {
            assert_int_equal(slab_pop(slab, per_line, out), per_line);
            for (uint32_t i = 0; i < per_line; i++) {
                assert_ptr_equal(out[i], region(slab, line * per_line + i));
            }
        }
        assert_int_equal(atomic_get(&slab->nfree), free_bits(slab));
        assert_int_equal(slab_pop(slab, per_line, out), per_line);
        assert_ptr_equal(out[0], region(slab, 1));
        extent_delete(slab);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pop_ascending), cmocka_unit_test(test_regind),         cmocka_unit_test(test_model),
        cmocka_unit_test(test_misuse),        cmocka_unit_test(test_misuse_of_runs), cmocka_unit_test(test_pop_line),
    };
    return cmocka_run_group_tests_name("slab", tests, boot_allocator, NULL);
}
