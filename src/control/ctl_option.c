/* ctl_option.c -- options: fields of options_t, the value that each had at the start, keywords, and modes. */
#include "control/ctl_option.h"

#include "base/bits.h"
#include "base/options.h"
#include "os/pages.h"
#include "os/signal.h"
#include "thread/modes.h"
#include "thread/refresh.h"

#include <errno.h>
#include <string.h>

/* ---- keywords ---- */

const ctl_keyword_t ctl_thp_keywords[] = {"default", "always", "never", ""};

static const ctl_keyword_t junk_keywords[] = {"false", "true", "alloc", "free", ""};

/* zero_realloc_t */
static const ctl_keyword_t zero_realloc_keywords[] = {"free", "alloc", "abort", ""};

bool
ctl_choose(const ctl_keyword_t *keywords, const char *text, uint32_t *number, fmt_t *why) {
    for (uint32_t i = 0; text != NULL && keywords[i][0] != '\0'; i++) {
        if (strcmp(text, keywords[i]) == 0) {
            *number = i;
            return true;
        }
    }
    fmt_str(why, "allowed: ");
    for (uint32_t i = 0; keywords[i][0] != '\0'; i++) {
        fmt_str(why, i == 0 ? "" : ", ");
        fmt_str(why, keywords[i]);
    }
    return false;
}

/* ---- values at the start: opt.X tells them, whatever has been changed live since ---- */

/* Not static: another process finds it (control/layout.def). */
ctl_start_t ctl_option_starts[OPTION_COUNT];

/* A live name: what it writes is not what the option was at the start. */
static bool
is_live(const ctl_row_t *row) {
    return row->access[1] == 'w';
}

/* Called before a live name is written, with the value that the option has. The first call for an option keeps it; a
 * thread that finds it being kept writes after it was read, so it need not wait. */
static void
keep_start(const ctl_row_t *row, uint64_t value) {
    uint32_t unchanged = start_unchanged;
    if (is_live(row) &&
        atomic_compare_exchange_strong_explicit(&ctl_option_starts[row->option].state, &unchanged, start_being_kept,
                                                memory_order_relaxed, memory_order_relaxed)) {
        atomic_set(&ctl_option_starts[row->option].value, value);
        atomic_set_release(&ctl_option_starts[row->option].state, start_kept);
    }
}

/* What a row reads as: the option's value now, or, of a row that is not live, the one that was kept. */
static uint64_t
start_or(const ctl_row_t *row, uint64_t now) {
    bool changed = !is_live(row) && atomic_get_acquire(&ctl_option_starts[row->option].state) == start_kept;
    return changed ? atomic_get(&ctl_option_starts[row->option].value) : now;
}

/* ---- fields ---- */

/* A number of 64 bits, or of 32 if it is UNSIGNED. */
static uint64_t
get_number(const char *field, lunalloc_type_t type) {
    return type == LUNALLOC_UNSIGNED ? atomic_get((const _Atomic uint32_t *)(const void *)field)
                                     : atomic_get((const _Atomic uint64_t *)(const void *)field);
}

static void
set_number(char *field, lunalloc_type_t type, uint64_t value) {
    if (type == LUNALLOC_UNSIGNED) {
        atomic_set((_Atomic uint32_t *)(void *)field, (uint32_t)value);
    } else {
        atomic_set((_Atomic uint64_t *)(void *)field, value);
    }
}

static char *
option_field(const ctl_row_t *row) {
    return (char *)&options + row->arg;
}

int
read_option(ctl_call_t *call) {
    char *field = option_field(call->row);
    switch (call->row->type) {
    case LUNALLOC_BOOL:
        call->value.v.b = *(bool *)field;
        break;
    case LUNALLOC_STRING:
        call->value.v.s = field;
        break;
    default:
        call->value.v.u = start_or(call->row, get_number(field, (lunalloc_type_t)call->row->type));
        break;
    }
    return 0;
}

int
write_option(ctl_call_t *call) {
    char *field = option_field(call->row);
    lunalloc_type_t type = (lunalloc_type_t)call->row->type;
    switch (type) {
    case LUNALLOC_BOOL:
        *(bool *)field = call->value.v.b;
        break;
    case LUNALLOC_STRING:
        strcpy(field, call->value.v.s);
        break;
    default:
        keep_start(call->row, get_number(field, type));
        set_number(field, type, call->value.v.u);
        break;
    }
    return 0;
}

