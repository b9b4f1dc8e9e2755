/*
 * pages_linux.c -- the page contract by mmap, madvise and mprotect.
 *
 * Linux commits memory at the first touch. So decommit is refused, and commit is only needed for guards that could not
 * be removed, and in processes that lock their memory. Mappings are made without MAP_NORESERVE, so that a request that
 * the system could never back fails at once, as with other mallocs.
 */
#include "os/pages.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "os/call.h"
#include "os/remap.h"
#include "os/system.h"

static void *
map_anonymous(size_t size, int protection) {
    return call_map(NULL, size, protection, 0);
}

/* Maps more than needed and unmaps what lies before and behind the aligned part. */
static void *
map_trimmed(size_t size, size_t alignment, int protection) {
    size_t total = size + alignment;
    uintptr_t base = total < size ? 0 : (uintptr_t)map_anonymous(total, protection);
    if (base == 0) {
        return NULL;
    }
    uintptr_t start = align_up(base, alignment);
    if (start > base) {
        call_unmap((void *)base, start - base);
    }
    if (base + total > start + size) {
        call_unmap((void *)(start + size), base + total - (start + size));
    }
    return (void *)start;
}

static void *
map_aligned(size_t size, size_t alignment, int protection) {
    if (fault(fault_map)) {
        return NULL;
    }
    void *addr = map_anonymous(size, protection);
    if (addr != NULL && ((uintptr_t)addr & (alignment - 1)) != 0) {
        call_unmap(addr, size);
        addr = map_trimmed(size, alignment, protection);
    }
    return addr;
}

/* ---- locked memory ---- */

/* Linux 5.18; not in older headers. */
#define ADVICE_DONTNEED_LOCKED 24

/* After mlockall(MCL_FUTURE), a new mapping is locked, and resident at once if it is accessible. The kernel refuses
 * this advice for locked pages; for a page that has just been mapped the advice does nothing. */
static bool
is_locked(void *addr) {
    return CALL(SYS_madvise, addr, pages_size(), MADV_DONTNEED) == -EINVAL;
}

/* Returns the memory of pages, whether they are locked or not. */
static bool
discard(void *addr, size_t size) {
    return call_advise(addr, size, MADV_DONTNEED) || call_advise(addr, size, ADVICE_DONTNEED_LOCKED);
}

/* In a process that locks its memory the pages are resident now. They are discarded, because many may never be
 * touched. */
void *
pages_map(size_t size, size_t alignment) {
    void *addr = map_aligned(size, alignment, PROT_READ | PROT_WRITE);
    if (addr != NULL && UNLIKELY(is_locked(addr))) {
        discard(addr, size);
    }
    return addr;
}

static _Atomic bool locks; /* Synchronization: any thread; whether the last new region was locked. */

/* For a process that locks its memory: committed pages are resident, as the application wants it; reserved pages take
 * no memory. */
static void *
reserve_inaccessible(size_t size, size_t alignment, bool *committed) {
    void *addr = map_aligned(size, alignment, PROT_NONE);
    *committed = false;
    atomic_set(&locks, addr != NULL && is_locked(addr));
    return addr;
}

void *
pages_reserve(size_t size, size_t alignment, bool *committed) {
    *committed = true;
    if (UNLIKELY(atomic_get(&locks))) {
        return reserve_inaccessible(size, alignment, committed);
    }
    void *addr = map_aligned(size, alignment, PROT_READ | PROT_WRITE);
    if (addr == NULL || LIKELY(!is_locked(addr))) {
        return addr;
    }
    call_unmap(addr, size);
    return reserve_inaccessible(size, alignment, committed);
}

/* Unmapping part of a mapping fails at the limit on the number of mappings. Then at least return the memory. */
void
pages_unmap(void *addr, size_t size) {
    if (UNLIKELY(!call_unmap(addr, size))) {
        call_advise(addr, size, MADV_DONTNEED);
    }
}

bool
pages_commit(void *addr, size_t size) {
    return !fault(fault_commit) && call_protect(addr, size, PROT_READ | PROT_WRITE);
}

bool
pages_decommit(void *addr, size_t size) {
    (void)addr;
    (void)size;
    return false;
}

static bool
advise(void *addr, size_t size, int advice) {
    return !fault(fault_purge) && call_advise(addr, size, advice);
}

bool
pages_purge_lazy(void *addr, size_t size) {
    return advise(addr, size, MADV_FREE);
}

/* Returns true without effect on some systems (emulators; WSL 1), and where a test says so. */
static bool
purge_now(void *addr, size_t size) {
    return fault(fault_ineffective) || discard(addr, size);
}

/* Writes, purges and reads a page mapped for that. */
bool
pages_linux_try_purge(void) {
    size_t page = pages_size();
    volatile char *trial = map_anonymous(page, PROT_READ | PROT_WRITE);
    if (trial == NULL) {
        return false;
    }
    trial[1] = 1;
    bool zero = purge_now((void *)trial, page) && trial[1] == 0;
    call_unmap((void *)trial, page);
    return zero;
}

/* Whether purged pages read as zeros. */
typedef enum {
    purge_untried,
    purge_works,
    purge_ineffective
} purge_effect_t;

static _Atomic uint32_t purge_effect; /* Synchronization: any thread; a purge_effect_t. */

static COLD bool
purge_works_after_trial(void) {
    bool works = pages_linux_try_purge();
    atomic_set(&purge_effect, works ? purge_works : purge_ineffective);
    return works;
}

bool
pages_purge_forced(void *addr, size_t size) {
    uint32_t known = atomic_get(&purge_effect);
    return (known == purge_works || (known == purge_untried && purge_works_after_trial())) && !fault(fault_purge) &&
           purge_now(addr, size);
}

bool
pages_move(void *from, void *to, size_t size, bool *lost) {
    return remap(from, to, size, lost);
}

bool
pages_carry(void *from, size_t size, void *to, size_t to_size, bool *moved) {
    return remap_carry(from, size, to, to_size, moved);
}

bool
pages_can_move(void) {
    return remap_able();
}

bool
pages_guard(void *addr, size_t size) {
    return !fault(fault_guard) && call_protect(addr, size, PROT_NONE);
}

bool
pages_unguard(void *addr, size_t size) {
    return !fault(fault_unguard) && call_protect(addr, size, PROT_READ | PROT_WRITE);
}

/* Synchronization: any thread; the size + 1, or 0 if it has not been read yet. */
static _Atomic size_t huge_size;

static size_t
read_huge_size(void) {
    char text[32];
    size_t size = 0;
    size_t len = system_read_file("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", text, sizeof text);
    for (size_t i = 0; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
        size = size * 10 + (size_t)(text[i] - '0');
    }
    return is_pow2(size) && size > pages_size() ? size : 0;
}

const bool pages_can_be_huge = true;

size_t
pages_huge_size(void) {
    size_t known = atomic_get(&huge_size);
    if (known == 0) {
        known = read_huge_size() + 1;
        atomic_set(&huge_size, known);
    }
    return known - 1;
}

bool
pages_thp(void *addr, size_t size, pages_thp_t mode) {
    return mode != pages_thp_default && advise(addr, size, mode == pages_thp_always ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

void
pages_prefork(void) {
}

void
pages_postfork(bool child) {
    (void)child;
}
