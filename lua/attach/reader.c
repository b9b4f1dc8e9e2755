/* reader.c -- the variables of the target, its arenas and its threads. */
#include "attach/reader.h"

#include "thread/quarantine.h"
#include "thread/tcaches.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int
reader_fail(reader_t *reader, int error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reader->message, MEMORY_MESSAGE, format, arguments);
    va_end(arguments);
    return error;
}

/* Takes over the message of the memory. */
static int
fail_memory(reader_t *reader, int error) {
    return error == 0 ? 0 : reader_fail(reader, error, "%s", reader->memory->message);
}

int
reader_copy(reader_t *reader, uint64_t addr, void *to, size_t size) {
    return fail_memory(reader, reader->memory->ops->read(reader->memory, addr, to, size));
}

uint64_t
reader_clock(const reader_t *reader) {
    struct timespec now = {0};
    if (reader->pid != 0) {
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* ---- beginning and end ---- */

/* Size classes ascend, and the numbers fit the arrays. */
static bool
are_classes_sound(const sc_t *classes) {
    if (classes->config.lg_page < 12 || classes->config.lg_page > 16 ||
        classes->page != (size_t)1 << classes->config.lg_page || classes->config.lg_ngroup > 4 ||
        classes->config.lg_quantum < 3 || classes->config.lg_quantum > 4 || classes->nsmall == 0 ||
        classes->nsmall > SC_MAX_SMALL || classes->nsizes <= classes->nsmall || classes->nsizes > SC_MAX_SIZES ||
        classes->max_regs == 0 || classes->max_regs > 8192) {
        return false;
    }
    for (uint32_t i = 0; i < classes->nsizes; i++) {
        if (classes->size[i] <= (i == 0 ? 0 : classes->size[i - 1]) || classes->size[i] > SC_LARGE_MAX) {
            return false;
        }
    }
    return true;
}

/* A variable that is a structure of the list. */
static int
copy_struct(reader_t *reader, layout_struct_t id, uint64_t addr, void *out) {
    size_t size = foreign_size(&reader->foreign, id);
    void *bytes = malloc(size);
    if (bytes == NULL) {
        return reader_fail(reader, ENOMEM, "no memory");
    }
    int error = reader_copy(reader, addr, bytes, size);
    if (error == 0) {
        foreign_copy(&reader->foreign, id, bytes, out);
    }
    free(bytes);
    return error;
}

/* Their number is constant; only sizes of slabs change. */
static int
read_classes(reader_t *reader) {
    sc_t classes;
    int error = copy_struct(reader, layout_sc, foreign_variable(&reader->foreign, sc), &classes);
    if (error != 0) {
        return error;
    }
    bool begun = reader->classes.nsizes != 0;
    bool same = classes.nsmall == reader->classes.nsmall && classes.nsizes == reader->classes.nsizes;
    if (!are_classes_sound(&classes) || (begun && !same)) {
        return reader_fail(reader, EPROTO,
                           begun ? "its size classes are damaged"
                                 : "its size classes are damaged, or not computed yet: it has allocated nothing");
    }
    reader->classes = classes;
    return 0;
}

/* Bytes of an arena with its bins. */
static size_t
arena_bytes(const reader_t *reader) {
    return foreign_place(&reader->foreign, layout_at_bins) +
           reader->classes.nsmall * foreign_size(&reader->foreign, layout_bin);
}

static int
allocate(reader_t *reader) {
    reader->bins = aligned_alloc(CACHELINE, SC_MAX_SMALL * sizeof(bin_t));
    reader->raw = malloc(arena_bytes(reader));
    return reader->bins != NULL && reader->raw != NULL ? 0 : reader_fail(reader, ENOMEM, "no memory");
}

int
reader_open(reader_t *reader, memory_t *memory, int pid, uint64_t addr, const target_t *target, char *message) {
    memset(reader, 0, sizeof *reader);
    reader->message = message;
    reader->memory = memory;
    reader->pid = pid;
    reader->structure = addr;
    reader->walk.arena = LUNALLOC_NONE;
    memcpy(reader->version, target->library, sizeof reader->version - 1);
    picture_init(&reader->picture, memory);
    int error = fail_memory(reader, foreign_open(&reader->foreign, memory, target));
    if (error == 0 && target->booted == 0) {
        error = reader_fail(reader, EAGAIN, "its allocator has not started: it has allocated nothing");
    }
    error = error == 0 ? read_classes(reader) : error;
    uint8_t torture = 0;
    error = error == 0 ? allocate(reader) : error;
    error = error == 0 ? reader_variable(reader, config_torture, &torture) : error;
    reader->torture = torture != 0;
    error = error == 0 ? reader_refresh(reader) : error;
    if (error != 0) {
        reader_close(reader);
    }
    return error;
}

void
reader_close(reader_t *reader) {
    foreign_close(&reader->foreign);
    picture_free(&reader->picture);
    free(reader->bins);
    free(reader->raw);
    free(reader->rows);
    free(reader->public_rows);
    free(reader->walk.all);
    reader->bins = NULL;
    reader->raw = NULL;
    reader->rows = NULL;
    reader->public_rows = NULL;
    reader->walk = (reader_walk_t){.arena = LUNALLOC_NONE};
}

/* ---- an operation begins ---- */

static int
read_table(reader_t *reader) {
    uint32_t n;
    int error = reader_variable(reader, arenas_end, &n);
    reader->narenas = n < ARENAS_MAX ? n : ARENAS_MAX;
    return error != 0 ? error
                      : reader_copy(reader, foreign_variable(&reader->foreign, arenas_table), reader->table,
                                    reader->narenas * sizeof reader->table[0]);
}

int
reader_refresh(reader_t *reader) {
    reader->consistent = true;
    reader->picture.error = 0;
    picture_renew(&reader->picture);
    int error = copy_struct(reader, layout_options, foreign_variable(&reader->foreign, options), &reader->options);
    error = error == 0 ? read_classes(reader) : error;
    return error == 0 ? read_table(reader) : error;
}

/* ---- structures ---- */

bool
reader_struct(reader_t *reader, layout_struct_t id, uint64_t addr, void *out) {
    size_t size = foreign_size(&reader->foreign, id);
    const void *bytes = picture_at(&reader->picture, addr, size);
    if (bytes == NULL) {
        void *copy = malloc(size);
        bool found = copy != NULL && picture_read(&reader->picture, addr, copy, size);
        if (found) {
            foreign_copy(&reader->foreign, id, copy, out);
        }
        free(copy);
        return found;
    }
    foreign_copy(&reader->foreign, id, bytes, out);
    return true;
}

/* ---- arenas ---- */

/* Do the counters of pages and regions of slabs fit together? They are read within microseconds, but the target may
 * have changed some meanwhile. */
static bool
is_arena_sound(const reader_t *reader, uint32_t index, const arena_t *arena) {
    const page_alloc_t *pa = &arena->pages;
    size_t free_pages = atomic_get(&pa->dirty.extents.npages) + atomic_get(&pa->muzzy.extents.npages) +
                        atomic_get(&pa->retained.npages);
    if (arena->index != index || free_pages > atomic_get(&pa->mapped) >> reader->classes.config.lg_page) {
        return false;
    }
    for (uint32_t i = 0; i < reader->classes.nsmall; i++) {
        const bin_t *bin = &reader->bins[i];
        if (atomic_get(&bin->regs_returned) > atomic_get(&bin->regs_taken)) {
            return false;
        }
    }
    return true;
}

static int
copy_arena(reader_t *reader, reader_arena_t *out) {
    size_t bins = foreign_place(&reader->foreign, layout_at_bins), size = foreign_size(&reader->foreign, layout_bin);
    int error = reader_copy(reader, out->addr, reader->raw, arena_bytes(reader));
    if (error == 0) {
        foreign_copy(&reader->foreign, layout_arena, reader->raw, &out->arena);
    }
    for (uint32_t i = 0; error == 0 && i < reader->classes.nsmall; i++) {
        foreign_copy(&reader->foreign, layout_bin, reader->raw + bins + i * size, &reader->bins[i]);
    }
    return error;
}

int
reader_arena(reader_t *reader, uint32_t index, reader_arena_t *out) {
    out->addr = index < reader->narenas ? reader->table[index] : 0;
    if (out->addr == 0) {
        return reader_fail(reader, ENOENT, "there is no arena %u", index);
    }
    bool sound = false;
    for (unsigned i = 0; i < READER_TRIES && !sound; i++) {
        int error = copy_arena(reader, out);
        if (error != 0) {
            return error;
        }
        sound = is_arena_sound(reader, index, &out->arena);
    }
    reader->consistent = reader->consistent && sound;
    return 0;
}

bool
reader_shard(reader_t *reader, const bin_t *first, uint32_t k, bin_t *out) {
    uint64_t others = (uintptr_t)atomic_get(&first->others), addr = 0;
    bool made = others != 0 && k > 0 && k < SHARDS_MAX &&
                picture_read(&reader->picture, others + (k - 1) * sizeof addr, &addr, sizeof addr) && addr != 0;
    return made && reader_struct(reader, layout_bin, addr, out);
}

/* ---- threads ---- */

/* The cache at an address, its bins and cold parts included. */
static bool
copy_cache(reader_t *reader, uint64_t addr, cache_t *out) {
    const foreign_t *foreign = &reader->foreign;
    size_t bin = foreign_size(foreign, layout_cache_bin), cold = foreign_size(foreign, layout_cache_cold);
    bool found = reader_struct(reader, layout_cache, addr, out);
    for (uint32_t i = 0; found && !foreign->same && i < CACHE_BINS; i++) {
        found = reader_struct(reader, layout_cache_bin, addr + foreign_place(foreign, layout_at_cache_bins) + i * bin,
                              &out->bins[i]) &&
                reader_struct(reader, layout_cache_cold, addr + foreign_place(foreign, layout_at_cache_cold) + i * cold,
                              &out->cold[i]);
    }
    return found;
}

static bool
copy_thread(reader_t *reader, uint64_t addr, thread_t *out) {
    bool found = reader_struct(reader, layout_thread, addr, out);
    return found && (reader->foreign.same ||
                     copy_cache(reader, addr + foreign_place(&reader->foreign, layout_at_cache), &out->cache));
}

/* Visits the list once. False if its links do not agree: it changed meanwhile, or is damaged. */
static bool
visit_list(reader_t *reader, const reader_visit_t *visit, void *context) NO_THREAD_SAFETY {
    uint64_t head = foreign_variable(&reader->foreign, threads_list), before = head, at;
    size_t link = foreign_place(&reader->foreign, layout_at_thread_link);
    thread_t thread;
    if (!picture_read(&reader->picture, head + offsetof(list_t, next), &at, sizeof at)) {
        return false;
    }
    for (size_t n = 0; at != head; n++) {
        bool sound = n < READER_THREADS && copy_thread(reader, at - link, &thread);
        if (!sound || (uintptr_t)thread.link.prev != before) {
            return false;
        }
        visit->thread(reader, &thread, context);
        before = at;
        at = (uintptr_t)thread.link.next;
    }
    return true;
}

/* Explicit caches. */
static bool
visit_caches(reader_t *reader, const reader_visit_t *visit, void *context) {
    uint64_t table;
    cache_t cache;
    if (visit->cache == NULL || reader_variable(reader, tcaches_table, &table) != 0 || table == 0) {
        return true;
    }
    for (uint32_t i = 0; i < TCACHES_MAX; i++) {
        uint64_t addr;
        if (!picture_read(&reader->picture, table + i * sizeof addr, &addr, sizeof addr)) {
            return false;
        }
        if (addr != 0) {
            if (!copy_cache(reader, addr, &cache)) {
                return false;
            }
            visit->cache(reader, &cache, context);
        }
    }
    return true;
}

int
reader_threads(reader_t *reader, const reader_visit_t *visit, void *context) {
    bool sound = false;
    for (unsigned i = 0; i < READER_TRIES && !sound && reader->picture.error == 0; i++) {
        if (i > 0) {
            picture_renew(&reader->picture);
        }
        visit->begin(context);
        sound = visit_list(reader, visit, context) && visit_caches(reader, visit, context);
    }
    reader->consistent = reader->consistent && sound;
    return fail_memory(reader, reader->picture.error);
}

/* ---- size classes ---- */

uint32_t
reader_class_of(const reader_t *reader, size_t size) {
    uint32_t i = 0;
    while (i + 1 < reader->classes.nsizes && reader->classes.size[i] < size) {
        i++;
    }
    return i;
}

uint32_t
reader_ncached(const reader_t *reader) {
    uint32_t n = reader_class_of(reader, atomic_get(&reader->options.tcache_max)) + 1;
    return n < CACHE_BINS - 1 ? n : CACHE_BINS - 1;
}

/* Most objects of a class in one cache, by the rules of thread/tcache_depth.h. */
static uint32_t
most_slots(const reader_t *reader, uint32_t szind) {
    uint32_t n = 1;
    size_t bytes = atomic_get(&reader->options.tcache_bytes);
    while (!reader->torture && 2 * n <= atomic_get(&reader->options.tcache_nslots) && n < 1U << 12 &&
           (2 * n <= 4 || 2 * n * reader->classes.size[szind] <= bytes)) {
        n *= 2;
    }
    return n;
}

/* size = 2^lg_group + ndelta * 2^lg_delta (base/sc.c). */
static void
decompose(const sc_t *classes, lunalloc_sizeclass_t *out) {
    uint32_t ngroup = 1U << classes->config.lg_ngroup;
    if (out->index < classes->ntiny + ngroup) {
        out->lg_group = out->index < classes->ntiny ? lg_floor(out->size) : classes->config.lg_quantum;
        out->lg_delta = out->lg_group;
    } else {
        out->lg_group = lg_floor(out->size - 1);
        out->lg_delta = out->lg_group - classes->config.lg_ngroup;
    }
    out->ndelta = (uint32_t)((out->size - ((size_t)1 << out->lg_group)) >> out->lg_delta);
}

void
reader_sizeclass(const reader_t *reader, uint32_t szind, lunalloc_sizeclass_t *out) {
    const sc_t *classes = &reader->classes;
    size_t size = classes->size[szind], least = szind == 0 ? 1 : classes->size[szind - 1] + 1;
    *out = (lunalloc_sizeclass_t){
        .index = szind,
        .size = size,
        .cached_max = szind < reader_ncached(reader) ? most_slots(reader, szind) : 0,
        .max_waste = (double)(size - least) / (double)size,
    };
    if (szind < classes->nsmall) {
        out->slab_size = atomic_get(&classes->slab_size[szind]);
        out->nregs = (uint32_t)(out->slab_size / size);
    }
    decompose(classes, out);
}
