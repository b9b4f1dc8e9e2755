/*
 * witness.c -- each thread counts the locks that it holds, by rank (debug builds only). A violation aborts with one
 * line: what was done, what is held, and which ranks the order allows.
 */
#include "base/witness.h"

#include "base/check.h"
#include "base/fmt.h"

#include <string.h>

lock_role_t role_background, role_threads, role_tcaches, role_record, role_arenas, role_decay, role_bin, role_extents,
    role_descriptors, role_pagemap, role_prof, role_history, role_dump, role_metadata;

#if LUNALLOC_DEBUG

static const char *const names[RANK_COUNT] = {
    [RANK_NONE] = "none",
    [RANK_BOOT] = "boot",
    [RANK_REPORT] = "report",
    [RANK_DUMP] = "dump",
    [RANK_BACKGROUND] = "background",
    [RANK_ROUND] = "round",
    [RANK_THREADS] = "threads",
    [RANK_TCACHES] = "caches",
    [RANK_RECORD] = "record",
    [RANK_ARENAS] = "arenas",
    [RANK_DECAY] = "decay",
    [RANK_BIN] = "bin",
    [RANK_DIRTY] = "dirty",
    [RANK_MUZZY] = "muzzy",
    [RANK_RETAINED] = "retained",
    [RANK_DESCRIPTORS] = "descriptors",
    [RANK_PAGEMAP] = "pagemap",
    [RANK_PROF] = "prof",
    [RANK_HISTORY] = "history",
    [RANK_METADATA] = "metadata",
    [RANK_REGIONS] = "regions",
};

static __thread uint16_t held[RANK_COUNT] __attribute__((tls_model("initial-exec")));

static bool
holds_from(lock_rank_t rank) {
    for (unsigned r = rank; r < RANK_COUNT; r++) {
        if (held[r] != 0) {
            return true;
        }
    }
    return false;
}

static unsigned
highest_held(void) {
    unsigned r = RANK_COUNT - 1;
    while (r > RANK_NONE && held[r] == 0) {
        r--;
    }
    return r;
}

static void
list_held(fmt_t *out) {
    for (unsigned r = RANK_NONE; r < RANK_COUNT; r++) {
        fmt_str(out, held[r] != 0 ? " " : "");
        fmt_str(out, held[r] != 0 ? names[r] : "");
    }
    fmt_str(out, holds_from(RANK_NONE) ? " held" : " nothing held");
}

/* Prints "lock order: SUBJECT VERB while HELD... held; RULE RANKS...", with the ranks from `listed` on, and aborts. */
static _Noreturn COLD void
violation(const char *subject, const char *verb, const char *rule, unsigned listed) {
    char buf[512];
    fmt_t out = fmt_begin(buf, sizeof buf);
    fmt_str(&out, "lock order: ");
    fmt_str(&out, subject);
    fmt_str(&out, verb);
    fmt_str(&out, " while");
    list_held(&out);
    fmt_str(&out, rule);
    for (unsigned r = listed; r < RANK_COUNT; r++) {
        fmt_char(&out, ' ');
        fmt_str(&out, names[r]);
    }
    fatal(buf);
}

/* `rank` is taken, but only ranks from `first_allowed` on may be. */
static _Noreturn COLD void
taken_too_late(lock_rank_t rank, unsigned first_allowed) {
    const char *rule = first_allowed < RANK_COUNT ? "; allowed then:" : "; no other may be taken then";
    violation(names[rank], " taken", rule, first_allowed);
}

void
witness_before_acquire(lock_rank_t rank) {
    if (holds_from(rank)) {
        taken_too_late(rank, highest_held() + 1);
    }
}

void
witness_before_acquire_sibling(lock_rank_t rank) {
    if (holds_from((lock_rank_t)(rank + 1))) {
        taken_too_late(rank, highest_held());
    }
}

void
witness_acquired(lock_rank_t rank) {
    held[rank]++;
}

void
witness_released(lock_rank_t rank) {
    if (held[rank] == 0) {
        violation(names[rank], " released", "; only what is held may be released", RANK_COUNT);
    }
    held[rank]--;
}

void
witness_forget(void) {
    memset(held, 0, sizeof held);
}

void
witness_entry(const char *function) {
    if (holds_from(RANK_CORE)) {
        violation(function, " entered", "; none may be held there of", RANK_CORE);
    }
}

unsigned
witness_depth(lock_rank_t rank) {
    return held[rank];
}

#endif
