/* prof_stack.c -- walks a stack by cached rules, and by the unwinder where a frame has no rule. */
#include "observe/prof_stack.h"

#include "base/atomic.h"
#include "extent/metadata.h"

#include <string.h>

/* The most frames of the allocator itself, on any path from an entry point to a sample. */
#define OWN_MAX    24
#define FRAMES_MAX (LUNALLOC_STACK_MAX + OWN_MAX)
#define STACK_SPAN ((uintptr_t)8 << 20)

bool (*prof_is_entry)(uintptr_t start);

/* ---- rules ---- */

/*
 * A rule and its return address in one word, so that they are read and written together. `up`, the distance to the
 * caller's frame, is a multiple of 8 bytes:
 *
 *   63       | 62 .. 16 | 15      | 14    | 13 .. 3 | 2 .. 0
 *   volatile | address  | special | by fp | up / 8  | 8 - saved / 8, or 0
 *
 * volatile: the object of this code can be unloaded. special, with up = 0: the walk ends here, and the lowest bits say
 * why: this is the outermost frame (OUTERMOST), the address is no known code (NO_CODE), or there is no rule (0).
 * special, with up > 0: the function is an entry point of the allocator. Code of a process lies below 2^47.
 */
#define SAVED      UINT64_C(7)
#define UP         (UINT64_C(0x3fff) & ~SAVED)
#define OUTERMOST  SAVED
#define NO_CODE    UINT64_C(1)
#define BY_FP      (UINT64_C(1) << 14)
#define SPECIAL    (UINT64_C(1) << 15)
#define LG_ADDRESS 16
#define VOLATILE   (UINT64_C(1) << 63)

#define LG_RULES 14

typedef struct {
    /* Synchronization: any thread: these fields. */
    _Atomic uint64_t word; /* the rule */
    _Atomic uint32_t next; /* number of the rule that followed it in the last walk */
} rule_t;

/*
 * The cache of rules. They lie in the order in which they were inserted, so the rules of one stack lie side by side and
 * share cache lines, and each one points to its successor. Where that is the wrong one, the rule is looked up by the
 * hash of its address. When the cache is full, new rules replace the oldest. A rule that was found is right if its
 * address is; another thread may replace it at any time.
 */
typedef struct {
    /* Synchronization: any thread: these fields. */
    rule_t rules[1 << LG_RULES];           /* number 0 has address 0; its successor is where walks begin */
    _Atomic uint16_t slots[1 << LG_RULES]; /* numbers of rules, by hash */
    _Atomic uint32_t ninserted;
} rule_cache_t;

static rule_cache_t *_Atomic rule_cache; /* Synchronization: written once, read at any time. */
/* The value of unwind_changes() at which the volatile rules were inserted. Code on the calling thread's own stack stays
 * loaded during its walk. Synchronization: any thread, after it has dropped the volatile rules. */
static _Atomic uint64_t loaded_set;

static inline _Atomic uint16_t *
slot_of(rule_cache_t *cache, uintptr_t ip) {
    return &cache->slots[ip * UINT64_C(0x9e3779b97f4a7c15) >> (64 - LG_RULES)];
}

static uint64_t
encode(const cfi_rule_t *rule) {
    if (rule->kind == CFI_OUTERMOST) {
        return SPECIAL | OUTERMOST;
    }
    if (rule->kind == CFI_NONE) {
        return SPECIAL | NO_CODE;
    }
    bool simple = rule->kind == CFI_BY_SP || rule->kind == CFI_BY_FP;
    if (!simple || rule->up == 0 || (rule->up & ~UP) != 0 || rule->saved % 8 != 0 || rule->saved / 8 > SAVED) {
        return SPECIAL;
    }
    return (rule->kind == CFI_BY_FP ? BY_FP : 0) | rule->up | (8 - rule->saved / 8) % 8;
}

/* A copy of a rule, and its number: another rule may have taken its place since. */
typedef struct {
    uint64_t word;
    uint32_t i;
} found_t;

/* Inserts the rule of an address. An address too large for the word belongs to no code. */
static found_t
rule_insert(rule_cache_t *cache, uintptr_t ip) {
    if (UNLIKELY(ip >> (63 - LG_ADDRESS) != 0)) {
        return (found_t){.word = SPECIAL | NO_CODE};
    }
    unwind_rule_t rule = unwind_rule(ip);
    bool entry = prof_is_entry != NULL && prof_is_entry(rule.start);
    found_t new = {
        .word = (rule.stays ? 0 : VOLATILE) | ip << LG_ADDRESS | (entry ? SPECIAL : 0) | encode(&rule.cfi),
        .i = 1 + atomic_add(&cache->ninserted, 1) % ((1U << LG_RULES) - 1),
    };
    atomic_set(&cache->rules[new.i].word, new.word);
    atomic_set(slot_of(cache, ip), (uint16_t) new.i);
    return new;
}

