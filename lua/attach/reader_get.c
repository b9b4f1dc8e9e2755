/*
 * reader_get.c -- values of controls in another process.
 *
 * A row of the schema names the handler that reads it in its own process (control/handlers.def). reader_settings.c,
 * reader_state.c and reader_counters.c do what each of these does, with the memory of the target. What only the
 * target's own code can do (create something, look at the calling thread) fails with ENOTSUP.
 */
#include "attach/reader_value.h"

#include <errno.h>

int
reader_get(reader_t *reader, const char *name, lunalloc_value_t *value) {
    get_t get = {.name = name, .value = value};
    int error = reader_resolve(reader, name, false, &get.at);
    if (error != 0) {
        return error;
    }
    get.row = get.at.row;
    *value = (lunalloc_value_t){.type = (lunalloc_type_t)get.row->type};
    if (get.row->read == CTL_none) {
        bool action = get.row->type == LUNALLOC_VOID;
        return reader_fail(reader, EPERM, "%s cannot be read%s", name, action ? ": it is an action" : "");
    }
    bool known;
    error = get_setting(reader, &get, &known);
    error = known ? error : get_state(reader, &get, &known);
    error = known ? error : get_counter(reader, &get, &known);
    if (known && error == 0 && value->type == LUNALLOC_STRING && value->v.s != reader->text) {
        return reader_fail(reader, EPROTO, "%s is damaged: its type is not that of its handler", name);
    }
    return known ? error : not_from_outside(reader, &get);
}
