/*
 * host.c -- stacks of samples through code that is replaced: host LIBRARY LIBRARY
 *
 * Loads the two libraries in turn, calls back from each one's `through`, where an allocation is sampled, and compares
 * its stack with what backtrace finds there. The libraries differ in nothing but the size of that function's frame, and
 * take each other's place in memory.
 */
#include "lunalloc.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 8192

typedef void through_t(void (*call)(void));

static unsigned failures;

/* The stack of the allocation, as the profiler has it; 0 if it was not sampled. */
static size_t
stack_of(const void *ptr, uintptr_t *stack) {
    static lunalloc_sample_t batch[64];
    lunalloc_sample_cursor_t cursor = {0};
    size_t n;
    while ((n = lunalloc_prof_samples(&cursor, batch, 64)) > 0) {
        for (size_t i = 0; i < n; i++) {
            if (batch[i].addr == (uintptr_t)ptr) {
                memcpy(stack, batch[i].stack, sizeof batch[i].stack);
                return batch[i].depth;
            }
        }
    }
    return 0;
}

/* Until one is sampled; the caller's frame is the first on its stack. */
static __attribute__((noinline)) size_t
sample(uintptr_t *stack) {
    size_t depth = 0;
    for (unsigned i = 0; i < TRIES && depth == 0; i++) {
        void *ptr = malloc(100);
        depth = stack_of(ptr, stack);
        free(ptr);
    }
    return depth;
}

static void
compare(void) {
    void *expected[LUNALLOC_STACK_MAX];
    uintptr_t stack[LUNALLOC_STACK_MAX];
    size_t n = (size_t)backtrace(expected, LUNALLOC_STACK_MAX);
    size_t depth = sample(stack);
    /* `sample` is one frame more; the two differ in where `compare` goes on. */
    bool same = depth == n + 1 && memcmp(stack + 2, expected + 1, (n - 1) * sizeof *stack) == 0;
    if (!same) {
        failures++;
        printf("a stack of %zu frames, not %zu\n", depth, n + 1);
    }
}

static uintptr_t
call_through(const char *library) {
    void *handle = dlopen(library, RTLD_NOW);
    through_t *through;
    *(void **)&through = handle == NULL ? NULL : dlsym(handle, "through");
    if (through == NULL) {
        printf("%s\n", dlerror());
        exit(1);
    }
    through(compare);
    dlclose(handle);
    return (uintptr_t)through;
}

int
main(int argc, char **argv) {
    size_t lg = 0;
    bool on = true;
    void *first[1];
    if (argc != 3 || mallctl("prof.reset", NULL, NULL, &lg, sizeof lg) != 0 ||
        mallctl("prof.active", NULL, NULL, &on, sizeof on) != 0) {
        return 1;
    }
    backtrace(first, 1);
    unsigned same_place = 0;
    for (unsigned round = 0; round < 10; round++) {
        same_place += call_through(argv[1]) == call_through(argv[2]);
    }
    printf("%u of 10 in one place, %u wrong stacks\n", same_place, failures);
    return failures > 0 || same_place == 0;
}
