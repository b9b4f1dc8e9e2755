/* file_open.c -- opens a trace file: walks over the headers of its chunks. See file.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc.h"

enum {
    WINDOW = 64 << 10 /* bytes that are searched at once for the next valid header */
};

/* ---- the head ---- */

static int
complain(char *message, size_t size, const char *path, const char *why) {
    snprintf(message, size, "%s %s", path, why);
    return EINVAL;
}

static int
check_head(const trace_file_t *file, const char *path, char *message, size_t size) {
    trace_head_t head;
    if (!trace_read_at(file->fd, &head, sizeof(head), 0) || memcmp(head.magic, TRACE_FILE_MAGIC, 8) != 0) {
        return complain(message, size, path, "is no trace of lunalloc: its first bytes are others");
    } else if (head.crc != trace_crc(&head, offsetof(trace_head_t, crc))) {
        return complain(message, size, path, "is damaged: the checksum of its head is wrong");
    } else if (head.version != TRACE_FILE_VERSION || head.event_code != TRACE_EVENT_CODE) {
        snprintf(message, size, "%s is a trace of version %u.%u; this program reads %d.%d", path, head.version,
                 head.event_code, TRACE_FILE_VERSION, TRACE_EVENT_CODE);
        return EINVAL;
    }
    return head.head_size == sizeof(head) ? 0 : complain(message, size, path, "has a head of an unknown size");
}

/* ---- chunks ---- */

static bool
is_valid(const trace_chunk_t *chunk) {
    return chunk->magic == TRACE_CHUNK_MAGIC && chunk->length <= TRACE_CHUNK_MAX &&
           chunk->header_crc == trace_crc(chunk, offsetof(trace_chunk_t, header_crc));
}

/* Where the first valid header is at or after `offset`; the file's size if there is none. */
static uint64_t
next_valid(const trace_file_t *file, uint64_t offset) {
    static const size_t step = WINDOW - sizeof(trace_chunk_t);
    char window[WINDOW];
    for (; offset + sizeof(trace_chunk_t) <= file->info.size; offset += step) {
        uint64_t left = file->info.size - offset;
        size_t n = left < WINDOW ? (size_t)left : WINDOW;
        if (!trace_read_at(file->fd, window, n, offset)) {
            break;
        }
        for (size_t i = 0; i + sizeof(trace_chunk_t) <= n; i += TRACE_ALIGN) {
            trace_chunk_t chunk;
            memcpy(&chunk, window + i, sizeof(chunk));
            if (is_valid(&chunk)) {
                return offset + i;
            }
        }
    }
    return file->info.size;
}

static void
walk(trace_file_t *file) {
    uint64_t offset = sizeof(trace_head_t);
    trace_chunk_t chunk;
    while (offset < file->info.size && !file->no_memory) {
        if (!trace_read_at(file->fd, &chunk, sizeof(chunk), offset) || !is_valid(&chunk)) {
            file->info.damaged++;
            offset = next_valid(file, offset + TRACE_ALIGN);
            continue;
        }
        trace_file_take(file, &chunk, offset + sizeof(chunk), file->info.size - offset - sizeof(chunk));
        offset += trace_chunk_size(chunk.length);
    }
}

/* ---- what is known of the whole ---- */

static void
widen(trace_info_t *info, uint64_t time) {
    info->begin = time < info->begin ? time : info->begin;
    info->end = time > info->end ? time : info->end;
}

/* Times and sums of a thread; the clock is known by now. */
static void
sum_up_thread(trace_file_t *file, uint32_t i) {
    trace_thread_info_t *thread = (trace_thread_info_t *)file->threads.data + i;
    const trace_list_t *list = trace_list(file, i);
    bool any = list->first_chunk != TRACE_NO_CHUNK;
    uint64_t first = any ? trace_entry(file, list->first_chunk)->first : list->began;
    thread->begin = record_clock_ns(&file->clock, first);
    thread->end = any ? record_clock_ns(&file->clock, list->last) : thread->begin;
    file->info.events += thread->events;
    file->info.lost += thread->lost;
    file->info.bytes += thread->bytes;
    if (any) {
        widen(&file->info, thread->begin);
        widen(&file->info, thread->end);
    }
}

