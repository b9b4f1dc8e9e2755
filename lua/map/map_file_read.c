/* map_file_read.c -- see map_file.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
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

typedef struct {
    int fd;
    uint64_t at, size; /* of the file */
    uint8_t *payload;
    uint32_t room;
    map_content_t *out;
    const char *fault; /* what is wrong with it */
    uint64_t address;  /* the end of the last run or extent */
    bool ended;
} reader_t;

/* A payload while it is read. */
typedef struct {
    const uint8_t *at, *end;
    bool short_of; /* it ended too early */
} bytes_t;

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
            return fail(reader, "no memory for it");
        }
        reader->payload = grown;
        reader->room = size + 1;
    }
    return true;
}

/* ---- numbers ---- */

static uint64_t
number(bytes_t *bytes) {
    uint64_t value = 0;
    for (unsigned shift = 0; bytes->at < bytes->end && shift < 64; shift += 7) {
        uint8_t byte = *bytes->at++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            return value;
        }
    }
    bytes->short_of = true;
    return 0;
}

static uint8_t
byte(bytes_t *bytes) {
    if (bytes->at == bytes->end) {
        bytes->short_of = true;
        return 0;
    }
    return *bytes->at++;
}

/* In units; EXTENT_ADDRESS_END, which is out of range, if it is too large. */
static uint64_t
length(bytes_t *bytes, unsigned unit) {
    uint64_t value = number(bytes);
    return value >= EXTENT_ADDRESS_END >> unit ? EXTENT_ADDRESS_END : value << unit;
}

/* ---- records ---- */

/* Where a record lies. False if that is nowhere, or not behind the last one. */
static bool
place(reader_t *reader, bytes_t *bytes, unsigned first, uint64_t before, unsigned unit, uint64_t *start,
      uint64_t *size) {
    *start = before + ((first & MAP_FOLLOWS) != 0 ? 0 : length(bytes, unit));
    *size = length(bytes, unit);
    bool sound = !bytes->short_of && *size > 0 && *start < EXTENT_ADDRESS_END && *size < EXTENT_ADDRESS_END - *start &&
                 *start >= reader->address;
    reader->address = sound ? *start + *size : reader->address;
    return sound;
}

static bool
read_classes(reader_t *reader, bytes_t *bytes, uint32_t count) {
    extent_set_t *set = &reader->out->set;
    if (count > EXTENT_CLASSES) {
        return false;
    }
    for (set->nclasses = 0; set->nclasses < count; set->nclasses++) {
        set->class_size[set->nclasses] = number(bytes);
    }
    return !bytes->short_of;
}

static bool
read_extent(reader_t *reader, bytes_t *bytes, extent_entry_t *entry, uint64_t *lru, unsigned unit) {
    unsigned first = byte(bytes);
    if (!place(reader, bytes, first, entry->addr + entry->size, unit, &entry->addr, &entry->size)) {
        return false;
    }
    entry->state = first & MAP_STATE;
    entry->flags = first >> MAP_FLAGS_SHIFT & MAP_FLAGS;
    entry->sn += map_unzigzag(number(bytes));
    entry->arena += (uint32_t)map_unzigzag(number(bytes));
    bool used = entry->state == LUNALLOC_ACTIVE || entry->state == LUNALLOC_BUSY;
    uint64_t more = number(bytes);
    *lru += used ? 0 : map_unzigzag(more);
    entry->lru = used ? 0 : *lru;
    entry->szind = used && more >= 1 && more <= EXTENT_CLASSES ? (uint16_t)(more - 1) : EXTENT_NO_CLASS;
    bool slab = (entry->flags & EXTENT_SLAB) != 0;
    entry->nregs = slab ? (uint32_t)number(bytes) : 0;
    entry->nfree = slab ? (uint32_t)number(bytes) : 0;
    return !bytes->short_of && entry->state < EXTENT_STATES;
}

static bool
read_extents(reader_t *reader, bytes_t *bytes, uint32_t count) {
    extent_entry_t entry = {0};
    uint64_t lru = 0;
    unsigned unit = byte(bytes);
    if (unit >= 60) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!read_extent(reader, bytes, &entry, &lru, unit)) {
            return false;
        }
        if (!extent_set_add(&reader->out->set, &entry)) {
            return fail(reader, "no memory for it");
        }
    }
    return true;
}

