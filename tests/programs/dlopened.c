/*
 * dlopened.c LIBRARY -- the library as a second allocator, in a process that runs on another: loaded after threads have
 * started, used by these and by later ones through its own names, and closed while blocks are alive.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    THREADS = 16,
    COUNT = 3000
};

static void *(*second_malloc)(size_t);
static void *(*second_realloc)(void *, size_t);
static void (*second_free)(void *);
static pthread_barrier_t loaded;

/* dlsym's result as a function pointer of any type, in the way that POSIX means it. */
static void
bind_function(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    if (symbol == NULL) {
        printf("%s\n", dlerror());
        exit(1);
    }
    memcpy(function, &symbol, sizeof symbol);
}

/* Blocks of both allocators side by side, each given back to its own. */
static void *
use_both(void *damaged) {
    char *first[COUNT], *second[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        first[i] = malloc(i + 1);
        second[i] = second_malloc(i + 1);
        memset(first[i], 1, i + 1);
        memset(second[i], 2, i + 1);
    }
    for (size_t i = 0; i < COUNT; i++) {
        second[i] = second_realloc(second[i], 2 * i + 2);
        *(bool *)damaged |= first[i][i] != 1 || second[i][i] != 2;
        free(first[i]);
        second_free(second[i]);
    }
    return NULL;
}

static void *
early_thread(void *damaged) {
    free(malloc(100));
    pthread_barrier_wait(&loaded);
    return use_both(damaged);
}

static void
start(pthread_t *threads, void *(*function)(void *), bool *damaged) {
    for (size_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, function, &damaged[i]) != 0) {
            exit(1);
        }
    }
}

static bool
join(const pthread_t *threads, const bool *damaged) {
    bool any = false;
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        any |= damaged[i];
    }
    return any;
}

int
main(int argc, char **argv) {
    pthread_t early[THREADS], late[THREADS];
    bool damaged[2][THREADS] = {{false}};
    bool (*replaced)(void);
    pthread_barrier_init(&loaded, NULL, THREADS + 1);
    start(early, early_thread, damaged[0]);
    void *library = dlopen(argc > 1 ? argv[1] : "liblunalloc.so", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        printf("%s\n", dlerror());
        return 1;
    }
    bind_function(library, "lunalloc_malloc", &second_malloc);
    bind_function(library, "lunalloc_realloc", &second_realloc);
    bind_function(library, "lunalloc_free", &second_free);
    bind_function(library, "lunalloc_replaced", &replaced);
    pthread_barrier_wait(&loaded);
    start(late, use_both, damaged[1]);
    bool any = join(early, damaged[0]);
    any |= join(late, damaged[1]);
    char *outlives = strcpy(second_malloc(100), "outlives dlclose");
    bool is_malloc = replaced();
    printf("replaced: %d, damaged: %d\n", is_malloc, any);
    dlclose(library);
    puts(outlives);
    return any || is_malloc;
}
