/*
 * prof_table.c -- a hash table of stacks, chunks of samples, a list of threads; all under one lock.
 *
 * A sample is added once in 2^lg bytes, so one lock for everything is enough. Samples lie in chunks of 32 KiB and are
 * never returned to metadata: a freed one is used again. A sample's number (chunk, place in it) does not change, so a
 * cursor over all samples is a number.
 */
#include "observe/prof_table.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/sc.h"
#include "extent/metadata.h"
#include "os/clock.h"

#include <string.h>

#define BUCKETS    4096
#define LG_CHUNK   15
#define CHUNK      ((1U << LG_CHUNK) / sizeof(prof_sample_t))
#define CHUNKS_MAX 4096
#define LG_THREAD  11

struct prof_sample {
    /* Synchronization: role_prof: these fields. */
    prof_allocation_t what; /* what.addr is 0 while the record is unused */
    union {
        uint64_t time;       /* ns, by clock_coarse_ns */
        prof_sample_t *next; /* of an unused record: the next one */
    };
    prof_thread_t *thread;
    prof_stack_t *stack; /* NULL: taken before the last reset */
};
_Static_assert(sizeof(prof_sample_t) <= CACHELINE, "a sample touches one line");
_Static_assert(sizeof(prof_thread_t) <= 1U << LG_THREAD, "a thread's record fits its block");

/* The table. Its pages are touched only as it fills up. */
typedef struct {
    /* Synchronization: role_prof: these fields. */
    prof_stack_t *buckets[BUCKETS];
    prof_sample_t *chunks[CHUNKS_MAX];
    uint32_t nchunks;
    prof_sample_t *unused;
    prof_stack_t *newest;
    list_t threads;
    prof_class_t classes[SC_MAX_SIZES];
} table_t;

/* Not static: another process finds it (control/layout.def). */
lock_t lock_of_prof = LOCK_INITIALIZER(RANK_PROF);
static table_t *_Atomic table; /* Synchronization: written once, read at any time. */

static void
table_lock(void) ACQUIRE(role_prof) NO_THREAD_SAFETY {
    lock_acquire(&lock_of_prof);
}

static void
table_unlock(void) RELEASE(role_prof) NO_THREAD_SAFETY {
    lock_release(&lock_of_prof);
}

static table_t *
the_table(void) {
    return atomic_get_acquire(&table);
}

bool
prof_table_make(void) {
    table_lock();
    if (the_table() == NULL) {
        table_t *made = metadata_alloc(sizeof *made, CACHELINE);
        if (made != NULL) {
            list_init(&made->threads);
            atomic_set_release(&table, made);
        }
    }
    table_unlock();
    return the_table() != NULL;
}

/* ---- tallies ---- */

static void
add(prof_tally_t *to, const prof_tally_t *from) {
    to->count += from->count;
    to->bytes += from->bytes;
    to->objects += from->objects;
    to->size += from->size;
}

/* When the count reaches 0, the sums are set to exactly 0, dropping rounding error. */
static void
subtract(prof_tally_t *from, const prof_tally_t *what) {
    from->count -= what->count;
    from->bytes -= what->bytes;
    from->objects -= what->objects;
    from->size -= what->size;
    if (from->count == 0) {
        *from = (prof_tally_t){0};
    }
}

/* What one sample counts for. */
static prof_tally_t
tally_of(const prof_allocation_t *what) {
    size_t size = sc.size[what->szind];
    return (prof_tally_t){
        .count = 1,
        .bytes = size,
        .objects = what->weight,
        .size = what->weight * (double)(int64_t)size,
    };
}

static void
count_in(prof_sums_t *sums, const prof_tally_t *tally) {
    add(&sums->live, tally);
    add(&sums->accum, tally);
}

/* ---- threads ---- */

prof_thread_t *
prof_thread_new(uint32_t id) {
    table_t *t = the_table();
    prof_thread_t *thread = t == NULL ? NULL : metadata_block_alloc(LG_THREAD);
    if (thread == NULL) {
        return NULL;
    }
    memset(thread, 0, sizeof *thread);
    thread->id = id;
    table_lock();
    list_push_back(&t->threads, &thread->link);
    table_unlock();
    return thread;
}

/* Frees the record of a thread that has ended, once its last live sample is gone. */
static void
free_if_done(prof_thread_t *thread) REQUIRES(role_prof) {
    if (thread->ended && thread->sums.live.count == 0) {
        list_remove(&thread->link);
        metadata_block_free(thread, LG_THREAD);
    }
}

void
prof_thread_end(prof_thread_t *thread) {
    table_lock();
    thread->ended = true;
    free_if_done(thread);
    table_unlock();
}

void
prof_thread_name(prof_thread_t *thread, const char *name) {
    table_lock();
    memcpy(thread->name, name, strlen(name) + 1);
    table_unlock();
}

/* ---- stacks ---- */

