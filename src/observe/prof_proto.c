/*
 * prof_proto.c -- writes a profile as a protocol buffer, pprof's profile.proto.
 *
 * Only a part of the encoding is needed. A field is a key (number << 3 | kind), and then a varint (kind 0), or a length
 * and that many bytes (kind 2): a text, a message, or the varints of a repeated field.
 *
 * Each address of a stack is a location, whose number is that address. Values are estimates of all allocations, not
 * counts of samples.
 */
#include "base/bits.h"
#include "observe/prof_format.h"
#include "observe/prof_state.h"
#include "os/clock.h"
#include "os/pages.h"
#include "os/process.h"

#include <errno.h>
#include <string.h>

/* Field numbers of the format. */
enum {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_STRING = 6,
    PROFILE_TIME_NANOS = 9,
    PROFILE_PERIOD_TYPE = 11,
    PROFILE_PERIOD = 12,
    TYPE_TYPE = 1,
    TYPE_UNIT = 2,
    SAMPLE_LOCATIONS = 1,
    SAMPLE_VALUES = 2,
    MAPPING_ID = 1,
    MAPPING_START = 2,
    MAPPING_LIMIT = 3,
    MAPPING_OFFSET = 4,
    MAPPING_FILE = 5,
    LOCATION_ID = 1,
    LOCATION_MAPPING = 2,
    LOCATION_ADDRESS = 3
};

#define VARINT_MAX 10

/* A message, or the content of a field, under construction. */
typedef struct {
    size_t len;
    uint8_t bytes[(LUNALLOC_STACK_MAX + 8) * VARINT_MAX];
} part_t;

typedef struct {
    uintptr_t start, limit;
} range_t;

/* Synchronization: role_dump: these variables. */
static part_t message, inner;
static char lines[4096 + 256];

typedef struct {
    file_t *file;
    uint64_t nstrings;
    range_t *mappings; /* room for mappings_max, in pages of its own */
    size_t nmappings, mappings_max;
    uintptr_t *seen; /* addresses whose locations are written: a hash table of 2^lg_seen entries, 0 is free */
    unsigned lg_seen;
} writer_t;

/* ---- encoding ---- */

static void
put_varint(part_t *part, uint64_t value) {
    for (; value >= 0x80; value >>= 7) {
        part->bytes[part->len++] = (uint8_t)(value | 0x80);
    }
    part->bytes[part->len++] = (uint8_t)value;
}

static void
put_field(part_t *part, unsigned number, uint64_t value) {
    put_varint(part, number << 3);
    put_varint(part, value);
}

/* Appends `inner` as a field, and empties it. */
static void
put_inner(part_t *part, unsigned number) {
    put_varint(part, number << 3 | 2);
    put_varint(part, inner.len);
    memcpy(part->bytes + part->len, inner.bytes, inner.len);
    part->len += inner.len;
    inner.len = 0;
}

static void
write_bytes(file_t *file, unsigned number, const void *bytes, size_t len) {
    part_t head = {0};
    put_varint(&head, number << 3 | 2);
    put_varint(&head, len);
    file_write(file, head.bytes, head.len);
    file_write(file, bytes, len);
}

/* Writes `message` as a field of the profile, and empties it. */
static void
write_message(file_t *file, unsigned number) {
    write_bytes(file, number, message.bytes, message.len);
    message.len = 0;
}

static void
write_field(file_t *file, unsigned number, uint64_t value) {
    put_field(&message, number, value);
    file_write(file, message.bytes, message.len);
    message.len = 0;
}

/* Writes a string and returns its number. The format wants the first string to be empty. */
static uint64_t
write_string(writer_t *w, const char *text) {
    write_bytes(w->file, PROFILE_STRING, text, strlen(text));
    return w->nstrings++;
}

static void
write_type(writer_t *w, unsigned field, const char *type, const char *unit) {
    put_field(&message, TYPE_TYPE, write_string(w, type));
    put_field(&message, TYPE_UNIT, write_string(w, unit));
    write_message(w->file, field);
}

/* ---- mappings ---- */

