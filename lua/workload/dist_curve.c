/*
 * dist_curve.c -- the continuous distributions (exponential, normal, log-normal) as tables of quantiles.
 *
 * Each curve has a cumulative distribution function F and its inverse, the quantile function Q. Truncation to [least,
 * most] changes the argument: Q(p_least + p * p_span) for p in 0 .. 1.
 */
#include "dist.h"

#include <errno.h>
#include <math.h>

/* If less than this share of the curve is within the bounds, the description is taken for a mistake. */
static const double min_share = 1e-6;

/* The share of the standard normal distribution below z. */
static double
standard_normal_below(double z) {
    return 0.5 * erfc(-z / sqrt(2.0));
}

/* The inverse of that, by bisection. Tables are filled with it, and one draw in 32768 uses it. */
static double
standard_normal_quantile(double p) {
    double low = -40, high = 40;
    for (int i = 0; i < 64; i++) {
        double middle = (low + high) / 2;
        if (standard_normal_below(middle) < p) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* F: the share of the full curve below x. */
static double
share_below(const dist_t *dist, double x) {
    switch (dist->kind) {
    case DIST_EXP:
        return x <= 0 ? 0 : -expm1(-x / dist->a);
    case DIST_NORMAL:
        return standard_normal_below((x - dist->a) / dist->b);
    default:
        return x <= 0 ? 0 : standard_normal_below(log(x / dist->a) / dist->b);
    }
}

/* Q of the truncated curve. */
static double
quantile(const dist_t *dist, double share) {
    double p = dist->p_least + share * dist->p_span;
    switch (dist->kind) {
    case DIST_EXP:
        return -dist->a * log1p(-p);
    case DIST_NORMAL:
        return dist->a + dist->b * standard_normal_quantile(p);
    default:
        return dist->a * exp(dist->b * standard_normal_quantile(p));
    }
}

/* Fills a table with the quantiles of [from, to], evenly spaced. */
static void
fill(const dist_t *dist, double *table, double from, double to) {
    for (int k = 0; k <= DIST_CUTS; k++) {
        table[k] = quantile(dist, from + (to - from) * k / DIST_CUTS);
    }
}

int
dist_curve_compile(dist_t *dist, region_t *region) {
    /* Half a unit on each side, since draws are rounded. */
    dist->p_least = share_below(dist, (double)dist->least - 0.5);
    dist->p_span = share_below(dist, (double)dist->most + 0.5) - dist->p_least;
    if (!(dist->p_span >= min_share)) {
        return ERANGE;
    }
    dist_curve_t *curve = region_alloc(region, sizeof(*curve));
    if (curve == NULL) {
        return ENOMEM;
    }
    fill(dist, curve->bulk, 0, 1);
    fill(dist, curve->low, 0, 1.0 / DIST_CUTS);
    fill(dist, curve->high, 1 - 1.0 / DIST_CUTS, 1);
    dist->curve = curve;
    return 0;
}

/* Between table[i] and table[i + 1]; `fraction` has `bits` bits. */
static double
interpolate(const double *table, uint32_t i, uint32_t fraction, uint32_t bits) {
    return table[i] + (table[i + 1] - table[i]) * ((double)fraction / (double)(1u << bits));
}

double
dist_curve_draw(const dist_t *dist, uint64_t random) {
    /* The upper 32 bits of the random number are p. Its first 8 bits choose an interval; in the first and the last one,
     * the next 8 bits choose one of that tail's. The bits that remain interpolate. */
    uint32_t p = (uint32_t)(random >> 32);
    uint32_t cut = p >> 24;
    if (cut != 0 && cut != DIST_CUTS - 1) {
        return interpolate(dist->curve->bulk, cut, p & 0xffffff, 24);
    }
    uint32_t fine = (p >> 16) & (DIST_CUTS - 1);
    if (fine == cut) { /* the outermost interval of either tail */
        return quantile(dist, ((double)p + 0.5) / 4294967296.0);
    }
    return interpolate(cut == 0 ? dist->curve->low : dist->curve->high, fine, p & 0xffff, 16);
}
