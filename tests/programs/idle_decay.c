/*
 * idle_decay.c -- frees 64 MiB, does nothing, and ends well once they have been given back: with a background thread,
 * and whatever the C library says that time is. The limit on sleeps is against hanging only.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SIZE = 64 << 20,
    THREADS = 4,
    ROUNDS = 20000
};

static long
resident_pages(void) {
    long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%ld %ld", &size, &resident) != 2) {
        exit(2);
    }
    fclose(f);
    return resident;
}

/* Threads that meet at the locks of one arena. */
static void *
churn(void *arg) {
    for (int i = 0; i < ROUNDS; i++) {
        void *volatile block = malloc(20000);
        free(block);
    }
    return arg;
}

int
main(void) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, churn, NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    void *block = malloc(SIZE);
    memset(block, 1, SIZE);
    long before = resident_pages();
    free(block);
    for (int i = 0; i < 1500; i++) {
        if (resident_pages() < before - (SIZE / 4096) / 2) {
            return 0;
        }
        usleep(10000);
    }
    fprintf(stderr, "nothing was given back: %ld pages of %ld\n", resident_pages(), before);
    return 1;
}
