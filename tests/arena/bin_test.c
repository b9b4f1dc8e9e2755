/* bin_test.c -- a bin of its own over slabs whose memory is never touched: order of slabs, buckets, emptying, reset. */
#include "../api/support.h"
#include "arena/bin.h"
#include "arena/slab.h"
#include "extent/extents.h"

#define FAKE_ADDR ((uintptr_t)1 << 40)
#define MAX_SLABS 64
#define MAX_REGS  4096

/* A bin under test, the slabs that it holds, and the regions that are out. */
typedef struct {
    bin_t bin;
    uint32_t szind;
    extent_t *slabs[MAX_SLABS]; /* NULL: a place that is free */
    void **out;
    uint32_t nout;
} rig_t;

static rig_t rig;

static void
rig_begin(uint32_t szind) {
    memset(&rig, 0, sizeof rig);
    bin_init(&rig.bin);
    rig.szind = szind;
    rig.out = calloc(MAX_SLABS * MAX_REGS, sizeof *rig.out);
    assert_non_null(rig.out);
}

static uintptr_t
place_addr(unsigned place) {
    return FAKE_ADDR + ((uintptr_t)place << 24);
}

static extent_t *
slab_of(const void *ptr) {
    return rig.slabs[((uintptr_t)ptr - FAKE_ADDR) >> 24];
}

static extent_t *
add_slab(void) {
    unsigned place = 0;
    while (rig.slabs[place] != NULL) {
        place++;
        assert_true(place < MAX_SLABS);
    }
    extent_t *slab = extent_new();
    assert_non_null(slab);
    slab->addr = place_addr(place);
    slab->size = atomic_get(&sc.slab_size[rig.szind]);
    slab->szind = rig.szind;
    slab->slab = true;
    atomic_set(&slab->owner, extent_owner(0, extent_active));
    slab_init(slab);
    bin_lock(&rig.bin);
    bin_add_slab(&rig.bin, slab);
    bin_unlock(&rig.bin);
    rig.slabs[place] = slab;
    return slab;
}

static void
drop_slab(extent_t *slab) {
    rig.slabs[(slab->addr - FAKE_ADDR) >> 24] = NULL;
    extent_delete(slab);
}

static uint32_t
pop(uint32_t n) {
    bin_lock(&rig.bin);
    uint32_t got = bin_pop(&rig.bin, n, rig.out + rig.nout);
    bin_unlock(&rig.bin);
    rig.nout += got;
    return got;
}

/* What bin_push takes of n pointers; returns how many. Drops the slab if it left the bin. */
static uint32_t
push_some(void **ptrs, uint32_t n) {
    list_t emptied;
    list_init(&emptied);
    extent_t *slab = slab_of(ptrs[0]);
    uint32_t before = atomic_get(&slab->nfree);
    bin_lock(&rig.bin);
    bool was_current = slab == rig.bin.current;
    uint32_t pushed = bin_push(&rig.bin, slab, ptrs, n, &emptied);
    counter_add(&rig.bin.regs_returned, pushed);
    bin_unlock(&rig.bin);
    assert_in_range(pushed, 1, n);
    assert_int_equal(atomic_get(&slab->nfree), before + pushed);
    assert_int_equal(!list_empty(&emptied), !was_current && before + pushed == slab->nregs);
    if (!list_empty(&emptied)) {
        assert_ptr_equal(emptied.next, &slab->link);
        drop_slab(slab);
    }
    return pushed;
}

static void
push_at(uint32_t i) {
    void *ptr = rig.out[i];
    rig.out[i] = rig.out[--rig.nout];
    push_some(&ptr, 1);
}

/* The equations of bin.h that can be seen from outside, in every build; and all of them in debug builds. */
static void
verify(void) NO_THREAD_SAFETY {
    uint64_t used = 0, nslabs = 0, nnonfull = 0;
    for (unsigned i = 0; i < MAX_SLABS; i++) {
        const extent_t *slab = rig.slabs[i];
        if (slab != NULL) {
            uint32_t nfree = atomic_get(&slab->nfree);
            used += slab->nregs - nfree;
            nslabs++;
            nnonfull += slab != rig.bin.current && nfree > 0;
        }
    }
    assert_int_equal(atomic_get(&rig.bin.regs_taken) - atomic_get(&rig.bin.regs_returned), used);
    assert_int_equal(used, rig.nout);
    assert_int_equal(atomic_get(&rig.bin.nslabs), nslabs);
    assert_int_equal(atomic_get(&rig.bin.nnonfull), nnonfull);
    bin_check(&rig.bin);
}

