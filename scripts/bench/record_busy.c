/* record_busy.c -- a program of scripts/bench-record: 16 threads that do nothing but allocate and free small blocks. */
#include <pthread.h>
#include <stdlib.h>

#define THREADS 16
#define ROUNDS  50000
#define BLOCKS  16

static void *
work(void *arg) {
    void *blocks[BLOCKS];
    for (int i = 0; i < ROUNDS; i++) {
        for (size_t j = 0; j < BLOCKS; j++) {
            blocks[j] = malloc(16 + j * 24);
        }
        for (size_t j = 0; j < BLOCKS; j++) {
            free(blocks[j]);
        }
    }
    return arg;
}

int
main(void) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, work, NULL) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    return 0;
}
