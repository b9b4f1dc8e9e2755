/*
 * memory.c -- see memory.h.
 */
#include "memory.h"

#include <sys/mman.h>

#include "base/bits.h"
#include "os/clock.h"
#include "os/pages.h"
#include "os/populate.h"

#define BASE  ((uintptr_t)1 << 44)
#define SPACE ((size_t)1 << 42) /* bytes of addresses */

enum {
    LG_PAGE = 12
};

memory_counts_t memory_counts;

static uint64_t *bits; /* a bit for each page of the space: it is resident */
static uintptr_t next; /* the first address that was never reserved */
static uint64_t clock_now;

bool
memory_begin(void) {
    size_t size = SPACE >> (LG_PAGE + 3);
    bits = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    next = BASE;
    memory_counts = (memory_counts_t){0};
    return bits != MAP_FAILED;
}

/* ---- residency ---- */

/* The bits of one word from `page` on, at most to `end`; *n: how many pages. */
static uint64_t
mask_at(uint64_t page, uint64_t end, uint64_t *n) {
    uint64_t first = page & 63, most = 64 - first;
    *n = end - page < most ? end - page : most;
    return (*n == 64 ? ~(uint64_t)0 : ((uint64_t)1 << *n) - 1) << first;
}

/* Makes the pages resident, or not. Returns how many changed. */
static uint64_t
set_resident(uintptr_t addr, size_t size, bool resident) {
    uint64_t changed = 0, n;
    uint64_t page = (addr - BASE) >> LG_PAGE, end = page + (size >> LG_PAGE);
    for (; page < end; page += n) {
        uint64_t mask = mask_at(page, end, &n), *word = &bits[page >> 6];
        changed += (uint64_t)__builtin_popcountll((resident ? ~*word : *word) & mask);
        *word = resident ? *word | mask : *word & ~mask;
    }
    memory_counts.resident += resident ? changed << LG_PAGE : -(changed << LG_PAGE);
    return changed;
}

static uint64_t
count_resident(uintptr_t addr, size_t size) {
    uint64_t count = 0, n;
    uint64_t page = (addr - BASE) >> LG_PAGE, end = page + (size >> LG_PAGE);
    for (; page < end; page += n) {
        count += (uint64_t)__builtin_popcountll(bits[page >> 6] & mask_at(page, end, &n));
    }
    return count;
}

static bool
is_simulated(const void *addr) {
    return (uintptr_t)addr >= BASE && (uintptr_t)addr < BASE + SPACE;
}

void
memory_touch(uintptr_t addr, size_t size) {
    memory_counts.faults += set_resident(addr, size, true);
}

/* ---- os/pages.h ---- */

const bool pages_can_be_huge = false;

void *
pages_map(size_t size, size_t alignment) {
    (void)alignment; /* a page, for structures */
    void *addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return addr == MAP_FAILED ? NULL : addr;
}

void *
pages_reserve(size_t size, size_t alignment, bool *committed) {
    uintptr_t addr = align_up(next, alignment);
    *committed = true;
    if (size > SPACE || addr - BASE > SPACE - size) {
        return NULL;
    }
    next = addr + size;
    memory_counts.maps++;
    memory_counts.reserved += size;
    return (void *)addr;
}

void
pages_unmap(void *addr, size_t size) {
    if (!is_simulated(addr)) {
        munmap(addr, size);
        return;
    }
    set_resident((uintptr_t)addr, size, false);
    memory_counts.unmaps++;
    memory_counts.reserved -= size;
}

bool
pages_commit(void *addr, size_t size) {
    (void)addr;
    (void)size;
    return true;
}

/* As Linux, which gains nothing by it. */
bool
pages_decommit(void *addr, size_t size) {
    (void)addr;
    (void)size;
    return false;
}

bool
pages_purge_lazy(void *addr, size_t size) {
    memory_counts.lazy++;
    memory_counts.lazy_pages += count_resident((uintptr_t)addr, size);
    return true;
}

bool
pages_purge_forced(void *addr, size_t size) {
    memory_counts.purges++;
    memory_counts.purged_pages += set_resident((uintptr_t)addr, size, false);
    return true;
}

bool
pages_can_move(void) {
    return true;
}

/* As many pages of the target are resident then as were of the source, from its start: which ones does not matter. */
bool
pages_move(void *from, void *to, size_t size, bool *lost) {
    *lost = false;
    set_resident((uintptr_t)to, size, false);
    uint64_t moved = set_resident((uintptr_t)from, size, false);
    set_resident((uintptr_t)to, moved << LG_PAGE, true);
    memory_counts.moves++;
    memory_counts.moved_pages += moved;
    return true;
}

bool
pages_carry(void *from, size_t size, void *to, size_t to_size, bool *moved) {
    bool lost;
    (void)to_size;
    *moved = true;
    return pages_move(from, to, size, &lost);
}

bool
pages_guard(void *addr, size_t size) {
    (void)addr;
    (void)size;
    return true;
}

bool
pages_unguard(void *addr, size_t size) {
    (void)addr;
    (void)size;
    return true;
}

size_t
pages_huge_size(void) {
    return 0;
}

bool
pages_thp(void *addr, size_t size, pages_thp_t mode) {
    (void)addr;
    (void)size;
    (void)mode;
    return true;
}

/* The simulated program touches its pages itself. */
bool
pages_populate(void *addr, size_t size, bool huge) {
    (void)addr;
    (void)size;
    (void)huge;
    return false;
}

bool
pages_collapse(void *addr, size_t size) {
    (void)addr;
    (void)size;
    return false;
}

void
pages_prefork(void) {
}

void
pages_postfork(bool child) {
    (void)child;
}

/* ---- os/clock.h ---- */

void
memory_set_clock(uint64_t ns) {
    clock_now = ns;
}

void
clock_boot(void) {
}

uint64_t
clock_ns(void) {
    return clock_now;
}

uint64_t
clock_coarse_ns(void) {
    return clock_now;
}

uint64_t
clock_coarse_ns_once(void) {
    return clock_now;
}

uint64_t
clock_wall_ns(void) {
    return clock_now;
}
