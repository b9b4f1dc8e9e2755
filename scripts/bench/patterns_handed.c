/*
 * patterns_handed.c -- several threads, each with thousands of blocks: freed in another order than they were allocated
 * in, replaced at random, or handed to another thread, which frees them.
 */
#include "patterns.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- shuffle: a fifth of the blocks survives a cycle; those before it are freed first, those behind it last ---- */

enum {
    SHUFFLERS = 2,
    SHUFFLED = 20000, /* blocks of a thread */
    KEPT = SHUFFLED / 5,
    SHUFFLES = 24 /* cycles per percent */
};

typedef struct {
    size_t percent;
    bool hands_over;
    _Atomic(char **) handed; /* the survivors that a thread left to the other one */
} shuffle_t;

static void
fill_empty(char **blocks, uint64_t *state) {
    for (size_t i = 0; i < SHUFFLED; i++) {
        blocks[i] = blocks[i] == NULL ? filled(log_uniform(state, 8, 7)) : blocks[i];
    }
}

static void
free_and_clear(char **block) {
    free(*block);
    *block = NULL;
}

/* Frees all but the survivors: in the order of allocation before them, in reverse order behind them. */
static void
free_around(char **blocks, size_t kept) {
    for (size_t i = 0; i < kept; i++) {
        free_and_clear(&blocks[i]);
    }
    for (size_t i = SHUFFLED; i > kept + KEPT; i--) {
        free_and_clear(&blocks[i - 1]);
    }
}

static void
free_handed(char **handed) {
    for (size_t i = 0; handed != NULL && i < KEPT; i++) {
        free(handed[i]);
    }
    free(handed);
}

/* Leaves the survivors to the other thread, and frees those that were left last. */
static void
hand_over(shuffle_t *shuffle, char **kept) {
    char **handed = (char **)filled(KEPT * sizeof *handed);
    memcpy(handed, kept, KEPT * sizeof *handed);
    memset(kept, 0, KEPT * sizeof *kept);
    free_handed(atomic_exchange(&shuffle->handed, handed));
}

static void
shuffle_worker(size_t number, void *context) {
    shuffle_t *shuffle = context;
    char **blocks = calloc(SHUFFLED, sizeof *blocks);
    uint64_t state = seed_of(number);
    if (blocks == NULL) {
        give_up("no memory");
    }
    for (size_t cycle = 0; cycle < SHUFFLES * shuffle->percent; cycle++) {
        size_t kept = cycle * KEPT % SHUFFLED;
        fill_empty(blocks, &state);
        free_around(blocks, kept);
        if (shuffle->hands_over) {
            hand_over(shuffle, blocks + kept);
        }
    }
    for (size_t i = 0; i < SHUFFLED; i++) {
        free(blocks[i]);
    }
    free(blocks);
}

static void
run_shuffle(size_t percent) {
    shuffle_t shuffle = {percent, false, NULL};
    run_threads(SHUFFLERS, shuffle_worker, &shuffle);
}

static void
run_shuffle_handed(size_t percent) {
    shuffle_t shuffle = {percent, true, NULL};
    run_threads(SHUFFLERS, shuffle_worker, &shuffle);
    free_handed(atomic_load(&shuffle.handed));
}

/* ---- parcels: random sizes up to 16 KiB; each thread also fills parcels for the next one ---- */

enum {
    SENDERS = 4,
    HELD = 1000,    /* blocks that a thread holds */
    REPLACED = 100, /* of them in a round */
    PARCEL = 50,    /* blocks of a parcel, which is sent every other round */
    INBOX = 8,      /* parcels that wait for a thread at most */
    ROUNDS = 400    /* per percent */
};

/* Where parcels wait. A sender takes back and frees a parcel that has not been opened. */
static _Atomic(char **) inboxes[SENDERS][INBOX];

/* The lesser of two: small ones are more often. */
static size_t
falling_size(uint64_t *state) {
    size_t a = below(next_random(state), 16368), b = below(next_random(state), 16368);
    return 16 + (a < b ? a : b);
}

static void
free_parcel(char **parcel) {
    for (size_t i = 0; parcel != NULL && i < PARCEL; i++) {
        free(parcel[i]);
    }
    free(parcel);
}

static void
send_parcel(size_t to, size_t round, uint64_t *state) {
    char **parcel = (char **)filled(PARCEL * sizeof *parcel);
    for (size_t i = 0; i < PARCEL; i++) {
        parcel[i] = filled_pages(falling_size(state));
    }
    free_parcel(atomic_exchange(&inboxes[to][round / 2 % INBOX], parcel));
}

static void
receive(size_t number) {
    for (size_t i = 0; i < INBOX; i++) {
        if (atomic_load(&inboxes[number][i]) != NULL) {
            free_parcel(atomic_exchange(&inboxes[number][i], NULL));
        }
    }
}

static void
parcel_worker(size_t number, void *context) {
    char *held[HELD] = {NULL};
    uint64_t state = seed_of(number);
    for (size_t round = 0; round < ROUNDS * *(size_t *)context; round++) {
        for (size_t i = 0; i < REPLACED; i++) {
            size_t at = (round * REPLACED + i) % HELD;
            free(held[at]);
            held[at] = filled_pages(falling_size(&state));
        }
        if (round % 2 == 0) {
            send_parcel((number + 1) % SENDERS, round, &state);
        }
        receive(number);
    }
    for (size_t i = 0; i < HELD; i++) {
        free(held[i]);
    }
}

static void
run_parcels(size_t percent) {
    run_threads(SENDERS, parcel_worker, &percent);
    for (size_t i = 0; i < SENDERS; i++) {
        receive(i);
    }
}

const pattern_t handed_patterns[] = {
    {"shuffle", run_shuffle, "2 threads: 20,000 blocks of 8 B to 1 KiB; four fifths freed forwards and backwards"},
    {"shuffle_handed", run_shuffle_handed, "the same, and the survivors are handed to the other thread"},
    {"parcels", run_parcels, "4 threads replace blocks of 16 B to 16 KiB, and send parcels of them to the next one"},
    {NULL, NULL, NULL},
};