static void
sum_up(trace_file_t *file) {
    trace_info_t *info = &file->info;
    info->threads = file->threads.data;
    info->nthreads = (uint32_t)file->threads.n;
    info->samples = file->samples.data;
    info->nsamples = file->samples.n;
    info->begin = UINT64_MAX;
    for (uint32_t i = 0; i < info->nthreads; i++) {
        sum_up_thread(file, i);
    }
    for (size_t i = 0; i < info->nsamples; i++) {
        widen(info, info->samples[i].time);
    }
    if (trace_file_summed(file)) {
        info->events = file->end.events;
        info->lost = file->end.lost;
        if (file->clock.ns[0] != 0) {
            widen(info, file->clock.ns[0]); /* the recording began before the first sample */
        }
    }
    if (!file->ended && info->nsamples == 0 && file->clock.ns[1] != 0) {
        widen(info, file->clock.ns[1]); /* sums of a recorder that was killed */
    }
    info->begin = info->begin > info->end ? info->end : info->begin;
    info->complete =
        file->ended && info->damaged == 0 && file->end.events == info->events && file->end.lost == info->lost;
}

static int
read_all(trace_file_t *file, const char *path, char *message, size_t size) {
    struct stat status;
    if (fstat(file->fd, &status) != 0) {
        snprintf(message, size, "cannot read %s: %s", path, strerror(errno));
        return errno;
    } else if (!S_ISREG(status.st_mode)) {
        return complain(message, size, path, "is no regular file");
    }
    file->info.size = (uint64_t)status.st_size;
    int error = check_head(file, path, message, size);
    if (error != 0) {
        return error;
    }
    walk(file);
    trace_file_pick_stacks(file);
    if (file->no_memory) {
        snprintf(message, size, "no memory for the index of %s", path);
        return ENOMEM;
    }
    sum_up(file);
    return 0;
}

int
trace_file_open(trace_file_t **opened, const char *path, char *message, size_t message_size) {
    *opened = NULL;
    trace_file_t *file = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (file == MAP_FAILED) {
        snprintf(message, message_size, "no memory to open %s", path);
        return ENOMEM;
    }
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file->fd < 0) {
        int error = errno;
        snprintf(message, message_size, "cannot open %s: %s", path, strerror(error));
        trace_file_close(file);
        return error;
    }
    int error = read_all(file, path, message, message_size);
    if (error != 0) {
        trace_file_close(file);
        return error;
    }
    *opened = file;
    return 0;
}

void
trace_file_share(trace_file_t *file) {
    atomic_fetch_add_explicit(&file->users, 1, memory_order_relaxed);
}

void
trace_file_close(trace_file_t *file) {
    if (atomic_fetch_sub_explicit(&file->users, 1, memory_order_acq_rel) > 0) {
        return;
    }
    if (file->fd >= 0) {
        close(file->fd);
    }
    trace_array_free(&file->entries);
    trace_array_free(&file->sums);
    trace_array_free(&file->stacks);
    trace_array_free(&file->lists);
    trace_array_free(&file->threads);
    trace_array_free(&file->samples);
    trace_array_free(&file->texts);
    trace_array_free(&file->pairs);
    munmap(file, sizeof(*file));
}

const trace_info_t *
trace_file_info(const trace_file_t *file) {
    return &file->info;
}

bool
trace_file_summed(const trace_file_t *file) {
    return file->sums.n + file->stacks.n > 0 && file->entries.n == 0;
}

size_t
trace_file_stacks(const trace_file_t *file) {
    return file->stacks.n;
}

bool
trace_file_stack(const trace_file_t *file, size_t i, uint64_t sums[4], char *names, size_t *size) {
    const trace_entry_t *entry = (const trace_entry_t *)file->stacks.data + i;
    uint8_t bytes[TRACE_CHUNK_MAX];
    if (entry->length < sizeof(trace_stack_t) || !trace_read_at(file->fd, bytes, entry->length, entry->offset) ||
        trace_crc(bytes, entry->length) != entry->crc) {
        return false;
    }
    *size = entry->length - sizeof(trace_stack_t);
    memcpy(sums, bytes, sizeof(trace_stack_t));
    memcpy(names, bytes + sizeof(trace_stack_t), *size);
    return true;
}

const char *
trace_file_meta_at(const trace_file_t *file, size_t n, const char **value) {
    if (n >= file->pairs.n) {
        return NULL;
    }
    const trace_pair_t *pair = (const trace_pair_t *)file->pairs.data + n;
    *value = (const char *)file->texts.data + pair->value;
    return (const char *)file->texts.data + pair->key;
}

const char *
trace_file_meta(const trace_file_t *file, const char *key) {
    const char *name, *value;
    for (size_t i = 0; (name = trace_file_meta_at(file, i, &value)) != NULL; i++) {
        if (strcmp(name, key) == 0) {
            return value;
        }
    }
    return NULL;
}
