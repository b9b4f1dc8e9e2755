/*
 * player.c -- the measured loop of a replay: a thread makes the calls of a run. See player.h.
 *
 * A slot is written by the worker that allocates its block, and by the one that frees it. The store of the pointer
 * (release) makes the block visible to the thread that waits for it (acquire). A slot of an earlier window needs no
 * waiting, since the windows' ends order the threads.
 *
 * A free whose block another thread has yet to allocate, in the same window, is put off: the thread goes on, and frees
 * the block after some further calls, at the latest at the end of its run. Else threads that pass blocks to each other
 * would sleep after every few hundred calls. A replay at the recorded times waits instead.
 */
#include <sched.h>
#include <string.h>

#include "player.h"
#include "workload/prng.h"

enum {
    SOME = 1024 /* calls between two looks at `stop`, and at the frees that were put off */
};

/* ---- slots ---- */

/* Waits until another thread has filled the slot, in this window. The longer it waits, the more rarely it looks: on a
 * busy machine the other thread may not run for long, and many threads may wait for it. */
static __attribute__((noinline)) void *
await(player_t *player, void *_Atomic *slot) {
    void *ptr;
    uint64_t start = clock_ns(), pause = 20000;
    for (uint64_t i = 0; (ptr = atomic_load_explicit(slot, memory_order_acquire)) == NULL && !player_stopped(player);
         i++) {
        if (i < PLAYER_YIELDS) {
            sched_yield();
        } else {
            clock_sleep(pause);
            pause = pause < 1000000 ? 2 * pause : pause;
        }
    }
    player->waited += clock_ns() - start;
    return ptr;
}

/* The slot of a free holds no block. After a stop another thread may yet fill it, so it is left alone. */
static __attribute__((noinline)) void *
miss(player_t *player, void *_Atomic *slot, const void *ptr) {
    player->violations += ptr == NULL && !player_stopped(player);
    if (ptr != NULL) {
        atomic_store_explicit(slot, NULL, memory_order_relaxed);
    }
    return NULL;
}

/* Takes the block out of its slot; NULL if there is none. */
static inline void *
take(player_t *player, const plan_op_t *op) {
    void *_Atomic *slot = &player->slots[op->slot];
    void *ptr = atomic_load_explicit(slot, memory_order_acquire);
    if (__builtin_expect(ptr == NULL && op->waits, 0)) {
        ptr = await(player, slot);
    }
    if (__builtin_expect((uintptr_t)ptr <= (uintptr_t)PLAYER_REFUSED, 0)) {
        return miss(player, slot, ptr);
    }
    atomic_store_explicit(slot, NULL, memory_order_relaxed);
    player->live_bytes -= (int64_t)op->size;
    player->live_blocks--;
    if (__builtin_expect(player->touch == REPLAY_TOUCH_VERIFY, 0)) {
        player_check(player, FAULT_CONTENTS, op->slot, ptr, op->size);
    }
    return ptr;
}

/* A new block, before another thread can see it. */
static inline void
touch(player_t *player, const plan_op_t *op, char *ptr) {
    size_t size = op->size;
    if (player->touch == REPLAY_TOUCH_NONE) {
        return;
    }
    if (player->touch >= REPLAY_TOUCH_VERIFY) {
        player->touch == REPLAY_TOUCH_VERIFY ? player_fill(player, op, ptr) : player_touch_share(player, ptr, size);
    } else if (size >= PLAN_MEDIUM) {
        player_touch_some(player, ptr, size);
    } else if (player->touch == REPLAY_TOUCH_ALL) {
        memset(ptr, 1, size);
    } else {
        player_touch_pages(ptr, size);
    }
}

/* ---- calls ---- */

/* The allocator refused, or did not refuse what it had refused in the recording. */
static __attribute__((noinline)) void
keep_nothing(player_t *player, const plan_op_t *op, void *ptr) {
    if (op->slot != PLAN_NONE) {
        atomic_fetch_add_explicit(&player->replay->nfailures, 1, memory_order_relaxed);
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
    player->live_blocks++;
    touch(player, op, ptr);
    atomic_store_explicit(&player->slots[op->slot], ptr, memory_order_release);
}

static inline size_t
alignment_of(const plan_op_t *op) {
    return (size_t)1 << (op->lg_align < PLAYER_LARGEST_LG ? op->lg_align : PLAYER_LARGEST_LG);
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
    if (player->touch == REPLAY_TOUCH_VERIFY && ptr != NULL && op->slot != PLAN_NONE) {
        player_check_zero(player, op, ptr);
    }
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
    } else if (player->touch == REPLAY_TOUCH_VERIFY && old != NULL) {
        const plan_op_t *from = player->resized;
        player_check(player, FAULT_REALLOC, from->slot, ptr, from->size < op->size ? from->size : op->size);
    }
    keep(player, op, ptr);
}

static inline __attribute__((always_inline)) void
free_block(player_t *player, const plan_op_t *op) {
    void *ptr = take(player, op);
    if (ptr != NULL) {
        uint64_t start = begin_call(player);
        player->calls.heap.free(ptr);
        calls_end(&player->calls, CALL_FREE, start);
    }
}

