/*
 * patterns_travel.c -- blocks that live for a batch, or that another thread frees than allocated them.
 */
#include "patterns.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* ---- batches: each thread frees its own blocks ---- */

enum {
    BATCH_THREADS = 2,
    BATCH_MAX = 4000,
    BATCHES = 48 /* per percent */
};

/* The order of freeing: as allocated, backwards, or one in `stride` at a time (a stride is prime to every length). */
static void
free_batch(char **batch, size_t n, uint64_t r) {
    size_t stride = r % 3 == 0 ? 1 : r % 3 == 1 ? n - 1 : 4001;
    for (size_t i = 0, at = 0; i < n; i++, at = (at + stride) % n) {
        free(batch[at]);
    }
}

static void
batch_worker(size_t number, void *context) {
    char *batch[BATCH_MAX];
    uint64_t state = seed_of(number);
    for (size_t left = BATCHES * *(size_t *)context; left > 0; left--) {
        size_t n = BATCH_MAX / 8 + below(next_random(&state), BATCH_MAX * 7 / 8);
        size_t scale = (size_t)8 << below(next_random(&state), 4);
        for (size_t i = 0; i < n; i++) {
            batch[i] = filled(log_uniform(&state, scale, 4));
        }
        free_batch(batch, n, next_random(&state));
    }
}

static void
run_batches(size_t percent) {
    run_threads(BATCH_THREADS, batch_worker, &percent);
}

/* ---- remote: producers, a bounded queue of batches, consumers ---- */

enum {
    PRODUCERS = 2,
    REMOTE_BATCH = 128,
    QUEUE = 64,
    REMOTE_BATCHES = 400 /* per percent and producer */
};

typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    char **batches[QUEUE];
    size_t n, producing, per_producer;
} queue_t;

static void
put(queue_t *queue, char **batch) {
    pthread_mutex_lock(&queue->mutex);
    while (queue->n == QUEUE) {
        pthread_cond_wait(&queue->changed, &queue->mutex);
    }
    queue->batches[queue->n++] = batch;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

/* NULL when no batch will follow. */
static char **
take(queue_t *queue) {
    char **batch = NULL;
    pthread_mutex_lock(&queue->mutex);
    while (queue->n == 0 && queue->producing > 0) {
        pthread_cond_wait(&queue->changed, &queue->mutex);
    }
    if (queue->n > 0) {
        batch = queue->batches[--queue->n];
        pthread_cond_broadcast(&queue->changed);
    }
    pthread_mutex_unlock(&queue->mutex);
    return batch;
}

static void
end_production(queue_t *queue) {
    pthread_mutex_lock(&queue->mutex);
    queue->producing--;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

static void
produce(size_t number, queue_t *queue) {
    uint64_t state = seed_of(number);
    for (size_t left = queue->per_producer; left > 0; left--) {
        char **batch = (char **)filled(REMOTE_BATCH * sizeof *batch);
        for (size_t i = 0; i < REMOTE_BATCH; i++) {
            batch[i] = filled(log_uniform(&state, 16, 5));
        }
        put(queue, batch);
    }
    end_production(queue);
}

static void
consume(queue_t *queue) {
    char **batch;
    while ((batch = take(queue)) != NULL) {
        for (size_t i = 0; i < REMOTE_BATCH; i++) {
            free(batch[i]);
        }
        free(batch);
    }
}

static void
remote_worker(size_t number, void *context) {
    if (number < PRODUCERS) {
        produce(number, context);
    } else {
        consume(context);
    }
}

static void
run_remote(size_t percent) {
    queue_t queue = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, {NULL}, 0, PRODUCERS, 0};
    queue.per_producer = REMOTE_BATCHES * percent;
    run_threads(2 * PRODUCERS, remote_worker, &queue);
}

/* ---- server: a thread replaces blocks for a while, then ends and leaves them to the next one ---- */

enum {
    LINES = 4, /* of succession */
    INHERITED = 2000,
    GENERATIONS = 40,
    SERVER_OPS = 1500 /* per percent and generation */
};

typedef struct {
    char *blocks[INHERITED];
    uint64_t state;
    size_t ops;
} estate_t;

static void *
serve(void *argument) {
    estate_t *estate = argument;
    for (size_t left = estate->ops; left > 0; left--) {
        size_t slot = below(next_random(&estate->state), INHERITED);
        free(estate->blocks[slot]);
        estate->blocks[slot] = filled(log_uniform(&estate->state, 8, 7));
    }
    return NULL;
}

/* Joins each thread before the next one starts, so that the number of threads is exact. */
static void
server_line(size_t number, void *context) {
    estate_t *estate = (estate_t *)filled(sizeof *estate);
    *estate = (estate_t){{NULL}, seed_of(number), SERVER_OPS * *(size_t *)context};
    for (size_t generation = 0; generation < GENERATIONS; generation++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, estate) != 0) {
            give_up("no thread");
        }
        pthread_join(thread, NULL);
    }
    for (size_t i = 0; i < INHERITED; i++) {
        free(estate->blocks[i]);
    }
    free(estate);
}

static void
run_server(size_t percent) {
    run_threads(LINES, server_line, &percent);
}

/* ---- exchange: blocks move between threads through shared slots ---- */

enum {
    EXCHANGERS = 4,
    EXCHANGE_SLOTS = 1 << 12,
    EXCHANGE_OPS = 40000 /* per percent and thread */
};

static _Atomic(char *) shared[EXCHANGE_SLOTS];

static void
exchange_worker(size_t number, void *context) {
    uint64_t state = seed_of(number);
    for (size_t left = EXCHANGE_OPS * *(size_t *)context; left > 0; left--) {
        size_t slot = below(next_random(&state), EXCHANGE_SLOTS);
        free(atomic_exchange(&shared[slot], filled(log_uniform(&state, 16, 7))));
    }
}

static void
run_exchange(size_t percent) {
    run_threads(EXCHANGERS, exchange_worker, &percent);
    for (size_t i = 0; i < EXCHANGE_SLOTS; i++) {
        free(atomic_exchange(&shared[i], NULL));
    }
}

const pattern_t travel_patterns[] = {
    {"batches", run_batches, "2 threads: batches of 500 to 4,000 mixed small blocks, freed in another order"},
    {"remote", run_remote, "2 threads allocate batches of 128 blocks, 2 others free them"},
    {"server", run_server, "4 lines of threads: each replaces random blocks that the one before left to it"},
    {"exchange", run_exchange, "4 threads swap blocks of 16 B to 2 KiB through 4 Ki shared slots"},
    {NULL, NULL, NULL},
};
