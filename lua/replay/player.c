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

enum {
    PAGE = 4096,
    PIECE = 16 << 20, /* bytes that are touched between two looks at `stop` */
    SOME = 1024,      /* calls, likewise */
    LARGEST_LG = 30   /* of alignments */
};

static bool
stopped(const player_t *player) {
    return atomic_load_explicit(&player->replay->stop, memory_order_relaxed);
}

/* ---- slots ---- */

/* Waits until another thread has filled the slot, in this window. */
static __attribute__((noinline)) void *
await(player_t *player, void *_Atomic *slot) {
    void *ptr;
    uint64_t start = clock_ns();
    for (uint64_t i = 0; (ptr = atomic_load_explicit(slot, memory_order_acquire)) == NULL && !stopped(player); i++) {
        i < 100 ? (void)sched_yield() : clock_sleep(20000);
    }
    player->waited += clock_ns() - start;
    return ptr;
}

/* The slot of a free holds no block. */
static __attribute__((noinline)) void
miss(player_t *player, const void *ptr) {
    player->violations += ptr == NULL && !stopped(player);
}

/* Takes the block out of its slot; NULL if there is none. */
static inline void *
take(player_t *player, const plan_op_t *op) {
    void *_Atomic *slot = &player->slots[op->slot];
    void *ptr = op->waits ? await(player, slot) : atomic_load_explicit(slot, memory_order_relaxed);
    atomic_store_explicit(slot, NULL, memory_order_relaxed);
    if (__builtin_expect((uintptr_t)ptr <= (uintptr_t)PLAYER_REFUSED, 0)) {
        miss(player, ptr);
        return NULL;
    }
    player->live_bytes -= (int64_t)op->size;
    return ptr;
}

/* ---- touching ---- */

static void
touch_pages(char *ptr, size_t size) {
    for (size_t at = 0; at < size; at += PAGE) {
        ((volatile char *)ptr)[at] = 1;
    }
    if (size != 0) {
        ((volatile char *)ptr)[size - 1] = 1;
    }
}

static void
touch_large(const player_t *player, char *ptr, size_t size) {
    size = player->touched < size ? player->touched : size;
    for (size_t at = 0; at < size && !stopped(player); at += PIECE) {
        size_t piece = size - at < PIECE ? size - at : PIECE;
        player->touch == REPLAY_TOUCH_ALL ? (void)memset(ptr + at, 1, piece) : touch_pages(ptr + at, piece);
    }
}

/* A block of PLAN_MEDIUM or more bytes, as far as the recording says. */
static __attribute__((noinline)) void
touch_some(const player_t *player, char *ptr, size_t size) {
    uint64_t share = player->replay->plan->head->touched[plan_class(size)];
    if (size >= PLAN_LARGE) {
        touch_large(player, ptr, size);
    } else if (player->touch == REPLAY_TOUCH_ALL) {
        memset(ptr, 1, size * share / PLAN_WHOLE);
    } else {
        touch_pages(ptr, size * share / PLAN_WHOLE);
    }
}

/* A new block, before another thread can see it. */
static inline void
touch(const player_t *player, char *ptr, size_t size) {
    if (player->touch == REPLAY_TOUCH_NONE) {
        return;
    }
    if (size >= PLAN_MEDIUM) {
        touch_some(player, ptr, size);
    } else if (player->touch == REPLAY_TOUCH_ALL) {
        memset(ptr, 1, size);
    } else {
        touch_pages(ptr, size);
    }
}

/* ---- calls ---- */

/* The allocator refused, or did not refuse what it had refused in the recording. */
static __attribute__((noinline)) void
keep_nothing(player_t *player, const plan_op_t *op, void *ptr) {
    if (op->slot != PLAN_NONE) {
        player->failures++;
        atomic_store_explicit(&player->slots[op->slot], PLAYER_REFUSED, memory_order_release);
    } else if (ptr != NULL) {
        player->unlike++;
        player->calls.heap.free(ptr);
    }
}

/* The result of an allocation goes into its slot. */
static inline void
keep(player_t *player, const plan_op_t *op, void *ptr) {
    if (__builtin_expect(ptr == NULL || op->slot == PLAN_NONE, 0)) {
        keep_nothing(player, op, ptr);
        return;
    }
    player->live_bytes += (int64_t)op->size;
    touch(player, ptr, op->size);
    atomic_store_explicit(&player->slots[op->slot], ptr, memory_order_release);
}

static inline size_t
alignment_of(const plan_op_t *op) {
    return (size_t)1 << (op->lg_align < LARGEST_LG ? op->lg_align : LARGEST_LG);
}

/* aligned_alloc takes multiples of the alignment only. */
static inline size_t
aligned_size_of(const plan_op_t *op) {
    size_t align = alignment_of(op);
    return (op->size + align - 1) & ~(align - 1);
}

/* play_malloc(), play_free() and play_op() are inlined by force: entering and leaving them took 15 instructions a call.
 *
 * As calls_begin(), which would count, too. */
