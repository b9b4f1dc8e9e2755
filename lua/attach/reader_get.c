/*
 * reader_get.c -- values of controls in another process.
 *
 * A row of the schema names the handler that reads it in its own process (control/handlers.def). Here is what each of
 * these does with the memory of the target. What only the target's own code can do (create something, look at the
 * calling thread) fails with ENOTSUP.
 */
#include "attach/reader.h"
#include "attach/reader_stats.h"
#include "control/background.h"
#include "control/ctl_args.h"
#include "control/ctl_option.h"
#include "os/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One reading. */
typedef struct {
    const char *name;
    reader_name_t at;
    const ctl_row_t *row;
    lunalloc_value_t *value;
} get_t;

/* ---- failures ---- */

static int
no_such(reader_t *reader, const get_t *get, const char *what, size_t index) {
    return reader_fail(reader, ENOENT, "%s: there is no %s %zu", get->name, what, index);
}

static int
no_such_arena(reader_t *reader, const get_t *get) {
    size_t index = get->at.index[0];
    if (index == CTL_ALL_ARENAS) {
        return reader_fail(reader, ENOENT, "%s: 4096 means all arenas, and this takes one; allowed: 0 to %u", get->name,
                           reader->narenas - 1);
    }
    return reader_fail(reader, ENOENT, "%s: there is no arena %zu%s; allowed: 0 to %u", get->name, index,
                       index < reader->narenas ? " now" : "", reader->narenas - 1);
}

static int
not_from_outside(reader_t *reader, const get_t *get) {
    return reader_fail(reader, ENOTSUP, "%s cannot be read from memory alone; a process with an agent tells it",
                       get->name);
}

/* ---- text and numbers ---- */

