/*
 * curve.h -- a rate or a scale that changes over time.
 *
 * Use it for the daily swing of a load, for bursts and for ramps. lua/lunalloc/workload_curve.lua has the forms that
 * users write; all of them become points in time with values, or a sine. The conductor (conductor.c) reads the value
 * every few milliseconds and hands it to the workers.
 */
#ifndef WORKLOAD_CURVE_H
#define WORKLOAD_CURVE_H

#include <stdint.h>

typedef enum {
    CURVE_NONE,
    CURVE_LINES, /* straight lines between points */
    CURVE_STEPS, /* the value of the last point that was reached */
    CURVE_SINE   /* points[0].value + points[1].value * sin(2 pi t / period), but never below 0 */
} curve_kind_t;

enum {
    CURVE_MAX_POINTS = 64,
    CURVE_TEXT_SIZE = 64
};

typedef struct {
    uint64_t at; /* ns from the start of the curve; ascending */
    double value;
} curve_point_t;

typedef struct {
    curve_kind_t kind;
    uint32_t npoints; /* at least 1; of CURVE_SINE 2 */
    uint64_t period;  /* ns after which it begins anew; 0: it ends with its last point, whose value stays */
    curve_point_t points[CURVE_MAX_POINTS];
    char text[CURVE_TEXT_SIZE]; /* as it was written, cut */
} curve_t;

/* The value at time t, ns from the start of the curve. */
double curve_value(const curve_t *curve, uint64_t t);

#endif
