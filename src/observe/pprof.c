/* pprof.c -- see pprof.h. */
#include "observe/pprof.h"

#include <string.h>

/* Field numbers of the format. */
enum {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
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
    LOCATION_ADDRESS = 3,
    LOCATION_LINE = 4,
    LINE_FUNCTION = 1,
    LINE_LINE = 2,
    FUNCTION_ID = 1,
    FUNCTION_NAME = 2,
    FUNCTION_FILE = 4
};

/* ---- encoding ---- */

static size_t
encode_varint(uint8_t *to, uint64_t value) {
    size_t len = 0;
    for (; value >= 0x80; value >>= 7) {
        to[len++] = (uint8_t)(value | 0x80);
    }
    to[len++] = (uint8_t)value;
    return len;
}

static void
add_varint(pprof_part_t *part, uint64_t value) {
    part->len += encode_varint(part->bytes + part->len, value);
}

/* Appends a number to the message. */
static void
add_field(pprof_t *p, unsigned number, uint64_t value) {
    add_varint(&p->message, number << 3);
    add_varint(&p->message, value);
}

/* Appends `inner` to the message as a field, and empties it. */
static void
add_inner(pprof_t *p, unsigned number) {
    add_varint(&p->message, number << 3 | 2);
    add_varint(&p->message, p->inner.len);
    memcpy(p->message.bytes + p->message.len, p->inner.bytes, p->inner.len);
    p->message.len += p->inner.len;
    p->inner.len = 0;
}

static void
write_bytes(pprof_t *p, unsigned number, const void *bytes, size_t len) {
    uint8_t head[2 * PPROF_VARINT_MAX];
    size_t n = encode_varint(head, number << 3 | 2);
    n += encode_varint(head + n, len);
    p->put(p->context, head, n);
    p->put(p->context, bytes, len);
}

/* Writes the message as a field of the profile, and empties it. */
static void
write_message(pprof_t *p, unsigned number) {
    write_bytes(p, number, p->message.bytes, p->message.len);
    p->message.len = 0;
}

static void
write_field(pprof_t *p, unsigned number, uint64_t value) {
    add_field(p, number, value);
    p->put(p->context, p->message.bytes, p->message.len);
    p->message.len = 0;
}

/* Writes a string and returns its number. The format wants the first string to be empty. */
static uint64_t
write_text(pprof_t *p, const char *text, size_t len) {
    write_bytes(p, PROFILE_STRING, text, len);
    return p->nstrings++;
}

static uint64_t
write_string(pprof_t *p, const char *text) {
    return write_text(p, text, strlen(text));
}

static void
write_type(pprof_t *p, unsigned field, const char *type, const char *unit) {
    add_field(p, TYPE_TYPE, write_string(p, type));
    add_field(p, TYPE_UNIT, write_string(p, unit));
    write_message(p, field);
}

