/*
 * moved.c -- large blocks that come, grow and go, so that their memory is moved where the system can: do they hold what
 * was written, is calloc's memory zero, can system calls write to it? Prints how often not.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEBIBYTE ((size_t)1 << 20)

static unsigned wrong;
static int zeros; /* /dev/zero */

static void
expect(const char *block, size_t size, char value) {
    size_t i = 0;
    while (i < size && block[i] == value) {
        i++;
    }
    wrong += i < size;
}

/* A block that is wholly written, first by the system. */
static char *
written(char *block, size_t size, char value) {
    wrong += read(zeros, block, size) != (ssize_t)size;
    memset(block, value, size);
    return block;
}

static void
round_of_blocks(void) {
    char *a = written(malloc(4 * MEBIBYTE), 4 * MEBIBYTE, 1), *wall = written(malloc(MEBIBYTE), MEBIBYTE, 2);
    char *b = written(malloc(3 * MEBIBYTE), 3 * MEBIBYTE, 3);
    free(a);
    char *c = written(malloc(8 * MEBIBYTE), 8 * MEBIBYTE, 4);
    free(b);
    c = realloc(c, 12 * MEBIBYTE);
    expect(c, 8 * MEBIBYTE, 4);
    written(c, 12 * MEBIBYTE, 5);
    char *z = calloc(1, 4 * MEBIBYTE);
    expect(z, 4 * MEBIBYTE, 0);
    written(z, 4 * MEBIBYTE, 6);
    expect(c, 12 * MEBIBYTE, 5);
    expect(wall, MEBIBYTE, 2);
    free(c);
    char *again = calloc(1, 12 * MEBIBYTE);
    expect(again, 12 * MEBIBYTE, 0);
    free(again);
    free(wall);
    free(z);
}

int
main(void) {
    zeros = open("/dev/zero", O_RDONLY);
    for (int i = 0; i < 2; i++) {
        round_of_blocks();
    }
    printf("%u wrong\n", wrong);
    return wrong != 0;
}
