/* nearest.c -- optimal string alignment distance, and which distance is near. */
#include "base/nearest.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static char
lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
same(char a, char b) {
    return lower(a) == lower(b);
}

static uint32_t
least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* Line i of the usual matrix, from the two lines above it: line[j] is the distance from a's first i bytes to b's first
 * j. */
static void
fill_line(const char *a, uint32_t i, const char *b, uint32_t *line, const uint32_t *above, const uint32_t *above2) {
    line[0] = i;
    for (uint32_t j = 1; b[j - 1] != '\0'; j++) {
        uint32_t replaced = above[j - 1] + !same(a[i - 1], b[j - 1]);
        line[j] = least(replaced, least(above[j], line[j - 1]) + 1);
        if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1])) {
            line[j] = least(line[j], above2[j - 2] + 1);
        }
    }
}

uint32_t
nearest_edits(const char *a, const char *b) {
    uint32_t lines[3][NEAREST_MAX + 1];
    size_t n = strlen(a), m = strlen(b);
    if (n > NEAREST_MAX || m > NEAREST_MAX) {
        return NEAREST_NONE;
    }
    for (uint32_t j = 0; j <= m; j++) {
        lines[0][j] = j;
    }
    for (uint32_t i = 1; i <= n; i++) {
        fill_line(a, i, b, lines[i % 3], lines[(i + 2) % 3], lines[(i + 1) % 3]);
    }
    return lines[n % 3][m];
}

/* Bytes of the leading components, dots included, that both names have in common. */
static size_t
common(const char *a, const char *b) {
    size_t n = 0;
    for (size_t i = 0; a[i] == b[i] && a[i] != '\0'; i++) {
        n = a[i] == '.' ? i + 1 : n;
    }
    return n;
}

/* Each byte by which one is longer costs an edit, so a difference in length alone can rule a name out. */
uint32_t
nearest_distance(const char *name, const char *known) {
    size_t skipped = common(name, known);
    size_t n = strlen(name + skipped), m = strlen(known + skipped);
    size_t allowed = n < 5 ? 1 : (n + 1) / 3;
    if ((n > m ? n - m : m - n) > allowed) {
        return NEAREST_NONE;
    }
    uint32_t edits = nearest_edits(name + skipped, known + skipped);
    return edits <= allowed && (edits < m || edits == 0) ? edits : NEAREST_NONE;
}
