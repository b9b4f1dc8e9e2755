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
    QUEUE = 64,
    REMOTE_BATCHES = 400, /* per percent and producer */
    DEEP_BATCHES = 60
};

/* What is produced: `threads` producers and as many consumers, and so many blocks in a batch, batches that wait, and
 * batches of each producer. */
typedef struct {
    size_t threads, batch, depth, batches;
    size_t (*size)(uint64_t *state);
} trade_t;

typedef struct {
    const trade_t *trade;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    char **batches[QUEUE];
    size_t n, producing;
} queue_t;

static void
put(queue_t *queue, char **batch) {
    pthread_mutex_lock(&queue->mutex);
    while (queue->n == queue->trade->depth) {
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
    const trade_t *trade = queue->trade;
    uint64_t state = seed_of(number);
    for (size_t left = trade->batches; left > 0; left--) {
        char **batch = (char **)filled(trade->batch * sizeof *batch);
        for (size_t i = 0; i < trade->batch; i++) {
            batch[i] = filled(trade->size(&state));
        }
        put(queue, batch);
    }
    end_production(queue);
}

static void
consume(queue_t *queue) {
    char **batch;
    while ((batch = take(queue)) != NULL) {
        for (size_t i = 0; i < queue->trade->batch; i++) {
            free(batch[i]);
        }
        free(batch);
    }
}

static void
remote_worker(size_t number, void *context) {
    queue_t *queue = context;
    if (number < queue->trade->threads) {
        produce(number, queue);
    } else {
        consume(queue);
    }
}

static void
run_trade(const trade_t *trade) {
    queue_t queue = {trade, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, {NULL}, 0, trade->threads};
    run_threads(2 * trade->threads, remote_worker, &queue);
}

static size_t
size_to_512(uint64_t *state) {
    return log_uniform(state, 16, 5);
}

static void
run_remote(size_t percent) {
    run_trade(&(trade_t){2, 128, QUEUE, REMOTE_BATCHES * percent, size_to_512});
}

/* A power of two, or that and a half, from 8 B to 2 KiB. */
static size_t
size_to_2048(uint64_t *state) {
    uint64_t r = next_random(state);
    size_t power = (size_t)8 << below(r, 9);
    return (r & 1) == 0 || power == 2048 ? power : power + power / 2;
}

static void
run_remote_deep(size_t percent) {
    run_trade(&(trade_t){1, 4096, 10, DEEP_BATCHES * percent, size_to_2048});
}

/* ---- server: a thread replaces blocks for a while, then ends and leaves them to the next one ---- */

enum {
    INHERITED_MAX = 5000,
    SERVER_OPS = 1500, /* per percent and generation */
    DEEP_OPS = 8000
};

/* `lines` of succession, each with so many blocks and generations of threads. */
typedef struct {
    size_t lines, inherited, generations, ops;
    size_t (*size)(uint64_t *state);
} service_t;

typedef struct {
    const service_t *service;
    char *blocks[INHERITED_MAX];
    uint64_t state;
} estate_t;

static void *
serve(void *argument) {
    estate_t *estate = argument;
    const service_t *service = estate->service;
    for (size_t left = service->ops; left > 0; left--) {
        size_t slot = below(next_random(&estate->state), service->inherited);
        free(estate->blocks[slot]);
        estate->blocks[slot] = filled(service->size(&estate->state));
    }
    return NULL;
}

/* Joins each thread before the next one starts, so that the number of threads is exact. */
static void
server_line(size_t number, void *context) {
    const service_t *service = context;
    estate_t *estate = (estate_t *)filled(sizeof *estate);
    *estate = (estate_t){service, {NULL}, seed_of(number)};
    for (size_t generation = 0; generation < service->generations; generation++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, estate) != 0) {
            give_up("no thread");
        }
        pthread_join(thread, NULL);
    }
    for (size_t i = 0; i < service->inherited; i++) {
        free(estate->blocks[i]);
    }
    free(estate);
}

static size_t
size_to_1024(uint64_t *state) {
    return log_uniform(state, 8, 7);
}

static void
run_server(size_t percent) {
    service_t service = {4, 2000, 40, SERVER_OPS * percent, size_to_1024};
    run_threads(service.lines, server_line, &service);
}

static size_t
any_size_to_1000(uint64_t *state) {
    return 8 + below(next_random(state), 993);
}

static void
run_server_deep(size_t percent) {
    service_t service = {2, INHERITED_MAX, 40, DEEP_OPS * percent, any_size_to_1000};
    run_threads(service.lines, server_line, &service);
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
    {"remote_deep", run_remote_deep, "1 thread allocates batches of 4,096 blocks, 8 B to 2 KiB, another frees them"},
    {"server", run_server, "4 lines of threads: each replaces random blocks that the one before left to it"},
    {"server_deep", run_server_deep, "2 such lines with 5,000 blocks each, all sizes to 1,000 B alike"},
    {"exchange", run_exchange, "4 threads swap blocks of 16 B to 2 KiB through 4 Ki shared slots"},
    {NULL, NULL, NULL},
};
