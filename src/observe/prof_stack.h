/*
 * prof_stack.h -- the calling thread's stack as a profile shows it: return addresses from the caller of the allocator
 * outwards.
 *
 * The unwinder is right and slow; following saved frame pointers is fast, and wrong wherever a function keeps
 * something else in that register. Whether one does is a property of its code: at a given return address the register
 * holds the function's frame or it does not. The unwinder tells once, and that is remembered by return address: later a
 * stack is followed by frame pointers as long as each address on it is known to be good, and left to the unwinder at
 * the first one that is not. So both ways give the same stack.
 *
 *   frame pointer -> [ the caller's frame pointer ][ return address ][ stack pointer after the return ...
 *
 * Stacks end in the C library's start of a process or thread, which keeps no frame pointers; what lies beyond an
 * address there is always the same, and is remembered too. Nothing is read but between the frame of prof_stack_capture
 * and the thread's outermost one as the unwinder saw it last, which are at most STACK_SPAN apart.
 *
 * The calling thread has marked itself busy: the unwinder may allocate.
 */
#ifndef LUNALLOC_OBSERVE_PROF_STACK_H
#define LUNALLOC_OBSERVE_PROF_STACK_H

#include "lunalloc.h"
#include "os/unwind.h"

/* Is this the start of a function that leads into the allocator? Frames up to the outermost of these are left out.
 * Filled by the layer above; empty (NULL): nothing is left out. */
extern bool (*prof_is_entry)(uintptr_t start);

/* Before the first capture; may load objects and allocate. False without memory or unwinder. */
bool prof_stack_prepare(void);
/* Up to LUNALLOC_STACK_MAX addresses; returns how many. *top is kept for the thread from call to call, 0 at first. */
uint32_t prof_stack_capture(uintptr_t *ips, uintptr_t *top);
/* The same without the memory of what is good. */
uint32_t prof_stack_unwind(uintptr_t *ips, uintptr_t *top);

#endif
