/*
 * lunalloc.h -- the whole public C interface of lunalloc.
 *
 *   1. Allocation. Linking or preloading the library replaces the standard names (malloc, free, ...). If another
 *      allocator has those names, as where liblunalloc.so is dlopen'ed, the lunalloc_ names reach this one.
 *   2. Controls. Every value that can be read or set, and every action, has a name. `mallctl` is jemalloc's calling
 *      convention; the lunalloc_ctl_ functions use the same names, describe them, and take values as text.
 *   3. Introspection, for tools: consistent copies of the allocator's structures, and statistics.
 *
 * Every function is thread-safe unless it says otherwise. "int" results are 0 or an errno value. Only the allocation
 * functions change errno itself, as ISO C and POSIX have it.
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

/*
 * As ISO C and POSIX have them; sizes and alignments are in bytes. If there is no memory, or the size is too large, the
 * result is NULL and errno ENOMEM. A size of 0 is served as 1, except by realloc with a block: opt.zero_realloc says
 * whether that frees the block and returns NULL (the default), allocates, or aborts.
 */
LUNALLOC_API void *lunalloc_malloc(size_t size);
LUNALLOC_API void *lunalloc_calloc(size_t count, size_t size);
LUNALLOC_API void *lunalloc_realloc(void *ptr, size_t size);
LUNALLOC_API void lunalloc_free(void *ptr);
/* alignment: a power of two, at least sizeof(void *). 0, or EINVAL or ENOMEM; then *out and errno are unchanged. */
LUNALLOC_API int lunalloc_posix_memalign(void **out, size_t alignment, size_t size);
/* alignment: a power of two, or else NULL and EINVAL. size need not be a multiple of it. */
LUNALLOC_API void *lunalloc_aligned_alloc(size_t alignment, size_t size);
/* Bytes of a block that may be used: at least as many as were requested. 0 for NULL. */
LUNALLOC_API size_t lunalloc_usable_size(const void *ptr);
/* C23. `size` and `alignment` must be those of the allocation; ptr may be NULL. */
LUNALLOC_API void lunalloc_free_sized(void *ptr, size_t size);
LUNALLOC_API void lunalloc_free_aligned_sized(void *ptr, size_t alignment, size_t size);

/* The same under the standard names, which the C library's headers may not declare yet. */
LUNALLOC_API void free_sized(void *ptr, size_t size);
LUNALLOC_API void free_aligned_sized(void *ptr, size_t alignment, size_t size);

/*
 * jemalloc's extended interface, also under jemalloc's own names. `flags` is 0, or these joined by "|":
 *
 *   MALLOCX_LG_ALIGN(la), MALLOCX_ALIGN(a)  the address is a multiple of 2^la, or of a, a power of two
 *   MALLOCX_ZERO          all new memory, up to the usable size, reads as zeros
 *   MALLOCX_TCACHE(id)    uses this explicit tcache ("tcache.create") instead of the thread's cache
 *   MALLOCX_TCACHE_NONE   uses no cache
 *   MALLOCX_ARENA(i)      allocates from this arena, and uses no cache unless MALLOCX_TCACHE(id) names one: then its
 *                         objects are used first. Inside an extent hook, an arena without hooks serves instead
 *
 * If no arena or tcache has the number, an allocation fails (NULL), and a free uses no cache.
 */
#define MALLOCX_LG_ALIGN(la) ((int)(la))
#define MALLOCX_ALIGN(a)     ((int)__builtin_ctzll((unsigned long long)(a)))
#define MALLOCX_ZERO         ((int)0x40)
#define MALLOCX_TCACHE(id)   ((int)(((id) + 2) << 8))
#define MALLOCX_TCACHE_NONE  MALLOCX_TCACHE(-1)
#define MALLOCX_ARENA(i)     ((int)(((unsigned)(i) + 1) << 20))

/* Allocates. NULL if there is no memory or `size` is too large; errno is not set, here and below. A size of 0 counts as
 * 1. */
