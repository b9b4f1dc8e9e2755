/* heap.c -- pairing heap: two-pass merging of a removed node's children. */
#include "base/heap.h"

/* Makes the larger of two roots the first child of the smaller, and returns the smaller. Either may be NULL. */
static heap_node_t *
meld(heap_node_t *a, heap_node_t *b, heap_less_t *less) {
    if (a == NULL || b == NULL) {
        return a == NULL ? b : a;
    }
    if (less(b, a)) {
        heap_node_t *t = a;
        a = b;
        b = t;
    }
    b->next = a->child;
    if (b->next != NULL) {
        b->next->prev = b;
    }
    b->prev = a;
    a->child = b;
    a->next = a->prev = NULL;
    return a;
}

/* Melds siblings in pairs from the left, stacking the results; then melds the stack from the right. */
static heap_node_t *
meld_siblings(heap_node_t *first, heap_less_t *less) {
    heap_node_t *stack = NULL;
    while (first != NULL) {
        heap_node_t *a = first;
        heap_node_t *b = a->next;
        first = b == NULL ? NULL : b->next;
        a->next = a->prev = NULL;
        if (b != NULL) {
            b->next = b->prev = NULL;
        }
        a = meld(a, b, less);
        a->next = stack;
        stack = a;
    }
    heap_node_t *root = NULL;
    while (stack != NULL) {
        heap_node_t *rest = stack->next;
        stack->next = NULL;
        root = meld(root, stack, less);
        stack = rest;
    }
    return root;
}

/* Unlinks a node that is not the root from its parent and siblings; it keeps its children. */
static void
cut(heap_node_t *node) {
    if (node->prev->child == node) {
        node->prev->child = node->next;
    } else {
        node->prev->next = node->next;
    }
    if (node->next != NULL) {
        node->next->prev = node->prev;
    }
}

/* The parent: the first sibling's `prev`. NULL for the root. */
static const heap_node_t *
parent_of(const heap_node_t *node) {
    while (node->prev != NULL && node->prev->child != node) {
        node = node->prev;
    }
    return node->prev;
}

/* In preorder: a node, its children, its next sibling. */
const heap_node_t *
heap_next(const heap_node_t *node) {
    if (node->child != NULL) {
        return node->child;
    }
    while (node != NULL && node->next == NULL) {
        node = parent_of(node);
    }
    return node == NULL ? NULL : node->next;
}

void
heap_insert(heap_t *heap, heap_node_t *node, heap_less_t *less) {
    node->child = node->next = node->prev = NULL;
    heap->root = meld(heap->root, node, less);
}

/* The children of a removed node become one heap, which takes the root's place or is melded with the root. */
void
heap_remove(heap_t *heap, heap_node_t *node, heap_less_t *less) {
    heap_node_t *orphans = meld_siblings(node->child, less);
    if (node == heap->root) {
        heap->root = orphans;
    } else {
        cut(node);
        heap->root = meld(heap->root, orphans, less);
    }
    node->child = node->next = node->prev = NULL;
}
