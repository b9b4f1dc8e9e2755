/*
 * lunalloc.h -- the whole public C interface of lunalloc, and nothing else.
 *
 * Three groups:
 *   1. allocation: the standard names (malloc, free, ...) are replaced by linking or preloading; the lunalloc_ names
 *   below
 *      reach the same allocator where the standard names belong to somebody else (a dlopen'ed liblunalloc.so);
 *   2. controls: everything that can be read, set or done has a name; `mallctl` is jemalloc's calling convention, the
 *      lunalloc_ctl_ functions are the same table with self-description and text values;
 *   3. introspection: consistent copies of the allocator's structures, for tools.
 *
 * Every function is thread-safe unless it says otherwise. "int" results are 0 or an errno value; errno itself is not
 * touched except by the allocation functions, which follow ISO C and POSIX.
 */
#ifndef LUNALLOC_H
#define LUNALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LUNALLOC_VERSION "0.1.0"
#define LUNALLOC_API     __attribute__((visibility("default")))

/* ---- 1. allocation ---------------------------------------------------------------------------------------------- */

LUNALLOC_API void *lunalloc_malloc(size_t size);
LUNALLOC_API void *lunalloc_calloc(size_t count, size_t size);
LUNALLOC_API void *lunalloc_realloc(void *ptr, size_t size);
LUNALLOC_API void lunalloc_free(void *ptr);
LUNALLOC_API int lunalloc_posix_memalign(void **out, size_t alignment, size_t size);
LUNALLOC_API void *lunalloc_aligned_alloc(size_t alignment, size_t size);
LUNALLOC_API size_t lunalloc_usable_size(const void *ptr);
/* C23. `size` (and `alignment`) must be what was asked for at allocation; ptr may be NULL. */
LUNALLOC_API void lunalloc_free_sized(void *ptr, size_t size);
LUNALLOC_API void lunalloc_free_aligned_sized(void *ptr, size_t alignment, size_t size);

/* The standard names that a libc header may not declare. */
LUNALLOC_API void free_sized(void *ptr, size_t size);
LUNALLOC_API void free_aligned_sized(void *ptr, size_t alignment, size_t size);

/*
 * jemalloc's extended interface; each function has jemalloc's own name, too. `flags` is 0, or these joined by "|":
 *
 *   MALLOCX_LG_ALIGN(la), MALLOCX_ALIGN(a)  the address is a multiple of 2^la, or of a, a power of two
 *   MALLOCX_ZERO          all that is new reads as zeros, up to the usable size
 *   MALLOCX_TCACHE(id)    with the explicit cache of that number ("tcache.create") instead of the thread's own
 *   MALLOCX_TCACHE_NONE   without a cache
 *   MALLOCX_ARENA(i)      from that arena; without a cache, unless MALLOCX_TCACHE(id) names one, which then gives what
 *                         it holds first. Inside of an extent hook, from one without hooks
 *
 * A number that no arena or cache has is an allocation that fails (NULL), and a free without a cache.
 */
#define MALLOCX_LG_ALIGN(la) ((int)(la))
#define MALLOCX_ALIGN(a)     ((int)__builtin_ctzll((unsigned long long)(a)))
#define MALLOCX_ZERO         ((int)0x40)
#define MALLOCX_TCACHE(id)   ((int)(((id) + 2) << 8))
#define MALLOCX_TCACHE_NONE  MALLOCX_TCACHE(-1)
#define MALLOCX_ARENA(i)     ((int)(((unsigned)(i) + 1) << 20))

LUNALLOC_API void *lunalloc_mallocx(size_t size, int flags);
/* Resizes, in place or by moving. NULL if that cannot be done: then the block is as it was. A size of 0 counts as 1. */
LUNALLOC_API void *lunalloc_rallocx(void *ptr, size_t size, int flags);
/* Resizes in place to `size` bytes at least, and to size + extra if that can be; returns the usable size afterwards,
 * less than `size` if it could not be done. */
