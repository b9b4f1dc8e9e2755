/*
 * ctl.c -- access by name, with messages.
 *
 * What a handler says is a reason alone: "there is no arena 7". The message around it is made here, once an access has
 * failed: "arena.7.purge: there is no arena 7".
 */
#include "control/ctl.h"

#include "control/ctl_unsupported.h"
#include "control/text.h"

#include <errno.h>
#include <string.h>

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

static bool
lacks_value(const ctl_row_t *row, bool given) {
    return !given && row->type != LUNALLOC_VOID && !ctl_has(row, ctl_performs);
}

/* 0 if the row can be written, with or without a value. */
static int
refuse_write(const char *name, const ctl_row_t *row, bool given, fmt_t *out) {
    if (row->write == CTL_none) {
        return refuse_access(row, " is read-only", out);
    }
    if (ctl_has(row, ctl_exchanges)) {
        return refuse_exchange(row, out);
    }
    bool superfluous = given && row->type == LUNALLOC_VOID;
    if (!superfluous && !lacks_value(row, given)) {
        return 0;
    }
    fmt_str(out, name);
    fmt_str(out, superfluous ? " is an action: it takes no value" : " needs a value");
    return EINVAL;
}

/* ---- access ---- */

#define REASON_SIZE 256

/* The caller's buffer, or a spare one. */
static fmt_t
begin_message(char *message, size_t size, char *spare) {
    return message != NULL && size > 0 ? fmt_begin(message, size) : fmt_begin(spare, REASON_SIZE);
}

/* "name: 'value' cannot be set: reason"; the value only of a write that has one, "cannot be set" only if a handler
 * refused it. */
static void
put_failure(fmt_t *out, const char *name, const lunalloc_value_t *value, const char *verb, const fmt_t *why) {
    fmt_str(out, name);
    fmt_str(out, ": ");
    if (value != NULL) {
        fmt_char(out, '\'');
        text_put(out, value);
        fmt_str(out, "' ");
        fmt_str(out, verb);
    }
    fmt_mem(out, why->buf, why->len);
}

int
ctl_get(const char *name, lunalloc_value_t *value, char *message, size_t size) {
    char spare[REASON_SIZE], reason[REASON_SIZE];
    fmt_t out = begin_message(message, size, spare), why = fmt_begin(reason, sizeof reason);
    ctl_name_t resolved;
    if (ctl_resolve(name, false, &resolved) != 0) {
        return refuse_unresolved(name, &out);
    }
    ctl_call_t *call = &resolved.call;
    if (call->row->read == CTL_none) {
        return refuse_read(call->row, &out);
    }
    call->why = &why;
    int error = ctl_read(call);
    if (error != 0) {
        put_failure(&out, name, NULL, "", &why);
    }
    *value = call->value;
    return error;
}

static bool
is_number(unsigned type) {
    return type == LUNALLOC_UNSIGNED || type == LUNALLOC_SIZE || type == LUNALLOC_SSIZE || type == LUNALLOC_U64;
}

/* A value of the row's type, from one of the same kind. False if it does not fit, or is of another kind. */
static bool
convert(const ctl_row_t *row, const lunalloc_value_t *from, lunalloc_value_t *to) {
    *to = *from;
    to->type = (lunalloc_type_t)row->type;
    if (row->type == LUNALLOC_BOOL) {
        return from->type == LUNALLOC_BOOL;
    }
    bool signs_differ = (row->type == LUNALLOC_SSIZE) != (from->type == LUNALLOC_SSIZE);
    return is_number(row->type) && is_number(from->type) && !(signs_differ && from->v.i < 0) && ctl_in_range(row, to);
}

/* The text of a value of another kind is read as what it says: "1" for true, a number for a string. */
static bool
convert_text(const ctl_row_t *row, const lunalloc_value_t *from, fmt_t *text, lunalloc_value_t *to, fmt_t *why) {
    text_put(text, from);
    const char *read = from->type == LUNALLOC_STRING ? from->v.s : text->buf;
    return text_parse(row, read, strlen(read), to, why) == text_good;
}

static int
write_value(ctl_call_t *call, const lunalloc_value_t *value, const char **verb) {
    char digits[32];
    fmt_t text = fmt_begin(digits, sizeof digits);
    if (!convert(call->row, value, &call->value) && !convert_text(call->row, value, &text, &call->value, call->why)) {
        *verb = "";
        return EINVAL;
    }
    return ctl_write(call);
}

int
ctl_set(const char *name, const lunalloc_value_t *value, char *message, size_t size) {
    char spare[REASON_SIZE], reason[REASON_SIZE];
    fmt_t out = begin_message(message, size, spare), why = fmt_begin(reason, sizeof reason);
    ctl_name_t resolved;
    if (ctl_resolve(name, false, &resolved) != 0) {
        return refuse_unresolved(name, &out);
    }
    ctl_call_t *call = &resolved.call;
    value = value != NULL && value->type == LUNALLOC_STRING && value->v.s == NULL ? NULL : value;
    int error = refuse_write(name, call->row, value != NULL, &out);
    if (error != 0) {
        return error;
    }
    const char *verb = "cannot be set: ";
    call->why = &why;
    call->given = value != NULL;
    error = value != NULL ? write_value(call, value, &verb) : ctl_run(call->row->write, call);
    if (error != 0) {
        put_failure(&out, name, value, verb, &why);
    }
    return error;
}
