/*
 * unwind.h -- the frames of the calling thread, as the system's unwinder finds them.
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
} frame_t;

/* Finds the unwinder and lets it set itself up, which may load objects and so allocate. False if there is none; what
 * unwind finds then is nothing. Once it was true, it stays. */
bool unwind_load(void);
/* Up to n frames, innermost first, the caller's own among them. May allocate. */
uint32_t unwind(frame_t *frames, uint32_t n);

typedef struct {
    cfi_rule_t cfi;
    uintptr_t start; /* of its function; 0 if unknown */
    bool stays;      /* its object is not unloaded before the process ends */
} unwind_rule_t;

/* Of a return address in a loaded object; CFI_UNKNOWN of any other one: code that was made at run time may go without a
 * trace. May allocate. */
unwind_rule_t unwind_rule(uintptr_t ip);
/* Another number whenever an object has been loaded or unloaded since. */
uint64_t unwind_changes(void);

#endif
