/*
 * remap_linux.c -- mremap moves page table entries, not bytes.
 *
 * With MREMAP_DONTUNMAP both ranges stay mapped. Moved memory is a mapping of its own afterwards, so later moves meet
 * ranges that consist of several mappings; the kernel moves such ranges since Linux 6.17. If a move of several fails
 * midway, the caller cannot know how far it got. So memory whose contents matter is moved mapping by mapping, each
 * wholly or not at all (remap_carry).
 *
 * remap_try tries all this once and judges by what memory holds afterwards, not by results: an emulator may return
 * success and leave the old range unmapped.
 */
#include "os/remap.h"

#include "base/atomic.h"
#include "os/call.h"
#include "os/pages.h"

#include <string.h>

/* Whether the system can move memory. */
typedef enum {
    untried,
    able,
    unable
} state_t;

static _Atomic uint32_t state; /* Synchronization: any thread; a state_t; once unable, always unable. */

/* Maps an unmapped range. False if the system refuses, or if any of it is mapped. */
static bool
map_there(char *at, size_t size) {
    char *got = call_map(at, size, PROT_READ | PROT_WRITE, MAP_FIXED_NOREPLACE);
    if (got != at && got != NULL) {
        call_unmap(got, size); /* a system that does not know the flag maps elsewhere */
    }
    return got == at;
}

/* Maps the target again after a refused move has unmapped it. */
static bool
fill_hole(char *at, size_t size) {
    return !fault(fault_refill) && map_there(at, size);
}

/* On a test's demand: unmaps the target, as the kernel does when it refuses a move late. */
static bool
stranded(char *to, size_t size) {
    bool yes = fault(fault_stranded);
    if (UNLIKELY(yes)) {
        call_unmap(to, size);
    }
    return yes;
}

static bool
move_mappings(char *from, char *to, size_t size) {
    return call_remap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) == to;
}

/* More than there is room for behind any mapping, and less than the kernel rejects as an invalid size. */
#define TOO_MUCH ((size_t)1 << (LG_VADDR - 1))

/* Whether the range is one mapping, or part of one. Asks the kernel to grow it by TOO_MUCH, which always fails: with
 * EFAULT, before any other check, if the range is not within one mapping. */
static bool
is_one(char *at, size_t size) {
    return CALL(SYS_mremap, at, size, size + TOO_MUCH, 0, 0) != -EFAULT;
}

/* How much of [at, at + size) is one mapping. Bisects the pages. */
static size_t
mapping_size(char *at, size_t size) {
    size_t page = pages_size();
    if (is_one(at, size)) {
        return size;
    }
    size_t low = 1, high = size / page;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (is_one(at, middle * page)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low * page;
}

/* ---- the trial ---- */

/* Whether each page of the range holds the value. */
static bool
holds(const char *at, size_t size, char value) {
    bool same = true;
    for (size_t i = 0; i < size; i += pages_size() / 2) {
        same = same && ((const volatile char *)at)[i] == value;
    }
    return same;
}

/* Whether the range can be written and purged. */
static bool
works(char *at, size_t size) {
    memset(at, 3, size);
    return (fault(fault_ineffective) || call_advise(at, size, MADV_DONTNEED)) && holds(at, size, 0);
}

/* Makes the first two of four pages two mappings, and moves them to the other two. */
static bool
moves_several(char *from, char *to, size_t page) {
    memset(from, 1, 2 * page);
    memset(to, 2, 2 * page);
    return call_protect(from, page, PROT_READ) && move_mappings(from, to, 2 * page) && holds(to, 2 * page, 1) &&
           holds(from, 2 * page, 0);
}

/* Whether the target is two mappings then, and all four pages can be used. */
static bool
sees_several(char *from, char *to, size_t page) {
    return mapping_size(to, 2 * page) == page && call_protect(to, page, PROT_READ | PROT_WRITE) &&
           call_protect(from, page, PROT_READ | PROT_WRITE) && works(from, 2 * page) && works(to, 2 * page);
}

/* If the trial fails, the target may be another thread's mapping by now, so nothing is unmapped. */
bool
remap_try(void) {
    size_t page = pages_size();
    char *from = call_map(NULL, 4 * page, PROT_READ | PROT_WRITE, 0), *to = from + 2 * page;
    bool done = from != NULL && moves_several(from, to, page) && sees_several(from, to, page);
    if (done) {
        call_unmap(from, 4 * page);
    }
    return done;
}

static COLD bool
able_after_trial(void) {
    uint32_t now = remap_try() ? able : unable, before = untried;
    atomic_compare_exchange_strong_explicit(&state, &before, now, memory_order_relaxed, memory_order_relaxed);
    return atomic_get(&state) == able;
}

bool
remap_able(void) {
    uint32_t known = atomic_get(&state);
    return UNLIKELY(known == untried) ? able_after_trial() : known == able;
}

/* ---- moving ---- */

/* False if the system refuses; *lost says whether the target is lost. A target that the kernel has unmapped is mapped
 * again unless another thread has mapped something there. */
static bool
move_or_lose(char *from, char *to, size_t size, bool *lost) {
    bool late = stranded(to, size);
    bool done = !late && move_mappings(from, to, size);
    if (UNLIKELY(!done)) {
        *lost = !fill_hole(to, size);
    }
    if (UNLIKELY(!done && !late)) {
        atomic_set(&state, unable);
    }
    return done;
}

bool
remap(void *from, void *to, size_t size, bool *lost) {
    *lost = false;
    return !fault(fault_move) && move_or_lose(from, to, size, lost);
}

/* [gone, gone + size) of `to` is lost. Copies what has been moved back to `from`, and unmaps the rest of `to`. */
static COLD void
bring_back(char *from, char *to, size_t to_size, char *gone, size_t size) {
    size_t done = (size_t)(gone - to), behind = (size_t)(to + to_size - (gone + size));
    if (done > 0) {
        memcpy(from, to, done);
        call_unmap(to, done);
    }
    if (behind > 0) {
        call_unmap(gone + size, behind);
    }
}

bool
remap_carry(void *from, size_t size, void *to, size_t to_size, bool *moved) {
    bool lost = false;
    size_t done = 0;
    *moved = !fault(fault_move);
    while (*moved && done < size) {
        char *source = (char *)from + done, *target = (char *)to + done;
        size_t part = mapping_size(source, size - done);
        *moved = move_or_lose(source, target, part, &lost);
        if (lost) {
            bring_back(from, to, to_size, target, part);
            return false;
        }
        done += *moved ? part : 0;
    }
    memcpy((char *)to + done, (const char *)from + done, size - done);
    return true;
}
