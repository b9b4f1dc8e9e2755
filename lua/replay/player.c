/*
 * player.c -- the measured loop of a replay: a thread makes the calls of its runs. See player.h.
 *
 * A slot is written by the worker that allocates its block, and by the one that frees it. The store of the pointer
 * (release) makes the block visible to the thread that waits for it (acquire). A slot of an earlier window needs no
 * waiting, since the windows' ends order the threads.
 */
#include <sched.h>
#include <string.h>

#include "player.h"
#include "workload/prng.h"

/* The allocator had no memory for the block of this slot. */
static char refused;

enum {
    PAGE = 4096,
    PIECE = 16 << 20, /* bytes that are touched between two looks at `stop` */
    LARGEST_LG = 30   /* of alignments */
};

static bool
stopped(const player_t *player) {
    return atomic_load_explicit(&player->replay->stop, memory_order_relaxed);
}

/* ---- slots ---- */

/* Waits until another thread has filled the slot, in this window. */
static void *
await(player_t *player, void *_Atomic *slot) {
    void *ptr;
    uint64_t start = clock_ns();
    for (uint64_t i = 0; (ptr = atomic_load_explicit(slot, memory_order_acquire)) == NULL && !stopped(player); i++) {
        i < 100 ? (void)sched_yield() : clock_sleep(20000);
    }
    player->waited += clock_ns() - start;
    return ptr;
}

/* Takes the block out of its slot; NULL if there is none. */
static void *
take(player_t *player, const plan_op_t *op) {
    void *_Atomic *slot = &player->replay->slots[op->slot];
    void *ptr = atomic_load_explicit(slot, memory_order_relaxed);
    if (op->waits) {
        ptr = await(player, slot);
    }
    player->remote += op->remote;
    if (ptr == NULL || ptr == &refused) {
        player->violations += ptr == NULL && !stopped(player);
        atomic_store_explicit(slot, NULL, memory_order_relaxed);
        return NULL;
    }
    atomic_store_explicit(slot, NULL, memory_order_relaxed);
    player->live_bytes -= (int64_t)op->size;
    player->live_blocks--;
    return ptr;
}

/* ---- touching ---- */

static void
touch_pages(char *ptr, size_t size) {
    for (size_t at = 0; at < size; at += PAGE) {
        ((volatile char *)ptr)[at] = 1;
    }
    ((volatile char *)ptr)[size - 1] = 1;
}

static void
touch(const player_t *player, char *ptr, size_t size) {
    if (size != 0 && player->replay->options.touch == REPLAY_TOUCH_PAGES) {
        touch_pages(ptr, size);
    } else if (player->replay->options.touch == REPLAY_TOUCH_ALL) {
        memset(ptr, 1, size);
    }
}

/* A new block, before another thread can see it: all of it or, if it is large, as much as the recording says. */
static void
touch_new(const player_t *player, char *ptr, size_t size) {
    size = size < PLAN_LARGE ? size : player->touched < size ? player->touched : size;
    for (size_t at = 0; at < size && !stopped(player); at += PIECE) {
        touch(player, ptr + at, size - at < PIECE ? size - at : PIECE);
    }
}

/* ---- calls ---- */

/* The result of an allocation goes into its slot. */
static void
keep(player_t *player, const plan_op_t *op, void *ptr) {
    if (op->slot == PLAN_NONE) { /* the call had failed */
        player->unlike += ptr != NULL;
        player->calls.heap.free(ptr);
        return;
    }
    if (ptr == NULL) {
        player->failures++;
        ptr = &refused;
    } else {
        player->live_bytes += (int64_t)op->size;
        player->live_blocks++;
        touch_new(player, ptr, op->size);
    }
    atomic_store_explicit(&player->replay->slots[op->slot], ptr, memory_order_release);
}

/* malloc(0) may give NULL, which is no refusal: then the smallest block takes its place. */
static void *
allocate(player_t *player, const plan_op_t *op) {
    size_t size = op->size;
    void *ptr;
    if (op->kind == CALL_MALLOC) {
        ptr = calls_malloc(&player->calls, size);
    } else if (op->kind == CALL_CALLOC) {
        ptr = calls_calloc(&player->calls, size);
    } else {
        size_t align = (size_t)1 << (op->lg_align < LARGEST_LG ? op->lg_align : LARGEST_LG);
        ptr = calls_aligned(&player->calls, align, (size + align - 1) & ~(align - 1));
    }
    return ptr != NULL || size != 0 ? ptr : player->calls.heap.malloc(1);
}

/* A block that cannot be resized is freed, as its end is planned. */
static void
play_realloc(player_t *player, const plan_op_t *op, void *old) {
    size_t size = op->size != 0 ? op->size : 1;
    void *ptr = calls_realloc(&player->calls, old, size);
    if (ptr == NULL && old != NULL) {
        player->calls.heap.free(old);
    }
    keep(player, op, ptr);
}

