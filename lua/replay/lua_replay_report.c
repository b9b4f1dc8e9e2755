/*
 * lua_replay_report.c -- see lua_replay.h.
 */
#include "lua_replay.h"

#include <string.h>

#include "core.h"

static void
set_unsigned(lua_State *L, const char *name, uint64_t value) {
    core_push_unsigned(L, value);
    core_set_value(L, name);
}

/* The largest size of a class (plan_class). */
static uint64_t
class_size(uint32_t class) {
    uint32_t lg = class / 4 + 2;
    return ((uint64_t)1 << lg) + ((uint64_t)(class % 4 + 1) << (lg - 2));
}

/* counts: { [kind] = { [largest size of the class] = calls } }, without zeros. */
static void
set_counts(lua_State *L, const uint64_t (*count)[PLAN_CLASSES]) {
    lua_createtable(L, 0, CALL_KINDS);
    for (size_t kind = 0; kind < CALL_KINDS; kind++) {
        lua_newtable(L);
        for (uint32_t class = 0; class < PLAN_CLASSES; class ++) {
            if (count[kind][class] != 0) {
                core_push_unsigned(L, count[kind][class]);
                lua_rawseti(L, -2, (lua_Integer)class_size(class));
            }
        }
        core_set_value(L, call_names[kind]);
    }
    core_set_value(L, "counts");
}

/* ---- the recording ---- */

static void
copy_text(char *out, size_t size, const char *text) {
    size_t length = text == NULL ? 0 : strnlen(text, size - 1);
    memcpy(out, text == NULL ? "" : text, length);
    out[length] = '\0';
}

static void
raise_peak(uint64_t *peak, uint64_t value) {
    if (value != TRACE_UNKNOWN && (*peak == TRACE_UNKNOWN || value > *peak)) {
        *peak = value;
    }
}

/* What the allocator has of the process's memory. */
static uint64_t
resident_of(const trace_sample_t *sample) {
    bool known = sample->active != TRACE_UNKNOWN && sample->dirty != TRACE_UNKNOWN && sample->muzzy != TRACE_UNKNOWN;
    return known ? sample->active + sample->dirty + sample->muzzy : TRACE_UNKNOWN;
}

/* Over the time between known samples; below 0: there are not two of them. */
static double
mean_dirty(const trace_info_t *info) {
    double sum = 0, time = 0;
    for (size_t i = 1; i < info->nsamples; i++) {
        const trace_sample_t *a = &info->samples[i - 1], *b = &info->samples[i];
        if (a->dirty != TRACE_UNKNOWN && b->time > a->time) {
            sum += (double)a->dirty * (double)(b->time - a->time);
            time += (double)(b->time - a->time);
        }
    }
    return time > 0 ? sum / time : -1;
}

/* The recorder looks more often than it writes samples. */
static void
raise_to_peaks(recorded_t *recorded) {
    size_t n = recorded->info.nsamples;
    if (n != 0) {
        const trace_sample_t *last = &recorded->info.samples[n - 1];
        raise_peak(&recorded->peak_rss, last->peak_rss);
        raise_peak(&recorded->peak_anonymous, last->peak_anonymous);
    }
}

void
recorded_read(recorded_t *recorded, const trace_file_t *file) {
    memset(recorded, 0, sizeof(*recorded));
    copy_text(recorded->name, sizeof(recorded->name), trace_file_meta(file, "name"));
    copy_text(recorded->version, sizeof(recorded->version), trace_file_meta(file, "version"));
    copy_text(recorded->mode, sizeof(recorded->mode), trace_file_meta(file, "mode"));
    copy_text(recorded->conf, sizeof(recorded->conf), trace_file_meta(file, "conf"));
    recorded->info = *trace_file_info(file);
    recorded->base_rss = recorded->peak_rss = TRACE_UNKNOWN;
    recorded->base_anonymous = recorded->peak_anonymous = TRACE_UNKNOWN;
    recorded->peak_active = recorded->peak_dirty = recorded->peak_muzzy = TRACE_UNKNOWN;
    recorded->base_resident = recorded->peak_resident = TRACE_UNKNOWN;
    for (size_t i = 0; i < recorded->info.nsamples; i++) {
        const trace_sample_t *sample = &recorded->info.samples[i];
        recorded->base_rss = recorded->base_rss == TRACE_UNKNOWN ? sample->rss : recorded->base_rss;
        raise_peak(&recorded->peak_rss, sample->rss);
        recorded->base_anonymous =
            recorded->base_anonymous == TRACE_UNKNOWN ? sample->anonymous : recorded->base_anonymous;
        raise_peak(&recorded->peak_anonymous, sample->anonymous);
        raise_peak(&recorded->peak_active, sample->active);
        raise_peak(&recorded->peak_dirty, sample->dirty);
        raise_peak(&recorded->peak_muzzy, sample->muzzy);
        uint64_t resident = resident_of(sample);
        recorded->base_resident = recorded->base_resident == TRACE_UNKNOWN ? resident : recorded->base_resident;
        raise_peak(&recorded->peak_resident, resident);
    }
    recorded->mean_dirty = mean_dirty(&recorded->info);
    raise_to_peaks(recorded);
}

