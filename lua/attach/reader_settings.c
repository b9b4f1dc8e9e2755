/* reader_settings.c -- values of controls in another process: options, settings of arenas, numbers of all arenas. */
#include "attach/reader_value.h"
#include "base/bits.h"
#include "control/ctl_args.h"
#include "control/ctl_option.h"
#include "os/pages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
get_dump_signal(reader_t *reader, const get_t *get) {
    char text[sizeof reader->options.dump_signal + 1];
    snprintf(text, sizeof text, "%.*s", (int)sizeof reader->options.dump_signal, reader->options.dump_signal);
    return set_text(reader, get, text[0] == '\0' ? "off" : text);
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
    case CTL_read_arena_slab_decay:
        get->value->v.i = atomic_get(&arena.arena.slab_decay.decay_ms);
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

/* The system's, unless the target has none. */
static int
get_hugepage(reader_t *reader, const get_t *get) {
    uint8_t possible;
    int error = reader_variable(reader, pages_can_be_huge, &possible);
    if (error != 0 || possible == 0) {
        get->value->v.u = 0;
        return error;
    }
    FILE *file = reader->pid == 0 ? NULL : fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "re");
    unsigned long long size = 0;
    if (file == NULL) {
        return not_from_outside(reader, get);
    }
    bool found = fscanf(file, "%llu", &size) == 1;
    fclose(file);
    get->value->v.u = found && is_pow2(size) && size > reader->classes.page ? size : 0;
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
        return get_hugepage(reader, get);
    }
    get->value->v.u = numbers[get->row->arg];
    return error;
}

/* ---- which one ---- */

int
get_setting(reader_t *reader, const get_t *get, bool *known) {
    *known = true;
    switch ((ctl_handler_id_t)get->row->read) {
    case CTL_read_option:
        return get_option(reader, get);
    case CTL_read_opt_dump_signal:
        return get_dump_signal(reader, get);
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
    case CTL_read_arena_slab_decay:
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
        *known = false;
        return 0;
    }
}