static int
set_text(reader_t *reader, const get_t *get, const char *text) {
    size_t n = strlen(text) < sizeof reader->text ? strlen(text) : sizeof reader->text - 1;
    for (size_t i = 0; i < n; i++) {
        reader->text[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
    }
    reader->text[n] = '\0';
    get->value->v.s = reader->text;
    return 0;
}

static int
set_keyword(reader_t *reader, const get_t *get, const char *const *keywords, size_t n, uint64_t number) {
    return number < n ? set_text(reader, get, keywords[number])
                      : reader_fail(reader, EPROTO, "%s is damaged", get->name);
}

static const char *const thp_keywords[] = {
    [pages_thp_default] = "default", [pages_thp_always] = "always", [pages_thp_never] = "never"};
static const char *const zero_realloc_keywords[] = {
    [zero_realloc_free] = "free", [zero_realloc_alloc] = "alloc", [zero_realloc_abort] = "abort"};

static int
get_thp(reader_t *reader, const get_t *get, uint64_t mode) {
    return set_keyword(reader, get, thp_keywords, 3, mode);
}

/* ---- options ---- */

/* What a row reads as: the value now; or the one at the start, if the row is not live and another one has changed it.
 */
static uint64_t
start_or(reader_t *reader, const ctl_row_t *row, uint64_t now) {
    size_t size = foreign_size(&reader->foreign, layout_start);
    ctl_start_t start;
    uint64_t addr = foreign_variable(&reader->foreign, ctl_option_starts) + row->option * size;
    bool kept = row->access[1] != 'w' && reader_struct(reader, layout_start, addr, &start) &&
                atomic_get(&start.state) == start_kept;
    return kept ? atomic_get(&start.value) : now;
}

static int
get_option(reader_t *reader, const get_t *get) {
    uint64_t addr = foreign_variable(&reader->foreign, options) + get->row->arg, number = 0;
    char text[OPTION_TEXT_MAX + 1] = "";
    size_t size = get->row->type == LUNALLOC_STRING     ? OPTION_TEXT_MAX
                  : get->row->type == LUNALLOC_BOOL     ? sizeof(bool)
                  : get->row->type == LUNALLOC_UNSIGNED ? sizeof(uint32_t)
                                                        : sizeof number;
    if (get->row->arg + size > foreign_size(&reader->foreign, layout_options)) {
        return reader_fail(reader, EPROTO, "%s is damaged", get->name);
    }
    if (get->row->type == LUNALLOC_STRING) {
        int error = reader_copy(reader, addr, text, size);
        return error == 0 ? set_text(reader, get, text) : error;
    }
    int error = reader_copy(reader, addr, &number, size);
    if (get->row->type == LUNALLOC_BOOL) {
        get->value->v.b = number != 0;
    } else {
        get->value->v.u = start_or(reader, get->row, number);
    }
    return error;
}

static int
get_modes(reader_t *reader, const get_t *get) {
    static const char *const junk[] = {"false", "alloc", "free", "true"};
    uint64_t modes = start_or(reader, get->row, atomic_get(&reader->options.modes));
    switch ((ctl_handler_id_t)get->row->read) {
    case CTL_read_junk:
        return set_keyword(reader, get, junk, 4, (modes & MODE_JUNK_ALLOC) + (modes & MODE_JUNK_FREE));
    case CTL_read_zero:
        get->value->v.b = (modes & MODE_ZERO) != 0;
        return 0;
    default:
        get->value->v.u = modes & MODES_QUARANTINE;
        return 0;
    }
}

/* ---- one arena ---- */

static int
find_arena(reader_t *reader, const get_t *get, reader_arena_t *arena) {
    size_t index = get->at.index[0];
    if (index >= reader->narenas || reader_arena(reader, (uint32_t)index, arena) == ENOENT) {
        return no_such_arena(reader, get);
    }
    return arena->addr != 0 && atomic_get(&arena->arena.life) != arena_destroyed ? 0 : no_such_arena(reader, get);
}

static int
get_name(reader_t *reader, const get_t *get) {
    uint64_t block = 0, names = foreign_variable(&reader->foreign, ctl_arena_names);
    char text[32] = "";
    if (picture_read(&reader->picture, names + get->at.index[0] * sizeof block, &block, sizeof block) && block != 0 &&
        picture_read(&reader->picture, block, text, sizeof text)) {
        text[sizeof text - 1] = '\0';
    }
    return set_text(reader, get, text);
}

static uint64_t
decay_ms(const get_t *get, page_alloc_t *pa) {
    return (uint64_t)atomic_get(&pa_stage(pa, (extent_state_t)get->row->arg)->decay_ms);
}

/* A setting of an arena, or whether there is one. */
static int
get_arena(reader_t *reader, const get_t *get) {
    reader_arena_t arena;
    page_alloc_t *pa = &arena.arena.pages;
    int error = find_arena(reader, get, &arena);
    if (error != 0) {
        return error;
    }
    uint64_t hooks = (uintptr_t)atomic_get(&pa->hooks), limit = atomic_get(&pa->grow_limit);
    switch ((ctl_handler_id_t)get->row->read) {
    case CTL_read_arena_decay:
        get->value->v.u = decay_ms(get, pa);
        return 0;
    case CTL_read_arena_dirty_max:
        get->value->v.i = atomic_get(&pa->dirty_max);
        return 0;
    case CTL_read_arena_oversize:
        get->value->v.u = atomic_get(&pa->oversize);
        return 0;
    case CTL_read_arena_guard:
        get->value->v.b = atomic_get(&pa->guard);
        return 0;
    case CTL_read_arena_thp:
        return get_thp(reader, get, atomic_get(&pa->thp));
    case CTL_read_arena_grow_limit:
        get->value->v.u = limit != 0 ? limit : atomic_get(&reader->options.retain_grow_limit);
        return 0;
    case CTL_read_extent_hooks:
        hooks = hooks != 0 ? hooks : foreign_variable(&reader->foreign, hooks_system);
        get->value->v.p = (void *)(uintptr_t)hooks;
        return 0;
    default:
        return get_name(reader, get);
    }
}

static int
get_initialized(reader_t *reader, const get_t *get) {
    reader_arena_t arena = {0};
    size_t index = get->at.index[0];
    if (index != CTL_ALL_ARENAS && index >= reader->narenas) {
        return no_such_arena(reader, get);
    }
    get->value->v.b = index == CTL_ALL_ARENAS || (reader_arena(reader, (uint32_t)index, &arena) == 0 &&
                                                  atomic_get(&arena.arena.life) == arena_living);
    return 0;
}

/* ---- numbers of all arenas ---- */

static int
get_bin(reader_t *reader, const get_t *get) {
    size_t i = get->at.index[0];
    uint8_t beyond = 0;
    if (i >= reader->classes.nsmall) {
        return no_such(reader, get, "small class", i);
    }
    size_t size = reader->classes.size[i], slab_size = atomic_get(&reader->classes.slab_size[i]);
    int error = reader_copy(reader, foreign_variable(&reader->foreign, shards_beyond_first) + i, &beyond, 1);
    const uint64_t fields[] = {
        [BIN_NREGS] = slab_size / size, [BIN_NSHARDS] = beyond + 1U, [BIN_SIZE] = size, [BIN_SLAB_SIZE] = slab_size};
    get->value->v.u = get->row->arg <= BIN_SLAB_SIZE ? fields[get->row->arg] : 0;
    return error;
}

static int
get_lextent(reader_t *reader, const get_t *get) {
    size_t i = get->at.index[0];
    if (i >= reader->classes.nsizes - reader->classes.nsmall) {
        return no_such(reader, get, "large class", i);
    }
    get->value->v.u = reader->classes.size[reader->classes.nsmall + i];
    return 0;
}

static int
get_number(reader_t *reader, const get_t *get) {
    const sc_t *classes = &reader->classes;
    uint32_t nauto;
    int error = reader_variable(reader, arenas_nauto_count, &nauto);
    const uint64_t numbers[] = {
        [NUMBER_ARENAS] = reader->narenas,
        [NUMBER_AUTO] = nauto,
        [NUMBER_BINS] = classes->nsmall,
        [NUMBER_CACHED] = reader_ncached(reader),
        [NUMBER_LEXTENTS] = classes->nsizes - classes->nsmall,
        [NUMBER_PAGE] = classes->page,
        [NUMBER_QUANTUM] = UINT64_C(1) << classes->config.lg_quantum,
    };
    if (get->row->arg == NUMBER_HUGEPAGE || get->row->arg > NUMBER_QUANTUM) {
        return not_from_outside(reader, get);
    }
    get->value->v.u = numbers[get->row->arg];
    return error;
}

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

/* Switches and rates of the profiler. */
static int
get_prof(reader_t *reader, const get_t *get) {
    bool active, gdump, unsampled;
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
        get->value->v.b = active;
        return 0;
    case CTL_read_prof_gdump:
        get->value->v.b = gdump;
        return 0;
    case CTL_read_prof_thread_active_init:
        get->value->v.b = !unsampled;
        return 0;
    case CTL_read_prof_lg_sample:
        get->value->v.u = lg;
        return 0;
    default:
        get->value->v.u = interval < 0 || interval > 63 ? 0 : UINT64_C(1) << interval;
        return 0;
    }
}

