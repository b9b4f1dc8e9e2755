/*
 * cfi.h -- what unwind tables (.eh_frame) say of one return address, as far as it is simple.
 *
 * A frame's *end* is the stack pointer of its caller, once the frame's function has returned. Nearly everywhere
 *
 *   end = stack pointer + up,  or  frame pointer + up
 *   the return address into the caller is the word below the end
 *   the caller's frame pointer is still in its register, or lies `saved` bytes below the end
 *
 * Everything else (frames of signals, expressions) is left to the unwinder; of what is usual among that, it is told
 * where the return address is.
 */
#ifndef LUNALLOC_OS_CFI_H
#define LUNALLOC_OS_CFI_H

#include "base/config.h"

typedef enum {
    CFI_UNKNOWN, /* only the unwinder can tell */
    CFI_BY_SP,
    CFI_BY_FP,
    CFI_THROUGH_FP, /* the end is in memory, at frame pointer + up (a difference): the function aligned its stack */
    CFI_OUTERMOST,  /* there is no caller, or no word of where its frame is (LuaJIT's compiled code) */
    CFI_SIGNAL,     /* what was interrupted goes on where the kernel has put it */
    CFI_NONE        /* nothing is known of code at this address, if there is any */
} cfi_kind_t;

typedef struct {
    cfi_kind_t kind;
    uint32_t up, saved; /* bytes; saved: 0 if the caller's frame pointer is in its register */
} cfi_rule_t;

/* The rule of the address that lies `offset` bytes after the start of a function, whose table entry (FDE) is given. */
cfi_rule_t cfi_rule(const uint8_t *fde, uintptr_t offset);

#endif
