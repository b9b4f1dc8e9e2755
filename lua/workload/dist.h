/*
 * dist.h -- distributions of sizes and lifetimes, which a short text describes.
 *
 * dist_parse() compiles a text, dist_draw() turns a random number into a value. The texts:
 *
 *   4096  "64K"  "fixed(4096)"      always this value
 *   "uniform(a,b)"                  every whole number from a to b
 *   "exp(mean[,max])"               exponential
 *   "normal(mean,deviation[,max])"
 *   "lognormal(median,sigma[,max])" sigma: the standard deviation of the natural logarithm
 *   "pareto(least,alpha[,max])"     heavy-tailed: the share above x is (least / x)^alpha
 *   "zipf(n,s[,step])"              step, 2 * step, ... n * step; the k-th with a weight of k^-s
 *   "histogram(path)"               a file of lines "value count" (# starts a comment)
 *   "table(value:weight,...)"       the same in the text itself
 *   "fifo(n)"                       lifetimes only: n later allocations *of the same row*, so a queue of n blocks
 *   "forever"                       lifetimes only: until the workload ends
 *
 * Numbers may have units: of sizes K, M, G and T are powers of 1024, of lifetimes k and so on are powers of 1000.
 *
 * The curves are truncated to [least, max]: values beyond are drawn again, they do not gather at the limit. A curve is
 * compiled into a table of quantiles, so that each draw costs a few instructions; weighted values are an alias table
 * (dist_columns.c). A parsed dist_t does not change, and threads may share it.
 *
 * dist_parse.c parses, dist.c draws.
 */
#ifndef WORKLOAD_DIST_H
#define WORKLOAD_DIST_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/units.h"
#include "prng.h"
#include "region.h"

typedef enum {
    DIST_FIXED,
    DIST_UNIFORM,
    DIST_EXP,
    DIST_NORMAL,
    DIST_LOGNORMAL,
    DIST_HISTOGRAM,
    DIST_FIFO, /* drawn as DIST_FIXED; its blocks age by a clock of their own */
    DIST_FOREVER,
    DIST_PARETO,
    DIST_ZIPF,
    DIST_TABLE
} dist_kind_t;

typedef enum {
    DIST_SIZE,
    DIST_LIFETIME
} dist_use_t;

/* The largest size (bytes) and the longest lifetime (allocations). */
#define DIST_MAX_SIZE     ((uint64_t)1 << 40)
#define DIST_MAX_LIFETIME ((uint64_t)1 << 40)

enum {
    DIST_MAX_WEIGHTS = 1 << 20, /* values of a histogram or table */
    DIST_MAX_RANKS = 1 << 16    /* of zipf */
};

enum {
    DIST_OCTAVES = 16,
    DIST_LG_STEPS = 5,
    DIST_STEPS = 1 << DIST_LG_STEPS,
    DIST_CUTS = DIST_OCTAVES * DIST_STEPS
};

/*
 * Quantiles of both halves of a curve, by their distance from the end: low[i] = Q(t(i)), high[i] = Q(1 - t(i)). t has
 * DIST_STEPS values in each octave, from 2^-17 (i = 0) to 1/2 (the last i):
 *
 *   t(octave * STEPS + step) = (1 + step / STEPS) * 2^(octave - OCTAVES - 1)
 *
 * So the interval of an interpolation is never wider than 1/STEPS of its distance from the end, where the curve bends.
 * Draws that are nearer to an end than 2^-17 are computed exactly.
 */
typedef struct {
    double low[DIST_CUTS + 1];
    double high[DIST_CUTS + 1];
} dist_curve_t;

/* A value and its weight, from which alias tables are made. */
typedef struct {
    uint64_t value;
    double weight;
} dist_weight_t;

/* One column of an alias table: below the cut it is `value`, else `other`. */
typedef struct {
    uint64_t cut;
    uint64_t value;
    uint64_t other;
} dist_column_t;

typedef struct {
    dist_kind_t kind;
    double a, b;            /* as in the text: mean, deviation ...; of a fixed one a = least = most */
    uint64_t least, most;   /* bounds of the values */
    double p_least, p_span; /* curves: the truncated curve is the share [p_least, p_least + p_span] of the full one */
    const dist_curve_t *curve; /* curves only */
    double factor;             /* curves: of the table's quantiles */
    dist_column_t *columns;    /* weighted values only */
    size_t ncolumns;
} dist_t;

/*
 * Parses `text`. Its tables are allocated from `region`. 0, or an errno value with one line in `message`: EINVAL (the
 * mistake, and what is allowed), ENOMEM, or the error of a histogram's file (textfile.h).
 */
int dist_parse(dist_t *dist, const char *text, dist_use_t use, region_t *region, char *message, size_t message_size);

/* Turns a random number into a value. Not for DIST_FOREVER, which has no values. */
uint64_t dist_draw(const dist_t *dist, uint64_t random);

/* The mean of the values; infinite for DIST_FOREVER. */
double dist_mean(const dist_t *dist);

/* Reads a number of a distribution: "4096", "-1.5e6", "64K", "1.5MiB". False if the text is none, or not finite. */
static inline bool
dist_number(units_t units, const char *text, const char *end, double *value) {
    return units_parse_real(units, text, (size_t)(end - text), value) && isfinite(*value);
}

static inline units_t
dist_units(dist_use_t use) {
    return use == DIST_SIZE ? UNITS_BYTES : UNITS_COUNT;
}

static inline uint64_t
dist_limit(dist_use_t use) {
    return use == DIST_SIZE ? DIST_MAX_SIZE : DIST_MAX_LIFETIME;
}

/* The value as a whole number within the bounds. */
static inline uint64_t
dist_rounded(const dist_t *dist, double value) {
    if (!(value > (double)dist->least)) {
        return dist->least;
    }
    return value >= (double)dist->most ? dist->most : (uint64_t)(value + 0.5);
}

/* dist_curve.c: fills in p_least, p_span, curve and factor. ERANGE if nearly all of the curve is beyond the bounds. */
int dist_curve_compile(dist_t *dist, region_t *region);
double dist_curve_draw(const dist_t *dist, uint64_t random);
double dist_curve_mean(const dist_t *dist);

/* dist_columns.c: makes the columns of n weights above 0, which it overwrites, and sets least and most. 0 or ENOMEM. */
int dist_columns_build(dist_t *dist, dist_weight_t *weights, size_t n, region_t *region);
int dist_zipf_compile(dist_t *dist, uint64_t step, region_t *region);

/* dist_histogram.c: reads the file, or the text of a table, and builds the columns. As dist_parse(); `why` is only the
 * reason. */
int dist_histogram_load(dist_t *dist, const char *path, dist_use_t use, region_t *region, char *message,
                        size_t message_size);
int dist_table_parse(dist_t *dist, const char *text, const char *end, dist_use_t use, region_t *region, char *why,
                     size_t why_size);

#endif