LUNALLOC_API void *lunalloc_mallocx(size_t size, int flags);
/* Resizes in place or by moving. NULL if memory is exhausted: the block is unchanged. A size of 0 counts as 1. */
LUNALLOC_API void *lunalloc_rallocx(void *ptr, size_t size, int flags);
/* Resizes in place to at least `size` bytes, and to size + extra if possible. Returns the usable size afterwards, which
 * is less than `size` if that was impossible. */
LUNALLOC_API size_t lunalloc_xallocx(void *ptr, size_t size, size_t extra, int flags);
/* The usable size of a block; and of the block that lunalloc_mallocx would return, 0 if `size` is too large. */
LUNALLOC_API size_t lunalloc_sallocx(const void *ptr, int flags);
LUNALLOC_API size_t lunalloc_nallocx(size_t size, int flags);
/* `size`: from the size of the allocation up to the usable size. `flags`: the same alignment. ptr may be NULL. */
LUNALLOC_API void lunalloc_dallocx(void *ptr, int flags);
LUNALLOC_API void lunalloc_sdallocx(void *ptr, size_t size, int flags);
/* Allocates n blocks of one size directly from an arena. Returns how many there are in `ptrs`: fewer than n only if
 * memory is exhausted. */
LUNALLOC_API size_t lunalloc_batch_alloc(void **ptrs, size_t n, size_t size, int flags);

LUNALLOC_API void *mallocx(size_t size, int flags);
LUNALLOC_API void *rallocx(void *ptr, size_t size, int flags);
LUNALLOC_API size_t xallocx(void *ptr, size_t size, size_t extra, int flags);
LUNALLOC_API size_t sallocx(const void *ptr, int flags);
LUNALLOC_API void dallocx(void *ptr, int flags);
LUNALLOC_API void sdallocx(void *ptr, size_t size, int flags);
LUNALLOC_API size_t nallocx(size_t size, int flags);

/*
 * Two variables that an application may define or set; NULL by default. malloc_conf is a configuration, which is read
 * at the start; so is `const char *lunalloc_conf`, which an application may define. malloc_message gets each text that
 * would otherwise be written to standard error.
 */
typedef void lunalloc_message_t(void *opaque, const char *text);
LUNALLOC_API extern const char *malloc_conf;
LUNALLOC_API extern lunalloc_message_t *malloc_message;

/* Is this allocator the malloc of the process (preloaded or linked)? False if it was only dlopen'ed. */
LUNALLOC_API bool lunalloc_replaced(void);

/* ---- 2. controls ------------------------------------------------------------------------------------------------ */

/*
 * jemalloc's control interface, with its names, types and errors:
 *
 *   EINVAL  the size of the value is wrong, or the value itself
 *   ENOENT  no such name, index or mib
 *   EPERM   the name is write-only and was read, or read-only and was written
 *   EFAULT  a decay time or limit is out of range; the arena does not exist or cannot be reset; the index stands for
 *           all arenas where one is needed
 *   EAGAIN  not possible now
 *
 * After an error nothing has changed, and nothing was returned, with one exception: if *oldlenp is not the size of the
 * value, as much as fits is copied, *oldlenp becomes the number of bytes copied, and the error is EINVAL.
 *
 * Statistics of arenas, and of all together, are those of the beginning of the epoch; writing "epoch" begins a new one.
 * The index 4096 stands for all arenas; in statistics, 4097 stands for all destroyed ones. For purge, decay, dss,
 * initialized and statistics, the number of arenas (arenas.narenas) stands for all of them, too.
 *
 * To get the mib of a group of names, give the first components only, or a *miblenp smaller than the number of
 * components. Complete it with the rest of the mib of any longer name.
 */
LUNALLOC_API int mallctl(const char *name, void *oldp, size_t *oldlenp, void *newp, size_t newlen);
LUNALLOC_API int mallctlnametomib(const char *name, size_t *mibp, size_t *miblenp);
LUNALLOC_API int mallctlbymib(const size_t *mib, size_t miblen, void *oldp, size_t *oldlenp, void *newp, size_t newlen);

