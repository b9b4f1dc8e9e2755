/*
 * cfi.h -- how to leave one frame of the stack, read from the unwind table (.eh_frame) of the function that the frame's
 * return address lies in. For the profiler (observe/prof_stack.h), which remembers the rule of each return address, and
 * for unwind.h.
 *
 * A frame's *end* is the stack pointer of its caller once the frame's function has returned. For nearly all frames
 *
 *   end = stack pointer + up,  or  frame pointer + up
 *   the return address into the caller is the word below the end
 *   the caller's frame pointer is still in its register, or lies `saved` bytes below the end
 *
 * so three numbers are a rule. The other kinds (frames of signals, expressions) are left to the system's unwinder; for
 * the usual ones the rule still says where the return address is.
 *
 * Why not the system's unwinder alone: it interprets a table's instructions for each frame of each sample, for all
 * registers. With one sample in 512 KiB, a loop of malloc and free of small objects takes 33 to 38 % more instructions
 * that way, and 2.2 % more with remembered rules (bench-prof).
 */
#ifndef LUNALLOC_OS_CFI_H
#define LUNALLOC_OS_CFI_H

#include "base/config.h"

typedef enum {
    CFI_UNKNOWN,    /* only the unwinder can leave this frame */
    CFI_BY_SP,      /* end = stack pointer + up */
    CFI_BY_FP,      /* end = frame pointer + up */
    CFI_THROUGH_FP, /* the end is in memory, at frame pointer + up (signed): the function aligned its stack */
    CFI_OUTERMOST,  /* the frame has no caller, or its table does not say where its end is (LuaJIT's compiled code) */
    CFI_SIGNAL,     /* a signal's frame: the interrupted code continues at the address that the kernel has saved */
    CFI_NONE        /* no table is known for this address, if it is code at all */
} cfi_kind_t;

typedef struct {
    cfi_kind_t kind;
    uint32_t up, saved; /* bytes; saved: 0 if the caller's frame pointer is in its register */
} cfi_rule_t;

/* The rule at the address that lies `offset` bytes after the start of a function. fde: the function's table entry. */
cfi_rule_t cfi_rule(const uint8_t *fde, uintptr_t offset);

#endif
