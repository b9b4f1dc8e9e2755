/*
 * conf.h -- what the tests of configuration share. Such a program runs itself again with a variable set and an
 * argument; the new process reports what became of the options, the parent asserts that and what was said on standard
 * error.
 */
#ifndef TESTS_CONTROL_CONF_H
#define TESTS_CONTROL_CONF_H

#include "../api/support.h"
#include "control/conf.h"

#include <errno.h>

/* What the ends of a block hold before it is written to, and after it is freed. */
static inline void
report_contents(void) {
    volatile unsigned char *ptr = lunalloc_malloc(1536);
    dprintf(STDERR_FILENO, "fresh %02x %02x", ptr[0], ptr[1535]);
    lunalloc_free((void *)ptr);
    dprintf(STDERR_FILENO, " freed %02x %02x\n", ptr[0], ptr[1535]);
}

/* Prints the argument "name name ..." as "name=value(source)" lines, and "contents" as contents. */
static inline int
report(char *names) {
    for (char *name = strtok(names, " "); name != NULL; name = strtok(NULL, " ")) {
        lunalloc_value_t value;
        const char *source;
        if (strcmp(name, "contents") == 0) {
            report_contents();
            continue;
        }
        if (lunalloc_ctl_get(name, &value, NULL, 0) != 0 || lunalloc_ctl_source(name, &source) != 0) {
            return 1;
        }
        if (value.type == LUNALLOC_STRING) {
            dprintf(STDERR_FILENO, "%s=%s(%s)\n", name, value.v.s, source);
            continue;
        }
        long long number = value.type == LUNALLOC_BOOL ? value.v.b : (long long)value.v.i;
        dprintf(STDERR_FILENO, "%s=%lld(%s)\n", name, number, source);
    }
    return 0;
}

/* With this configuration, the options read so, after these complaints: `expected` is all of standard error. */
static inline void
assert_conf(const char *conf, const char *names, const char *expected) {
    outcome_t out = in_new_process(names, "LUNALLOC_CONF", conf);
    assert_child_well(&out);
    assert_string_equal(out.text, expected);
}

/* Lines of a text that hold a word. */
static inline unsigned
lines_with(const char *text, const char *word) {
    unsigned n = 0;
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        const char *found = strstr(line, word);
        n += found != NULL && found < strchr(line, '\n');
    }
    return n;
}

#endif
