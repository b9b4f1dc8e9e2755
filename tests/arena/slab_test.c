/*
 * slab_test.c -- regions of a slab as a set: slabs of every small class over addresses that no one ever touches, since
 * the functions work on the descriptor alone.
 */
#include "../api/support.h"
#include "arena/slab.h"

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

/* Random pops and pushes against an array of flags. */
static void
test_model(void **state) {
    (void)state;
    uint64_t seed = 17;
    for (uint32_t szind = 0; szind < sc.nsmall; szind++) {
        bool used[MAX_REGS] = {false};
        extent_t *slab = fake_slab(szind);
        for (unsigned op = 0; op < 2000; op++) {
            if (rnd_below(&seed, 8) == 0) {
                model_pop(slab, used, (uint32_t)rnd_below(&seed, slab->nregs + 1));
            } else {
                model_push(slab, used, (uint32_t)rnd_below(&seed, slab->nregs));
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
    uintptr_t ptr;
} push_t;

static void
push_in_child(void *arg) NO_THREAD_SAFETY {
    const push_t *push = arg;
    slab_push(push->slab, (void *)push->ptr);
}

static void
assert_rejected(extent_t *slab, uintptr_t ptr, const char *text) {
    push_t push = {slab, ptr};
    outcome_t out = in_child(push_in_child, &push);
    assert_misuse(&out, text);
    char address[32];
    snprintf(address, sizeof address, "0x%zx", (size_t)ptr);
    assert_non_null(strstr(out.text, address));
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

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pop_ascending),
        cmocka_unit_test(test_regind),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests_name("slab", tests, boot_allocator, NULL);
}