static void
play_free(player_t *player, const plan_op_t *op) {
    void *ptr = take(player, op);
    if (op->kind == CALL_FREE_SIZED && player->calls.heap.sized != NULL && ptr != NULL) {
        calls_free_sized(&player->calls, ptr, op->lg_align == 0 ? 0 : (size_t)1 << op->lg_align, op->size);
    } else if (ptr != NULL) {
        calls_free(&player->calls, ptr);
    }
}

/* ---- times ---- */

/* Waits until the operation is due, which is `delta` ns after the one before it. */
static void
await_time(player_t *player, uint64_t delta) {
    const replay_t *replay = player->replay;
    player->due += delta;
    uint64_t t0 = atomic_load_explicit(&replay->t0, memory_order_relaxed);
    uint64_t due = t0 + (uint64_t)((double)player->due / replay->options.speed), now = clock_ns();
    while (now < due && !stopped(player)) {
        uint64_t left = due - now;
        if (left > 60000) {
            clock_sleep(left < 5000000 ? left - 50000 : 5000000 - 50000);
        }
        uint64_t then = now;
        now = clock_ns();
        player->waited += now - then;
    }
    uint64_t lag = now > due ? now - due : 0;
    player->max_lag = lag > player->max_lag ? lag : player->max_lag;
}

/* ---- runs ---- */

static inline void
count_call(player_t *player, const plan_op_t *op) {
    player->count[op->kind][plan_class(op->size)]++;
}

static void
play_op(player_t *player, const plan_op_t *op, void **from) {
    switch (op->kind) {
    case CALL_MALLOC:
    case CALL_CALLOC:
    case CALL_ALIGNED:
        count_call(player, op);
        keep(player, op, allocate(player, op));
        break;
    case CALL_FREE:
    case CALL_FREE_SIZED:
        count_call(player, op);
        play_free(player, op);
        break;
    case CALL_REALLOC:
        count_call(player, op);
        play_realloc(player, op, *from);
        *from = NULL;
        break;
    case PLAN_FROM:
        *from = take(player, op);
        break;
    case PLAN_TOUCH:
        player->touched = op->size;
        break;
    default:
        break; /* PLAN_PAUSE */
    }
}

/* The slot of an operation that stands further on is fetched meanwhile. Behind the last run lies padding. */
static void
play_run(player_t *player, const plan_op_t *ops, size_t n) {
    bool timed = player->replay->options.speed > 0;
    void *_Atomic *slots = player->replay->slots;
    void *from = NULL;
    for (size_t i = 0; i < n; i++) {
        __builtin_prefetch((void *)&slots[ops[i + PLAN_AHEAD].slot]);
        if (timed) {
            await_time(player, ops[i].kind == PLAN_PAUSE ? ops[i].size : ops[i].delta);
        }
        if ((i & 1023) == 1023 && stopped(player)) {
            return;
        }
        play_op(player, &ops[i], &from);
    }
}

/* Plays the run that was handed over. True if the thread ends with it. */
static bool
play(player_t *player) {
    const plan_run_t *run = player->run;
    replay_t *replay = player->replay;
    player->due = run->time;
    player->live_bytes = player->live_blocks = 0;
    uint64_t start = clock_ns(), waited = player->waited;
    play_run(player, player->ops, run->nops);
    player->executed += clock_ns() - start - (player->waited - waited);
    atomic_fetch_add_explicit(&replay->live_bytes, (uint64_t)player->live_bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&replay->live_blocks, (uint64_t)player->live_blocks, memory_order_relaxed);
    atomic_fetch_add_explicit(&replay->nops, run->nops, memory_order_relaxed);
    return run->ends;
}

/* Puts itself on the list of threads to join. */
static void
announce_end(player_t *player) {
    replay_t *replay = player->replay;
    player->next = atomic_load_explicit(&replay->ended, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&replay->ended, &player->next, player, memory_order_release,
                                                  memory_order_relaxed)) {
    }
}

void *
player_main(void *arg) {
    player_t *player = arg;
    replay_t *replay = player->replay;
    uint32_t seen = 0;
    for (bool ends = false; !ends;) {
        for (int i = 0; i < 200 && atomic_load_explicit(&player->turn, memory_order_acquire) == seen; i++) {
            sched_yield();
        }
        while (atomic_load_explicit(&player->turn, memory_order_acquire) == seen) {
            replay_sleep(&player->turn, seen, 1000000000);
        }
        seen++;
        if (player->run == NULL) {
            return NULL;
        }
        ends = play(player);
        if (ends) {
            announce_end(player);
        }
        if (atomic_fetch_sub_explicit(&replay->pending, 1, memory_order_acq_rel) == 1) {
            replay_window_done(replay, player);
        }
    }
    return NULL;
}
