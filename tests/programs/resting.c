/* resting.c -- allocates, says "ready", and rests: to be looked at from outside, also where it is linked statically. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *kept[1000];

int
main(void) {
    for (size_t i = 0; i < 1000; i++) {
        kept[i] = strcpy(malloc(16 + i * 10), "kept");
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        pause();
    }
}
