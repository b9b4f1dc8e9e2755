/* ctl_option.c -- options: fields of options_t, whose offset is the row's arg. */
#include "base/options.h"
#include "control/ctl_unsupported.h"
#include "control/ctl_start.h"
#include "control/ctl_keywords.h"
#include "thread/refresh.h"

#include <errno.h>
#include <string.h>

static char *
option_field(const ctl_call_t *call) {
    return (char *)&options + call->arg;
}

int
read_option(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    char *field = option_field(call);
    switch (value->type) {
    case LUNALLOC_BOOL:
        value->v.b = *(bool *)field;
        break;
    case LUNALLOC_UNSIGNED:
        value->v.u = ctl_start_value(call->row, call->arg, atomic_get((_Atomic uint32_t *)(void *)field));
        break;
    case LUNALLOC_STRING:
        value->v.s = field;
        break;
    default:
        value->v.u = ctl_start_value(call->row, call->arg, atomic_get((_Atomic uint64_t *)(void *)field));
        break;
    }
    return 0;
}

/* A live name of an option is written. */
static void
keep_start(const ctl_call_t *call, lunalloc_type_t type) {
    const char *field = option_field(call);
    uint64_t now = type == LUNALLOC_UNSIGNED ? atomic_get((const _Atomic uint32_t *)(const void *)field)
                                             : atomic_get((const _Atomic uint64_t *)(const void *)field);
    ctl_start_keep(call->arg, now);
}

int
write_option(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    char *field = option_field(call);
    if (call->row->access[1] == 'w') {
        keep_start(call, value->type);
    }
    switch (value->type) {
    case LUNALLOC_BOOL:
        *(bool *)field = value->v.b;
        break;
    case LUNALLOC_UNSIGNED:
        atomic_set((_Atomic uint32_t *)(void *)field, (uint32_t)value->v.u);
        break;
    case LUNALLOC_STRING:
        strcpy(field, value->v.s);
        break;
    default:
        atomic_set((_Atomic uint64_t *)(void *)field, value->v.u);
        break;
    }
    return 0;
}

/* A limit of caches: threads are told. */
int
write_limit(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    int error = write_option(call, value, why);
    threads_request_refresh();
    return error;
}

int
read_opt_zero_realloc(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.s = ctl_zero_realloc_words[options.zero_realloc];
    return 0;
}

static int
write_opt_zero_realloc(const lunalloc_value_t *value, fmt_t *why) {
    uint32_t number;
    if (!ctl_choose(ctl_zero_realloc_words, value->v.s, &number, why)) {
        return EINVAL;
    }
    options.zero_realloc = (zero_realloc_t)number;
    return 0;
}

int
ctl_store_option(const ctl_row_t *row, const lunalloc_value_t *value, fmt_t *why) {
    ctl_call_t call = {.row = row, .arg = row->arg};
    switch (row->read) {
    case CTL_READ_read_unsupported:
        return ctl_unsupported_takes(row, value, why) ? 0 : EINVAL;
    case CTL_READ_read_junk:
        return write_junk(&call, value, why);
    case CTL_READ_read_zero:
        return write_zero(&call, value, why);
    case CTL_READ_read_quarantine:
        return write_quarantine(&call, value, why);
    case CTL_READ_read_opt_zero_realloc:
        return write_opt_zero_realloc(value, why);
    default:
        break;
    }
    return row->write != CTL_WRITE_NULL ? ctl_row_write(&call, value, why) : write_option(&call, value, why);
}

int
read_opt_thp(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.s = ctl_thp_words[atomic_get(&options.thp)];
    return 0;
}

int
write_opt_thp(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    uint32_t mode;
    if (!ctl_choose(ctl_thp_words, value->v.s, &mode, why)) {
        return EINVAL;
    }
    pages_huge_size(); /* is known before an allocation makes an arena */
    atomic_set(&options.thp, mode);
    return 0;
}