static inline uint64_t
begin_call(player_t *player) {
    return calls_time_due(&player->calls) ? clock_ns() : 0;
}

static inline __attribute__((always_inline)) void
play_malloc(player_t *player, const plan_op_t *op) {
    uint64_t start = begin_call(player);
    void *ptr = player->calls.heap.malloc(op->size);
    calls_end(&player->calls, CALL_MALLOC, start);
    keep(player, op, ptr);
}

static void
play_calloc(player_t *player, const plan_op_t *op) {
    uint64_t start = begin_call(player);
    void *ptr = player->calls.heap.calloc(1, op->size);
    calls_end(&player->calls, CALL_CALLOC, start);
    keep(player, op, ptr);
}

static void
play_aligned(player_t *player, const plan_op_t *op) {
    uint64_t start = begin_call(player);
    void *ptr = player->calls.heap.aligned_alloc(alignment_of(op), aligned_size_of(op));
    calls_end(&player->calls, CALL_ALIGNED, start);
    keep(player, op, ptr);
}

/* A block that cannot be resized is freed, as its end is planned. */
static void
play_realloc(player_t *player, const plan_op_t *op, void *old) {
    uint64_t start = begin_call(player);
    void *ptr = player->calls.heap.realloc(old, op->size);
    calls_end(&player->calls, CALL_REALLOC, start);
    if (ptr == NULL && old != NULL) {
        player->calls.heap.free(old);
    }
    keep(player, op, ptr);
}

static inline __attribute__((always_inline)) void
play_free(player_t *player, const plan_op_t *op) {
    void *ptr = take(player, op);
    if (ptr != NULL) {
        uint64_t start = begin_call(player);
        player->calls.heap.free(ptr);
        calls_end(&player->calls, CALL_FREE, start);
    }
}

/* An allocator without the form frees without the size. */
static void
play_free_sized(player_t *player, const plan_op_t *op) {
    const sized_free_t *sized = player->calls.heap.sized;
    void *ptr = sized == NULL ? NULL : take(player, op);
    if (sized == NULL) {
        play_free(player, op);
    } else if (ptr != NULL) {
        uint64_t start = begin_call(player);
        sized->free(ptr, op->lg_align == 0 ? 0 : alignment_of(op), aligned_size_of(op));
        calls_end(&player->calls, CALL_FREE_SIZED, start);
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

/* All but malloc and free. */
static __attribute__((noinline)) void
play_rare(player_t *player, const plan_op_t *op, void **from) {
    switch (op->kind) {
    case CALL_CALLOC:
        play_calloc(player, op);
        break;
    case CALL_ALIGNED:
        play_aligned(player, op);
        break;
    case CALL_REALLOC:
        play_realloc(player, op, *from);
        *from = NULL;
        break;
    case CALL_FREE_SIZED:
        play_free_sized(player, op);
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

static inline __attribute__((always_inline)) void
play_op(player_t *player, const plan_op_t *op, void **from) {
    player->count[plan_op_key(op)]++;
    if (op->kind == CALL_MALLOC) {
        play_malloc(player, op);
    } else if (op->kind == CALL_FREE) {
        play_free(player, op);
    } else {
        play_rare(player, op, from);
    }
}

/* The slot of an operation that stands further on is fetched meanwhile. Behind the last run lies padding. */
static void
play_ops(player_t *player, const plan_op_t *ops, size_t n, void **from) {
    for (size_t i = 0; i < n; i++) {
        __builtin_prefetch((void *)&player->slots[ops[i + PLAN_AHEAD].slot]);
        play_op(player, &ops[i], from);
    }
}

static void
play_ops_in_time(player_t *player, const plan_op_t *ops, size_t n, void **from) {
    for (size_t i = 0; i < n && !stopped(player); i++) {
        await_time(player, ops[i].kind == PLAN_PAUSE ? ops[i].size : ops[i].delta);
        play_op(player, &ops[i], from);
    }
}

static void
play_run(player_t *player, const plan_op_t *ops, size_t n) {
    bool timed = player->replay->options.speed > 0;
    void *from = NULL;
    for (size_t i = 0; i < n && !stopped(player); i += SOME) {
        size_t some = n - i < SOME ? n - i : SOME;
        timed ? play_ops_in_time(player, ops + i, some, &from) : play_ops(player, ops + i, some, &from);
    }
}

/* Plays the run that was handed over. True if the thread ends with it. */
static bool
play(player_t *player) {
    const plan_run_t *run = player->run;
    replay_t *replay = player->replay;
    player->due = run->time;
    player->live_bytes = 0;
    uint64_t start = clock_ns(), waited = player->waited;
    play_run(player, player->ops, run->nops);
    player->executed += clock_ns() - start - (player->waited - waited);
    atomic_fetch_add_explicit(&replay->live_bytes, (uint64_t)player->live_bytes, memory_order_relaxed);
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
            replay->window_done(replay, player);
        }
    }
    return NULL;
}
