/* sample_set.c -- see sample_set.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* mremap */
#endif
#include "sample_set.h"

#include <string.h>
#include <sys/mman.h>

enum {
    FIRST_ROOM = 1 << 16
};

/* ---- arrays ---- */

static bool
resize(sample_array_t *array, size_t room) {
    void *moved = array->data == NULL ? mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                      : mremap(array->data, array->room, room, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED) {
        return false;
    }
    array->data = moved;
    array->room = room;
    return true;
}

/* The place of `count` new elements, which are zeros; NULL if there is no memory. */
static void *
append(sample_array_t *array, size_t size, size_t count) {
    size_t room = array->room != 0 ? array->room : FIRST_ROOM;
    while (room / size < array->n + count) {
        room *= 2;
    }
    if (room != array->room && !resize(array, room)) {
        return NULL;
    }
    array->n += count;
    return (char *)array->data + (array->n - count) * size;
}

void
sample_array_free(sample_array_t *array) {
    if (array->data != NULL) {
        munmap(array->data, array->room);
    }
    *array = (sample_array_t){0};
}

/* ---- numbers by hash ---- */

static uint64_t
mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

typedef bool same_t(const void *context, uint32_t number);
typedef uint64_t hash_of_t(const void *context, uint32_t number);

/* The slot of what has this hash and is the same: it has the number, or is free. */
static uint32_t *
slot_of(const sample_index_t *index, uint64_t hash, same_t *same, const void *context) {
    uint32_t *slots = index->slots.data;
    size_t mask = index->slots.n - 1;
    size_t i = hash & mask;
    while (slots[i] != 0 && !same(context, slots[i] - 1)) {
        i = (i + 1) & mask;
    }
    return &slots[i];
}

static bool
always_another(const void *context, uint32_t number) {
    (void)context;
    (void)number;
    return false;
}

/* Makes room for one more number. False if there is no memory. */
static bool
index_reserve(sample_index_t *index, hash_of_t *hash_of, const void *context) {
    if (index->slots.n >= 2 * ((size_t)index->n + 1)) {
        return true;
    }
    sample_index_t larger = {.n = index->n};
    if (append(&larger.slots, sizeof(uint32_t), index->slots.n != 0 ? 2 * index->slots.n : 1024) == NULL) {
        return false;
    }
    for (uint32_t number = 0; number < index->n; number++) {
        *slot_of(&larger, hash_of(context, number), always_another, NULL) = number + 1;
    }
    sample_array_free(&index->slots);
    *index = larger;
    return true;
}

/* ---- threads and stacks, each once ---- */

/* What is looked for, and where. */
typedef struct {
    const sample_set_t *set;
    const lunalloc_sample_t *sample;
    uint64_t hash;
} wanted_t;

static uint64_t
thread_hash(uint32_t tid, const char *name) {
    return mix(mix(0, tid), (uint8_t)name[0]);
}

static uint64_t
hash_of_thread(const void *set, uint32_t number) {
    const sample_thread_t *threads = ((const sample_set_t *)set)->threads.data;
    return thread_hash(threads[number].tid, threads[number].name);
}

static bool
same_thread(const void *context, uint32_t number) {
    const wanted_t *wanted = context;
    const sample_thread_t *thread = (const sample_thread_t *)wanted->set->threads.data + number;
    return thread->tid == wanted->sample->thread &&
           strncmp(thread->name, wanted->sample->thread_name, sizeof(thread->name)) == 0;
}

/* The number of the sample's thread. False if there is no memory. */
static bool
intern_thread(sample_set_t *set, const lunalloc_sample_t *sample, uint32_t *number) {
    wanted_t wanted = {.set = set, .sample = sample};
    if (!index_reserve(&set->by_thread, hash_of_thread, set)) {
        return false;
    }
    uint32_t *slot = slot_of(&set->by_thread, thread_hash(sample->thread, sample->thread_name), same_thread, &wanted);
    if (*slot == 0) {
        sample_thread_t *thread = append(&set->threads, sizeof(*thread), 1);
        if (thread == NULL) {
            return false;
        }
        thread->tid = sample->thread;
        memcpy(thread->name, sample->thread_name, sizeof(thread->name) - 1);
        *slot = ++set->by_thread.n;
    }
    *number = *slot - 1;
    return true;
}

