/* target_memory.c -- see target_memory.h. */
#include "attach/target_memory.h"

#include <errno.h>

int
target_memory_attach(process_t *process, uint64_t addr, target_handle_t **out) {
    (void)addr;
    (void)out;
    return memory_fail(process_memory(process), ENOTSUP, "%s: this console cannot read a process without its help",
                       process_title(process));
}
