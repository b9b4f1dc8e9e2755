/*
 * reader.h -- looks at the allocator of another process, or of a core file, through its memory alone.
 *
 * Nothing runs in the target, and nothing in it is written, so it may be idle, wedged or stopped. While it runs, what
 * is read changes: each function checks that what it read fits together, reads it again if not, a few times, and tells
 * in `consistent` whether it did in the end. Whatever the memory holds, a function neither reads out of bounds nor
 * loops for ever.
 *
 *   foreign.h         structures by the table of layouts
 *   picture.h         copies of memory that is spread out
 *   reader.c          the variables, arenas and threads
 *   reader_extents.c  extents, and what an address belongs to
 *   reader_counts.c   what caches hold, and requests
 *   reader_arena.c    counters of one arena
 *   reader_stats.c    sums of them, and the snapshot
 *   reader_names.c    names of controls: rows, suggestions
 *   reader_get.c      values of controls (reader_value.h)
 *   target_memory.c   the operations of lua/target.h, made of these
 *
 * Functions return 0, or an errno value with one line in reader->message. Not thread-safe.
 */
#ifndef LUNALLOC_LUA_ATTACH_READER_H
#define LUNALLOC_LUA_ATTACH_READER_H

#include "arena/arenas.h"
#include "attach/foreign.h"
#include "attach/picture.h"
#include "control/schema.h"
#include "lunalloc.h"
#include "thread/thread.h"

enum {
    READER_TRIES = 8,        /* readings of something that does not fit together */
    READER_THREADS = 1 << 20 /* most threads that a list is believed to have */
};

/* An arena as it is now. */
typedef struct {
    uint64_t addr; /* 0: there is none */
    arena_t arena;
} reader_arena_t;

/* The extents of one arena. */
typedef struct {
    uint32_t arena; /* index; LUNALLOC_NONE: no walk was made yet */
    lunalloc_extent_t *all;
    size_t n, room;
    size_t gaps; /* granules of regions that no extent covers */
    lunalloc_page_totals_t totals;
    bool consistent;
} reader_walk_t;

typedef struct {
    char *message; /* 512 bytes */
    memory_t *memory;
    uint64_t structure; /* the address of lunalloc_target */
    int pid;            /* as seen from here; 0: a core file, which does not change */
    foreign_t foreign;
    picture_t picture;
    sc_t classes;               /* as of the beginning; sizes of slabs as of the latest reader_refresh() */
    options_t options;          /* as of the latest reader_refresh(); only fields that are listed */
    uint32_t narenas;           /* one more than the highest index */
    uint64_t table[ARENAS_MAX]; /* addresses of arenas */
    bool consistent;            /* the latest result */

    bin_t *bins;        /* of the arena that was read last; classes.nsmall of them */
    unsigned char *raw; /* bytes of an arena with its bins */
    ctl_row_t *rows;    /* the target's */
    lunalloc_row_t *public_rows;
    size_t nrows, nsupported;
    reader_walk_t walk;
    bool torture; /* the target's build has tiny limits */
    char version[32];
    char text[OPTION_TEXT_MAX]; /* of the latest value that is text */
} reader_t;

/* Begins reading the library whose structure was found at `addr`, with a copy of it. The memory stays the caller's.
 * After a failure, there is nothing to close. */
int reader_open(reader_t *reader, memory_t *memory, int pid, uint64_t addr, const target_t *target, char *message);
void reader_close(reader_t *reader);

/* Sets the message and returns the error. */
int reader_fail(reader_t *reader, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Begins an operation: options, sizes of slabs, the table of arenas are read again, and the picture is new. */
int reader_refresh(reader_t *reader);

/* ---- parts ---- */

/* Copies from the target, now. */
int reader_copy(reader_t *reader, uint64_t addr, void *to, size_t size);
#define reader_variable(reader, symbol, to)                                                                            \
    reader_copy((reader), foreign_variable(&(reader)->foreign, symbol), (to), sizeof *(to))

/* A structure, from the picture. False if it is not there. */
bool reader_struct(reader_t *reader, layout_struct_t id, uint64_t addr, void *out);

/* The arena of an index, with its bins in reader->bins; ENOENT if it was never made. */
int reader_arena(reader_t *reader, uint32_t index, reader_arena_t *out);
/* A shard after the first one, k = 1 .. SHARDS_MAX - 1, of a bin that was read; false if it was never made. */
bool reader_shard(reader_t *reader, const bin_t *first, uint32_t k, bin_t *out);

/* Calls visit for each thread, and then for each explicit cache, without a thread. Returns 0 with reader->consistent. A
 * list that does not fit together is read again, so first `begin` is called. */
typedef struct {
    void (*begin)(void *context);
    void (*thread)(reader_t *reader, const thread_t *thread, void *context);
    void (*cache)(reader_t *reader, const cache_t *cache, void *context);
} reader_visit_t;

int reader_threads(reader_t *reader, const reader_visit_t *visit, void *context);

/* The nanoseconds of the target's clock, now; 0 for a core file. */
uint64_t reader_clock(const reader_t *reader);

/* ---- extents ---- */

/* Makes reader->walk the extents of an arena. An arena that was never made has none. */
int reader_walk(reader_t *reader, uint32_t arena);
/* The address of the descriptor that the page map has for an address; 0: none. */
uint64_t reader_descriptor(reader_t *reader, uint64_t addr);
int reader_find(reader_t *reader, uint64_t addr, lunalloc_location_t *out);

/* ---- names and values ---- */

typedef struct {
    const ctl_row_t *row;
    size_t index[CTL_MAX_INDICES];
    unsigned nplaces, nindices; /* indices of the pattern; those that the name gives */
} reader_name_t;

/* Copies the rows; once, before the other functions here. */
int reader_rows(reader_t *reader);
/* The row of a name. ENOENT or EINVAL, with the message that the library has for a reading. `patterns`: open indices
 * are allowed. */
int reader_resolve(reader_t *reader, const char *name, bool patterns, reader_name_t *out);
int reader_limit(reader_t *reader, const char *name, size_t *limit);
bool reader_suggest(reader_t *reader, const char *name, char *near, size_t size);
int reader_source(reader_t *reader, const char *name, const char **source);
int reader_get(reader_t *reader, const char *name, lunalloc_value_t *value);

/* How many classes thread caches hold. */
uint32_t reader_ncached(const reader_t *reader);
/* The class of a request; 0 < size <= SC_LARGE_MAX. */
uint32_t reader_class_of(const reader_t *reader, size_t size);
void reader_sizeclass(const reader_t *reader, uint32_t szind, lunalloc_sizeclass_t *out);

#endif
