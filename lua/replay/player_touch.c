/* player_touch.c -- writes to the larger blocks of a replay, and to those of a workload of a trace. See player.h. */
#include <math.h>
#include <string.h>

#include "player.h"

enum {
    PIECE = 16 << 20 /* bytes between two looks at `stop` */
};

static void
touch_large(const player_t *player, char *ptr, size_t size) {
    size = player->touched < size ? player->touched : size;
    for (size_t at = 0; at < size && !player_stopped(player); at += PIECE) {
        size_t piece = size - at < PIECE ? size - at : PIECE;
        player->touch == REPLAY_TOUCH_ALL ? (void)memset(ptr + at, 1, piece) : player_touch_pages(ptr + at, piece);
    }
}

__attribute__((noinline)) void
player_touch_some(const player_t *player, char *ptr, size_t size) {
    uint64_t share = player->replay->plan->head->touched[plan_class(size)];
    if (size >= PLAN_LARGE) {
        touch_large(player, ptr, size);
    } else if (player->touch == REPLAY_TOUCH_ALL) {
        memset(ptr, 1, size * share / PLAN_WHOLE);
    } else {
        player_touch_pages(ptr, size * share / PLAN_WHOLE);
    }
}

void
player_touch_share(const player_t *player, char *ptr, size_t size) {
    const replay_options_t *options = &player->replay->options;
    size_t n = (size_t)ceil((double)size * options->share);
    for (uint32_t i = 0; i < options->writes && !player_stopped(player); i++) {
        memset(ptr, (int)i + 1, n < size ? n : size);
        __asm__ volatile("" ::"r"(ptr) : "memory"); /* no write may be optimised away */
    }
}
