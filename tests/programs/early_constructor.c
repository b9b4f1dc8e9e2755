/*
 * early_constructor.c -- allocation before main and after it: in the first constructors, in atexit handlers and in the
 * last destructors, with getenv, setenv and dlsym (which allocate themselves) in between.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COUNT = 2000
};

static char *blocks[COUNT];

static size_t
size_of(size_t i) {
    return i * 37 % 5000 + 1;
}

static void
fill(void) {
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = malloc(size_of(i));
        memset(blocks[i], (int)(i & 0x7f), size_of(i));
    }
}

static void
check_and_free(const char *when) {
    for (size_t i = 0; i < COUNT; i++) {
        if (blocks[i][0] != (char)(i & 0x7f) || blocks[i][size_of(i) - 1] != (char)(i & 0x7f)) {
            printf("%s: block %zu was damaged\n", when, i);
            _Exit(1);
        }
        free(blocks[i]);
    }
}

__attribute__((constructor(101))) static void
first(void) {
    fill();
    setenv("EARLY", "a value that is set before main", 1);
}

__attribute__((destructor(101))) static void
last(void) {
    check_and_free("last destructor");
    fill();
}

static void
at_exit(void) {
    check_and_free("atexit");
    fill();
}

int
main(void) {
    check_and_free("main");
    fill();
    if (atexit(at_exit) != 0 || dlsym(RTLD_DEFAULT, "malloc") == NULL ||
        dlsym(RTLD_DEFAULT, "no_such_symbol") != NULL) {
        return 1;
    }
    dlerror(); /* frees the message that the failed dlsym allocated */
    puts(getenv("EARLY"));
    return 0;
}