/* Only the current slab may be empty, and one that was added while the current one had free regions and never used. */
static void
rig_end(void) {
    while (rig.nout > 0) {
        push_at(rig.nout - 1);
    }
    verify();
    for (unsigned i = 0; i < MAX_SLABS; i++) {
        if (rig.slabs[i] != NULL) {
            assert_int_equal(atomic_get(&rig.slabs[i]->nfree), rig.slabs[i]->nregs);
            drop_slab(rig.slabs[i]);
        }
    }
    free(rig.out);
}

/* A small class whose slabs hold enough regions to fill several buckets. */
static uint32_t
class_with_many_regions(void) {
    uint32_t szind = 0;
    while (sc_nregs(szind, atomic_get(&sc.slab_size[szind])) < 4 * BIN_BUCKETS) {
        assert_true(++szind < sc.nsmall);
    }
    return szind;
}

/* Gives back `n` regions of one slab. */
static void
free_some(const extent_t *slab, uint32_t n) {
    for (uint32_t i = rig.nout; i > 0 && n > 0; i--) {
        if (slab_of(rig.out[i - 1]) == slab) {
            push_at(i - 1);
            n--;
        }
    }
    assert_int_equal(n, 0);
}

/* Sparse, half full and nearly full slabs: the fullest is used first, whatever the order of the frees. */
static void
test_fullest_first(void **state) {
    (void)state;
    rig_begin(class_with_many_regions());
    extent_t *slabs[4];
    for (unsigned i = 0; i < 4; i++) {
        slabs[i] = add_slab();
        assert_int_equal(pop(slabs[i]->nregs), slabs[i]->nregs);
        verify();
    }
    uint32_t n = slabs[0]->nregs;
    free_some(slabs[0], n - 2);
    free_some(slabs[1], 1);
    free_some(slabs[2], n / 2);
    verify();
    const unsigned order[] = {1, 2, 0};
    const uint32_t counts[] = {1, n / 2, n - 2};
    for (unsigned k = 0; k < 3; k++) {
        uint32_t from = rig.nout;
        assert_int_equal(pop(counts[k]), counts[k]);
        for (uint32_t i = from; i < rig.nout; i++) {
            assert_ptr_equal(slab_of(rig.out[i]), slabs[order[k]]);
        }
    }
    assert_int_equal(atomic_get(&rig.bin.slab_changes), 3);
    assert_int_equal(pop(1), 0);
    verify();
    rig_end();
}

/* A slab leaves with its last region, unless it is the current one. */
static void
test_emptied(void **state) {
    (void)state;
    rig_begin(class_with_many_regions());
    extent_t *first = add_slab();
    uint32_t n = first->nregs;
    assert_int_equal(pop(n), n);
    add_slab();
    assert_int_equal(pop(1), 1);
    free_some(first, n - 1);
    assert_int_equal(atomic_get(&rig.bin.nslabs), 2);
    free_some(first, 1);
    assert_int_equal(atomic_get(&rig.bin.nslabs), 1);
    assert_int_equal(rig.nout, 1);
    push_at(0);
    assert_int_equal(atomic_get(&rig.bin.nslabs), 1);
    verify();
    rig_end();
}

static void
reverse(void **ptrs, uint32_t n) {
    for (uint32_t i = 0; i < n / 2; i++) {
        void *t = ptrs[i];
        ptrs[i] = ptrs[n - 1 - i];
        ptrs[n - 1 - i] = t;
    }
}

/* Gives the last n regions back, neighbours in order; they are taken as one. */
static void
push_run(uint32_t n) {
    rig.nout -= n;
    assert_int_equal(push_some(rig.out + rig.nout, n), n);
    verify();
}

