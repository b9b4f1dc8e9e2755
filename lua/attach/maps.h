/*
 * maps.h -- reads the list of mappings that /proc/PID/maps is. process.c uses it.
 */
#ifndef LUNALLOC_LUA_ATTACH_MAPS_H
#define LUNALLOC_LUA_ATTACH_MAPS_H

#include "attach/memory.h"

/* Begins as zeros. `path` of each mapping points into `text`. */
typedef struct {
    memory_map_t *all;
    size_t n;
    char *text;
} maps_t;

/* Replaces the list by what the file has. 0, or an errno value, and the list is empty. */
int maps_read(maps_t *maps, int fd);
void maps_free(maps_t *maps);

#endif
