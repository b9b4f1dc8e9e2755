/* options.c -- the settings, at their defaults until control/ has read the configuration. */
#include "base/options.h"

#define TEXT(x)    TEXT_OF(x)
#define TEXT_OF(x) #x

config_generation_t config_generation;

options_t options = {
    .abort = DEFAULT_ABORT,
    .abort_conf = DEFAULT_ABORT_CONF,
    .confirm_conf = DEFAULT_CONFIRM_CONF,
    .dlopen_deepbind = DEFAULT_DLOPEN_DEEPBIND,
    .tcache = DEFAULT_TCACHE,
    .narenas = DEFAULT_NARENAS,
    .lg_quantum = DEFAULT_LG_QUANTUM,
    .tcache_max = DEFAULT_TCACHE_MAX,
    .tcache_nslots = DEFAULT_TCACHE_NSLOTS,
    .tcache_bytes = DEFAULT_TCACHE_BYTES,
    .retain_grow_limit = DEFAULT_RETAIN_GROW_LIMIT,
    .prefault = DEFAULT_PREFAULT,
    .dirty_decay_ms = DEFAULT_DIRTY_DECAY_MS,
    .muzzy_decay_ms = DEFAULT_MUZZY_DECAY_MS,
    .slab_decay_ms = DEFAULT_SLAB_DECAY_MS,
    .dirty_max = DEFAULT_DIRTY_MAX,
    .background_thread = DEFAULT_BACKGROUND_THREAD,
    .max_background_threads = DEFAULT_MAX_BACKGROUND,
    .prof = DEFAULT_PROF,
    .prof_accum = DEFAULT_PROF_ACCUM,
    .prof_active = DEFAULT_PROF_ACTIVE,
    .prof_final = DEFAULT_PROF_FINAL,
    .prof_gdump = DEFAULT_PROF_GDUMP,
    .prof_leak = DEFAULT_PROF_LEAK,
    .prof_leak_error = DEFAULT_PROF_LEAK_ERROR,
    .prof_thread_active_init = DEFAULT_PROF_THREADS,
    .prof_prefix = TEXT(DEFAULT_PROF_PREFIX),
    .lg_prof_sample = DEFAULT_LG_PROF_SAMPLE,
    .lg_prof_interval = DEFAULT_LG_PROF_INTERVAL,
    .retain = DEFAULT_RETAIN,
    .lg_extent_max_active_fit = DEFAULT_LG_ACTIVE_FIT,
    .oversize_threshold = DEFAULT_OVERSIZE,
    .stats_interval = DEFAULT_STATS_INTERVAL,
};
