/*
 * dist.c -- draws from distributions, and their means. See dist.h.
 */
#include "dist.h"

/* The value of an alias table for a random number: high bits choose the column, low bits the side of its cut. */
static uint64_t
draw_column(const dist_t *dist, uint64_t random) {
    unsigned __int128 scaled = (unsigned __int128)random * dist->ncolumns;
    const dist_column_t *column = &dist->columns[(size_t)(scaled >> 64)];
    return (uint64_t)scaled < column->cut ? column->value : column->other;
}

uint64_t
dist_draw(const dist_t *dist, uint64_t random) {
    switch (dist->kind) {
    case DIST_FIXED:
    case DIST_FIFO:
        return dist->least;
    case DIST_UNIFORM:
        return dist->least + prng_below(random, dist->most - dist->least + 1);
    case DIST_HISTOGRAM:
    case DIST_TABLE:
    case DIST_ZIPF:
        return draw_column(dist, random);
    case DIST_FOREVER:
        return 0;
    default:
        return dist_rounded(dist, dist_curve_draw(dist, random));
    }
}

/* The mean of an alias table: each column has the same weight, and its cut divides that. */
static double
mean_of_columns(const dist_t *dist) {
    double sum = 0;
    for (size_t i = 0; i < dist->ncolumns; i++) {
        double below = (double)dist->columns[i].cut / 18446744073709551616.0;
        sum += below * (double)dist->columns[i].value + (1 - below) * (double)dist->columns[i].other;
    }
    return sum / (double)dist->ncolumns;
}

double
dist_mean(const dist_t *dist) {
    switch (dist->kind) {
    case DIST_FIXED:
    case DIST_FIFO:
        return (double)dist->least;
    case DIST_UNIFORM:
        return ((double)dist->least + (double)dist->most) / 2;
    case DIST_HISTOGRAM:
    case DIST_TABLE:
    case DIST_ZIPF:
        return mean_of_columns(dist);
    case DIST_FOREVER:
        return INFINITY;
    default:
        return dist_curve_mean(dist);
    }
}
