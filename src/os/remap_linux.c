/*
 * remap_linux.c -- mremap: page table entries change their place.
 *
 * With MREMAP_DONTUNMAP both ranges stay mapped. What has been moved is a mapping of its own, so a move must take a
 * range that consists of several: the system does since Linux 6.17. If it fails midway, nobody knows how far it got.
 * So memory whose contents matter is carried mapping by mapping, each of them wholly or not at all.
 *
 * All that is tried out once, and what counts is what can be seen afterwards: an emulator may let the call succeed and
 * forget about the range that was left.
 */
#include "os/remap.h"

#include "base/atomic.h"
#include "os/call.h"
#include "os/pages.h"

#include <string.h>

typedef enum {
    untried,
    able,
    unable
} state_t;

static _Atomic uint32_t state; /* Synchronization: any thread; a state_t; stays unable. */

/* Maps a range that nobody has mapped. False: refused, or something is there. */
static bool
map_there(char *at, size_t size) {
    char *got = call_map(at, size, PROT_READ | PROT_WRITE, MAP_FIXED_NOREPLACE);
    if (got != at && got != NULL) {
        call_unmap(got, size); /* by a system that does not know the flag */
    }
    return got == at;
}

static bool
fill(char *at, size_t size) {
    return !fault(fault_refill) && map_there(at, size);
}

/* What the system does when it refuses late. */
static bool
stranded(char *to, size_t size) {
    bool yes = fault(fault_stranded);
    if (UNLIKELY(yes)) {
        call_unmap(to, size);
    }
    return yes;
}

static bool
enter(char *from, char *to, size_t size) {
    return call_remap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) == to;
}

/* More than there is room for behind any mapping, and less than the system finds absurd. */
#define TOO_MUCH ((size_t)1 << (LG_VADDR - 1))

/* Is that one mapping, or part of one? One that is to grow must be, before anything else is looked at; and so much it
 * cannot grow. */
static bool
is_one(char *at, size_t size) {
    return CALL(SYS_mremap, at, size, size + TOO_MUCH, 0, 0) != -EFAULT;
}

/* The part of [at, + size) that is one mapping: halving finds where it ends. */
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

static bool
holds(const char *at, size_t size, char value) {
    bool same = true;
    for (size_t i = 0; i < size; i += pages_size() / 2) {
        same = same && ((const volatile char *)at)[i] == value;
    }
    return same;
}

/* It can be written, and given back. */
static bool
works(char *at, size_t size) {
    memset(at, 3, size);
    return (fault(fault_forget) || call_advise(at, size, MADV_DONTNEED)) && holds(at, size, 0);
}

/* Of four pages the first two, which are two mappings, move to the others. */
static bool
moves_several(char *from, char *to, size_t page) {
    memset(from, 1, 2 * page);
    memset(to, 2, 2 * page);
    return call_protect(from, page, PROT_READ) && enter(from, to, 2 * page) && holds(to, 2 * page, 1) &&
           holds(from, 2 * page, 0);
}

/* Then the others are two. */
static bool
sees_several(char *from, char *to, size_t page) {
    return mapping_size(to, 2 * page) == page && call_protect(to, page, PROT_READ | PROT_WRITE) &&
           call_protect(from, page, PROT_READ | PROT_WRITE) && works(from, 2 * page) && works(to, 2 * page);
}

/* If it fails, what was the target may be anybody's: then the pages stay. */
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

/* False: refused, and then *lost says whether the target is still there. One that was unmapped, and that no other
 * thread has taken, is ours again. */
static bool
enter_or_lose(char *from, char *to, size_t size, bool *lost) {
    bool late = stranded(to, size);
    bool done = !late && enter(from, to, size);
    if (UNLIKELY(!done)) {
        *lost = !fill(to, size);
    }
    if (UNLIKELY(!done && !late)) {
        atomic_set(&state, unable);
    }
    return done;
}

bool
remap(void *from, void *to, size_t size, bool *lost) {
    *lost = false;
    return !fault(fault_move) && enter_or_lose(from, to, size, lost);
}

/* Of `to`, [gone, + size) is lost. The rest goes back to the system, after what it got has gone back to `from`. */
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
        *moved = enter_or_lose(source, target, part, &lost);
        if (lost) {
            bring_back(from, to, to_size, target, part);
            return false;
        }
        done += *moved ? part : 0;
    }
    memcpy((char *)to + done, (const char *)from + done, size - done);
    return true;
}
