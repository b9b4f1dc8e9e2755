/*
 * options.h -- the settings of the whole process as plain data, and their defaults. control/ parses and checks them;
 * any layer reads the ones that concern it. To add an option, add a field and a default here, and its row to the schema
 * (control/schema/opt.def).
 *
 * A field marked `live` is atomic and may change at any time. All others are constant once boot has finished. A change
 * that threads must take over from what they have cached also bumps the config generation, below.
 */
#ifndef LUNALLOC_BASE_OPTIONS_H
#define LUNALLOC_BASE_OPTIONS_H

#include "base/atomic.h"
#include "base/config.h"

/* Defaults, as numbers here and as text in the schema. */
#define DEFAULT_ABORT             false
#define DEFAULT_ABORT_CONF        false
#define DEFAULT_CONFIRM_CONF      false
#define DEFAULT_DLOPEN_DEEPBIND   false
#define DEFAULT_STATS_PRINT       false
#define DEFAULT_TCACHE            true
#define DEFAULT_NARENAS           0
#define DEFAULT_LG_QUANTUM        4
#define DEFAULT_TCACHE_MAX        32768
#define TCACHE_MAX_MAX            8388608
#define DEFAULT_TCACHE_NSLOTS     4096
#define DEFAULT_TCACHE_BYTES      262144
#define DEFAULT_RETAIN_GROW_LIMIT 268435456
#define DEFAULT_PREFAULT          262144
#define DEFAULT_DIRTY_DECAY_MS    10000
#define DEFAULT_MUZZY_DECAY_MS    0
#define DEFAULT_SLAB_DECAY_MS     10000
#define DEFAULT_DIRTY_MAX         -1
#define DEFAULT_THP               default
#define DEFAULT_BACKGROUND_THREAD true
#define DEFAULT_MAX_BACKGROUND    4
#define DEFAULT_OVERSIZE          0
#define DEFAULT_RETAIN            true
#define DEFAULT_LG_ACTIVE_FIT     63
#define DEFAULT_STATS_INTERVAL    -1
#define DEFAULT_ZERO_REALLOC      free
#define DEFAULT_PROF              false
#define DEFAULT_PROF_ACCUM        false
#define DEFAULT_PROF_ACTIVE       true
#define DEFAULT_PROF_FINAL        false
#define DEFAULT_PROF_GDUMP        false
#define DEFAULT_PROF_LEAK         false
#define DEFAULT_PROF_LEAK_ERROR   false
#define DEFAULT_PROF_THREADS      true
#define DEFAULT_PROF_PREFIX       jeprof
#define DEFAULT_LG_PROF_SAMPLE    19
#define DEFAULT_LG_PROF_INTERVAL  -1

/* Most bytes of an option that is text, terminator included. */
#define OPTION_TEXT_MAX 256

/* Bits of options.modes: what is done to memory when it is allocated and freed (thread/modes.h). The remaining bits are
 * the bytes of a quarantine, a multiple of 8. */
#define MODE_JUNK_ALLOC  1U
#define MODE_JUNK_FREE   2U
#define MODE_ZERO        4U
#define MODES_QUARANTINE (~UINT64_C(7))
#define QUARANTINE_MAX   (INT64_C(1) << 40)

/* What realloc does with a pointer and size 0. */
typedef enum {
    zero_realloc_free,  /* frees the block and returns NULL */
    zero_realloc_alloc, /* resizes it as if to 1 byte */
    zero_realloc_abort
} zero_realloc_t;

/* When other processes may look into this one, and change it (control/agent.h). */
typedef enum {
    agent_if_asked, /* an agent starts when it is asked for */
    agent_from_start,
    agent_read_only, /* from the start; whatever starts it, it refuses to change anything */
    agent_never
} agent_option_t;

