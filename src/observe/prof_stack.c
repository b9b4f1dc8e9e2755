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
 *   63    | 62 .. 16 | 15      | 14    | 13 .. 3 | 2 .. 0
 *   loose | address  | special | by fp | up / 8  | 8 - saved / 8, or 0
 *
 * loose: its object may be unloaded. special: where up is 0, the lowest bits tell whether the frame is the outermost
 * one, or the address no code that is known, else there is no rule; where it is not, the function is an entry. An
 * address of a process's code is below 2^47.
 */
#define SAVED      UINT64_C(7)
#define UP         (UINT64_C(0x3fff) & ~SAVED)
#define OUTERMOST  SAVED
#define NO_CODE    UINT64_C(1)
#define BY_FP      (UINT64_C(1) << 14)
#define SPECIAL    (UINT64_C(1) << 15)
#define LG_ADDRESS 16
#define LOOSE      (UINT64_C(1) << 63)

#define LG_RULES 14

/* A rule, and the number of the one that was followed next last time. */
typedef struct {
    /* Synchronization: any thread: these fields. */
    _Atomic uint64_t word;
    _Atomic uint32_t next;
} rule_t;

/*
 * In the order in which they are learned, so that those of one stack lie side by side and share lines of memory: each
 * leads to the next. Where that leads elsewhere, a rule is found by its address's hash. When there is no room left,
 * newcomers take the places of the first. What is found is right if it has the address.
 */
typedef struct {
    /* Synchronization: any thread: these fields. */
    rule_t rules[1 << LG_RULES];            /* number 0 is of address 0, and leads to where walks begin */
    _Atomic uint16_t places[1 << LG_RULES]; /* numbers of rules, by hash */
    _Atomic uint32_t nlearned;
} book_t;

static book_t *_Atomic book; /* Synchronization: written once, read at any time. */
/* unwind_changes() that the loose rules are of. What is on a thread's stack stays loaded while it looks. */
static _Atomic uint64_t changes; /* Synchronization: any thread, when it has cleared the rules. */

static inline _Atomic uint16_t *
place_of(book_t *b, uintptr_t ip) {
    return &b->places[ip * UINT64_C(0x9e3779b97f4a7c15) >> (64 - LG_RULES)];
}

static uint64_t
pack(const cfi_rule_t *rule) {
    if (rule->kind == CFI_OUTERMOST) {
        return SPECIAL | OUTERMOST;
    }
    if (rule->kind == CFI_NONE) {
        return SPECIAL | NO_CODE;
    }
    bool plain = rule->kind == CFI_BY_SP || rule->kind == CFI_BY_FP;
    if (!plain || rule->up == 0 || (rule->up & ~UP) != 0 || rule->saved % 8 != 0 || rule->saved / 8 > SAVED) {
        return SPECIAL;
    }
    return (rule->kind == CFI_BY_FP ? BY_FP : 0) | rule->up | (8 - rule->saved / 8) % 8;
}

/* A rule as it was read: others may have taken its place since. */
typedef struct {
    uint64_t word;
    uint32_t i;
} found_t;

/* An address that has no place in a word is that of no code. */
static found_t
learn(book_t *b, uintptr_t ip) {
    if (UNLIKELY(ip >> (63 - LG_ADDRESS) != 0)) {
        return (found_t){.word = SPECIAL | NO_CODE};
    }
    unwind_rule_t rule = unwind_rule(ip);
    bool entry = prof_is_entry != NULL && prof_is_entry(rule.start);
    found_t new = {
        .word = (rule.stays ? 0 : LOOSE) | ip << LG_ADDRESS | (entry ? SPECIAL : 0) | pack(&rule.cfi),
        .i = 1 + atomic_add(&b->nlearned, 1) % ((1U << LG_RULES) - 1),
    };
    atomic_set(&b->rules[new.i].word, new.word);
    atomic_set(place_of(b, ip), (uint16_t) new.i);
    return new;
}

