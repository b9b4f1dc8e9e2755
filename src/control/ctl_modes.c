/* ctl_modes.c -- junk, zero and quarantine (thread/modes.h), under their live names and as options. */
#include "base/bits.h"
#include "control/ctl_start.h"
#include "control/ctl_keywords.h"
#include "thread/modes.h"
#include "thread/refresh.h"

#include <errno.h>

#define MODES_JUNK (MODE_JUNK_ALLOC | MODE_JUNK_FREE)

/* By the numbers of ctl_junk_words. */
static const uint8_t junk_modes[] = {0, MODES_JUNK, MODE_JUNK_ALLOC, MODE_JUNK_FREE};

/* Those of the mask that the row tells. */
static uint64_t
modes_of(const ctl_call_t *call, uint64_t mask) {
    return ctl_start_value(call->row, offsetof(options_t, modes), atomic_get(&options.modes)) & mask;
}

static void
change(const ctl_call_t *call, uint64_t mask, uint64_t modes) {
    if (call->row->access[1] == 'w') {
        ctl_start_keep(offsetof(options_t, modes), atomic_get(&options.modes));
    }
    modes_set(mask, modes);
}

int
read_junk(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    uint32_t number = 0;
    while (junk_modes[number] != modes_of(call, MODES_JUNK)) {
        number++;
    }
    value->v.s = ctl_junk_words[number];
    return 0;
}

int
write_junk(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    uint32_t number;
    if (!ctl_choose(ctl_junk_words, value->v.s, &number, why)) {
        return EINVAL;
    }
    change(call, MODES_JUNK, junk_modes[number]);
    return 0;
}

int
read_zero(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    value->v.b = modes_of(call, MODE_ZERO) != 0;
    return 0;
}

int
write_zero(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    change(call, MODE_ZERO, value->v.b ? MODE_ZERO : 0);
    return 0;
}

int
read_quarantine(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    value->v.u = modes_of(call, MODES_QUARANTINE);
    return 0;
}

int
write_quarantine(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)why;
    change(call, MODES_QUARANTINE, align_up(value->v.u, 8));
    return 0;
}
