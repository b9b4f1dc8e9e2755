/* prof_stack.c -- the two ways along a stack: by rules that are remembered, and by the unwinder. */
#include "observe/prof_stack.h"

#include "base/atomic.h"
#include "extent/metadata.h"

#include <string.h>

/* The allocator's own frames, on any path from an entry point to a sample. */
#define OWN_MAX    24
#define FRAMES_MAX (LUNALLOC_STACK_MAX + OWN_MAX)
#define STACK_SPAN ((uintptr_t)8 << 20)

bool (*prof_is_entry)(uintptr_t start);

/* ---- rules ---- */

/*
 * A rule with its return address, in one word, so that it is read and written whole:
 *
 *   63        16 | 15      | 14      | 13 .. 11  | 10 .. 0
 *   address      | entry   | by fp   | saved / 8 | up / 8
 *
 * up is 0 where there is no way further: the rule is then NO_RULE, or else the frame is the outermost one.
 */
#define LG_WORD    3
#define LG_SAVED   11
#define UP_MAX     ((1U << LG_SAVED) - 1)
#define SAVED_MAX  7U
#define NO_RULE    (1U << LG_SAVED)
#define BY_FP      (1U << 14)
#define ENTRY      (1U << 15)
#define LG_ADDRESS 16

#define LG_RULES 14

/* In the place that the address's hash gives; a newcomer takes it. */
static _Atomic uintptr_t *_Atomic rules; /* Synchronization: written once; its words by any thread. */
/* unwind_changes() that the rules are of. What is on a thread's stack stays loaded while it looks. */
static _Atomic uint64_t changes; /* Synchronization: any thread, when it has cleared the rules. */

static inline size_t
place_of(uintptr_t ip) {
    return ip * UINT64_C(0x9e3779b97f4a7c15) >> (64 - LG_RULES);
}

static uintptr_t
pack(const cfi_rule_t *rule) {
    uint32_t up = rule->up >> LG_WORD, saved = rule->saved >> LG_WORD;
    bool whole = ((rule->up | rule->saved) & (sizeof(uintptr_t) - 1)) == 0;
    if (rule->kind == CFI_OUTERMOST) {
        return 0;
    }
    if (rule->kind == CFI_UNKNOWN || !whole || up > UP_MAX || saved > SAVED_MAX) {
        return NO_RULE;
    }
    return (rule->kind == CFI_BY_FP ? BY_FP : 0) | saved << LG_SAVED | up;
}

static NOINLINE uintptr_t
learn(uintptr_t ip) {
    uintptr_t start;
    cfi_rule_t rule = unwind_rule(ip, &start);
    bool entry = prof_is_entry != NULL && prof_is_entry(start);
    uintptr_t word = ip << LG_ADDRESS | (entry ? ENTRY : 0) | pack(&rule);
    atomic_set(&atomic_get(&rules)[place_of(ip)], word);
    return word;
}

static inline uintptr_t
rule_of(_Atomic uintptr_t *words, uintptr_t ip) {
    uintptr_t word = atomic_get(&words[place_of(ip)]);
    return LIKELY(word >> LG_ADDRESS == ip) ? word : learn(ip);
}

/* Where another object is loaded, an address may have another rule. */
static void
forget_unloaded(_Atomic uintptr_t *words) {
    uint64_t present = unwind_changes();
    if (LIKELY(atomic_get_acquire(&changes) == present)) {
        return;
    }
    for (size_t i = 0; i < (size_t)1 << LG_RULES; i++) {
        if (atomic_get(&words[i]) != 0) {
            atomic_set(&words[i], 0);
        }
    }
    atomic_set_release(&changes, present);
}

/* ---- by rules ---- */

static inline uintptr_t
word_at(uintptr_t addr) {
    return *(const uintptr_t *)addr;
}

/* A frame, between calls. */
typedef struct {
    uintptr_t ip, sp, fp;
} state_t;

/* From a frame outwards; 0 if that needs the unwinder. */
static uint32_t
follow(state_t at, uintptr_t top, uintptr_t *ips) {
    _Atomic uintptr_t *words = atomic_get_acquire(&rules);
    uint32_t n = 0, own = 0;
    while (at.ip != 0 && n < LUNALLOC_STACK_MAX) {
        uintptr_t rule = rule_of(words, at.ip);
        ips[n++] = at.ip;
        if (UNLIKELY((rule & ENTRY) != 0) && own + n <= OWN_MAX) {
            own += n;
            n = 0;
        }
        uintptr_t up = (rule & UP_MAX) << LG_WORD, saved = rule >> LG_SAVED & SAVED_MAX;
        if (up == 0) {
            return (rule & NO_RULE) != 0 ? 0 : n;
        }
        uintptr_t end = ((rule & BY_FP) != 0 ? at.fp : at.sp) + up;
        if (UNLIKELY(end <= at.sp || end > top || end % sizeof end != 0)) {
            return 0;
        }
        at.fp = saved != 0 ? word_at(end - (saved << LG_WORD)) : at.fp;
        at.ip = word_at(end - sizeof end);
        at.sp = end;
    }
    return n;
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

/* Is an address on the stack below top? */
static bool
is_near(uintptr_t addr, uintptr_t top) {
    return addr < top && top - addr < STACK_SPAN;
}

/* Of a stack that is too deep to be seen whole, it is as far as was ever seen. */
static void
raise_top(uintptr_t *top, uintptr_t sp, uintptr_t outermost) {
    if (!is_near(sp, *top) || outermost > *top) {
        *top = outermost;
    }
}

uint32_t
prof_stack_unwind(uintptr_t *ips, uintptr_t *top) {
    frame_t frames[FRAMES_MAX];
    uint32_t n = unwind(frames, FRAMES_MAX);
    uint32_t own = own_frames(frames, n);
    if (n > 0) {
        raise_top(top, frames[0].sp, frames[n - 1].sp);
    }
    n = n - own < LUNALLOC_STACK_MAX ? n - own : LUNALLOC_STACK_MAX;
    for (uint32_t i = 0; i < n; i++) {
        ips[i] = frames[own + i].ip;
    }
    return n;
}

/* ---- both ---- */

bool
prof_stack_prepare(void) {
    if (atomic_get(&rules) == NULL) {
        atomic_set_release(&rules, metadata_alloc(sizeof(uintptr_t) << LG_RULES, CACHELINE));
    }
    return atomic_get(&rules) != NULL && unwind_load();
}

/* Its own frame is one by frame pointer, whatever it was compiled with. */
uint32_t
prof_stack_capture(uintptr_t *ips, uintptr_t *top) {
    uintptr_t fp = (uintptr_t)__builtin_frame_address(0);
    uint32_t n = 0;
    if (is_near(fp, *top)) {
        forget_unloaded(atomic_get_acquire(&rules));
        n = follow((state_t){.ip = word_at(fp + sizeof fp), .sp = fp + 2 * sizeof fp, .fp = word_at(fp)}, *top, ips);
    }
    return n > 0 ? n : prof_stack_unwind(ips, top);
}
