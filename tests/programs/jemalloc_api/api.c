/*
 * api.c -- a program written for jemalloc: compiled with jemalloc's own header, and linked to whichever library is to
 * be tried (../jemalloc_api.sh). It knows nothing of lunalloc; what it expects is what jemalloc's manual says.
 *
 * Prints a line for each part that fails, and "N passed, N failed".
 */
#include <jemalloc/jemalloc.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

const char *malloc_conf = "narenas:3,dirty_decay_ms:1234,tcache:true";

static const char *part;
static unsigned wrong;

/* Notes what is not as it should be, and goes on. */
#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            printf("%s, line %d: not true: %s\n", part, __LINE__, #condition);                                         \
            wrong++;                                                                                                   \
        }                                                                                                              \
    } while (0)

static bool
is_aligned(const void *ptr, size_t alignment) {
    return ((uintptr_t)ptr & (alignment - 1)) == 0;
}

static bool
holds(const void *ptr, int byte, size_t from, size_t to) {
    const unsigned char *at = ptr;
    while (from < to && at[from] == byte) {
        from++;
    }
    return from >= to;
}

/* ---- allocation with flags ---- */

static void
part_mallocx(void) {
    for (size_t size = 1; size < 1000000; size += 1 + size / 2) {
        void *ptr = mallocx(size, 0);
        EXPECT(ptr != NULL);
        EXPECT(sallocx(ptr, 0) >= size);
        EXPECT(sallocx(ptr, 0) == nallocx(size, 0));
        EXPECT(malloc_usable_size(ptr) == sallocx(ptr, 0));
        memset(ptr, 1, sallocx(ptr, 0));
        dallocx(ptr, 0);
    }
    EXPECT(mallocx((size_t)1 << 62, 0) == NULL);
    EXPECT(nallocx((size_t)1 << 63, 0) == 0);
}

static void
part_alignment(void) {
    for (int lg = 0; lg < 24; lg++) {
        for (size_t size = 1; size < 100000; size = size * 7 + 1) {
            void *a = mallocx(size, MALLOCX_LG_ALIGN(lg)), *b = mallocx(size, MALLOCX_ALIGN((size_t)1 << lg));
            EXPECT(a != NULL && is_aligned(a, (size_t)1 << lg));
            EXPECT(b != NULL && is_aligned(b, (size_t)1 << lg));
            EXPECT(sallocx(a, 0) == nallocx(size, MALLOCX_LG_ALIGN(lg)));
            sdallocx(a, size, MALLOCX_LG_ALIGN(lg));
            sdallocx(b, nallocx(size, MALLOCX_LG_ALIGN(lg)), MALLOCX_LG_ALIGN(lg));
        }
    }
}

static void
part_zero(void) {
    for (size_t size = 1; size < 3000000; size = size * 3 + 1) {
        char *ptr = memset(mallocx(size, 0), 7, size);
        dallocx(ptr, 0);
        ptr = mallocx(size, MALLOCX_ZERO);
        size_t real = sallocx(ptr, 0);
        EXPECT(holds(ptr, 0, 0, real));
        memset(ptr, 5, real);
        ptr = rallocx(ptr, real * 2, MALLOCX_ZERO);
        EXPECT(holds(ptr, 5, 0, real) && holds(ptr, 0, real, sallocx(ptr, 0)));
        dallocx(ptr, 0);
    }
}

static void
part_rallocx(void) {
    char *ptr = memset(mallocx(1, 0), 9, 1);
    size_t last = 1;
    for (size_t size = 2; size < 5000000; size += 1 + size / 3) {
        ptr = rallocx(ptr, size, size % 2 == 0 ? 0 : MALLOCX_ALIGN(64));
        EXPECT(ptr != NULL && sallocx(ptr, 0) >= size && holds(ptr, 9, 0, last));
        EXPECT(size % 2 == 0 || is_aligned(ptr, 64));
        memset(ptr, 9, size);
        last = size;
    }
    size_t before = sallocx(ptr, 0);
    EXPECT(rallocx(ptr, (size_t)1 << 62, 0) == NULL);
    EXPECT(sallocx(ptr, 0) == before && ptr[0] == 9);
    ptr = rallocx(ptr, 10, MALLOCX_ALIGN(4096));
    EXPECT(is_aligned(ptr, 4096) && holds(ptr, 9, 0, 10));
    dallocx(ptr, 0);
}

