/*
 * ctl_args.h -- names for the numbers in the schema's column arg: for handlers that serve several rows and tell them
 * apart by it. Where arg is the offset of a field, the row says so itself. Private to control/.
 */
#ifndef LUNALLOC_CONTROL_CTL_ARGS_H
#define LUNALLOC_CONTROL_CTL_ARGS_H

/* agent.* */
typedef enum {
    AGENT_ERROR,
    AGENT_NAUDIT,
    AGENT_NCONNECTIONS
} agent_number_t;

/* agent.audit.<i>.* */
typedef enum {
    AUDIT_NAME,
    AUDIT_NEW,
    AUDIT_OLD,
    AUDIT_PID,
    AUDIT_TIME,
    AUDIT_USER
} audit_field_t;

/* arena.<i>.decay and so on */
typedef enum {
    ARENA_DECAY,
    ARENA_PURGE,
    ARENA_PURGE_SLABS,
    ARENA_RESET,
    ARENA_DESTROY
} arena_action_t;

/* arenas.bin.<i>.* */
typedef enum {
    BIN_NREGS,
    BIN_NSHARDS,
    BIN_SIZE,
    BIN_SLAB_SIZE
} bin_field_t;

/* Numbers that hold for all arenas, arenas.*. */
typedef enum {
    NUMBER_ARENAS,
    NUMBER_AUTO,
    NUMBER_BINS,
    NUMBER_CACHED,
    NUMBER_HUGEPAGE,
    NUMBER_LEXTENTS,
    NUMBER_PAGE,
    NUMBER_QUANTUM
} number_t;

/* How the library was built, config.*. */
typedef enum {
    CONFIG_YES,
    CONFIG_DEBUG,
    CONFIG_TORTURE
} config_field_t;

/* prof.stats.*: one of each pair. */
enum {
    PROF_STATS_BINS = 0,
    PROF_STATS_LEXTENTS = 1,
    PROF_STATS_LIVE = 0,
    PROF_STATS_ACCUM = 2
};

/* The keywords that an unsupported option may be given (ctl_unsupported.h). */
typedef enum {
    KEYWORDS_ANY,
    KEYWORDS_DSS,
    KEYWORDS_HUGIFY,
    KEYWORDS_METADATA_THP,
    KEYWORDS_PERCPU,
    KEYWORDS_COUNT
} ctl_keywords_t;

/* record.* */
typedef enum {
    RECORD_NUMBER_EVENTS,
    RECORD_NUMBER_LOST,
    RECORD_NUMBER_THREADS
} record_number_t;

#endif