static uintptr_t
parse_hex(const char **at) {
    uintptr_t value = 0;
    for (;; (*at)++) {
        char c = **at;
        if (c >= '0' && c <= '9') {
            value = value << 4 | (uintptr_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value << 4 | (uintptr_t)(c - 'a' + 10);
        } else {
            return value;
        }
    }
}

/* Writes a mapping if it is executable. The line: "START-LIMIT PERMISSIONS OFFSET DEVICE INODE   PATH". */
static void
write_mapping(const char *line, void *context) {
    writer_t *w = context;
    range_t range;
    range.start = parse_hex(&line);
    line += *line == '-';
    range.limit = parse_hex(&line);
    bool executable = strlen(line) > 6 && line[3] == 'x';
    const char *path = strchr(line, '/');
    if (!executable || w->nmappings == w->mappings_max) {
        return;
    }
    line += 6;
    uintptr_t offset = parse_hex(&line);
    w->mappings[w->nmappings++] = range;
    uint64_t name = write_string(w, path == NULL ? "" : path);
    put_field(&message, MAPPING_ID, w->nmappings);
    put_field(&message, MAPPING_START, range.start);
    put_field(&message, MAPPING_LIMIT, range.limit);
    put_field(&message, MAPPING_OFFSET, offset);
    put_field(&message, MAPPING_FILE, name);
    write_message(w->file, PROFILE_MAPPING);
}

/* The number of the mapping that contains an address; 0 if none does. Mappings are in ascending order. */
static uint64_t
mapping_of(const writer_t *w, uintptr_t addr) {
    size_t low = 0, high = w->nmappings;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (w->mappings[middle].limit <= addr) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < w->nmappings && w->mappings[low].start <= addr ? low + 1 : 0;
}

/* ---- locations and samples ---- */

/* Notes an address; true the first time. The table always has room (seen_bytes). */
static bool
note_seen(writer_t *w, uintptr_t addr) {
    size_t mask = ((size_t)1 << w->lg_seen) - 1;
    size_t i = (addr * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - w->lg_seen);
    while (w->seen[i] != 0 && w->seen[i] != addr) {
        i = (i + 1) & mask;
    }
    bool first = w->seen[i] == 0;
    w->seen[i] = addr;
    return first;
}

/* The address on a stack is where a call returns to, so the call itself is one byte before it. */
static void
write_location(writer_t *w, uintptr_t ip) {
    if (note_seen(w, ip)) {
        put_field(&message, LOCATION_ID, ip);
        put_field(&message, LOCATION_MAPPING, mapping_of(w, ip - 1));
        put_field(&message, LOCATION_ADDRESS, ip - 1);
        write_message(w->file, PROFILE_LOCATION);
    }
}

static uint64_t
rounded(double value) {
    return (uint64_t)(value + 0.5);
}

/* Writes the locations of a stack that are new, and then the stack as one sample. */
static void
write_stack(writer_t *w, const prof_stack_t *stack) REQUIRES(role_dump) {
    for (uint32_t i = 0; i < stack->depth; i++) {
        write_location(w, stack->ips[i]);
    }
    for (uint32_t i = 0; i < stack->depth; i++) {
        put_varint(&inner, stack->ips[i]);
    }
    put_inner(&message, SAMPLE_LOCATIONS);
    if (options.prof_accum) {
        put_varint(&inner, rounded(stack->copy.accum.objects));
        put_varint(&inner, rounded(stack->copy.accum.size));
    }
    put_varint(&inner, rounded(stack->copy.live.objects));
    put_varint(&inner, rounded(stack->copy.live.size));
    put_inner(&message, SAMPLE_VALUES);
    write_message(w->file, PROFILE_SAMPLE);
}

/* Writes what the values of samples are: pprof shows the last type by default. */
static void
write_types(writer_t *w) {
    write_string(w, "");
    if (options.prof_accum) {
        write_type(w, PROFILE_SAMPLE_TYPE, "alloc_objects", "count");
        write_type(w, PROFILE_SAMPLE_TYPE, "alloc_space", "bytes");
    }
    write_type(w, PROFILE_SAMPLE_TYPE, "inuse_objects", "count");
    write_type(w, PROFILE_SAMPLE_TYPE, "inuse_space", "bytes");
    write_type(w, PROFILE_PERIOD_TYPE, "space", "bytes");
    write_field(w->file, PROFILE_PERIOD, UINT64_C(1) << prof_lg_sample());
    write_field(w->file, PROFILE_TIME_NANOS, clock_wall_ns());
}

/* ---- the whole ---- */

/* The size of the table of addresses: at most half full, if all addresses of all stacks differ. */
static size_t
seen_bytes(writer_t *w) REQUIRES(role_dump) {
    size_t n = 512;
    for (const prof_stack_t *stack = prof_table_stacks(); stack != NULL; stack = stack->older) {
        n += prof_format_shows(stack) ? stack->depth : 0;
    }
    w->lg_seen = lg_ceil(n * 2);
    return align_up(sizeof(uintptr_t) << w->lg_seen, pages_size());
}

#define MAPPINGS_BYTES ((size_t)1 << 20)

void
prof_write_proto(file_t *file) {
    writer_t w = {.file = file, .mappings_max = MAPPINGS_BYTES / sizeof(range_t)};
    size_t seen = seen_bytes(&w);
    w.mappings = pages_map(MAPPINGS_BYTES, pages_size());
    w.seen = pages_map(seen, pages_size());
    if (w.mappings != NULL && w.seen != NULL) {
        write_types(&w);
        process_mappings(lines, sizeof lines, write_mapping, &w);
        for (const prof_stack_t *stack = prof_table_stacks(); stack != NULL; stack = stack->older) {
            if (prof_format_shows(stack)) {
                write_stack(&w, stack);
            }
        }
    } else {
        file->error = ENOMEM;
    }
    if (w.mappings != NULL) {
        pages_unmap(w.mappings, MAPPINGS_BYTES);
    }
    if (w.seen != NULL) {
        pages_unmap(w.seen, seen);
    }
}
