/* list_test.c -- order, removal from any place, and random operations against an array. */
#include "testing.h"

#include "base/list.h"

#define ITEMS      40
#define OPERATIONS 20000

typedef struct {
    unsigned id;
    list_t link;
} item_t;

static void
items_init(item_t *items, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        items[i].id = i;
        list_init(&items[i].link);
    }
}

/* The list holds exactly these items in this order, forwards and backwards. */
static void
assert_order(const list_t *list, const unsigned *ids, unsigned n) {
    const list_t *at = list;
    for (unsigned i = 0; i < n; i++) {
        assert_ptr_equal(at->next->prev, at);
        at = at->next;
        assert_ptr_not_equal(at, list);
        assert_int_equal(container_of(at, const item_t, link)->id, ids[i]);
    }
    assert_ptr_equal(at->next, list);
    assert_ptr_equal(list->prev, at);
    assert_int_equal(list_empty(list), n == 0);
}

static void
test_empty(void **state) {
    (void)state;
    list_t list;
    list_init(&list);
    assert_order(&list, NULL, 0);
}

static void
test_order(void **state) {
    (void)state;
    item_t items[4];
    list_t list;
    items_init(items, 4);
    list_init(&list);
    list_push_back(&list, &items[0].link);
    list_push_back(&list, &items[1].link);
    list_push_front(&list, &items[2].link);
    list_insert_before(&items[1].link, &items[3].link);
    assert_order(&list, (unsigned[]){2, 0, 3, 1}, 4);
}

static void
test_removal_is_idempotent(void **state) {
    (void)state;
    item_t items[3];
    list_t list;
    items_init(items, 3);
    list_init(&list);
    for (unsigned i = 0; i < 3; i++) {
        list_push_back(&list, &items[i].link);
    }
    list_remove(&items[1].link);
    assert_true(list_empty(&items[1].link));
    list_remove(&items[1].link);
    assert_order(&list, (unsigned[]){0, 2}, 2);
    list_remove(&items[0].link);
    list_remove(&items[2].link);
    assert_order(&list, NULL, 0);
}

static void
model_insert(unsigned *order, unsigned n, unsigned at, unsigned id) {
    memmove(order + at + 1, order + at, (n - at) * sizeof order[0]);
    order[at] = id;
}

static void
model_remove(unsigned *order, unsigned n, unsigned at) {
    memmove(order + at, order + at + 1, (n - at - 1) * sizeof order[0]);
}

static void
insert_somewhere(list_t *list, item_t *items, unsigned *order, unsigned n, unsigned id, uint64_t *seed) {
    unsigned at = random_below(seed, n + 1);
    if (at == 0) {
        list_push_front(list, &items[id].link);
    } else if (at == n) {
        list_push_back(list, &items[id].link);
    } else {
        list_insert_before(&items[order[at]].link, &items[id].link);
    }
    model_insert(order, n, at, id);
}

/* The place of an item in the model, or n. */
static unsigned
place(const unsigned *order, unsigned n, unsigned id) {
    unsigned at = 0;
    while (at < n && order[at] != id) {
        at++;
    }
    return at;
}

static void
test_against_model(void **state) {
    (void)state;
    item_t items[ITEMS];
    unsigned order[ITEMS];
    unsigned n = 0;
    uint64_t seed = 1;
    list_t list;
    items_init(items, ITEMS);
    list_init(&list);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        unsigned id = random_below(&seed, ITEMS);
        unsigned at = place(order, n, id);
        if (at == n) {
            insert_somewhere(&list, items, order, n++, id, &seed);
        } else {
            list_remove(&items[id].link);
            model_remove(order, n--, at);
        }
        assert_order(&list, order, n);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_removal_is_idempotent),
        cmocka_unit_test(test_against_model),
    };
    return cmocka_run_group_tests_name("base/list", tests, NULL, NULL);
}
