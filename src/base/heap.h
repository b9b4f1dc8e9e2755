/*
 * heap.h -- intrusive pairing heap with removal of any member.
 *
 * insert O(1), first O(1), remove O(log n) amortised. The order is a function of the caller's. No synchronisation of
 * its own. Source: M. Fredman, R. Sedgewick, D. Sleator, R. Tarjan, "The pairing heap", Algorithmica 1 (1986).
 */
#ifndef LUNALLOC_BASE_HEAP_H
#define LUNALLOC_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

typedef struct heap_node {
    /* Synchronization: that of the heap: these fields. */
    struct heap_node *child; /* first child */
    struct heap_node *next;  /* next sibling */
    struct heap_node *prev;  /* previous sibling, or the parent of a first child; NULL for the root */
} heap_node_t;

typedef struct {
    heap_node_t *root; /* Synchronization: the caller's. */
} heap_t;

typedef bool heap_less_t(const heap_node_t *a, const heap_node_t *b);

static inline heap_node_t *
heap_first(const heap_t *heap) {
    return heap->root;
}

/* The next member in some order that starts at heap_first and meets each one once; NULL after the last. O(1) amortised
 * over all of them. The heap must not change meanwhile. */
const heap_node_t *heap_next(const heap_node_t *node);

void heap_insert(heap_t *heap, heap_node_t *node, heap_less_t *less);
/* node must be a member. */
void heap_remove(heap_t *heap, heap_node_t *node, heap_less_t *less);

#endif