/* After a change of the loaded objects an address may belong to other code. */
static void
drop_volatile_rules(rule_cache_t *cache) {
    uint64_t now = unwind_changes();
    if (atomic_get_acquire(&loaded_set) == now) {
        return;
    }
    for (size_t i = 0; i < (size_t)1 << LG_RULES; i++) {
        if ((atomic_get(&cache->rules[i].word) & VOLATILE) != 0) {
            atomic_set(&cache->rules[i].word, 0);
        }
    }
    atomic_set_release(&loaded_set, now);
}

static inline found_t
rule_numbered(const rule_cache_t *cache, uint32_t i) {
    return (found_t){.word = atomic_get(&cache->rules[i].word), .i = i};
}

/* Finds a rule that is not the expected successor, is volatile, or is missing. *checked: this walk has dropped volatile
 * rules that are out of date. */
static NOINLINE found_t
rule_find(rule_cache_t *cache, uintptr_t ip, bool *checked) {
    found_t found = rule_numbered(cache, atomic_get(slot_of(cache, ip)));
    if (found.word >> LG_ADDRESS == ip) {
        return found;
    }
    if (!*checked) {
        drop_volatile_rules(cache);
        *checked = true;
        found = rule_numbered(cache, found.i);
    }
    return (found.word & ~VOLATILE) >> LG_ADDRESS == ip ? found : rule_insert(cache, ip);
}

/* The rule of the next address of a walk; *last is the rule before it, and then this one. Where a function calls
 * itself, the rule is the same again; its successor stays the rule of the function's caller. */
static inline uint64_t
rule_next(rule_cache_t *cache, rule_t **last, uintptr_t ip, bool *checked) {
    found_t found = rule_numbered(cache, atomic_get(&(*last)->next));
    if (UNLIKELY(found.word >> LG_ADDRESS != ip)) {
        uint64_t same = atomic_get(&(*last)->word);
        if (same >> LG_ADDRESS == ip) {
            return same;
        }
        found = rule_find(cache, ip, checked);
        atomic_set(&(*last)->next, found.i);
    }
    *last = &cache->rules[found.i];
    return found.word;
}

/* ---- the walk by rules ---- */

static inline uintptr_t
word_at(uintptr_t addr) {
    uintptr_t word;
    memcpy(&word, (const void *)addr, sizeof word);
    return word;
}

/* A frame, as it is at its return address; fp was read at fp_at. */
typedef struct {
    uintptr_t ip, sp, fp, fp_at;
} state_t;

/* How many of n addresses are shown if the last one is no code: all but that one, unless it is the only one. */
static uint32_t
without_last(uint32_t n) {
    return n > 1 ? n - 1 : n;
}

/* How many addresses a walk has that ends at this rule; 0: only the unwinder knows. On a stack whose outermost frame is
 * not marked, the last address is 0. */
static uint32_t
length_at_end(uint64_t rule, uintptr_t ip, uint32_t n) {
    if (ip == 0) {
        return n - 1;
    }
    uint64_t end = rule & SAVED;
    return end == OUTERMOST ? n : end == NO_CODE ? without_last(n) : 0;
}

/* Notes a word that the walk depends on. */
ALWAYS_INLINE void
note_read(prof_walk_t *notes, uintptr_t at, uintptr_t word) {
    if (notes != NULL) {
        uint32_t i = notes->nreads++;
        if (i < PROF_WALK_READS) {
            notes->reads[i].at = at;
            notes->reads[i].word = word;
        }
    }
}

/* Walks from a frame outwards; 0 if a frame needs the unwinder. Unless `notes` is NULL, notes the words that are read:
 * too many, if the walk must not be remembered because code on it can be unloaded. */
ALWAYS_INLINE uint32_t
walk_by_rules(state_t at, uintptr_t top, uintptr_t *ips, prof_walk_t *notes) {
    rule_cache_t *cache = atomic_get_acquire(&rule_cache);
    rule_t *last = &cache->rules[0];
    uint32_t n = 0, own = OWN_MAX;
    bool checked = false;
    while (n < LUNALLOC_STACK_MAX) {
        uint64_t rule = rule_next(cache, &last, at.ip, &checked);
        uintptr_t up = rule & UP;
        ips[n++] = at.ip;
        if (notes != NULL && (rule & VOLATILE) != 0) {
            notes->nreads += PROF_WALK_READS + 1;
        }
        if (UNLIKELY((rule & SPECIAL) != 0)) {
            if (up == 0) {
                return length_at_end(rule, at.ip, n);
            }
            if (n <= own) {
                own -= n;
                n = 0;
            }
        }
        if ((rule & BY_FP) != 0) {
            note_read(notes, at.fp_at, at.fp);
            up += at.fp - at.sp;
        }
        if (UNLIKELY(up - 1 >= top - at.sp)) {
            return 0;
        }
        at.sp += up;
        at.ip = word_at(at.sp - 8);
        note_read(notes, at.sp - 8, at.ip);
        if ((rule & SAVED) != 0) {
            at.fp_at = at.sp - 64 + (rule & SAVED) * 8;
            at.fp = word_at(at.fp_at);
        }
    }
    return n;
}

