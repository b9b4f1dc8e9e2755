/*
 * replay_short.c -- a program of some 20 ms, for replay.sh. It takes memory to its very end, so that most of its peak
 * lies behind the last look of a recorder from outside.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BLOCKS = 768,
    SIZE = 64 << 10
};

int
main(void) {
    for (int i = 0; i < BLOCKS; i++) {
        char *block = malloc(SIZE);
        if (block == NULL) {
            return 1;
        }
        memset(block, i, SIZE);
        __asm__ volatile("" ::"r"(block) : "memory"); /* the memory counts, though nobody reads it */
        if (i == BLOCKS / 4) {
            usleep(8000);
        }
    }
    return 0;
}
