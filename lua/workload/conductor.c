/*
 * conductor.c -- the thread that leads a run, and the changes that it and users make to a run.
 *
 * The conductor starts the workers, keeps the timeline, applies the phases, stops the workers when the duration is
 * over, and joins them. It sleeps until the next of these is due.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "run.h"

/* How often live_max is checked, and how often scale and rate move along a curve, ns. */
static const uint64_t guard_interval = 20000000;
static const uint64_t curve_interval = 2000000;

static const uint64_t never = UINT64_MAX;

/* ---- changes ---- */

/* A curve's rate of 0 is a pause, while the number 0 means no limit. */
static const double pause_rate = 1e-9;

/* The level's value at `now`. At its last point the curve ends. */
static double
level_at(level_t *level, uint64_t now, double least) {
    const curve_t *curve = &level->curve;
    double value = fmax(least, curve_value(curve, now - level->start));
    if (curve->period == 0 && now - level->start >= curve->points[curve->npoints - 1].at) {
        level->curve.kind = CURVE_NONE;
    }
    return value;
}

/* Begins a curve, or ends it (NULL). */
static void
set_curve(engine_t *engine, level_t *level, const curve_t *curve, _Atomic double *where, double least) {
    pthread_mutex_lock(&engine->mutex);
    level->curve.kind = CURVE_NONE;
    if (curve != NULL) {
        *level = (level_t){.curve = *curve, .start = run_time(engine)};
        atomic_store_explicit(where, level_at(level, level->start, least), memory_order_relaxed);
    }
    pthread_mutex_unlock(&engine->mutex);
}

/* Stores a new scale or rate and marks it; a value below 0 and no curve mean no change. */
static void
change_level(engine_t *engine, const char *name, double value, const curve_t *curve) {
    char mark[TIMELINE_MARK_SIZE];
    bool rate = name[0] == 'r';
    _Atomic double *where = rate ? &engine->shared.rate : &engine->shared.scale;
    if (value < 0 && curve == NULL) {
        return;
    }
    set_curve(engine, rate ? &engine->rate : &engine->scale, curve, where, rate ? pause_rate : 0);
    if (curve == NULL) {
        atomic_store_explicit(where, value, memory_order_relaxed);
        snprintf(mark, sizeof(mark), "%s = %g", name, value);
    } else {
        snprintf(mark, sizeof(mark), "%s = %s", name, curve->text);
    }
    run_add_entry(engine, mark);
}

/* Moves scale and rate along their curves. True if there is one. */
static bool
follow_curves(engine_t *engine) {
    pthread_mutex_lock(&engine->mutex);
    uint64_t now = run_time(engine);
    bool scale = engine->scale.curve.kind != CURVE_NONE, rate = engine->rate.curve.kind != CURVE_NONE;
    if (scale) {
        atomic_store_explicit(&engine->shared.scale, level_at(&engine->scale, now, 0), memory_order_relaxed);
    }
    if (rate) {
        atomic_store_explicit(&engine->shared.rate, level_at(&engine->rate, now, pause_rate), memory_order_relaxed);
    }
    pthread_mutex_unlock(&engine->mutex);
    return scale || rate;
}

/* The entry is added after the write, so that it shows an immediate effect. */
static int
change_setting(engine_t *engine, const plan_setting_t *setting, char *message, size_t message_size) {
    char mark[TIMELINE_MARK_SIZE], text[TIMELINE_MARK_SIZE / 2];
    int error = engine->heap.set == NULL ? ENOENT : 0;
    snprintf(message, message_size, "another allocator is measured");
    if (error == 0) {
        error = engine->heap.set(setting->name, setting->given ? &setting->value : NULL, message, message_size);
    }
    if (error == 0) {
        plan_setting_text(setting, text, sizeof(text));
        snprintf(mark, sizeof(mark), "%s = %s", setting->name, text);
    } else if (strstr(message, setting->name) != NULL) {
        snprintf(mark, sizeof(mark), "failed: %s", message);
    } else {
        snprintf(mark, sizeof(mark), "failed: %s: %s", setting->name, message);
    }
    run_add_entry(engine, mark);
    return error;
}

int
engine_change(engine_t *engine, const plan_phase_t *change, char *message, size_t message_size) {
    char ignored[TIMELINE_MARK_SIZE];
    int first = 0;
    if (run_inherited(engine)) {
        snprintf(message, message_size, "the workload belongs to the parent of this process");
        return ESRCH;
    }
    /* Settings that follow a refused one are still written; the message is that of the first refused. */
    change_level(engine, "scale", change->scale, change->scale_curve);
    change_level(engine, "rate", change->rate, change->rate_curve);
    for (size_t i = 0; i < change->nsettings; i++) {
        int error = first == 0 ? change_setting(engine, &change->settings[i], message, message_size)
                               : change_setting(engine, &change->settings[i], ignored, sizeof(ignored));
        first = first == 0 ? error : first;
    }
    if (change->mark != NULL) {
        run_add_entry(engine, change->mark);
    }
    return first;
}

/* ---- the conductor ---- */