static void
part_xallocx(void) {
    void *small = mallocx(100, 0), *large = mallocx((size_t)4 << 20, 0);
    EXPECT(xallocx(small, 100, 0, 0) == sallocx(small, 0));
    EXPECT(xallocx(small, 100000, 0, 0) == sallocx(small, 0));
    EXPECT(sallocx(small, 0) < 100000);
    EXPECT(xallocx(large, (size_t)1 << 20, 0, 0) == nallocx((size_t)1 << 20, 0));
    EXPECT(sallocx(large, 0) == nallocx((size_t)1 << 20, 0));
    size_t grown = xallocx(large, (size_t)2 << 20, (size_t)1 << 20, MALLOCX_ZERO);
    EXPECT(grown == sallocx(large, 0) && grown >= (size_t)1 << 20 && grown <= nallocx((size_t)3 << 20, 0));
    EXPECT(holds(large, 0, (size_t)1 << 20, grown));
    EXPECT(xallocx(large, (size_t)1 << 62, 0, 0) == grown);
    dallocx(small, 0);
    dallocx(large, 0);
}

/* ---- names ---- */

static int
get(const char *name, void *value, size_t size) {
    size_t len = size;
    int error = mallctl(name, value, &len, NULL, 0);
    EXPECT(error != 0 || len == size);
    return error;
}

static unsigned
get_unsigned(const char *name) {
    unsigned value = 0;
    EXPECT(get(name, &value, sizeof value) == 0);
    return value;
}

static uint64_t
get_u64(const char *name) {
    uint64_t value = 0;
    EXPECT(get(name, &value, sizeof value) == 0);
    return value;
}

static void
part_conf(void) {
    ssize_t decay = 0;
    EXPECT(get_unsigned("opt.narenas") == 3);
    EXPECT(get("opt.dirty_decay_ms", &decay, sizeof decay) == 0 && decay == 1234);
    EXPECT(get("arena.0.dirty_decay_ms", &decay, sizeof decay) == 0 && decay == 1234);
}

static void
part_names(void) {
    const char *version = NULL;
    uint64_t epoch = 1;
    size_t len = sizeof epoch;
    EXPECT(get("version", &version, sizeof version) == 0 && version != NULL && version[0] != '\0');
    EXPECT(mallctl("epoch", &epoch, &len, &epoch, sizeof epoch) == 0);
    EXPECT(get_unsigned("arenas.narenas") >= 3 && get_unsigned("arenas.nbins") > 10);
    size_t page = 0;
    EXPECT(get("arenas.page", &page, sizeof page) == 0 && page >= 4096);
}

static void
part_errors(void) {
    unsigned narrow = 0;
    uint64_t wide = 0;
    size_t len = sizeof wide;
    EXPECT(mallctl("no.such.name", NULL, NULL, NULL, 0) == ENOENT);
    EXPECT(mallctl("arenas.narenas", &wide, &len, NULL, 0) == EINVAL);
    EXPECT(mallctl("arenas.nbins", NULL, NULL, &narrow, sizeof narrow) == EPERM);
    EXPECT(mallctl("thread.arena", NULL, NULL, &wide, sizeof wide) == EINVAL);
    EXPECT(mallctl("thread.tcache.flush", NULL, NULL, &narrow, sizeof narrow) == EPERM);
    EXPECT(mallctl("tcache.flush", &narrow, &(size_t){sizeof narrow}, NULL, 0) == EPERM);
    EXPECT(mallctl("tcache.destroy", NULL, NULL, &wide, sizeof wide) == EINVAL);
}