static void
set_known(lua_State *L, const char *name, uint64_t value) {
    if (value != TRACE_UNKNOWN) {
        set_unsigned(L, name, value);
    }
}

/* The time of the first event. */
static uint64_t
first_event(const trace_info_t *info) {
    uint64_t first = UINT64_MAX;
    for (uint32_t i = 0; i < info->nthreads; i++) {
        bool earlier = info->threads[i].events != 0 && info->threads[i].begin < first;
        first = earlier ? info->threads[i].begin : first;
    }
    return first;
}

/* samples: { t =, active =, dirty =, muzzy =, retained = }, of the allocator's counters where they are known; t:
 * seconds from the first event. The samples belong to an open file. */
void
lua_replay_push_samples(lua_State *L, const trace_info_t *info) {
    uint64_t first = first_event(info);
    lua_Integer n = 0;
    lua_newtable(L);
    for (size_t i = 0; i < info->nsamples; i++) {
        const trace_sample_t *sample = &info->samples[i];
        if (resident_of(sample) != TRACE_UNKNOWN && sample->time >= first) {
            lua_createtable(L, 0, 5);
            lua_pushnumber(L, (double)(sample->time - first) / 1e9);
            core_set_value(L, "t");
            set_known(L, "active", sample->active);
            set_known(L, "dirty", sample->dirty);
            set_known(L, "muzzy", sample->muzzy);
            set_known(L, "retained", sample->retained);
            lua_rawseti(L, -2, ++n);
        }
    }
}

void
lua_replay_push_recorded(lua_State *L, const recorded_t *recorded) {
    const trace_info_t *info = &recorded->info;
    lua_createtable(L, 0, 16);
    core_set_string(L, "name", recorded->name);
    core_set_string(L, "version", recorded->version);
    core_set_string(L, "mode", recorded->mode);
    core_set_string(L, "conf", recorded->conf);
    set_unsigned(L, "events", info->events);
    set_unsigned(L, "lost", info->lost);
    set_unsigned(L, "threads", info->nthreads);
    set_unsigned(L, "damaged", info->damaged);
    core_set_boolean(L, "complete", info->complete);
    lua_pushnumber(L, info->end > info->begin ? (double)(info->end - info->begin) / 1e9 : 0);
    core_set_value(L, "seconds");
    set_known(L, "base_rss", recorded->base_rss);
    set_known(L, "peak_rss", recorded->peak_rss);
    set_known(L, "base_anonymous", recorded->base_anonymous);
    set_known(L, "peak_anonymous", recorded->peak_anonymous);
    set_known(L, "base_resident", recorded->base_resident);
    set_known(L, "peak_resident", recorded->peak_resident);
    if (recorded->mean_dirty >= 0) {
        lua_pushnumber(L, recorded->mean_dirty);
        core_set_value(L, "mean_dirty");
    }
    lua_createtable(L, 0, 3);
    set_known(L, "active", recorded->peak_active);
    set_known(L, "dirty", recorded->peak_dirty);
    set_known(L, "muzzy", recorded->peak_muzzy);
    core_set_value(L, "peak");
}

/* ---- plans and results ---- */

void
lua_replay_push_facts(lua_State *L, const plan_head_t *head) {
    const plan_facts_t *facts = &head->facts;
    lua_createtable(L, 0, 20);
    set_counts(L, facts->count);
    set_unsigned(L, "events", facts->events);
    set_unsigned(L, "calls", facts->calls);
    set_unsigned(L, "remote", facts->remote);
    set_unsigned(L, "waits", facts->waits);
    set_unsigned(L, "peak_live", facts->peak_live);
    set_unsigned(L, "peak_ends", facts->peak_ends);
    set_unsigned(L, "live_at_end", facts->live_at_end);
    set_unsigned(L, "before", facts->before);
    set_unsigned(L, "lost", facts->lost);
    set_unsigned(L, "unmatched", facts->unmatched);
    set_unsigned(L, "reused", facts->reused);
    set_unsigned(L, "failed", facts->failed);
    set_unsigned(L, "backwards", facts->backwards);
    set_unsigned(L, "threads", head->nthreads);
    set_unsigned(L, "most_threads", head->most_threads);
    set_unsigned(L, "windows", head->nwindows);
    set_unsigned(L, "slots", head->nslots);
    set_unsigned(L, "size", head->size);
    lua_pushnumber(L, (double)facts->duration / 1e9);
    core_set_value(L, "seconds");
}

void
lua_replay_push_result(lua_State *L, const replay_result_t *result) {
    lua_report_result(L, &result->run);
    set_counts(L, result->count);
    set_unsigned(L, "remote", result->remote);
    set_unsigned(L, "violations", result->violations);
    set_unsigned(L, "deviations", result->deviations);
    set_unsigned(L, "peak_live", result->peak_live);
    set_unsigned(L, "look_rss", result->look_rss);
    set_unsigned(L, "unlike", result->unlike);
    set_unsigned(L, "corrupt", result->corrupt);
    set_unsigned(L, "threads", result->threads);
    set_unsigned(L, "windows", result->windows);
    set_unsigned(L, "live_at_end", result->live_at_end);
    lua_pushnumber(L, (double)result->waiting / 1e9);
    core_set_value(L, "waiting");
}