typedef enum {
    LUNALLOC_VOID,     /* an action: no value */
    LUNALLOC_BOOL,     /* bool */
    LUNALLOC_UNSIGNED, /* unsigned */
    LUNALLOC_SIZE,     /* size_t */
    LUNALLOC_SSIZE,    /* ssize_t; -1 stands for "never" or "no limit" */
    LUNALLOC_U64,      /* uint64_t */
    LUNALLOC_STRING,   /* const char *; static, or valid until the next write of the same name */
    LUNALLOC_POINTER,  /* void *; can be written from C only */
    LUNALLOC_STRUCT    /* a C structure, or a different type in each direction: through mallctl only */
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
 * Extent hooks: functions of the application that provide an arena's memory instead of the system. Set them through
 * "arena.<i>.extent_hooks", at any time. Types and results are jemalloc's: a bool hook returns true if it did NOT do
 * its work, and must have changed nothing then. A member that is NULL always counts as having failed; only alloc is
 * required.
 *
 *   alloc    returns memory of this size and alignment, or NULL, and says whether it reads as zeros and is committed;
 *            new_addr is always NULL. Each result is a region
 *   dalloc   gets a whole region that is wholly free, once its pages have been purged
 *   destroy  gets the remaining regions when the arena is destroyed; if it is NULL, dalloc gets them
 *
 * A hook runs without any lock of an arena, bin or collection held. It may allocate and free: its own allocations are
 * served by an arena without hooks. Keep the structure valid until the arena has been destroyed or got other hooks, and
 * every call that was running then has returned. Hooks that replace others take over their regions.
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
    const char *name; /* has <i>, <j> for indices: "arena.<i>.dirty_decay_ms" */
    lunalloc_type_t type;
    const char *unit;   /* "bytes", "ms", "ns", "count", "flag", "text", "" */
    const char *access; /* "r-", "rw", "-w", "--" (an action) */
    /* When a write takes effect: "live", "new arenas", "new slabs", "boot"; "" if it cannot be written. */
    const char *applies;
    bool ranged; /* values are within min .. max */
    int64_t min, max;
    const char *default_text; /* the default as text; "" if it has none */
    const char *doc;          /* one line */
    const char *live; /* the control, with <i>, that changes this value while the process runs; "" if none does */
} lunalloc_row_t;

/* The number of rows, and a row by its position 0 .. count - 1 (ENOENT past the end). Rows are sorted, subtree by
 * subtree. jemalloc's names that have no meaning here are not among them; lunalloc_ctl_describe() knows them by
 * name. */
LUNALLOC_API size_t lunalloc_ctl_count(void);
LUNALLOC_API int lunalloc_ctl_row(size_t position, lunalloc_row_t *row);
/* The row of a name ("arena.0.dirty_decay_ms") or a pattern ("arena.<i>.dirty_decay_ms"). ENOENT. */
LUNALLOC_API int lunalloc_ctl_describe(const char *name, lunalloc_row_t *row);
/* The source of the current value: "default", "file", "symbol", "environment" or "live". ENOENT. */
LUNALLOC_API int lunalloc_ctl_source(const char *name, const char **source);
/*
 * How many values the first open index of a pattern has now: "arena.<i>.purge" -> the number of arenas;
 * "stats.arenas.0.bins.<j>.nmalloc" -> the number of small classes. 0 if no index is open.
 */
LUNALLOC_API size_t lunalloc_ctl_limit(const char *name);
/* Writes the known name that is most similar to `name` to buf, cut to fit and terminated (nothing if size is 0). False
 * if none is similar. */
LUNALLOC_API bool lunalloc_ctl_suggest(const char *name, char *buf, size_t size);
/*
 * Reads or writes by name. A value is written as text: "true", "500", "-1"; bytes and times also "64M", "1.5G", "10s",
 * "250ms". lunalloc_ctl_set(name, NULL, ...) does an action. On failure, `message` (may be NULL) gets one line: the
 * name, the reason, and what is allowed. ENOENT, EINVAL, EPERM, EAGAIN, as above.
 */
