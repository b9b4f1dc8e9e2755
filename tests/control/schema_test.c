/* schema_test.c -- the table as data: order, names, and that each row does what its columns promise. */
#include "../api/support.h"
#include "control/ctl_names.h"
#include "control/text.h"

#include <errno.h>

#define FOR_EACH_ROW(row)                                                                                              \
    lunalloc_row_t row##_, *row = &row##_;                                                                             \
    for (size_t i_ = 0; i_ < ctl_nrows && (*row = ctl_public_row(&ctl_rows[i_]), true); i_++)

/* A concrete name: every index is 0. */
static void
at_zero(const char *pattern, char *name) {
    while (*pattern != '\0') {
        if (*pattern == '<') {
            *name++ = '0';
            pattern = strchr(pattern, '>') + 1;
        } else {
            *name++ = *pattern++;
        }
    }
    *name = '\0';
}

static bool
reads(const lunalloc_row_t *row) {
    return row->access[0] == 'r';
}

static bool
writes(const lunalloc_row_t *row) {
    return row->access[1] == 'w';
}

/* Byte order of whole names, a dot before any letter, keeps subtrees together; and no name stands twice, not even once
 * among the supported rows and once among the others. */
static void
test_sorted_and_unique(void **state) {
    (void)state;
    for (size_t i = 1; i < ctl_nrows; i++) {
        if (i != ctl_nsupported && strcmp(ctl_rows[i - 1].name, ctl_rows[i].name) >= 0) {
            fail_msg("%s does not come after %s", ctl_rows[i].name, ctl_rows[i - 1].name);
        }
        assert_ptr_equal(ctl_row_named(ctl_rows[i].name), &ctl_rows[i]);
    }
    assert_true(ctl_nsupported > 50 && ctl_nsupported < ctl_nrows);
    assert_int_equal(lunalloc_ctl_count(), ctl_nsupported);
}

static bool
is_one_of(const char *word, const char *const *words) {
    while (*words != NULL && strcmp(word, *words) != 0) {
        words++;
    }
    return *words != NULL;
}

static void
test_columns(void **state) {
    (void)state;
    static const char *const units[] = {"bytes", "ms",         "ns",         "count", "flag", "text",
                                        "",      "log2 bytes", "log2 ratio", "ratio", "ppm",  NULL};
    static const char *const accesses[] = {"r-", "rw", "-w", "--", NULL};
    static const char *const times[] = {"live", "new arenas", "new slabs", "boot", "", NULL};
    FOR_EACH_ROW(row) {
        assert_true(strlen(row->name) > 0 && strlen(row->name) <= TEXT_MAX_NAME);
        assert_true(strspn(row->name, "abcdefghijklmnopqrstuvwxyz0123456789_.<>") == strlen(row->name));
        assert_true(strlen(row->doc) > 0 && strchr(row->doc, '\n') == NULL);
        assert_true(is_one_of(row->unit, units));
        assert_true(is_one_of(row->access, accesses));
        assert_true(is_one_of(row->applies, times));
        assert_int_equal(row->type == LUNALLOC_VOID, strcmp(row->access, "--") == 0);
        assert_true(!writes(row) || row->applies[0] != '\0');
        assert_true(!row->ranged || row->min < row->max);
    }
}

static void
test_functions_fit_access(void **state) {
    (void)state;
    for (size_t i = 0; i < ctl_nrows; i++) {
        const ctl_row_t *row = &ctl_rows[i];
        lunalloc_row_t public = ctl_public_row(row);
        assert_true(row->read != CTL_none || ctl_has(row, ctl_exchanges) || !reads(&public));
        assert_true(row->read == CTL_none || reads(&public));
        bool exchanged = row->type == LUNALLOC_STRUCT || strcmp(row->name, "tcache.create") == 0;
        bool written = writes(&public) || row->type == LUNALLOC_VOID || exchanged;
        assert_int_equal(row->write != CTL_none, written);
        assert_int_equal(ctl_is_option(row), strncmp(row->name, "opt.", 4) == 0);
        assert_int_equal(ctl_is_supported(row), strncmp(row->doc, "unsupported: ", 13) != 0);
    }
    assert_null(ctl_row_named("no.such.row"));
    assert_null(ctl_row_named(""));
}

/* Each text ends within its field, and the columns are what the compiler left of them: no text was cut. */
static void
test_texts_fit(void **state) {
    (void)state;
    for (size_t i = 0; i < ctl_nrows; i++) {
        const ctl_row_t *row = &ctl_rows[i];
        assert_non_null(memchr(row->name, 0, sizeof row->name));
        assert_non_null(memchr(row->doc, 0, sizeof row->doc));
        assert_non_null(memchr(row->unit, 0, sizeof row->unit));
        assert_non_null(memchr(row->access, 0, sizeof row->access));
        assert_non_null(memchr(row->applies, 0, sizeof row->applies));
        assert_non_null(memchr(row->default_text, 0, sizeof row->default_text));
    }
}

