/*
 * prof_stack.h -- captures the calling thread's stack for a sample: return addresses, from the caller of the allocator
 * outwards.
 *
 * prof_stack_capture is the way to get a stack. It has two ways to walk it, which read the same words and give the same
 * addresses:
 *
 *   - By rules. How to step from a frame to its caller depends only on the return address, and nearly always the rule
 *     is simple (os/cfi.h): the caller's frame begins at a constant distance from the stack pointer, or from the frame
 *     pointer where the function keeps one. A rule is read from the unwind table once and then cached by address:
 *
 *       the caller's [ frame pointer ] ... [ return address ][ stack pointer after the return ...
 *
 *   - By the system's unwinder, if the stack has a frame without such a rule, the first time on each thread, and on
 *     every machine but x86-64. It is correct for every frame but slow: it reads the unwind table of each frame anew.
 *
 * Programs often allocate again and again from one place. So where a walk begins at the same place as the one before
 * it, the words that it reads are remembered, and if the next one finds the same words, its addresses are the same,
 * too: a fifth of the instructions of a walk by rules.
 *
 * Rules earn their lines (this file and os/cfi.c) because the unwinder alone is too slow to leave profiling on. With
 * one sample in 512 KiB, a loop of malloc and free of 252 bytes takes 2.2 % more instructions with rules, and 33 to
 * 38 % more with the unwinder alone (scripts/bench-prof).
 *
 * A walk by rules reads only words between the frame of prof_stack_capture and the outermost frame that the unwinder
 * has seen on this thread's stack, which are at most STACK_SPAN apart. A stack ends at an address that belongs to no
 * code known to the unwinder (os/unwind.h); that address is shown only if it is the only one. Rules of objects that can
 * be unloaded are *volatile*: they are dropped when the set of loaded objects changes.
 *
 * The caller has marked the thread busy (prof_enter): the unwinder may allocate. Thread-safe, without a lock.
 */
#ifndef LUNALLOC_OBSERVE_PROF_STACK_H
#define LUNALLOC_OBSERVE_PROF_STACK_H

#include "lunalloc.h"
#include "os/unwind.h"

/* A slot that api/ fills at boot: does a function that starts here lead into the allocator? Frames up to the outermost
 * such function are left out. Empty (NULL): nothing is left out. */
extern bool (*prof_is_entry)(uintptr_t start);

/* Call it before the first capture; it may load objects and allocate. False if memory is exhausted or there is no
 * unwinder. */
bool prof_stack_prepare(void);

/* The most words that a remembered walk reads, and the most addresses that it shows. */
#define PROF_WALK_READS 64
#define PROF_WALK_SHOWN 32

/* What a thread keeps from walk to walk; zeroed at first. */
typedef struct {
    /* Synchronization: the thread alone: these fields. */
    uintptr_t top;    /* the outermost frame seen so far */
    uintptr_t ip, sp; /* where the last walk by rules began */
    uint32_t nreads;  /* words that it read; 0: it is not remembered */
    uint32_t n;       /* addresses that it showed */
    struct {
        uintptr_t at, word;
    } reads[PROF_WALK_READS]; /* in order */
    uintptr_t ips[PROF_WALK_SHOWN];
} prof_walk_t;

/* Captures up to LUNALLOC_STACK_MAX addresses and returns how many. */
uint32_t prof_stack_capture(uintptr_t *ips, prof_walk_t *walk);
/* The same by the unwinder alone. */
uint32_t prof_stack_unwind(uintptr_t *ips, prof_walk_t *walk);

#endif
