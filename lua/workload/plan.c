/*
 * plan.c -- checks a plan, and derives its quotas, its expected memory and its hash. See plan.h.
 */
#include "plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

plan_share_t
plan_share(double share) {
    return (plan_share_t)(share * 4294967296.0);
}

bool
plan_reserve(plan_t *plan, size_t nrows, size_t nphases) {
    plan->rows = region_alloc(&plan->region, nrows * sizeof(*plan->rows));
    plan->phases = region_alloc(&plan->region, nphases * sizeof(*plan->phases));
    plan->nrows = nrows;
    plan->nphases = nphases;
    return plan->rows != NULL && plan->phases != NULL;
}

/* True if the thread allocates from some row. */
static bool
plan_produces(const plan_t *plan, uint32_t thread) {
    for (size_t i = 0; i < plan->nrows; i++) {
        if (plan_row_on(&plan->rows[i], thread)) {
            return true;
        }
    }
    return false;
}

/* The number of threads that allocate from some row. */
static uint32_t
count_producers(const plan_t *plan) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan->threads; i++) {
        n += plan_produces(plan, i);
    }
    return n;
}

uint64_t
plan_quota(const plan_t *plan, uint32_t index) {
    if (plan->replayer != NULL) {
        return plan->replayer->calls;
    }
    if (!plan_produces(plan, index)) {
        return 0;
    }
    if (plan->ops == 0) {
        return UINT64_MAX;
    }
    uint32_t before = 0; /* producers with a lower index: the first ones make the remainder */
    for (uint32_t i = 0; i < index; i++) {
        before += plan_produces(plan, i);
    }
    return plan->ops / plan->producers + (before < plan->ops % plan->producers);
}

void
plan_setting_text(const plan_setting_t *setting, char *text, size_t size) {
    if (!setting->given) {
        snprintf(text, size, "()");
    } else if (setting->value.type == LUNALLOC_BOOL) {
        snprintf(text, size, "%s", setting->value.v.b ? "true" : "false");
    } else if (setting->value.type == LUNALLOC_STRING) {
        snprintf(text, size, "%s", setting->value.v.s);
    } else {
        snprintf(text, size, "%lld", (long long)setting->value.v.i);
    }
}

/* ---- segments ---- */

size_t
plan_segment_of(const plan_t *plan, size_t i) {
    size_t segment = 0;
    uint64_t before = 0;
    for (size_t j = 0; j <= i; j++) {
        segment += plan->phases[j].at != before && segment < PLAN_MAX_SEGMENTS - 1;
        before = plan->phases[j].at;
    }
    return segment;
}

size_t
plan_segments(const plan_t *plan) {
    return plan->nphases == 0 ? 1 : plan_segment_of(plan, plan->nphases - 1) + 1;
}

/* ---- expected live bytes ---- */

/* The weight of the rows that `thread` allocates from. */
static double
thread_weight(const plan_t *plan, uint32_t thread) {
    double weight = 0;
    for (size_t i = 0; i < plan->nrows; i++) {
        weight += plan_row_on(&plan->rows[i], thread) ? plan->rows[i].weight : 0;
    }
    return weight;
}

/* The sum over threads of the row's share in the operations that age its blocks. A fifo's blocks age by the row's own
 * operations, of which its share is 1. */
static double
row_share(const plan_t *plan, const plan_row_t *row) {
    double share = 0;
    for (uint32_t thread = 0; thread < plan->threads; thread++) {
        if (plan_row_on(row, thread)) {
            share += row->lifetime.kind == DIST_FIFO ? 1 : row->weight / thread_weight(plan, thread);
        }
    }
    return share;
}

/* Bytes times operations that a block of the row takes up, on average. */
static double
row_product(const plan_row_t *row) {
    if (row->joint != NULL) {
        return joint_mean_product(row->joint);
    }
    return dist_mean(&row->lifetime) * dist_mean(&row->size);
}

/* Bytes that have ended and wait for their burst: on average half of it, in each thread. */
static double
batched_live(const plan_t *plan, const plan_row_t *row) {
    uint32_t threads = 0;
    for (uint32_t thread = 0; thread < plan->threads; thread++) {
        threads += plan_row_on(row, thread);
    }
    double blocks = row->batch > 1 ? (row->batch - 1) / 2.0 : 0;
    return threads * blocks * (row->joint == NULL ? dist_mean(&row->size) : joint_mean_size(row->joint));
}

