/* ctl.c -- access by text, with messages. Access by C types is ctl_typed.c's. */
#include "control/ctl.h"

#include "control/ctl_unsupported.h"
#include "control/text.h"

#include <errno.h>
#include <string.h>

int
ctl_write_checked(const ctl_name_t *name, const lunalloc_value_t *value, int range_error, fmt_t *why) {
    lunalloc_row_t row = ctl_public_row(name->row);
    if (!text_in_range(&row, value, why)) {
        return range_error;
    }
    int error = ctl_row_write(&name->call, value, why);
    if (error == 0) {
        ctl_set_live(name);
    }
    return error == EINVAL ? range_error : error;
}

static fmt_t
begin_message(char *message, size_t size, char *spare, size_t spare_size) {
    return message != NULL && size > 0 ? fmt_begin(message, size) : fmt_begin(spare, spare_size);
}

static int
unknown(const char *name, fmt_t *out) {
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

/* The beginning of names: it has no value of its own. */
static int
group(const char *name, fmt_t *out) {
    char member[TEXT_MAX_NAME + 1];
    fmt_str(out, name);
    fmt_str(out, " is a group of controls");
    if (ctl_member(name, member, sizeof member)) {
        fmt_str(out, ", such as ");
        fmt_str(out, member);
    }
    return ENOENT;
}

/* A name that is known but for its indices, or the beginning of some, or not at all. */
static int
unresolved(const char *name, fmt_t *out) {
    ctl_name_t pattern;
    if (ctl_is_group(name)) {
        return group(name, out);
    }
    if (ctl_resolve(name, true, &pattern) != 0) {
        return unknown(name, out);
    }
    fmt_str(out, name);
    fmt_str(out, " needs a number in the place of <i> or <j>");
    return EINVAL;
}

static int
denied(const ctl_name_t *name, const char *what, fmt_t *out) {
    fmt_str(out, name->row->name);
    fmt_str(out, what);
    const char *live = ctl_live(name->row->name);
    if (name->row->read == CTL_READ_read_unsupported) {
        fmt_str(out, "; it has no effect here: ");
        fmt_str(out, ctl_unsupported_reason(name->row));
    } else if (strcmp(name->row->applies, "boot") == 0) {
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
only_typed(const ctl_name_t *name, fmt_t *out) {
    fmt_str(out, name->row->name);
    fmt_str(out, " exchanges C values; allowed: mallctl, from C");
    return EINVAL;
}

static int
unreadable(const ctl_name_t *name, fmt_t *out) {
    if (ctl_exchanges(name->row)) {
        return only_typed(name, out);
    }
    bool action = name->row->type == LUNALLOC_VOID;
    return denied(name, action ? " cannot be read: it is an action" : " cannot be read", out);
}

int
ctl_get(const char *name, lunalloc_value_t *value, char *message, size_t size) {
    char spare[256];
    fmt_t out = begin_message(message, size, spare, sizeof spare);
    ctl_name_t resolved;
    if (ctl_resolve(name, false, &resolved) != 0) {
        return unresolved(name, &out);
    }
    if (resolved.row->read == CTL_READ_NULL) {
        return unreadable(&resolved, &out);
    }
    *value = (lunalloc_value_t){.type = (lunalloc_type_t)resolved.row->type};
    fmt_str(&out, name);
    fmt_str(&out, ": ");
    return ctl_row_read(&resolved.call, value, &out);
}

static int
set_text(const ctl_name_t *name, const char *text, fmt_t *why) {
    lunalloc_value_t value;
    fmt_char(why, '\'');
    fmt_str(why, text);
    fmt_str(why, "' ");
    lunalloc_row_t row = ctl_public_row(name->row);
    if (!text_parse(&row, text, strlen(text), &value, why)) {
        return EINVAL;
    }
    fmt_str(why, "cannot be set: ");
    return ctl_write_checked(name, &value, EINVAL, why);
}

int
ctl_set(const char *name, const char *text, char *message, size_t size) {
    char spare[256];
    fmt_t out = begin_message(message, size, spare, sizeof spare);
    ctl_name_t resolved;
    if (ctl_resolve(name, false, &resolved) != 0) {
        return unresolved(name, &out);
    }
    bool action = resolved.row->type == LUNALLOC_VOID;
    if (resolved.row->write == CTL_WRITE_NULL) {
        return denied(&resolved, " is read-only", &out);
    }
    if (ctl_exchanges(resolved.row)) {
        return only_typed(&resolved, &out);
    }
    if (action != (text == NULL) && !(text == NULL && ctl_performs(resolved.row))) {
        fmt_str(&out, name);
        fmt_str(&out, action ? " is an action: it takes no value" : " needs a value");
        return EINVAL;
    }
    fmt_str(&out, name);
    fmt_str(&out, ": ");
    return text == NULL ? ctl_row_write(&resolved.call, NULL, &out) : set_text(&resolved, text, &out);
}
