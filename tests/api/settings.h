/* settings.h -- controls that must take what they are given. */
#ifndef TESTS_API_SETTINGS_H
#define TESTS_API_SETTINGS_H

#include "lunalloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* value: NULL for an action. */
static inline void
must_set(const char *name, const char *value) {
    char message[256] = "";
    if (lunalloc_ctl_set(name, value, message, sizeof message) != 0) {
        fail_msg("%s = %s: %s", name, value == NULL ? "" : value, message);
    }
}

#endif
