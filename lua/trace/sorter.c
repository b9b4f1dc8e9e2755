/* sorter.c -- a queue for each thread, and a heap of those that are not empty. See sorter.h. */
#include "sorter.h"

#include <string.h>

#include "order.h"

/* Events [head, tail) of the array wait. */
typedef struct {
    trace_array_t events;
    size_t head, tail;
} trace_queue_t;

typedef struct {
    uint64_t key;
    uint32_t thread;
} trace_waiting_t;

static trace_queue_t *
queue_of(const trace_sorter_t *sorter, uint32_t thread) {
    return (trace_queue_t *)sorter->queues.data + thread;
}

static record_event_t *
event_at(const trace_queue_t *queue, size_t i) {
    return (record_event_t *)queue->events.data + i;
}

static trace_waiting_t *
node(const trace_sorter_t *sorter, size_t i) {
    return (trace_waiting_t *)sorter->heap.data + i;
}

/* ---- the heap ---- */

static bool
is_before(const trace_waiting_t *a, const trace_waiting_t *b) {
    return a->key != b->key ? a->key < b->key : a->thread < b->thread;
}

static void
rise(trace_sorter_t *sorter, size_t i) {
    trace_waiting_t moving = *node(sorter, i);
    for (; i > 0 && is_before(&moving, node(sorter, (i - 1) / 2)); i = (i - 1) / 2) {
        *node(sorter, i) = *node(sorter, (i - 1) / 2);
    }
    *node(sorter, i) = moving;
}

static void
sink(trace_sorter_t *sorter) {
    trace_waiting_t moving = *node(sorter, 0);
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < sorter->n; i = child) {
        child += child + 1 < sorter->n && is_before(node(sorter, child + 1), node(sorter, child));
        if (!is_before(node(sorter, child), &moving)) {
            break;
        }
        *node(sorter, i) = *node(sorter, child);
    }
    *node(sorter, i) = moving;
}

/* ---- queues ---- */

/* Room for one more event: by moving those that wait to the front, or by growing. */
static bool
make_room(trace_queue_t *queue) {
    if (queue->tail < queue->events.n) {
        return true;
    } else if (queue->head > queue->tail / 2) {
        memmove(event_at(queue, 0), event_at(queue, queue->head), (queue->tail - queue->head) * sizeof(record_event_t));
        queue->tail -= queue->head;
        queue->head = 0;
        return true;
    }
    return trace_array_grow(&queue->events, queue->events.n == 0 ? 1024 : 2 * queue->events.n, sizeof(record_event_t));
}

bool
trace_sorter_add(trace_sorter_t *sorter, const record_event_t *event) {
    size_t threads = (size_t)event->thread + 1;
    if (!trace_array_grow(&sorter->queues, threads, sizeof(trace_queue_t)) ||
        !trace_array_grow(&sorter->heap, threads, sizeof(trace_waiting_t))) {
        return false;
    }
    trace_queue_t *queue = queue_of(sorter, event->thread);
    if (!make_room(queue)) {
        return false;
    }
    *event_at(queue, queue->tail++) = *event;
    sorter->waiting++;
    if (queue->tail - queue->head == 1) {
        *node(sorter, sorter->n++) = (trace_waiting_t){trace_event_key(event), event->thread};
        rise(sorter, sorter->n - 1);
    }
    return true;
}

bool
trace_sorter_next(trace_sorter_t *sorter, uint64_t until, record_event_t *event) {
    if (sorter->n == 0) {
        return false;
    }
    trace_queue_t *queue = queue_of(sorter, node(sorter, 0)->thread);
    if (event_at(queue, queue->head)->time > until) {
        return false;
    }
    *event = *event_at(queue, queue->head++);
    sorter->waiting--;
    if (queue->head < queue->tail) {
        node(sorter, 0)->key = trace_event_key(event_at(queue, queue->head));
    } else {
        queue->head = queue->tail = 0;
        *node(sorter, 0) = *node(sorter, --sorter->n);
    }
    if (sorter->n > 0) {
        sink(sorter);
    }
    return true;
}

void
trace_sorter_free(trace_sorter_t *sorter) {
    for (size_t i = 0; i < sorter->queues.n; i++) {
        trace_array_free(&queue_of(sorter, (uint32_t)i)->events);
    }
    trace_array_free(&sorter->queues);
    trace_array_free(&sorter->heap);
    sorter->n = sorter->waiting = 0;
}