LUNALLOC_API int lunalloc_ctl_get(const char *name, lunalloc_value_t *value, char *message, size_t message_size);
LUNALLOC_API int lunalloc_ctl_set(const char *name, const char *text, char *message, size_t message_size);
/*
 * Writes a typed value instead of text. Its type need not be the control's: a whole number of any type is accepted if
 * it fits, and a LUNALLOC_STRING is parsed as by lunalloc_ctl_set(). NULL does an action. Numbers and booleans are not
 * turned into text on the way.
 */
LUNALLOC_API int lunalloc_ctl_write(const char *name, const lunalloc_value_t *value, char *message,
                                    size_t message_size);

/* ---- 3. introspection ------------------------------------------------------------------------------------------- */

#define LUNALLOC_ALL  UINT32_MAX /* as the index of an arena: all arenas */
#define LUNALLOC_NONE UINT32_MAX /* as the index of a size class: no class */

typedef enum {
    LUNALLOC_ACTIVE,   /* holds live allocations */
    LUNALLOC_DIRTY,    /* free, and its pages are still resident */
    LUNALLOC_MUZZY,    /* free, and purged lazily: the system takes the pages when it needs memory */
    LUNALLOC_RETAINED, /* free, and only the address range is kept */
    LUNALLOC_BUSY      /* in transit from one state to another; counted as active */
} lunalloc_state_t;

/* An extent: a run of pages. This is a copy of its descriptor. */
typedef struct {
    uintptr_t addr;
    size_t size; /* bytes, a multiple of the page size */
    uint32_t arena;
    lunalloc_state_t state;
    uint32_t szind; /* size class index; LUNALLOC_NONE on every extent without live allocations */
    bool slab;      /* holds small regions */
    bool is_head;   /* the first extent of its region (one mapping from the system) */
    bool committed;
    bool zeroed;           /* known to read as zeros */
    uint32_t nfree, nregs; /* of a slab: free regions and all regions; else 0 */
    size_t discarded;      /* of a slab: bytes of free pages that were given back; else 0 */
    uint64_t sn;           /* serial number of its region */
    uint64_t lru;          /* of a free extent: its collection is purged in this order, lowest first; else 0 */
} lunalloc_extent_t;

/*
 * Walks the extents of one arena or of all (LUNALLOC_ALL): regions in the order of their creation, and the extents of
 * each in address order. Start with cursor = {.arena = index}. Each call copies up to n extents and returns how many; 0
 * at the end. Within a batch, the copies are consistent: no page is missing or counted twice. `totals` (may be NULL)
 * gets the arena's own page counts at the same instant. Allocates nothing; no lock is held on return.
 */
typedef struct {
    uint32_t arena;   /* index, or LUNALLOC_ALL */
    uint32_t current; /* private */
    uint64_t region;  /* private */
    uintptr_t addr;   /* private */
} lunalloc_cursor_t;

typedef struct {
    uint32_t arena;
    size_t active, dirty, muzzy, retained, mapped; /* bytes; mapped = active + dirty + muzzy; busy counts as active, and
                                                      discarded pages of slabs, too */
} lunalloc_page_totals_t;

LUNALLOC_API size_t lunalloc_extents(lunalloc_cursor_t *cursor, lunalloc_extent_t *out, size_t n,
                                     lunalloc_page_totals_t *totals);

/* The extent and the allocation that an address belongs to. lunalloc_find: ENOENT if it is no memory of the
 * allocator. */
typedef struct {
    lunalloc_extent_t extent;
    uint32_t region;       /* in a slab: the index of the region; else 0 */
    uintptr_t region_addr; /* the start of that region or of the large allocation; 0 if the extent is free */
    size_t region_size;    /* usable size */
    bool allocated;        /* the region is in use or in a thread's cache: its slab does not have it as free */
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
    uint32_t cached_max; /* the most objects that a thread's cache holds; 0 if the class is not cached */
    double max_waste;    /* worst internal fragmentation of the class: (size - smallest request) / size, 0 .. 1 */
} lunalloc_sizeclass_t;