LUNALLOC_API size_t lunalloc_xallocx(void *ptr, size_t size, size_t extra, int flags);
/* Usable size of a block; and the one that lunalloc_mallocx would give, 0 if it is too large. */
LUNALLOC_API size_t lunalloc_sallocx(const void *ptr, int flags);
LUNALLOC_API size_t lunalloc_nallocx(size_t size, int flags);
/* `size` is what was asked for or more, up to the usable size; the flags name the same alignment. ptr may be NULL. */
LUNALLOC_API void lunalloc_dallocx(void *ptr, int flags);
LUNALLOC_API void lunalloc_sdallocx(void *ptr, size_t size, int flags);
/* Fills `ptrs` with up to n blocks of one kind, straight from an arena; returns how many: fewer only without memory. */
LUNALLOC_API size_t lunalloc_batch_alloc(void **ptrs, size_t n, size_t size, int flags);

LUNALLOC_API void *mallocx(size_t size, int flags);
LUNALLOC_API void *rallocx(void *ptr, size_t size, int flags);
LUNALLOC_API size_t xallocx(void *ptr, size_t size, size_t extra, int flags);
LUNALLOC_API size_t sallocx(const void *ptr, int flags);
LUNALLOC_API void dallocx(void *ptr, int flags);
LUNALLOC_API void sdallocx(void *ptr, size_t size, int flags);
LUNALLOC_API size_t nallocx(size_t size, int flags);

/*
 * Variables that an application may define, or set: a configuration, read at start (as `const char *lunalloc_conf` is,
 * which it may define); and a function that gets each text that would else go to standard error. NULL: neither.
 */
typedef void lunalloc_message_t(void *opaque, const char *text);
LUNALLOC_API extern const char *malloc_conf;
LUNALLOC_API extern lunalloc_message_t *malloc_message;

/* True if the process's malloc is this allocator (preloaded or linked), false if it was only dlopen'ed. */
LUNALLOC_API bool lunalloc_replaced(void);

/* ---- 2. controls ------------------------------------------------------------------------------------------------ */

/*
 * jemalloc's control interface, with its names, types and errors. 0, or EINVAL (size of a value, or the value itself),
 * ENOENT (no such name, index or mib), EPERM (read of a write-only name, write of a read-only one), EFAULT (a decay
 * time or limit out of range, an arena that is not there or may not be reset, all arenas where one is meant), EAGAIN
 * (not possible now). Nothing is written, to the caller or here, if there is an error, with one exception: where
 * *oldlenp is not the size of the value, as much of it as fits is copied, *oldlenp becomes what was copied, and the
 * error is EINVAL. Statistics of arenas and of all are those of the beginning of an epoch: writing "epoch" begins a
 * new one.
 *
 * The index 4096 means all arenas, 4097 in statistics all that were destroyed. For purge, decay, dss, initialized and
 * statistics, the number of arenas (arenas.narenas) means all of them, too.
 *
 * A mib of the first components of a name is made by giving the first components only, or a *miblenp that is smaller
 * than the name has components; it can be completed with what follows in the mib of any longer name.
 */
LUNALLOC_API int mallctl(const char *name, void *oldp, size_t *oldlenp, void *newp, size_t newlen);
LUNALLOC_API int mallctlnametomib(const char *name, size_t *mibp, size_t *miblenp);
LUNALLOC_API int mallctlbymib(const size_t *mib, size_t miblen, void *oldp, size_t *oldlenp, void *newp, size_t newlen);

typedef enum {
    LUNALLOC_VOID,     /* an action: no value */
    LUNALLOC_BOOL,     /* bool */
    LUNALLOC_UNSIGNED, /* unsigned */
    LUNALLOC_SIZE,     /* size_t */
    LUNALLOC_SSIZE,    /* ssize_t: -1 where it means "never" or "no limit" */
    LUNALLOC_U64,      /* uint64_t */
    LUNALLOC_STRING,   /* const char *, static or valid until the next write of the same name */
    LUNALLOC_POINTER,  /* void *; written from C only */
    LUNALLOC_STRUCT    /* a C structure, or one type in and another out: through mallctl only */
} lunalloc_type_t;