/* Where another object is loaded, an address may have another rule. */
static void
forget_unloaded(book_t *b) {
    uint64_t present = unwind_changes();
    if (atomic_get_acquire(&changes) == present) {
        return;
    }
    for (size_t i = 0; i < (size_t)1 << LG_RULES; i++) {
        if ((atomic_get(&b->rules[i].word) & LOOSE) != 0) {
            atomic_set(&b->rules[i].word, 0);
        }
    }
    atomic_set_release(&changes, present);
}

static inline found_t
rule_numbered(const book_t *b, uint32_t i) {
    return (found_t){.word = atomic_get(&b->rules[i].word), .i = i};
}

/* A rule that does not come next, is loose, or is not there. *checked: what was unloaded is forgotten. */
static NOINLINE found_t
look_up(book_t *b, uintptr_t ip, bool *checked) {
    found_t found = rule_numbered(b, atomic_get(place_of(b, ip)));
    if (found.word >> LG_ADDRESS == ip) {
        return found;
    }
    if (!*checked) {
        forget_unloaded(b);
        *checked = true;
        found = rule_numbered(b, found.i);
    }
    return (found.word & ~LOOSE) >> LG_ADDRESS == ip ? found : learn(b, ip);
}

/* The rule of an address; *from led to it, and then is it. Where a function calls itself, that is the same one, which
 * goes on leading to the function's caller. */
static inline uint64_t
rule_of(book_t *b, rule_t **from, uintptr_t ip, bool *checked) {
    found_t found = rule_numbered(b, atomic_get(&(*from)->next));
    if (UNLIKELY(found.word >> LG_ADDRESS != ip)) {
        uint64_t same = atomic_get(&(*from)->word);
        if (same >> LG_ADDRESS == ip) {
            return same;
        }
        found = look_up(b, ip, checked);
        atomic_set(&(*from)->next, found.i);
    }
    *from = &b->rules[found.i];
    return found.word;
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

/* Addresses that are shown of n the last of which is no code: all but that one, unless there is no other. */
static uint32_t
without_last(uint32_t n) {
    return n > 1 ? n - 1 : n;
}

/* How many addresses there are if a walk ends here, as a rule says; 0: only the unwinder knows. The last address is 0
 * where no outermost frame is told. */
static uint32_t
end_of_walk(uint64_t rule, uintptr_t ip, uint32_t n) {
    if (ip == 0) {
        return n - 1;
    }
    uint64_t end = rule & SAVED;
    return end == OUTERMOST ? n : end == NO_CODE ? without_last(n) : 0;
}

/* From a frame outwards; 0 if that needs the unwinder. */
static uint32_t
follow(state_t at, uintptr_t top, uintptr_t *ips) {
    book_t *b = atomic_get_acquire(&book);
    rule_t *known = &b->rules[0];
    uint32_t n = 0, own = OWN_MAX;
    bool checked = false;
    while (n < LUNALLOC_STACK_MAX) {
        uint64_t rule = rule_of(b, &known, at.ip, &checked);
        uintptr_t up = rule & UP;
        ips[n++] = at.ip;
        if (UNLIKELY((rule & SPECIAL) != 0)) {
            if (up == 0) {
                return end_of_walk(rule, at.ip, n);
            }
            if (n <= own) {
                own -= n;
                n = 0;
            }
        }
        if ((rule & BY_FP) != 0) {
            up += at.fp - at.sp;
        }
        if (UNLIKELY(up - 1 >= top - at.sp)) {
            return 0;
        }
        at.sp += up;
        at.ip = word_at(at.sp - 8);
        if ((rule & SAVED) != 0) {
            at.fp = word_at(at.sp - 64 + (rule & SAVED) * 8);
        }
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
    n = n > own && frames[n - 1].no_code ? without_last(n - own) : n - own;
    n = n < LUNALLOC_STACK_MAX ? n : LUNALLOC_STACK_MAX;
    for (uint32_t i = 0; i < n; i++) {
        ips[i] = frames[own + i].ip;
    }
    return n;
}

/* ---- both ---- */

bool
prof_stack_prepare(void) {
    book_t *b = atomic_get(&book);
    if (b == NULL && (b = metadata_alloc(sizeof *b, CACHELINE)) != NULL) {
        atomic_set(&b->rules[0].word, SPECIAL);
        atomic_set_release(&book, b);
    }
    return b != NULL && unwind_load();
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
