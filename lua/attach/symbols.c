/* symbols.c -- see symbols.h. */
#include "attach/symbols.h"

#include <stdio.h>
#include <string.h>

static const char *
base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* The first mapping of the file that the mapping is a part of: addresses count from there, as the linker's do. */
static uint64_t
start_of_file(const memory_map_t *maps, size_t i) {
    size_t first = i;
    while (first > 0 && strcmp(maps[first - 1].path, maps[i].path) == 0) {
        first--;
    }
    return maps[first].start - maps[first].offset;
}

void
symbols_name(memory_t *memory, uint64_t addr, char *name, size_t size) {
    const memory_map_t *maps;
    size_t n = 0;
    if (memory->ops->maps(memory, &maps, &n) != 0) {
        n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (addr >= maps[i].start && addr < maps[i].end && maps[i].path[0] == '/') {
            snprintf(name, size, "%s+0x%llx", base_name(maps[i].path),
                     (unsigned long long)(addr - start_of_file(maps, i)));
            return;
        }
    }
    snprintf(name, size, "0x%llx", (unsigned long long)addr);
}
