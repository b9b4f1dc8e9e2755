/*
 * pages_windows.c -- the page contract by VirtualAlloc and VirtualFree.
 *
 * Windows promises memory when it is committed, so regions are reserved, and their pages committed before use. A region
 * is what one call has reserved; no later call may span two regions, even if they touch. No call returns memory and
 * leaves its pages accessible: pages_purge_forced refuses, and the page layer decommits instead.
 *
 * The thread's last error code belongs to the application, and is kept.
 */
#include "os/pages.h"

#include "base/bits.h"

#include <string.h>
#include <windows.h>

/* Attempts to get an aligned address before another thread takes it. */
#define ATTEMPTS 16

static void *
allocate(void *at, size_t size, DWORD how) {
    DWORD saved = GetLastError();
    void *addr = VirtualAlloc(at, size, how, PAGE_READWRITE);
    SetLastError(saved);
    return addr;
}

static bool
release(void *addr, size_t size, DWORD how) {
    DWORD saved = GetLastError();
    bool done = VirtualFree(addr, size, how) != 0;
    SetLastError(saved);
    return done;
}

/* A region cannot be trimmed. So reserve a larger one to find room, release it, and reserve the aligned part. Another
 * thread may take that address in between; then try again. */
static void *
allocate_aligned(size_t size, size_t alignment, DWORD how) {
    size_t total = size + alignment;
    void *addr = NULL;
    for (unsigned i = 0; i < ATTEMPTS && addr == NULL && total > size; i++) {
        void *room = allocate(NULL, total, MEM_RESERVE);
        if (room == NULL) {
            return NULL;
        }
        release(room, 0, MEM_RELEASE);
        addr = allocate((void *)align_up((uintptr_t)room, alignment), size, how);
    }
    return addr;
}

static void *
new_region(size_t size, size_t alignment, DWORD how) {
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    bool aligned_anyway = alignment <= info.dwAllocationGranularity;
    return aligned_anyway ? allocate(NULL, size, how) : allocate_aligned(size, alignment, how);
}

void *
pages_map(size_t size, size_t alignment) {
    return new_region(size, alignment, MEM_RESERVE | MEM_COMMIT);
}

void *
pages_reserve(size_t size, size_t alignment, bool *committed) {
    *committed = false;
    return new_region(size, alignment, MEM_RESERVE);
}

void
pages_unmap(void *addr, size_t size) {
    (void)size;
    release(addr, 0, MEM_RELEASE);
}

bool
pages_commit(void *addr, size_t size) {
    return allocate(addr, size, MEM_COMMIT) != NULL;
}

bool
pages_decommit(void *addr, size_t size) {
    return release(addr, size, MEM_DECOMMIT);
}

bool
pages_purge_lazy(void *addr, size_t size) {
    return allocate(addr, size, MEM_RESET) != NULL;
}

bool
pages_purge_forced(void *addr, size_t size) {
    (void)addr;
    (void)size;
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
protect(void *addr, size_t size, DWORD protection) {
    DWORD saved = GetLastError();
    DWORD before;
    bool done = VirtualProtect(addr, size, protection, &before) != 0;
    SetLastError(saved);
    return done;
}

bool
pages_guard(void *addr, size_t size) {
    return protect(addr, size, PAGE_NOACCESS);
}

bool
pages_unguard(void *addr, size_t size) {
    return protect(addr, size, PAGE_READWRITE);
}

const bool pages_can_be_huge = false;

size_t
pages_huge_size(void) {
    return 0;
}

/* Large pages need a privilege here, and are requested when memory is reserved. */
bool
pages_thp(void *addr, size_t size, pages_thp_t mode) {
    (void)addr;
    (void)size;
    (void)mode;
    return false;
}

/* Windows has no fork. */
void
pages_prefork(void) {
}

void
pages_postfork(bool child) {
    (void)child;
}
