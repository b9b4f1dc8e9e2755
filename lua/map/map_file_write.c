/* map_file_write.c -- see map_file.h. */
#include "map/map_file.h"
#include "map/map_format.h"
#include "trace/crc.h"
#include "trace/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECORD_MAX = 96 /* bytes of an extent at most: eight numbers */
};

typedef struct {
    output_t out;
    map_chunk_kind_t kind;
    uint32_t count;
    size_t size;
    uint8_t payload[MAP_CHUNK_MAX];
} writer_t;

/* ---- chunks ---- */

static void
put_word(uint8_t *to, uint32_t word) {
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(word >> 8 * i);
    }
}

static bool
write_chunk(output_t *out, map_chunk_kind_t kind, uint32_t count, const void *payload, size_t size) {
    uint8_t head[MAP_CHUNK_HEAD];
    put_word(head, kind);
    put_word(head + 4, (uint32_t)size);
    put_word(head + 8, count);
    put_word(head + 12, trace_crc(head, 12) ^ trace_crc(payload, size));
    return output_write(out, head, sizeof(head)) && output_write(out, payload, size);
}

/* Writes what has been put. */
static bool
flush(writer_t *writer) {
    bool done =
        writer->count == 0 || write_chunk(&writer->out, writer->kind, writer->count, writer->payload, writer->size);
    writer->count = 0;
    writer->size = 0;
    return done;
}

static void
put_number(writer_t *writer, uint64_t number) {
    while (number >= 128) {
        writer->payload[writer->size++] = (uint8_t)(number | 128);
        number >>= 7;
    }
    writer->payload[writer->size++] = (uint8_t)number;
}

/* ---- records ---- */

/* Log2 of the unit in which all addresses and sizes are whole. */
static unsigned
unit_of(uint64_t bits) {
    return bits == 0 ? 0 : (unsigned)__builtin_ctzll(bits);
}

static bool
write_classes(writer_t *writer, const extent_set_t *set) {
    writer->kind = MAP_CLASSES;
    for (uint32_t i = 0; i < set->nclasses; i++) {
        put_number(writer, set->class_size[i]);
        writer->count++;
    }
    return flush(writer);
}

/* The first byte, and where it lies. */
static void
put_place(writer_t *writer, unsigned first, uint64_t start, uint64_t before, uint64_t size, unsigned unit) {
    bool follows = start == before;
    writer->payload[writer->size++] = (uint8_t)(first | (follows ? MAP_FOLLOWS : 0));
    if (!follows) {
        put_number(writer, (start - before) >> unit);
    }
    put_number(writer, size >> unit);
}

static void
put_extent(writer_t *writer, const extent_entry_t *entry, const extent_entry_t *last, uint64_t lru, unsigned unit) {
    bool used = entry->state == LUNALLOC_ACTIVE || entry->state == LUNALLOC_BUSY;
    uint64_t discarded = extent_discarded(entry) >> MAP_LG_DISCARDED;
    unsigned state = discarded != 0 ? MAP_STATE_DISCARDED : entry->state;
    put_place(writer, state | (unsigned)entry->flags << MAP_FLAGS_SHIFT, entry->addr, last->addr + last->size,
              entry->size, unit);
    put_number(writer, map_zigzag(entry->sn - last->sn));
    put_number(writer, map_zigzag((uint64_t)entry->arena - last->arena));
    put_number(writer, used ? (uint64_t)(uint16_t)(entry->szind + 1) : map_zigzag(entry->lru - lru));
    if ((entry->flags & EXTENT_SLAB) != 0) {
        put_number(writer, entry->nregs);
        put_number(writer, entry->nfree);
    }
    if (discarded != 0) {
        put_number(writer, discarded);
    }
    writer->count++;
}

static bool
write_extents(writer_t *writer, const extent_set_t *set) {
    uint64_t bits = 0;
    bool done = true;
    for (size_t i = 0; i < set->n; i++) {
        bits |= set->all[i].addr | set->all[i].size;
    }
    unsigned unit = unit_of(bits);
    extent_entry_t last = {0};
    uint64_t lru = 0;
    writer->kind = MAP_EXTENTS;
    for (size_t i = 0; i < set->n && done; i++) {
        if (writer->count == 0) {
            last = (extent_entry_t){0};
            lru = 0;
            writer->payload[writer->size++] = (uint8_t)unit;
        }
        put_extent(writer, &set->all[i], &last, lru, unit);
        last = set->all[i];
        lru = last.state == LUNALLOC_ACTIVE || last.state == LUNALLOC_BUSY ? lru : last.lru;
        done = writer->size + RECORD_MAX <= sizeof(writer->payload) || flush(writer);
    }
    return done && flush(writer);
}

static bool
write_runs(writer_t *writer, const residency_t *residency) {
    uint64_t bits = 0, before = 0;
    bool done = true;
    for (size_t i = 0; i < residency->n; i++) {
        bits |= residency->all[i].start | residency->all[i].end;
    }
    unsigned unit = unit_of(bits);
    writer->kind = MAP_RUNS;
    for (size_t i = 0; i < residency->n && done; i++) {
        const residency_run_t *run = &residency->all[i];
        if (writer->count == 0) {
            before = 0;
            writer->payload[writer->size++] = (uint8_t)unit;
        }
        put_place(writer, run->kind, run->start, before, run->end - run->start, unit);
        writer->count++;
        before = run->end;
        done = writer->size + RECORD_MAX <= sizeof(writer->payload) || flush(writer);
    }
    return done && flush(writer);
}

static bool
write_end(writer_t *writer, const extent_set_t *set, const residency_t *residency) {
    writer->kind = MAP_END;
    put_number(writer, set->n);
    put_number(writer, residency->n);
    writer->count = 2;
    return flush(writer);
}

int
map_file_write(const char *path, const char *header, size_t header_size, const extent_set_t *set,
               const residency_t *residency, char *message, size_t message_size) {
    writer_t *writer = header_size > MAP_TEXT_MAX ? NULL : malloc(sizeof(*writer));
    if (writer == NULL) {
        snprintf(message, message_size, "no memory to write an instant");
        return ENOMEM;
    }
    writer->count = 0;
    writer->size = 0;
    int error = output_begin(&writer->out, path, message, message_size);
    if (error == 0) {
        bool done = output_write(&writer->out, MAP_MAGIC, MAP_MAGIC_SIZE) &&
                    write_chunk(&writer->out, MAP_HEADER, 1, header, header_size) && write_classes(writer, set) &&
                    write_extents(writer, set) && write_runs(writer, residency) && write_end(writer, set, residency);
        error = done ? 0 : writer->out.error;
        if (error != 0) {
            output_abandon(&writer->out);
        } else {
            error = output_end(&writer->out);
        }
        if (error != 0) {
            snprintf(message, message_size, "'%s' cannot be written: %s", path, strerror(error));
        }
    }
    free(writer);
    return error;
}
