/* unwind_windows.c -- the system's own stack walk, which tells no functions and no stack pointers; no rules. */
#include "os/unwind.h"

#include <windows.h>

#define MOST 128

bool
unwind_load(void) {
    return true;
}

uint32_t
unwind(frame_t *frames, uint32_t n) {
    void *ips[MOST];
    uint32_t found = RtlCaptureStackBackTrace(0, n < MOST ? n : MOST, ips, NULL);
    for (uint32_t i = 0; i < found; i++) {
        frames[i] = (frame_t){.ip = (uintptr_t)ips[i]};
    }
    return found;
}

unwind_rule_t
unwind_rule(uintptr_t ip) {
    (void)ip;
    return (unwind_rule_t){.cfi.kind = CFI_UNKNOWN};
}

uint64_t
unwind_changes(void) {
    return 0;
}

void
unwind_forked(void) {
}
