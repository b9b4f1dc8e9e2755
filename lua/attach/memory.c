/* memory.c -- what implementations of memory.h share. */
#include "attach/memory.h"

#include <stdarg.h>
#include <stdio.h>

int
memory_fail(memory_t *memory, int error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(memory->message, sizeof(memory->message), format, args);
    va_end(args);
    return error;
}