static uint64_t
stack_hash(const lunalloc_sample_t *sample) {
    uint64_t hash = sample->depth;
    for (uint32_t i = 0; i < sample->depth; i++) {
        hash = mix(hash, sample->stack[i]);
    }
    return hash;
}

static uint64_t
hash_of_stack(const void *set, uint32_t number) {
    return ((const sample_stack_t *)((const sample_set_t *)set)->stacks.data)[number].hash;
}

static bool
same_stack(const void *context, uint32_t number) {
    const wanted_t *wanted = context;
    const sample_stack_t *stack = (const sample_stack_t *)wanted->set->stacks.data + number;
    const uintptr_t *words = (const uintptr_t *)wanted->set->words.data + stack->first;
    return stack->hash == wanted->hash && stack->depth == wanted->sample->depth &&
           (stack->depth == 0 || memcmp(words, wanted->sample->stack, stack->depth * sizeof(*words)) == 0);
}

static bool
append_stack(sample_set_t *set, const lunalloc_sample_t *sample, uint64_t hash) {
    size_t first = set->words.n;
    uintptr_t *words = append(&set->words, sizeof(*words), sample->depth);
    sample_stack_t *stack = words == NULL ? NULL : append(&set->stacks, sizeof(*stack), 1);
    if (stack == NULL) {
        return false;
    }
    memcpy(words, sample->stack, sample->depth * sizeof(*words));
    *stack = (sample_stack_t){.hash = hash, .first = first, .depth = sample->depth};
    return true;
}

/* The number of the sample's stack. False if there is no memory. */
static bool
intern_stack(sample_set_t *set, const lunalloc_sample_t *sample, uint32_t *number) {
    wanted_t wanted = {.set = set, .sample = sample, .hash = stack_hash(sample)};
    if (!index_reserve(&set->by_stack, hash_of_stack, set)) {
        return false;
    }
    uint32_t *slot = slot_of(&set->by_stack, wanted.hash, same_stack, &wanted);
    if (*slot == 0) {
        if (!append_stack(set, sample, wanted.hash)) {
            return false;
        }
        *slot = ++set->by_stack.n;
    }
    *number = *slot - 1;
    return true;
}

/* ---- samples ---- */

static bool
fits(const sample_conditions_t *c, const lunalloc_sample_t *sample) {
    return sample->time >= c->min_time && sample->time <= c->max_time && sample->size >= c->min_size &&
           sample->size <= c->max_size && (c->szind < 0 || c->szind == (int64_t)sample->szind) &&
           (c->arena < 0 || c->arena == (int64_t)sample->arena) && (c->tid < 0 || c->tid == (int64_t)sample->thread) &&
           (c->thread == NULL || strcmp(c->thread, sample->thread_name) == 0);
}

/* A number of allocations, which that of a hostile process need not be. */
static double
sane_weight(double weight) {
    return weight >= 0 && weight <= 1e18 ? weight : 0;
}

bool
sample_set_add(sample_set_t *set, const lunalloc_sample_t *sample) {
    uint32_t thread, stack;
    if (!fits(&set->conditions, sample)) {
        return true;
    }
    if (!intern_thread(set, sample, &thread) || !intern_stack(set, sample, &stack)) {
        return false;
    }
    sample_entry_t *entry = append(&set->entries, sizeof(*entry), 1);
    if (entry != NULL) {
        *entry = (sample_entry_t){
            .time = sample->time,
            .addr = sample->addr,
            .place = sample->place,
            .size = sample->size,
            .weight = sane_weight(sample->weight),
            .szind = sample->szind,
            .arena = sample->arena,
            .thread = thread,
            .stack = stack,
        };
    }
    return entry != NULL;
}

