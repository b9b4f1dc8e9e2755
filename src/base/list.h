/*
 * list.h -- an intrusive doubly-linked list: put a list_t into each member, and use container_of to get from the node
 * to the member. Not synchronised: its owner's lock guards it.
 *
 * The list is circular, and a list is a node of its own, the head. An unlinked node points to itself, so removing twice
 * does no harm. Initialise every node with list_init.
 */
#ifndef LUNALLOC_BASE_LIST_H
#define LUNALLOC_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct list {
    struct list *prev, *next; /* Synchronization: that of the list. */
} list_t;

/* The structure of which `node` is the member `field`. */
#define container_of(node, type, field) ((type *)(void *)((char *)(node)-offsetof(type, field)))

static inline void
list_init(list_t *list) {
    list->prev = list->next = list;
}

static inline bool
list_empty(const list_t *list) {
    return list->next == list;
}

static inline void
list_insert_before(list_t *at, list_t *node) {
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
}

static inline void
list_push_front(list_t *list, list_t *node) {
    list_insert_before(list->next, node);
}

static inline void
list_push_back(list_t *list, list_t *node) {
    list_insert_before(list, node);
}

static inline void
list_remove(list_t *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#endif