/* A limit of thread caches, of which each thread has a copy: all of them refresh it at their next slow path. */
int
write_limit(ctl_call_t *call) {
    int error = write_option(call);
    threads_request_refresh();
    return error;
}

/* ---- keywords that are stored as numbers ---- */

int
read_opt_zero_realloc(ctl_call_t *call) {
    call->value.v.s = zero_realloc_keywords[options.zero_realloc];
    return 0;
}

int
store_zero_realloc(ctl_call_t *call) {
    uint32_t number;
    if (!ctl_choose(zero_realloc_keywords, call->value.v.s, &number, call->why)) {
        return EINVAL;
    }
    options.zero_realloc = (zero_realloc_t)number;
    return 0;
}

int
read_opt_thp(ctl_call_t *call) {
    call->value.v.s = ctl_thp_keywords[atomic_get(&options.thp)];
    return 0;
}

int
write_opt_thp(ctl_call_t *call) {
    uint32_t mode;
    if (!ctl_choose(ctl_thp_keywords, call->value.v.s, &mode, call->why)) {
        return EINVAL;
    }
    pages_huge_size(); /* determines it now: no arena asks the system while it is being created */
    atomic_set(&options.thp, mode);
    return 0;
}

/* ---- a signal, which is stored as it is spelt ---- */

_Static_assert(sizeof options.dump_signal >= SIGNAL_TEXT_MAX, "any spelling fits");

int
read_opt_dump_signal(ctl_call_t *call) {
    call->value.v.s = options.dump_signal[0] == '\0' ? "off" : options.dump_signal;
    return 0;
}

int
store_dump_signal(ctl_call_t *call) {
    const char *text = call->value.v.s;
    bool off = strcmp(text, "off") == 0;
    if (!off && (strlen(text) >= sizeof options.dump_signal || signal_number(text) == 0)) {
        fmt_str(call->why,
                "allowed: off, SIGUSR1, SIGUSR2, SIGHUP, SIGQUIT, SIGURG, SIGWINCH, SIGRTMIN+n, or a number");
        return EINVAL;
    }
    strcpy(options.dump_signal, off ? "" : text);
    return 0;
}

/* ---- modes: junk, zero and quarantine share one word (thread/modes.h) ---- */

#define MODES_JUNK (MODE_JUNK_ALLOC | MODE_JUNK_FREE)

/* By the numbers of junk_keywords. */
static const uint8_t junk_modes[] = {0, MODES_JUNK, MODE_JUNK_ALLOC, MODE_JUNK_FREE};

/* The part of the word that the row reads as. */
static uint64_t
get_modes(const ctl_row_t *row, uint64_t mask) {
    return start_or(row, atomic_get(&options.modes)) & mask;
}

static void
set_modes(const ctl_row_t *row, uint64_t mask, uint64_t modes) {
    keep_start(row, atomic_get(&options.modes));
    modes_set(mask, modes);
}

int
read_junk(ctl_call_t *call) {
    uint32_t number = 0;
    while (junk_modes[number] != get_modes(call->row, MODES_JUNK)) {
        number++;
    }
    call->value.v.s = junk_keywords[number];
    return 0;
}

int
write_junk(ctl_call_t *call) {
    uint32_t number;
    if (!ctl_choose(junk_keywords, call->value.v.s, &number, call->why)) {
        return EINVAL;
    }
    set_modes(call->row, MODES_JUNK, junk_modes[number]);
    return 0;
}

int
read_zero(ctl_call_t *call) {
    call->value.v.b = get_modes(call->row, MODE_ZERO) != 0;
    return 0;
}

int
write_zero(ctl_call_t *call) {
    set_modes(call->row, MODE_ZERO, call->value.v.b ? MODE_ZERO : 0);
    return 0;
}

int
read_quarantine(ctl_call_t *call) {
    call->value.v.u = get_modes(call->row, MODES_QUARANTINE);
    return 0;
}

int
write_quarantine(ctl_call_t *call) {
    set_modes(call->row, MODES_QUARANTINE, align_up(call->value.v.u, 8));
    return 0;
}
