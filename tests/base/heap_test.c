/* heap_test.c -- random insertions and removals of any member, against a plain array; the links are checked each time.
 */
#include "testing.h"

#include "base/heap.h"
#include "base/list.h"

#define ITEMS      200
#define OPERATIONS 20000

typedef struct {
    unsigned key;
    unsigned id; /* decides between equal keys */
    bool member;
    heap_node_t node;
} item_t;

typedef struct {
    item_t items[ITEMS];
    heap_t heap;
    unsigned count;
    uint64_t seed;
} world_t;

static bool
less_item(const item_t *a, const item_t *b) {
    return a->key != b->key ? a->key < b->key : a->id < b->id;
}

static bool
less(const heap_node_t *a, const heap_node_t *b) {
    return less_item(container_of(a, const item_t, node), container_of(b, const item_t, node));
}

static const item_t *
smallest(const world_t *world) {
    const item_t *best = NULL;
    for (unsigned i = 0; i < ITEMS; i++) {
        const item_t *item = &world->items[i];
        if (item->member && (best == NULL || less_item(item, best))) {
            best = item;
        }
    }
    return best;
}

/* Parents before children, back links right. Returns the number of nodes below and beside `first`. */
static unsigned
check_siblings(const heap_node_t *first, const heap_node_t *parent) {
    unsigned n = 0;
    const heap_node_t *previous = parent;
    for (const heap_node_t *node = first; node != NULL; node = node->next) {
        assert_ptr_equal(node->prev, previous);
        assert_true(parent == NULL || less(parent, node));
        assert_true(container_of(node, const item_t, node)->member);
        n += 1 + check_siblings(node->child, node);
        previous = node;
    }
    return n;
}

static void
check_world(const world_t *world) {
    const heap_node_t *first = heap_first(&world->heap);
    const item_t *expected = smallest(world);
    assert_ptr_equal(first, expected == NULL ? NULL : &expected->node);
    assert_true(first == NULL || first->next == NULL);
    assert_int_equal(check_siblings(first, NULL), world->count);
}

static void
insert(world_t *world, item_t *item, unsigned keys) {
    item->key = random_below(&world->seed, keys);
    item->member = true;
    heap_insert(&world->heap, &item->node, less);
    world->count++;
}

static void
take(world_t *world, item_t *item) {
    heap_remove(&world->heap, &item->node, less);
    item->member = false;
    world->count--;
}

static void
world_init(world_t *world, uint64_t seed) {
    memset(world, 0, sizeof *world);
    world->seed = seed;
    for (unsigned i = 0; i < ITEMS; i++) {
        world->items[i].id = i;
    }
}

/* Few distinct keys make many equals; the mix drifts between filling and emptying. */
static void
run_model(unsigned keys, uint64_t seed) {
    static world_t world;
    world_init(&world, seed);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        item_t *item = &world.items[random_below(&world.seed, ITEMS)];
        bool filling = i / 1000 % 2 == 0;
        if (!item->member) {
            insert(&world, item, keys);
        } else if (!filling || random_below(&world.seed, 4) == 0) {
            take(&world, item);
        }
        check_world(&world);
    }
}

static void
test_distinct_keys(void **state) {
    (void)state;
    run_model(1000000, 1);
}

static void
test_equal_keys(void **state) {
    (void)state;
    run_model(3, 2);
}

static void
test_removal_in_order(void **state) {
    (void)state;
    static world_t world;
    world_init(&world, 3);
    for (unsigned i = 0; i < ITEMS; i++) {
        insert(&world, &world.items[i], 50);
    }
    const item_t *previous = NULL;
    while (heap_first(&world.heap) != NULL) {
        item_t *first = container_of(heap_first(&world.heap), item_t, node);
        assert_true(previous == NULL || less_item(previous, first));
        take(&world, first);
        check_world(&world);
        previous = first;
    }
    assert_int_equal(world.count, 0);
}

static void
test_empty(void **state) {
    (void)state;
    heap_t heap = {NULL};
    assert_null(heap_first(&heap));
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_distinct_keys),
        cmocka_unit_test(test_equal_keys),
        cmocka_unit_test(test_removal_in_order),
    };
    return cmocka_run_group_tests_name("base/heap", tests, NULL, NULL);
}
