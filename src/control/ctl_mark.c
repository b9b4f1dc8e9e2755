/* ctl_mark.c -- from a call to a mark: its name with numbers, its value as text. */
#include "control/ctl_mark.h"

#include "control/ctl_browse.h"
#include "control/text.h"
#include "observe/history.h"

static bool
is_worth_a_mark(const ctl_row_t *row) {
    return !ctl_has(row, ctl_writes_first) && !ctl_is_of(row, "thread.") && ctl_is_supported(row);
}

/* Each "<i>" is replaced by its number. */
static void
put_name(fmt_t *out, const ctl_call_t *call) {
    const char *at = call->row->name;
    for (unsigned k = 0; *at != '\0'; at++) {
        if (ctl_is_index(at)) {
            fmt_u64(out, call->index[k++]);
            at += ctl_component(at) - 1;
        } else {
            fmt_char(out, *at);
        }
    }
}

void
ctl_mark(const ctl_call_t *call) {
    if (!history_is_kept() || !is_worth_a_mark(call->row)) {
        return;
    }
    char name[TEXT_MAX_NAME + 1], value[LUNALLOC_MARK_VALUE + 1];
    fmt_t as_name = fmt_begin(name, sizeof name), as_value = fmt_begin(value, sizeof value);
    put_name(&as_name, call);
    if (call->given) {
        text_put(&as_value, &call->value);
    }
    history_mark(name, value);
}