static NOINLINE uint32_t
walk_noting(state_t at, uintptr_t *ips, prof_walk_t *walk) {
    walk->nreads = 0;
    uint32_t n = walk_by_rules(at, walk->top, ips, walk);
    if (n == 0 || n > PROF_WALK_SHOWN || walk->nreads > PROF_WALK_READS) {
        walk->nreads = 0;
        return n;
    }
    walk->n = n;
    memcpy(walk->ips, ips, n * sizeof *ips);
    return n;
}

/* Whether the walk that is remembered would find the same words. They are read in the same order, so a word is read
 * only where the walk itself would read it. */
static bool
walk_is_same(const prof_walk_t *walk) {
    uint32_t i = 0;
    while (i < walk->nreads && word_at(walk->reads[i].at) == walk->reads[i].word) {
        i++;
    }
    return i > 0 && i == walk->nreads;
}

/* A walk is remembered if the one before it began at the same place, too: others would pay for nothing. */
static uint32_t
walk_from(state_t at, uintptr_t *ips, prof_walk_t *walk) {
    if (at.sp != walk->sp || at.ip != walk->ip) {
        walk->sp = at.sp;
        walk->ip = at.ip;
        walk->nreads = 0;
        return walk_by_rules(at, walk->top, ips, NULL);
    }
    if (!walk_is_same(walk)) {
        return walk_noting(at, ips, walk);
    }
    memcpy(ips, walk->ips, walk->n * sizeof *ips);
    return walk->n;
}

/* ---- the walk by the unwinder ---- */

/* How many of the innermost frames belong to the allocator. */
static uint32_t
own_frames(const frame_t *frames, uint32_t n) {
    uint32_t own = 0;
    for (uint32_t i = 0; i < n && i < OWN_MAX && prof_is_entry != NULL; i++) {
        own = prof_is_entry(frames[i].start) ? i + 1 : own;
    }
    return own;
}

/* Does the address lie below top, on the same stack? */
static bool
is_near(uintptr_t addr, uintptr_t top) {
    return addr < top && top - addr < STACK_SPAN;
}

/* If the stack is too deep to be seen whole, top is the outermost frame ever seen on it. */
static void
raise_top(uintptr_t *top, uintptr_t sp, uintptr_t outermost) {
    if (!is_near(sp, *top) || outermost > *top) {
        *top = outermost;
    }
}

uint32_t
prof_stack_unwind(uintptr_t *ips, prof_walk_t *walk) {
    frame_t frames[FRAMES_MAX];
    uint32_t n = unwind(frames, FRAMES_MAX);
    uint32_t own = own_frames(frames, n);
    if (n > 0) {
        raise_top(&walk->top, frames[0].sp, frames[n - 1].sp);
    }
    n = n > own && frames[n - 1].no_code ? without_last(n - own) : n - own;
    n = n < LUNALLOC_STACK_MAX ? n : LUNALLOC_STACK_MAX;
    for (uint32_t i = 0; i < n; i++) {
        ips[i] = frames[own + i].ip;
    }
    return n;
}

/* ---- either ---- */

bool
prof_stack_prepare(void) {
    rule_cache_t *cache = atomic_get(&rule_cache);
    if (cache == NULL && (cache = metadata_alloc(sizeof *cache, CACHELINE)) != NULL) {
        atomic_set(&cache->rules[0].word, SPECIAL);
        atomic_set_release(&rule_cache, cache);
    }
    return cache != NULL && unwind_load();
}

/* __builtin_frame_address makes this function keep a frame pointer, however the file is compiled. */
uint32_t
prof_stack_capture(uintptr_t *ips, prof_walk_t *walk) {
    uintptr_t fp = (uintptr_t)__builtin_frame_address(0);
    uint32_t n = 0;
    if (is_near(fp, walk->top)) {
        n = walk_from((state_t){word_at(fp + sizeof fp), fp + 2 * sizeof fp, word_at(fp), fp}, ips, walk);
    }
    return n > 0 ? n : prof_stack_unwind(ips, walk);
}