LUNALLOC_API uint32_t lunalloc_nsizes(void);
/* ENOENT past the end. */
LUNALLOC_API int lunalloc_sizeclass(uint32_t index, lunalloc_sizeclass_t *out);
/* The class that serves a request of this size; ENOENT if it is too large. */
LUNALLOC_API int lunalloc_sizeclass_of(size_t size, lunalloc_sizeclass_t *out);

/*
 * Lists the live samples of the heap profiler (control prof.active), also after it was switched off. Start with a
 * zeroed cursor. Each call copies up to n samples and returns how many; 0 at the end. A batch is copied at one instant;
 * samples added or freed between two batches may be missed. Allocates nothing; no lock is held on return.
 */
#define LUNALLOC_STACK_MAX       128
#define LUNALLOC_THREAD_NAME_MAX 96

typedef struct {
    uintptr_t addr;
    size_t size;                                /* bytes: the size of its class */
    uint32_t szind;                             /* size class index */
    uint32_t arena;                             /* index */
    uint32_t thread;                            /* the system's number of the thread that allocated it */
    char thread_name[LUNALLOC_THREAD_NAME_MAX]; /* the value of thread.prof.name; "" if it has none */
    uint64_t time;                              /* when it was allocated: monotonic clock, ns, as in lunalloc_stats_t */
    double weight;                              /* how many allocations of its size it stands for */
    uintptr_t place;                            /* where it would lie if it were not sampled; 0: not known */
    uint32_t depth;                             /* how many addresses the stack has */
    uintptr_t stack[LUNALLOC_STACK_MAX];        /* return addresses, innermost first */
} lunalloc_sample_t;

typedef struct {
    uint64_t next; /* private */
} lunalloc_sample_cursor_t;

LUNALLOC_API size_t lunalloc_prof_samples(lunalloc_sample_cursor_t *cursor, lunalloc_sample_t *out, size_t n);

/*
 * Frames of an interpreter in the stacks of samples, for its hosts. The profiler calls `frames` on the thread that
 * allocates, inside of malloc, with the n return addresses that it has captured, innermost first. It may change them
 * and returns how many there are then, at most LUNALLOC_STACK_MAX, for which there is room. It must not raise or jump;
 * what it allocates is not sampled. NULL: nothing is called any more. One function serves all threads.
 */
typedef uint32_t lunalloc_frames_t(uintptr_t *ips, uint32_t n);

LUNALLOC_API void lunalloc_prof_frames(lunalloc_frames_t *frames);
/* The word that stands for an interpreter's frame in a stack, by its name: "build (script.lua:12)". Names are kept for
 * good. 0 if memory is exhausted or there are 65,536 names. Thread-safe; may be called by `frames`. */
LUNALLOC_API uintptr_t lunalloc_prof_frame(const char *name);
/* The name of such a word, which lives as long as the process; NULL if it is another word. */
LUNALLOC_API const char *lunalloc_prof_frame_name(uintptr_t ip);

/*
 * Lists the threads that have used the allocator and still live, oldest first. Start with a zeroed cursor. Each call
 * copies up to n threads and returns how many; 0 at the end. Threads that begin or end between two batches may be
 * missed. Counts are read while their threads run, so each may be a few calls old. Allocates nothing; no lock is held
 * on return.
 */
#define LUNALLOC_CACHED_CLASSES 63 /* thread caches hold objects of the first classes, at most of this many */

