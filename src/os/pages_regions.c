/*
 * pages_regions.c -- Linux memory under VirtualAlloc's rules. `make test` runs every unit test on it, too (variant
 * `regions`), so that a violation of the page contract is found without Windows.
 *
 * It keeps a table of its regions, sorted by address, and one bit for each page: decommitted. A call that VirtualAlloc
 * would refuse, or that the contract forbids, ends the process with one line: a call that leaves its region, touches
 * memory of no region, releases part of a region, commits committed pages, or uses decommitted ones. Decommitted pages
 * are really inaccessible. Forced purges are refused, so pages always pass through decommit and commit.
 *
 * Each region is placed right behind the one before. So extents of different regions are neighbours as often as
 * possible, and any merge across their border is found.
 *
 * Synchronization: one lock, held across the system calls; it is the innermost of all.
 */
#include "os/call.h"

#include "base/bits.h"
#include "base/check.h"
#include "base/fmt.h"
#include "os/lock.h"
#include "os/pages.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* Bytes of unmapped address space that one search looks for, to place regions in. */
#define GAP ((size_t)1 << 34)

typedef struct {
    uintptr_t addr;
    size_t size;
    uint64_t *decommitted; /* a bit per page */
} mapped_region_t;

static lock_t lock = LOCK_INITIALIZER(RANK_REGIONS);
static mapped_region_t *table; /* Synchronization: lock; sorted by address. */
static size_t count;           /* Synchronization: lock. */
static size_t capacity;        /* Synchronization: lock. */
static uintptr_t next_place;   /* Synchronization: lock; the end of the last region; 0: no gap is known. */
static _Atomic bool lazy_works = true;

/* ---- the system ---- */

static void *
map_at(uintptr_t place, size_t size, int protection, int flags) {
    return call_map((void *)place, size, protection, flags);
}

static void *
map_anywhere(size_t size) {
    return map_at(0, size, PROT_READ | PROT_WRITE, 0);
}

/* Maps more than needed and unmaps what lies before and behind the aligned part. */
static uintptr_t
map_trimmed(size_t size, size_t alignment) {
    size_t total = size + alignment;
    uintptr_t base = total < size ? 0 : (uintptr_t)map_anywhere(total);
    if (base == 0) {
        return 0;
    }
    uintptr_t start = align_up(base, alignment);
    if (start > base) {
        call_unmap((void *)base, start - base);
    }
    call_unmap((void *)(start + size), base + total - (start + size));
    return start;
}

/* Finds GAP bytes of unmapped address space. */
static void
find_gap(void) {
    void *gap = map_at(0, GAP, PROT_NONE, 0);
    if (gap != NULL) {
        call_unmap(gap, GAP);
    }
    next_place = (uintptr_t)gap;
}

/* Maps behind the last region; 0 if something else is mapped there. */
static uintptr_t
map_behind_last(size_t size, size_t alignment) {
    uintptr_t place = align_up(next_place, alignment);
    return place == 0 ? 0 : (uintptr_t)map_at(place, size, PROT_READ | PROT_WRITE, MAP_FIXED_NOREPLACE);
}

static uintptr_t
map_region(size_t size, size_t alignment) {
    uintptr_t addr = map_behind_last(size, alignment);
    if (addr == 0) {
        find_gap();
        addr = map_behind_last(size, alignment);
    }
    addr = addr == 0 ? map_trimmed(size, alignment) : addr;
    next_place = addr == 0 ? next_place : addr + size;
    return addr;
}

/* ---- the table ---- */

