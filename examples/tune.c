/*
 * tune.c -- reads statistics and changes a setting of the allocator by name (mallctl, lunalloc_ctl_set).
 *
 *   cc tune.c -llunalloc -o tune && ./tune
 */
#include <lunalloc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t
read_size(const char *name) {
    size_t value = 0;
    size_t len = sizeof value;
    uint64_t any = 1;
    mallctl("epoch", NULL, NULL, &any, sizeof any); /* statistics are refreshed by a write to epoch */
    int error = mallctl(name, &value, &len, NULL, 0);
    if (error != 0) {
        fprintf(stderr, "%s: %s\n", name, strerror(error));
        exit(1);
    }
    return value;
}

int
main(void) {
    enum {
        BLOCKS = 1000,
        SIZE = 64 * 1024
    };
    static char *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(SIZE);
        memset(blocks[i], 1, SIZE);
    }
    printf("in use:           %zu MiB resident\n", read_size("stats.resident") >> 20);
    for (int i = 0; i < BLOCKS; i++) {
        free(blocks[i]);
    }
    printf("freed:            %zu MiB resident\n", read_size("stats.resident") >> 20);

    char message[256];
    if (lunalloc_ctl_set("arena.4096.dirty_decay_ms", "0", message, sizeof message) != 0) {
        fprintf(stderr, "%s\n", message);
        return 1;
    }
    printf("dirty_decay_ms 0: %zu MiB resident\n", read_size("stats.resident") >> 20);
    return 0;
}
