/* reader_state.c -- values of controls in another process: threads of its own, the profiler's switches, the agent. */
#include "attach/reader_value.h"
#include "control/background.h"
#include "control/ctl_args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- threads that have not served the latest request ---- */

typedef struct {
    uint64_t generation; /* the target's, now */
    uint64_t n;
} behind_t;

static void
begin_behind(void *context) {
    ((behind_t *)context)->n = 0;
}

static void
count_behind(reader_t *reader, const thread_t *thread, void *context) {
    behind_t *behind = context;
    (void)reader;
    behind->n += atomic_get(&thread->config_generation) != behind->generation;
}

static int
get_nbehind(reader_t *reader, const get_t *get) {
    static const reader_visit_t visit = {.begin = begin_behind, .thread = count_behind};
    behind_t behind = {0};
    int error = reader_variable(reader, config_generation, &behind.generation);
    error = error == 0 ? reader_threads(reader, &visit, &behind) : error;
    get->value->v.u = behind.n;
    return error;
}

/* ---- the process ---- */

static int
get_workers(reader_t *reader, const get_t *get) {
    stats_background_t stats = {0};
    uint64_t slept = 0, at = foreign_variable(&reader->foreign, background_workers);
    worker_t worker;
    for (uint32_t i = 0; i < BACKGROUND_MAX; i++) {
        if (reader_struct(reader, layout_worker, at + i * foreign_size(&reader->foreign, layout_worker), &worker)) {
            background_add(&stats, &worker);
            slept += atomic_get(&worker.slept);
        }
    }
    background_finish(&stats, slept);
    get->value->v.u = get->row->arg + sizeof(uint64_t) <= sizeof stats
                          ? *(const uint64_t *)(const void *)((const char *)&stats + get->row->arg)
                          : 0;
    return 0;
}

static int
get_background(reader_t *reader, const get_t *get) {
    uint64_t purger;
    size_t most;
    int error = reader_variable(reader, pa_purger, &purger);
    error = error == 0 ? reader_variable(reader, background_most, &most) : error;
    if (get->row->read == CTL_read_background) {
        get->value->v.b = purger != 0;
    } else {
        get->value->v.u = most != 0 ? most : reader->options.max_background_threads;
    }
    return error;
}

/* Switches and rates of the profiler. A byte of another process need not be a bool. */
static int
get_prof(reader_t *reader, const get_t *get) {
    uint8_t active, gdump, unsampled;
    unsigned lg;
    int error = reader_variable(reader, sampling, &active);
    error = error == 0 ? reader_variable(reader, prof_gdump_on, &gdump) : error;
    error = error == 0 ? reader_variable(reader, thread_born_unsampled, &unsampled) : error;
    error = error == 0 ? reader_variable(reader, prof_lg_sample_now, &lg) : error;
    if (error != 0) {
        return error;
    }
    int64_t interval = reader->options.lg_prof_interval;
    switch ((ctl_handler_id_t)get->row->read) {
    case CTL_read_prof_active:
        get->value->v.b = active != 0;
        return 0;
    case CTL_read_prof_gdump:
        get->value->v.b = gdump != 0;
        return 0;
    case CTL_read_prof_thread_active_init:
        get->value->v.b = unsampled == 0;
        return 0;
    case CTL_read_prof_lg_sample:
        get->value->v.u = lg;
        return 0;
    default:
        get->value->v.u = interval < 0 || interval > 63 ? 0 : UINT64_C(1) << interval;
        return 0;
    }
}

/* How the library was built. */
static int
get_config(reader_t *reader, const get_t *get) {
    uint8_t debug = 0;
    int error = reader_variable(reader, layout_debug, &debug);
    get->value->v.b = get->row->arg == CONFIG_YES || (get->row->arg == CONFIG_DEBUG && debug != 0) ||
                      (get->row->arg == CONFIG_TORTURE && reader->torture);
    return error;
}

/* ---- the agent ---- */

