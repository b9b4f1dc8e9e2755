/* ctl_unsupported.c -- names of jemalloc's that have no effect here: they read as the row's fallback, and refuse to be
 * anything else. */
#include "control/ctl_unsupported.h"

#include "control/ctl_arena.h"
#include "control/ctl_io.h"
#include "control/ctl_keywords.h"
#include "control/text.h"

#include <errno.h>

#define UNSUPPORTED "unsupported: "

/* What a row reads as. */
static void
fallback_of(const ctl_row_t *row, lunalloc_value_t *value) {
    char spare[64];
    fmt_t why = fmt_begin(spare, sizeof spare);
    lunalloc_row_t public = ctl_public_row(row);
    if (row->type == LUNALLOC_STRING) {
        value->v.s = row->default_text;
    } else if (row->default_text[0] == '\0') {
        value->v.p = NULL;
    } else {
        text_parse(&public, row->default_text, strlen(row->default_text), value, &why);
    }
}

int
read_unsupported(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    fallback_of(call->row, value);
    return 0;
}

bool
ctl_is_unsupported(const ctl_row_t *row, const lunalloc_value_t *value) {
    lunalloc_value_t fallback = {.type = (lunalloc_type_t)row->type};
    fallback_of(row, &fallback);
    return row->type == LUNALLOC_STRING ? value->v.s != NULL && strcmp(value->v.s, fallback.v.s) == 0
           : row->type == LUNALLOC_BOOL ? value->v.b == fallback.v.b
                                        : value->v.u == fallback.v.u;
}

const char *
ctl_unsupported_reason(const ctl_row_t *row) {
    return row->doc + strlen(UNSUPPORTED);
}

bool
ctl_unsupported_takes(const ctl_row_t *row, const lunalloc_value_t *value, fmt_t *why) {
    uint32_t number;
    bool words = row->type == LUNALLOC_STRING && row->arg != KEYWORDS_ANY;
    return !words || ctl_choose(ctl_unsupported_keywords[row->arg], value->v.s, &number, why);
}

/* ENOENT is what jemalloc says where it was built without something. */
int
write_unsupported(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    if (ctl_is_unsupported(call->row, value)) {
        return 0;
    }
    fmt_str(why, "it has no effect here: ");
    fmt_str(why, ctl_unsupported_reason(call->row));
    return ENOENT;
}

int
read_arena_dss(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    value->v.s = ctl_unsupported_keywords[KEYWORDS_DSS][0];
    return call->index[0] == CTL_ALL_ARENAS || ctl_one_arena(call, why) != NULL ? 0 : ENOENT;
}

int
write_arena_dss(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    uint32_t mode;
    if (call->index[0] != CTL_ALL_ARENAS && ctl_one_arena(call, why) == NULL) {
        return ENOENT;
    }
    if (!ctl_choose(ctl_unsupported_keywords[KEYWORDS_DSS], value->v.s, &mode, why)) {
        return EINVAL;
    }
    if (mode != 0) {
        fmt_str(why, "memory is never taken from the program break");
    }
    return mode == 0 ? 0 : EFAULT;
}

/* ---- experimental.*: what would call the application, or belongs to another profiler ---- */

int
write_no_profiler(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)value;
    fmt_str(why, "there is nothing that would call or record it");
    return ENOENT;
}

int
exchange_no_profiler(const ctl_call_t *call, const ctl_io_t *io) {
    (void)call;
    void *callback[2];
    return ctl_take(io, callback, sizeof callback) ? ENOENT : EINVAL;
}

int
exchange_hooks_install(const ctl_call_t *call, const ctl_io_t *io) {
    (void)call;
    void *functions[4];
    return ctl_takes(io, sizeof(void *)) && ctl_take(io, functions, sizeof functions) ? ENOENT : EINVAL;
}

int
write_hooks_remove(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    fmt_str(why, value->v.p == NULL ? "no hook is given" : "no hook is installed");
    return value->v.p == NULL ? EINVAL : ENOENT;
}

int
exchange_thread_event(const ctl_call_t *call, const ctl_io_t *io) {
    (void)call;
    return io->oldp != NULL && io->oldlenp != NULL ? EPERM : EINVAL;
}

int
exchange_activity_callback(const ctl_call_t *call, const ctl_io_t *io) {
    (void)call;
    const void *none[2] = {NULL, NULL};
    void *given[2];
    bool reads = io->oldp != NULL && io->oldlenp != NULL;
    if (io->newp != NULL && !ctl_take(io, given, sizeof given)) {
        return EINVAL;
    }
    if (io->newp != NULL && (given[0] != NULL || given[1] != NULL)) {
        return ENOENT;
    }
    return reads ? ctl_put(io, none, sizeof none) : 0;
}