/* ---- statistics ---- */

/* The word at the row's arg of a record. */
static int
get_word(reader_t *reader, const get_t *get, const void *record, size_t size, size_t offset) {
    if (offset + sizeof(uint64_t) > size) {
        return reader_fail(reader, EPROTO, "%s is damaged", get->name);
    }
    memcpy(&get->value->v.u, (const char *)record + offset, sizeof get->value->v.u);
    return 0;
}

static record_t
record_of(ctl_handler_id_t handler) {
    return handler == CTL_read_bin_stats          ? record_bin
           : handler == CTL_read_large_stats      ? record_large
           : handler == CTL_read_extents_stats    ? record_extents
           : handler == CTL_read_arena_lock_stats ? record_lock
                                                  : record_arena;
}

/* A counter of an arena, or of several. */
static int
get_counter(reader_t *reader, const get_t *get, const stats_snapshot_t *snapshot) {
    ctl_handler_id_t handler = (ctl_handler_id_t)get->row->read;
    record_t record = record_of(handler);
    const stats_detail_t *detail = reader_detail(snapshot, get->at.index[0]);
    size_t row = get->at.index[1], offset = get->row->arg;
    uint32_t n;
    const counter_row_t *last = counters_of(record, &n) + n - 1;
    size_t size = last->offset + sizeof(uint64_t);
    if (detail == NULL) {
        return no_such_arena(reader, get);
    }
    if (record == record_lock) {
        row = get->row->arg >> 8;
        offset = get->row->arg & 0xff;
    } else if (record == record_arena) {
        row = 0;
    }
    if (row >= reader_nrows(reader, record)) {
        return no_such(reader, get, "class", row);
    }
    const void *at = record == record_bin       ? (const void *)&detail->bins[row]
                     : record == record_large   ? (const void *)&detail->large[row]
                     : record == record_extents ? (const void *)&detail->extents[row]
                     : record == record_lock    ? (const void *)&detail->locks[row]
                                                : (const void *)&detail->arena;
    int error = get_word(reader, get, at, size, offset);
    get->value->v.u *= handler == CTL_read_arena_pages ? reader->classes.page : 1;
    return error;
}