/* Little's law: live = arrivals per operation x lifetime in operations. */
static double
expected_live(const plan_t *plan) {
    if (plan->replayer != NULL) {
        return (double)plan->replayer->peak;
    }
    double live = 0, scale = plan->scale_curve == NULL ? plan->scale : 1;
    for (size_t i = 0; i < plan->nrows; i++) {
        double share = scale * row_share(plan, &plan->rows[i]);
        live += share == 0 ? 0 : share * row_product(&plan->rows[i]); /* the product may be infinite */
        live += batched_live(plan, &plan->rows[i]);
    }
    return live;
}

/* ---- hash ---- */

/* FNV-1a. */
static uint64_t
hash_bytes(uint64_t hash, const void *data, size_t size) {
    const unsigned char *byte = data;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    }
    return hash;
}

static uint64_t
hash_integer(uint64_t hash, uint64_t value) {
    return hash_bytes(hash, &value, sizeof(value));
}

static uint64_t
hash_double(uint64_t hash, double value) {
    return hash_bytes(hash, &value, sizeof(value));
}

static uint64_t
hash_string(uint64_t hash, const char *text) {
    return text == NULL ? hash_integer(hash, 0) : hash_bytes(hash, text, strlen(text) + 1);
}

/* Hashes the text of the value: 500 and "500" are the same setting. */
static uint64_t
hash_value(uint64_t hash, const plan_setting_t *setting) {
    if (setting->given && setting->value.type == LUNALLOC_STRING) {
        return hash_string(hash, setting->value.v.s);
    }
    char text[32];
    plan_setting_text(setting, text, sizeof(text));
    return hash_string(hash, text);
}

static uint64_t
hash_dist(uint64_t hash, const dist_t *dist) {
    hash = hash_integer(hash, dist->kind);
    hash = hash_double(hash, dist->a);
    hash = hash_double(hash, dist->b);
    hash = hash_integer(hash, dist->least);
    hash = hash_integer(hash, dist->most);
    return hash_bytes(hash, dist->columns, dist->ncolumns * sizeof(*dist->columns));
}

static uint64_t
hash_joint(uint64_t hash, const joint_t *joint) {
    for (size_t i = 0; i < joint->ncells; i++) {
        hash = hash_double(hash, joint->cells[i].weight);
        hash = hash_dist(hash, &joint->cells[i].size);
        hash = hash_dist(hash, &joint->cells[i].lifetime);
    }
    return hash;
}

/* Every field of a row that influences the requests. */
static uint64_t
hash_row(uint64_t hash, const plan_row_t *row) {
    hash = hash_double(hash, row->weight);
    hash = hash_dist(hash, &row->size);
    hash = hash_dist(hash, &row->lifetime);
    hash = row->joint == NULL ? hash : hash_joint(hash, row->joint);
    hash = hash_integer(hash, row->other);
    hash = hash_integer(hash, row->freer);
    hash = hash_double(hash, row->touch);
    hash = hash_integer(hash, row->writes);
    hash = hash_integer(hash, row->resized);
    hash = hash_integer(hash, row->resizes);
    hash = hash_double(hash, row->grow);
    hash = hash_integer(hash, row->zeroed);
    hash = hash_integer(hash, row->align);
    hash = hash_integer(hash, row->sized);
    hash = hash_integer(hash, (uint64_t)row->batch << 8 | row->order);
    return hash_bytes(hash, row->on, sizeof(row->on));
}

static uint64_t
hash_curve(uint64_t hash, const curve_t *curve) {
    if (curve == NULL) {
        return hash;
    }
    hash = hash_integer(hash, curve->kind);
    hash = hash_integer(hash, curve->period);
    for (uint32_t i = 0; i < curve->npoints; i++) {
        hash = hash_integer(hash, curve->points[i].at);
        hash = hash_double(hash, curve->points[i].value);
    }
    return hash;
}

