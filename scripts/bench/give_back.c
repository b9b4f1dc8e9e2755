/*
 * give_back.c -- fills memory with blocks of 512, 1,024 and 2,048 bytes, frees 95 % of them at random, rests, and
 * prints how much of its peak resident memory is left: "peak after-0-s after-1-s after-4-s after-12-s", in KiB.
 *
 *     give_back [PERCENT]     of the blocks, and of the rest; 100 if it is left out
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    BLOCKS = 300000
};

/* Not on the heap. */
static char *blocks[BLOCKS];

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint32_t
below(uint32_t n) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545f4914f6cdd1du >> 32) * n >> 32);
}

/* Resident KiB, read without an allocation. */
static long
resident(void) {
    char line[128] = "";
    int pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL || setvbuf(file, NULL, _IONBF, 0) != 0 || fgets(line, sizeof line, file) == NULL ||
        sscanf(line, "%*d %d", &pages) != 1) {
        exit(1);
    }
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Of six blocks, three have 512 bytes, two 1,024 and one 2,048. */
static void
fill(uint32_t n) {
    static const size_t sizes[] = {512, 512, 512, 1024, 1024, 2048};
    for (uint32_t i = 0; i < n; i++) {
        size_t size = sizes[below(6)];
        blocks[i] = malloc(size);
        if (blocks[i] == NULL) {
            exit(1);
        }
        memset(blocks[i], 1, size);
    }
}

/* The last blocks of a random order stay. */
static void
thin(uint32_t n) {
    for (uint32_t left = n; left > n / 20; left--) {
        uint32_t i = below(left);
        free(blocks[i]);
        blocks[i] = blocks[left - 1];
    }
}

static void
rest(long ms) {
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

int
main(int argc, char **argv) {
    static const long rests[] = {0, 1, 3, 8};
    long percent = argc > 1 ? strtol(argv[1], NULL, 10) : 100;
    if (percent < 1 || percent > 100) {
        return 2;
    }
    uint32_t n = (uint32_t)(BLOCKS / 100 * percent);
    fill(n);
    printf("%ld", resident());
    thin(n);
    for (size_t i = 0; i < sizeof rests / sizeof rests[0]; i++) {
        rest(rests[i] * 10 * percent);
        printf(" %ld", resident());
    }
    printf("\n");
    return blocks[0] == NULL;
}