static int
get_stats(reader_t *reader, const get_t *get, const stats_snapshot_t *snapshot) {
    switch ((ctl_handler_id_t)get->row->read) {
    case CTL_read_totals:
    case CTL_read_totals_now:
        return get_word(reader, get, &snapshot->process.total, sizeof snapshot->process.total, get->row->arg);
    case CTL_read_cache_stats:
        if (get->at.index[0] >= reader_ncached(reader)) {
            return no_such(reader, get, "cached class", get->at.index[0]);
        }
        return get_word(reader, get, &snapshot->caches[get->at.index[0]], sizeof snapshot->caches[0], get->row->arg);
    default:
        return get_counter(reader, get, snapshot);
    }
}

static int
get_statistics(reader_t *reader, const get_t *get) {
    stats_snapshot_t *snapshot;
    int error = reader_snapshot(reader, get->row->read == CTL_read_extents_stats, &snapshot);
    if (error == 0) {
        error = get_stats(reader, get, snapshot);
        free(snapshot);
    }
    return error;
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

/* Everything but settings. */
static int
get_state(reader_t *reader, const get_t *get) {
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
    case CTL_read_version:
        return set_text(reader, get, reader->version);
    case CTL_read_unsupported:
    case CTL_read_stats_unsupported:
        return get_unsupported(reader, get);
    case CTL_read_stats_dss:
    case CTL_read_arena_dss:
        return set_text(reader, get, "disabled");
    case CTL_read_totals:
    case CTL_read_totals_now:
    case CTL_read_cache_stats:
    case CTL_read_arena_stats:
    case CTL_read_arena_pages:
    case CTL_read_bin_stats:
    case CTL_read_large_stats:
    case CTL_read_extents_stats:
    case CTL_read_arena_lock_stats:
        return get_statistics(reader, get);
    default:
        return not_from_outside(reader, get);
    }
}

static int
get_by_handler(reader_t *reader, const get_t *get) {
    switch ((ctl_handler_id_t)get->row->read) {
    case CTL_read_option:
        return get_option(reader, get);
    case CTL_read_opt_thp:
        return get_thp(reader, get, atomic_get(&reader->options.thp));
    case CTL_read_opt_zero_realloc:
        return set_keyword(reader, get, zero_realloc_keywords, 3, reader->options.zero_realloc);
    case CTL_read_junk:
    case CTL_read_zero:
    case CTL_read_quarantine:
        return get_modes(reader, get);
    case CTL_read_arena_decay:
    case CTL_read_arena_dirty_max:
    case CTL_read_arena_oversize:
    case CTL_read_arena_guard:
    case CTL_read_arena_thp:
    case CTL_read_arena_grow_limit:
    case CTL_read_extent_hooks:
    case CTL_read_arena_name:
        return get_arena(reader, get);
    case CTL_read_arena_initialized:
        return get_initialized(reader, get);
    case CTL_read_bin:
        return get_bin(reader, get);
    case CTL_read_lextent:
        return get_lextent(reader, get);
    case CTL_read_number:
        return get_number(reader, get);
    default:
        return get_state(reader, get);
    }
}

int
reader_get(reader_t *reader, const char *name, lunalloc_value_t *value) {
    get_t get = {.name = name, .value = value};
    int error = reader_resolve(reader, name, false, &get.at);
    if (error != 0) {
        return error;
    }
    get.row = get.at.row;
    *value = (lunalloc_value_t){.type = (lunalloc_type_t)get.row->type};
    if (get.row->read == CTL_none) {
        bool action = get.row->type == LUNALLOC_VOID;
        return reader_fail(reader, EPERM, "%s cannot be read%s", name, action ? ": it is an action" : "");
    }
    return get_by_handler(reader, &get);
}
