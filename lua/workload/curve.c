/*
 * curve.c -- see curve.h.
 */
#include "curve.h"

#include <math.h>
#include <stddef.h>

/* Between point i - 1 and point i, at time t. */
static double
on_line(const curve_t *curve, uint32_t i, uint64_t t) {
    const curve_point_t *from = &curve->points[i - 1], *to = &curve->points[i];
    double part = to->at == from->at ? 1 : (double)(t - from->at) / (double)(to->at - from->at);
    return from->value + (to->value - from->value) * part;
}

double
curve_value(const curve_t *curve, uint64_t t) {
    const double pi = 3.14159265358979323846;
    t = curve->period == 0 ? t : t % curve->period;
    if (curve->kind == CURVE_SINE) {
        double angle = 2 * pi * (double)t / (double)curve->period;
        return fmax(0, curve->points[0].value + curve->points[1].value * sin(angle));
    }
    uint32_t i = 0; /* the first point that is not reached */
    while (i < curve->npoints && curve->points[i].at <= t) {
        i++;
    }
    if (i == 0 || i == curve->npoints || curve->kind == CURVE_STEPS) {
        return curve->points[i == 0 ? 0 : i - 1].value;
    }
    return on_line(curve, i, t);
}