/* The public view is the same table, but for the list, which has no unsupported rows; and a row is found by its pattern
 * and by a concrete name. */
static void
test_public_view(void **state) {
    (void)state;
    lunalloc_row_t row, found;
    for (size_t i = 0; i < ctl_nrows; i++) {
        char name[TEXT_MAX_NAME + 1];
        assert_int_equal(lunalloc_ctl_row(i, &row), i < ctl_nsupported ? 0 : ENOENT);
        row = ctl_public_row(&ctl_rows[i]);
        at_zero(row.name, name);
        assert_int_equal(lunalloc_ctl_describe(row.name, &found), 0);
        assert_ptr_equal(found.name, row.name);
        assert_int_equal(lunalloc_ctl_describe(name, &found), 0);
        assert_ptr_equal(found.name, row.name);
    }
    assert_int_equal(lunalloc_ctl_row(ctl_nrows, &row), ENOENT);
    assert_int_equal(lunalloc_ctl_row(SIZE_MAX, &row), ENOENT);
}

static bool
exchanges(const lunalloc_row_t *row) {
    return ctl_has(ctl_row_named(row->name), ctl_exchanges);
}

/* A row of two types: by mallctl alone. */
static bool
exchanges_only(const lunalloc_row_t *row) {
    const ctl_row_t *whole = ctl_row_named(row->name);
    return ctl_has(whole, ctl_exchanges) && whole->read == CTL_none;
}

/* Every readable row can be read at index 0 and gives a value of its type; the others say EPERM. */
static void
test_read_all(void **state) {
    (void)state;
    FOR_EACH_ROW(row) {
        char name[TEXT_MAX_NAME + 1], message[256];
        lunalloc_value_t value;
        at_zero(row->name, name);
        int error = lunalloc_ctl_get(name, &value, message, sizeof message);
        /* before the first write, and without a sample that has frames */
        bool empty = strncmp(name, "agent.audit.", 12) == 0 || strncmp(name, "prof.frame.", 11) == 0;
        int expected = empty ? ENOENT : exchanges_only(row) ? EINVAL : reads(row) ? 0 : EPERM;
        if (error != expected) {
            fail_msg("%s: error %d, %s", name, error, message);
        }
        if (error == 0) {
            assert_int_equal(value.type, row->type);
            assert_true(value.type != LUNALLOC_STRING || value.v.s != NULL);
        }
    }
}

/* Every writable row takes its present value back; the others refuse; actions that any arena allows are done. */
static void
test_write_all(void **state) {
    (void)state;
    FOR_EACH_ROW(row) {
        char name[TEXT_MAX_NAME + 1], message[256], text[64];
        lunalloc_value_t value;
        at_zero(row->name, name);
        if (row->type == LUNALLOC_VOID) {
            bool manual_only = strstr(name, "0.reset") != NULL || strstr(name, "0.destroy") != NULL;
            bool fails = strcmp(name, "prof.log_stop") == 0;
            assert_int_equal(lunalloc_ctl_set(name, NULL, message, sizeof message), manual_only ? EINVAL
                                                                                    : fails     ? EFAULT
                                                                                                : 0);
            assert_int_equal(lunalloc_ctl_set(name, "1", message, sizeof message), EINVAL);
        } else if (strncmp(name, "prof.", 5) == 0 && !reads(row)) {
            assert_int_equal(lunalloc_ctl_get(name, &value, message, sizeof message), EPERM);
        } else if (exchanges(row) || (writes(row) && !reads(row))) {
            bool by_text = row->type == LUNALLOC_STRING && !exchanges(row);
            bool refused = !by_text || strcmp(name, "record.area") == 0; /* "1" is no recorder's memory */
            int expected = refused ? EINVAL : strncmp(row->doc, "unsupported: ", 9) == 0 ? ENOENT : 0;
            assert_int_equal(lunalloc_ctl_set(name, "1", message, sizeof message), expected);
        } else if (writes(row)) {
            assert_int_equal(lunalloc_ctl_get(name, &value, message, sizeof message), 0);
            fmt_t out = fmt_begin(text, sizeof text);
            text_put(&out, &value);
            bool by_text = row->type != LUNALLOC_POINTER;
            bool ignored = ctl_row_named(row->name)->write == CTL_write_no_profiler;
            int expected = !by_text ? EINVAL : ignored ? ENOENT : 0;
            assert_int_equal(lunalloc_ctl_set(name, text, message, sizeof message), expected);
            assert_int_equal(lunalloc_ctl_set(name, NULL, message, sizeof message), EINVAL);
        } else {
            assert_int_equal(lunalloc_ctl_set(name, "1", message, sizeof message), EPERM);
        }
    }
}

