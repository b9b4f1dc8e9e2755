/*
 * unwind.h -- the frames of the calling thread, as the system's unwinder finds them.
 *
 * A stack ends where its next return address is not code that rules are known of: 0, code that was made at run time
 * without a word (LuaJIT's), or no code at all, as on stacks that were made by hand. The system's unwinder would read
 * the bytes at such an address, and those above the stack; so it is stopped a frame before. Where a frame's own rule is
 * more than cfi.h knows of, only it can tell what comes next.
 *
 * Where the C library finds the unwind tables of an address without a lock (glibc since 2.35, with gcc's since 12),
 * neither does unwinding take one. Older ones take the lock of the list of loaded objects; so does, on any of them,
 * unwind_changes, once a sample whose stack leads through an object that may be unloaded. It is a recursive lock, so a
 * thread that allocates while it loads an object gets it; and since a thread unwinds with no lock of the allocator's
 * held, waiting for a thread that has it ends. Only an application that allocates with a lock of its own held, and
 * takes that lock inside of dl_iterate_phdr, could stop itself there.
 */
#ifndef LUNALLOC_OS_UNWIND_H
#define LUNALLOC_OS_UNWIND_H

#include "os/cfi.h"

typedef struct {
    uintptr_t ip;    /* where this frame goes on */
    uintptr_t start; /* of its function; 0 if unknown */
    uintptr_t sp;    /* its stack pointer there */
    bool no_code;    /* the stack ends here: ip is no code that is known */
} frame_t;

/* Finds the unwinder and lets it set itself up, which may load objects and so allocate. False if there is none; what
 * unwind finds then is nothing. Once it was true, it stays. */
bool unwind_load(void);
/* Up to n frames, innermost first, the caller's own among them; last the address that the stack ends at, if that is
 * no_code. May allocate. */
uint32_t unwind(frame_t *frames, uint32_t n);

typedef struct {
    cfi_rule_t cfi;
    uintptr_t start; /* of its function; 0 if unknown */
    bool stays;      /* its object is not unloaded before the process ends */
} unwind_rule_t;

/* Of a return address in a loaded object. Of any other one, CFI_NONE if nothing is known of it, else CFI_UNKNOWN: code
 * that was made at run time may go without a trace. May allocate. */
unwind_rule_t unwind_rule(uintptr_t ip);
/* Another number whenever an object has been loaded or unloaded since, or may have been. */
uint64_t unwind_changes(void);

/* In the child of a fork. If another thread was asking about loaded objects at that moment, their list stays locked:
 * no address in one that may be unloaded has a rule then, and each of these stacks is the unwinder's work. */
void unwind_forked(void);

#endif