static int
get_agent_state(reader_t *reader, const get_t *get, target_t *target) {
    static const char *const states[] = {"off", "starting", "listens", "never", "failed"};
    uint32_t state = atomic_get(&target->agent);
    target->socket[sizeof target->socket - 1] = '\0';
    switch ((ctl_handler_id_t)get->row->read) {
    case CTL_read_agent_state:
        return set_keyword(reader, get, states, 5, state);
    case CTL_read_agent_active:
        get->value->v.b = state == AGENT_STARTING || state == AGENT_LISTENS;
        return 0;
    case CTL_read_agent_path:
        return set_text(reader, get, state == AGENT_LISTENS ? target->socket : "");
    default:
        get->value->v.u = state == AGENT_FAILED ? atomic_get(&target->error) : 0;
        return get->row->arg == AGENT_ERROR ? 0 : not_from_outside(reader, get);
    }
}

static int
get_agent(reader_t *reader, const get_t *get) {
    static const char *const words[] = {"false", "true", "read-only", "never"};
    target_t target;
    switch ((ctl_handler_id_t)get->row->read) {
    case CTL_read_opt_agent:
        return set_keyword(reader, get, words, 4, reader->options.agent);
    case CTL_read_agent_read_only:
        get->value->v.b = reader->options.agent == agent_read_only;
        return 0;
    default:
        break;
    }
    int error = reader_copy(reader, reader->structure, &target, sizeof target);
    return error == 0 ? get_agent_state(reader, get, &target) : error;
}

/* ---- the rest ---- */

/* jemalloc's names without a meaning here read as their default. */
static int
get_unsupported(reader_t *reader, const get_t *get) {
    const char *text = get->row->default_text;
    if (get->row->type == LUNALLOC_STRING) {
        return set_text(reader, get, text);
    }
    if (get->row->type == LUNALLOC_BOOL) {
        get->value->v.b = strcmp(text, "true") == 0;
    } else {
        get->value->v.i = strtoll(text, NULL, 10);
    }
    return 0;
}

/* Variables that are the value. */
static int
get_variable(reader_t *reader, const get_t *get) {
    ctl_handler_id_t handler = (ctl_handler_id_t)get->row->read;
    size_t most;
    uint64_t resizes, epoch;
    int error = reader_variable(reader, highwater_most, &most);
    error = error == 0 ? reader_variable(reader, resize_zero_count, &resizes) : error;
    error = error == 0 ? reader_variable(reader, ctl_epoch_number, &epoch) : error;
    get->value->v.u = handler == CTL_read_highwater ? most : handler == CTL_read_epoch ? epoch : resizes;
    return error;
}

static int
get_tcache_max(reader_t *reader, const get_t *get) {
    get->value->v.u = reader->classes.size[reader_ncached(reader) - 1];
    return 0;
}

int
get_state(reader_t *reader, const get_t *get, bool *known) {
    *known = true;
    switch ((ctl_handler_id_t)get->row->read) {
    case CTL_read_nbehind:
        return get_nbehind(reader, get);
    case CTL_read_tcache_max:
        return get_tcache_max(reader, get);
    case CTL_read_background_stats:
        return get_workers(reader, get);
    case CTL_read_background:
    case CTL_read_max_background:
        return get_background(reader, get);
    case CTL_read_prof_active:
    case CTL_read_prof_gdump:
    case CTL_read_prof_thread_active_init:
    case CTL_read_prof_lg_sample:
    case CTL_read_prof_interval:
        return get_prof(reader, get);
    case CTL_read_highwater:
    case CTL_read_zero_reallocs:
    case CTL_read_epoch:
        return get_variable(reader, get);
    case CTL_read_config:
        return get_config(reader, get);
    case CTL_read_opt_agent:
    case CTL_read_agent_state:
    case CTL_read_agent_active:
    case CTL_read_agent_path:
    case CTL_read_agent_read_only:
    case CTL_read_agent_number:
        return get_agent(reader, get);
    case CTL_read_version:
        return set_text(reader, get, reader->version);
    case CTL_read_unsupported:
    case CTL_read_stats_unsupported:
        return get_unsupported(reader, get);
    case CTL_read_stats_dss:
    case CTL_read_arena_dss:
        return set_text(reader, get, "disabled");
    default:
        *known = false;
        return 0;
    }
}
