/*
 * dist_curve.c -- the continuous distributions (exponential, normal, log-normal, Pareto) as tables of quantiles.
 *
 * Each curve has a cumulative distribution function F and its inverse, the quantile function Q. Truncation to [least,
 * most] changes the argument: Q(p_least + p * p_span) for p in 0 .. 1. An exponential curve that truncation does not
 * change is a multiple of the one with the mean 1, so all of these share one table: a joint distribution may have
 * thousands of them.
 */
#include "dist.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>

/* If less than this share of the curve is within the bounds, the description is taken for a mistake. */
static const double min_share = 1e-6;

/* The share of the standard normal distribution below z. */
static double
standard_normal_below(double z) {
    return 0.5 * erfc(-z / sqrt(2.0));
}

/* The inverse of that, by bisection. Tables are filled with it, and one draw in 65536 uses it. */
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
    case DIST_PARETO:
        return x <= dist->a ? 0 : -expm1(-dist->b * log(x / dist->a));
    default:
        return x <= 0 ? 0 : standard_normal_below(log(x / dist->a) / dist->b);
    }
}

/* Q of the truncated curve, at `share`, or at 1 - share if `high`. Near the upper end the share above is exact, where
 * the share below would round to 1. */
static double
quantile(const dist_t *dist, double share, bool high) {
    double cut_off = fmax(0, 1 - dist->p_least - dist->p_span); /* above the bound */
    double below = dist->p_least + (high ? 1 - share : share) * dist->p_span;
    double above = high ? cut_off + share * dist->p_span : 1 - below;
    switch (dist->kind) {
    case DIST_EXP:
        return -dist->a * (high ? log(above) : log1p(-below));
    case DIST_NORMAL:
        return dist->a + dist->b * (high ? -standard_normal_quantile(above) : standard_normal_quantile(below));
    case DIST_PARETO:
        return dist->a * pow(above, -1 / dist->b);
    default:
        return dist->a * exp(dist->b * (high ? -standard_normal_quantile(above) : standard_normal_quantile(below)));
    }
}

/* ---- tables ---- */

/* t(i): see dist_curve_t. */
static double
distance_of(int i) {
    return ldexp(1 + (double)(i % DIST_STEPS) / DIST_STEPS, i / DIST_STEPS - DIST_OCTAVES - 1);
}

static void
fill(const dist_t *dist, dist_curve_t *curve) {
    for (int i = 0; i <= DIST_CUTS; i++) {
        curve->low[i] = quantile(dist, distance_of(i), false);
        curve->high[i] = quantile(dist, distance_of(i), true);
    }
}

/* The exponential curve with the mean 1. */
static dist_curve_t unit_exp;

static void
fill_unit_exp(void) {
    dist_t dist = {.kind = DIST_EXP, .a = 1, .p_span = 1};
    fill(&dist, &unit_exp);
}

static int
share_unit_exp(dist_t *dist) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int error = pthread_once(&once, fill_unit_exp);
    dist->curve = &unit_exp;
    dist->factor = dist->a;
    return error;
}

int
dist_curve_compile(dist_t *dist, region_t *region) {
    /* Half a unit on each side, since draws are rounded. */
    dist->p_least = share_below(dist, (double)dist->least - 0.5);
    dist->p_span = share_below(dist, (double)dist->most + 0.5) - dist->p_least;
    if (!(dist->p_span >= min_share)) {
        return ERANGE;
    }
    if (dist->kind == DIST_EXP && dist->p_least == 0 && dist->p_span == 1) {
        return share_unit_exp(dist);
    }
    dist_curve_t *curve = region_alloc(region, sizeof(*curve));
    if (curve == NULL) {
        return ENOMEM;
    }
    fill(dist, curve);
    dist->curve = curve;
    dist->factor = 1;
    return 0;
}

/* ---- drawing ---- */

/* Between table[i] and table[i + 1]. */
static double
interpolate(const double *table, size_t i, double fraction) {
    return table[i] + (table[i + 1] - table[i]) * fraction;
}

double
dist_curve_draw(const dist_t *dist, uint64_t random) {
    /* The highest bit chooses the half. The rest is the distance t = x / 2^65 from its end: its leading zeros choose
     * the octave, its next bits the step, and 32 bits after these interpolate. */
    bool high = random >> 63;
    uint64_t x = random << 1 | 1;
    uint32_t zeros = (uint32_t)__builtin_clzll(x);
    if (zeros >= DIST_OCTAVES) {
        return quantile(dist, ldexp((double)x, -65), high);
    }
    uint64_t mantissa = x << zeros << 1; /* without its leading one */
    size_t i = (DIST_OCTAVES - 1 - zeros) * DIST_STEPS + (size_t)(mantissa >> (64 - DIST_LG_STEPS));
    double fraction = (double)(uint32_t)(mantissa << DIST_LG_STEPS >> 32) / 4294967296.0;
    return dist->factor * interpolate(high ? dist->curve->high : dist->curve->low, i, fraction);
}

/* ---- the mean ---- */

enum {
    POINTS = 8 /* of each interval */
};

/* The mean of rounded values in interval i of a table. */
static double
mean_of_interval(const dist_t *dist, const double *table, size_t i) {
    double sum = 0;
    for (int k = 0; k < POINTS; k++) {
        sum += (double)dist_rounded(dist, dist->factor * interpolate(table, i, (k + 0.5) / POINTS));
    }
    return sum / POINTS;
}

/* The part of the mean that is nearer to an end than the tables are: octave by octave, as far as a random number of 64
 * bits reaches. */
static double
mean_of_end(const dist_t *dist, bool high) {
    double sum = 0;
    for (int octave = -DIST_OCTAVES - 2; octave >= -65; octave--) {
        double width = ldexp(1, octave) / POINTS;
        for (int k = 0; k < POINTS; k++) {
            sum += width * (double)dist_rounded(dist, quantile(dist, ldexp(1, octave) + (k + 0.5) * width, high));
        }
    }
    return sum;
}

double
dist_curve_mean(const dist_t *dist) {
    double sum = mean_of_end(dist, false) + mean_of_end(dist, true);
    for (int i = 0; i < DIST_CUTS; i++) {
        double width = distance_of(i + 1) - distance_of(i);
        sum += width * mean_of_interval(dist, dist->curve->low, (size_t)i);
        sum += width * mean_of_interval(dist, dist->curve->high, (size_t)i);
    }
    return sum;
}
