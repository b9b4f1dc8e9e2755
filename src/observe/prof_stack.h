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
/* Captures up to LUNALLOC_STACK_MAX addresses and returns how many. *top belongs to the thread and is kept from call to
 * call, 0 at first: the outermost frame seen so far. */
uint32_t prof_stack_capture(uintptr_t *ips, uintptr_t *top);
/* The same by the unwinder alone. */
uint32_t prof_stack_unwind(uintptr_t *ips, uintptr_t *top);

#endif