static void
part_mib(void) {
    size_t mib[4], len = LENGTH(mib);
    EXPECT(mallctlnametomib("arenas.bin.0.size", mib, &len) == 0 && len == 4);
    size_t last = 0;
    for (unsigned i = 0; i < get_unsigned("arenas.nbins"); i++) {
        size_t size = 0, size_len = sizeof size;
        mib[2] = i;
        EXPECT(mallctlbymib(mib, len, &size, &size_len, NULL, 0) == 0 && size > last && nallocx(size, 0) == size);
        last = size;
    }
    EXPECT(mallctlnametomib("no.such.name", mib, &len) == ENOENT);
}

/* ---- explicit caches, arenas ---- */

static void
part_explicit_caches(void) {
    unsigned id = get_unsigned("tcache.create"), other = get_unsigned("tcache.create");
    EXPECT(id != other);
    void *ptrs[100];
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < LENGTH(ptrs); i++) {
            ptrs[i] = mallocx(1 + i * 50, MALLOCX_TCACHE(id));
            EXPECT(ptrs[i] != NULL);
            memset(ptrs[i], 1, 1 + i * 50);
        }
        for (unsigned i = 0; i < LENGTH(ptrs); i++) {
            i % 2 == 0 ? dallocx(ptrs[i], MALLOCX_TCACHE(other)) : sdallocx(ptrs[i], 1 + i * 50, MALLOCX_TCACHE_NONE);
        }
        EXPECT(mallctl("tcache.flush", NULL, NULL, &id, sizeof id) == 0);
    }
    EXPECT(mallctl("tcache.destroy", NULL, NULL, &id, sizeof id) == 0);
    EXPECT(mallctl("tcache.destroy", NULL, NULL, &other, sizeof other) == 0);
    EXPECT(get_unsigned("tcache.create") < 4094);
}

static void
part_arenas(void) {
    unsigned arena = get_unsigned("arenas.create");
    int flags = MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE;
    char name[64];
    void *ptr = mallocx(1000, flags), *large = mallocx(1000000, flags);
    EXPECT(ptr != NULL && large != NULL);
    ptr = rallocx(ptr, 2000, flags);
    EXPECT(ptr != NULL);
    dallocx(ptr, flags);
    dallocx(large, flags);
    for (unsigned i = 0; i < 1000; i++) {
        EXPECT(mallocx(1 + i, flags) != NULL);
    }
    snprintf(name, sizeof name, "arena.%u.reset", arena);
    EXPECT(mallctl(name, NULL, NULL, NULL, 0) == 0);
    EXPECT(mallocx(1000, flags) != NULL);
    snprintf(name, sizeof name, "arena.%u.destroy", arena);
    EXPECT(mallctl(name, NULL, NULL, NULL, 0) == 0);
}

/* One cache of an arena of its own for one thread: as databases do it. */
static void
part_arena_with_cache(void) {
    unsigned arena = get_unsigned("arenas.create"), id = get_unsigned("tcache.create");
    int flags = MALLOCX_ARENA(arena) | MALLOCX_TCACHE(id);
    void *ptrs[500];
    for (unsigned i = 0; i < LENGTH(ptrs); i++) {
        ptrs[i] = mallocx(200, flags);
        EXPECT(ptrs[i] != NULL);
    }
    for (unsigned i = 0; i < LENGTH(ptrs); i++) {
        dallocx(ptrs[i], flags);
    }
    EXPECT(mallctl("tcache.destroy", NULL, NULL, &id, sizeof id) == 0);
    char name[64];
    snprintf(name, sizeof name, "arena.%u.destroy", arena);
    EXPECT(mallctl(name, NULL, NULL, NULL, 0) == 0);
}

static extent_hooks_t *system_hooks;
static unsigned asked;

static void *
counting_alloc(extent_hooks_t *hooks, void *addr, size_t size, size_t alignment, bool *zero, bool *commit,
               unsigned arena) {
    (void)hooks;
    asked++;
    return system_hooks->alloc(system_hooks, addr, size, alignment, zero, commit, arena);
}

