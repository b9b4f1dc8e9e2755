/* reader_value.c -- see reader_value.h. */
#include "attach/reader_value.h"

#include <errno.h>
#include <string.h>

/* ---- failures ---- */

int
no_such(reader_t *reader, const get_t *get, const char *what, size_t index) {
    return reader_fail(reader, ENOENT, "%s: there is no %s %zu", get->name, what, index);
}

int
no_such_arena(reader_t *reader, const get_t *get) {
    size_t index = get->at.index[0];
    if (index == CTL_ALL_ARENAS) {
        return reader_fail(reader, ENOENT, "%s: 4096 means all arenas, and this takes one; allowed: 0 to %u", get->name,
                           reader->narenas - 1);
    }
    return reader_fail(reader, ENOENT, "%s: there is no arena %zu%s; allowed: 0 to %u", get->name, index,
                       index < reader->narenas ? " now" : "", reader->narenas - 1);
}

int
not_from_outside(reader_t *reader, const get_t *get) {
    return reader_fail(reader, ENOTSUP, "%s cannot be read from memory alone; a process with an agent tells it",
                       get->name);
}

/* ---- text and numbers ---- */

int
set_text(reader_t *reader, const get_t *get, const char *text) {
    size_t n = strlen(text) < sizeof reader->text ? strlen(text) : sizeof reader->text - 1;
    for (size_t i = 0; i < n; i++) {
        reader->text[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
    }
    reader->text[n] = '\0';
    get->value->v.s = reader->text;
    return 0;
}

int
set_keyword(reader_t *reader, const get_t *get, const char *const *keywords, size_t n, uint64_t number) {
    return number < n ? set_text(reader, get, keywords[number])
                      : reader_fail(reader, EPROTO, "%s is damaged", get->name);
}