static uint64_t
hash_phase(uint64_t hash, const plan_phase_t *phase) {
    hash = hash_integer(hash, phase->at);
    hash = hash_double(hash, phase->scale);
    hash = hash_double(hash, phase->rate);
    hash = hash_curve(hash, phase->scale_curve);
    hash = hash_curve(hash_integer(hash, 0), phase->rate_curve);
    for (size_t i = 0; i < phase->nsettings; i++) {
        hash = hash_string(hash, phase->settings[i].name);
        hash = hash_value(hash, &phase->settings[i]);
    }
    return hash_string(hash, phase->mark);
}

static uint64_t
hash_trace(uint64_t hash, const replayer_t *replayer, double speed) {
    hash = hash_integer(hash_double(hash, speed), replayer->calls_hash);
    return speed == 0 ? hash : hash_integer(hash, replayer->times_hash);
}

/* Not in the hash: sample, live_max and interval, which do not determine the requests. */
static uint64_t
hash_plan(const plan_t *plan) {
    uint64_t hash = 0xcbf29ce484222325u;
    hash = hash_integer(hash, plan->threads);
    hash = hash_integer(hash, plan->seed);
    hash = hash_integer(hash, plan->duration);
    hash = hash_integer(hash, plan->ops);
    hash = hash_double(hash, plan->scale);
    hash = hash_double(hash, plan->rate);
    hash = hash_curve(hash, plan->scale_curve);
    hash = hash_curve(hash_integer(hash, 0), plan->rate_curve);
    hash = hash_integer(hash, plan->verify);
    for (size_t i = 0; i < plan->nrows; i++) {
        hash = hash_row(hash, &plan->rows[i]);
    }
    for (size_t i = 0; i < plan->nphases; i++) {
        hash = hash_phase(hash, &plan->phases[i]);
    }
    return plan->replayer == NULL ? hash : hash_trace(hash, plan->replayer, plan->trace_speed);
}

/* ---- finish ---- */

/* Insertion sort: stable, so phases at the same time keep their written order. */
static void
sort_phases(plan_t *plan) {
    for (size_t i = 1; i < plan->nphases; i++) {
        plan_phase_t phase = plan->phases[i];
        size_t j = i;
        for (; j > 0 && plan->phases[j - 1].at > phase.at; j--) {
            plan->phases[j] = plan->phases[j - 1];
        }
        plan->phases[j] = phase;
    }
}

/* Checks combinations of fields that a single field cannot show. */
static bool
check_row(const plan_t *plan, size_t i, char *message, size_t message_size) {
    const plan_row_t *row = &plan->rows[i];
    const char *why = NULL;
    if (row->other != 0 && plan->threads < 2) {
        why = "free_by needs another thread: threads must be at least 2";
    } else if (row->freer != PLAN_ANY_OTHER && row->freer >= plan->threads) {
        why = "free_by.thread is above the number of threads";
    } else if (row->resized != 0 && row->lifetime.kind == DIST_FOREVER) {
        why = "realloc needs a lifetime that ends, since resizes are spread over it; lifetime is \"forever\"";
    } else if (row->resized != 0 && row->align != 0) {
        why = "realloc does not keep an alignment: a row has realloc or align, not both";
    } else if (row->zeroed != 0 && row->align != 0) {
        why = "calloc takes no alignment: a row has zero or align, not both";
    }
    if (why != NULL) {
        snprintf(message, message_size, "mix[%zu]: %s", i + 1, why);
    }
    return why == NULL;
}

bool
plan_finish(plan_t *plan, char *message, size_t message_size) {
    for (size_t i = 0; i < plan->nrows; i++) {
        if (!check_row(plan, i, message, message_size)) {
            return false;
        }
    }
    sort_phases(plan);
    plan->producers = plan->replayer == NULL ? count_producers(plan) : plan->replayer->threads;
    if (plan->producers == 0) {
        snprintf(message, message_size,
                 "no thread allocates: every row of mix has an `on` above the number of threads");
        return false;
    }
    plan->expected = expected_live(plan);
    plan->hash = hash_plan(plan);
    return true;
}

void
plan_free(plan_t *plan) {
    replayer_free(plan->replayer);
    plan->replayer = NULL;
    region_free(&plan->region);
}
