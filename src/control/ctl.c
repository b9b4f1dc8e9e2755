/*
 * ctl.c -- running handlers, and access by name with messages.
 *
 * What a handler says is a reason alone: "there is no arena 7". The message around it is made here, once an access has
 * failed: "arena.7.purge: there is no arena 7".
 */
#include "control/ctl.h"

#include "control/ctl_mark.h"
#include "control/ctl_unsupported.h"
#include "control/text.h"

#include <errno.h>
#include <string.h>

/* ---- handlers ---- */

int
ctl_run(unsigned handler, ctl_call_t *call) {
    switch ((ctl_handler_id_t)handler) {
#define HANDLER(name)                                                                                                  \
    case CTL_##name:                                                                                                   \
        return name(call);
#include "control/handlers.def"
    default:
        return EPERM;
    }
}

bool
ctl_in_range(const ctl_row_t *row, const lunalloc_value_t *value) {
    bool ranged = row->min != row->max;
    if (row->type == LUNALLOC_SSIZE) {
        return !ranged || (value->v.i >= row->min && value->v.i <= row->max);
    }
    if (row->type == LUNALLOC_UNSIGNED && value->v.u > UINT32_MAX) {
        return false;
    }
    return !ranged || (value->v.u >= (uint64_t)row->min && value->v.u <= (uint64_t)row->max);
}

/* Marks a write of `value`: the handler may have put another one in its place, as the keyword's number for its text. */
static void
mark_write(ctl_call_t *call, lunalloc_value_t value) {
    lunalloc_value_t result = call->value;
    call->value = value;
    ctl_mark(call);
    call->value = result;
}

int
ctl_write(ctl_call_t *call) {
    if (!ctl_in_range(call->row, &call->value)) {
        return ERANGE;
    }
    lunalloc_value_t value = call->value;
    call->given = true;
    int error = ctl_run(call->row->write, call);
    if (error == 0) {
        ctl_set_live(call);
        mark_write(call, value);
    }
    return error;
}

int
ctl_perform(ctl_call_t *call) {
    int error = ctl_run(call->row->write, call);
    if (error == 0 && !ctl_has(call->row, ctl_exchanges)) {
        ctl_mark(call);
    }
    return error;
}

/* ---- refusals before a handler runs ---- */

static int
refuse_unknown(const char *name, fmt_t *out) {
    char nearest[TEXT_MAX_NAME + 1];
    fmt_str(out, "no control '");
    fmt_str(out, name);
    fmt_char(out, '\'');
    if (ctl_suggest(name, nearest, sizeof nearest)) {
        fmt_str(out, "; did you mean '");
        fmt_str(out, nearest);
        fmt_str(out, "'?");
    }
    return ENOENT;
}

static int
refuse_group(const char *name, fmt_t *out) {
    char member[TEXT_MAX_NAME + 1];
    fmt_str(out, name);
    fmt_str(out, " is a group of controls");
    if (ctl_member(name, member, sizeof member)) {
        fmt_str(out, ", such as ");
        fmt_str(out, member);
    }
    return ENOENT;
}

/* A name that is the beginning of others, or a pattern whose indices are open, or unknown. */
static int
refuse_unresolved(const char *name, fmt_t *out) {
    ctl_name_t pattern;
    if (ctl_is_group(name)) {
        return refuse_group(name, out);
    }
    if (ctl_resolve(name, true, &pattern) != 0) {
        return refuse_unknown(name, out);
    }
    fmt_str(out, name);
    fmt_str(out, " needs a number in the place of <i> or <j>");
    return EINVAL;
}

static int
refuse_access(const ctl_row_t *row, const char *what, fmt_t *out) {
    fmt_str(out, row->name);
    fmt_str(out, what);
    const char *live = ctl_live(row);
    if (!ctl_is_supported(row)) {
        fmt_str(out, "; it has no effect here: ");
        fmt_str(out, ctl_unsupported_reason(row));
    } else if (strcmp(row->applies, "boot") == 0) {
        fmt_str(out, "; it is fixed at start: set it in LUNALLOC_CONF");
    }
    if (live[0] != '\0') {
        fmt_str(out, "; ");
        fmt_str(out, live);
        fmt_str(out, " changes it live");
    }
    return EPERM;
}

static int
refuse_exchange(const ctl_row_t *row, fmt_t *out) {
    fmt_str(out, row->name);
    fmt_str(out, " exchanges C values; allowed: mallctl, from C");
    return EINVAL;
}

static int
refuse_read(const ctl_row_t *row, fmt_t *out) {
    if (ctl_has(row, ctl_exchanges)) {
        return refuse_exchange(row, out);
    }
    bool action = row->type == LUNALLOC_VOID;
    return refuse_access(row, action ? " cannot be read: it is an action" : " cannot be read", out);
}

/* ---- messages ---- */

#define REASON_SIZE 256

/* How far an access came that failed. */
typedef enum {
    failed_name,    /* the name has no row */
    failed_access,  /* the row cannot be accessed in this way */
    failed_value,   /* the value is none of the row's */
    failed_handler, /* what the handler says */
} failure_t;

/* A buffer for a message: the caller's, or a spare one. */
static fmt_t
begin_message(char *message, size_t size, char *spare) {
    return message != NULL && size > 0 ? fmt_begin(message, size) : fmt_begin(spare, REASON_SIZE);
}

/* "name: 'value' cannot be set: reason" */
static void
put_failure(fmt_t *out, const char *name, const lunalloc_value_t *value, failure_t failure, const fmt_t *why) {
    fmt_str(out, name);
    fmt_str(out, ": ");
    if (value != NULL) {
        fmt_char(out, '\'');
        text_put(out, value);
        fmt_str(out, failure == failed_handler ? "' cannot be set: " : "' ");
    }
    fmt_mem(out, why->buf, why->len);
}