void
pprof_begin(pprof_t *p, bool accum, uint64_t period, uint64_t time) {
    write_string(p, "");
    if (accum) {
        write_type(p, PROFILE_SAMPLE_TYPE, "alloc_objects", "count");
        write_type(p, PROFILE_SAMPLE_TYPE, "alloc_space", "bytes");
    }
    write_type(p, PROFILE_SAMPLE_TYPE, "inuse_objects", "count");
    write_type(p, PROFILE_SAMPLE_TYPE, "inuse_space", "bytes");
    write_type(p, PROFILE_PERIOD_TYPE, "space", "bytes");
    write_field(p, PROFILE_PERIOD, period);
    write_field(p, PROFILE_TIME_NANOS, time);
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

void
pprof_mapping(pprof_t *p, const char *line) {
    pprof_range_t range;
    range.start = parse_hex(&line);
    line += *line == '-';
    range.limit = parse_hex(&line);
    bool executable = strlen(line) > 6 && line[3] == 'x';
    const char *path = strchr(line, '/');
    if (!executable || p->nmappings == p->mappings_max) {
        return;
    }
    line += 6;
    uintptr_t offset = parse_hex(&line);
    p->mappings[p->nmappings++] = range;
    uint64_t name = write_string(p, path == NULL ? "" : path);
    add_field(p, MAPPING_ID, p->nmappings);
    add_field(p, MAPPING_START, range.start);
    add_field(p, MAPPING_LIMIT, range.limit);
    add_field(p, MAPPING_OFFSET, offset);
    add_field(p, MAPPING_FILE, name);
    write_message(p, PROFILE_MAPPING);
}

/* The number of the mapping that contains an address; 0 if none does. */
static uint64_t
mapping_of(const pprof_t *p, uintptr_t addr) {
    size_t low = 0, high = p->nmappings;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (p->mappings[middle].limit <= addr) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < p->nmappings && p->mappings[low].start <= addr ? low + 1 : 0;
}

/* ---- locations and samples ---- */

/* Notes an address; true the first time. The table always has room. */
static bool
note_seen(pprof_t *p, uintptr_t addr) {
    size_t mask = ((size_t)1 << p->lg_seen) - 1;
    size_t i = (addr * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - p->lg_seen);
    while (p->seen[i] != 0 && p->seen[i] != addr) {
        i = (i + 1) & mask;
    }
    bool first = p->seen[i] == 0;
    p->seen[i] = addr;
    return first;
}

/* "name (file:line)", whose parts may be missing. */
typedef struct {
    size_t name_len;
    const char *file;
    size_t file_len;
    uint64_t line;
} parts_t;

static parts_t
parts_of(const char *name) {
    size_t len = strlen(name);
    parts_t parts = {.name_len = len, .file = "", .file_len = 0};
    size_t colon = len;
    uint64_t line = 0, place = 1;
    if (len < 5 || name[len - 1] != ')') {
        return parts;
    }
    for (colon = len - 2; colon > 0 && name[colon] >= '0' && name[colon] <= '9'; colon--, place *= 10) {
        line += (uint64_t)(name[colon] - '0') * place;
    }
    size_t open = colon;
    while (open > 0 && (name[open] != '(' || name[open - 1] != ' ')) {
        open--;
    }
    if (name[colon] == ':' && open > 1) {
        parts = (parts_t){.name_len = open - 1, .file = name + open + 1, .file_len = colon - open - 1, .line = line};
    }
    return parts;
}

/* Writes the function of a location with a name. Returns its line. */
static uint64_t
write_function(pprof_t *p, uintptr_t ip, const char *name) {
    parts_t parts = parts_of(name);
    uint64_t name_string = write_text(p, name, parts.name_len);
    uint64_t file_string = write_text(p, parts.file, parts.file_len);
    add_field(p, FUNCTION_ID, ip);
    add_field(p, FUNCTION_NAME, name_string);
    add_field(p, FUNCTION_FILE, file_string);
    write_message(p, PROFILE_FUNCTION);
    return parts.line;
}

/* Appends the line of a location whose function is written. */
static void
add_line(pprof_t *p, uintptr_t ip, uint64_t line) {
    add_varint(&p->inner, LINE_FUNCTION << 3);
    add_varint(&p->inner, ip);
    add_varint(&p->inner, LINE_LINE << 3);
    add_varint(&p->inner, line);
    add_inner(p, LOCATION_LINE);
}

/* The address on a stack is where a call returns to, so the call itself is one byte before it. */
static void
write_location(pprof_t *p, uintptr_t ip) {
    if (note_seen(p, ip)) {
        const char *name = p->name_of != NULL ? p->name_of(p->context, ip) : NULL;
        uint64_t line = name != NULL ? write_function(p, ip, name) : 0;
        add_field(p, LOCATION_ID, ip);
        add_field(p, LOCATION_MAPPING, mapping_of(p, ip - 1));
        add_field(p, LOCATION_ADDRESS, ip - 1);
        if (name != NULL) {
            add_line(p, ip, line);
        }
        write_message(p, PROFILE_LOCATION);
    }
}

void
pprof_stack(pprof_t *p, const uintptr_t *ips, size_t depth, const uint64_t *values, size_t nvalues) {
    for (size_t i = 0; i < depth; i++) {
        write_location(p, ips[i]);
    }
    for (size_t i = 0; i < depth; i++) {
        add_varint(&p->inner, ips[i]);
    }
    add_inner(p, SAMPLE_LOCATIONS);
    for (size_t i = 0; i < nvalues; i++) {
        add_varint(&p->inner, values[i]);
    }
    add_inner(p, SAMPLE_VALUES);
    write_message(p, PROFILE_SAMPLE);
}
