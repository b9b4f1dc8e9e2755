/* schema.c -- the table, made of schema.def, which the build sorts: data, and the two views of a row. */
#include "control/schema.h"

#include "base/options.h"
#include "control/background.h"
#include "control/ctl_args.h"
#include "control/ctl_locks.h"
#include "observe/prof_sampling.h"
#include "thread/byte_counters.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define NO_RANGE        0, 0, EINVAL
#define RANGE(min, max) min, max, EINVAL
#define FAULT(min, max) min, max, EFAULT
/* The order is ctl_row_t's. */
#define CTL_ROW(name, type, unit, access, applies, range, default_text, doc, read, write, store, arg, option, traits)  \
    {name,       doc,         unit,        access, applies,         default_text, LUNALLOC_##type,                     \
     CTL_##read, CTL_##write, CTL_##store, range,  option_##option, traits,       arg},
#define CTL_UNSUPPORTED_ROW CTL_ROW

const ctl_row_t ctl_rows[] = {
#include "control/schema_sorted.def"
};

const size_t ctl_nrows = sizeof ctl_rows / sizeof ctl_rows[0];
_Static_assert(sizeof ctl_rows / sizeof ctl_rows[0] <= CTL_MAX_ROWS, "sources have room for each row");

#undef CTL_ROW
#undef CTL_UNSUPPORTED_ROW
#define CTL_ROW(...)             +1
#define CTL_UNSUPPORTED_ROW(...) +0
const size_t ctl_nsupported = 0
#include "control/schema_sorted.def"
    ;

/* What changes each option live. */
static const char live_names[OPTION_COUNT][32] = {
#define OPTION(name, type, unit, range, default_text, live, doc) [option_##name] = live,
#define OPTION_AS(name, type, unit, access, applies, range, default_text, live, doc, read, write, store)               \
    [option_##name] = live,
#include "control/schema/opt.def"
};

const char *
ctl_live(const ctl_row_t *row) {
    bool tells_setting = row->access[1] != 'w' && row->default_text[0] != '\0';
    return ctl_is_option(row) || tells_setting ? live_names[row->option] : "";
}

lunalloc_row_t
ctl_public_row(const ctl_row_t *row) {
    return ctl_row_with(row, ctl_live(row));
}
