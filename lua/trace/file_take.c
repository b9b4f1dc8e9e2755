/* file_take.c -- what each kind of chunk adds to an open trace file. See reader.h. */
#include "reader.h"

#include <string.h>

#include "crc.h"

enum {
    MOST_PAIRS = 1024,      /* of the metadata */
    MOST_TEXT = 1024 * 1024 /* bytes of it */
};

/* The payload, whose checksum is right; NULL, and the damage is counted, otherwise. */
static const void *
payload(trace_file_t *file, const trace_chunk_t *chunk, uint64_t offset, uint64_t room, size_t least, void *buffer) {
    bool good = room >= chunk->length && chunk->length >= least &&
                trace_read_at(file->fd, buffer, chunk->length, offset) &&
                trace_crc(buffer, chunk->length) == chunk->payload_crc;
    file->info.damaged += !good;
    return good ? buffer : NULL;
}

/* ---- metadata ---- */

static size_t
add_text(trace_file_t *file, const char *text, size_t size) {
    size_t at = file->texts.n;
    if (at + size > MOST_TEXT || !trace_array_grow(&file->texts, at + size, 1)) {
        return SIZE_MAX;
    }
    memcpy((char *)file->texts.data + at, text, size);
    return at;
}

static trace_pair_t *
find_pair(const trace_file_t *file, const char *key) {
    trace_pair_t *pairs = file->pairs.data;
    for (size_t i = 0; i < file->pairs.n; i++) {
        if (strcmp((const char *)file->texts.data + pairs[i].key, key) == 0) {
            return &pairs[i];
        }
    }
    return NULL;
}

/* Too many or too long ones are left out. */
static void
add_pair(trace_file_t *file, const char *key, size_t key_size, const char *value, size_t value_size) {
    trace_pair_t *pair = find_pair(file, key);
    size_t n = file->pairs.n;
    size_t key_at = pair == NULL ? add_text(file, key, key_size) : pair->key;
    size_t value_at = add_text(file, value, value_size);
    if (key_at == SIZE_MAX || value_at == SIZE_MAX) {
        return;
    } else if (pair != NULL) {
        pair->value = value_at;
    } else if (n < MOST_PAIRS && trace_array_grow(&file->pairs, n + 1, sizeof(*pair))) {
        ((trace_pair_t *)file->pairs.data)[n] = (trace_pair_t){key_at, value_at};
    }
}

static void
take_meta(trace_file_t *file, const char *text, size_t size) {
    const char *end = text + size;
    while (text < end) {
        const char *key_end = memchr(text, 0, (size_t)(end - text));
        const char *value_end = key_end == NULL ? NULL : memchr(key_end + 1, 0, (size_t)(end - key_end - 1));
        if (value_end == NULL) {
            break;
        }
        add_pair(file, text, (size_t)(key_end + 1 - text), key_end + 1, (size_t)(value_end - key_end));
        text = value_end + 1;
    }
}

/* ---- threads and their events ---- */

/* The list of the thread of that number, which a file cannot make larger than the file itself is. NULL: damage. */
static trace_list_t *
find_list(trace_file_t *file, uint32_t thread) {
    size_t n = file->lists.n;
    if (thread >= file->info.size / sizeof(trace_chunk_t)) {
        file->info.damaged++;
        return NULL;
    }
    size_t need = (size_t)thread + 1;
    if (!trace_array_grow(&file->lists, need, sizeof(trace_list_t)) ||
        !trace_array_grow(&file->threads, need, sizeof(trace_thread_info_t))) {
        file->no_memory = true;
        return NULL;
    }
    for (size_t i = n; i < need; i++) {
        *trace_list(file, (uint32_t)i) = (trace_list_t){.first_chunk = TRACE_NO_CHUNK, .last_chunk = TRACE_NO_CHUNK};
    }
    return trace_list(file, thread);
}

static void
take_thread(trace_file_t *file, uint32_t number, const trace_thread_chunk_t *chunk) {
    trace_list_t *list = find_list(file, number);
    if (list == NULL) {
        return;
    }
    trace_thread_info_t *thread = (trace_thread_info_t *)file->threads.data + number;
    thread->tid = chunk->tid;
    thread->ended = chunk->ended != 0;
    memcpy(thread->name, chunk->name, sizeof(chunk->name));
    list->began = chunk->begin;
}

static void
append_entry(trace_file_t *file, trace_list_t *list, const trace_entry_t *entry) {
    size_t n = file->entries.n;
    if (n >= TRACE_NO_CHUNK || !trace_array_grow(&file->entries, n + 1, sizeof(*entry))) {
        file->no_memory = true;
        return;
    }
    trace_entry_t *entries = file->entries.data;
    entries[n] = *entry;
    if (list->first_chunk == TRACE_NO_CHUNK) {
        list->first_chunk = (uint32_t)n;
    } else {
        entries[list->last_chunk].next = (uint32_t)n;
    }
    list->last_chunk = (uint32_t)n;
    list->longest = entry->length > list->longest ? entry->length : list->longest;
}

/* An event takes two bytes at least: a header that tells of more lies. */
static bool
is_possible(const trace_chunk_t *chunk) {
    return chunk->length > sizeof(trace_state_t) && chunk->events > 0 &&
           chunk->events <= (chunk->length - sizeof(trace_state_t)) / 2;
}