typedef struct {
    lunalloc_type_t type;
    union {
        bool b;        /* LUNALLOC_BOOL */
        uint64_t u;    /* LUNALLOC_UNSIGNED, _SIZE, _U64 */
        int64_t i;     /* LUNALLOC_SSIZE */
        const char *s; /* LUNALLOC_STRING */
        void *p;       /* LUNALLOC_POINTER */
    } v;
} lunalloc_value_t;

/*
 * Where an arena's regions come from and what happens to their pages; set through "arena.<i>.extent_hooks",
 * live. The types and the sense of results are jemalloc's: a bool hook returns true if it did NOT do
 * what was asked, and then it must have changed nothing; a NULL member is never asked and counts as a refusal. alloc
 * must be there. It returns NULL, or memory of that size at that alignment, and tells whether it reads as zeros and
 * is committed; new_addr is always NULL. dalloc and destroy get whole results of alloc only: dalloc each one that is
 * wholly free once its pages have been purged, destroy all that are left when the arena is destroyed, or dalloc if
 * there is no destroy.
 *
 * No lock of an arena, bin or collection is held while a hook runs, and it may itself allocate and free: what it
 * allocates comes from an arena without hooks. The structure stays in use until the arena has been destroyed or given
 * other hooks and every call that was running then has returned. Hooks that replace others get the regions that those
 * allocated.
 */
typedef struct extent_hooks_s extent_hooks_t;
struct extent_hooks_s {
    void *(*alloc)(extent_hooks_t *hooks, void *new_addr, size_t size, size_t alignment, bool *zero, bool *commit,
                   unsigned arena);
    bool (*dalloc)(extent_hooks_t *hooks, void *addr, size_t size, bool committed, unsigned arena);
    void (*destroy)(extent_hooks_t *hooks, void *addr, size_t size, bool committed, unsigned arena);
    bool (*commit)(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena);
    bool (*decommit)(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena);
    bool (*purge_lazy)(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena);
    bool (*purge_forced)(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena);
    bool (*split)(extent_hooks_t *hooks, void *addr, size_t size, size_t size_a, size_t size_b, bool committed,
                  unsigned arena);
    bool (*merge)(extent_hooks_t *hooks, void *addr_a, size_t size_a, void *addr_b, size_t size_b, bool committed,
                  unsigned arena);
};

/* One row of the schema. Strings are static. */
typedef struct {
    const char *name; /* with <i>, <j> in the place of an index: "arena.<i>.dirty_decay_ms" */
    lunalloc_type_t type;
    const char *unit;   /* "bytes", "ms", "ns", "count", "flag", "text", "" */
    const char *access; /* "r-", "rw", "-w", "--" (an action) */
    const char
        *applies; /* when a write takes effect: "live", "new arenas", "new slabs", "boot"; "" if it is not writable */
    bool ranged;  /* min and max hold */
    int64_t min, max;
    const char *default_text; /* the default as text; "" if it has none */
    const char *doc;          /* one line */
    const char *live; /* the control that changes live what this one tells or presets, with <i>; "" if none does */
} lunalloc_row_t;

/* Number of rows; a row by its position 0 .. count - 1 (ENOENT past the end). Rows are grouped by subtree, sorted. */
LUNALLOC_API size_t lunalloc_ctl_count(void);
LUNALLOC_API int lunalloc_ctl_row(size_t position, lunalloc_row_t *row);
/* The row that answers a concrete name ("arena.0.dirty_decay_ms") or a pattern ("arena.<i>.dirty_decay_ms"). ENOENT. */
LUNALLOC_API int lunalloc_ctl_describe(const char *name, lunalloc_row_t *row);
/* Where the present value comes from: "default", "file", "symbol", "environment" or "live". ENOENT. */
LUNALLOC_API int lunalloc_ctl_source(const char *name, const char **source);
/*
 * How many values the first <i> (then <j>) of a pattern takes now, the outer index being fixed by `name`:
 * "arena.<i>.purge" -> number of arenas; "stats.arenas.0.bins.<j>.nmalloc" -> number of small classes. 0 if no index
 * is open.
 */
