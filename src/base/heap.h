/*
 * heap.h -- an intrusive pairing heap: a priority queue from which any member can be removed. Free extents of one size
 * class are in such a heap (extent/extents.c). Not synchronised: its owner's lock guards it.
 *
 * insert and first are O(1), remove is O(log n) amortised. The caller's `less` gives the order; it must be the same in
 * every call. Source: M. Fredman, R. Sedgewick, D. Sleator, R. Tarjan, "The pairing heap", Algorithmica 1 (1986).
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

/* Empty when zeroed. */
typedef struct {
    heap_node_t *root; /* Synchronization: the caller's. */
} heap_t;

typedef bool heap_less_t(const heap_node_t *a, const heap_node_t *b);

/* The least member; NULL if the heap is empty. */
static inline heap_node_t *
heap_first(const heap_t *heap) {
    return heap->root;
}

/* The member after `node` in an order that starts at heap_first and visits each member once; NULL after the last. O(1)
 * amortised over all members. The heap must not change meanwhile. */
const heap_node_t *heap_next(const heap_node_t *node);

void heap_insert(heap_t *heap, heap_node_t *node, heap_less_t *less);
/* node must be a member. */
void heap_remove(heap_t *heap, heap_node_t *node, heap_less_t *less);

#endif
