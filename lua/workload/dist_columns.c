/*
 * dist_columns.c -- weighted values as alias tables: histograms, Zipf's law, and the cells of a joint distribution.
 *
 * An alias table (A. J. Walker's method) turns n weights into n columns of equal height, each of which at most two
 * values share. A draw chooses a column and one of its two values. It reads one cache line, however many values there
 * are.
 */
#include "dist.h"

#include <errno.h>
#include <math.h>

/* The largest double below 2^64. */
static const double whole_column = 18446744073709549568.0;

/*
 * Each step completes the column of a poor value, whose part above the cut goes to a rich value. A rich value that has
 * become poor by that is treated as such. order[0 .. low) are the poor, order[high .. n) the rich.
 */
static void
fill_columns(dist_column_t *columns, dist_weight_t *weights, uint32_t *order, size_t low, size_t high, size_t n) {
    while (low > 0 && high < n) {
        uint32_t poor = order[--low], rich = order[high];
        columns[poor].cut = (uint64_t)(weights[poor].weight * whole_column);
        columns[poor].other = weights[rich].value;
        weights[rich].weight -= 1 - weights[poor].weight;
        if (weights[rich].weight < 1) {
            high++;
            order[low++] = rich;
        }
    }
}

/* Sets least and most; returns the sum of the weights. */
static double
survey(dist_t *dist, const dist_weight_t *weights, size_t n) {
    double total = 0;
    dist->least = UINT64_MAX;
    dist->most = 0;
    for (size_t i = 0; i < n; i++) {
        dist->least = weights[i].value < dist->least ? weights[i].value : dist->least;
        dist->most = weights[i].value > dist->most ? weights[i].value : dist->most;
        total += weights[i].weight;
    }
    return total;
}

int
dist_columns_build(dist_t *dist, dist_weight_t *weights, size_t n, region_t *region) {
    dist_column_t *columns = region_alloc(region, n * sizeof(*columns));
    uint32_t *order = region_alloc(region, n * sizeof(*order));
    if (columns == NULL || order == NULL) {
        return ENOMEM;
    }
    double total = survey(dist, weights, n);
    size_t low = 0, high = n;
    for (size_t i = 0; i < n; i++) {
        weights[i].weight = weights[i].weight / total * (double)n;
        order[weights[i].weight < 1 ? low++ : --high] = (uint32_t)i;
        columns[i] = (dist_column_t){.cut = UINT64_MAX, .value = weights[i].value, .other = weights[i].value};
    }
    fill_columns(columns, weights, order, low, high, n);
    dist->columns = columns;
    dist->ncolumns = n;
    return 0;
}

/* Rank k has the weight k^-s, and the value k * step. */
int
dist_zipf_compile(dist_t *dist, uint64_t step, region_t *region) {
    size_t n = (size_t)dist->a;
    dist_weight_t *weights = region_alloc(region, n * sizeof(*weights));
    if (weights == NULL) {
        return ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        weights[i] = (dist_weight_t){.value = (i + 1) * step, .weight = pow((double)(i + 1), -dist->b)};
    }
    return dist_columns_build(dist, weights, n, region);
}
