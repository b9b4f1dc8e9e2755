/* ctl_unsupported.c -- jemalloc's names that have no meaning here: what they read as, and how writes of them fail. */
#include "control/ctl_unsupported.h"

#include "control/ctl_args.h"
#include "control/ctl_arena.h"
#include "control/text.h"

#include <errno.h>

static const ctl_keyword_t keywords[KEYWORDS_COUNT][5] = {
    [KEYWORDS_DSS] = {"disabled", "primary", "secondary"},
    [KEYWORDS_HUGIFY] = {"none", "lazy", "eager"},
    [KEYWORDS_METADATA_THP] = {"disabled", "auto", "always"},
    [KEYWORDS_PERCPU] = {"disabled", "percpu", "phycpu"},
};

const char ctl_dss_disabled[] = "disabled";

/* The value that the row reads as: its default; without one, zero. */
static lunalloc_value_t
value_of(const ctl_row_t *row) {
    char spare[64];
    fmt_t why = fmt_begin(spare, sizeof spare);
    lunalloc_value_t value = {.type = (lunalloc_type_t)row->type};
    if (row->type == LUNALLOC_STRING) {
        value.v.s = row->default_text;
    } else if (row->default_text[0] != '\0') {
        text_parse(row, row->default_text, strlen(row->default_text), &value, &why);
    }
    return value;
}

int
read_unsupported(ctl_call_t *call) {
    call->value = value_of(call->row);
    return 0;
}

bool
ctl_unsupported_reads(const ctl_row_t *row, const lunalloc_value_t *value) {
    lunalloc_value_t own = value_of(row);
    return row->type == LUNALLOC_STRING ? value->v.s != NULL && strcmp(value->v.s, own.v.s) == 0
           : row->type == LUNALLOC_BOOL ? value->v.b == own.v.b
                                        : value->v.u == own.v.u;
}

const char *
ctl_unsupported_reason(const ctl_row_t *row) {
    return row->doc + strlen(CTL_UNSUPPORTED);
}

/* Accepts any legal value of an unsupported option and ignores it. Types and ranges have been checked, keywords not. */
int
store_unsupported(ctl_call_t *call) {
    uint32_t number;
    uint32_t which = call->row->arg;
    return which == KEYWORDS_ANY || ctl_choose(keywords[which], call->value.v.s, &number, call->why) ? 0 : EINVAL;
}

/* ENOENT is what jemalloc says where it was built without something. */
int
write_unsupported(ctl_call_t *call) {
    if (ctl_unsupported_reads(call->row, &call->value)) {
        return 0;
    }
    fmt_str(call->why, "it has no effect here: ");
    fmt_str(call->why, ctl_unsupported_reason(call->row));
    return ENOENT;
}

/* ---- statistics of what does not exist here ---- */

int
read_stats_unsupported(ctl_call_t *call) {
    call->value.v.u = 0;
    return ctl_has_stats(call) ? 0 : ENOENT;
}

int
read_stats_dss(ctl_call_t *call) {
    call->value.v.s = ctl_dss_disabled;
    return ctl_has_stats(call) ? 0 : ENOENT;
}

/* ---- arena.<i>.dss ---- */

int
read_arena_dss(ctl_call_t *call) {
    call->value.v.s = ctl_dss_disabled;
    return call->index[0] == CTL_ALL_ARENAS || ctl_one_arena(call) != NULL ? 0 : ENOENT;
}

int
write_arena_dss(ctl_call_t *call) {
    uint32_t mode;
    if (call->index[0] != CTL_ALL_ARENAS && ctl_one_arena(call) == NULL) {
        return ENOENT;
    }
    if (!ctl_choose(keywords[KEYWORDS_DSS], call->value.v.s, &mode, call->why)) {
        return EINVAL;
    }
    if (mode != 0) {
        fmt_str(call->why, "memory is never taken from the program break");
    }
    return mode == 0 ? 0 : EFAULT;
}

int
write_prof_log_stop(ctl_call_t *call) {
    fmt_str(call->why, "nothing is being logged");
    return EFAULT;
}

/* ---- experimental.*: calls back into the application, and another profiler ---- */

int
write_no_profiler(ctl_call_t *call) {
    fmt_str(call->why, "nothing here calls or records it");
    return ENOENT;
}

int
exchange_no_profiler(ctl_call_t *call) {
    void *callback[2];
    return ctl_take(call->io, callback, sizeof callback) ? ENOENT : EINVAL;
}

int
exchange_hooks_install(ctl_call_t *call) {
    void *functions[4];
    return ctl_takes(call->io, sizeof(void *)) && ctl_take(call->io, functions, sizeof functions) ? ENOENT : EINVAL;
}

int
write_hooks_remove(ctl_call_t *call) {
    fmt_str(call->why, call->value.v.p == NULL ? "there is no hook to remove" : "no hook is installed");
    return call->value.v.p == NULL ? EINVAL : ENOENT;
}

int
exchange_thread_event(ctl_call_t *call) {
    return call->io->oldp != NULL && call->io->oldlenp != NULL ? EPERM : EINVAL;
}

int
exchange_activity_callback(ctl_call_t *call) {
    const void *none[2] = {NULL, NULL};
    void *given[2];
    bool reads = call->io->oldp != NULL && call->io->oldlenp != NULL;
    if (call->io->newp != NULL && !ctl_take(call->io, given, sizeof given)) {
        return EINVAL;
    }
    if (call->io->newp != NULL && (given[0] != NULL || given[1] != NULL)) {
        return ENOENT;
    }
    return reads ? ctl_put(call->io, none, sizeof none) : 0;
}
