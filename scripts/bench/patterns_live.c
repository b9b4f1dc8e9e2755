/*
 * patterns_live.c -- one thread and many small blocks that live long: where they lie decides over time and memory.
 */
#include "patterns.h"

#include <stdlib.h>

/* ---- interpreter: 200 MB of counted objects, and many that live for a moment ---- */

enum {
    OBJECTS = 1400000,
    MOMENTARY = 8, /* objects of one step, which the next one frees */
    VISITED = 4,   /* objects that a step counts a reference to */
    STEPS = 25000  /* per percent */
};

typedef struct {
    size_t references, type;
} object_t;

static object_t *
new_object(uint64_t *state) {
    object_t *object = (object_t *)filled(log_uniform(state, 16, 5));
    *object = (object_t){1, 0};
    return object;
}

/* Objects near each other in the table were probably made at the same time. */
static void
visit(object_t *const *objects, size_t at) {
    for (size_t i = 1; i <= VISITED; i++) {
        objects[(at + i * i) % OBJECTS]->references++;
    }
}

static void
interpret(object_t **objects, size_t steps, uint64_t *state) {
    object_t *momentary[MOMENTARY] = {NULL};
    for (size_t step = 0; step < steps; step++) {
        for (size_t i = 0; i < MOMENTARY; i++) {
            free(momentary[i]);
            momentary[i] = new_object(state);
        }
        size_t at = below(next_random(state), OBJECTS);
        free(objects[at]);
        objects[at] = new_object(state);
        visit(objects, at);
    }
    for (size_t i = 0; i < MOMENTARY; i++) {
        free(momentary[i]);
    }
}

static void
run_interpreter(size_t percent) {
    object_t **objects = (object_t **)filled(OBJECTS * sizeof(object_t *));
    uint64_t state = seed_of(0);
    for (size_t i = 0; i < OBJECTS; i++) {
        objects[i] = new_object(&state);
    }
    interpret(objects, STEPS * percent, &state);
    for (size_t i = 0; i < OBJECTS; i++) {
        free(objects[i]);
    }
    free(objects);
}

/* ---- strings: short strings and arrays in the slots of a collector, which frees the dead ones in order ---- */

enum {
    VALUES = 400000,
    COLLECTIONS = 50, /* for 100 percent */
    ARRAY_FIRST = 4 * sizeof(void *),
    ARRAY_LAST = 256 * sizeof(void *)
};

/* An array starts with four elements, and grows by half as often as chance has it. */
static char *
new_array(uint64_t *state) {
    size_t size = ARRAY_FIRST;
    char *array = filled(size);
    while (size < ARRAY_LAST && next_random(state) >> 63 != 0) {
        size += size / 2;
        array = resized(array, size);
    }
    return array;
}

/* Three strings for an array. Strings of up to 23 bytes need no block of their own there. */
static char *
new_value(uint64_t *state) {
    uint64_t r = next_random(state);
    return (r & 3) == 0 ? new_array(state) : filled(24 + below(r, (r & 12) == 0 ? 1000 : 100));
}

static void
run_strings(size_t percent) {
    char **values = calloc(VALUES, sizeof *values);
    uint64_t state = seed_of(1);
    if (values == NULL) {
        give_up("no memory");
    }
    for (size_t round = 0; round < (COLLECTIONS * percent + 99) / 100; round++) {
        for (size_t i = 0; i < VALUES; i++) {
            values[i] = values[i] == NULL ? new_value(&state) : values[i];
        }
        for (size_t i = 0; i < VALUES; i++) {
            if (below(next_random(&state), 3) != 0) {
                free(values[i]);
                values[i] = NULL;
            }
        }
    }
    for (size_t i = 0; i < VALUES; i++) {
        free(values[i]);
    }
    free(values);
}

/* ---- tree: built once in random order, walked again and again ---- */

enum {
    NODES = 300000,
    WALKS = 30, /* for 100 percent */
    BODY = 6    /* numbers that a walk reads and changes */
};

/* A binary tree whose nodes are also linked in the order of their keys. */
typedef struct node {
    struct node *child[2], *next;
    uint64_t key;
    double body[BODY];
} node_t;

/* Nodes of two sizes, as for bodies and the cells that hold them. */
static node_t *
new_node(uint64_t *state) {
    uint64_t key = next_random(state);
    node_t *node = (node_t *)filled(sizeof *node + (key & 1) * 56);
    *node = (node_t){.key = key, .body = {1.0}};
    return node;
}

/* `before` is the last node on the way whose key is less: the new one follows it in the order. */
static void
insert(node_t *root, node_t *node) {
    node_t **link = &root, *before = NULL, *after = NULL;
    while (*link != NULL) {
        int right = node->key > (*link)->key;
        *(right ? &before : &after) = *link;
        link = &(*link)->child[right];
    }
    *link = node;
    node->next = after;
    if (before != NULL) {
        before->next = node;
    }
}

static void
walk(node_t *first) {
    double sum = 0;
    for (node_t *node = first; node != NULL; node = node->next) {
        for (size_t i = 1; i < BODY; i++) {
            node->body[i] = node->body[i] * 0.5 + node->body[i - 1];
            sum += node->body[i];
        }
    }
    if (sum < 0) {
        give_up("tree");
    }
}

/* The root has the least key, so it is the first node of the order. */
static void
run_tree(size_t percent) {
    uint64_t state = seed_of(2);
    node_t *root = new_node(&state);
    root->key = 0;
    for (size_t i = 1; i < NODES; i++) {
        insert(root, new_node(&state));
    }
    for (size_t i = 0; i < (WALKS * percent + 99) / 100; i++) {
        walk(root);
    }
    for (node_t *node = root, *next; node != NULL; node = next) {
        next = node->next;
        free(node);
    }
}

const pattern_t live_patterns[] = {
    {"interpreter", run_interpreter, "1.4 million objects of 16 to 512 B, replaced at random among short-lived ones"},
    {"strings", run_strings, "400,000 strings and growing arrays; a collector frees two thirds of them in order"},
    {"tree", run_tree, "300,000 nodes of 96 and 152 B, linked in random order, walked again and again"},
    {NULL, NULL, NULL},
};
