/*
 * dist_parse.c -- parses the texts of distributions. See dist.h for the forms.
 */
#include "dist.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_ARGS = 3
};

/* A form of a distribution: a name with min_args to max_args numbers (a histogram has a path instead). */
typedef struct {
    const char *name;
    dist_kind_t kind;
    int min_args, max_args;
    bool size;     /* allowed for sizes */
    bool lifetime; /* allowed for lifetimes */
    const char *usage;
} shape_t;

static const shape_t shapes[] = {
    {"fixed", DIST_FIXED, 1, 1, true, true, "fixed(n)"},
    {"uniform", DIST_UNIFORM, 2, 2, true, true, "uniform(a,b)"},
    {"exp", DIST_EXP, 1, 2, true, true, "exp(mean[,max])"},
    {"normal", DIST_NORMAL, 2, 3, true, true, "normal(mean,deviation[,max])"},
    {"lognormal", DIST_LOGNORMAL, 2, 3, true, true, "lognormal(median,sigma[,max])"},
    {"pareto", DIST_PARETO, 2, 3, true, true, "pareto(least,alpha[,max])"},
    {"zipf", DIST_ZIPF, 2, 3, true, true, "zipf(n,s[,step])"},
    {"histogram", DIST_HISTOGRAM, 1, 1, true, true, "histogram(path)"},
    {"table", DIST_TABLE, 1, 1, true, true, "table(value:weight,...)"},
    {"fifo", DIST_FIFO, 1, 1, false, true, "fifo(n)"},
    {"forever", DIST_FOREVER, 0, 0, false, true, "forever"},
};

enum {
    NSHAPES = sizeof(shapes) / sizeof(shapes[0])
};

/* The text that is parsed, and the buffer for a message. */
typedef struct {
    const char *text;
    dist_use_t use;
    char *message;
    size_t message_size;
} parser_t;

/* ---- messages ---- */

static const char *
use_name(dist_use_t use) {
    return use == DIST_SIZE ? "size" : "lifetime";
}

static bool
shape_allowed(const shape_t *shape, dist_use_t use) {
    return use == DIST_SIZE ? shape->size : shape->lifetime;
}

/* "size "text": why; allowed: ..." */
static int __attribute__((format(printf, 2, 3))) complain(const parser_t *parser, const char *format, ...) {
    char why[448];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    snprintf(parser->message, parser->message_size, "%s \"%.80s\": %s", use_name(parser->use), parser->text, why);
    return EINVAL;
}

/* The message that lists all forms. */
static int
complain_unknown(const parser_t *parser) {
    char allowed[384] = "a number";
    size_t used = strlen(allowed);
    for (size_t i = 0; i < NSHAPES; i++) {
        if (shape_allowed(&shapes[i], parser->use)) {
            used += (size_t)snprintf(allowed + used, sizeof(allowed) - used, ", %s", shapes[i].usage);
        }
    }
    return complain(parser, "no such distribution; allowed: %s", allowed);
}

/* ---- parsing ---- */

/* Moves both ends of [p, *end) past blanks; returns the new start. */
static const char *
trim(const char *p, const char **end) {
    while (p < *end && isspace((unsigned char)*p)) {
        p++;
    }
    while (p < *end && isspace((unsigned char)(*end)[-1])) {
        --*end;
    }
    return p;
}

/* The form of that name, if it is allowed for this use. */
static const shape_t *
find_shape(const char *name, size_t length, dist_use_t use) {
    for (size_t i = 0; i < NSHAPES; i++) {
        if (strlen(shapes[i].name) == length && memcmp(shapes[i].name, name, length) == 0) {
            return shape_allowed(&shapes[i], use) ? &shapes[i] : NULL;
        }
    }
    return NULL;
}

/* The comma-separated numbers in [p, end). */
static int
parse_args(const parser_t *parser, const shape_t *shape, const char *p, const char *end, double *args, int *nargs) {
    *nargs = 0;
    while (p < end) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *arg_end = comma == NULL ? end : comma;
        const char *arg = trim(p, &arg_end);
        if (*nargs == shape->max_args) {
            return complain(parser, "too many arguments; allowed: %s", shape->usage);
        }
        if (!dist_number(dist_units(parser->use), arg, arg_end, &args[*nargs])) {
            return complain(parser, "\"%.*s\" is not a number; allowed: a number%s", (int)(arg_end - arg), arg,
                            units_allowed(dist_units(parser->use)));
        }
        ++*nargs;
        p = comma == NULL ? end : comma + 1;
    }
    return *nargs < shape->min_args ? complain(parser, "too few arguments; allowed: %s", shape->usage) : 0;
}

static int
check_range(const parser_t *parser, double value, const char *what) {
    double least = parser->use == DIST_SIZE ? 1 : 0;
    if (value >= least && value <= (double)dist_limit(parser->use)) {
        return 0;
    }
    return complain(parser, "%s %.17g is out of range; allowed: %s", what, value,
                    parser->use == DIST_SIZE ? "1 to 1T (bytes)" : "0 to 1T (allocations)");
}

/* Sets the bounds of a distribution, after a check of their range and order. */
static int
finish_bounds(const parser_t *parser, dist_t *dist, double least, double most) {
    if (check_range(parser, least, "the value") != 0 || check_range(parser, most, "the value") != 0) {
        return EINVAL;
    }
    if (least > most) {
        return complain(parser, "the first bound is above the second; allowed: uniform(a,b) with a <= b");
    }
    dist->least = (uint64_t)least;
    dist->most = (uint64_t)most;
    return 0;
}