LUNALLOC_API size_t lunalloc_ctl_limit(const char *name);
/* The nearest known name to `name` into buf, cut to fit and terminated (of size 0: not touched); false if nothing is
 * near. */
LUNALLOC_API bool lunalloc_ctl_suggest(const char *name, char *buf, size_t size);
/*
 * Reads or writes by name. A value is written as text: "true", "500", "-1", and for bytes and times also "64M", "1.5G",
 * "10s", "250ms". An action is done by lunalloc_ctl_set(name, NULL, ...). On failure `message` (may be NULL) gets one
 * line: what, why, and what is allowed. ENOENT, EINVAL, EPERM, EAGAIN, as above.
 */
LUNALLOC_API int lunalloc_ctl_get(const char *name, lunalloc_value_t *value, char *message, size_t message_size);
LUNALLOC_API int lunalloc_ctl_set(const char *name, const char *text, char *message, size_t message_size);

/* ---- 3. introspection ------------------------------------------------------------------------------------------- */

#define LUNALLOC_ALL  UINT32_MAX /* "all arenas", where an arena index is asked for */
#define LUNALLOC_NONE UINT32_MAX /* "no size class" */

typedef enum {
    LUNALLOC_ACTIVE,   /* holds live allocations */
    LUNALLOC_DIRTY,    /* free, and its pages are still resident */
    LUNALLOC_MUZZY,    /* free, and its pages were given back lazily (the system takes them when it needs them) */
    LUNALLOC_RETAINED, /* free, only the address range is kept */
    LUNALLOC_BUSY      /* in transition: between being taken from and put into a collection; counted as active */
} lunalloc_state_t;

/* A run of pages: a copy of one descriptor. */
typedef struct {
    uintptr_t addr;
    size_t size; /* bytes, a multiple of the page size */
    uint32_t arena;
    lunalloc_state_t state;
    uint32_t szind; /* size class index; LUNALLOC_NONE on every extent without live allocations */
    bool slab;      /* holds small regions */
    bool is_head;   /* first extent of its region (of one mapping from the system) */
    bool committed;
    bool zeroed;           /* known to read as zeros */
    uint32_t nfree, nregs; /* of a slab: free regions, all regions; else 0 */
    uint64_t sn;           /* serial number of its region's creation */
    uint64_t lru;          /* of a free extent: order in which its collection is purged (lowest first); else 0 */
} lunalloc_extent_t;

/*
 * Walks the extents of one arena (or LUNALLOC_ALL), regions in the order of their creation, extents in address order.
 * Start with cursor = {.arena = which}; each call copies up to n extents and returns how many, 0 at the end. A batch
 * is a consistent picture of its arena: no page is missing or counted twice within it. `totals`, if given, gets the
 * arena's own page counts of that same instant. No allocation, no lock held on return.
 */
typedef struct {
    uint32_t arena;   /* which to walk; LUNALLOC_ALL */
    uint32_t current; /* private */
    uint64_t region;  /* private */
    uintptr_t addr;   /* private */
} lunalloc_cursor_t;

typedef struct {
    uint32_t arena;
    size_t active, dirty, muzzy, retained, mapped; /* bytes; mapped = active + dirty + muzzy; busy counts as active */
} lunalloc_page_totals_t;

LUNALLOC_API size_t lunalloc_extents(lunalloc_cursor_t *cursor, lunalloc_extent_t *out, size_t n,
                                     lunalloc_page_totals_t *totals);