static bool
read_runs(reader_t *reader, bytes_t *bytes, uint32_t count) {
    const extent_span_t everywhere = {0, EXTENT_ADDRESS_END};
    residency_builder_t builder = {.out = &reader->out->residency, .spans = &everywhere, .nspans = 1};
    uint64_t start, size, before = 0;
    unsigned unit = byte(bytes);
    reader->address = reader->out->residency.n == 0 ? 0 : reader->address;
    for (uint32_t i = 0; i < count && unit < 60; i++) {
        unsigned first = byte(bytes), kind = first & ~(unsigned)MAP_FOLLOWS;
        if (!place(reader, bytes, first, before, unit, &start, &size) || kind >= RESIDENCY_KINDS ||
            kind == RESIDENCY_ABSENT) {
            return false;
        }
        residency_put(&builder, start, start + size, (residency_kind_t)kind);
        before = start + size;
    }
    return builder.failed ? fail(reader, "no memory for it") : unit < 60;
}

static bool
read_end(reader_t *reader, bytes_t *bytes) {
    uint64_t extents = number(bytes), runs = number(bytes);
    reader->ended = !bytes->short_of && extents == reader->out->set.n && runs == reader->out->residency.n &&
                    reader->at == reader->size;
    return reader->ended;
}

static bool
read_header(reader_t *reader, uint32_t size) {
    if (reader->out->header != NULL || (reader->out->header = malloc(size + 1)) == NULL) {
        return false;
    }
    memcpy(reader->out->header, reader->payload, size);
    reader->out->header[size] = '\0';
    reader->out->header_size = size;
    return true;
}

static bool
read_payload(reader_t *reader, uint32_t kind, uint32_t count, uint32_t size) {
    bytes_t bytes = {.at = reader->payload, .end = reader->payload + size};
    switch (kind) {
    case MAP_HEADER:
        return read_header(reader, size);
    case MAP_CLASSES:
        return read_classes(reader, &bytes, count);
    case MAP_EXTENTS:
        return read_extents(reader, &bytes, count);
    case MAP_RUNS:
        return read_runs(reader, &bytes, count);
    case MAP_END:
        return read_end(reader, &bytes);
    default:
        return false;
    }
}

static bool
read_chunk(reader_t *reader) {
    uint8_t head[MAP_CHUNK_HEAD];
    if (!read_bytes(reader, head, sizeof(head))) {
        return false;
    }
    uint32_t kind = word(head), size = word(head + 4), count = word(head + 8);
    if (size > (kind == MAP_HEADER ? MAP_TEXT_MAX : MAP_CHUNK_MAX) || size > reader->size - reader->at) {
        return fail(reader, size > reader->size - reader->at ? "it is cut off" : "it is damaged");
    }
    if (!make_room(reader, size) || !read_bytes(reader, reader->payload, size)) {
        return false;
    }
    if ((trace_crc(head, 12) ^ trace_crc(reader->payload, size)) != word(head + 12) ||
        !read_payload(reader, kind, count, size)) {
        return fail(reader, "it is damaged");
    }
    return true;
}

static bool
read_all(reader_t *reader) {
    char magic[MAP_MAGIC_SIZE] = {0};
    if (reader->size < sizeof(magic) || !read_bytes(reader, magic, sizeof(magic)) ||
        memcmp(magic, MAP_MAGIC, sizeof(magic)) != 0) {
        return fail(reader, reader->size >= 17 && memcmp(magic, MAP_MAGIC, 17) == 0
                                ? "it is of a later version of lunalloc"
                                : "it is no saved instant");
    }
    while (!reader->ended) {
        if (!read_chunk(reader)) {
            return false;
        }
    }
    if (reader->out->header == NULL) {
        return fail(reader, "it is damaged");
    }
    return extent_set_tidy(&reader->out->set) || fail(reader, "no memory for it");
}

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
map_file_read(const char *path, map_content_t *out, char *message, size_t message_size) {
    reader_t reader = {.out = out};
    *out = (map_content_t){0};
    reader.fd = open_file(path, &reader.size, message, message_size);
    if (reader.fd < 0) {
        return errno;
    }
    bool done = read_all(&reader);
    close(reader.fd);
    free(reader.payload);
    if (!done) {
        map_content_free(out);
        snprintf(message, message_size, "'%s': %s", path, reader.fault);
    }
    return done ? 0 : EINVAL;
}
