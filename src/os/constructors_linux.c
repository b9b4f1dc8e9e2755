/*
 * constructors_linux.c -- the linker's list of loaded objects, as debuggers read it. Its code runs in every process, so
 * it compares names itself instead of calling the C library.
 */
#include "os/process.h"

#include <link.h>

#pragma weak _r_debug

/* Of every object that this linker makes; it points to start code that calls nothing. */
#define NO_CONSTRUCTORS sizeof(void (*)(void))

BOOT_CONSTANT static const char libc_name[] = "libc.so.";

/* Is it the C library? Its constructors register no handlers of fork. */
static AT_LOAD bool
is_libc(const struct link_map *object) {
    const char *base = object->l_name;
    for (const char *at = base; *at != '\0'; at++) {
        base = *at == '/' ? at + 1 : base;
    }
    size_t i = 0;
    while (libc_name[i] != '\0' && base[i] == libc_name[i]) {
        i++;
    }
    return libc_name[i] == '\0';
}

static AT_LOAD bool
has_constructors(const struct link_map *object) {
    for (const ElfW(Dyn) *entry = object->l_ld; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_INIT_ARRAYSZ && entry->d_un.d_val > NO_CONSTRUCTORS) {
            return true;
        }
    }
    return false;
}

AT_LOAD bool
process_others_construct(void) {
    if (&_r_debug == NULL || _r_debug.r_map == NULL) {
        return true;
    }
    for (const struct link_map *object = _r_debug.r_map; object != NULL; object = object->l_next) {
        if (object->l_ld != _DYNAMIC && has_constructors(object) && !is_libc(object)) {
            return true;
        }
    }
    return false;
}
