/*
 * map_file_read.c -- see map_file.h.
 *
 * Two passes: the first one reads all chunks but those of extents, so that classes and runs are known when the second
 * one gives the extents away, in batches.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "map/map_decode.h"
#include "map/map_file.h"
#include "map/map_format.h"
#include "trace/crc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NO_MEMORY "no memory for it"
#define DAMAGED   "it is damaged"

enum {
    BATCH = 256 /* extents that are read at once: they stay in the first cache */
};

typedef struct {
    int fd;
    uint64_t at, size; /* of the file */
    uint8_t *payload;
    uint32_t room;
    map_content_t *out;
    const char *fault; /* what is wrong with it */
    uint64_t extents;  /* how many the heads of chunks tell of */
    uint64_t address;  /* the end of the last extent */
    bool ended;
} reader_t;

typedef struct {
    uint8_t bytes[MAP_CHUNK_HEAD];
    uint32_t kind, size, count;
} head_t;

/* ---- the file ---- */

static bool
fail(reader_t *reader, const char *fault) {
    reader->fault = reader->fault != NULL ? reader->fault : fault;
    return false;
}

static bool
read_bytes(reader_t *reader, void *to, size_t size) {
    char *out = to;
    if (size > reader->size - reader->at) {
        return fail(reader, "it is cut off");
    }
    while (size > 0) {
        ssize_t n = pread(reader->fd, out, size, (off_t)reader->at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return fail(reader, n == 0 ? "it is cut off" : "it cannot be read");
        }
        out += n;
        size -= (size_t)n;
        reader->at += (uint64_t)n;
    }
    return true;
}