static void
part_hooks(void) {
    static extent_hooks_t hooks;
    unsigned arena = get_unsigned("arenas.create");
    char name[64];
    snprintf(name, sizeof name, "arena.%u.extent_hooks", arena);
    extent_hooks_t *new_hooks = &hooks;
    size_t len = sizeof system_hooks;
    EXPECT(mallctl(name, &system_hooks, &len, NULL, 0) == 0 && system_hooks != NULL);
    hooks = *system_hooks;
    hooks.alloc = counting_alloc;
    EXPECT(mallctl(name, NULL, NULL, &new_hooks, sizeof new_hooks) == 0);
    void *ptr = mallocx((size_t)64 << 20, MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE);
    EXPECT(ptr != NULL && asked > 0);
    dallocx(ptr, MALLOCX_TCACHE_NONE);
}

/* ---- batches ---- */

static void
part_batch(void) {
    struct {
        void **ptrs;
        size_t num;
        size_t size;
        int flags;
    } packet;
    void *ptrs[2000];
    size_t filled = 0, len = sizeof filled;
    packet.ptrs = ptrs;
    packet.num = LENGTH(ptrs);
    packet.size = 48;
    packet.flags = MALLOCX_ZERO;
    EXPECT(mallctl("experimental.batch_alloc", &filled, &len, &packet, sizeof packet) == 0);
    EXPECT(filled == LENGTH(ptrs));
    for (size_t i = 0; i < filled; i++) {
        EXPECT(holds(ptrs[i], 0, 0, 48));
        dallocx(ptrs[i], 0);
    }
    EXPECT(mallctl("experimental.batch_alloc", &filled, &len, NULL, 0) == EINVAL);
}

/* ---- threads ---- */

static void *
in_thread(void *arg) {
    uint64_t *allocatedp = NULL, before = get_u64("thread.allocated"), freed = get_u64("thread.deallocated");
    EXPECT(get("thread.allocatedp", &allocatedp, sizeof allocatedp) == 0 && allocatedp != NULL);
    void *ptr = mallocx(100000, 0);
    EXPECT(get_u64("thread.allocated") == before + sallocx(ptr, 0) && *allocatedp == before + sallocx(ptr, 0));
    size_t size = sallocx(ptr, 0);
    dallocx(ptr, 0);
    EXPECT(get_u64("thread.deallocated") == freed + size);
    unsigned arena = 1;
    EXPECT(mallctl("thread.arena", NULL, NULL, &arena, sizeof arena) == 0 && get_unsigned("thread.arena") == 1);
    bool on = true;
    size_t len = sizeof on;
    bool off = false;
    EXPECT(mallctl("thread.tcache.enabled", &on, &len, &off, sizeof off) == 0 && on);
    EXPECT(get("thread.tcache.enabled", &on, sizeof on) == 0 && !on);
    on = true;
    EXPECT(mallctl("thread.tcache.enabled", NULL, NULL, &on, sizeof on) == 0);
    EXPECT(mallctl("thread.tcache.flush", NULL, NULL, NULL, 0) == 0);
    EXPECT(mallctl("thread.peak.reset", NULL, NULL, NULL, 0) == 0);
    EXPECT(get_u64("thread.peak.read") == 0);
    EXPECT(mallctl("thread.idle", NULL, NULL, NULL, 0) == 0);
    return arg;
}

static void
part_thread(void) {
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, in_thread, NULL) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
}

/* ---- */

int
main(void) {
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {
        {"mallocx", part_mallocx}, {"alignment", part_alignment},
        {"zero", part_zero},       {"rallocx", part_rallocx},
        {"xallocx", part_xallocx}, {"malloc_conf", part_conf},
        {"names", part_names},     {"errors", part_errors},
        {"mib", part_mib},         {"explicit caches", part_explicit_caches},
        {"arenas", part_arenas},   {"an arena with a cache", part_arena_with_cache},
        {"hooks", part_hooks},     {"batches", part_batch},
        {"threads", part_thread},
    };
    unsigned failed = 0;
    for (unsigned i = 0; i < LENGTH(parts); i++) {
        part = parts[i].name;
        wrong = 0;
        parts[i].run();
        failed += wrong > 0;
    }
    printf("%zu passed, %u failed\n", LENGTH(parts) - failed, failed);
    return failed > 0;
}
