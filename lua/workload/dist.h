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
 *   "histogram(path)"               a file of lines "size count" (# starts a comment)
 *   "fifo(n)"                       lifetimes only: n later allocations *of the same row*, so a queue of n blocks
 *   "forever"                       lifetimes only: until the workload ends
 *
 * Numbers may have units: of sizes K, M, G and T are powers of 1024, of lifetimes k and so on are powers of 1000.
 *
 * The curves are truncated to [least, max]: values beyond are drawn again, they do not gather at the limit. A curve is
 * compiled into a table of quantiles, so that each draw costs a few instructions. A parsed dist_t does not change, and
 * threads may share it.
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
    DIST_FOREVER
} dist_kind_t;

typedef enum {
    DIST_SIZE,
    DIST_LIFETIME
} dist_use_t;

/* The largest size (bytes) and the longest lifetime (allocations). */
#define DIST_MAX_SIZE     ((uint64_t)1 << 40)
#define DIST_MAX_LIFETIME ((uint64_t)1 << 40)

enum {
    DIST_LG_CUTS = 8,
    DIST_CUTS = 1 << DIST_LG_CUTS
};

/*
 * Quantiles: bulk[k] = Q(k / 256). The first and the last of its 256 intervals are too wide to interpolate, so each is
 * divided into 256: low[k] = Q(k / 65536), high[k] = Q((65280 + k) / 65536). Values in the first and the last interval
 * of these are computed exactly.
 */
typedef struct {
    double bulk[DIST_CUTS + 1];
    double low[DIST_CUTS + 1];
    double high[DIST_CUTS + 1];
} dist_curve_t;

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
    dist_curve_t *curve;    /* curves only */
    dist_column_t *columns; /* histograms only */
    size_t ncolumns;
} dist_t;

/*
 * Parses `text`. Its tables are allocated from `region`. 0, or an errno value with one line in `message`: EINVAL (the
 * mistake, and what is allowed), ENOMEM, or the error of opening a histogram's file.
 */
int dist_parse(dist_t *dist, const char *text, dist_use_t use, region_t *region, char *message, size_t message_size);

/* Turns a random number into a value. Not for DIST_FOREVER, which has no values. */
uint64_t dist_draw(const dist_t *dist, uint64_t random);

/* The mean of the values, to about 1%. */
double dist_mean(const dist_t *dist);

/* Reads a number of a distribution: "4096", "-1.5e6", "64K", "1.5MiB". False if the text is none, or not finite. */
static inline bool
dist_number(units_t units, const char *text, const char *end, double *value) {
    return units_parse_real(units, text, (size_t)(end - text), value) && isfinite(*value);
}

/* dist_curve.c: fills in p_least, p_span and curve. ERANGE if nearly all of the curve is beyond the bounds. */
int dist_curve_compile(dist_t *dist, region_t *region);
double dist_curve_draw(const dist_t *dist, uint64_t random);

/* dist_histogram.c: reads the file and builds the columns. As dist_parse(). */
int dist_histogram_load(dist_t *dist, const char *path, region_t *region, char *message, size_t message_size);

#endif