/* The position of the first region that ends behind addr. */
static size_t
search(uintptr_t addr) {
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (table[middle].addr + table[middle].size <= addr) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool
make_room(void) {
    if (count < capacity) {
        return true;
    }
    size_t bytes = capacity * sizeof *table;
    size_t wanted = bytes == 0 ? pages_size() : bytes * 2;
    void *grown = bytes == 0 ? map_anywhere(wanted) : call_remap(table, bytes, wanted, MREMAP_MAYMOVE, NULL);
    if (grown == NULL) {
        return false;
    }
    table = grown;
    capacity = wanted / sizeof *table;
    return true;
}

static size_t
bitmap_bytes(size_t size) {
    return align_up((size / pages_size() + 63) / 64 * sizeof(uint64_t), pages_size());
}

static bool
region_insert(uintptr_t addr, size_t size) {
    uint64_t *bits = make_room() ? map_anywhere(bitmap_bytes(size)) : NULL;
    if (bits == NULL) {
        return false;
    }
    size_t at = search(addr);
    memmove(&table[at + 1], &table[at], (count - at) * sizeof *table);
    table[at] = (mapped_region_t){.addr = addr, .size = size, .decommitted = bits};
    count++;
    return true;
}

static void
region_remove(mapped_region_t *region) {
    call_unmap(region->decommitted, bitmap_bytes(region->size));
    size_t at = (size_t)(region - table);
    count--;
    memmove(region, region + 1, (count - at) * sizeof *table);
}

/* ---- the rules ---- */

_Noreturn static COLD void
broken(const char *call, const char *rule, uintptr_t addr, size_t size) {
    char what[128], detail[128];
    fmt_t out = fmt_begin(what, sizeof what);
    fmt_str(&out, call);
    fmt_str(&out, " that ");
    fmt_str(&out, rule);
    out = fmt_begin(detail, sizeof detail);
    fmt_str(&out, "of ");
    fmt_u64(&out, size);
    fmt_str(&out, " bytes; allowed: whole pages of one region, and a region as a whole");
    misuse(what, (void *)addr, detail);
}

/* The one region that contains [addr, addr + size). */
static mapped_region_t *
region_of(const char *call, uintptr_t addr, size_t size) {
    if (size == 0 || ((addr | size) & (pages_size() - 1)) != 0) {
        broken(call, "is not of whole pages", addr, size);
    }
    size_t at = search(addr);
    if (at == count || addr < table[at].addr) {
        broken(call, "touches memory of no region", addr, size);
    }
    if (addr + size > table[at].addr + table[at].size) {
        bool another = at + 1 < count && table[at + 1].addr == table[at].addr + table[at].size;
        broken(call, another ? "spans two regions" : "goes beyond its region", addr, size);
    }
    return &table[at];
}

/* Ends the process unless all pages of a range are decommitted, or all committed. */
static void
demand(const char *call, const mapped_region_t *region, uintptr_t addr, size_t size, bool decommitted) {
    size_t end = (addr + size - region->addr) / pages_size();
    for (size_t i = (addr - region->addr) / pages_size(); i < end; i++) {
        bool is = (region->decommitted[i / 64] >> (i % 64) & 1) != 0;
        if (is != decommitted) {
            broken(call, is ? "touches decommitted pages" : "touches committed pages", addr, size);
        }
    }
}

/* Marks the pages of a range as decommitted or committed. */
static void
set_decommitted(mapped_region_t *region, uintptr_t addr, size_t size, bool decommitted) {
    size_t end = (addr + size - region->addr) / pages_size();
    for (size_t i = (addr - region->addr) / pages_size(); i < end; i++) {
        uint64_t bit = UINT64_C(1) << (i % 64);
        region->decommitted[i / 64] = (region->decommitted[i / 64] & ~bit) | (decommitted ? bit : 0);
    }
}

/* ---- the contract ---- */

static void *
map_locked(size_t size, size_t alignment) {
    uintptr_t addr = map_region(size, alignment);
    if (addr != 0 && !region_insert(addr, size)) {
        call_unmap((void *)addr, size);
        return NULL;
    }
    return (void *)addr;
}

void *
pages_map(size_t size, size_t alignment) {
    if (fault(fault_map)) {
        return NULL;
    }
    int saved = errno;
    alignment = alignment < pages_size() ? pages_size() : alignment;
    lock_acquire(&lock);
    void *addr = map_locked(size, alignment);
    lock_release(&lock);
    errno = saved;
    return addr;
}

/* Addresses without memory, as VirtualAlloc reserves them. */
void *
pages_reserve(size_t size, size_t alignment, bool *committed) {
    void *addr = pages_map(size, alignment);
    *committed = addr == NULL || !pages_decommit(addr, size);
    return addr;
}

void
pages_unmap(void *addr, size_t size) {
    int saved = errno;
    lock_acquire(&lock);
    mapped_region_t *region = region_of("release", (uintptr_t)addr, size);
    if (region->addr != (uintptr_t)addr || region->size != size) {
        broken("release", "leaves part of its region", (uintptr_t)addr, size);
    }
    region_remove(region);
    call_unmap(addr, size);
    lock_release(&lock);
    errno = saved;
}

static bool
commit_locked(void *addr, size_t size) {
    mapped_region_t *region = region_of("commit", (uintptr_t)addr, size);
    demand("commit", region, (uintptr_t)addr, size, true);
    if (fault(fault_commit) || !call_protect(addr, size, PROT_READ | PROT_WRITE)) {
        return false;
    }
    set_decommitted(region, (uintptr_t)addr, size, false);
    return true;
}

bool
pages_commit(void *addr, size_t size) {
    int saved = errno;
    lock_acquire(&lock);
    bool done = commit_locked(addr, size);
    lock_release(&lock);
    errno = saved;
    return done;
}

/* Changes the protection first: that may fail at the limit on mappings, and then the contents must be intact. */
static bool
decommit_locked(void *addr, size_t size) {
    mapped_region_t *region = region_of("decommit", (uintptr_t)addr, size);
    demand("decommit", region, (uintptr_t)addr, size, false);
    if (fault(fault_decommit) || !call_protect(addr, size, PROT_NONE)) {
        return false;
    }
    if (!call_advise(addr, size, MADV_DONTNEED)) {
        call_protect(addr, size, PROT_READ | PROT_WRITE);
        return false;
    }
    set_decommitted(region, (uintptr_t)addr, size, true);
    return true;
}

bool
pages_decommit(void *addr, size_t size) {
    int saved = errno;
    lock_acquire(&lock);
    bool done = decommit_locked(addr, size);
    lock_release(&lock);
    errno = saved;
    return done;
}

bool
pages_purge_lazy(void *addr, size_t size) {
    int saved = errno;
    lock_acquire(&lock);
    demand("lazy purge", region_of("lazy purge", (uintptr_t)addr, size), (uintptr_t)addr, size, false);
    bool done = atomic_get(&lazy_works) && !fault(fault_purge) && call_advise(addr, size, MADV_FREE);
    lock_release(&lock);
    errno = saved;
    return done;
}

bool
pages_purge_forced(void *addr, size_t size) {
    lock_acquire(&lock);
    demand("forced purge", region_of("forced purge", (uintptr_t)addr, size), (uintptr_t)addr, size, false);
    lock_release(&lock);
    return false;
}

/* VirtualAlloc cannot move memory. */
bool
pages_move(void *from, void *to, size_t size, bool *lost) {
    (void)from;
    (void)to;
    (void)size;
    *lost = false;
    return false;
}

bool
pages_carry(void *from, size_t size, void *to, size_t to_size, bool *moved) {
    (void)to_size;
    *moved = false;
    memcpy(to, from, size);
    return true;
}

bool
pages_can_move(void) {
    return false;
}

static bool
protect(const char *call, void *addr, size_t size, int protection) {
    int saved = errno;
    lock_acquire(&lock);
    demand(call, region_of(call, (uintptr_t)addr, size), (uintptr_t)addr, size, false);
    bool done = call_protect(addr, size, protection);
    lock_release(&lock);
    errno = saved;
    return done;
}

bool
pages_guard(void *addr, size_t size) {
    return !fault(fault_guard) && protect("guard", addr, size, PROT_NONE);
}

bool
pages_unguard(void *addr, size_t size) {
    return !fault(fault_unguard) && protect("unguard", addr, size, PROT_READ | PROT_WRITE);
}

const bool pages_can_be_huge = false;

size_t
pages_huge_size(void) {
    return 0;
}

bool
pages_thp(void *addr, size_t size, pages_thp_t mode) {
    (void)addr;
    (void)size;
    (void)mode;
    return false;
}

void
pages_prefork(void) {
    lock_prefork(&lock);
}

void
pages_postfork(bool child) {
    lock_postfork(&lock, child);
}

/* ---- for tests ---- */

void
pages_regions_set_lazy(bool works) {
    atomic_set(&lazy_works, works);
}

size_t
pages_regions_count(void) {
    lock_acquire(&lock);
    size_t n = count;
    lock_release(&lock);
    return n;
}
