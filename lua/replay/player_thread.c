/* player_thread.c -- a thread of a replay: it waits for its runs, plays them, and completes windows. See player.h. */
#include <sched.h>

#include "player.h"

/* Plays the run that was handed over. True if the thread ends with it. */
static bool
play(player_t *player) {
    const plan_run_t *run = player->run;
    replay_t *replay = player->replay;
    player->due = run->time;
    uint64_t start = clock_ns(), waited = player->waited;
    player_play_run(player, player->ops, run->nops);
    uint64_t executed = clock_ns() - start - (player->waited - waited);
    atomic_fetch_add_explicit(&replay->executed, executed, memory_order_relaxed);
    player_publish(player);
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

/* Waits until a run more than `seen` was handed over. */
static void
await_turn(player_t *player, uint32_t seen) {
    uint32_t idle = 2 * seen, asleep = idle + 1, turn;
    for (int i = 0; i < PLAYER_YIELDS && atomic_load_explicit(&player->turn, memory_order_acquire) == idle; i++) {
        sched_yield();
    }
    while ((turn = atomic_load_explicit(&player->turn, memory_order_acquire)) == idle || turn == asleep) {
        turn = idle;
        atomic_compare_exchange_strong_explicit(&player->turn, &turn, asleep, memory_order_relaxed,
                                                memory_order_relaxed);
        replay_sleep(&player->turn, asleep, 1000000000);
    }
}

void *
player_main(void *arg) {
    player_t *player = arg;
    replay_t *replay = player->replay;
    uint32_t seen = 0;
    for (bool ends = false; !ends;) {
        await_turn(player, seen++);
        if (player->run == NULL) {
            return NULL;
        }
        ends = play(player);
        if (ends) {
            announce_end(player);
        }
        if (atomic_fetch_sub_explicit(&replay->pending, 1, memory_order_acq_rel) == 1) {
            replay->window_done(replay);
        }
    }
    return NULL;
}