typedef struct {
    uint32_t tid;   /* the system's number of the thread */
    uint32_t arena; /* index of the arena that it allocates from */
    char name[16];  /* as the system's tools show it; "" if the system does not tell */
    /*
     * ns since the thread was last known to work. It is known to work when it ticks, at each 16th of its slow paths,
     * and when a list finds that its counts have changed since the list before: then this is 0. So the first list says
     * at most as much as the thread has been idle if it allocates often, and more if it allocates seldom; from the
     * second on, the error is at most the time between two lists. Lists of all callers count. Coarse clock.
     */
    uint64_t idle;
    uint64_t requests; /* cumulative: allocation requests that it has made */
    uint64_t cached;   /* bytes: free objects in its cache, and those that wait in its quarantine */
    uint32_t behind; /* 1: it has not refreshed since the last change of settings or request to flush (arenas.nbehind);
                          else 0. A thread that sleeps refreshes at its next call */
    uint32_t nclasses;                         /* how many entries of `objects` count; the rest are 0 */
    uint32_t objects[LUNALLOC_CACHED_CLASSES]; /* the objects of `cached`, by size class index */
} lunalloc_thread_t;

typedef struct {
    uint64_t next; /* private */
} lunalloc_thread_cursor_t;

LUNALLOC_API size_t lunalloc_threads(lunalloc_thread_cursor_t *cursor, lunalloc_thread_t *out, size_t n);

/*
 * Statistics of one arena or of all. Every field is a uint64_t, so that tools can treat the structure as an array with
 * the names of lunalloc_stats_names(). Bytes unless said otherwise. allocated <= active <= resident.
 */
typedef struct {
    uint64_t time;      /* monotonic clock, ns */
    uint64_t allocated; /* in use by the application: without the objects in thread caches. For one arena, those in the
                           caches of its own threads are subtracted */
    uint64_t cached;    /* in thread caches, free (all arenas only; 0 for one) */
    uint64_t active;    /* pages of active extents, but for discarded ones */
    uint64_t dirty;
    uint64_t muzzy;
    uint64_t retained;
    uint64_t discarded; /* free pages inside of slabs, given back to the system until they are used again */
    uint64_t metadata;  /* resident bytes of the allocator's own structures (all arenas only; 0 for one) */
    uint64_t resident;  /* metadata + active + dirty */
    uint64_t mapped;    /* active + discarded + dirty + muzzy + metadata */
    uint64_t narenas;   /* count (1 for one arena) */
    uint64_t nthreads;  /* count of threads that are bound to it */
    uint64_t nregions;  /* count of mappings obtained from the system */
    uint64_t nslabs;    /* count of slabs now */
    uint64_t nextents;  /* count of free extents now */
    uint64_t nmalloc;   /* cumulative: objects that left the arena, to callers or caches */
    uint64_t ndalloc;   /* cumulative: objects that returned to it */
    uint64_t nrequests; /* cumulative: allocation requests served */
    uint64_t nfills;    /* cumulative: cache fills */
    uint64_t nflushes;  /* cumulative: cache flushes */
    uint64_t npurges;   /* cumulative: decay or purge passes that returned pages to the system */
    uint64_t nmadvise;  /* cumulative: system calls of these passes */
    uint64_t purged;    /* cumulative: bytes that they returned */
} lunalloc_stats_t;

typedef struct {
    uint64_t nmalloc, ndalloc, nrequests, nfills, nflushes; /* cumulative */
    uint64_t curregs;                                       /* objects outside of the arena now: in use or cached */
    uint64_t cached;                                        /* objects in thread caches (all arenas only) */
    uint64_t nslabs;                                        /* slabs now; 0 for large classes */
    uint64_t nonfull;                                       /* those that have a free region */
    uint64_t discarded;                                     /* bytes of their free pages that were given back */
} lunalloc_class_stats_t;

LUNALLOC_API int lunalloc_stats(uint32_t arena, lunalloc_stats_t *out);                             /* ENOENT */
LUNALLOC_API int lunalloc_class_stats(uint32_t arena, uint32_t szind, lunalloc_class_stats_t *out); /* ENOENT */
/* Field names of lunalloc_stats_t in order, NULL-terminated; static. */
LUNALLOC_API const char *const *lunalloc_stats_names(void);

/* Bytes in one state: as the allocator counts them, and how many of these the system has resident. */
typedef struct {
    uint64_t counted, resident;
} lunalloc_residency_t;

