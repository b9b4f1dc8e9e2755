/*
 * unwind.h -- the stack of the calling thread: its frames as the system's unwinder finds them, and the rule by which a
 * frame is left (cfi.h). For the profiler, which follows most frames by rules and calls the unwinder for the rest.
 *
 * A stack ends where its next return address is not code that an unwind table is known for: 0; code generated at run
 * time without a table (LuaJIT's); or no code at all, as on stacks built by hand. The system's unwinder would read the
 * bytes at such an address, and those above the stack, so unwind() stops it a frame earlier. Only where a frame's own
 * rule is CFI_UNKNOWN, the unwinder alone can tell what is next.
 *
 * Locks of the C library. glibc since 2.35, with gcc's unwinder since 12, finds the tables of an address without a
 * lock, so unwinding takes none. Older ones take the lock of the list of loaded objects; and on any version
 * unwind_changes takes it, once for each sample whose stack leads through an object that may be unloaded. That lock is
 * recursive, so a thread that allocates while it loads an object gets it; and since a thread unwinds with no lock of
 * the allocator held, waiting for another thread that holds it ends. Only an application that allocates with a lock of
 * its own held, and takes the same lock inside dl_iterate_phdr, could deadlock there.
 */
#ifndef LUNALLOC_OS_UNWIND_H
#define LUNALLOC_OS_UNWIND_H

#include "os/cfi.h"

typedef struct {
    uintptr_t ip;    /* the address at which this frame continues */
    uintptr_t start; /* of its function; 0 if unknown */
    uintptr_t sp;    /* its stack pointer at ip */
    bool no_code;    /* the stack ends here: no table is known for ip */
} frame_t;

/* Loads the unwinder and lets it initialise itself, which may load objects and so allocate. False if there is none:
 * then unwind finds no frames. Once true, always true. */
bool unwind_load(void);
/* Up to n frames, innermost first, starting with the caller's own. If the stack ends at an address without a table,
 * that address is the last one, with no_code set. May allocate. */
uint32_t unwind(frame_t *frames, uint32_t n);

typedef struct {
    cfi_rule_t cfi;
    uintptr_t start; /* of its function; 0 if unknown */
    bool stays;      /* its object is not unloaded before the process ends */
} unwind_rule_t;

/* The rule of a return address in a loaded object. For any other address: CFI_NONE if no table is known for it, else
 * CFI_UNKNOWN, because code generated at run time may disappear unnoticed. May allocate. */
unwind_rule_t unwind_rule(uintptr_t ip);
/* A number that differs from the last one if an object has been loaded or unloaded since, or may have been. */
uint64_t unwind_changes(void);

/* In the child of a fork. If another thread was reading the list of loaded objects at that moment, its lock stays taken
 * for good: then no address in an object that may be unloaded has a rule, and the unwinder follows such stacks. */
void unwind_forked(void);

#endif
