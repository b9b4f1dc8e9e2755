/*
 * key_destructor.c -- malloc and free in the destructors of thread-specific data, also after the allocator's own has
 * run.
 *
 * Keys are created before the process's first allocation by the program and after it, and every destructor sets its key
 * again, so the C library calls them in as many rounds as it allows: some run after any destructor of the allocator.
 */
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEYS = 20,
    THREADS = 100
};

typedef struct {
    pthread_key_t key;
    int rounds;
    char *block;
} entry_t;

static pthread_key_t keys[KEYS];
static atomic_uint calls;

static void
destroy(void *value) {
    entry_t *entry = value;
    atomic_fetch_add(&calls, 1);
    if (strcmp(entry->block, "still intact") != 0) {
        puts("a block was damaged");
        _Exit(1);
    }
    free(entry->block);
    if (++entry->rounds == PTHREAD_DESTRUCTOR_ITERATIONS) {
        free(entry);
        return;
    }
    entry->block = strcpy(malloc(13 + (size_t)entry->rounds * 3000), "still intact");
    pthread_setspecific(entry->key, entry);
}

static void *
thread(void *arg) {
    char *result = malloc(100);
    for (size_t i = 0; i < KEYS; i++) {
        entry_t *entry = malloc(sizeof *entry);
        *entry = (entry_t){.key = keys[i], .block = strcpy(malloc(100 * i + 13), "still intact")};
        pthread_setspecific(keys[i], entry);
    }
    snprintf(result, 100, "thread %d", *(int *)arg);
    return result; /* freed by main */
}

int
main(void) {
    for (size_t i = 0; i < KEYS / 2; i++) {
        pthread_key_create(&keys[i], destroy);
    }
    free(malloc(1));
    for (size_t i = KEYS / 2; i < KEYS; i++) {
        pthread_key_create(&keys[i], destroy);
    }
    size_t length = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_t id;
        void *result = NULL;
        if (pthread_create(&id, NULL, thread, &i) != 0 || pthread_join(id, &result) != 0) {
            return 1;
        }
        length += strlen(result);
        free(result);
    }
    printf("%u destructor calls, %zu characters\n", atomic_load(&calls), length);
    return 0;
}