/* What an address belongs to. ENOENT if it is no memory of ours. */
typedef struct {
    lunalloc_extent_t extent;
    uint32_t region;       /* in a slab: index of the region; else 0 */
    uintptr_t region_addr; /* where that region (or the large allocation) starts; 0 if the extent is free */
    size_t region_size;    /* usable size */
    bool allocated;        /* the region is not in its slab's free set (it is in use, or in a thread's cache) */
} lunalloc_location_t;

LUNALLOC_API int lunalloc_find(const void *addr, lunalloc_location_t *out);

typedef struct {
    uint32_t index;
    size_t size;
    size_t slab_size;  /* 0 for large classes */
    uint32_t nregs;    /* 0 for large classes */
    uint32_t lg_group; /* size = 2^lg_group + ndelta * 2^lg_delta */
    uint32_t lg_delta;
    uint32_t ndelta;
    uint32_t cached_max; /* objects that one thread's cache may hold; 0 if the class is not cached */
    double max_waste;    /* worst internal fragmentation of the class: (size - smallest request) / size, 0 .. 1 */
} lunalloc_sizeclass_t;

LUNALLOC_API uint32_t lunalloc_nsizes(void);
LUNALLOC_API int lunalloc_sizeclass(uint32_t index, lunalloc_sizeclass_t *out); /* ENOENT past the end */
LUNALLOC_API int lunalloc_sizeclass_of(size_t size,
                                       lunalloc_sizeclass_t *out); /* class of a request; ENOENT if too large */

/*
 * Sampled allocations that live, while profiling is on or after it was (control prof.active). Start with a zeroed
 * cursor; each call copies up to n and returns how many, 0 at the end. A batch is copied at one time; what comes or
 * goes between two may be met or not. No allocation, no lock held on return.
 */
#define LUNALLOC_STACK_MAX       128
#define LUNALLOC_THREAD_NAME_MAX 96

typedef struct {
    uintptr_t addr;
    size_t size;                                /* bytes: that of its class */
    uint32_t szind;                             /* size class index */
    uint32_t arena;                             /* index */
    uint32_t thread;                            /* the system's number of the thread that allocated it */
    char thread_name[LUNALLOC_THREAD_NAME_MAX]; /* as thread.prof.name has it; "" if it has none */
    uint64_t time;                              /* of its allocation; monotonic clock, ns, as in lunalloc_stats_t */
    double weight;                              /* how many allocations like this one it stands for */
    uint32_t depth;                             /* of the stack */
    uintptr_t stack[LUNALLOC_STACK_MAX];        /* return addresses, innermost first */
} lunalloc_sample_t;

typedef struct {
    uint64_t next; /* private */
} lunalloc_sample_cursor_t;

LUNALLOC_API size_t lunalloc_prof_samples(lunalloc_sample_cursor_t *cursor, lunalloc_sample_t *out, size_t n);

/*
 * Counters, of one arena or of all. Every field is a uint64_t, in this order, so that tools can treat it as an array
 * with the names of lunalloc_stats_names(). Bytes unless said otherwise. allocated <= active <= resident.
 */
typedef struct {
    uint64_t time;      /* monotonic clock, ns */
    uint64_t allocated; /* in use by the application (not what thread caches hold; of one arena: what the caches of its
                           own threads hold is taken off) */
    uint64_t cached;    /* free, held by thread caches (all arenas only; 0 for one) */
    uint64_t active;    /* pages of active extents */
    uint64_t dirty;
    uint64_t muzzy;
    uint64_t retained;
    uint64_t metadata;  /* resident bytes of the allocator's own structures (all arenas only; 0 for one) */
    uint64_t resident;  /* metadata + active + dirty */
    uint64_t mapped;    /* active + dirty + muzzy + metadata */
    uint64_t narenas;   /* count (1 for one arena) */
    uint64_t nthreads;  /* count, bound to it */
    uint64_t nregions;  /* count of mappings obtained from the system */
    uint64_t nslabs;    /* count, present */
    uint64_t nextents;  /* count of extents in the free collections */
    uint64_t nmalloc;   /* cumulative: objects handed from arenas to callers or caches */
    uint64_t ndalloc;   /* cumulative: objects that came back */
    uint64_t nrequests; /* cumulative: allocation requests served */
    uint64_t nfills;    /* cumulative: cache fills */
    uint64_t nflushes;  /* cumulative: cache flushes */
    uint64_t npurges;   /* cumulative: decay or purge passes that gave pages back */
    uint64_t nmadvise;  /* cumulative: system calls made by them */
    uint64_t purged;    /* cumulative: bytes given back */
} lunalloc_stats_t;