/* Acquire: when it is false, all blocks that workers handed over are visible. */
static bool
producing(const engine_t *engine) {
    return atomic_load_explicit(&engine->shared.producing, memory_order_acquire) != 0;
}

void
run_wake(void *context) {
    engine_t *engine = context;
    pthread_mutex_lock(&engine->mutex);
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->mutex);
}

static struct timespec
timespec_at(uint64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
}

/* Sleeps until `time` (ns from the start), or until the workers are idle. */
static void
sleep_until(engine_t *engine, uint64_t time) {
    struct timespec deadline = timespec_at(engine->t0 + time);
    pthread_mutex_lock(&engine->mutex);
    if (producing(engine)) {
        pthread_cond_timedwait(&engine->changed, &engine->mutex, &deadline);
    }
    pthread_mutex_unlock(&engine->mutex);
}

/* Begins the segment that phase `i` begins, if it is not begun. */
static void
begin_segment(engine_t *engine, size_t i) {
    uint32_t segment = (uint32_t)plan_segment_of(engine->plan, i);
    if (segment != atomic_load_explicit(&engine->shared.segment, memory_order_relaxed)) {
        run_add_entry(engine, NULL);
        run_end_segment(engine);
        atomic_store_explicit(&engine->shared.segment, segment, memory_order_relaxed);
    }
}

/* Applies the phases whose time has passed, in their order. */
static void
apply_due_phases(engine_t *engine, uint64_t now) {
    const plan_t *plan = engine->plan;
    char message[TIMELINE_MARK_SIZE];
    while (engine->next_phase < plan->nphases && plan->phases[engine->next_phase].at <= now) {
        begin_segment(engine, engine->next_phase);
        if (engine_change(engine, &plan->phases[engine->next_phase++], message, sizeof(message)) != 0) {
            pthread_mutex_lock(&engine->mutex);
            engine->failed_sets++;
            pthread_mutex_unlock(&engine->mutex);
        }
    }
}

/* Adds an entry without a mark if the interval is over. */
static void
add_due_entry(engine_t *engine) {
    pthread_mutex_lock(&engine->mutex);
    uint64_t now = run_time(engine);
    if (now >= engine->next_entry) {
        run_add_entry_locked(engine, NULL);
        engine->next_entry = now + engine->timeline.interval;
    }
    pthread_mutex_unlock(&engine->mutex);
}

/* Sets or clears `full`, by which workers free new blocks at once. */
static void
guard_live(engine_t *engine) {
    bool full = run_live_bytes(engine) > engine->plan->live_max;
    atomic_store_explicit(&engine->shared.full, full, memory_order_relaxed);
}

/* Stops the workers when the duration is over. */
static void
check_duration(engine_t *engine, uint64_t now) {
    if (engine->plan->duration != 0 && now >= engine->plan->duration) {
        atomic_store_explicit(&engine->shared.stop, true, memory_order_relaxed);
    }
}

static uint64_t
min(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* The time, in ns from the start, of the first of all that the conductor waits for. */
static uint64_t
next_event(const engine_t *engine) {
    const plan_t *plan = engine->plan;
    uint64_t next = min(run_time(engine) + guard_interval, engine->next_entry);
    next = min(next, plan->duration == 0 ? never : plan->duration);
    return min(next, engine->next_phase == plan->nphases ? never : plan->phases[engine->next_phase].at);
}

/* Sets the state and wakes the threads that wait for it. */
static void
enter_state(engine_t *engine, engine_state_t state) {
    pthread_mutex_lock(&engine->mutex);
    engine->state = state;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->mutex);
}

/* Adds the last entry with live blocks, has them freed, and adds the first entry without. */
static void
release_workers(engine_t *engine) {
    pthread_mutex_lock(&engine->mutex);
    engine->ended_by_plan = !engine->stop_asked;
    run_add_entry_locked(engine, "end of operations");
    pthread_mutex_unlock(&engine->mutex);
    run_end_segment(engine);
    enter_state(engine, ENGINE_FREEING);
    atomic_store_explicit(&engine->shared.release, true, memory_order_release);
    for (uint32_t i = 0; i < engine->plan->threads; i++) {
        pthread_join(engine->threads[i], NULL);
        worker_shrink(engine->shared.workers[i]);
    }
    run_add_entry(engine, "everything freed");
}

void *
run_conduct(void *arg) {
    engine_t *engine = arg;
    change_level(engine, "scale", -1, engine->plan->scale_curve); /* those of the plan itself */
    change_level(engine, "rate", -1, engine->plan->rate_curve);
    atomic_store_explicit(&engine->shared.go, true, memory_order_release);
    while (producing(engine)) {
        uint64_t now = run_time(engine); /* read once, so that no phase before the end is skipped */
        apply_due_phases(engine, now);
        add_due_entry(engine);
        guard_live(engine);
        check_duration(engine, now);
        bool following = follow_curves(engine);
        sleep_until(engine, min(next_event(engine), following ? now + curve_interval : never));
    }
    release_workers(engine);
    enter_state(engine, ENGINE_DONE);
    return NULL;
}
