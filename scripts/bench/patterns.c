/*
 * patterns.c -- patterns NAME [PERCENT]: runs one pattern of allocation on the malloc that the process has.
 * `patterns --list` prints the names of the patterns, and what they do. run.c measures them, from outside.
 */
#include "patterns.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGE = 4096,
    MAX_THREADS = 512
};

static const pattern_t *const families[] = {small_patterns,  travel_patterns, handed_patterns,
                                            thread_patterns, live_patterns,   large_patterns};
enum {
    FAMILIES = sizeof families / sizeof *families
};

void
give_up(const char *what) {
    fprintf(stderr, "patterns: %s\n", what);
    exit(1);
}

char *
filled(size_t size) {
    char *p = malloc(size);
    if (p == NULL) {
        give_up("no memory");
    }
    *(volatile char *)p = 1;
    return p;
}

char *
resized(char *block, size_t size) {
    char *p = realloc(block, size);
    if (p == NULL) {
        give_up("no memory");
    }
    return p;
}

void
write_pages(char *block, size_t from, size_t to) {
    for (size_t at = from; at < to; at += PAGE) {
        ((volatile char *)block)[at] = 1;
    }
}

char *
filled_pages(size_t size) {
    char *p = filled(size);
    write_pages(p, 0, size);
    return p;
}

/* ---- threads ---- */

typedef struct {
    size_t number;
    worker_t worker;
    void *context;
} task_t;

static void *
thread_main(void *argument) {
    task_t *task = argument;
    task->worker(task->number, task->context);
    return NULL;
}

void
run_threads(size_t n, worker_t worker, void *context) {
    static pthread_t threads[MAX_THREADS];
    static task_t tasks[MAX_THREADS];
    for (size_t i = 0; i < n; i++) {
        tasks[i] = (task_t){i, worker, context};
        if (pthread_create(&threads[i], NULL, thread_main, &tasks[i]) != 0) {
            give_up("no thread");
        }
    }
    for (size_t i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* ---- main ---- */

static const pattern_t *
find(const char *name) {
    for (size_t i = 0; i < FAMILIES; i++) {
        for (const pattern_t *pattern = families[i]; pattern->name != NULL; pattern++) {
            if (strcmp(pattern->name, name) == 0) {
                return pattern;
            }
        }
    }
    return NULL;
}

static void
list(void) {
    for (size_t i = 0; i < FAMILIES; i++) {
        for (const pattern_t *pattern = families[i]; pattern->name != NULL; pattern++) {
            printf("%s %s\n", pattern->name, pattern->doc);
        }
    }
}

int
main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        list();
        return 0;
    }
    const pattern_t *pattern = argc == 2 || argc == 3 ? find(argv[1]) : NULL;
    size_t percent = argc == 3 ? strtoul(argv[2], NULL, 10) : 100;
    if (pattern == NULL || percent == 0) {
        fprintf(stderr, "usage: patterns --list | NAME [PERCENT]\n");
        return 2;
    }
    pattern->run(percent);
    return 0;
}
