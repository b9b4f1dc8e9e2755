/*
 * prof_stack.h -- the calling thread's stack as a profile shows it: return addresses from the caller of the allocator
 * outwards.
 *
 * The unwinder is right and slow; following saved frame pointers is fast, and wrong wherever a function keeps
 * something else in that register. Whether one does is a property of its code: at a given return address the register
 * holds the frame or it does not. So what the unwinder finds is compared with the frame pointers once, and remembered
 * by return address; later a stack is followed by frame pointers as long as each address on it is known to be good, and
 * given to the unwinder at the first one that is not.
 *
 * The calling thread marks itself busy first: the unwinder may allocate.
 */
#ifndef LUNALLOC_OBSERVE_PROF_STACK_H
#define LUNALLOC_OBSERVE_PROF_STACK_H

#include "lunalloc.h"
#include "os/unwind.h"

/* Does a function of this start belong to the allocator's entry points? Frames up to the outermost of these are left
 * out. Filled by the layer above; empty (NULL): nothing is left out. */
extern bool (*prof_is_entry)(uintptr_t start);

/* Once, before the first capture; may load objects and allocate. */
bool prof_stack_prepare(void);
/* Up to LUNALLOC_STACK_MAX addresses; returns how many. */
uint32_t prof_stack_capture(uintptr_t *ips);

#endif
