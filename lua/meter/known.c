/* known.c -- the cache that says at a glance that a block lies in one of a heap's chunks: heap_knows(). */
#include "meter/heap.h"

uintptr_t heap_knows_nothing[HEAP_KNOWN];

void
heap_make_known(heap_t *heap) {
    uintptr_t *known = heap->known == heap_knows_nothing ? heap->memory.api->calloc(HEAP_KNOWN, sizeof(*known)) : NULL;
    heap->known = known != NULL ? known : heap->known;
}

void
heap_free_known(heap_t *heap) {
    if (heap->known != heap_knows_nothing) {
        heap->memory.api->free(heap->known);
    }
    heap->known = heap_knows_nothing;
}