/* The allocator's figures beside those of /proc/self/smaps_rollup. Bytes; rss = anonymous + file. */
typedef struct {
    lunalloc_residency_t active, dirty, muzzy, retained;
    uint64_t metadata; /* the allocator's own; at most this much is resident */
    uint64_t rss;      /* this and the next four: of the process */
    uint64_t anonymous;
    uint64_t file;      /* pages of files: code, and files that the process has mapped */
    uint64_t lazy_free; /* anonymous pages that the system takes when it needs memory: mostly muzzy ones */
    uint64_t swap;
    uint64_t explained;   /* resident memory of the allocator: all states, and metadata */
    uint64_t unexplained; /* other anonymous memory: stacks, data of libraries, other allocators */
} lunalloc_reconciliation_t;

/* Walks all extents. A change that another thread makes meanwhile may be in one figure and not in another. 0, or ENOSYS
 * without /proc. */
LUNALLOC_API int lunalloc_reconcile(lunalloc_reconciliation_t *out);

/*
 * The last ten minutes: figures of the process, one moment a second, and marks where settings were changed. They are
 * kept while the agent runs, from its first second on; in the child of a fork they begin anew. Start with a zeroed
 * cursor. Each call copies up to n of them, oldest first, and returns how many; 0 if there are no more now. A cursor
 * that is kept returns what has been added since. Allocates nothing; no lock is held on return.
 */
#define LUNALLOC_ABSENT     UINT64_MAX /* a figure that the system did not tell */
#define LUNALLOC_MARK_NAME  96
#define LUNALLOC_MARK_VALUE 88

typedef struct {
    uint64_t time; /* monotonic clock, ns */
    uint64_t rss;  /* bytes, here and below */
    uint64_t allocated;
    uint64_t active;
    uint64_t dirty;
    uint64_t muzzy;
    uint64_t retained;
    uint64_t discarded;
    uint64_t requests; /* cumulative: allocation requests */
    uint64_t faults;   /* cumulative: page faults of the process */
} lunalloc_moment_t;

/* A control was written, or an action done: by name, but none of thread.* and not epoch. */
typedef struct {
    uint64_t time;                   /* monotonic clock, ns */
    char name[LUNALLOC_MARK_NAME];   /* "arena.0.dirty_decay_ms" */
    char value[LUNALLOC_MARK_VALUE]; /* as text, cut to fit; "" for an action */
} lunalloc_mark_t;

typedef struct {
    uint64_t next; /* private */
} lunalloc_history_cursor_t;

LUNALLOC_API size_t lunalloc_moments(lunalloc_history_cursor_t *cursor, lunalloc_moment_t *out, size_t n);
LUNALLOC_API size_t lunalloc_marks(lunalloc_history_cursor_t *cursor, lunalloc_mark_t *out, size_t n);

/* Receives a report in pieces, each of them a terminated string. It may allocate. */
typedef void lunalloc_write_t(void *opaque, const char *text);

typedef enum {
    LUNALLOC_TEXT,
    LUNALLOC_JSON,       /* {"jemalloc": {...}}, with jemalloc's keys */
    LUNALLOC_OPENMETRICS /* a metric family for each counter; ends with "# EOF" */
} lunalloc_format_t;

/*
 * Writes all statistics, from one snapshot of all arenas. Each letter of opts (may be NULL) omits a part: g general
 * information, m merged arenas, d destroyed ones, a single ones, b bins, l large classes, x locks, e free extents;
 * other letters are ignored. 0, EINVAL (no such format), ENOMEM.
 */
LUNALLOC_API int lunalloc_stats_write(lunalloc_format_t format, lunalloc_write_t *write, void *opaque,
                                      const char *opts);
/* jemalloc's function: writes text; with J among the letters JSON, with O OpenMetrics. If write is NULL, the report
 * goes to malloc_message, or else to standard error. */
LUNALLOC_API void malloc_stats_print(lunalloc_write_t *write, void *opaque, const char *opts);

#ifdef __cplusplus
}
#endif
#endif
