/*
 * prof_stack.h -- the calling thread's stack as a profile shows it: return addresses from the caller of the allocator
 * outwards.
 *
 * The unwinder is right and slow: it reads the unwind table of each frame's code anew. What the table says of a return
 * address is a property of its code, nearly always simple (os/cfi.h), and remembered here by address: from a frame
 * pointer where the function keeps one, else from the stack pointer and a constant,
 *
 *   the caller's [ frame pointer ] ... [ return address ][ stack pointer after the return ...
 *
 * a stack is followed from word to word. A frame that has no such rule leaves its stack to the unwinder. Both ways read
 * the same words and give the same stack; rules are forgotten when the set of loaded objects changes. A stack ends at
 * an address that is no code that the unwinder knows (os/unwind.h); it is shown only where there is no other.
 *
 * Nothing is read but between the frame of prof_stack_capture and the outermost one that the unwinder saw on the
 * thread's stack, which are at most STACK_SPAN apart. Where no rules are known (not x86-64), the unwinder finds all
 * stacks.
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
/* The same by the unwinder alone. */
uint32_t prof_stack_unwind(uintptr_t *ips, uintptr_t *top);

#endif