/* Finishes a curve; args[shape->max_args - 1] is the optional bound. */
static int
finish_curve(const parser_t *parser, const shape_t *shape, dist_t *dist, const double *args, int nargs,
             region_t *region) {
    double most = nargs == shape->max_args ? args[nargs - 1] : (double)dist_limit(parser->use);
    if (check_range(parser, most, "max") != 0) {
        return EINVAL;
    }
    bool positive = args[0] > 0 && (shape->min_args < 2 || (args[1] > 0 && args[1] <= 1e12));
    if (!positive || args[0] > (double)dist_limit(parser->use)) {
        return complain(parser, "a parameter is out of range; allowed: %s, each above 0 and at most 1T", shape->usage);
    }
    dist->least = parser->use == DIST_SIZE ? 1 : 0;
    dist->most = (uint64_t)most;
    int error = dist_curve_compile(dist, region);
    if (error == ERANGE) {
        return complain(parser, "almost nothing of the curve is between %u and %llu; allowed: at least a millionth",
                        (unsigned)dist->least, (unsigned long long)dist->most);
    }
    return error == 0 ? 0 : (complain(parser, "no memory for its table"), ENOMEM);
}

/* Finishes zipf(n,s[,step]). */
static int
finish_zipf(const parser_t *parser, dist_t *dist, const double *args, int nargs, region_t *region) {
    double step = nargs == 3 ? args[2] : 1;
    if (!(args[0] >= 1 && args[0] <= DIST_MAX_RANKS && args[1] >= 0 && args[1] <= 100 && step >= 1)) {
        return complain(parser,
                        "a parameter is out of range; allowed: zipf(n,s[,step]), n from 1 to %d, s from 0 to "
                        "100, step at least 1",
                        DIST_MAX_RANKS);
    }
    if (check_range(parser, floor(args[0]) * floor(step), "the largest value") != 0) {
        return EINVAL;
    }
    int error = dist_zipf_compile(dist, (uint64_t)step, region);
    return error == 0 ? 0 : (complain(parser, "no memory for its table"), error);
}

static int
finish(const parser_t *parser, const shape_t *shape, dist_t *dist, const double *args, int nargs, region_t *region) {
    switch (shape->kind) {
    case DIST_FIXED:
    case DIST_FIFO:
        return finish_bounds(parser, dist, args[0], args[0]);
    case DIST_UNIFORM:
        return finish_bounds(parser, dist, args[0], args[1]);
    case DIST_FOREVER:
        return 0;
    case DIST_ZIPF:
        return finish_zipf(parser, dist, args, nargs, region);
    default:
        return finish_curve(parser, shape, dist, args, nargs, region);
    }
}

/* The argument is a path, which may have commas and blanks inside. */
static int
parse_histogram(const parser_t *parser, dist_t *dist, const char *p, const char *end, region_t *region) {
    char path[4096];
    p = trim(p, &end);
    size_t length = (size_t)(end - p);
    if (length == 0 || length >= sizeof(path)) {
        return complain(parser, "a path of 1 to %zu bytes is needed; allowed: histogram(path)", sizeof(path) - 1);
    }
    memcpy(path, p, length);
    path[length] = '\0';
    return dist_histogram_load(dist, path, parser->use, region, parser->message, parser->message_size);
}

/* "value:weight,..." */
static int
parse_table(const parser_t *parser, dist_t *dist, const char *p, const char *end, region_t *region) {
    char why[160];
    int error = dist_table_parse(dist, p, end, parser->use, region, why, sizeof(why));
    return error == 0 ? 0 : (complain(parser, "%s", why), error);
}

/* "name(arguments)", or a name alone. */
static int
parse_call(const parser_t *parser, dist_t *dist, const char *p, const char *end, region_t *region) {
    const char *open = memchr(p, '(', (size_t)(end - p));
    const char *name_end = open == NULL ? end : open;
    const shape_t *shape = find_shape(p, (size_t)(name_end - p), parser->use);
    if (shape == NULL) {
        return complain_unknown(parser);
    }
    if ((open == NULL && shape->min_args > 0) || (open != NULL && end[-1] != ')')) {
        return complain(parser, "parentheses are missing; allowed: %s", shape->usage);
    }
    dist->kind = shape->kind;
    const char *args_start = open == NULL ? end : open + 1;
    const char *args_end = open == NULL ? end : end - 1;
    if (shape->kind == DIST_HISTOGRAM) {
        return parse_histogram(parser, dist, args_start, args_end, region);
    }
    if (shape->kind == DIST_TABLE) {
        return parse_table(parser, dist, args_start, args_end, region);
    }
    double args[MAX_ARGS] = {0};
    int nargs;
    int error = parse_args(parser, shape, args_start, args_end, args, &nargs);
    if (error != 0) {
        return error;
    }
    dist->a = args[0];
    dist->b = args[1];
    return finish(parser, shape, dist, args, nargs, region);
}

int
dist_parse(dist_t *dist, const char *text, dist_use_t use, region_t *region, char *message, size_t message_size) {
    parser_t parser = {.text = text, .use = use, .message = message, .message_size = message_size};
    const char *end = text + strlen(text);
    const char *start = trim(text, &end);
    *dist = (dist_t){.kind = DIST_FIXED};
    if (start == end) {
        return complain_unknown(&parser);
    }
    if (dist_number(dist_units(use), start, end, &dist->a)) {
        return finish_bounds(&parser, dist, dist->a, dist->a);
    }
    return parse_call(&parser, dist, start, end, region);
}
