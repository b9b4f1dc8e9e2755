/*
 * pages_linux.c -- mmap and madvise. Memory is committed by the system on first touch, so commit and decommit do
 * nothing. Without MAP_NORESERVE, so that what the system could never back is refused at once, as with other mallocs.
 */
#include "os/pages.h"

#include "base/bits.h"
#include "os/fault.h"
#include "os/remap.h"
#include "os/system.h"

#include <errno.h>
#include <sys/auxv.h>
#include <sys/mman.h>

size_t
pages_size(void) {
    return getauxval(AT_PAGESZ);
}

static void *
map(size_t size) {
    void *addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return addr == MAP_FAILED ? NULL : addr;
}

/* Maps more than is asked for and gives back what stands out on either side. */
static void *
map_trimmed(size_t size, size_t alignment) {
    size_t total = size + alignment;
    uintptr_t base = total < size ? 0 : (uintptr_t)map(total);
    if (base == 0) {
        return NULL;
    }
    uintptr_t start = align_up(base, alignment);
    if (start > base) {
        munmap((void *)base, start - base);
    }
    if (base + total > start + size) {
        munmap((void *)(start + size), base + total - (start + size));
    }
    return (void *)start;
}

void *
pages_map(size_t size, size_t alignment) {
    if (fault(fault_map)) {
        return NULL;
    }
    int saved = errno;
    void *addr = map(size);
    if (addr != NULL && ((uintptr_t)addr & (alignment - 1)) != 0) {
        munmap(addr, size);
        addr = map_trimmed(size, alignment);
    }
    errno = saved;
    return addr;
}

void *
pages_reserve(size_t size, size_t alignment, bool *committed) {
    *committed = true;
    return pages_map(size, alignment);
}

void
pages_unmap(void *addr, size_t size) {
    int saved = errno;
    munmap(addr, size);
    errno = saved;
}

bool
pages_commit(void *addr, size_t size) {
    (void)addr;
    (void)size;
    return !fault(fault_commit);
}

bool
pages_decommit(void *addr, size_t size) {
    (void)addr;
    (void)size;
    return false;
}

static bool
advise(void *addr, size_t size, int advice) {
    int saved = errno;
    bool done = !fault(fault_purge) && madvise(addr, size, advice) == 0;
    errno = saved;
    return done;
}

bool
pages_purge_lazy(void *addr, size_t size) {
    return advise(addr, size, MADV_FREE);
}

bool
pages_purge_forced(void *addr, size_t size) {
    return advise(addr, size, MADV_DONTNEED);
}

bool
pages_move(void *from, void *to, size_t size) {
    return remap(from, to, size);
}

bool
pages_can_move(void) {
    return remap_able();
}

static bool
protect(void *addr, size_t size, int protection) {
    int saved = errno;
    bool done = mprotect(addr, size, protection) == 0;
    errno = saved;
    return done;
}

bool
pages_guard(void *addr, size_t size) {
    return protect(addr, size, PROT_NONE);
}

bool
pages_unguard(void *addr, size_t size) {
    return protect(addr, size, PROT_READ | PROT_WRITE);
}

size_t
pages_huge_size(void) {
    char text[32];
    size_t size = 0;
    size_t len = system_read_config("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", text, sizeof text);
    for (size_t i = 0; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
        size = size * 10 + (size_t)(text[i] - '0');
    }
    return is_pow2(size) && size > pages_size() ? size : 0;
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