/* An allocator without the form frees without the size. */
static __attribute__((noinline)) void
free_sized_block(player_t *player, const plan_op_t *op) {
    const sized_free_t *sized = player->calls.heap.sized;
    void *ptr = sized == NULL ? NULL : take(player, op);
    if (sized == NULL) {
        free_block(player, op);
    } else if (ptr != NULL) {
        uint64_t start = begin_call(player);
        sized->free(ptr, op->lg_align == 0 ? 0 : alignment_of(op), aligned_size_of(op));
        calls_end(&player->calls, CALL_FREE_SIZED, start);
    }
}

/* ---- frees that are put off ---- */

static bool
is_filled(const player_t *player, const plan_op_t *op) {
    return atomic_load_explicit(&player->slots[op->slot], memory_order_relaxed) != NULL;
}

/* Makes the frees that were put off and whose blocks live now; `all`: waits for the other ones. */
static __attribute__((noinline)) void
catch_up(player_t *player, bool all) {
    size_t left = 0;
    player->put_off_bytes = 0;
    for (size_t i = 0; i < player->nput_off; i++) {
        const plan_op_t *op = player->put_off[i];
        if (all || is_filled(player, op)) {
            op->kind == CALL_FREE ? free_block(player, op) : free_sized_block(player, op);
        } else {
            player->put_off[left++] = op;
            player->put_off_bytes += op->size;
        }
    }
    player->nput_off = left;
}

static bool
has_room(const player_t *player, const plan_op_t *op) {
    return player->nput_off < PLAYER_PUT_OFF && player->put_off_bytes + op->size <= PLAYER_PUT_OFF_BYTES;
}

/* Puts the free off if its block does not live yet. False: it is to be made now, and waits. */
static __attribute__((noinline)) bool
put_off(player_t *player, const plan_op_t *op) {
    if (player->replay->options.speed > 0 || is_filled(player, op)) {
        return false;
    }
    if (!has_room(player, op)) {
        catch_up(player, false);
    }
    bool room = has_room(player, op);
    if (room) {
        player->put_off[player->nput_off++] = op;
        player->put_off_bytes += op->size;
    }
    return room;
}

static inline __attribute__((always_inline)) void
play_free(player_t *player, const plan_op_t *op) {
    if (!op->waits || !put_off(player, op)) {
        free_block(player, op);
    }
}

static void
play_free_sized(player_t *player, const plan_op_t *op) {
    if (!op->waits || !put_off(player, op)) {
        free_sized_block(player, op);
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
    while (now < due && !player_stopped(player)) {
        uint64_t left = due - now;
        if (left > 60000) {
            player_publish(player);
            clock_sleep(left < 5000000 ? left - 50000 : 5000000 - 50000);
        }
        uint64_t then = now;
        now = clock_ns();
        player->waited += now - then;
    }
    uint64_t lag = now > due ? now - due : 0;
    player->max_lag = lag > player->max_lag ? lag : player->max_lag;
}

/* ---- operations ---- */

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
        player->resized = op;
        player->made--; /* it is no call */
        break;
    case PLAN_TOUCH:
        player->touched = op->size;
        player->made--;
        break;
    default: /* PLAN_PAUSE */
        player->made--;
        break;
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
    for (size_t i = 0; i < n && !player_stopped(player); i++) {
        await_time(player, ops[i].kind == PLAN_PAUSE ? ops[i].size : ops[i].delta);
        play_op(player, &ops[i], from);
        player->made++;
    }
}

/* ---- figures ---- */

static void
add(_Atomic uint64_t *figure, uint64_t by) {
    if (by != 0) {
        atomic_fetch_add_explicit(figure, by, memory_order_relaxed);
    }
}

void
player_publish(player_t *player) {
    replay_t *replay = player->replay;
    add(&replay->ncalls, player->made);
    add(&replay->live_bytes, (uint64_t)player->live_bytes);
    add(&replay->live_blocks, (uint64_t)player->live_blocks);
    add(&replay->nchecked, player->checked);
    player->made = player->checked = 0;
    player->live_bytes = player->live_blocks = 0;
}

void
player_free_rest(player_t *player) {
    replay_t *replay = player->replay;
    for (uint64_t i = 0; i < replay->plan->head->nslots; i++) {
        void *ptr = atomic_exchange_explicit(&replay->slots[i], NULL, memory_order_relaxed);
        if (ptr != NULL && ptr != PLAYER_REFUSED) {
            if (player->touch == REPLAY_TOUCH_VERIFY) {
                player_check(player, FAULT_CONTENTS, (uint32_t)i, ptr, replay->owners[i].size);
            }
            player->calls.heap.free(ptr);
            player->count[plan_key(0, CALL_FREE, 0)]++;
        }
    }
}

/* ---- runs ---- */

void
player_play_run(player_t *player, const plan_op_t *ops, size_t n) {
    bool timed = player->replay->options.speed > 0;
    void *from = NULL;
    for (size_t i = 0; i < n && !player_stopped(player); i += SOME) {
        size_t some = n - i < SOME ? n - i : SOME;
        timed ? play_ops_in_time(player, ops + i, some, &from) : play_ops(player, ops + i, some, &from);
        player->made += timed ? 0 : some;
        if (player->replay->options.tick != NULL) {
            player_publish(player);
        }
        if (player->nput_off != 0) {
            catch_up(player, false);
        }
    }
    catch_up(player, true);
}
