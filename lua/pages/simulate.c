/*
 * simulate.c -- see simulate.h.
 */
#include "simulate.h"

#include <errno.h>

#include "base/bits.h"
#include "base/options.h"
#include "base/sc.h"
#include "extent/decay_pass.h"
#include "extent/dirty_limits.h"
#include "extent/metadata.h"
#include "extent/page_alloc.h"
#include "extent/purge.h"
#include "extent/resize.h"
#include "os/pages.h"
#include "replay/blocks.h"

enum {
    ARENAS = 1 << 13,
    MOST_ENTRIES = 8192 /* of the timeline */
};

#define LARGEST ((uint64_t)1 << 40) /* bytes of an extent */
#define STEP    UINT64_C(50000000)  /* ns: the longest time between two looks at whether a decay pass is due */
#define OFTEN   UINT64_C(1000000)   /* ns: all arenas are not looked at more often, but the one that has an event is */

static simulate_settings_t settings;
static simulate_result_t result;
static page_alloc_t *arenas[ARENAS];
static uint32_t limit;      /* above the largest index of an arena */
static plan_blocks_t known; /* the recorded extents; slot -> extent */
static growing_t live;      /* extent_t *, by slot */
static growing_t entries;   /* simulate_entry_t */
static uint64_t start, now; /* ns */
static uint64_t next_entry; /* ns from the start */
static uint64_t ticked;     /* ns: when all arenas were looked at */
static uint64_t active;     /* bytes */
static bool timed;

/* ---- arenas ---- */

static bool
is_given(int64_t setting) {
    return setting != SIMULATE_AS_RECORDED;
}

static void
apply_settings(page_alloc_t *pa) {
    int64_t dirty = is_given(settings.dirty_decay_ms) ? settings.dirty_decay_ms : DEFAULT_DIRTY_DECAY_MS;
    int64_t muzzy = is_given(settings.muzzy_decay_ms) ? settings.muzzy_decay_ms : DEFAULT_MUZZY_DECAY_MS;
    pa_set_decay_ms(pa, extent_dirty, dirty, now);
    pa_set_decay_ms(pa, extent_muzzy, muzzy, now);
    if (is_given(settings.dirty_max)) {
        atomic_set(&pa->dirty_max, settings.dirty_max);
    } else {
        atomic_set(&pa->dirty_max, DEFAULT_DIRTY_MAX);
    }
}

/* The arena of that index, which is new if it has had no event. NULL without memory. */
static page_alloc_t *
arena_at(uint32_t index) {
    if (arenas[index] == NULL) {
        page_alloc_t *pa = metadata_alloc(sizeof(*pa), 64);
        if (pa == NULL) {
            return NULL;
        }
        pa_init(pa, index);
        arenas[index] = pa;
        limit = index < limit ? limit : index + 1;
        apply_settings(pa);
        result.narenas++;
    }
    return arenas[index];
}

/* ---- the timeline ---- */