static uint64_t
hash_of(const uintptr_t *ips, uint32_t n) {
    uint64_t hash = n;
    for (uint32_t i = 0; i < n; i++) {
        hash = (hash ^ ips[i]) * UINT64_C(0x9e3779b97f4a7c15);
    }
    return hash ^ hash >> 32;
}

/* The size of a stack's block, as metadata counts: log2 of bytes. */
static unsigned
lg_bytes(uint32_t depth) {
    unsigned lg = lg_ceil(sizeof(prof_stack_t) + depth * sizeof(uintptr_t));
    return lg < METADATA_LG_MIN ? METADATA_LG_MIN : lg;
}

static prof_stack_t *
stack_new(table_t *t, uint64_t hash, const uintptr_t *ips, uint32_t n) REQUIRES(role_prof) {
    prof_stack_t *stack = metadata_block_alloc(lg_bytes(n));
    if (stack != NULL) {
        memset(stack, 0, sizeof *stack);
        memcpy(stack->ips, ips, n * sizeof *ips);
        stack->hash = hash;
        stack->depth = n;
        stack->chain = t->buckets[hash % BUCKETS];
        stack->older = t->newest;
        t->buckets[hash % BUCKETS] = t->newest = stack;
    }
    return stack;
}

static bool
stack_is(const prof_stack_t *stack, const uintptr_t *ips, uint32_t n) {
    return stack->depth == n && memcmp(stack->ips, ips, n * sizeof *ips) == 0;
}

/* Finds the stack with these addresses, or makes it. Often it is that of the thread's sample before. */
static prof_stack_t *
stack_of(table_t *t, prof_thread_t *thread, const uintptr_t *ips, uint32_t n) REQUIRES(role_prof) {
    if (thread->latest != NULL && stack_is(thread->latest, ips, n)) {
        return thread->latest;
    }
    uint64_t hash = hash_of(ips, n);
    prof_stack_t *stack = t->buckets[hash % BUCKETS];
    while (stack != NULL && (stack->hash != hash || !stack_is(stack, ips, n))) {
        stack = stack->chain;
    }
    return thread->latest = stack != NULL ? stack : stack_new(t, hash, ips, n);
}

/* ---- samples ---- */

static void
sample_free(table_t *t, prof_sample_t *sample) REQUIRES(role_prof) {
    sample->what.addr = 0;
    sample->next = t->unused;
    t->unused = sample;
}

static bool
add_chunk(table_t *t) REQUIRES(role_prof) {
    prof_sample_t *chunk = t->nchunks < CHUNKS_MAX ? metadata_block_alloc(LG_CHUNK) : NULL;
    if (chunk == NULL) {
        return false;
    }
    t->chunks[t->nchunks++] = chunk;
    for (size_t i = CHUNK; i > 0; i--) {
        sample_free(t, &chunk[i - 1]);
    }
    return true;
}

static prof_sample_t *
sample_new(table_t *t) REQUIRES(role_prof) {
    if (t->unused == NULL && !add_chunk(t)) {
        return NULL;
    }
    prof_sample_t *sample = t->unused;
    t->unused = sample->next;
    return sample;
}

static prof_sample_t *
add_locked(prof_thread_t *thread, const prof_allocation_t *what, const uintptr_t *ips, uint32_t n) REQUIRES(role_prof) {
    table_t *t = the_table();
    prof_stack_t *stack = stack_of(t, thread, ips, n);
    prof_sample_t *sample = stack == NULL ? NULL : sample_new(t);
    if (sample != NULL) {
        *sample = (prof_sample_t){.what = *what, .time = clock_coarse_ns(), .thread = thread, .stack = stack};
        prof_tally_t tally = tally_of(what);
        count_in(&stack->sums, &tally);
        count_in(&thread->sums, &tally);
        t->classes[what->szind].live++;
        t->classes[what->szind].accum++;
    }
    return sample;
}

prof_sample_t *
prof_table_add(prof_thread_t *thread, const prof_allocation_t *what, const uintptr_t *ips, uint32_t n) {
    table_lock();
    prof_sample_t *sample = add_locked(thread, what, ips, n);
    table_unlock();
    return sample;
}

void
prof_table_remove(prof_sample_t *sample) {
    table_lock();
    if (sample->stack != NULL) {
        prof_tally_t tally = tally_of(&sample->what);
        subtract(&sample->stack->sums.live, &tally);
        subtract(&sample->thread->sums.live, &tally);
        the_table()->classes[sample->what.szind].live--;
        free_if_done(sample->thread);
    }
    sample_free(the_table(), sample);
    table_unlock();
}

/* ---- reset ---- */

/* The i-th sample, if it is live and was taken since the last reset; else NULL. */
static prof_sample_t *
sample_at(const table_t *t, uint64_t i) REQUIRES(role_prof) {
    prof_sample_t *sample = &t->chunks[i / CHUNK][i % CHUNK];
    return sample->what.addr != 0 && sample->stack != NULL ? sample : NULL;
}