typedef struct {
    /* Synchronization: written by boot, on one thread, then constant: these fields. */
    char bin_shards[OPTION_TEXT_MAX];       /* as written by the user: control/class_ranges.h */
    char slab_sizes[OPTION_TEXT_MAX];       /* as bin_shards */
    char stats_print_opts[OPTION_TEXT_MAX]; /* letters, as malloc_stats_print's */
    bool stats_print;                       /* print a report at exit */
    char prof_prefix[OPTION_TEXT_MAX];      /* beginning of the names of dumps */
    bool abort;                             /* a warning about the configuration aborts */
    bool abort_conf;                        /* a bad configuration pair aborts instead of being skipped */
    bool confirm_conf;                      /* print each source of configuration as it is read */
    bool dlopen_deepbind;                   /* let dlopen keep RTLD_DEEPBIND */
    bool tcache;                            /* threads have caches */
    bool background_thread;                 /* threads purge in the background */
    bool prof;                              /* profile from the start, if prof_active: observe/prof.h */
    bool prof_accum;                        /* dumps also contain all allocations since the start */
    bool prof_active;
    bool prof_final;              /* dump at exit */
    bool prof_gdump;              /* dump at each new maximum of mapped memory, from the start */
    bool prof_leak;               /* report at exit what has not been freed */
    bool prof_leak_error;         /* and then exit with status 1 if there is any */
    bool prof_thread_active_init; /* threads are sampled from their start */
    size_t lg_prof_sample;        /* log2 of the mean bytes between samples */
    int64_t lg_prof_interval;     /* log2 of the bytes allocated between dumps; -1: no such dumps */
    uint32_t narenas;             /* automatic arenas; 0 until boot decides: one for two processors */
    uint32_t lg_quantum;          /* 3 or 4 */
    zero_realloc_t zero_realloc;
    agent_option_t agent;
    bool retain;                               /* keep address space without live extents for reuse */
    size_t lg_extent_max_active_fit;           /* do not split a dirty extent more than 2^this times as large */
    size_t oversize_threshold;                 /* bytes; larger or equal requests share an arena of their own; 0: off */
    char dump_signal[16];                      /* makes a report be written to a file; "": none */
    char record[OPTION_TEXT_MAX];              /* path of a recorder's memory: record from the start; "": none */
    char report_prefix[OPTION_TEXT_MAX];       /* beginning of the names of these files, and of stats_interval's */
    int64_t stats_interval;                    /* bytes allocated between reports; -1: no such reports */
    char stats_interval_opts[OPTION_TEXT_MAX]; /* as stats_print_opts */
    size_t max_background_threads;             /* 1 .. BACKGROUND_MAX; bounds later changes, too */

    /* Synchronization: live: any thread writes and reads these fields, each for itself. */
    _Atomic uint64_t modes;           /* MODE_... bits, and the bytes of a thread's quarantine */
    _Atomic size_t tcache_max;        /* bytes; larger requests are not cached */
    _Atomic uint32_t tcache_nslots;   /* most objects of one class in one thread's cache */
    _Atomic size_t tcache_bytes;      /* most bytes of one class in one thread's cache */
    _Atomic size_t retain_grow_limit; /* bytes; new regions do not grow beyond it */
    _Atomic size_t prefault;          /* bytes; the most that are made resident together; 0: none (extent/prefault.h) */
    _Atomic int64_t dirty_decay_ms;   /* for new arenas; -1 never, 0 at once */
    _Atomic int64_t muzzy_decay_ms;   /* for new arenas */
    _Atomic int64_t dirty_max;        /* for new arenas; bytes; -1 no limit */
    _Atomic uint32_t thp;             /* for new arenas; pages_thp_t; 0: default */
    _Atomic int64_t slab_decay_ms;    /* for new arenas */
} options_t;

extern options_t options;

/*
 * The config generation: how a change reaches threads that have cached what it changes. To change such a setting, store
 * it, then bump the generation (release). Each thread compares the generation with the one it last saw, on its slow
 * paths (acquire), and refreshes its caches when they differ (thread/refresh.h). So no thread writes to another
 * thread's state, and the fast paths pay nothing.
 *
 * Another process can write a request into this one (observe/target.h). It adds 1 to `requests`, which nothing in this
 * process writes. Both parts are compared as one number, so threads notice a request without a second load.
 */
typedef union {
    _Atomic uint64_t both; /* Synchronization: any thread reads. */
    struct {
        _Atomic uint32_t changes;  /* Synchronization: any thread; only rises. */
        _Atomic uint32_t requests; /* Synchronization: another process writes, any thread reads. */
    } part;
} config_generation_t;

extern config_generation_t config_generation;

static inline void
config_generation_bump(void) {
    atomic_fetch_add_explicit(&config_generation.part.changes, 1, memory_order_release);
}

#endif
