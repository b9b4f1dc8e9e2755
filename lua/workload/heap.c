/*
 * heap.c -- see heap.h.
 */
#include "heap.h"

#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "loader.h"

/* The process's malloc, by its name. */
static heap_t
process_heap(void) {
    const allocator_t *allocator = allocator_of_process();
    return (heap_t){.name = allocator->name,
                    .version = allocator->version[0] == '\0' ? NULL : allocator->version,
                    .malloc = malloc,
                    .calloc = calloc,
                    .aligned_alloc = aligned_alloc,
                    .realloc = realloc,
                    .free = free,
                    .sized = sized_free_of_process()};
}

/* lunalloc's own entry points, in a process whose malloc is another one. */
static heap_t
lunalloc_heap(const lunalloc_api_t *api) {
    return (heap_t){.name = "lunalloc",
                    .version = LUNALLOC_VERSION,
                    .beside = allocator_title_of_process(),
                    .malloc = api->malloc,
                    .calloc = api->calloc,
                    .aligned_alloc = api->aligned_alloc,
                    .realloc = api->realloc,
                    .free = api->free,
                    .sized = sized_free_of_lunalloc()};
}

bool
heap_choose(heap_t *heap, bool process) {
    const lunalloc_api_t *api = loader_api();
    bool replaced = api != NULL && strcmp(allocator_of_process()->name, "lunalloc") == 0;
    if (api == NULL && !process) {
        return false;
    }
    *heap = process || replaced ? process_heap() : lunalloc_heap(api);
    if (replaced || !process) {
        heap->stats = api->stats;
        heap->set = api->ctl_write;
    }
    return true;
}