/* Live samples stay, since their allocations point to them, but belong to no stack any more. */
static void
forget_samples(table_t *t) REQUIRES(role_prof) {
    for (uint64_t i = 0; i < t->nchunks * CHUNK; i++) {
        if (sample_at(t, i) != NULL) {
            sample_at(t, i)->stack = NULL;
        }
    }
}

static void
forget_stacks(table_t *t) REQUIRES(role_prof) {
    for (prof_stack_t *stack = t->newest, *older; stack != NULL; stack = older) {
        older = stack->older;
        t->buckets[stack->hash % BUCKETS] = NULL;
        metadata_block_free(stack, lg_bytes(stack->depth));
    }
    t->newest = NULL;
}

static void
forget_threads(table_t *t) REQUIRES(role_prof) {
    for (list_t *at = t->threads.next, *next; at != &t->threads; at = next) {
        next = at->next;
        prof_thread_t *thread = container_of(at, prof_thread_t, link);
        thread->sums = (prof_sums_t){0};
        thread->latest = NULL;
        free_if_done(thread);
    }
}

void
prof_table_reset(void) {
    table_t *t = the_table();
    if (t == NULL) {
        return;
    }
    table_lock();
    forget_samples(t);
    forget_stacks(t);
    forget_threads(t);
    memset(t->classes, 0, sizeof t->classes);
    table_unlock();
}

/* ---- copies for readers ---- */

static void
copy_all(table_t *t, prof_sums_t *sums) REQUIRES(role_prof, role_dump) {
    for (prof_stack_t *stack = t->newest; stack != NULL; stack = stack->older) {
        stack->copy = stack->sums;
        add(&sums->live, &stack->sums.live);
        add(&sums->accum, &stack->sums.accum);
    }
}

prof_sums_t
prof_table_copy(void) {
    prof_sums_t sums = {0};
    table_lock();
    if (the_table() != NULL) {
        copy_all(the_table(), &sums);
    }
    table_unlock();
    return sums;
}

prof_stack_t *
prof_table_stacks(void) {
    table_lock();
    prof_stack_t *newest = the_table() == NULL ? NULL : the_table()->newest;
    table_unlock();
    return newest;
}

/* The i-th thread in the list that has samples; NULL if there are fewer. */
static const prof_thread_t *
thread_at(const table_t *t, size_t i) REQUIRES(role_prof) {
    for (const list_t *at = t->threads.next; at != &t->threads; at = at->next) {
        const prof_thread_t *thread = container_of(at, prof_thread_t, link);
        if (thread->sums.accum.count > 0 && i-- == 0) {
            return thread;
        }
    }
    return NULL;
}

bool
prof_table_thread(size_t i, prof_thread_copy_t *out) {
    const table_t *t = the_table();
    if (t == NULL) {
        return false;
    }
    table_lock();
    const prof_thread_t *thread = thread_at(t, i);
    if (thread != NULL) {
        *out = (prof_thread_copy_t){.id = thread->id, .sums = thread->sums};
        memcpy(out->name, thread->name, sizeof out->name);
    }
    table_unlock();
    return thread != NULL;
}

prof_class_t
prof_table_class(uint32_t szind) {
    prof_class_t found = {0};
    table_lock();
    if (the_table() != NULL) {
        found = the_table()->classes[szind];
    }
    table_unlock();
    return found;
}

static void
copy_sample(const prof_sample_t *sample, lunalloc_sample_t *out) REQUIRES(role_prof) {
    *out = (lunalloc_sample_t){
        .addr = sample->what.addr,
        .size = sc.size[sample->what.szind],
        .szind = sample->what.szind,
        .arena = sample->what.arena,
        .thread = sample->thread->id,
        .time = sample->time,
        .weight = sample->what.weight,
        .place = sample->what.place,
        .depth = sample->stack->depth,
    };
    memcpy(out->thread_name, sample->thread->name, sizeof out->thread_name);
    memcpy(out->stack, sample->stack->ips, sample->stack->depth * sizeof(uintptr_t));
}

size_t
prof_table_samples(lunalloc_sample_cursor_t *cursor, lunalloc_sample_t *out, size_t n) {
    const table_t *t = the_table();
    size_t got = 0;
    if (t == NULL) {
        return 0;
    }
    table_lock();
    for (uint64_t end = t->nchunks * CHUNK; cursor->next < end && got < n; cursor->next++) {
        const prof_sample_t *sample = sample_at(t, cursor->next);
        if (sample != NULL) {
            copy_sample(sample, &out[got++]);
        }
    }
    table_unlock();
    return got;
}

/* ---- fork ---- */

lock_t *
prof_table_mutex(void) {
    return &lock_of_prof;
}

void
prof_table_prefork(void) {
    lock_prefork(&lock_of_prof);
}

void
prof_table_postfork(bool child) {
    lock_postfork(&lock_of_prof, child);
}
