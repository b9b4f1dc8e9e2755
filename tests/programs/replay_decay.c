/*
 * replay_decay.c -- waits for a line on standard input; then, four times, it allocates 40 MiB in blocks of 20 to 200
 * KiB, frees them, and allocates and frees a little for half a second, in which its dirty pages decay. For recordings
 * of pages. Prints a line when it is ready, and one when it has ended.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BLOCKS = 372,
    ROUNDS = 4
};

static char *blocks[BLOCKS];

static size_t
draw(void) {
    static uint64_t seed = 1;
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (20 << 10) + (size_t)(seed >> 33) % (180 << 10);
}

static void
pause_ms(long ms) {
    struct timespec t = {.tv_nsec = ms * 1000000};
    nanosleep(&t, NULL);
}

static void
fill(void) {
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t size = draw();
        blocks[i] = malloc(size);
        memset(blocks[i], 1, size);
    }
}

static void
drop(void) {
    for (size_t i = 0; i < BLOCKS; i++) {
        free(blocks[i]);
    }
}

/* Little work, in which decay passes are made. */
static void
rest(void) {
    for (int i = 0; i < 100; i++) {
        for (int j = 0; j < 40; j++) {
            char *volatile block = malloc(draw());
            free(block);
        }
        pause_ms(5);
    }
}

int
main(void) {
    puts("ready");
    fflush(stdout);
    (void)getchar();
    for (int i = 0; i < ROUNDS; i++) {
        fill();
        rest();
        drop();
        rest();
    }
    puts("done");
    return 0;
}