/* Runs that cross several buckets at once, downwards and upwards, the last of which empties the slab. */
static void
test_runs(void **state) {
    (void)state;
    rig_begin(class_with_many_regions());
    uint32_t n = add_slab()->nregs;
    assert_int_equal(pop(n), n);
    add_slab();
    assert_int_equal(pop(1), 1);
    void *keep = rig.out[n];
    rig.out[n] = rig.out[0];
    rig.out[0] = keep;
    reverse(rig.out + n / 2, n - n / 2);
    push_run(1);
    push_run(n - n / 2);
    push_run(n / 4);
    assert_int_equal(atomic_get(&rig.bin.nslabs), 2);
    push_run(n / 2 - n / 4 - 1);
    assert_int_equal(atomic_get(&rig.bin.nslabs), 1);
    rig_end();
}

static int
by_address(const void *a, const void *b) {
    uintptr_t x = (uintptr_t) * (void *const *)a, y = (uintptr_t) * (void *const *)b;
    return (x > y) - (x < y);
}

/* Some of what is out, random ones or the last ones, upwards, downwards or as they come. */
static void
random_push(uint64_t *seed) {
    if (rnd_below(seed, 2) == 0) {
        shuffle(seed, rig.out, rig.nout);
    }
    uint32_t n = (uint32_t)rnd_below(seed, (rig.nout < 600 ? rig.nout : 600) + 1);
    rig.nout -= n;
    void **ptrs = rig.out + rig.nout;
    size_t order = rnd_below(seed, 3);
    if (order < 2) {
        qsort(ptrs, n, sizeof *ptrs, by_address);
    }
    if (order == 1) {
        reverse(ptrs, n);
    }
    for (uint32_t done = 0; done < n;) {
        done += push_some(ptrs + done, n - done);
    }
}

static void
random_op(uint64_t *seed) {
    size_t choice = rnd_below(seed, 11);
    if (choice < 3) {
        uint32_t want = 1 + (uint32_t)rnd_below(seed, 3 * BIN_BUCKETS);
        if (pop(want) < want && atomic_get(&rig.bin.nslabs) < MAX_SLABS / 2) {
            add_slab();
        }
    } else if (choice < 9) {
        for (size_t n = rnd_below(seed, 8); n > 0 && rig.nout > 0; n--) {
            push_at((uint32_t)rnd_below(seed, rig.nout));
        }
    } else if (choice < 10) {
        random_push(seed);
    } else if (atomic_get(&rig.bin.nslabs) < MAX_SLABS / 2) {
        add_slab();
    }
}

/* Random pops, pushes and new slabs, all equations after each. */
static void
test_model(void **state) {
    (void)state;
    uint64_t seed = 4;
    for (uint32_t szind = 0; szind < sc.nsmall; szind += 3) {
        rig_begin(szind);
        for (unsigned op = 0; op < 600; op++) {
            random_op(&seed);
            verify();
        }
        rig_end();
    }
}

static void
forget(extent_t *slab) {
    rig.nout -= slab->nregs - atomic_get(&slab->nfree);
    bin_lock(&rig.bin);
    bin_forget(&rig.bin, slab);
    bin_unlock(&rig.bin);
    drop_slab(slab);
}

/* A full slab, the current one, and one in a bucket: what is in use of each is given back by it. */
static void
test_forget(void **state) {
    (void)state;
    rig_begin(class_with_many_regions());
    for (unsigned i = 0; i < 3; i++) {
        add_slab();
        pop(rig.slabs[i]->nregs - (i == 2));
    }
    free_some(rig.slabs[0], 3);
    extent_t *slabs[] = {rig.slabs[1], rig.slabs[2], rig.slabs[0]};
    for (unsigned i = 0; i < 3; i++) {
        forget(slabs[i]);
        verify();
    }
    assert_int_equal(rig.nout, 0);
    assert_int_equal(pop(1), 0);
    add_slab();
    assert_int_equal(pop(1), 1);
    verify();
    rig_end();
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fullest_first), cmocka_unit_test(test_emptied), cmocka_unit_test(test_runs),
        cmocka_unit_test(test_model),         cmocka_unit_test(test_forget),
    };
    return cmocka_run_group_tests_name("bin", tests, boot_allocator, NULL);
}