void
sample_set_keep(sample_set_t *set, bool (*wanted)(void *context, const sample_entry_t *entry), void *context) {
    sample_entry_t *entries = set->entries.data;
    size_t kept = 0;
    for (size_t i = 0; i < set->entries.n; i++) {
        if (wanted(context, &entries[i])) {
            entries[kept++] = entries[i];
        }
    }
    set->entries.n = kept;
}

void
sample_set_free(sample_set_t *set) {
    sample_array_free(&set->entries);
    sample_array_free(&set->threads);
    sample_array_free(&set->stacks);
    sample_array_free(&set->words);
    sample_array_free(&set->by_thread.slots);
    sample_array_free(&set->by_stack.slots);
    *set = (sample_set_t){0};
}

/* ---- sums ---- */

static uint64_t
age_class(uint64_t now, uint64_t time) {
    static const uint32_t seconds[] = {1, 10, 60, 600, 3600, 86400};
    uint64_t age = now > time ? now - time : 0;
    uint64_t i = 0;
    while (i < sizeof(seconds) / sizeof(seconds[0]) && age >= seconds[i] * UINT64_C(1000000000)) {
        i++;
    }
    return i;
}

static uint64_t
key_of(const sample_set_t *set, const sample_entry_t *entry, sample_key_t by) {
    switch (by) {
    case SAMPLES_BY_STACK:
        return entry->stack;
    case SAMPLES_BY_CLASS:
        return entry->szind;
    case SAMPLES_BY_ARENA:
        return entry->arena;
    case SAMPLES_BY_THREAD:
        return entry->thread;
    case SAMPLES_BY_ARENA_AND_CLASS:
        return (uint64_t)entry->arena << 32 | entry->szind;
    case SAMPLES_BY_AGE:
        return age_class(set->now, entry->time);
    default:
        return 0;
    }
}

typedef struct {
    const sample_array_t *sums;
    uint64_t key;
} wanted_sum_t;

static bool
same_sum(const void *context, uint32_t number) {
    const wanted_sum_t *wanted = context;
    return ((const sample_sum_t *)wanted->sums->data)[number].key == wanted->key;
}

static uint64_t
hash_of_sum(const void *sums, uint32_t number) {
    return mix(0, ((const sample_sum_t *)((const sample_array_t *)sums)->data)[number].key);
}

/* The sum of this key; a new one if there is none yet. NULL if there is no memory. */
static sample_sum_t *
sum_of(sample_array_t *sums, sample_index_t *index, uint64_t key, const sample_entry_t *entry, size_t i) {
    wanted_sum_t wanted = {.sums = sums, .key = key};
    if (!index_reserve(index, hash_of_sum, sums)) {
        return NULL;
    }
    uint32_t *slot = slot_of(index, mix(0, key), same_sum, &wanted);
    if (*slot != 0) {
        return (sample_sum_t *)sums->data + *slot - 1;
    }
    sample_sum_t *sum = append(sums, sizeof(*sum), 1);
    if (sum != NULL) {
        *sum = (sample_sum_t){.key = key, .oldest = entry->time, .first = i};
        *slot = ++index->n;
    }
    return sum;
}

bool
sample_set_sum(const sample_set_t *set, sample_key_t by, sample_array_t *sums) {
    const sample_entry_t *entries = set->entries.data;
    sample_index_t index = {0};
    bool done = true;
    for (size_t i = 0; i < set->entries.n && done; i++) {
        sample_sum_t *sum = sum_of(sums, &index, key_of(set, &entries[i], by), &entries[i], i);
        done = sum != NULL;
        if (done) {
            sum->samples++;
            sum->objects += entries[i].weight;
            sum->bytes += entries[i].weight * (double)entries[i].size;
            sum->oldest = entries[i].time < sum->oldest ? entries[i].time : sum->oldest;
        }
    }
    sample_array_free(&index.slots);
    return done;
}
