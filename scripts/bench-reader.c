/* bench-reader.c -- has N extents, says so, and stops. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
main(int argc, char **argv) {
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    void **blocks = malloc(n * sizeof *blocks);
    for (size_t i = 0; i < n; i++) {
        blocks[i] = malloc(40000);
        if (blocks[i] == NULL) {
            return 1;
        }
    }
    for (size_t i = 0; i < n; i += 2) {
        free(blocks[i]);
    }
    puts("ready");
    fflush(stdout);
    raise(SIGSTOP);
    return 0;
}
