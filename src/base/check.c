/* check.c -- builds the lines that check.h describes, without malloc. */
#include "base/check.h"

#include "base/fmt.h"

#include <stdlib.h>

void (*check_sink)(const char *text, size_t len);

/* Ends the line and hands it to the sink. */
static void
emit(fmt_t *line) {
    fmt_char(line, '\n');
    if (check_sink != NULL) {
        check_sink(line->buf, line->len);
    }
}

void
check_failed(const char *condition, const char *file, unsigned line) {
    char buf[512];
    fmt_t out = fmt_begin(buf, sizeof buf);
    fmt_str(&out, "lunalloc: broken invariant: ");
    fmt_str(&out, condition);
    fmt_str(&out, " (");
    fmt_str(&out, file);
    fmt_char(&out, ':');
    fmt_u64(&out, line);
    fmt_char(&out, ')');
    emit(&out);
    abort();
}

void
misuse(const char *what, const void *ptr, const char *detail) {
    char buf[512];
    fmt_t out = fmt_begin(buf, sizeof buf);
    fmt_str(&out, "lunalloc: ");
    fmt_str(&out, what);
    fmt_str(&out, ": 0x");
    fmt_hex(&out, (uintptr_t)ptr);
    fmt_str(&out, detail[0] != '\0' ? " " : "");
    fmt_str(&out, detail);
    emit(&out);
    abort();
}

void
warn(const char *text) {
    char buf[768];
    fmt_t out = fmt_begin(buf, sizeof buf);
    fmt_str(&out, "lunalloc: ");
    fmt_str(&out, text);
    emit(&out);
}

void
fatal(const char *text) {
    warn(text);
    abort();
}