static uint64_t
larger(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* What there is now. */
static simulate_entry_t
measure(void) {
    simulate_entry_t entry = {
        .time = now - start, .active = active, .rss = memory_counts.resident, .faults = memory_counts.faults};
    for (uint32_t i = 0; i < limit; i++) {
        if (arenas[i] != NULL) {
            entry.dirty += atomic_get(&arenas[i]->dirty.extents.npages) << sc.config.lg_page;
            entry.muzzy += atomic_get(&arenas[i]->muzzy.extents.npages) << sc.config.lg_page;
            entry.retained += atomic_get(&arenas[i]->retained.npages) << sc.config.lg_page;
        }
    }
    return entry;
}

/* A timeline that is full loses every second entry; those to come are twice as far apart. */
static void
thin_out(void) {
    simulate_entry_t *all = entries.data;
    for (size_t i = 0; i < result.nentries / 2; i++) {
        all[i] = all[2 * i];
    }
    result.nentries /= 2;
    settings.interval *= 2;
}

/* False without memory. */
static bool
add_entry(void) {
    simulate_entry_t entry = measure(), *peak = &result.peak;
    if (result.nentries == MOST_ENTRIES) {
        thin_out();
    }
    if (!growing_reserve(&entries, (result.nentries + 1) * sizeof(entry))) {
        return false;
    }
    ((simulate_entry_t *)entries.data)[result.nentries++] = entry;
    peak->dirty = larger(entry.dirty, peak->dirty);
    peak->muzzy = larger(entry.muzzy, peak->muzzy);
    peak->retained = larger(entry.retained, peak->retained);
    return true;
}

/* ---- time ---- */

static void
set_time(uint64_t time) {
    now = time;
    memory_set_clock(time);
}

static void
tick(void) {
    if (now - ticked < OFTEN) {
        return;
    }
    ticked = now;
    for (uint32_t i = 0; i < limit; i++) {
        if (arenas[i] != NULL) {
            pa_tick(arenas[i], now);
        }
    }
}

/* Lets time pass, with decay and entries on the way. A pause of hours has no more than ten thousand steps. */
static bool
advance(uint64_t time) {
    uint64_t step = (time - now) / 10000 > STEP ? (time - now) / 10000 : STEP;
    while (now < time) {
        uint64_t due = start + next_entry < now + step ? start + next_entry : now + step;
        set_time(due < time ? (due > now ? due : now + 1) : time);
        tick();
        if (now - start >= next_entry) {
            if (!add_entry()) {
                return false;
            }
            next_entry = now - start + settings.interval;
        }
    }
    return true;
}

/* ---- extents ---- */

static extent_t **
extent_of(uint32_t slot) {
    return (extent_t **)live.data + slot;
}

static bool
is_sound(uint64_t size) {
    bool sound = size != 0 && size <= LARGEST;
    result.left_out += !sound;
    return sound;
}

static size_t
whole_pages(uint64_t size) {
    return align_up(size, sc.page);
}

static void
add_active(uint64_t bytes) {
    active += bytes;
    result.peak.active = larger(active, result.peak.active);
    result.peak.rss = larger(memory_counts.resident, result.peak.rss);
}

/* The recorded extent ends, in its own arena: 0, or ENOMEM. */
static int
free_slot(uint32_t slot) {
    page_alloc_t *pa = arenas[blocks_at(&known, slot)->thread];
    extent_t *e = *extent_of(slot);
    active -= e->size;
    pa_dalloc(pa, e);
    pa_dirtied(pa);
    int error = blocks_remove(&known, slot) ? 0 : ENOMEM;
    blocks_end_window(&known);
    return error;
}

/* The recorded extent is the simulated one. */
static int
keep(const page_alloc_t *pa, const record_event_t *event, extent_t *e) {
    plan_block_t block = {.addr = event->addr, .size = event->size, .thread = pa->arena};
    uint32_t slot = blocks_add(&known, &block);
    if (slot == PLAN_NONE || !growing_reserve(&live, (slot + (size_t)1) * sizeof(extent_t *))) {
        return ENOMEM;
    }
    *extent_of(slot) = e;
    add_active(e->size);
    return 0;
}

static int
play_free(const record_event_t *event) {
    uint32_t slot = blocks_find(&known, event->addr);
    if (slot == PLAN_NONE) {
        result.unmatched++;
        return 0;
    }
    result.frees++;
    return free_slot(slot);
}

static extent_t *
allocate(page_alloc_t *pa, const record_event_t *event, bool slab) {
    size_t size = whole_pages(event->size);
    uint32_t lg = event->lg_align < 40 ? event->lg_align : 40;
    size_t align = (size_t)1 << lg;
    pa_request_t request = {
        .size = size, .alignment = align > sc.page ? align : sc.page, .szind = sc_index(size), .slab = slab};
    extent_t *e = slab ? NULL : pa_reuse(pa, &request);
    e = e != NULL ? e : pa_alloc(pa, &request);
    if (e != NULL) {
        memory_touch(e->addr, e->size);
    }
    return e;
}

/* A new extent; that of the slot, if there is one, ends before. */
static int
replace(page_alloc_t *pa, const record_event_t *event, uint32_t slot) {
    int error = slot == PLAN_NONE ? 0 : free_slot(slot);
    extent_t *e = error == 0 ? allocate(pa, event, event->touched == 0) : NULL;
    if (e == NULL) {
        result.refused += error == 0;
        return error;
    }
    return keep(pa, event, e);
}

static int
play_alloc(page_alloc_t *pa, const record_event_t *event) {
    if (!is_sound(event->size)) {
        return 0;
    }
    uint32_t slot = blocks_find(&known, event->addr);
    result.reused += slot != PLAN_NONE;
    result.allocs++;
    return replace(pa, event, slot);
}

/* Another size for the extent: in place, else at another address. */
static int
resize(page_alloc_t *pa, const record_event_t *event, uint32_t slot) {
    extent_t *e = *extent_of(slot);
    size_t size = whole_pages(event->size), old = e->size;
    uint32_t szind = sc_index(size);
    bool done = size < old ? pa_shrink(pa, e, size, szind) : size == old || pa_expand(pa, e, size, szind);
    if (!done) {
        result.moved_grows++;
        return replace(pa, event, slot);
    }
    if (size > old) {
        memory_touch(e->addr + old, size - old);
        add_active(size - old);
    } else {
        active -= old - size;
        pa_dirtied(pa);
    }
    return 0;
}

static int
play_grow(page_alloc_t *pa, const record_event_t *event) {
    uint32_t slot = blocks_find(&known, event->addr);
    if (!is_sound(event->size)) {
        return 0;
    }
    if (slot == PLAN_NONE) {
        result.unmatched++;
        return 0;
    }
    result.grows++;
    return resize(pa, event, slot);
}

/* A decay time that was set while the program ran, unless another one is to be tried. */
static void
play_setting(page_alloc_t *pa, const record_event_t *event, extent_state_t state, int64_t given) {
    uint64_t most = (uint64_t)DECAY_MS_MAX + 1;
    if (!is_given(given)) {
        pa_set_decay_ms(pa, state, (int64_t)(event->size < most ? event->size : most) - 1, now);
    }
}

/* ---- events ---- */

static int
play(page_alloc_t *pa, const record_event_t *event) {
    switch (event->kind) {
    case RECORD_LIVE: /* it lived before the recording began */
    case RECORD_PAGE_ALLOC:
        return play_alloc(pa, event);
    case RECORD_PAGE_FREE:
        return play_free(event);
    case RECORD_PAGE_GROW:
        return play_grow(pa, event);
    case RECORD_PAGE_PURGE:
        result.user_purges++;
        pa_purge_all(pa);
        return 0;
    case RECORD_DIRTY_MS:
        play_setting(pa, event, extent_dirty, settings.dirty_decay_ms);
        return 0;
    default:
        play_setting(pa, event, extent_muzzy, settings.muzzy_decay_ms);
        return 0;
    }
}

/* An extent that changes belongs to the arena that has it, whatever the event says. */
static page_alloc_t *
arena_of(const record_event_t *event) {
    uint32_t slot = event->kind == RECORD_PAGE_GROW ? blocks_find(&known, event->addr) : PLAN_NONE;
    return arena_at(slot != PLAN_NONE ? blocks_at(&known, slot)->thread : event->arena);
}

int
simulate_event(const record_event_t *event) {
    bool pages = event->kind >= RECORD_PAGE_ALLOC && event->kind <= RECORD_MUZZY_MS;
    if (!pages && event->kind != RECORD_LIVE) {
        result.left_out += event->kind < RECORD_THREAD || event->kind >= RECORD_KINDS;
        return 0;
    }
    if (!timed) {
        timed = true;
        start = event->time;
        set_time(start);
    }
    page_alloc_t *pa = advance(event->time > now ? event->time : now) ? arena_of(event) : NULL;
    if (pa == NULL) {
        return ENOMEM;
    }
    result.events++;
    pa_tick(pa, now);
    return play(pa, event);
}

/* ---- the whole ---- */

int
simulate_begin(const simulate_settings_t *given) {
    settings = *given;
    settings.interval = settings.interval == 0 ? 1 : settings.interval;
    result = (simulate_result_t){0};
    if (!memory_begin()) {
        return ENOMEM;
    }
    sc_boot((sc_config_t){.lg_page = 12, .lg_quantum = DEFAULT_LG_QUANTUM, .lg_ngroup = 2});
    options.retain = settings.retain != 0; /* as recorded: the default, true */
    if (is_given(settings.retain_grow_limit)) {
        atomic_set(&options.retain_grow_limit, (size_t)settings.retain_grow_limit);
    }
    if (is_given(settings.lg_extent_max_active_fit)) {
        options.lg_extent_max_active_fit = (size_t)settings.lg_extent_max_active_fit;
    }
    return 0;
}

void
simulate_end(simulate_result_t *out) {
    (void)add_entry();
    result.duration = now - start;
    result.entries = entries.data;
    result.memory = memory_counts;
    *out = result;
}