static bool
same_value(const lunalloc_value_t *a, const lunalloc_value_t *b) {
    return a->type == LUNALLOC_STRING ? strcmp(a->v.s, b->v.s) == 0
           : a->type == LUNALLOC_BOOL ? a->v.b == b->v.b
                                      : a->v.u == b->v.u;
}

/* Before anything was changed, what has a default has that value: here, in a new process without configuration. */
static int
print_defaults(void) {
    int wrong = 0;
    FOR_EACH_ROW(row) {
        char name[TEXT_MAX_NAME + 1], why[256];
        lunalloc_value_t value, default_value;
        if (row->default_text[0] == '\0') {
            continue;
        }
        fmt_t out = fmt_begin(why, sizeof why);
        at_zero(row->name, name);
        bool same = text_parse(ctl_row_named(row->name), row->default_text, strlen(row->default_text), &default_value,
                               &out) == text_good &&
                    lunalloc_ctl_get(name, &value, NULL, 0) == 0 && same_value(&value, &default_value);
        if (!same) {
            dprintf(STDERR_FILENO, "%s is not %s\n", name, row->default_text);
            wrong = 1;
        }
    }
    return wrong;
}

static void
test_defaults(void **state) {
    (void)state;
    outcome_t out = in_new_process("defaults", "LUNALLOC_CONF", NULL);
    assert_child_well(&out);
}

/* Out of every range, at both ends, by text and by type: refused, and the value stays. */
static void
test_ranges(void **state) {
    (void)state;
    FOR_EACH_ROW(row) {
        char name[TEXT_MAX_NAME + 1], message[256], text[64];
        lunalloc_value_t before, after;
        if (!writes(row) || !row->ranged || row->type == LUNALLOC_BOOL) {
            continue;
        }
        at_zero(row->name, name);
        before.v.u = after.v.u = 0;
        assert_int_equal(lunalloc_ctl_get(name, &before, NULL, 0), reads(row) ? 0 : EPERM);
        if (row->min > INT64_MIN) {
            snprintf(text, sizeof text, "%lld", (long long)row->min - 1);
            assert_int_equal(lunalloc_ctl_set(name, text, message, sizeof message), EINVAL);
            assert_non_null(strstr(message, "allowed: "));
        }
        if (row->max < INT64_MAX) {
            snprintf(text, sizeof text, "%lld", (long long)row->max + 1);
            assert_int_equal(lunalloc_ctl_set(name, text, message, sizeof message), EINVAL);
            assert_non_null(strstr(message, "allowed: "));
        }
        assert_int_equal(lunalloc_ctl_get(name, &after, NULL, 0), reads(row) ? 0 : EPERM);
        assert_int_equal(after.v.u, before.v.u);
    }
}

/* What is in force is the class, and classes end. */
static bool
in_force(const lunalloc_row_t *row, int64_t given, const lunalloc_value_t *value) {
    bool rounds = strcmp(row->name, "arenas.tcache_largest") == 0 || strstr(row->name, "retain_grow_limit") != NULL;
    return value->v.i == given || (rounds && value->v.i > 0 && (value->v.i < given || given == 0));
}

/* Of the background threads an option is the limit. */
static int64_t
end_of_range(const lunalloc_row_t *row, bool most) {
    bool limited = strcmp(row->name, "max_background_threads") == 0;
    lunalloc_value_t limit = {.v.i = row->max};
    if (limited) {
        assert_int_equal(lunalloc_ctl_get("opt.max_background_threads", &limit, NULL, 0), 0);
    }
    return most ? limit.v.i : row->min;
}

/* Both ends of the range of what is live are taken, read so, and go again. */
static void
test_ends_of_ranges(void **state) {
    (void)state;
    FOR_EACH_ROW(row) {
        char name[TEXT_MAX_NAME + 1], text[32], before_text[32];
        lunalloc_value_t before, after;
        if (!writes(row) || !reads(row) || !row->ranged) {
            continue;
        }
        at_zero(row->name, name);
        assert_int_equal(lunalloc_ctl_get(name, &before, NULL, 0), 0);
        for (unsigned k = 0; k < 2; k++) {
            int64_t end = end_of_range(row, k == 1);
            snprintf(text, sizeof text, "%lld", (long long)end);
            must_set(name, text);
            assert_int_equal(lunalloc_ctl_get(name, &after, NULL, 0), 0);
            if (!in_force(row, end, &after)) {
                fail_msg("%s = %s reads %lld", name, text, (long long)after.v.i);
            }
            lunalloc_free(lunalloc_malloc(100000));
        }
        snprintf(before_text, sizeof before_text, "%lld", (long long)before.v.i);
        must_set(name, before_text);
    }
}