typedef struct {
    uint64_t nmalloc, ndalloc, nrequests, nfills, nflushes; /* cumulative */
    uint64_t curregs;                                       /* objects out of the arena now: in use or cached */
    uint64_t cached;                                        /* objects in thread caches (all arenas only) */
    uint64_t nslabs;                                        /* slabs, present; 0 for large classes */
    uint64_t nonfull;                                       /* of these, with a free region */
} lunalloc_class_stats_t;

LUNALLOC_API int lunalloc_stats(uint32_t arena, lunalloc_stats_t *out);                             /* ENOENT */
LUNALLOC_API int lunalloc_class_stats(uint32_t arena, uint32_t szind, lunalloc_class_stats_t *out); /* ENOENT */
/* Field names of lunalloc_stats_t in order, NULL-terminated; static. */
LUNALLOC_API const char *const *lunalloc_stats_names(void);

/* Pages of one state, bytes: what the allocator counts, and what of it the system says is resident. */
typedef struct {
    uint64_t counted, resident;
} lunalloc_residency_t;

/* The allocator's figures beside those of /proc/self/smaps_rollup, bytes. rss = anonymous + file. */
typedef struct {
    lunalloc_residency_t active, dirty, muzzy, retained;
    uint64_t metadata; /* at most so much of it is resident */
    uint64_t rss;      /* of the process, and so are the next four */
    uint64_t anonymous;
    uint64_t file;      /* pages of files: code, and what the process has mapped */
    uint64_t lazy_free; /* anonymous, but the system takes it when it needs memory: muzzy pages of ours, mostly */
    uint64_t swap;
    uint64_t explained;   /* what is resident of ours: all states and metadata */
    uint64_t unexplained; /* anonymous beyond that: stacks, data of libraries, other allocators */
} lunalloc_reconciliation_t;

/* Walks all extents; whatever other threads do meanwhile is in one figure or in the other. 0, ENOSYS without /proc. */
LUNALLOC_API int lunalloc_reconcile(lunalloc_reconciliation_t *out);

/* Gets a report in pieces, each terminated. It may allocate. */
typedef void lunalloc_write_t(void *opaque, const char *text);

typedef enum {
    LUNALLOC_TEXT,
    LUNALLOC_JSON,       /* {"jemalloc": {...}}, with jemalloc's keys */
    LUNALLOC_OPENMETRICS /* one family of metrics for each figure, ended by "# EOF" */
} lunalloc_format_t;

/*
 * Writes all statistics, one picture of all arenas. Letters of opts (may be NULL) leave parts out: g general
 * information, m merged arenas, d destroyed ones, a single ones, b bins, l large classes, x locks, e free extents;
 * others are ignored. 0, EINVAL (no such format), ENOMEM.
 */
LUNALLOC_API int lunalloc_stats_write(lunalloc_format_t format, lunalloc_write_t *write, void *opaque,
                                      const char *opts);
/* jemalloc's: as text, or with J among the letters as JSON, with O as OpenMetrics; if write is NULL, by malloc_message,
 * or else to standard error. */
LUNALLOC_API void malloc_stats_print(lunalloc_write_t *write, void *opaque, const char *opts);

#ifdef __cplusplus
}
#endif
#endif