/* ---- reading ---- */

static COLD int
explain_read(const char *name, const ctl_call_t *call, failure_t failure, int error, fmt_t *out) {
    switch (failure) {
    case failed_name:
        return refuse_unresolved(name, out);
    case failed_access:
        return refuse_read(call->row, out);
    default:
        put_failure(out, name, NULL, failure, call->why);
        return error;
    }
}

/* The handler's reasons need no buffer until it fails: fmt_t is filled in as it is. */
int
ctl_get(const char *name, lunalloc_value_t *value, char *message, size_t size) {
    char spare[REASON_SIZE], reason[REASON_SIZE];
    fmt_t why = {.buf = reason, .size = sizeof reason};
    ctl_name_t resolved;
    ctl_call_t *call = &resolved.call;
    failure_t failure = failed_name;
    int error = ctl_resolve(name, false, &resolved);
    call->why = &why;
    if (error == 0) {
        failure = call->row->read == CTL_none ? failed_access : failed_handler;
        error = ctl_read(call);
        *value = call->value;
    }
    if (error != 0) {
        fmt_t out = begin_message(message, size, spare);
        return explain_read(name, call, failure, error, &out);
    }
    return 0;
}

/* ---- writing ---- */

static bool
lacks_value(const ctl_row_t *row, bool given) {
    return !given && row->type != LUNALLOC_VOID && !ctl_has(row, ctl_performs);
}

static bool
is_superfluous(const ctl_row_t *row, bool given) {
    return given && row->type == LUNALLOC_VOID;
}

static int
refuse_write(const char *name, const ctl_row_t *row, bool given, fmt_t *out) {
    if (row->write == CTL_none) {
        return refuse_access(row, " is read-only", out);
    }
    if (ctl_has(row, ctl_exchanges)) {
        return refuse_exchange(row, out);
    }
    fmt_str(out, name);
    fmt_str(out, is_superfluous(row, given) ? " is an action: it takes no value" : " needs a value");
    return EINVAL;
}

static COLD int
explain_write(const char *name, const ctl_call_t *call, const lunalloc_value_t *value, failure_t failure, int error,
              fmt_t *out) {
    switch (failure) {
    case failed_name:
        return refuse_unresolved(name, out);
    case failed_access:
        return refuse_write(name, call->row, value != NULL, out);
    default:
        put_failure(out, name, value, failure, call->why);
        return error;
    }
}

static bool
is_number(unsigned type) {
    return type == LUNALLOC_UNSIGNED || type == LUNALLOC_SIZE || type == LUNALLOC_SSIZE || type == LUNALLOC_U64;
}

/* A value of the row's type, from one of the same kind. False if it is of another kind, or does not fit the type. */
static bool
convert(const ctl_row_t *row, const lunalloc_value_t *from, lunalloc_value_t *to) {
    *to = *from;
    to->type = (lunalloc_type_t)row->type;
    if (row->type == LUNALLOC_BOOL) {
        return from->type == LUNALLOC_BOOL;
    }
    bool signs_differ = (row->type == LUNALLOC_SSIZE) != (from->type == LUNALLOC_SSIZE);
    return is_number(row->type) && is_number(from->type) && !(signs_differ && from->v.i < 0);
}

/* A value of another kind is read as what it says: the text "64M", the number 1 for true, any number as a string. text:
 * a buffer that outlives `to`. */
static bool
convert_text(const ctl_row_t *row, const lunalloc_value_t *from, fmt_t *text, lunalloc_value_t *to, fmt_t *why) {
    text_put(text, from);
    const char *read = from->type == LUNALLOC_STRING ? from->v.s : text->buf;
    return text_parse(row, read, strlen(read), to, why) == text_good;
}

static int
write_value(ctl_call_t *call, const lunalloc_value_t *value, failure_t *failure) {
    char digits[32];
    fmt_t text = {.buf = digits, .size = sizeof digits};
    *failure = failed_value;
    if (!convert(call->row, value, &call->value) && !convert_text(call->row, value, &text, &call->value, call->why)) {
        return EINVAL;
    }
    int error = ctl_write(call);
    if (error == ERANGE) {
        text_refuse_range(call->row, call->why);
        return EINVAL;
    }
    *failure = failed_handler;
    return error;
}

static int
write_resolved(ctl_call_t *call, const lunalloc_value_t *value, failure_t *failure) {
    const ctl_row_t *row = call->row;
    bool given = value != NULL;
    if (row->write == CTL_none || ctl_has(row, ctl_exchanges) || lacks_value(row, given) ||
        is_superfluous(row, given)) {
        *failure = failed_access;
        return EPERM;
    }
    call->given = given;
    *failure = failed_handler;
    return given ? write_value(call, value, failure) : ctl_perform(call);
}

int
ctl_set(const char *name, const lunalloc_value_t *value, char *message, size_t size) {
    char spare[REASON_SIZE], reason[REASON_SIZE];
    fmt_t why = {.buf = reason, .size = sizeof reason};
    ctl_name_t resolved;
    failure_t failure = failed_name;
    int error = ctl_resolve(name, false, &resolved);
    resolved.call.why = &why;
    value = value != NULL && value->type == LUNALLOC_STRING && value->v.s == NULL ? NULL : value;
    if (error == 0) {
        error = write_resolved(&resolved.call, value, &failure);
    }
    if (error != 0) {
        fmt_t out = begin_message(message, size, spare);
        return explain_write(name, &resolved.call, value, failure, error, &out);
    }
    return 0;
}