static void
take_events(trace_file_t *file, const trace_chunk_t *chunk, uint64_t offset, uint64_t room) {
    bool cut = room < chunk->length;
    trace_entry_t entry = {.offset = offset,
                           .first = chunk->first,
                           .length = cut ? (uint32_t)room : chunk->length,
                           .crc = chunk->payload_crc,
                           .events = chunk->events,
                           .next = TRACE_NO_CHUNK,
                           .cut = cut};
    trace_list_t *list = is_possible(chunk) ? find_list(file, chunk->thread) : NULL;
    file->info.damaged += cut || list == NULL;
    if (list == NULL || entry.length <= sizeof(trace_state_t)) {
        return;
    }
    append_entry(file, list, &entry);
    list->last = chunk->last > list->last ? chunk->last : list->last;
    trace_thread_info_t *thread = (trace_thread_info_t *)file->threads.data + chunk->thread;
    thread->events += cut ? 0 : chunk->events; /* nobody has counted those before the cut */
    thread->lost += cut ? 0 : chunk->lost;
    thread->bytes += entry.length - sizeof(trace_state_t);
}

/* ---- sums ---- */

/* Remembers where a chunk of sums, or of a stack, is: it is read when somebody asks for it. */
static void
keep_place(trace_file_t *file, trace_array_t *places, const trace_chunk_t *chunk, uint64_t offset, uint64_t room) {
    size_t n = places->n;
    if (room < chunk->length) {
        file->info.damaged++;
    } else if (!trace_array_grow(places, n + 1, sizeof(trace_entry_t))) {
        file->no_memory = true;
    } else {
        ((trace_entry_t *)places->data)[n] = (trace_entry_t){.offset = offset,
                                                             .length = chunk->length,
                                                             .crc = chunk->payload_crc,
                                                             .events = chunk->events,
                                                             .next = chunk->thread};
    }
}

/* A file that was cut has no end record; the last sums say how many events they are of. */
static void
take_sums(trace_file_t *file, const trace_chunk_t *chunk, uint64_t offset, uint64_t room) {
    keep_place(file, &file->sums, chunk, offset, room);
    if (!file->ended) {
        file->end = (trace_end_chunk_t){chunk->first, chunk->lost};
    }
}

/* Where the section of stacks begins that ends before `end`. */
static size_t
section_start(const trace_entry_t *stacks, size_t end) {
    size_t start = end - 1;
    while (start > 0 && stacks[start - 1].next == stacks[end - 1].next) {
        start--;
    }
    return start;
}

void
trace_file_pick_stacks(trace_file_t *file) {
    trace_entry_t *stacks = file->stacks.data;
    size_t end = file->stacks.n;
    size_t start = end > 0 ? section_start(stacks, end) : 0, last = start, n = end - start;
    while (end > 0 && stacks[start].events != n && stacks[start].events != 0) {
        end = start;
        start = end > 0 ? section_start(stacks, end) : last; /* none is whole: the last one */
        n = end > 0 ? end - start : file->stacks.n - last;
    }
    if (n > 0) {
        memmove(stacks, stacks + start, n * sizeof(*stacks));
    }
    file->stacks.n = n;
}

/* ---- samples ---- */

static void
take_samples(trace_file_t *file, const uint8_t *bytes, size_t size) {
    uint32_t words;
    memcpy(&words, bytes, sizeof(words));
    size_t step = (size_t)words * sizeof(uint64_t);
    for (size_t at = 8; words > 0 && words <= 64 && at + step <= size; at += step) {
        size_t n = file->samples.n;
        if (!trace_array_grow(&file->samples, n + 1, sizeof(trace_sample_t))) {
            file->no_memory = true;
            return;
        }
        trace_sample_t *sample = (trace_sample_t *)file->samples.data + n;
        memset(sample, 0xff, sizeof(*sample));
        memcpy(sample, bytes + at, step < sizeof(*sample) ? step : sizeof(*sample));
    }
}

static void
take_clock(trace_file_t *file, const trace_clock_chunk_t *clock) {
    if (clock->lg_unit < 64) {
        file->clock = (record_clock_t){
            {clock->ticks[0], clock->ticks[1]}, {clock->ns[0], clock->ns[1]}, (uint32_t)clock->lg_unit};
    }
}

/* Bytes that a payload has at least. */
static size_t
least_of(uint32_t kind) {
    return kind == TRACE_CHUNK_CLOCK     ? sizeof(trace_clock_chunk_t)
           : kind == TRACE_CHUNK_THREAD  ? sizeof(trace_thread_chunk_t)
           : kind == TRACE_CHUNK_SAMPLES ? 8
           : kind == TRACE_CHUNK_END     ? sizeof(trace_end_chunk_t)
                                         : 0;
}

/* Chunks of a kind that is not known are left out: a later version may have them. */
void
trace_file_take(trace_file_t *file, const trace_chunk_t *chunk, uint64_t offset, uint64_t room) {
    _Alignas(8) uint8_t buffer[TRACE_CHUNK_MAX];
    if (chunk->kind == TRACE_CHUNK_EVENTS) {
        take_events(file, chunk, offset, room);
        return;
    } else if (chunk->kind == TRACE_CHUNK_SUMS) {
        take_sums(file, chunk, offset, room);
        return;
    } else if (chunk->kind == TRACE_CHUNK_STACK) {
        keep_place(file, &file->stacks, chunk, offset, room);
        return;
    }
    const void *bytes = payload(file, chunk, offset, room, least_of(chunk->kind), buffer);
    if (bytes == NULL) {
        return;
    } else if (chunk->kind == TRACE_CHUNK_META) {
        take_meta(file, bytes, chunk->length);
    } else if (chunk->kind == TRACE_CHUNK_CLOCK) {
        take_clock(file, bytes);
    } else if (chunk->kind == TRACE_CHUNK_THREAD) {
        take_thread(file, chunk->thread, bytes);
    } else if (chunk->kind == TRACE_CHUNK_SAMPLES) {
        take_samples(file, bytes, chunk->length);
    } else if (chunk->kind == TRACE_CHUNK_END) {
        memcpy(&file->end, bytes, sizeof(file->end));
        file->ended = true;
    }
}