static uint32_t
word(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Makes room for a payload; its size is checked. */
static bool
make_room(reader_t *reader, uint32_t size) {
    if (size + 1 > reader->room) {
        uint8_t *grown = realloc(reader->payload, size + 1);
        if (grown == NULL) {
            return fail(reader, NO_MEMORY);
        }
        reader->payload = grown;
        reader->room = size + 1;
    }
    return true;
}

/* ---- chunks ---- */

/* Of the chunk at reader->at; behind it is its payload. */
static bool
read_head(reader_t *reader, head_t *head) {
    if (!read_bytes(reader, head->bytes, sizeof(head->bytes))) {
        return false;
    }
    head->kind = word(head->bytes);
    head->size = word(head->bytes + 4);
    head->count = word(head->bytes + 8);
    if (head->size > reader->size - reader->at) {
        return fail(reader, "it is cut off");
    }
    return head->size <= (head->kind == MAP_HEADER ? MAP_TEXT_MAX : MAP_CHUNK_MAX) || fail(reader, DAMAGED);
}

static bool
read_payload(reader_t *reader, const head_t *head, map_bytes_t *bytes) {
    if (!make_room(reader, head->size) || !read_bytes(reader, reader->payload, head->size)) {
        return false;
    }
    *bytes = (map_bytes_t){.at = reader->payload, .end = reader->payload + head->size};
    uint32_t sum = trace_crc(head->bytes, 12) ^ trace_crc(reader->payload, head->size);
    return sum == word(head->bytes + 12) || fail(reader, DAMAGED);
}

/* ---- the first pass ---- */

static bool
take_header(reader_t *reader, uint32_t size) {
    if (reader->out->header != NULL || (reader->out->header = malloc(size + 1)) == NULL) {
        return false;
    }
    memcpy(reader->out->header, reader->payload, size);
    reader->out->header[size] = '\0';
    reader->out->header_size = size;
    return true;
}

static bool
take_end(reader_t *reader, map_bytes_t bytes) {
    uint64_t extents = map_decode_number(&bytes), runs = map_decode_number(&bytes);
    reader->ended =
        !bytes.short_of && extents == reader->extents && runs == reader->out->residency.n && reader->at == reader->size;
    return reader->ended;
}

static bool
take_payload(reader_t *reader, const head_t *head, map_bytes_t bytes) {
    bool no_memory = false;
    switch (head->kind) {
    case MAP_HEADER:
        return take_header(reader, head->size);
    case MAP_CLASSES:
        return map_decode_classes(&reader->out->set, bytes, head->count);
    case MAP_RUNS:
        return map_decode_runs(&reader->out->residency, bytes, head->count, &no_memory) ||
               fail(reader, no_memory ? NO_MEMORY : DAMAGED);
    case MAP_END:
        return take_end(reader, bytes);
    default:
        return false;
    }
}

/* Extents are counted, and skipped. */
static bool
take_chunk(reader_t *reader) {
    head_t head;
    map_bytes_t bytes;
    if (!read_head(reader, &head)) {
        return false;
    }
    if (head.kind == MAP_EXTENTS) {
        reader->extents += head.count;
        reader->at += head.size;
        return (uint64_t)head.count * MAP_RECORD_MIN < head.size || fail(reader, DAMAGED);
    }
    return read_payload(reader, &head, &bytes) && (take_payload(reader, &head, bytes) || fail(reader, DAMAGED));
}

static bool
check_magic(reader_t *reader) {
    char magic[MAP_MAGIC_SIZE] = {0};
    if (reader->size < sizeof(magic) || !read_bytes(reader, magic, sizeof(magic)) ||
        memcmp(magic, MAP_MAGIC, sizeof(magic)) != 0) {
        return fail(reader, reader->size >= 17 && memcmp(magic, MAP_MAGIC, 17) == 0
                                ? "it is of a later version of lunalloc"
                                : "it is no saved instant");
    }
    return true;
}

static bool
read_frame(reader_t *reader) {
    if (!check_magic(reader)) {
        return false;
    }
    while (!reader->ended) {
        if (!take_chunk(reader)) {
            return false;
        }
    }
    return reader->out->header != NULL || fail(reader, DAMAGED);
}

/* ---- the second pass ---- */

static bool
give_extents(reader_t *reader, const head_t *head, map_bytes_t bytes, const map_sink_t *sink) {
    extent_entry_t batch[BATCH];
    map_extents_t extents;
    size_t n;
    if (!map_extents_begin(&extents, bytes, head->count, reader->address)) {
        return fail(reader, DAMAGED);
    }
    do {
        if (!map_extents_next(&extents, batch, BATCH, &n)) {
            return fail(reader, DAMAGED);
        }
        if (!sink->take(sink->context, batch, n)) {
            return fail(reader, NO_MEMORY);
        }
    } while (n == BATCH);
    reader->address = extents.address;
    return true;
}

static bool
read_extents(reader_t *reader, const map_sink_t *sink) {
    head_t head = {.kind = MAP_HEADER};
    map_bytes_t bytes;
    reader->at = MAP_MAGIC_SIZE;
    while (head.kind != MAP_END) {
        if (!read_head(reader, &head)) {
            return false;
        }
        if (head.kind != MAP_EXTENTS) {
            reader->at += head.size;
        } else if (!read_payload(reader, &head, &bytes) || !give_extents(reader, &head, bytes, sink)) {
            return false;
        }
    }
    return true;
}

/* ---- the interface ---- */

/* A FIFO would let open() wait. */
static int
open_file(const char *path, uint64_t *size, char *message, size_t message_size) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) != 0) {
        snprintf(message, message_size, "'%s' cannot be read: %s", path, strerror(errno));
    } else if (!S_ISREG(status.st_mode)) {
        snprintf(message, message_size, "'%s' is no regular file", path);
        errno = EINVAL;
    } else {
        *size = (uint64_t)status.st_size;
        return fd;
    }
    int error = errno;
    if (fd >= 0) {
        close(fd);
    }
    errno = error;
    return -1;
}

void
map_content_free(map_content_t *content) {
    free(content->header);
    extent_set_free(&content->set);
    residency_free(&content->residency);
    content->header = NULL;
}

int
map_file_scan(const char *path, map_content_t *out, const map_sink_t *sink, char *message, size_t message_size) {
    reader_t reader = {.out = out};
    *out = (map_content_t){0};
    reader.fd = open_file(path, &reader.size, message, message_size);
    if (reader.fd < 0) {
        return errno;
    }
    bool done = read_frame(&reader);
    done = done && (sink->begin == NULL || sink->begin(sink->context, reader.extents) || fail(&reader, NO_MEMORY));
    done = done && read_extents(&reader, sink);
    close(reader.fd);
    free(reader.payload);
    if (!done) {
        map_content_free(out);
        snprintf(message, message_size, "'%s': %s", path, reader.fault);
    }
    return done ? 0 : EINVAL;
}

/* ---- into a set ---- */

static bool
reserve(void *context, uint64_t extents) {
    map_content_t *content = context;
    return extent_set_reserve(&content->set, extents);
}

static bool
add(void *context, const extent_entry_t *batch, size_t n) {
    map_content_t *content = context;
    bool done = true;
    for (size_t i = 0; i < n && done; i++) {
        done = extent_set_add(&content->set, &batch[i]);
    }
    return done;
}

int
map_file_read(const char *path, map_content_t *out, char *message, size_t message_size) {
    const map_sink_t sink = {.context = out, .begin = reserve, .take = add};
    return map_file_scan(path, out, &sink, message, message_size);
}