/* Windows has no sockets for the agent: there it stays off, and says why. */
static bool
is_unsupported(const char *name) {
#ifdef _WIN32
    char message[256];
    bool agent = strcmp(name, "agent.active") == 0;
    if (agent) {
        assert_int_equal(lunalloc_ctl_set(name, "true", message, sizeof message), ENOTSUP);
        assert_non_null(strstr(message, "no sockets"));
    }
    return agent;
#else
    (void)name;
    return false;
#endif
}

/* Every switch can be put to both sides, and reads so. */
static void
test_switches(void **state) {
    (void)state;
    FOR_EACH_ROW(row) {
        char name[TEXT_MAX_NAME + 1];
        lunalloc_value_t before, after;
        bool one_way = strcmp(row->name, "record.active") == 0; /* it can be ended only */
        if (!writes(row) || !reads(row) || row->type != LUNALLOC_BOOL || one_way) {
            continue;
        }
        at_zero(row->name, name);
        assert_int_equal(lunalloc_ctl_get(name, &before, NULL, 0), 0);
        if (is_unsupported(name)) {
            continue;
        }
        must_set(name, before.v.b ? "false" : "true");
        assert_int_equal(lunalloc_ctl_get(name, &after, NULL, 0), 0);
        assert_int_equal(after.v.b, !before.v.b);
        must_set(name, before.v.b ? "true" : "false");
        assert_int_equal(lunalloc_ctl_get(name, &after, NULL, 0), 0);
        assert_int_equal(after.v.b, before.v.b);
    }
}

static bool
is_live(const lunalloc_row_t *row) {
    return writes(row) && (strcmp(row->applies, "live") == 0 || strcmp(row->applies, "new slabs") == 0);
}

/* A row that is named as the live form of another is there, and live; the other is not. */
static void
test_live_forms(void **state) {
    (void)state;
    unsigned n = 0;
    FOR_EACH_ROW(row) {
        lunalloc_row_t live;
        if (row->live[0] != '\0') {
            assert_int_equal(lunalloc_ctl_describe(row->live, &live), 0);
            assert_string_equal(live.name, row->live);
            assert_true(is_live(&live) && !is_live(row));
            assert_string_equal(live.live, "");
            n++;
        }
    }
    assert_int_equal(n, 30);
}

/* An option whose name a live control ends in has that, or another one, as its live form. */
static void
test_options_with_a_live_form_say_so(void **state) {
    (void)state;
    FOR_EACH_ROW(row) {
        char option[TEXT_MAX_NAME + 1];
        lunalloc_row_t named;
        const char *last = strrchr(row->name, '.');
        snprintf(option, sizeof option, "opt.%s", last == NULL ? row->name : last + 1);
        bool other = !is_live(row) || strncmp(row->name, "opt.", 4) == 0 || lunalloc_ctl_describe(option, &named) != 0;
        bool unsupported = !other && strncmp(named.doc, "unsupported: ", 9) == 0;
        if (!other && !unsupported && named.live[0] == '\0' && strcmp(option, "opt.oversize_threshold") != 0) {
            fail_msg("%s does not say that %s is live", option, row->name);
        }
    }
}

/* A test has switched the agent on. Its thread is joined once it has ended. */
static int
end_agent(void **state) {
    lunalloc_value_t value;
    for (unsigned i = 0; i < 1000; i++) {
        must_set("agent.active", "false");
        if (lunalloc_ctl_get("agent.state", &value, NULL, 0) == 0 && strcmp(value.v.s, "off") == 0) {
            break;
        }
        usleep(10000);
    }
    must_set("agent.active", "false");
    (void)state;
    return 0;
}

int
main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) {
        return print_defaults();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorted_and_unique),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_functions_fit_access),
        cmocka_unit_test(test_texts_fit),
        cmocka_unit_test(test_public_view),
        cmocka_unit_test(test_read_all),
        cmocka_unit_test(test_write_all),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_ends_of_ranges),
        cmocka_unit_test(test_switches),
        cmocka_unit_test(test_live_forms),
        cmocka_unit_test(test_options_with_a_live_form_say_so),
    };
    return cmocka_run_group_tests_name("schema", tests, boot_allocator, end_agent);
}
