/* reader_threads.c -- see reader_threads.h. */
#include "attach/reader_threads.h"

#include "attach/reader_counts.h"
#include "observe/history.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- threads ---- */

typedef struct {
    uint64_t after; /* serial number: only threads behind it */
    uint64_t generation;
    uint64_t now, latest; /* ns; the time of the latest tick */
    lunalloc_thread_t *out;
    uint64_t *next;
    size_t max, n;
} list_context_t;

static void
begin(void *context) {
    list_context_t *list = context;
    list->n = 0;
    list->latest = 0;
}

static uint32_t
index_of(const reader_t *reader, const thread_t *thread) {
    uint64_t addr = (uintptr_t)atomic_get(&thread->arena);
    uint32_t i = 0;
    while (i < reader->narenas && reader->table[i] != addr) {
        i++;
    }
    return i;
}

static void
add_objects(const reader_t *reader, uint32_t szind, uint64_t n, lunalloc_thread_t *out) {
    out->cached += n * reader->classes.size[szind];
    if (szind < LUNALLOC_CACHED_CLASSES && n > 0) {
        out->objects[szind] += (uint32_t)n;
        out->nclasses = szind + 1 > out->nclasses ? szind + 1 : out->nclasses;
    }
}

static void
fill(reader_t *reader, const thread_t *thread, lunalloc_thread_t *out) {
    uint32_t held[SC_MAX_SIZES] = {0};
    for (uint32_t i = 0; i + 1 < CACHE_BINS && i < reader->classes.nsizes; i++) {
        out->requests += reader_requests(&thread->cache, i);
        add_objects(reader, i, reader_cached(&thread->cache, i), out);
    }
    if (reader_quarantine(reader, thread, held)) {
        for (uint32_t i = 0; i < reader->classes.nsizes; i++) {
            add_objects(reader, i, held[i], out);
        }
    }
}

static void
copy(reader_t *reader, const thread_t *thread, void *context) NO_THREAD_SAFETY {
    list_context_t *list = context;
    uint64_t ticked = atomic_get(&thread->ticked_at);
    list->latest = ticked > list->latest ? ticked : list->latest;
    if (thread->serial <= list->after || list->n >= list->max) {
        return;
    }
    lunalloc_thread_t *out = &list->out[list->n++];
    *out = (lunalloc_thread_t){
        .tid = thread->id,
        .arena = index_of(reader, thread),
        .idle = ticked, /* until the end of the list */
        .behind = atomic_get(&thread->config_generation) != list->generation,
    };
    fill(reader, thread, out);
    *list->next = thread->serial;
}

static void
set_name(int directory, lunalloc_thread_t *thread) {
    char path[64];
    snprintf(path, sizeof path, "task/%u/comm", thread->tid);
    int fd = directory < 0 ? -1 : openat(directory, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, thread->name, sizeof thread->name - 1);
    if (fd >= 0) {
        close(fd);
    }
    thread->name[n > 0 ? n : 0] = '\0';
    for (char *c = thread->name; *c != '\0'; c++) {
        if (*c == '\n') {
            *c = '\0';
            break;
        }
        *c = (unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c;
    }
}

int
reader_list_threads(reader_t *reader, int directory, lunalloc_thread_cursor_t *cursor, lunalloc_thread_t *out,
                    size_t max, size_t *n) {
    static const reader_visit_t visit = {.begin = begin, .thread = copy};
    uint64_t next = cursor->next;
    list_context_t list = {.after = cursor->next, .now = reader_clock(reader), .out = out, .next = &next, .max = max};
    *n = 0;
    int error = reader_variable(reader, config_generation, &list.generation);
    error = error == 0 ? reader_threads(reader, &visit, &list) : error;
    if (error != 0) {
        return error;
    }
    uint64_t now = list.now != 0 ? list.now : list.latest;
    for (size_t i = 0; i < list.n; i++) {
        out[i].idle = now > out[i].idle ? now - out[i].idle : 0;
        set_name(directory, &out[i]);
    }
    cursor->next = list.n > 0 ? next : cursor->next;
    *n = list.n;
    return 0;
}

/* ---- the history ---- */

/* A ring of the target: `count` records so far, of which `most` are kept, of `size` bytes each. */
typedef struct {
    uint64_t addr, count;
    size_t most, size;
} ring_t;

/* No history is kept: an empty ring. */
static int
find_ring(reader_t *reader, bool marks, ring_t *ring) {
    uint64_t rings;
    size_t moment = foreign_size(&reader->foreign, layout_moment);
    int error = reader_variable(reader, history_rings, &rings);
    error = error != 0 ? error
            : marks    ? reader_variable(reader, history_nmarks, &ring->count)
                       : reader_variable(reader, history_nmoments, &ring->count);
    ring->most = marks ? HISTORY_MARKS : HISTORY_MOMENTS;
    ring->size = marks ? foreign_size(&reader->foreign, layout_mark) : moment;
    ring->addr = rings + (marks ? HISTORY_MOMENTS * moment : 0);
    ring->count = error == 0 && rings != 0 ? ring->count : 0;
    return error;
}

/* The address of the next record, in the picture; 0 at the end. */
static uint64_t
next_record(const ring_t *ring, lunalloc_history_cursor_t *cursor) {
    uint64_t oldest = ring->count > ring->most ? ring->count - ring->most : 0;
    if (cursor->next < oldest || cursor->next > ring->count) {
        cursor->next = oldest;
    }
    return cursor->next < ring->count ? ring->addr + cursor->next++ % ring->most * ring->size : 0;
}

static int
read_ring(reader_t *reader, bool marks, lunalloc_history_cursor_t *cursor, char *out, size_t max, size_t *n) {
    ring_t ring;
    uint64_t addr;
    int error = find_ring(reader, marks, &ring);
    *n = 0;
    while (error == 0 && *n < max && (addr = next_record(&ring, cursor)) != 0) {
        size_t size = marks ? sizeof(lunalloc_mark_t) : sizeof(lunalloc_moment_t);
        if (!reader_struct(reader, marks ? layout_mark : layout_moment, addr, out + *n * size)) {
            reader->consistent = false;
            return 0;
        }
        ++*n;
    }
    return error;
}

int
reader_moments(reader_t *reader, lunalloc_history_cursor_t *cursor, lunalloc_moment_t *out, size_t max, size_t *n) {
    return read_ring(reader, false, cursor, (char *)out, max, n);
}

int
reader_marks(reader_t *reader, lunalloc_history_cursor_t *cursor, lunalloc_mark_t *out, size_t max, size_t *n) {
    int error = read_ring(reader, true, cursor, (char *)out, max, n);
    for (size_t i = 0; error == 0 && i < *n; i++) {
        out[i].name[sizeof out[i].name - 1] = '\0';
        out[i].value[sizeof out[i].value - 1] = '\0';
    }
    return error;
}
