/*
 * idle.c -- allocates a little, says "ready" and waits to be killed: something to attach to.
 *
 *   idle [hidden] [busy]    hidden: the kernel keeps its memory from its own user; busy: it goes on allocating
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void *kept[1000];

/* A few allocations of each of many sizes. */
static void
replace_all(void) {
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        free(kept[i]);
        kept[i] = calloc(1, i * 16 + 1);
    }
}

int
main(int argc, char **argv) {
    int busy = 0;
    for (int i = 1; i < argc; i++) {
        busy |= strcmp(argv[i], "busy") == 0;
        if (strcmp(argv[i], "hidden") == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
            perror("idle: prctl");
            return 1;
        }
    }
    replace_all();
    puts("ready");
    fflush(stdout);
    while (busy) {
        replace_all();
        usleep(1000);
    }
    pause();
    return 0;
}
