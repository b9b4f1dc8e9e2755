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
 * A rule with its return address, in one word, so that it is read and written whole; bytes of up are multiples of 8:
 *
 *   63    | 62 .. 16 | 15    | 14    | 13 .. 3 | 2 .. 0
 *   loose | address  | entry | by fp | up / 8  | 8 - saved / 8, or 0
 *
 * loose: its object may be unloaded. Where up is 0, the lowest bits tell whether the frame is the outermost one; else
 * there is no rule. An address of a process is below 2^47.
 */
#define SAVED      UINT64_C(7)
#define UP         (UINT64_C(0x3fff) & ~SAVED)
#define OUTERMOST  SAVED
#define BY_FP      (UINT64_C(1) << 14)
#define ENTRY      (UINT64_C(1) << 15)
#define LG_ADDRESS 16
#define LOOSE      (UINT64_C(1) << 63)

#define LG_RULES 14

/* In the place that the address's hash gives; a newcomer takes it. */
static _Atomic uint64_t *_Atomic rules; /* Synchronization: written once; its words by any thread. */
/* unwind_changes() that the loose rules are of. What is on a thread's stack stays loaded while it looks. */
static _Atomic uint64_t changes; /* Synchronization: any thread, when it has cleared the rules. */

static inline _Atomic uint64_t *
place_of(_Atomic uint64_t *words, uintptr_t ip) {
    return &words[ip * UINT64_C(0x9e3779b97f4a7c15) >> (64 - LG_RULES)];
}

static uint64_t
pack(const cfi_rule_t *rule) {
    if (rule->kind == CFI_OUTERMOST) {
        return OUTERMOST;
    }
    if (rule->kind == CFI_UNKNOWN || (rule->up & ~UP) != 0 || rule->saved % 8 != 0 || rule->saved / 8 > SAVED) {
        return 0;
    }
    return (rule->kind == CFI_BY_FP ? BY_FP : 0) | rule->up | (8 - rule->saved / 8) % 8;
}

static uint64_t
learn(_Atomic uint64_t *words, uintptr_t ip) {
    unwind_rule_t rule = unwind_rule(ip);
    bool entry = prof_is_entry != NULL && prof_is_entry(rule.start);
    uint64_t word = (rule.stays ? 0 : LOOSE) | ip << LG_ADDRESS | (entry ? ENTRY : 0) | pack(&rule.cfi);
    atomic_set(place_of(words, ip), word);
    return word;
}

/* Where another object is loaded, an address may have another rule. */
static void
forget_unloaded(_Atomic uint64_t *words) {
    uint64_t present = unwind_changes();
    if (atomic_get_acquire(&changes) == present) {
        return;
    }
    for (size_t i = 0; i < (size_t)1 << LG_RULES; i++) {
        if ((atomic_get(&words[i]) & LOOSE) != 0) {
            atomic_set(&words[i], 0);
        }
    }
    atomic_set_release(&changes, present);
}

/* A rule that is loose, or not there. *checked: what was unloaded is forgotten. */
static NOINLINE uint64_t
rule_slow(_Atomic uint64_t *words, uintptr_t ip, bool *checked) {
    if (!*checked) {
        forget_unloaded(words);
        *checked = true;
    }
    uint64_t word = atomic_get(place_of(words, ip));
    return (word & ~LOOSE) >> LG_ADDRESS == ip ? word : learn(words, ip);
}

static inline uint64_t
rule_of(_Atomic uint64_t *words, uintptr_t ip, bool *checked) {
    uint64_t word = atomic_get(place_of(words, ip));
    return LIKELY(word >> LG_ADDRESS == ip) ? word : rule_slow(words, ip, checked);
}

/* ---- by rules ---- */

static inline uintptr_t
word_at(uintptr_t addr) {
    uintptr_t word;
    memcpy(&word, (const void *)addr, sizeof word);
    return word;
}

/* A frame, between calls. */
typedef struct {
    uintptr_t ip, sp, fp;
} state_t;

/* From a frame outwards; 0 if that needs the unwinder. The last address is 0 where no outermost frame is told. */
static uint32_t
follow(state_t at, uintptr_t top, uintptr_t *ips) {
    _Atomic uint64_t *words = atomic_get_acquire(&rules);
    uint32_t n = 0, own = OWN_MAX;
    bool checked = false;
    while (n < LUNALLOC_STACK_MAX) {
        uint64_t rule = rule_of(words, at.ip, &checked);
        ips[n++] = at.ip;
        if (UNLIKELY((rule & ENTRY) != 0) && n <= own) {
            own -= n;
            n = 0;
        }
        uint64_t up = rule & UP, saved = rule & SAVED;
        if (UNLIKELY(up == 0)) {
            return at.ip == 0 ? n - 1 : saved == OUTERMOST ? n : 0;
        }
        uintptr_t end = ((rule & BY_FP) != 0 ? at.fp : at.sp) + up;
        if (UNLIKELY(end <= at.sp || end > top)) {
            return 0;
        }
        at = (state_t){.ip = word_at(end - 8), .sp = end, .fp = saved != 0 ? word_at(end - 64 + saved * 8) : at.fp};
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
        atomic_set_release(&rules, metadata_alloc(sizeof(uint64_t) << LG_RULES, CACHELINE));
    }
    return atomic_get(&rules) != NULL && unwind_load();
}

/* Its own frame is one by frame pointer, whatever it was compiled with. */
uint32_t
prof_stack_capture(uintptr_t *ips, uintptr_t *top) {
    uintptr_t fp = (uintptr_t)__builtin_frame_address(0);
    uint32_t n = 0;
    if (is_near(fp, *top)) {
        n = follow((state_t){.ip = word_at(fp + sizeof fp), .sp = fp + 2 * sizeof fp, .fp = word_at(fp)}, *top, ips);
    }
    return n > 0 ? n : prof_stack_unwind(ips, top);
}
