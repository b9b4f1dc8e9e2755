/* prof_stack.c -- return addresses: what is known of them, and the two ways along a stack. */
#include "observe/prof_stack.h"

#include "base/atomic.h"
#include "extent/metadata.h"

#include <string.h>

/* The allocator's own frames, on any path from an entry point to a sample. */
#define OWN_MAX    24
#define FRAMES_MAX (LUNALLOC_STACK_MAX + OWN_MAX)
#define STACK_SPAN ((uintptr_t)8 << 20)
/* Closer addresses than this are taken to be of one object: the C library's. */
#define OBJECT_SPAN ((uintptr_t)4 << 20)

/* ---- what is known of a return address ---- */

typedef enum {
    GOOD = 1, /* the frame pointer is its function's */
    OWN,      /* the same, of the allocator */
    BAD,
    KINDS
} kind_t;

#define LG_KNOWN 13

/* The kind of an address, in the place that its hash gives: ip * KINDS + kind. A newcomer takes the place. */
static _Atomic uintptr_t *_Atomic known; /* Synchronization: written once; its words by any thread. */

static inline size_t
place_of(uintptr_t ip) {
    return ip * UINT64_C(0x9e3779b97f4a7c15) >> (64 - LG_KNOWN);
}

static inline bool
is_known(_Atomic uintptr_t *words, uintptr_t ip, kind_t kind) {
    return atomic_get(&words[place_of(ip)]) == ip * KINDS + kind;
}

static void
learn(uintptr_t ip, kind_t kind) {
    atomic_set(&atomic_get(&known)[place_of(ip)], ip * KINDS + kind);
}

/* ---- ends of stacks ---- */

#define ENDS_MAX 8
#define TAIL_MAX 2

typedef struct {
    _Atomic uintptr_t ip;     /* Synchronization: written last, once; 0 until then. */
    uint32_t n;               /* Synchronization: constant once ip is there. */
    uintptr_t tail[TAIL_MAX]; /* Synchronization: as n. */
} end_t;

static end_t ends[ENDS_MAX];
static _Atomic uint32_t nends; /* Synchronization: any thread; places given out. */

static const end_t *
end_at(uintptr_t ip) {
    for (size_t i = 0; i < ENDS_MAX; i++) {
        if (atomic_get_acquire(&ends[i].ip) == ip) {
            return &ends[i];
        }
    }
    return NULL;
}

/* The last n frames, whose first one's address is an end from now on. */
static void
learn_end(const frame_t *frames, uint32_t n) {
    uint32_t i = end_at(frames[0].ip) != NULL ? ENDS_MAX : atomic_add(&nends, 1);
    if (i >= ENDS_MAX) {
        return;
    }
    ends[i].n = n - 1;
    for (uint32_t k = 1; k < n; k++) {
        ends[i].tail[k - 1] = frames[k].ip;
    }
    atomic_set_release(&ends[i].ip, frames[0].ip);
}

/* ---- by the unwinder ---- */

/* How many frames are the allocator's. */
static uint32_t
own_frames(const frame_t *frames, uint32_t n) {
    uint32_t own = 0;
    for (uint32_t i = 0; i < n && i < OWN_MAX && prof_is_entry != NULL; i++) {
        own = prof_is_entry(frames[i].start) ? i + 1 : own;
    }
    return own;
}

static bool
is_end(const frame_t *frames, uint32_t n) {
    uintptr_t distance = frames[0].ip - frames[1].ip;
    return n >= 2 && n <= TAIL_MAX + 1 && distance + OBJECT_SPAN < 2 * OBJECT_SPAN;
}

/* Of a stack that is whole. */
static void
learn_all(const frame_t *frames, uint32_t n, uint32_t own) {
    for (uint32_t i = 0; i + 1 < n; i++) {
        bool good = frames[i].fp != 0 && frames[i].fp + 2 * sizeof(uintptr_t) == frames[i + 1].sp;
        learn(frames[i].ip, !good ? BAD : i < own ? OWN : GOOD);
        if (!good && is_end(frames + i, n - i)) {
            learn_end(frames + i, n - i);
        }
    }
}

uint32_t
prof_stack_unwind(uintptr_t *ips, uintptr_t *top) {
    frame_t frames[FRAMES_MAX];
    uint32_t n = unwind(frames, FRAMES_MAX);
    uint32_t own = own_frames(frames, n);
    if (n > 0 && n < FRAMES_MAX) {
        learn_all(frames, n, own);
        *top = frames[n - 1].sp;
    }
    n = n - own < LUNALLOC_STACK_MAX ? n - own : LUNALLOC_STACK_MAX;
    for (uint32_t i = 0; i < n; i++) {
        ips[i] = frames[own + i].ip;
    }
    return n;
}

/* ---- by frame pointers ---- */

/* A frame as its pointer finds it. */
typedef struct {
    uintptr_t outer, ip;
} link_t;

/* The frame that the one at fp was called from; 0: that is not within the stack. */
static inline uintptr_t
outer_of(uintptr_t fp, uintptr_t top) {
    uintptr_t outer = ((const link_t *)fp)->outer;
    return outer > fp && outer <= top - sizeof(link_t) && outer % sizeof(uintptr_t) == 0 ? outer : 0;
}

static inline uintptr_t
ip_of(uintptr_t fp) {
    return ((const link_t *)fp)->ip;
}

static uint32_t
append_tail(const end_t *end, uintptr_t *ips, uint32_t n) {
    for (uint32_t i = 0; i < end->n && n < LUNALLOC_STACK_MAX; i++) {
        ips[n++] = end->tail[i];
    }
    return n;
}

/* From the frame at fp outwards; 0 if some address on the way is not known to be good. */
static uint32_t
follow(uintptr_t fp, uintptr_t top, uintptr_t *ips) {
    uint32_t n = 0;
    _Atomic uintptr_t *words = atomic_get_acquire(&known);
    while (fp != 0 && is_known(words, ip_of(fp), OWN)) {
        fp = outer_of(fp, top);
    }
    while (fp != 0 && n < LUNALLOC_STACK_MAX) {
        uintptr_t ip = ip_of(fp);
        ips[n++] = ip;
        if (!is_known(words, ip, GOOD)) {
            const end_t *end = end_at(ip);
            return end == NULL ? 0 : append_tail(end, ips, n);
        }
        fp = outer_of(fp, top);
    }
    return fp == 0 ? 0 : n;
}

/* ---- both ---- */

bool (*prof_is_entry)(uintptr_t start);

bool
prof_stack_prepare(void) {
    if (atomic_get(&known) == NULL) {
        atomic_set_release(&known, metadata_alloc(sizeof(uintptr_t) << LG_KNOWN, CACHELINE));
    }
    return atomic_get(&known) != NULL && unwind_load();
}

uint32_t
prof_stack_capture(uintptr_t *ips, uintptr_t *top) {
    uintptr_t fp = (uintptr_t)__builtin_frame_address(0);
    bool near = fp < *top && *top - fp >= sizeof(link_t) && *top - fp < STACK_SPAN;
    uint32_t n = near ? follow(fp, *top, ips) : 0;
    return n > 0 ? n : prof_stack_unwind(ips, top);
}
