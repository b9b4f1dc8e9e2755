/* prof_stack.c -- stacks by the unwinder. */
#include "observe/prof_stack.h"

/* The allocator's own frames, on any path from an entry point to a sample. */
#define OWN_MAX 24

bool (*prof_is_entry)(uintptr_t start);

bool
prof_stack_prepare(void) {
    return unwind_load();
}

/* How many frames are the allocator's. */
static uint32_t
own_frames(const frame_t *frames, uint32_t n) {
    uint32_t own = 0;
    for (uint32_t i = 0; i < n && i < OWN_MAX && prof_is_entry != NULL; i++) {
        own = prof_is_entry(frames[i].start) ? i + 1 : own;
    }
    return own;
}

uint32_t
prof_stack_capture(uintptr_t *ips) {
    frame_t frames[LUNALLOC_STACK_MAX + OWN_MAX];
    uint32_t n = unwind(frames, LUNALLOC_STACK_MAX + OWN_MAX);
    uint32_t own = own_frames(frames, n);
    n = n - own < LUNALLOC_STACK_MAX ? n - own : LUNALLOC_STACK_MAX;
    for (uint32_t i = 0; i < n; i++) {
        ips[i] = frames[own + i].ip;
    }
    return n;
}
